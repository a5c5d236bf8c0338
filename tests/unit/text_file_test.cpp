// SPDX-License-Identifier: MIT
#include "store/text_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "store/faults.h"
#include "store/text_format.h"
#include "support/account_lookup.h"
#include "support/temporary_directory.h"
#include "support/vectors.h"

namespace ntlm::store {
namespace {

using protocol::Account;
using protocol::AccountName;
using test::found;
using test::TemporaryDirectory;

const std::string kHash = "A4F49C406510BDCAB6824EE7C30FD852";    // [MS-NLMP] 4.2.2.1.2, "Password"
const std::string kLmHash = "E52CAC67419A9A224A3B108F3FA6CB6D";  // 4.2.2.1.1
const std::string kNone = "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX";
const std::string kNoPassword = "NO PASSWORDXXXXXXXXXXXXXXXXXXXXX";

std::string nt_hash(const Account& account) { return test::to_hex(account.nt_hash.expose()); }
std::string hash_of(std::string_view password) {
  return test::to_hex(crypto::ntowf_v1(utf16le_from_password(password).value()).expose());
}

// "[domain][user]", "comment", or why the line is refused.
std::string parsed(std::string_view line) {
  const auto entry = parse_text_line(line);
  if (!entry) {
    return entry.error();
  }
  return *entry ? "[" + (*entry)->account.name.domain + "][" + (*entry)->account.name.user + "]"
                : "comment";
}

bool refused(std::string_view line) { return !parse_text_line(line).has_value(); }

Account account(std::string_view line) {
  auto entry = parse_text_line(line);
  return entry && *entry ? std::move((*entry)->account) : Account();
}

std::string smbpasswd(const std::string& user, const std::string& flags = "[U          ]",
                      const std::string& nt = kHash, const std::string& lm = kNone) {
  return user + ":1000:" + lm + ":" + nt + ":" + flags + ":LCT-5F000000:";
}

TEST(TextLine, PlainForm) {
  EXPECT_EQ(parsed("DOM:user:Password"), "[DOM][user]");
  EXPECT_EQ(nt_hash(account("DOM:user:Password")), "a4f49c406510bdcab6824ee7c30fd852");
  EXPECT_EQ(parsed(":user:Password"), "[][user]");
  EXPECT_EQ(parsed("DOM:user:"), "[DOM][user]");
  EXPECT_EQ(nt_hash(account("DOM:user:")), "31d6cfe0d16ae931b73c59d7e0c089c0");
  EXPECT_EQ(nt_hash(account("DOM:user:Password\r")), "a4f49c406510bdcab6824ee7c30fd852");
}

TEST(TextLine, PasswordIsTheRestOfTheLine) {
  EXPECT_EQ(nt_hash(account("DOM:user:pa:ss")), hash_of("pa:ss"));
  EXPECT_EQ(nt_hash(account("DOM:user:a:b:c:d:e:f")), hash_of("a:b:c:d:e:f"));
  EXPECT_EQ(nt_hash(account("DOM:user: # blank ")), hash_of(" # blank "));
  EXPECT_EQ(nt_hash(account("DOM:12345:pass")), hash_of("pass"));
}

TEST(TextLine, Comments) {
  for (const char* line : {"", "\r", "   ", "# DOM:user:Password", "#"}) {
    EXPECT_EQ(parsed(line), "comment") << line;
  }
}

TEST(TextLine, Smbpasswd) {
  EXPECT_EQ(parsed(smbpasswd("user")), "[][user]");
  EXPECT_EQ(nt_hash(account(smbpasswd("user"))), "a4f49c406510bdcab6824ee7c30fd852");
  EXPECT_EQ(parsed(smbpasswd("DOM\\user")), "[DOM][user]");
  EXPECT_FALSE(account(smbpasswd("user")).lm_hash);
  const Account with_lm = account(smbpasswd("user", "[U          ]", kHash, kLmHash));
  ASSERT_TRUE(with_lm.lm_hash);
  EXPECT_EQ(test::to_hex(with_lm.lm_hash->expose()), "e52cac67419a9a224a3b108f3fa6cb6d");
  EXPECT_EQ(parsed("user:1000:" + kNone + ":" + kHash + ":Full Name:/home:/bin/sh"), "[][user]");
  EXPECT_EQ(parsed("user:1000:" + kNone + ":" + kHash), "[][user]");
}

TEST(TextLine, SmbpasswdFlags) {
  EXPECT_TRUE(account(smbpasswd("user", "[DU         ]")).disabled);
  EXPECT_TRUE(account(smbpasswd("user", "[UL         ]")).locked);
  EXPECT_TRUE(account(smbpasswd("host$", "[W          ]")).trust_account);
  EXPECT_TRUE(account(smbpasswd("host$", "[S          ]")).trust_account);
  const Account domain = account(smbpasswd("DOM$", "[I          ]"));
  EXPECT_TRUE(domain.trust_account);
  EXPECT_FALSE(domain.has_hash);  // of a trust between domains: nobody logs in with it
  EXPECT_FALSE(account(smbpasswd("user", "[NU         ]")).has_hash);
  const Account plain = account(smbpasswd("user", "[UX         ]"));
  EXPECT_TRUE(plain.has_hash);
  EXPECT_FALSE(plain.disabled || plain.locked || plain.trust_account);
  EXPECT_TRUE(refused(smbpasswd("user", "[UQ         ]")));
  EXPECT_TRUE(refused(smbpasswd("user", "[U          ")));
}

TEST(TextLine, NoPasswordIsNeverAHash) {
  EXPECT_FALSE(account(smbpasswd("user", "[U          ]", kNone)).has_hash);
  EXPECT_FALSE(account(smbpasswd("user", "[U          ]", kNoPassword)).has_hash);
  EXPECT_FALSE(account(smbpasswd("user", "[U          ]", std::string(32, '*'))).has_hash);
}

// A slip in a line of smbpasswd must not turn the uid into a user and the hash into a password.
TEST(TextLine, SlipInSmbpasswd) {
  EXPECT_TRUE(refused(smbpasswd("user", "[U          ]", kHash.substr(1))));
  EXPECT_TRUE(refused(smbpasswd("user", "[U          ]", kHash + "0")));
  EXPECT_TRUE(refused(smbpasswd("user", "[U          ]", kHash.substr(1) + "G")));
  EXPECT_TRUE(refused(smbpasswd("user", "[U          ]", "")));
  EXPECT_TRUE(refused(smbpasswd("user", "[U          ]", kHash, kLmHash.substr(1))));
  EXPECT_TRUE(refused(smbpasswd("user", "[U          ]", kHash, "")));
  EXPECT_TRUE(refused(smbpasswd("")));
  EXPECT_TRUE(refused(smbpasswd("DOM\\")));
  EXPECT_TRUE(refused("user:uid:" + kNone + ":" + kHash.substr(1) + ":[U          ]:"));
  EXPECT_TRUE(refused("user::" + kNone.substr(1) + ":" + kHash + ":[U          ]:"));
  EXPECT_TRUE(refused("user:1000:pass:word"));
}

TEST(TextLine, WrongShapes) {
  EXPECT_TRUE(refused("user"));
  EXPECT_TRUE(refused("user:password"));
  EXPECT_TRUE(refused("DOM::password"));
  EXPECT_TRUE(refused("::"));
  EXPECT_TRUE(refused("DOM:us\xff:password"));
  EXPECT_TRUE(refused("DOM:user:p\xff"));
  EXPECT_TRUE(refused(std::string(256, 'd') + ":user:password"));
}

TEST(TextLine, ControlCharacters) {
  EXPECT_TRUE(refused(std::string_view("DOM:user:pass\0word", 18)));
  EXPECT_TRUE(refused(std::string_view("DOM:user\0:pass", 14)));
  EXPECT_TRUE(refused("DOM:user:pass\rEVIL:evil:pass"));
  EXPECT_TRUE(refused("DOM:us\x1b[2J:pass"));
}

TEST(TextLine, LengthLimit) {
  const std::string head = "DOM:user:";
  EXPECT_FALSE(refused(head + std::string(1024 - head.size(), 'x')));
  EXPECT_TRUE(refused(head + std::string(1025 - head.size(), 'x')));
}

// security.md S10: a reader of 1024-byte buffers would take the tail for a line of its own.
TEST(ScanText, TailOfAnOverlongLine) {
  const std::string evil = "EVIL:evil:" + kHash;
  std::string content = "DOM:user:" + std::string(1024 - 9, 'x') + evil + "\nDOM:other:pass\n";
  std::vector<std::string> users;
  std::vector<std::size_t> faults;
  scan_text(
      content, [&](TextEntry&& entry, std::size_t) { users.push_back(entry.account.name.user); },
      [&](std::size_t line, const char*) { faults.push_back(line); });
  EXPECT_EQ(users, std::vector<std::string>{"other"});
  EXPECT_EQ(faults, std::vector<std::size_t>{1});
}

TEST(ScanText, LineNumbersCrLfMarkAndNoEndOfLine) {
  std::vector<std::string> found;
  scan_text(
      "\xef\xbb\xbf"
      "A:a:1\r\n\r\n#\nB:b:2",
      [&](TextEntry&& entry, std::size_t line) {
        found.push_back(entry.account.name.domain + std::to_string(line) + nt_hash(entry.account));
      },
      [&](std::size_t, const char* why) { ADD_FAILURE() << why; });
  EXPECT_EQ(found, (std::vector<std::string>{"A1" + hash_of("1"), "B4" + hash_of("2")}));
}

class TextFileTest : public ::testing::Test {
 protected:
  void write(std::string_view content, mode_t mode = 0600) {
    directory_.write("users", content, mode);
  }
  std::string path() const { return directory_.path("users"); }

  TemporaryDirectory directory_;
};

TEST_F(TextFileTest, LookUpOrder) {
  write("DOM:both:1\n:both:2\nHOME:ours:3\nDOM:ours:4\n:alone:5\nFAR:only:6\nA:two:7\nB:two:8\n");
  const TextFile file(path());
  EXPECT_EQ(found(file, {"both", "DOM"}), "both@DOM");
  EXPECT_EQ(found(file, {"BOTH", "dom"}), "both@DOM");
  EXPECT_EQ(found(file, {"both", "OTHER"}), "both@");
  EXPECT_EQ(found(file, {"both", ""}), "both@");
  EXPECT_EQ(found(file, {"ours", ""}), "ours@HOME");
  EXPECT_EQ(found(file, {"ours", "DOM"}), "ours@DOM");
  EXPECT_EQ(found(file, {"ours", "OTHER"}), "unknown");
  EXPECT_EQ(found(file, {"alone", "EVIL"}), "alone@");
  EXPECT_EQ(found(file, {"only", ""}), "only@FAR");
  EXPECT_EQ(found(file, {"only", "EVIL"}), "unknown");
  EXPECT_EQ(found(file, {"two", ""}), "unknown");
  EXPECT_EQ(found(file, {"nobody", "DOM"}), "unknown");
  EXPECT_EQ(found(file, {"", ""}), "unknown");
  EXPECT_EQ(found(file, {"only", ""}, ""), "only@FAR");
}

// security.md F11: i and I under a Turkish locale, and the table's one-to-one mappings.
TEST_F(TextFileTest, CaseFoldingByTheFixedTable) {
  ASSERT_NE(::setlocale(LC_ALL, "C"), nullptr);
  ::setlocale(LC_ALL, "tr_TR.UTF-8");
  write(
      "DOM:Titi:1\nDOM:stra\xc3\x9f"
      "e:2\nDOM:\xc3\xbc"
      "ber:3\n");
  const TextFile file(path());
  EXPECT_EQ(found(file, {"TITI", "DOM"}), "Titi@DOM");
  EXPECT_EQ(found(file, {"titi", "DOM"}), "Titi@DOM");
  EXPECT_EQ(found(file, {"t\xc4\xb1t\xc4\xb1", "DOM"}), "unknown");
  EXPECT_EQ(found(file, {"STRASSE", "DOM"}), "unknown");
  EXPECT_EQ(found(file, {"\xc3\x9c"
                         "BER",
                         "DOM"}),
            "\xc3\xbc"
            "ber@DOM");
  ::setlocale(LC_ALL, "C");
}

TEST_F(TextFileTest, FirstOfTwoEntriesCounts) {
  write("DOM:user:first\ndom:USER:second\nFAR:user:third\n");
  const TextFile file(path());
  EXPECT_EQ(nt_hash(*file.find({"user", "DOM"}, "")), hash_of("first"));
  EXPECT_EQ(nt_hash(*file.find({"user", "FAR"}, "")), hash_of("third"));
  EXPECT_NE(last_store_fault().find("users:2: the account is in the file already"),
            std::string::npos);
}

TEST_F(TextFileTest, BadLineIsNamedAndTheOthersCount) {
  write("DOM:user:right\nnonsense\nDOM:last:right\n");
  const TextFile file(path());
  EXPECT_EQ(found(file, {"last", "DOM"}), "last@DOM");
  EXPECT_NE(last_store_fault().find("users:2: neither"), std::string::npos);
  EXPECT_EQ(last_store_fault().find("nonsense"), std::string::npos);
}

// security.md F08
TEST_F(TextFileTest, FileThatCannotBeRead) {
  const TextFile file(path());
  EXPECT_EQ(found(file, {"user", "DOM"}), "unreadable");
  EXPECT_NE(last_store_fault().find(path()), std::string::npos);
  const TextFile directory(directory_.path());
  EXPECT_EQ(found(directory, {"user", "DOM"}), "unreadable");
  write("DOM:user:Password\n", 0644);
  EXPECT_EQ(found(file, {"user", "DOM"}), "unreadable");
  EXPECT_NE(last_store_fault().find("0644"), std::string::npos);
  write("DOM:user:Password\n");
  EXPECT_EQ(found(file, {"user", "DOM"}), "user@DOM");
}

TEST_F(TextFileTest, ChangedFileIsReadAgain) {
  write("DOM:user:one\n");
  const TextFile file(path());
  EXPECT_EQ(nt_hash(*file.find({"user", "DOM"}, "")), hash_of("one"));
  write("DOM:user:two\n");  // as long as before, and perhaps in the same tick of the clock
  EXPECT_EQ(nt_hash(*file.find({"user", "DOM"}, "")), hash_of("two"));
  directory_.write("new", "DOM:user:six\n");
  ASSERT_EQ(::rename(directory_.path("new").c_str(), path().c_str()), 0);
  EXPECT_EQ(nt_hash(*file.find({"user", "DOM"}, "")), hash_of("six"));
  write("DOM:other:one\n");
  EXPECT_EQ(found(file, {"user", "DOM"}), "unknown");
  ASSERT_EQ(::unlink(path().c_str()), 0);
  EXPECT_EQ(found(file, {"other", "DOM"}), "unreadable");
}

TEST_F(TextFileTest, FileMadeReadableByOthersLater) {
  write("DOM:user:one\n");
  const TextFile file(path());
  EXPECT_EQ(found(file, {"user", "DOM"}), "user@DOM");
  ASSERT_EQ(::chmod(path().c_str(), 0666), 0);
  EXPECT_EQ(found(file, {"user", "DOM"}), "unreadable");
}

// Look-ups run while the file is replaced: each must see one whole state, in which both users have
// the same password.
TEST_F(TextFileTest, LookUpsWhileTheFileChanges) {
  const auto content = [](int n) {
    const std::string password = ":pass" + std::to_string(n) + "\n";
    return "DOM:a" + password + "DOM:b" + password;
  };
  write(content(0));
  const TextFile file(path());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, seen{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      std::string before;
      while (!stop) {
        const auto a = file.find({"a", "DOM"}, "");
        const auto c = file.find({"c", "DOM"}, "");
        wrong += !a || !a->known || !c || c->known;
        seen += a && nt_hash(*a) != before;
        before = a ? nt_hash(*a) : "";
      }
    });
  }
  const auto wait_for_seen = [&seen](int number) {
    for (int i = 0; i < 10'000 && seen < number; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  };
  wait_for_seen(4);  // each the first content
  for (int n = 1; n <= 100; ++n) {
    directory_.write("new", content(n));
    ASSERT_EQ(::rename(directory_.path("new").c_str(), path().c_str()), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  wait_for_seen(5);
  stop = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(seen, 4);
  EXPECT_EQ(nt_hash(*file.find({"a", "DOM"}, "")), hash_of("pass100"));
}

TEST_F(TextFileTest, ForkedChildReadsAChangeToo) {
  write("DOM:user:one\n");
  const TextFile file(path());
  ASSERT_TRUE(file.find({"user", "DOM"}, ""));
  const pid_t child = ::fork();
  if (child == 0) {
    directory_.write("users", "DOM:user:second\n");
    const auto account = file.find({"user", "DOM"}, "");
    ::_exit(account && nt_hash(*account) == hash_of("second") ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(nt_hash(*file.find({"user", "DOM"}, "")), hash_of("second"));
}

}  // namespace
}  // namespace ntlm::store
