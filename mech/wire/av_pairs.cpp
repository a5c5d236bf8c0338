// SPDX-License-Identifier: MIT
#include "wire/av_pairs.h"

#include <algorithm>

#include "base/text.h"

namespace ntlm::wire {
namespace {

constexpr std::size_t kMaxPairs = 32;
constexpr std::size_t kMaxName = 512;
constexpr std::size_t kMaxBehindEol = 16;
constexpr std::size_t kSingleHostSize = 48;
constexpr const char* kWhere = "TargetInfo";

// Each setter takes one value of its id and says whether its size and shape are right.
bool set_name(std::optional<ByteView>& name, ByteView value) {
  name = value;
  return value.size() <= kMaxName && valid_utf16le(value);
}

bool set_pair(TargetInfo& out, AvId id, ByteView value) {
  Reader reader(value);
  switch (id) {
    case AvId::kNbComputerName:
      return set_name(out.nb_computer, value);
    case AvId::kNbDomainName:
      return set_name(out.nb_domain, value);
    case AvId::kDnsComputerName:
      return set_name(out.dns_computer, value);
    case AvId::kDnsDomainName:
      return set_name(out.dns_domain, value);
    case AvId::kDnsTreeName:
      return set_name(out.dns_tree, value);
    case AvId::kTargetName:
      return set_name(out.target_name, value);
    case AvId::kFlags:
      out.flags = reader.u32();
      return reader.ok() && reader.at_end();
    case AvId::kTimestamp:
      out.timestamp = reader.u64();
      return reader.ok() && reader.at_end();
    case AvId::kSingleHost:
      out.single_host = value;
      return value.size() >= kSingleHostSize;
    case AvId::kChannelBindings:
      out.channel_bindings = reader.take<16>();
      return reader.ok() && reader.at_end();
    case AvId::kEol:
      return value.empty();
  }
  return true;  // an id that we do not know
}

}  // namespace

Result<TargetInfo> parse_target_info(ByteView bytes) {
  Reader reader(bytes);
  TargetInfo out;
  std::array<std::uint16_t, kMaxPairs> seen{};
  for (std::size_t count = 0; count < kMaxPairs; ++count) {
    const std::uint16_t id = reader.u16();
    const ByteView value = reader.take(reader.u16());
    if (!reader.ok() || !set_pair(out, static_cast<AvId>(id), value)) {
      return fail(Errc::kDefectiveMessage, kWhere);
    }
    if (static_cast<AvId>(id) == AvId::kEol) {
      return reader.remaining() <= kMaxBehindEol ? Result<TargetInfo>(out)
                                                 : fail(Errc::kDefectiveMessage, kWhere);
    }
    // A second pair of one id would let two readers see two things (CVE-2019-1166).
    const auto end = seen.begin() + static_cast<std::ptrdiff_t>(count);
    if (std::find(seen.begin(), end, id) != end) {
      return fail(Errc::kDefectiveMessage, "TargetInfo.Duplicate");
    }
    seen[count] = id;
  }
  return fail(Errc::kDefectiveMessage, "TargetInfo.TooMany");
}

void write_av(Writer& writer, AvId id, ByteView value) {
  if (value.size() > 0xffff) {
    writer.fail();
    return;
  }
  writer.u16(static_cast<std::uint16_t>(id));
  writer.u16(static_cast<std::uint16_t>(value.size()));
  writer.bytes(value);
}

void write_av_eol(Writer& writer) { write_av(writer, AvId::kEol, {}); }

// [MS-NLMP] 2.2.2.7
Result<ClientChallengeV2> parse_client_challenge(ByteView temp) {
  Reader reader(temp);
  const std::array<std::uint8_t, 2> types{1, 1};
  reader.expect(types);
  reader.skip(6);
  ClientChallengeV2 out;
  out.timestamp = reader.u64();
  out.client_challenge = reader.take<8>();
  reader.skip(4);
  TRY_VOID(reader.finish("NTLMv2_CLIENT_CHALLENGE"));
  TRY(out.target_info, parse_target_info(reader.take(reader.remaining())));
  return out;
}

Result<Bytes> write_client_challenge(std::uint64_t timestamp,
                                     const std::array<std::uint8_t, 8>& client_challenge,
                                     ByteView av_pairs) {
  Writer writer(32 + av_pairs.size());
  writer.u16(0x0101);
  writer.zeros(6);
  writer.u64(timestamp);
  writer.bytes(client_challenge);
  writer.zeros(4);
  writer.bytes(av_pairs);
  writer.zeros(4);  // [MS-NLMP] 3.3.2: temp ends with Z(4)
  return std::move(writer).finish("NTLMv2_CLIENT_CHALLENGE");
}

}  // namespace ntlm::wire
