// SPDX-License-Identifier: MIT
#include "base/config.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <profile.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "support/temporary_directory.h"

namespace ntlm {
namespace {

using namespace std::string_literals;
using Strings = std::vector<std::string>;

class ConfigTest : public testing::Test {
 protected:
  Config sound(std::string_view text) {
    auto config = Config::load(directory_.write("ntlm.conf", text, 0644));
    EXPECT_TRUE(config) << config.error();
    return config.value_or(Config());
  }
  // The message without the file's path, which must begin it.
  std::string refusal(std::string_view text) {
    const std::string path = directory_.write("ntlm.conf", text, 0644);
    const auto config = Config::load(path);
    EXPECT_FALSE(config) << text;
    const std::string message = config ? std::string() : config.error();
    EXPECT_EQ(message.substr(0, path.size() + 2), path + ": ") << message;
    return message.size() > path.size() + 2 ? message.substr(path.size() + 2) : std::string();
  }
  test::TemporaryDirectory directory_;
};

TEST(ConfigKeys, EveryDefaultIsAGoodValueOfItsKey) {
  test::TemporaryDirectory directory;
  std::string text;
  for (const ConfigKey& key : Config::keys()) {
    text += std::string("[") + key.section + "]\n" + key.name + " = " +
            (*key.default_value == '\0' ? "\"\"" : key.default_value) + "\n";
  }
  const auto config = Config::load(directory.write("ntlm.conf", text));
  ASSERT_TRUE(config) << config.error();
  const Config defaults;
  for (const ConfigKey& key : Config::keys()) {
    EXPECT_EQ(config->text(key.section, key.name), defaults.text(key.section, key.name))
        << key.name;
    EXPECT_TRUE(config->is_set(key.section, key.name));
    EXPECT_FALSE(defaults.is_set(key.section, key.name));
  }
}

TEST(ConfigKeys, AreDistinct) {
  const auto keys = Config::keys();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t j = i + 1; j < keys.size(); ++j) {
      EXPECT_FALSE(std::string(keys[i].section) == keys[j].section &&
                   std::string(keys[i].name) == keys[j].name)
          << keys[i].name;
    }
  }
}

TEST_F(ConfigTest, EmptyFileIsTheDefaults) {
  const Config config = sound("");
  EXPECT_EQ(config.list("ntlm", "store"), (Strings{"lmdb:/var/lib/gss-ntlm/accounts"}));
  EXPECT_EQ(config.text("ntlm", "display_form"), "domain\\user");
  EXPECT_EQ(config.number("policy", "challenge_max_age"), 300u);
  EXPECT_TRUE(config.flag("policy", "require_128"));
  EXPECT_FALSE(config.flag("policy", "allow_anonymous"));
  EXPECT_EQ(config.source("policy", "min_version"), "default");
  EXPECT_TRUE(config.list("bridge", "programs").empty());
  EXPECT_EQ(config.path(), directory_.path("ntlm.conf"));
}

// The library would take the tree of another who has the file open, for one of the same mtime.
TEST_F(ConfigTest, WhatAnotherReadBeforeAChangeIsNotOurs) {
  const timespec stamp[] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
  const auto write = [&](const char* age) {
    const auto file =
        directory_.write("ntlm.conf", "[policy]\n challenge_max_age = "s + age + "\n");
    EXPECT_EQ(::utimensat(AT_FDCWD, file.c_str(), stamp, 0), 0);
    return file;
  };
  const std::string path = write("100");
  const char* files[] = {path.c_str(), nullptr};
  profile_t other = nullptr;
  ASSERT_EQ(profile_init(files, &other), 0);
  write("200");
  const auto config = Config::load(path);
  profile_release(other);
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->number("policy", "challenge_max_age"), 200U);
}

TEST_F(ConfigTest, ThreadsLoadAtOnce) {
  const std::string path = directory_.write("ntlm.conf", "[policy]\n challenge_max_age = 100\n");
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      for (int n = 0; n < 100; ++n) {
        const auto config = Config::load(path);
        wrong += !config || config->number("policy", "challenge_max_age") != 100U;
      }
    });
  }
  for (auto& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(ConfigTest, RelativePathIsBelowTheWorkingDirectory) {
  directory_.write("ntlm.conf", "[policy]\n challenge_max_age = 100\n");
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  const auto config = Config::load("ntlm.conf");
  std::filesystem::current_path(before);
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->number("policy", "challenge_max_age"), 100U);
}

TEST_F(ConfigTest, ReadsEveryKindOfValue) {
  const Config config = sound(
      "# a comment\n; another\n\n"
      "[ntlm]\n"
      "    store = text:/etc/gss/ntlm.users\n"
      "    store = winbind:EXAMPLE\n"
      "    display_form = user@domain\n"
      "    transfer_key = /etc/gss/transfer.key\n"
      "    netbios_computer = \"WEB 1\"\n"
      "[policy]\r\n"
      "    min_version = v1\r\n"
      "    challenge_max_age = 60\n"
      "    deny_users = root DOM\\Administrator\n"
      "    deny_users = guest\n"
      "[audit]\n"
      "    syslog = no\n");
  EXPECT_EQ(config.list("ntlm", "store"), (Strings{"text:/etc/gss/ntlm.users", "winbind:EXAMPLE"}));
  EXPECT_EQ(config.text("ntlm", "display_form"), "user@domain");
  EXPECT_EQ(config.text("ntlm", "transfer_key"), "/etc/gss/transfer.key");
  EXPECT_EQ(config.text("ntlm", "netbios_computer"), "WEB 1");
  EXPECT_EQ(config.text("policy", "min_version"), "v1");
  EXPECT_EQ(config.number("policy", "challenge_max_age"), 60u);
  EXPECT_EQ(config.list("policy", "deny_users"), (Strings{"root", "DOM\\Administrator", "guest"}));
  EXPECT_FALSE(config.flag("audit", "syslog"));
  EXPECT_EQ(config.source("policy", "min_version"), directory_.path("ntlm.conf"));
}

TEST_F(ConfigTest, SectionMayBeOpenedAgain) {
  const Config config =
      sound("[policy]\nmin_version = v1\n[audit]\nsyslog = no\n[policy]\nrequire_mic = no\n");
  EXPECT_EQ(config.text("policy", "min_version"), "v1");
  EXPECT_EQ(config.text("policy", "require_mic"), "no");
}

TEST_F(ConfigTest, UnknownSectionOrKey) {
  EXPECT_EQ(refusal("[polcy]\nmin_version = v1\n"), "[polcy] is no section of this file");
  EXPECT_EQ(refusal("[policy]\nmin_versoin = v1\n"),
            "[policy] min_versoin is no key of this section");
  EXPECT_EQ(refusal("[ntlm]\nmin_version = v1\n"), "[ntlm] min_version is no key of this section");
}

TEST_F(ConfigTest, BadValue) {
  EXPECT_EQ(refusal("[policy]\nrequire_mic = maybe\n"),
            "[policy] require_mic: 'maybe' is none of auto, yes, no");
  EXPECT_EQ(refusal("[policy]\nrequire_mic = YES\n"),
            "[policy] require_mic: 'YES' is none of auto, yes, no");
  EXPECT_EQ(refusal("[policy]\nallow_anonymous = perhaps\n"),
            "[policy] allow_anonymous: 'perhaps' is none of yes, no, true, false");
  for (const char* service : {"HTTP", "/www", "HTTP/"}) {
    EXPECT_EQ(refusal(std::string("[policy]\naccepted_targets = HTTP/www ") + service + "\n"),
              "[policy] accepted_targets: '" + std::string(service) +
                  "' is not SERVICE/HOST, as in HTTP/www.example.com");
  }
  EXPECT_EQ(refusal("[policy]\nprofile = paranoid\n"),
            "[policy] profile: 'paranoid' is none of default, hardened, compat");
  EXPECT_EQ(refusal("[policy]\nmin_version = \"\"\n"), "[policy] min_version: '' is empty");
  EXPECT_EQ(refusal("[audit]\njson = audit.jsonl\n"),
            "[audit] json: 'audit.jsonl' is not an absolute path without blanks");
  EXPECT_EQ(refusal("[sspi]\nrequire_flags = ASC_REQ_INTEGRITY ASC_REQ_ALL\n").substr(0, 54),
            "[sspi] require_flags: 'ASC_REQ_ALL' is none of ASC_REQ");
}

TEST_F(ConfigTest, BadNumber) {
  for (const char* text : {"0", "-1", "+5", "129601", "4294967297", "99999999999999999999", "3O0",
                           "300s", "0x10", "1.5", "1 2"}) {
    EXPECT_EQ(
        refusal(std::string("[policy]\nchallenge_max_age = ") + text + "\n"),
        std::string("[policy] challenge_max_age: '") + text + "' is not a number from 1 to 129600");
  }
  EXPECT_EQ(sound("[policy]\nchallenge_max_age = 129600\n").number("policy", "challenge_max_age"),
            129600u);
}

TEST_F(ConfigTest, CommentBehindAValueIsNoPartOfIt) {
  EXPECT_EQ(
      refusal("[ntlm]\nnetbios_computer = WEB # the name\n"),
      "[ntlm] netbios_computer: 'WEB # the name' seems to end in a comment; a comment needs a "
      "line of its own");
}

TEST_F(ConfigTest, ControlCharactersAndIllFormedTextAreRefused) {
  EXPECT_NE(refusal("[ntlm]\nnetbios_computer = \"WEB\\nX\"\n").find("control character"),
            std::string::npos);
  EXPECT_NE(refusal("[ntlm]\nnetbios_computer = WEB\xff\n").find("not UTF-8"), std::string::npos);
  EXPECT_EQ(refusal("[ntlm]\nnetbios_computer = W\0B\n"s), "line 2: holds a control character");
  const std::string evil = directory_.write("a=b", "[policy]\nmin_version = v1\n", 0666);
  EXPECT_EQ(refusal("[ntlm]\ninclude\v" + evil + "\n"), "line 2: holds a control character");
  EXPECT_EQ(refusal("[ntlm]\ninclude\r" + evil + "\n"), "line 2: holds a control character");
}

TEST_F(ConfigTest, SingleValuedKeyTwice) {
  EXPECT_EQ(refusal("[policy]\nmin_version = v2\nmin_version = v1\n"),
            "[policy] min_version: given twice, 'v2' and 'v1'");
  EXPECT_EQ(
      refusal("[policy]\nmin_version = v2\n[audit]\nsyslog = no\n[policy]\nmin_version = v2\n"),
      "[policy] min_version: given twice, 'v2' and 'v2'");
}

TEST_F(ConfigTest, SyntaxErrorsNameTheLine) {
  EXPECT_EQ(refusal("min_version = v1\n"), "line 1: stands before the first [section]");
  EXPECT_EQ(refusal("[policy\n"), "line 1: a section is written [name]");
  EXPECT_EQ(refusal("[policy]\nmin_version v1\n"), "line 2: neither a [section] nor 'key = value'");
  EXPECT_EQ(refusal("[policy]\n\n= v1\n"), "line 3: neither a [section] nor 'key = value'");
  EXPECT_EQ(refusal("[policy]\nmin_version =\n"), "line 2: no value; write \"\" for an empty one");
  EXPECT_EQ(refusal("[policy]\nmin_version = {\n v = 1\n}\n"),
            "line 2: no key takes a group in braces");
  EXPECT_EQ(refusal("[policy]\nmin_version = \n{\n}\n"),
            "line 2: no value; write \"\" for an empty one");
  EXPECT_EQ(refusal("[policy]\n" + std::string(2000, 'x') + " = y\n").substr(0, 20),
            "line 2: longer than ");
}

TEST_F(ConfigTest, CodeIsNeverLoaded) {
  // The profile library knows "module PATH:ARGUMENT" as a first line.
  EXPECT_EQ(refusal("module /usr/lib/evil.so:x\n"),
            "line 1: neither a [section] nor 'key = value'");
}

TEST_F(ConfigTest, WhatOnlyTheLibraryRefusesIsRefused) {
  EXPECT_FALSE(refusal("[policy]*x]\nmin_version = v1\n").empty());
  EXPECT_FALSE(refusal("[policy]\nmin version = v1\n").empty());
}

TEST_F(ConfigTest, ProfilesSetBaseValuesAndKeysOverrideThem) {
  Config config = sound("[policy]\nrequire_mic = auto\nprofile = hardened\n");
  EXPECT_EQ(config.text("policy", "target_name"), "required");
  EXPECT_EQ(config.source("policy", "target_name"), "profile hardened");
  EXPECT_EQ(config.text("policy", "require_mic"), "auto");
  EXPECT_EQ(config.source("policy", "require_mic"), directory_.path("ntlm.conf"));
  config = sound("[policy]\nprofile = compat\n");
  EXPECT_EQ(config.text("policy", "channel_bindings"), "when-supported");
  EXPECT_EQ(config.text("policy", "target_name"), "off");
}

TEST(ConfigProfiles, NoneOpensWhatNeedsItsOwnKey) {
  for (const char* profile : {"default", "hardened", "compat"}) {
    const Config config(profile);
    EXPECT_EQ(config.text("policy", "profile"), profile);
    EXPECT_EQ(config.text("policy", "min_version"), "v2");
    EXPECT_EQ(config.text("policy", "initiator_version"), "v2");
    EXPECT_FALSE(config.flag("policy", "allow_anonymous"));
    EXPECT_FALSE(config.flag("policy", "allow_datagram"));
    EXPECT_FALSE(config.flag("policy", "allow_blank_passwords"));
    EXPECT_TRUE(config.flag("policy", "require_128"));
  }
}

TEST_F(ConfigTest, IncludedFilesAreRead) {
  directory_.write("more", "[policy]\nmin_version = v1\n", 0644);
  std::filesystem::create_directory(directory_.path("d"));
  directory_.write("d/10-audit.conf", "[audit]\nsyslog = no\n", 0644);
  directory_.write("d/20-not.conf~", "[policy]\nnonsense = 1\n", 0666);  // not one that is read
  const Config config = sound("include " + directory_.path("more") + "\nincludedir " +
                              directory_.path("d") + "\n[policy]\nrequire_mic = yes\n");
  EXPECT_EQ(config.text("policy", "min_version"), "v1");
  EXPECT_EQ(config.text("policy", "require_mic"), "yes");
  EXPECT_FALSE(config.flag("audit", "syslog"));
}

TEST_F(ConfigTest, IncludedFileThatOthersMayWrite) {
  const std::string more = directory_.write("more", "[policy]\nmin_version = v1\n", 0666);
  const auto config = Config::load(directory_.write("ntlm.conf", "include " + more + "\n"));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error(), more + ": mode 0666 lets others write it; chmod go-w");
  std::filesystem::create_directory(directory_.path("d"));
  const std::string part = directory_.write("d/a.conf", "[policy]\nmin_version = v1\n", 0620);
  const auto second =
      Config::load(directory_.write("ntlm.conf", "includedir " + directory_.path("d") + "\n"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), part + ": mode 0620 lets others write it; chmod go-w");
  ASSERT_EQ(::chmod(part.c_str(), 0600), 0);
  ASSERT_EQ(::chmod(directory_.path("d").c_str(), 01777), 0);
  const auto third = Config::load(directory_.path("ntlm.conf"));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error(), directory_.path("d") + ": others may write this directory; chmod go-w");
}

TEST_F(ConfigTest, IncludeWithoutEndOrTarget) {
  const std::string self = directory_.path("ntlm.conf");
  EXPECT_EQ(refusal("include " + self + "\n"), "included more than 8 levels deep");
  EXPECT_EQ(refusal("include more\n"), "line 1: an included file needs an absolute path");
  const auto config = Config::load(directory_.write("ntlm.conf", "include /no/such/file\n"));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error(), "/no: No such file or directory");
}

TEST_F(ConfigTest, FileThatIsMissingOrNotTrusted) {
  auto config = Config::load(directory_.path("none"));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error(), directory_.path("none") + ": No such file or directory");
  const std::string path = directory_.write("ntlm.conf", "", 0664);
  config = Config::load(path);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error(), path + ": mode 0664 lets others write it; chmod go-w");
}

TEST_F(ConfigTest, PathWithAColonIsOneFile) {
  const std::string path = directory_.write("a:b.conf", "[policy]\nmin_version = v1\n");
  const auto config = Config::load(path);
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->text("policy", "min_version"), "v1");
}

}  // namespace
}  // namespace ntlm
