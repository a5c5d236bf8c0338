// SPDX-License-Identifier: MIT
#include "store/database.h"

#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "store/database_writer.h"
#include "store/faults.h"
#include "support/account_lookup.h"
#include "support/temporary_directory.h"
#include "support/vectors.h"

namespace ntlm::store {
namespace {

using protocol::Account;
using protocol::AccountName;
using protocol::Attributes;
using test::found;
using test::TemporaryDirectory;

crypto::NtHash hash_of(std::string_view password) {
  return crypto::ntowf_v1(utf16le_from_password(password).value());
}
std::string hex(const crypto::NtHash& hash) { return test::to_hex(hash.expose()); }

StoredAccount account(AccountName name, std::string_view password) {
  StoredAccount stored;
  stored.account.name = std::move(name);
  stored.account.nt_hash = hash_of(password);
  stored.created = 1'700'000'000;
  return stored;
}

class DatabaseTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_.path("accounts"); }

  DatabaseEdit edit() { return std::move(DatabaseEdit::begin(path()).value()); }
  void put(AccountName name, std::string_view password) {
    DatabaseEdit change = edit();
    ASSERT_TRUE(change.put(account(std::move(name), password)));
    ASSERT_TRUE(change.commit());
  }
  TemporaryDirectory directory_;
};

TEST_F(DatabaseTest, LookUpOrder) {
  DatabaseEdit change = edit();
  for (const AccountName& name : {AccountName{"both", "DOM"},
                                  {"both", ""},
                                  {"ours", "HOME"},
                                  {"ours", "DOM"},
                                  {"alone", ""},
                                  {"only", "FAR"},
                                  {"two", "A"},
                                  {"two", "B"},
                                  {"twofold", "A"}}) {
    ASSERT_TRUE(change.put(account(name, "x")));
  }
  ASSERT_TRUE(change.commit());
  const Database database(path());
  EXPECT_EQ(found(database, {"both", "DOM"}), "both@DOM");
  EXPECT_EQ(found(database, {"BOTH", "dom"}), "both@DOM");
  EXPECT_EQ(found(database, {"both", "OTHER"}), "both@");
  EXPECT_EQ(found(database, {"both", ""}), "both@");
  EXPECT_EQ(found(database, {"ours", ""}), "ours@HOME");
  EXPECT_EQ(found(database, {"ours", "DOM"}), "ours@DOM");
  EXPECT_EQ(found(database, {"ours", "OTHER"}), "unknown");
  EXPECT_EQ(found(database, {"alone", "EVIL"}), "alone@");
  EXPECT_EQ(found(database, {"only", ""}), "only@FAR");
  EXPECT_EQ(found(database, {"only", ""}, ""), "only@FAR");
  EXPECT_EQ(found(database, {"only", "EVIL"}), "unknown");
  EXPECT_EQ(found(database, {"two", ""}), "unknown");
  EXPECT_EQ(found(database, {"twofold", ""}), "twofold@A");
  EXPECT_EQ(found(database, {"nobody", "DOM"}), "unknown");
  EXPECT_EQ(found(database, {"zzz", ""}), "unknown");
  EXPECT_EQ(found(database, {"", ""}), "unknown");
  EXPECT_EQ(found(database, {"", "gss-ntlm"}), "unknown");
  EXPECT_EQ(found(database, {std::string("two\0A", 5), ""}), "unknown");
}

TEST_F(DatabaseTest, RecordKeepsEverything) {
  StoredAccount stored = account({"Jos\xc3\xa9", "Dom"}, "secret");
  stored.password_set = 1'800'000'000;
  stored.account.lm_hash = crypto::LmHash(std::span<const std::uint8_t>(Bytes(16, 7)).first<16>());
  stored.account.disabled = stored.account.trust_account = true;
  stored.account.attributes = std::make_shared<const Attributes>(Attributes{
      {"urn:gss-ntlm:group", "one"}, {"urn:gss-ntlm:group", ""}, {"x", std::string(9000, 'y')}});
  DatabaseEdit change = edit();
  ASSERT_TRUE(change.put(stored));
  ASSERT_TRUE(change.put(account({"other", ""}, "x")));
  ASSERT_TRUE(change.commit());

  const auto file = DatabaseFile::open(path());
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->accounts(), 2u);
  const auto back = (*file)->get({"JOS\xc3\x89", "DOM"});
  ASSERT_TRUE(back);
  EXPECT_EQ(back->account.name.user, "Jos\xc3\xa9");
  EXPECT_EQ(back->account.name.domain, "Dom");
  EXPECT_EQ(back->created, stored.created);
  EXPECT_EQ(back->password_set, stored.password_set);
  EXPECT_EQ(hex(back->account.nt_hash), hex(hash_of("secret")));
  ASSERT_TRUE(back->account.lm_hash);
  EXPECT_EQ(test::to_hex(back->account.lm_hash->expose()), test::to_hex(Bytes(16, 7)));
  EXPECT_TRUE(back->account.disabled && back->account.trust_account && back->account.has_hash);
  EXPECT_FALSE(back->account.locked || back->account.password_expired);
  EXPECT_EQ(*back->account.attributes, *stored.account.attributes);
}

TEST_F(DatabaseTest, ChangesAreSeenByAnOpenReader) {
  put({"user", "DOM"}, "one");
  const Database database(path());
  EXPECT_EQ(hex(database.find({"user", "DOM"}, "")->nt_hash), hex(hash_of("one")));
  put({"user", "DOM"}, "two");
  EXPECT_EQ(hex(database.find({"user", "DOM"}, "")->nt_hash), hex(hash_of("two")));
  DatabaseEdit change = edit();
  EXPECT_TRUE(change.has({"USER", "dom"}));
  change.remove({"user", "DOM"});
  EXPECT_FALSE(change.has({"user", "DOM"}));
  ASSERT_TRUE(change.commit());
  EXPECT_EQ(found(database, {"user", "DOM"}), "unknown");
}

TEST_F(DatabaseTest, ManyAccountsMergedInOrder) {
  std::map<std::string, std::string> expected;
  for (int round = 0; round < 4; ++round) {
    DatabaseEdit change = edit();
    for (int i = 0; i < 3000; ++i) {
      const int number = (i * 7919 + round * 977) % 10000;
      const std::string user = "user" + std::to_string(number);
      if (i % 5 == round) {
        change.remove({user, "DOM"});
        expected.erase(user);
      } else {
        const std::string password = std::to_string(round);
        ASSERT_TRUE(change.put(account({user, "DOM"}, password)));
        expected[user] = password;
      }
    }
    ASSERT_TRUE(change.commit());
  }
  const Database database(path());
  for (int number = 0; number < 10000; ++number) {
    const std::string user = "user" + std::to_string(number);
    const auto result = database.find({user, "DOM"}, "");
    const auto wanted = expected.find(user);
    ASSERT_TRUE(result);
    ASSERT_EQ(result->known, wanted != expected.end()) << user;
    if (result->known) {
      ASSERT_EQ(hex(result->nt_hash), hex(hash_of(wanted->second))) << user;
    }
  }
  std::size_t count = 0;
  ASSERT_TRUE((*DatabaseFile::open(path()))->for_each([&](const StoredAccount&) {
    ++count;
    return Result<void>();
  }));
  EXPECT_EQ(count, expected.size());
}

TEST_F(DatabaseTest, NothingIsLeftOfADeletedHash) {
  put({"user", "DOM"}, "secret");
  put({"other", "DOM"}, "x");
  const auto secret = hash_of("secret");
  const std::string bytes(reinterpret_cast<const char*>(secret.expose().data()), 16);
  ASSERT_NE(directory_.read("accounts").find(bytes), std::string::npos);
  DatabaseEdit change = edit();
  change.remove({"user", "DOM"});
  ASSERT_TRUE(change.commit());
  EXPECT_EQ(directory_.read("accounts").find(bytes), std::string::npos);
}

TEST_F(DatabaseTest, EmptyStoreKnowsNobody) {
  ASSERT_TRUE(edit().commit());
  const Database database(path());
  EXPECT_EQ(found(database, {"user", "DOM"}), "unknown");
  EXPECT_EQ((*DatabaseFile::open(path()))->accounts(), 0u);
}

TEST_F(DatabaseTest, NamesTooLongForAKey) {
  DatabaseEdit change = edit();
  EXPECT_TRUE(change.put(account({std::string(256, 'u'), std::string(254, 'd')}, "x")));
  EXPECT_EQ(change.put(account({std::string(256, 'u'), std::string(255, 'd')}, "x")).error().code,
            Errc::kBadName);
  EXPECT_EQ(change.put(account({"", "DOM"}, "x")).error().code, Errc::kBadName);
  EXPECT_EQ(change.put(account({std::string("a\0b", 3), "DOM"}, "x")).error().code, Errc::kBadName);
  ASSERT_TRUE(change.commit());
  const Database database(path());
  EXPECT_EQ(found(database, {std::string(256, 'U'), std::string(254, 'D')}),
            std::string(256, 'u') + "@" + std::string(254, 'd'));
  EXPECT_EQ(found(database, {std::string(256, 'u'), std::string(255, 'd')}), "unknown");
}

TEST_F(DatabaseTest, ModeAndPlace) {
  put({"user", "DOM"}, "x");
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0600u);
  ASSERT_EQ(::chmod(path().c_str(), 0640), 0);
  put({"user", "DOM"}, "y");
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0640u);

  const Database database(path());
  EXPECT_EQ(found(database, {"user", "DOM"}), "user@DOM");
  ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  EXPECT_EQ(found(database, {"user", "DOM"}), "unreadable");
  EXPECT_NE(last_store_fault().find("0644"), std::string::npos);
  EXPECT_FALSE(DatabaseEdit::begin(path()));
  ASSERT_EQ(::chmod(path().c_str(), 0600), 0);
  EXPECT_EQ(found(database, {"user", "DOM"}), "user@DOM");
}

TEST_F(DatabaseTest, FilesThatAreNoStore) {
  const Database database(path());
  EXPECT_EQ(found(database, {"user", "DOM"}), "unreadable");
  for (const std::string& content : {std::string(), std::string("DOM:user:Password\n"),
                                     std::string(8192, '\0'), std::string(100000, 'x')}) {
    directory_.write("accounts", content);
    EXPECT_EQ(found(database, {"user", "DOM"}), "unreadable");
    EXPECT_FALSE(DatabaseEdit::begin(path())) << "would be overwritten";
  }
}

TEST_F(DatabaseTest, LmdbFileOfSomebodyElse) {
  MDB_env* environment = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi table = 0;
  ASSERT_EQ(::mdb_env_create(&environment), 0);
  ASSERT_EQ(::mdb_env_open(environment, path().c_str(), MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
  ASSERT_EQ(::mdb_txn_begin(environment, nullptr, 0, &transaction), 0);
  ASSERT_EQ(::mdb_dbi_open(transaction, nullptr, 0, &table), 0);
  std::string text = "USER\0DOM";
  MDB_val value{text.size(), text.data()};
  ASSERT_EQ(::mdb_put(transaction, table, &value, &value, 0), 0);
  ASSERT_EQ(::mdb_txn_commit(transaction), 0);
  ::mdb_env_close(environment);
  const Database database(path());
  EXPECT_EQ(found(database, {"user", "DOM"}), "unreadable");
  EXPECT_NE(last_store_fault().find("not a store of accounts"), std::string::npos);
}

// What liblmdb reads from our file is what our reader reads.
TEST_F(DatabaseTest, LiblmdbReadsTheSame) {
  DatabaseEdit change = edit();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(change.put(account({"user" + std::to_string(i), "DOM"}, "x")));
  }
  ASSERT_TRUE(change.commit());
  std::vector<std::pair<std::string, std::string>> ours, theirs;
  ASSERT_TRUE((*DatabaseFile::open(path()))->for_each_record([&](const LmdbFile::Entry& entry) {
    ours.emplace_back(test::to_hex(entry.key), test::to_hex(entry.value));
    return Result<void>();
  }));

  MDB_env* environment = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_cursor* cursor = nullptr;
  ASSERT_EQ(::mdb_env_create(&environment), 0);
  ASSERT_EQ(
      ::mdb_env_open(environment, path().c_str(), MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0600), 0);
  ASSERT_EQ(::mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction), 0);
  MDB_dbi table = 0;
  ASSERT_EQ(::mdb_dbi_open(transaction, nullptr, 0, &table), 0);
  ASSERT_EQ(::mdb_cursor_open(transaction, table, &cursor), 0);
  MDB_val key, value;
  const auto text = [](const MDB_val& v) {
    return test::to_hex({static_cast<const std::uint8_t*>(v.mv_data), v.mv_size});
  };
  while (::mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
    theirs.emplace_back(text(key), text(value));
  }
  ::mdb_cursor_close(cursor);
  ::mdb_txn_abort(transaction);
  ::mdb_env_close(environment);
  ASSERT_EQ(theirs.size(), 1001u);
  theirs.erase(theirs.begin());  // the header
  EXPECT_EQ(ours, theirs);
}

// Damage. The original's accounts, and what may never be found in a damaged copy.
class DamagedDatabaseTest : public DatabaseTest {
 protected:
  DamagedDatabaseTest() {
    DatabaseEdit change = edit();
    for (const char* user : {"alice", "bob", "carol"}) {
      originals_.push_back({user, "DOM"});
      EXPECT_TRUE(change.put(account(originals_.back(), user)));
    }
    EXPECT_TRUE(change.put(account({"bob", ""}, "bob anywhere")));
    EXPECT_TRUE(change.commit());
    content_ = directory_.read("accounts");
  }

  // Looks everybody up in this content; whoever is found is as in the original. True when all were
  // found.
  bool probe(const std::string& content) {
    TrustedFile memory;
    memory.fd = FileDescriptor(::memfd_create("damaged", MFD_CLOEXEC));
    EXPECT_EQ(::write(memory.fd.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    EXPECT_EQ(::fstat(memory.fd.get(), &memory.status), 0);
    const auto file = DatabaseFile::read(memory, "damaged");
    if (!file) {
      return false;
    }
    bool intact = true;
    for (const AccountName& name : originals_) {
      const auto result = (*file)->find(name, "");
      const bool known = result && result->known;
      intact = intact && known;
      if (known) {
        const bool anywhere = result->name.domain.empty();
        EXPECT_EQ(result->name.user, name.user);
        EXPECT_EQ(hex(result->nt_hash), hex(hash_of(anywhere ? "bob anywhere" : name.user)));
        EXPECT_FALSE(result->disabled || !result->has_hash);
      }
    }
    for (const AccountName& name :
         {AccountName{"mallory", "DOM"}, {"alice", "EVIL"}, {"", ""}, {"a", ""}}) {
      const auto result = (*file)->find(name, "");
      EXPECT_FALSE(result && result->known);
    }
    const auto walked = (*file)->for_each([](const StoredAccount&) { return Result<void>(); });
    return intact && walked;
  }

  std::vector<AccountName> originals_;
  std::string content_;
};

TEST_F(DamagedDatabaseTest, CutOffAtEachByte) {
  ASSERT_TRUE(probe(content_));
  for (std::size_t size = 0; size < content_.size(); ++size) {
    EXPECT_FALSE(probe(content_.substr(0, size))) << size;
  }
}

TEST_F(DamagedDatabaseTest, EachBitFlipped) {
  for (std::size_t bit = 0; bit < content_.size() * 8; ++bit) {
    // The bytes that LMDB left zero inside its pages mean nothing to anybody; one bit of each is
    // enough.
    if (content_[bit / 8] == 0 && bit % 8 != 0) {
      continue;
    }
    std::string damaged = content_;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    (void)probe(damaged);  // intact where the bit is in free space
  }
}

TEST_F(DamagedDatabaseTest, RandomBytesInEachPage) {
  std::uint64_t state = 0x9e3779b97f4a7c15;
  const auto next = [&] {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
  };
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = content_;
    for (std::uint64_t changes = 1 + next() % 16; changes > 0; --changes) {
      // Most of them in the first bytes of a page or where its nodes are.
      const std::uint64_t place = next() % 3 == 0 ? next() % 64 : 4096 - 1 - next() % 700;
      damaged[next() % (content_.size() / 4096) * 4096 + place] = static_cast<char>(next());
    }
    (void)probe(damaged);
  }
}

TEST_F(DatabaseTest, LookUpsWhileTheFileIsReplaced) {
  put({"user", "DOM"}, "0");
  const Database database(path());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, looked_up{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto user = database.find({"user", "DOM"}, "");
        const auto nobody = database.find({"nobody", ""}, "");
        wrong += !user || !user->known || !nobody || nobody->known;
        ++looked_up;
      }
    });
  }
  for (int n = 1; n <= 50; ++n) {
    put({"user", "DOM"}, std::to_string(n));
  }
  stop = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(looked_up, 0);
  EXPECT_EQ(hex(database.find({"user", "DOM"}, "")->nt_hash), hex(hash_of("50")));
}

// A writer that is killed at any moment leaves the old content or the new one.
TEST_F(DatabaseTest, WriterKilledAtRandomMoments) {
  put({"user", "DOM"}, "0");
  const Database database(path());
  std::string before = "0";
  for (int n = 1; n <= 60; ++n) {
    const std::string password = std::to_string(n);
    const pid_t child = ::fork();
    if (child == 0) {
      auto change = DatabaseEdit::begin(path());
      for (int i = 0; change && i < 2000; ++i) {
        (void)change->put(account({"filler" + std::to_string(i), "DOM"}, "x"));
      }
      ::_exit(change && change->put(account({"user", "DOM"}, password)) && change->commit() ? 0
                                                                                            : 1);
    }
    ::usleep(static_cast<useconds_t>(n * 7919 % 23 * 1000));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    const auto user = database.find({"user", "DOM"}, "");
    ASSERT_TRUE(user);
    const std::string hash = hex(user->nt_hash);
    ASSERT_TRUE(hash == hex(hash_of(before)) || hash == hex(hash_of(password)));
    if (hash == hex(hash_of(password))) {
      before = password;
    }
    ASSERT_TRUE((*DatabaseFile::open(path()))->for_each([](const StoredAccount&) {
      return Result<void>();
    }));
  }
}

TEST_F(DatabaseTest, TwoWritersLoseNothing) {
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < 10; ++i) {
        put({"user" + std::to_string(w) + "x" + std::to_string(i), "DOM"}, "x");
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  EXPECT_EQ((*DatabaseFile::open(path()))->accounts(), 30u);
}

TEST_F(DatabaseTest, WriterWithoutRoom) {
  put({"user", "DOM"}, "x");
  DatabaseEdit change = edit();
  ASSERT_TRUE(change.put(account({"other", "DOM"}, "x")));
  // The new file's place is taken by a directory.
  std::filesystem::create_directories(directory_.path("accounts.new/x"));
  const auto outcome = change.commit();
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().find("accounts.new"), std::string::npos);
  const Database database(path());
  EXPECT_EQ(found(database, {"user", "DOM"}), "user@DOM");
  EXPECT_EQ(found(database, {"other", "DOM"}), "unknown");
}

}  // namespace
}  // namespace ntlm::store
