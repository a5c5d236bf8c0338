// SPDX-License-Identifier: MIT
#include "store/open.h"

#include <gtest/gtest.h>

#include "store/faults.h"
#include "store/text_file.h"
#include "support/temporary_directory.h"
#include "support/unused_name.h"
#include "support/vectors.h"

namespace ntlm::store {
namespace {

using protocol::AccountName;
using protocol::HostNames;
using protocol::LogonRequest;
using protocol::LogonResult;
using protocol::NtlmVersion;
using protocol::Policy;
using protocol::Responder;
using protocol::Verifier;
using test::TemporaryDirectory;
using test::unused_name;

const std::string kHash = "a4f49c406510bdcab6824ee7c30fd852";  // [MS-NLMP] 4.2.2.1.2, "Password"

const crypto::ServerChallenge kServer = {1, 2, 3, 4, 5, 6, 7, 8};
const crypto::ClientChallenge kClient = {8, 7, 6, 5, 4, 3, 2, 1};

// One logon of a responder at a verifier, NTLMv2: the session base key of both, or the error.
struct Exchange {
  Errc error{};
  std::string principal;
  std::string store;
  bool same_key = false;
};

Exchange log_on(const Verifier& verifier, const Responder& responder, const Policy& policy = {}) {
  const Bytes pairs(4);
  const auto response = responder.respond({kServer, true, 1, kClient, pairs, true, true});
  const HostNames host{"SERVER", "HOME", "server.example", "example"};
  const AccountName& name = responder.account();
  const Bytes user = utf16le_from_utf8(name.user).value();
  const Bytes domain = utf16le_from_utf8(name.domain).value();
  const auto result =
      verifier.verify(LogonRequest{user, domain, name, "CLIENT", host, NtlmVersion::kV2, kServer,
                                   response->nt_response, response->lm_response, policy});
  if (!result) {
    return {result.error().code, "", "", false};
  }
  const auto ours = result->session_base_key.expose();
  return {Errc{}, display(result->principal.account, protocol::DisplayForm::kDomainBackslashUser),
          result->store, equal_ct(ours, response->session_base_key.expose())};
}

std::shared_ptr<const Responder> with_password(std::string_view name, std::string_view password) {
  return responder_from_password(protocol::parse_account(name).value(), password, false).value();
}

std::string refusal(StoreSettings settings) {
  const auto verifier = open_verifier(settings);
  return verifier ? "" : verifier.error();
}

class OpenTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
};

std::shared_ptr<const TextFile> text_file(std::string path) {
  return std::make_shared<const TextFile>(std::move(path));
}

TEST_F(OpenTest, UserFileStandsForTheChain) {
  const std::string path = directory_.write("users", "DOM:user:Password\n");
  const auto verifier = verifier_of(text_file(path));
  const Exchange right = log_on(*verifier, *with_password("dom\\USER", "Password"));
  EXPECT_EQ(right.principal, "DOM\\user");
  EXPECT_EQ(right.store, "text");
  EXPECT_TRUE(right.same_key);
  EXPECT_EQ(log_on(*verifier, *with_password("DOM\\user", "password")).error, Errc::kLogonDenied);
  EXPECT_EQ(log_on(*verifier, *with_password("DOM\\nobody", "Password")).error,
            Errc::kUnknownAccount);
}

TEST_F(OpenTest, SpecThatCannotBeUnderstood) {
  EXPECT_NE(refusal({{"sql:/x"}}).find("store = sql:/x: no kind of store is called 'sql'"),
            std::string::npos);
  EXPECT_NE(refusal({{"text"}}).find("not an absolute path"), std::string::npos);
  EXPECT_NE(refusal({{"text:users"}}).find("not an absolute path"), std::string::npos);
  EXPECT_NE(refusal({{"lmdb:"}}).find("not an absolute path"), std::string::npos);
  EXPECT_NE(refusal({{""}}), "");
  EXPECT_NE(refusal({{}}), "");
  EXPECT_NE(refusal({{"text:/a", "TEXT:/b"}}), "");
}

TEST_F(OpenTest, ChainAsksTheNextOnlyForUnknownAccounts) {
  const std::string first = directory_.write("first", "DOM:user:first\n");
  const std::string second = directory_.write("second", "DOM:user:second\nDOM:other:second\n");
  const auto verifier = open_verifier({{"text:" + first, "text:" + second}});
  ASSERT_TRUE(verifier);
  EXPECT_TRUE(log_on(**verifier, *with_password("DOM\\user", "first")).same_key);
  EXPECT_EQ(log_on(**verifier, *with_password("DOM\\user", "second")).error, Errc::kLogonDenied);
  EXPECT_TRUE(log_on(**verifier, *with_password("DOM\\other", "second")).same_key);
  EXPECT_EQ(log_on(**verifier, *with_password("DOM\\nobody", "second")).error,
            Errc::kUnknownAccount);
  EXPECT_EQ((*verifier)->host_names(), nullptr);
}

TEST_F(OpenTest, ChainStopsAtAStoreThatCannotBeRead) {
  const std::string second = directory_.write("second", "DOM:user:Password\n");
  for (const std::string kind : {"text:", "lmdb:"}) {
    const auto verifier = open_verifier({{kind + directory_.path("missing"), "text:" + second}});
    ASSERT_TRUE(verifier);
    EXPECT_EQ(log_on(**verifier, *with_password("DOM\\user", "Password")).error, Errc::kStore);
    EXPECT_NE(last_store_fault().find(directory_.path("missing")), std::string::npos);
  }
}

TEST_F(OpenTest, TenWrongPasswordsLockAnAccountAndAnUnknownName) {
  const std::string guessed = unused_name("guessed"), nobody = unused_name("nobody");
  const std::string path = directory_.write("users", ":" + guessed + ":Password\n");
  const auto verifier = open_verifier({{"text:" + path}});
  ASSERT_TRUE(verifier);
  Policy policy;
  policy.lockout_delay = 0;
  for (int i = 0; i < 10; ++i) {
    // The account has no domain: any that the peer claims counts for it.
    const std::string domain = "D" + std::to_string(i);
    EXPECT_EQ(log_on(**verifier, *with_password(domain + "\\" + guessed, "wrong"), policy).error,
              Errc::kLogonDenied);
    EXPECT_EQ(log_on(**verifier, *with_password("DOM\\" + nobody, "wrong"), policy).error,
              Errc::kUnknownAccount);
  }
  EXPECT_EQ(
      log_on(**verifier, *with_password("DOM\\G" + guessed.substr(1), "Password"), policy).error,
      Errc::kAccountLocked);
  EXPECT_EQ(log_on(**verifier, *with_password("DOM\\" + nobody, "wrong"), policy).error,
            Errc::kAccountLocked);
}

TEST_F(OpenTest, ResponderFromFileTakesTheFirstUsableLine) {
  const std::string path = directory_.write(
      "users", "# mine\nnonsense\nnopass:1000:" + std::string(32, 'X') + ":" +
                   std::string(32, 'X') + ":[U          ]:LCT-0:\nDOM:user:Password\nhash:1:" +
                   std::string(32, 'X') + ":" + kHash + ":[U          ]:LCT-0:\nFAR:user:far\n");
  const auto file = text_file(path);
  const auto name = [&](const AccountName& wanted) {
    const auto found = responder_from_file(*file, wanted, false);
    return found ? (*found)->account().domain + "\\" + (*found)->account().user : "none";
  };
  EXPECT_EQ(name({"", ""}), "DOM\\user");
  EXPECT_EQ(name({"USER", ""}), "DOM\\user");
  EXPECT_EQ(name({"user", "far"}), "FAR\\user");
  EXPECT_EQ(name({"", "FAR"}), "FAR\\hash");
  EXPECT_EQ(name({"hash", "ELSEWHERE"}), "ELSEWHERE\\hash");
  EXPECT_EQ(name({"nopass", ""}), "none");
  EXPECT_EQ(name({"user", "ELSEWHERE"}), "none");
  EXPECT_EQ(responder_from_file(*file, {"nobody", ""}, false).error().code, Errc::kNoCredential);
  directory_.write("users", "NEW:someone:else\n");
  EXPECT_EQ(name({"", ""}), "NEW\\someone");
}

// As NTLMv1 does, where both fields bear the same response when there is no LM hash.
TEST_F(OpenTest, ResponderFromFileHasTheLmHashOnlyWhereItIsAskedFor) {
  const std::string lm_hash = "e52cac67419a9a224a3b108f3fa6cb6d";  // [MS-NLMP] 4.2.2.1.1
  const auto file = text_file(directory_.write(
      "users", "DOM:other:Other\nDOM:user:Password\nDOM:long:fifteen letters\nhashes:1:" + lm_hash +
                   ":" + kHash + ":[U          ]:LCT-0:\n"));
  const auto answers_alike = [&](const char* user, bool with_lm) {
    const auto responder = responder_from_file(*file, {user, "DOM"}, with_lm).value();
    const auto response =
        responder->respond({kServer, false, 1, kClient, {}, false, false}).value();
    return response.lm_response == response.nt_response;
  };
  EXPECT_TRUE(answers_alike("user", false));
  EXPECT_FALSE(answers_alike("user", true));
  EXPECT_TRUE(answers_alike("long", true));
  EXPECT_FALSE(answers_alike("hashes", false));
}

TEST_F(OpenTest, ResponderFromFileThatOthersCanRead) {
  const std::string path = directory_.write("users", "DOM:user:Password\n", 0644);
  EXPECT_EQ(responder_from_file(*text_file(path), {}, false).error().code, Errc::kStore);
  EXPECT_NE(last_store_fault().find("0644"), std::string::npos);
}

TEST_F(OpenTest, PasswordAndHashAnswerAlike) {
  const std::string path = directory_.write("users", "DOM:user:Password\n");
  const auto file = text_file(path);
  const auto verifier = verifier_of(file);
  const auto from_hash = responder_from_nt_hash({"user", "DOM"}, kHash);
  ASSERT_TRUE(from_hash);
  EXPECT_TRUE(log_on(*verifier, **from_hash).same_key);
  EXPECT_TRUE(log_on(*verifier, **responder_from_file(*file, {}, false)).same_key);
}

TEST(Responders, HashThatIsNone) {
  for (const std::string& hex :
       {std::string(), kHash.substr(1), kHash + "0", std::string(32, 'g')}) {
    EXPECT_EQ(responder_from_nt_hash({"user", "DOM"}, hex).error().code, Errc::kBadArgument);
  }
}

TEST(Responders, NameOrPasswordThatIsNoText) {
  EXPECT_EQ(responder_from_password({"us\xff", ""}, "x", true).error().code, Errc::kBadName);
  EXPECT_EQ(responder_from_password({"", ""}, "x", true).error().code, Errc::kBadName);
  EXPECT_FALSE(responder_from_password({"user", ""}, "x\xff", true));
  EXPECT_FALSE(responder_from_password({"user", ""}, std::string_view("x\0y", 3), true));
}

TEST(Responders, LmHashOnlyWhereAskedAndPossible) {
  const crypto::ServerChallenge server{};
  const crypto::ClientChallenge client{};
  const auto has_lm = [&](std::string_view password, bool with_lm) {
    const auto responder = responder_from_password({"user", ""}, password, with_lm).value();
    return responder->respond({server, false, 0, client, {}, false, false})->lm_hash.has_value();
  };
  EXPECT_TRUE(has_lm("Password", true));
  EXPECT_TRUE(has_lm("exactly14chars", true));
  EXPECT_FALSE(has_lm("Password", false));
  EXPECT_FALSE(has_lm("fifteen letters", true));
  EXPECT_FALSE(has_lm("p\xc3\xa4ssword", true));
}

// [MS-NLMP] 3.3.1: Z(1) and nothing else.
TEST(Responders, Anonymous) {
  const auto responder = anonymous_responder();
  EXPECT_TRUE(responder->anonymous());
  EXPECT_EQ(responder->account().user, "");
  const crypto::ServerChallenge server{};
  const crypto::ClientChallenge client{};
  const auto response = responder->respond({server, true, 0, client, {}, true, true});
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->nt_response.empty());
  EXPECT_EQ(response->lm_response, Bytes{0});
  EXPECT_EQ(test::to_hex(response->session_base_key.expose()), std::string(32, '0'));
}

}  // namespace
}  // namespace ntlm::store
