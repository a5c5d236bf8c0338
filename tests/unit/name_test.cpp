// SPDX-License-Identifier: MIT
#include "protocol/name.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace ntlm::protocol {
namespace {

std::string shown(std::string_view text, bool split_upn = true) {
  const auto name = parse_account(text, split_upn);
  return name ? "[" + name->domain + "][" + name->user + "]" : "refused";
}

TEST(AccountName, TakesEachForm) {
  EXPECT_EQ(shown("user"), "[][user]");
  EXPECT_EQ(shown("DOM\\user"), "[DOM][user]");
  EXPECT_EQ(shown("\\user"), "[][user]");
  EXPECT_EQ(shown("user@dom.example"), "[dom.example][user]");
  EXPECT_EQ(shown("first@second@dom"), "[dom][first@second]");
  EXPECT_EQ(shown("DOM\\user@dom"), "[DOM][user@dom]");
  EXPECT_EQ(shown("ü@d"), "[d][ü]");
}

TEST(AccountName, EnterpriseNameStaysWhole) {
  EXPECT_EQ(shown("user@dom.example", false), "[][user@dom.example]");
  EXPECT_EQ(shown("DOM\\user@x", false), "[DOM][user@x]");
}

// It would be displayed as an account of the domain "a".
TEST(AccountName, BackslashInTheUserOrTheDomain) {
  EXPECT_EQ(shown("DOM\\a\\b"), "refused");
  EXPECT_EQ(shown("\\a\\b"), "refused");
}

TEST(AccountName, EmptyUser) {
  EXPECT_EQ(shown(""), "refused");
  EXPECT_EQ(shown("DOM\\"), "refused");
  EXPECT_EQ(shown("@dom"), "refused");
}

TEST(AccountName, EmptyDomainBehindAt) { EXPECT_EQ(shown("user@"), "refused"); }

TEST(AccountName, NulInside) {
  EXPECT_EQ(shown(std::string_view("us\0er", 5)), "refused");
  EXPECT_EQ(shown(std::string_view("user\0", 5)), "refused");
  EXPECT_EQ(shown(std::string_view("D\0\\user", 7)), "refused");
}

TEST(AccountName, IllFormedUtf8) {
  EXPECT_EQ(shown("us\xff"), "refused");
  EXPECT_EQ(shown("\xc0\x80\\user"), "refused");
  EXPECT_EQ(shown("\xed\xa0\x80"), "refused");
}

TEST(AccountName, LengthsInUtf16Units) {
  EXPECT_NE(shown(std::string(256, 'u')), "refused");
  EXPECT_EQ(shown(std::string(257, 'u')), "refused");
  EXPECT_EQ(shown(std::string(65535, 'u')), "refused");
  EXPECT_NE(shown(std::string(255, 'd') + "\\u"), "refused");
  EXPECT_EQ(shown(std::string(256, 'd') + "\\u"), "refused");
  std::string emoji;  // one character of two units
  for (int i = 0; i < 128; ++i) {
    emoji += "\xf0\x9f\x98\x80";
  }
  EXPECT_NE(shown(emoji), "refused");
  EXPECT_EQ(shown(emoji + "x"), "refused");
}

TEST(AccountName, DisplayAndBack) {
  const AccountName name{"user", "DOM"};
  EXPECT_EQ(display(name, DisplayForm::kDomainBackslashUser), "DOM\\user");
  EXPECT_EQ(display(name, DisplayForm::kUserAtDomain), "user@DOM");
  EXPECT_EQ(display({"user", ""}, DisplayForm::kDomainBackslashUser), "user");
  EXPECT_EQ(display({"user", ""}, DisplayForm::kUserAtDomain), "user");
}

// An access list must not take one account for another, wherever its reader splits.
TEST(AccountName, NoTwoAccountsAreDisplayedAlike) {
  std::vector<AccountName> accounts;
  const std::vector<std::string> parts{"a", "b", "a@b", "b@a", "a@b@a", "@a", "a@", "@"};
  for (const std::string& user : parts) {
    accounts.push_back({user, ""});
    for (const std::string& domain : parts) {
      accounts.push_back({user, domain});
    }
  }
  for (const DisplayForm form : {DisplayForm::kDomainBackslashUser, DisplayForm::kUserAtDomain}) {
    std::map<std::string, AccountName> seen;
    for (const AccountName& account : accounts) {
      ASSERT_TRUE(check_account(account));
      const auto [other, is_new] = seen.emplace(display(account, form), account);
      EXPECT_TRUE(is_new) << other->first << ": [" << account.domain << "][" << account.user
                          << "] and [" << other->second.domain << "][" << other->second.user << "]";
    }
  }
}

TEST(AccountName, AtInAPartIsShownWithABackslash) {
  const DisplayForm at = DisplayForm::kUserAtDomain;
  EXPECT_EQ(display({"alice@DOM", ""}, at), "\\alice@DOM");
  EXPECT_EQ(display({"alice@x", "DOM"}, at), "DOM\\alice@x");
  EXPECT_EQ(display({"alice", "D@M"}, at), "D@M\\alice");
  for (const char* const text :
       {"\\alice@DOM", "DOM\\alice@x", "D@M\\alice", "alice@DOM", "alice"}) {
    EXPECT_EQ(display(*parse_account(text), at), text);
  }
  EXPECT_EQ(display({"alice@DOM", ""}, DisplayForm::kDomainBackslashUser), "alice@DOM");
}

TEST(ServiceName, TakesEachForm) {
  for (const std::string text : {"HTTP@www.example.com", "HTTP/www.example.com"}) {
    for (const std::string& form : {text, text + '\0'}) {
      const auto name = parse_service(form);
      ASSERT_TRUE(name);
      EXPECT_EQ(name->service, "HTTP");
      EXPECT_EQ(name->host, "www.example.com");
      EXPECT_EQ(spn(*name), "HTTP/www.example.com");
    }
  }
  const auto bare = parse_service("host");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->service, "host");
  EXPECT_EQ(spn(*bare), "");
  EXPECT_EQ(parse_service("HTTP@")->host, "");
}

TEST(ServiceName, EmptyServiceNulsAndLength) {
  EXPECT_FALSE(parse_service(""));
  EXPECT_FALSE(parse_service(std::string_view("\0", 1)));
  EXPECT_FALSE(parse_service("@host"));
  EXPECT_FALSE(parse_service("/host"));
  EXPECT_FALSE(parse_service(std::string_view("HTTP@h\0\0", 8)));
  EXPECT_FALSE(parse_service(std::string_view("HT\0TP", 5)));
  EXPECT_FALSE(parse_service("HTTP@\xff"));
  EXPECT_TRUE(parse_service("HTTP/" + std::string(251, 'h')));
  EXPECT_FALSE(parse_service("HTTP/" + std::string(252, 'h')));
}

}  // namespace
}  // namespace ntlm::protocol
