// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "abi/exchange.h"

namespace ntlm::test {
namespace {

constexpr std::size_t kSignatureSize = 16;

std::string wrapped(Context& context, int conf, std::string_view message, int* state = nullptr) {
  Buffer out;
  gss_buffer_desc in = buffer(message);
  OM_uint32 minor = 0;
  int conf_state = -1;
  EXPECT_EQ(gss_wrap(&minor, context.get(), conf, GSS_C_QOP_DEFAULT, &in, &conf_state, out.out()),
            GSS_S_COMPLETE);
  if (state != nullptr) {
    *state = conf_state;
  }
  return text(out);
}

OM_uint32 unwrap(Context& context, std::string token, std::string& message, int* state = nullptr) {
  Buffer out;
  gss_buffer_desc in = buffer(token);
  OM_uint32 minor = 0;
  int conf_state = -1;
  const OM_uint32 major = gss_unwrap(&minor, context.get(), &in, out.out(), &conf_state, nullptr);
  if (state != nullptr) {
    *state = conf_state;
  }
  message = text(out);
  return major;
}

std::string mic(Context& context, std::string_view message) {
  Buffer out;
  gss_buffer_desc in = buffer(message);
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_get_mic(&minor, context.get(), 0, &in, out.out()), GSS_S_COMPLETE);
  return text(out);
}

OM_uint32 verify(Context& context, std::string_view message, std::string_view token) {
  gss_buffer_desc in = buffer(message), signature = buffer(token);
  OM_uint32 minor = 0;
  return gss_verify_mic(&minor, context.get(), &in, &signature, nullptr);
}

gss_iov_buffer_desc piece(OM_uint32 type, std::string& bytes) {
  return {type, {bytes.size(), bytes.data()}};
}
gss_iov_buffer_desc piece(OM_uint32 type) { return {type, GSS_C_EMPTY_BUFFER}; }

using Iov = std::vector<gss_iov_buffer_desc>;
OM_uint32 wrap_iov(Context& context, int conf, Iov& iov, int* state = nullptr) {
  OM_uint32 minor = 0;
  return gss_wrap_iov(&minor, context.get(), conf, GSS_C_QOP_DEFAULT, state, iov.data(),
                      static_cast<int>(iov.size()));
}
OM_uint32 unwrap_iov(Context& context, Iov& iov, int* state = nullptr) {
  OM_uint32 minor = 0;
  return gss_unwrap_iov(&minor, context.get(), state, nullptr, iov.data(),
                        static_cast<int>(iov.size()));
}

class Messages : public testing::Test {
 protected:
  void SetUp() override {
    auto exchange = establish(kProtected);
    ASSERT_TRUE(exchange);
    initiator_ = std::move(exchange->initiator);
    acceptor_ = std::move(exchange->acceptor);
  }
  Accounts accounts_;
  Context initiator_, acceptor_;
};

TEST_F(Messages, SealedBothWays) {
  for (int round = 0; round < 3; ++round) {
    for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 1000U, 70000U}) {
      const std::string message(size, 'm');
      std::string out;
      int state = 0;
      std::string token = wrapped(initiator_, 1, message, &state);
      EXPECT_EQ(state, 1);
      EXPECT_EQ(token.size(), size + kSignatureSize);
      EXPECT_EQ(size > 60 && token.find(message.substr(0, 60)) != std::string::npos, false);
      ASSERT_EQ(unwrap(acceptor_, token, out, &state), GSS_S_COMPLETE);
      EXPECT_EQ(out, message);
      EXPECT_EQ(state, 1);
      ASSERT_EQ(unwrap(initiator_, wrapped(acceptor_, 1, message), out), GSS_S_COMPLETE);
      EXPECT_EQ(out, message);
    }
  }
}

TEST_F(Messages, NotSealedIsNotSealedAndSaysSo) {
  std::string out;
  int state = 1;
  const std::string token = wrapped(initiator_, 0, "in the clear", &state);
  EXPECT_EQ(state, 0);
  EXPECT_EQ(token.substr(kSignatureSize), "in the clear");
  state = 1;
  ASSERT_EQ(unwrap(acceptor_, token, out, &state), GSS_S_COMPLETE);
  EXPECT_EQ(out, "in the clear");
  EXPECT_EQ(state, 0);
  ASSERT_EQ(unwrap(acceptor_, wrapped(initiator_, 1, "sealed again"), out, &state), GSS_S_COMPLETE);
  EXPECT_EQ(state, 1);
}

TEST_F(Messages, WhereOnlySigningWasAgreedNothingIsSealed) {
  Credential credential;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_ntlm, GSS_C_INITIATE,
                             credential.out(), nullptr, nullptr),
            GSS_S_COMPLETE);
  gss_OID_desc option{6, const_cast<char*>("\x2a\x85\x70\x2b\x0d\x1d")};
  gss_buffer_desc nothing = GSS_C_EMPTY_BUFFER;
  ASSERT_EQ(gss_set_cred_option(&minor, &credential.get(), &option, &nothing), GSS_S_COMPLETE);
  auto exchange = establish(GSS_C_INTEG_FLAG, credential.get());
  ASSERT_TRUE(exchange);
  EXPECT_EQ(exchange->acceptor_flags & kProtected, OM_uint32{GSS_C_INTEG_FLAG});
  int state = 1;
  const std::string token = wrapped(exchange->initiator, 1, "readable", &state);
  EXPECT_EQ(state, 0);
  EXPECT_EQ(token.substr(kSignatureSize), "readable");
  std::string out;
  ASSERT_EQ(unwrap(exchange->acceptor, token, out, &state), GSS_S_COMPLETE);
  EXPECT_EQ(out, "readable");
  EXPECT_EQ(state, 0);
}

// docs/decisions/0014: as Active Directory's LDAP does, and whoever speaks to it.
TEST_F(Messages, LdapIsSealedWhereOnlySigningWasAgreedAndAnswersSo) {
  auto exchange = establish(GSS_C_INTEG_FLAG, GSS_C_NO_CREDENTIAL, GSS_C_NO_CREDENTIAL, nullptr,
                            nullptr, "ldap@host.test.example");
  ASSERT_TRUE(exchange);
  EXPECT_EQ(exchange->initiator_flags & GSS_C_CONF_FLAG, 0U);
  EXPECT_EQ(exchange->acceptor_flags & GSS_C_CONF_FLAG, 0U);
  const auto pass = [](Context& from, Context& to, int expected) {
    int state = -1;
    std::string out;
    const std::string token = wrapped(from, 0, "a request", &state);
    EXPECT_EQ(state, expected);
    EXPECT_EQ(token.substr(kSignatureSize) == "a request", expected == 0);
    EXPECT_EQ(unwrap(to, token, out, &state), GSS_S_COMPLETE);
    EXPECT_EQ(out, "a request");
    EXPECT_EQ(state, expected);
  };
  pass(exchange->acceptor, exchange->initiator, 0);  // it cannot know yet
  for (int round = 0; round < 3; ++round) {
    pass(exchange->initiator, exchange->acceptor, 1);
    pass(exchange->acceptor, exchange->initiator, 1);
  }
  std::string out;
  std::string token = wrapped(exchange->initiator, 0, "a request");
  token.back() ^= 1;
  EXPECT_EQ(unwrap(exchange->acceptor, token, out), GSS_S_BAD_SIG);
  token.back() ^= 1;
  EXPECT_EQ(unwrap(exchange->acceptor, token, out), GSS_S_COMPLETE);
}

TEST_F(Messages, S01S04TokensThatAreTooShort) {
  std::string out;
  for (std::size_t size = 1; size < kSignatureSize; ++size) {
    EXPECT_EQ(verify(acceptor_, "x", std::string(size, '\1')), GSS_S_DEFECTIVE_TOKEN) << size;
    EXPECT_EQ(unwrap(acceptor_, std::string(size, '\1'), out), GSS_S_DEFECTIVE_TOKEN) << size;
    EXPECT_EQ(out, "");
  }
  EXPECT_EQ(verify(acceptor_, "x", std::string(17, '\1')), GSS_S_DEFECTIVE_TOKEN);
}

TEST_F(Messages, S02AnyFlippedBitIsRefusedAndTheRightTokenStillPasses) {
  const std::string token = wrapped(initiator_, 1, "message");
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string altered = token;
      altered[i] = static_cast<char>(altered[i] ^ (1 << bit));
      ASSERT_EQ(unwrap(acceptor_, altered, out), GSS_S_BAD_SIG) << i << "." << bit;
      ASSERT_EQ(out, "");
    }
  }
  ASSERT_EQ(unwrap(acceptor_, token, out), GSS_S_COMPLETE);
  EXPECT_EQ(out, "message");
}

TEST_F(Messages, S03ReplayAndOutOfOrder) {
  const std::string first = mic(initiator_, "one"), second = mic(initiator_, "two"),
                    third = mic(initiator_, "three");
  ASSERT_EQ(verify(acceptor_, "one", first), GSS_S_COMPLETE);
  EXPECT_EQ(verify(acceptor_, "one", first), GSS_S_BAD_SIG);
  EXPECT_EQ(verify(acceptor_, "three", third), GSS_S_BAD_SIG);
  EXPECT_EQ(verify(acceptor_, "two", second), GSS_S_COMPLETE);
  EXPECT_EQ(verify(acceptor_, "three", third), GSS_S_COMPLETE);
}

TEST_F(Messages, OnesOwnMessageIsNotThePeers) {
  const std::string token = wrapped(initiator_, 1, "message");
  std::string out;
  EXPECT_EQ(unwrap(initiator_, token, out), GSS_S_BAD_SIG);
  EXPECT_EQ(verify(initiator_, "x", mic(initiator_, "x")), GSS_S_BAD_SIG);
}

TEST_F(Messages, QualityOfProtectionOtherThanDefault) {
  gss_buffer_desc in = buffer("x");
  Buffer out;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_wrap(&minor, initiator_.get(), 1, 5, &in, nullptr, out.out()), GSS_S_BAD_QOP);
  EXPECT_EQ(gss_get_mic(&minor, initiator_.get(), 5, &in, out.out()), GSS_S_BAD_QOP);
}

TEST_F(Messages, SizeLimit) {
  OM_uint32 minor = 0, most = 7;
  ASSERT_EQ(gss_wrap_size_limit(&minor, initiator_.get(), 1, 0, 16380, &most), GSS_S_COMPLETE);
  EXPECT_EQ(most, 16364U);
  EXPECT_EQ(wrapped(initiator_, 1, std::string(most, 'x')).size(), 16380U);
  for (const OM_uint32 room : {0U, 15U, 16U}) {
    ASSERT_EQ(gss_wrap_size_limit(&minor, initiator_.get(), 1, 0, room, &most), GSS_S_COMPLETE);
    EXPECT_EQ(most, 0U);
  }
}

TEST_F(Messages, BuffersApartAreOneTokenTogether) {
  std::string header(16, '\0'), data = "sealed in place", padding(4, 'p'), trailer(4, 't');
  Iov iov = {piece(GSS_IOV_BUFFER_TYPE_HEADER, header), piece(GSS_IOV_BUFFER_TYPE_DATA, data),
             piece(GSS_IOV_BUFFER_TYPE_PADDING, padding),
             piece(GSS_IOV_BUFFER_TYPE_TRAILER, trailer)};
  int state = 0;
  ASSERT_EQ(wrap_iov(initiator_, 1, iov, &state), GSS_S_COMPLETE);
  EXPECT_EQ(state, 1);
  EXPECT_EQ(iov[2].buffer.length, 0U);
  EXPECT_EQ(iov[3].buffer.length, 0U);
  EXPECT_NE(data, "sealed in place");
  std::string out;
  ASSERT_EQ(unwrap(acceptor_, header + data, out), GSS_S_COMPLETE);
  EXPECT_EQ(out, "sealed in place");
}

TEST_F(Messages, TheHeaderMayStandAnywhereAndDataBuffersAreOneStream) {
  std::string one = "first ", two = "second ", three = "third", header(16, '\0');
  Iov iov = {piece(GSS_IOV_BUFFER_TYPE_DATA, one), piece(GSS_IOV_BUFFER_TYPE_DATA, two),
             piece(GSS_IOV_BUFFER_TYPE_EMPTY), piece(GSS_IOV_BUFFER_TYPE_DATA, three),
             piece(GSS_IOV_BUFFER_TYPE_HEADER, header)};
  ASSERT_EQ(wrap_iov(initiator_, 1, iov), GSS_S_COMPLETE);
  std::string out;
  ASSERT_EQ(unwrap(acceptor_, header + one + two + three, out), GSS_S_COMPLETE);
  EXPECT_EQ(out, "first second third");
}

TEST_F(Messages, SignOnlyIsSignedAndNeverChanged) {
  std::string front = "front", data = "secret", back = "back", header(16, '\0');
  Iov iov = {piece(GSS_IOV_BUFFER_TYPE_SIGN_ONLY, front), piece(GSS_IOV_BUFFER_TYPE_DATA, data),
             piece(GSS_IOV_BUFFER_TYPE_SIGN_ONLY, back), piece(GSS_IOV_BUFFER_TYPE_HEADER, header)};
  ASSERT_EQ(wrap_iov(initiator_, 1, iov), GSS_S_COMPLETE);
  EXPECT_EQ(front, "front");
  EXPECT_NE(data, "secret");
  back[0] ^= 1;
  std::string copy = data;
  iov[1] = piece(GSS_IOV_BUFFER_TYPE_DATA, copy);
  EXPECT_EQ(unwrap_iov(acceptor_, iov), GSS_S_BAD_SIG);
  back[0] ^= 1;
  iov[1] = piece(GSS_IOV_BUFFER_TYPE_DATA, data);
  int state = 0;
  ASSERT_EQ(unwrap_iov(acceptor_, iov, &state), GSS_S_COMPLETE);
  EXPECT_EQ(state, 1);
  EXPECT_EQ(data, "secret");
}

TEST_F(Messages, ManyBuffers) {
  std::string header(16, '\0');
  std::vector<std::string> parts;
  for (int i = 0; i < 100; ++i) {
    parts.emplace_back(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
  }
  const std::vector<std::string> plain = parts;
  for (const int conf : {0, 1}) {
    Iov iov = {piece(GSS_IOV_BUFFER_TYPE_HEADER, header)};
    for (auto& part : parts) {
      iov.push_back(piece(GSS_IOV_BUFFER_TYPE_DATA, part));
    }
    ASSERT_EQ(wrap_iov(initiator_, conf, iov), GSS_S_COMPLETE);
    EXPECT_EQ(parts == plain, conf == 0);
    ASSERT_EQ(unwrap_iov(acceptor_, iov), GSS_S_COMPLETE);
    EXPECT_EQ(parts, plain);
  }
}

TEST_F(Messages, AStreamBecomesAViewOrAllocatedData) {
  std::string token = wrapped(initiator_, 1, "as a stream");
  Iov iov = {piece(GSS_IOV_BUFFER_TYPE_STREAM, token), piece(GSS_IOV_BUFFER_TYPE_DATA)};
  ASSERT_EQ(unwrap_iov(acceptor_, iov), GSS_S_COMPLETE);
  EXPECT_EQ(iov[1].buffer.value, token.data() + 16);
  EXPECT_EQ(std::string(static_cast<char*>(iov[1].buffer.value), iov[1].buffer.length),
            "as a stream");

  token = wrapped(initiator_, 1, "as a stream");
  const std::string as_received = token;
  iov = {piece(GSS_IOV_BUFFER_TYPE_STREAM, token),
         piece(GSS_IOV_BUFFER_TYPE_DATA | GSS_IOV_BUFFER_FLAG_ALLOCATE)};
  ASSERT_EQ(unwrap_iov(acceptor_, iov), GSS_S_COMPLETE);
  EXPECT_NE(iov[1].type & GSS_IOV_BUFFER_FLAG_ALLOCATED, 0U);
  EXPECT_EQ(std::string(static_cast<char*>(iov[1].buffer.value), iov[1].buffer.length),
            "as a stream");
  EXPECT_EQ(token, as_received);
  OM_uint32 minor = 0;
  gss_release_iov_buffer(&minor, iov.data(), static_cast<int>(iov.size()));
}

TEST_F(Messages, AllocatedHeader) {
  std::string data = "data";
  Iov iov = {piece(GSS_IOV_BUFFER_TYPE_HEADER | GSS_IOV_BUFFER_FLAG_ALLOCATE),
             piece(GSS_IOV_BUFFER_TYPE_DATA, data),
             piece(GSS_IOV_BUFFER_TYPE_PADDING | GSS_IOV_BUFFER_FLAG_ALLOCATE)};
  ASSERT_EQ(wrap_iov(initiator_, 1, iov), GSS_S_COMPLETE);
  ASSERT_EQ(iov[0].buffer.length, 16U);
  EXPECT_NE(iov[0].type & GSS_IOV_BUFFER_FLAG_ALLOCATED, 0U);
  const std::string token = std::string(static_cast<char*>(iov[0].buffer.value), 16) + data;
  std::string out;
  EXPECT_EQ(unwrap(acceptor_, token, out), GSS_S_COMPLETE);
  OM_uint32 minor = 0;
  gss_release_iov_buffer(&minor, iov.data(), static_cast<int>(iov.size()));
}

TEST_F(Messages, LengthsAskedFirst) {
  std::string data = "data";
  Iov iov = {piece(GSS_IOV_BUFFER_TYPE_HEADER), piece(GSS_IOV_BUFFER_TYPE_DATA, data),
             piece(GSS_IOV_BUFFER_TYPE_PADDING), piece(GSS_IOV_BUFFER_TYPE_TRAILER)};
  iov[2].buffer.length = 77;
  OM_uint32 minor = 0;
  int state = 0;
  ASSERT_EQ(gss_wrap_iov_length(&minor, initiator_.get(), 1, 0, &state, iov.data(), 4),
            GSS_S_COMPLETE);
  EXPECT_EQ(iov[0].buffer.length, 16U);
  EXPECT_EQ(iov[2].buffer.length, 0U);
  EXPECT_EQ(iov[3].buffer.length, 0U);
  EXPECT_EQ(state, 1);
  Iov mic_iov = {piece(GSS_IOV_BUFFER_TYPE_DATA, data), piece(GSS_IOV_BUFFER_TYPE_MIC_TOKEN)};
  ASSERT_EQ(gss_get_mic_iov_length(&minor, initiator_.get(), 0, mic_iov.data(), 2), GSS_S_COMPLETE);
  EXPECT_EQ(mic_iov[1].buffer.length, 16U);
}

TEST_F(Messages, MicOverBuffersApartIsTheMicOfThemTogether) {
  std::string one = "one", two = "two", three = "three";
  for (const bool allocate : {false, true}) {
    std::string room(20, '\0');
    Iov iov = {piece(GSS_IOV_BUFFER_TYPE_DATA, one), piece(GSS_IOV_BUFFER_TYPE_SIGN_ONLY, two),
               piece(GSS_IOV_BUFFER_TYPE_DATA, three),
               allocate ? piece(GSS_IOV_BUFFER_TYPE_MIC_TOKEN | GSS_IOV_BUFFER_FLAG_ALLOCATE)
                        : piece(GSS_IOV_BUFFER_TYPE_MIC_TOKEN, room)};
    OM_uint32 minor = 0;
    ASSERT_EQ(gss_get_mic_iov(&minor, initiator_.get(), 0, iov.data(), 4), GSS_S_COMPLETE);
    ASSERT_EQ(iov[3].buffer.length, 16U);
    EXPECT_EQ(verify(acceptor_, "onetwothree", {static_cast<char*>(iov[3].buffer.value), 16}),
              GSS_S_COMPLETE);
    gss_release_iov_buffer(&minor, iov.data(), 4);
  }
  std::string token = mic(initiator_, "onetwothree");
  Iov iov = {piece(GSS_IOV_BUFFER_TYPE_DATA, one), piece(GSS_IOV_BUFFER_TYPE_DATA, two),
             piece(GSS_IOV_BUFFER_TYPE_DATA, three), piece(GSS_IOV_BUFFER_TYPE_MIC_TOKEN, token)};
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_verify_mic_iov(&minor, acceptor_.get(), nullptr, iov.data(), 4), GSS_S_COMPLETE);
}

TEST_F(Messages, S07LayoutsThatMakeNoSense) {
  std::string header(16, '\0'), shorter(15, '\0'), data = "data",
                                                   token = wrapped(acceptor_, 1, "x");
  const auto kHeader = piece(GSS_IOV_BUFFER_TYPE_HEADER, header);
  const auto kData = piece(GSS_IOV_BUFFER_TYPE_DATA, data);
  const auto kNothing = gss_iov_buffer_desc{GSS_IOV_BUFFER_TYPE_DATA, {1, nullptr}};
  const auto kStream = piece(GSS_IOV_BUFFER_TYPE_STREAM, token);
  const std::vector<Iov> bad_wraps = {{kData},
                                      {},
                                      {kHeader, kHeader, kData},
                                      {piece(GSS_IOV_BUFFER_TYPE_HEADER, shorter), kData},
                                      {piece(GSS_IOV_BUFFER_TYPE_HEADER), kData},
                                      {kHeader, kNothing},
                                      {kHeader, kStream, kData}};
  for (std::size_t i = 0; i < bad_wraps.size(); ++i) {
    Iov iov = bad_wraps[i];
    EXPECT_TRUE(GSS_ERROR(wrap_iov(initiator_, 1, iov))) << i;
    EXPECT_EQ(data, "data");
  }
  const std::vector<Iov> bad_unwraps = {{kData},
                                        {kHeader, kStream, kData},
                                        {kStream},
                                        {kStream, kData, kData},
                                        {kStream, kStream, kData},
                                        {piece(GSS_IOV_BUFFER_TYPE_STREAM, shorter), kData},
                                        {piece(GSS_IOV_BUFFER_TYPE_HEADER, shorter), kData},
                                        {kHeader, kNothing}};
  for (std::size_t i = 0; i < bad_unwraps.size(); ++i) {
    Iov iov = bad_unwraps[i];
    EXPECT_TRUE(GSS_ERROR(unwrap_iov(initiator_, iov))) << i;
  }
  std::string out;
  EXPECT_EQ(unwrap(initiator_, token, out), GSS_S_COMPLETE) << "nothing of this moved the sequence";
  EXPECT_EQ(unwrap(acceptor_, wrapped(initiator_, 1, "y"), out), GSS_S_COMPLETE);
}

TEST_F(Messages, TheMechgluesAeadFormsWork) {
  gss_buffer_desc aside = buffer("aside"), message = buffer("payload");
  Buffer token, out;
  OM_uint32 minor = 0;
  int state = 0;
  ASSERT_EQ(gss_wrap_aead(&minor, initiator_.get(), 1, 0, &aside, &message, &state, token.out()),
            GSS_S_COMPLETE);
  EXPECT_EQ(state, 1);
  gss_buffer_desc other = buffer("other");
  EXPECT_EQ(
      gss_unwrap_aead(&minor, acceptor_.get(), &token.get(), &other, out.out(), &state, nullptr),
      GSS_S_BAD_SIG);
  ASSERT_EQ(
      gss_unwrap_aead(&minor, acceptor_.get(), &token.get(), &aside, out.out(), &state, nullptr),
      GSS_S_COMPLETE);
  EXPECT_EQ(text(out), "payload");
}

std::string pseudo_random(Context& context, std::string_view input, ssize_t size,
                          OM_uint32 expected = GSS_S_COMPLETE) {
  Buffer out;
  gss_buffer_desc in = buffer(input);
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_pseudo_random(&minor, context.get(), GSS_C_PRF_KEY_FULL, &in, size, out.out()),
            expected);
  return text(out);
}

TEST_F(Messages, PseudoRandomOutputIsTheSameOnBothSidesAndForNobodyElse) {
  const std::string one = pseudo_random(initiator_, "label", 100);
  EXPECT_EQ(one.size(), 100U);
  EXPECT_EQ(pseudo_random(acceptor_, "label", 100), one);
  EXPECT_EQ(pseudo_random(acceptor_, "label", 33), one.substr(0, 33));
  EXPECT_NE(pseudo_random(acceptor_, "labem", 100), one);
  auto other = establish(kProtected);
  ASSERT_TRUE(other);
  EXPECT_NE(pseudo_random(other->initiator, "label", 100), one);
  pseudo_random(initiator_, "label", -1, GSS_S_FAILURE);
  pseudo_random(initiator_, "label", ssize_t{1} << 40, GSS_S_FAILURE);
}

TEST_F(Messages, AContextThatIsNotEstablishedProtectsNothing) {
  Context half;
  Name target = import("HTTP@host", GSS_C_NT_HOSTBASED_SERVICE);
  Buffer token, out;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &half.get(), target.get(), &g_ntlm, 0,
                                 0, nullptr, nullptr, nullptr, token.out(), nullptr, nullptr),
            GSS_S_CONTINUE_NEEDED);
  gss_buffer_desc in = buffer("x");
  EXPECT_EQ(gss_wrap(&minor, half.get(), 1, 0, &in, nullptr, out.out()), GSS_S_NO_CONTEXT);
  EXPECT_EQ(gss_get_mic(&minor, half.get(), 0, &in, out.out()), GSS_S_NO_CONTEXT);
  EXPECT_EQ(gss_verify_mic(&minor, half.get(), &in, &in, nullptr), GSS_S_NO_CONTEXT);
}

}  // namespace
}  // namespace ntlm::test
