// SPDX-License-Identifier: MIT
// Messages at the level of bytes: those of [MS-NLMP] 4.2.2.3 and 4.2.4.3 and of the design's
// section 7.4 parse to what they say, what is parsed is written back byte for byte, and what breaks
// the structure is refused. Whole exchanges with broken messages are in
// tests/abi/bad_input_test.cpp.
#include "wire/messages.h"

#include <gtest/gtest.h>

#include "support/peer.h"
#include "support/vectors.h"

namespace ntlm::test {
namespace {

using namespace wire;

std::string hex(ByteView bytes) { return to_hex(bytes); }

TEST(ChallengeMessage, OfTheSpecificationIsWrittenAndParsed) {
  for (const char* section : {"4.2.2.3", "4.2.4.3"}) {
    const Vectors vectors = Vectors::load("ms-nlmp-4.2-messages.vec");
    const Bytes& expected = vectors.bytes(section, "challenge");
    auto parsed = parse_challenge(expected);
    ASSERT_TRUE(parsed) << section;
    EXPECT_EQ(hex(parsed->server_challenge), "0123456789abcdef");
    EXPECT_EQ(hex(parsed->target_name), hex(utf16("Server")));
    EXPECT_EQ(hex(write_challenge(*parsed).value()), hex(expected));
  }
}

TEST(AuthenticateMessage, OfTheSpecificationParses) {
  const Vectors vectors = Vectors::load("ms-nlmp-4.2-messages.vec");
  auto parsed = parse_authenticate(vectors.bytes("4.2.4.3", "authenticate"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(hex(parsed->user), hex(utf16("User")));
  EXPECT_EQ(hex(parsed->domain), hex(utf16("Domain")));
  EXPECT_EQ(hex(parsed->encrypted_session_key), "c5dad2544fc9799094ce1ce90bc9d03e");
  EXPECT_EQ(hex(parsed->nt_response.first(16)), "68cd0ab851e51c96aabc927bebef6a1c");
  EXPECT_TRUE(parsed->version);
  EXPECT_FALSE(parsed->mic);
}

TEST(AuthenticateMessage, WithMicIsWrittenAsItWasParsed) {
  const Vectors vectors = Vectors::load("ms-nlmp-4.2-messages.vec");
  const Bytes& expected = vectors.bytes("h1", "authenticate");
  auto parsed = parse_authenticate(expected);
  ASSERT_TRUE(parsed);
  ASSERT_TRUE(parsed->mic);
  EXPECT_EQ(hex(*parsed->mic), "5f626ab7ae111db9c0bfd3d43ba8b006");
  EXPECT_EQ(hex(write_authenticate(*parsed).value()), hex(expected));
}

TEST(NegotiateMessage, IsWrittenAsItWasParsed) {
  for (const Bytes& expected :
       {from_hex(
            "4e544c4d5353500001000000978208e2000000000000000000000000000000000a0000000000000f"),
        negotiate_message(kUsualFlags)}) {
    auto parsed = parse_negotiate(expected);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(hex(write_negotiate(*parsed).value()), hex(expected));
  }
}

TEST(NegotiateMessage, SuppliedNamesAreRead) {
  Bytes token = negotiate_message(kUsualFlags | kDomainSupplied | kWorkstationSupplied);
  store16(token, 16, 3);
  store32(token, 20, 40);
  store16(token, 24, 2);
  store32(token, 28, 43);
  for (const char c : std::string("DOMWS")) token.push_back(static_cast<std::uint8_t>(c));
  auto parsed = parse_negotiate(token);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(hex(parsed->domain), "444f4d");
  EXPECT_EQ(hex(parsed->workstation), "5753");
  store32(token, 28, 44);
  EXPECT_FALSE(parse_negotiate(token));
}

TEST(NegotiateMessage, SixteenAndThirtyTwoBytesAreWhole) {
  Bytes token = negotiate_message(kHttpFlags);
  token.resize(32);
  EXPECT_TRUE(parse_negotiate(token));
  token.resize(16);
  EXPECT_TRUE(parse_negotiate(token));
  token.resize(15);
  EXPECT_EQ(parse_negotiate(token).error().code, Errc::kDefectiveMessage);
}

TEST(Message, TypeIsToldApartFromDefect) {
  const Bytes negotiate = negotiate_message(kUsualFlags);
  EXPECT_EQ(parse_authenticate(negotiate).error().code, Errc::kUnexpectedMessage);
  EXPECT_EQ(parse_challenge(negotiate).error().code, Errc::kUnexpectedMessage);
  Bytes lower = negotiate;
  lower[0] = 'n';
  EXPECT_EQ(parse_negotiate(lower).error().code, Errc::kDefectiveMessage);
}

TEST(Message, LongerThanTheCapIsRefused) {
  Bytes token = negotiate_message(kUsualFlags);
  token.resize(kMaxToken);
  EXPECT_TRUE(parse_negotiate(token));
  token.resize(kMaxToken + 1);
  EXPECT_FALSE(parse_negotiate(token));
}

// The header's end is where the first payload begins; nothing but 64, 72 and 88 or behind is one
// (R5).
TEST(AuthenticateMessage, HeaderThatEndsElsewhere) {
  for (std::size_t offset = 60; offset < 100; ++offset) {
    Bytes token(120);
    const Bytes head = from_hex("4e544c4d5353500003000000");
    std::copy(head.begin(), head.end(), token.begin());
    store16(token, 36, 2);
    store32(token, 40, static_cast<std::uint32_t>(offset));
    const bool right = offset == 64 || offset == 72 || offset >= 88;
    auto parsed = parse_authenticate(token);
    EXPECT_EQ(parsed.has_value(), right) << offset;
    if (parsed) {
      EXPECT_EQ(parsed->version.has_value(), offset >= 72);
      EXPECT_EQ(parsed->mic.has_value(), offset >= 88);
    }
  }
}

TEST(AuthenticateMessage, FieldsThatOverlap) {
  Bytes token(120);
  const Bytes head = from_hex("4e544c4d5353500003000000");
  std::copy(head.begin(), head.end(), token.begin());
  store16(token, 36, 8);
  store32(token, 40, 88);
  store16(token, 44, 8);
  store32(token, 48, 96);
  EXPECT_TRUE(parse_authenticate(token));
  store32(token, 48, 95);
  EXPECT_FALSE(parse_authenticate(token));
}

TEST(ChallengeMessage, TargetInfoPastEnd) {
  const Vectors vectors = Vectors::load("ms-nlmp-4.2-messages.vec");
  Bytes token = vectors.bytes("4.2.4.3", "challenge");
  store16(token, 40, 0xffff);
  EXPECT_FALSE(parse_challenge(token));
  for (std::size_t size = 0; size < token.size(); ++size) {
    EXPECT_FALSE(parse_challenge(ByteView(token).first(size))) << size;
  }
}

TEST(AuthenticateMessage, LongerThanTheCapIsNotWritten) {
  const Bytes large(3000);
  AuthenticateMessage message;
  message.nt_response = large;
  EXPECT_FALSE(write_authenticate(message));
}

}  // namespace
}  // namespace ntlm::test
