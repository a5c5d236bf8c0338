// SPDX-License-Identifier: MIT
#include "wire/av_pairs.h"

#include <gtest/gtest.h>

#include "support/peer.h"
#include "support/vectors.h"

namespace ntlm::test {
namespace {

using namespace wire;

Bytes pair(AvId id, const Bytes& value) {
  Writer writer;
  write_av(writer, id, value);
  return std::move(writer).finish("test").value();
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

const Bytes kEnd(4);

TEST(TargetInfo, EveryPairIsRead) {
  const Bytes list = joined(
      {pair(AvId::kNbDomainName, utf16("D")), pair(AvId::kNbComputerName, utf16("C")),
       pair(AvId::kDnsDomainName, utf16("d.example")),
       pair(AvId::kDnsComputerName, utf16("c.d.example")), pair(AvId::kDnsTreeName, utf16("t")),
       pair(AvId::kFlags, {2, 0, 0, 0}), pair(AvId::kTimestamp, {1, 0, 0, 0, 0, 0, 0, 0}),
       pair(AvId::kSingleHost, Bytes(48)), pair(AvId::kTargetName, utf16("HTTP/c")),
       pair(AvId::kChannelBindings, Bytes(16, 9)), kEnd});
  const auto parsed = parse_target_info(list);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(to_hex(*parsed->nb_computer), to_hex(utf16("C")));
  EXPECT_EQ(parsed->flags, 2u);
  EXPECT_EQ(parsed->timestamp, 1u);
  EXPECT_EQ(to_hex(*parsed->target_name), to_hex(utf16("HTTP/c")));
  EXPECT_EQ((*parsed->channel_bindings)[15], 9);
}

TEST(TargetInfo, WithoutAnEnd) {
  EXPECT_FALSE(parse_target_info({}));
  EXPECT_FALSE(parse_target_info(pair(AvId::kNbDomainName, utf16("D"))));
  EXPECT_FALSE(parse_target_info(Bytes(3)));
  EXPECT_TRUE(parse_target_info(kEnd));
}

TEST(TargetInfo, BytesBehindTheEnd) {
  Bytes sixteen(20);
  EXPECT_TRUE(parse_target_info(sixteen));
  Bytes seventeen(21);
  EXPECT_FALSE(parse_target_info(seventeen));
}

TEST(TargetInfo, ThirtyTwoPairsAreTheMost) {
  for (const std::size_t count : {31u, 32u}) {
    Bytes list;
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes one = pair(static_cast<AvId>(0x100 + i), {});
      list.insert(list.end(), one.begin(), one.end());
    }
    list.insert(list.end(), kEnd.begin(), kEnd.end());
    EXPECT_EQ(parse_target_info(list).has_value(), count == 31);
  }
}

TEST(TargetInfo, OneIdTwice) {
  for (const int id : {1, 2, 3, 4, 5, 9, 0x77}) {
    const Bytes one = pair(static_cast<AvId>(id), utf16("x"));
    EXPECT_FALSE(parse_target_info(joined({one, one, kEnd}))) << id;
  }
}

TEST(TargetInfo, ValueOfAWrongSize) {
  const std::pair<AvId, std::vector<std::size_t>> rows[] = {{AvId::kFlags, {0, 3, 5}},
                                                            {AvId::kTimestamp, {0, 7, 9}},
                                                            {AvId::kChannelBindings, {0, 15, 17}},
                                                            {AvId::kSingleHost, {0, 4, 47}},
                                                            {AvId::kTargetName, {1, 513, 514}},
                                                            {AvId::kNbComputerName, {1, 513, 514}}};
  for (const auto& [id, sizes] : rows) {
    for (const std::size_t size : sizes) {
      EXPECT_FALSE(parse_target_info(joined({pair(id, Bytes(size, 1)), kEnd})))
          << static_cast<int>(id) << " " << size;
    }
  }
}

TEST(TargetInfo, NameThatIsNoUtf16) {
  EXPECT_FALSE(parse_target_info(joined({pair(AvId::kTargetName, {0x00, 0xd8}), kEnd})));
  EXPECT_FALSE(
      parse_target_info(joined({pair(AvId::kTargetName, {0x00, 0xdc, 0x41, 0x00}), kEnd})));
}

TEST(ClientChallenge, OfTheSpecification) {
  const Bytes expected = from_hex(
      "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e000100"
      "0c00530065007200"
      "760065007200000000000000"
      "0000");
  const auto parsed = parse_client_challenge(expected);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->timestamp, 0u);
  EXPECT_EQ(to_hex(parsed->client_challenge), "aaaaaaaaaaaaaaaa");
  const Bytes pairs = joined({pair(AvId::kNbDomainName, utf16("Domain")),
                              pair(AvId::kNbComputerName, utf16("Server")), kEnd});
  EXPECT_EQ(to_hex(write_client_challenge(0, parsed->client_challenge, pairs).value()),
            to_hex(expected));
}

TEST(ClientChallenge, CutAtEveryLength) {
  const Bytes pairs = joined({pair(AvId::kNbDomainName, utf16("Domain")), kEnd});
  const Bytes whole = write_client_challenge(1, {}, pairs).value();
  for (std::size_t size = 0; size + 4 < whole.size(); ++size) {
    EXPECT_FALSE(parse_client_challenge(ByteView(whole).first(size))) << size;
  }
}

}  // namespace
}  // namespace ntlm::test
