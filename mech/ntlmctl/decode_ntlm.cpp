// SPDX-License-Identifier: MIT
// The three messages of [MS-NLMP] 2.2.1 as somebody sent them.
#include <array>
#include <ctime>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "ntlmctl/decode.h"
#include "wire/av_pairs.h"
#include "wire/messages.h"

namespace ntlm::ntlmctl {
namespace {

using wire::NegotiateFlags;

struct NamedFlag {
  NegotiateFlags bit;
  const char* name;
};
// [MS-NLMP] 2.2.2.5, from the lowest bit; what is not here is reserved.
constexpr std::array kFlagNames{
    NamedFlag{wire::kUnicode, "UNICODE"},
    NamedFlag{wire::kOem, "OEM"},
    NamedFlag{wire::kRequestTarget, "REQUEST_TARGET"},
    NamedFlag{wire::kSign, "SIGN"},
    NamedFlag{wire::kSeal, "SEAL"},
    NamedFlag{wire::kDatagram, "DATAGRAM"},
    NamedFlag{wire::kLmKey, "LM_KEY"},
    NamedFlag{wire::kNtlm, "NTLM"},
    NamedFlag{wire::kAnonymous, "ANONYMOUS"},
    NamedFlag{wire::kDomainSupplied, "OEM_DOMAIN_SUPPLIED"},
    NamedFlag{wire::kWorkstationSupplied, "OEM_WORKSTATION_SUPPLIED"},
    NamedFlag{wire::kLocalCall, "LOCAL_CALL"},
    NamedFlag{wire::kAlwaysSign, "ALWAYS_SIGN"},
    NamedFlag{wire::kTargetTypeDomain, "TARGET_TYPE_DOMAIN"},
    NamedFlag{wire::kTargetTypeServer, "TARGET_TYPE_SERVER"},
    NamedFlag{wire::kEss, "EXTENDED_SESSIONSECURITY"},
    NamedFlag{wire::kIdentify, "IDENTIFY"},
    NamedFlag{wire::kNonNtSessionKey, "NON_NT_SESSION_KEY"},
    NamedFlag{wire::kTargetInfo, "TARGET_INFO"},
    NamedFlag{wire::kVersion, "VERSION"},
    NamedFlag{wire::k128, "128"},
    NamedFlag{wire::kKeyExchange, "KEY_EXCH"},
    NamedFlag{wire::k56, "56"},
};

void describe_flags(Report& report, NegotiateFlags flags) {
  std::string names;
  NegotiateFlags unknown = flags;
  for (const NamedFlag& flag : kFlagNames) {
    if ((flags & flag.bit) == 0) continue;
    names += std::string(names.empty() ? "" : " ") + flag.name;
    unknown &= ~flag.bit;
  }
  report.line("Flags: {:#010x} {}", flags, names);
  if (unknown != 0) report.odd("reserved flags {:#010x} are set", unknown);
  if ((flags & (wire::kUnicode | wire::kOem)) == 0) report.odd("neither UNICODE nor OEM");
  if ((flags & wire::kEss) == 0)
    report.odd("no extended session security: NTLMv1's weak keys and signatures");
  if ((flags & wire::k128) == 0) report.odd("no 128-bit keys");
}

std::string text(ByteView bytes, bool unicode) {
  if (bytes.empty()) return "\"\"";
  if (!unicode)
    return "\"" + escaped({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, 300) + "\"";
  const auto utf8 = utf8_from_utf16le(bytes);
  return utf8 ? "\"" + escaped(*utf8, 300) + "\"" : "not UTF-16: " + hex(bytes);
}

// A message's fields: where each lies, and what lies where no field is.
class Fields {
 public:
  Fields(Report& report, ByteView message, std::size_t header_end)
      : report_(report), message_(message), header_end_(header_end) {}

  // The contents of the field at `position` of the header; empty when they are not within the
  // message.
  ByteView contents(const char* name, std::size_t position) {
    Reader reader(message_);
    reader.skip(position);
    const std::uint16_t length = reader.u16();
    const std::uint16_t allocated = reader.u16();
    const std::uint32_t offset = reader.u32();
    if (!reader.ok()) {
      report_.odd("{}: the message ends before it", name);
      return {};
    }
    if (allocated != length && length != 0)
      report_.odd("{}: length {}, maximum length {}", name, length, allocated);
    if (length == 0) return {};
    if (offset > message_.size() || length > message_.size() - offset) {
      report_.odd("{}: {} bytes at {} of a message of {}", name, length, offset, message_.size());
      return {};
    }
    if (offset < header_end_) report_.odd("{}: it begins at {}, within the header", name, offset);
    for (const auto& [other, begin, end] : taken_) {
      if (offset < end && offset + length > begin)
        report_.odd("{}: shares bytes with {}", name, other);
    }
    taken_.push_back({name, offset, offset + length});
    return message_.subspan(offset, length);
  }

  // Where the first field's contents begin: the header's real end. The message's size when all are
  // empty.
  std::size_t lowest() const {
    std::size_t lowest = message_.size();
    for (const Place& place : taken_) lowest = std::min(lowest, place.begin);
    return lowest;
  }

 private:
  struct Place {
    const char* name;
    std::size_t begin;
    std::size_t end;
  };
  Report& report_;
  ByteView message_;
  std::size_t header_end_;
  std::vector<Place> taken_;
};

NegotiateFlags flags_at(ByteView message, std::size_t position) {
  Reader reader(message);
  reader.skip(position);
  return reader.u32();
}

void describe_version(Report& report, ByteView message, std::size_t position, bool flagged,
                      std::size_t header_end) {
  if (!flagged) return;
  if (header_end < position + 8 || message.size() < position + 8) {
    report.line("Version: flagged, and not there (as curl does)");
    return;
  }
  const ByteView version = message.subspan(position, 8);
  report.line("Version: {}.{} build {}, NTLM revision {}", version[0], version[1],
              version[2] | version[3] << 8, version[7]);
}

std::string moment(std::uint64_t ticks) {
  constexpr std::uint64_t kSecondsTo1970 = 11644473600;  // from 1601-01-01
  const auto seconds =
      static_cast<std::time_t>(ticks / 10'000'000) - static_cast<std::time_t>(kSecondsTo1970);
  std::tm utc{};
  char date[64];
  if (gmtime_r(&seconds, &utc) == nullptr ||
      std::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &utc) == 0) {
    return fmt::format("{} ticks", ticks);
  }
  return fmt::format("{}.{:07} UTC", date, ticks % 10'000'000);
}

struct NamedPair {
  wire::AvId id;
  const char* name;
};
constexpr std::array kPairNames{
    NamedPair{wire::AvId::kNbComputerName, "NbComputerName"},
    NamedPair{wire::AvId::kNbDomainName, "NbDomainName"},
    NamedPair{wire::AvId::kDnsComputerName, "DnsComputerName"},
    NamedPair{wire::AvId::kDnsDomainName, "DnsDomainName"},
    NamedPair{wire::AvId::kDnsTreeName, "DnsTreeName"},
    NamedPair{wire::AvId::kFlags, "Flags"},
    NamedPair{wire::AvId::kTimestamp, "Timestamp"},
    NamedPair{wire::AvId::kSingleHost, "SingleHost"},
    NamedPair{wire::AvId::kTargetName, "TargetName"},
    NamedPair{wire::AvId::kChannelBindings, "ChannelBindings"},
};

void describe_pair(Report& report, std::uint16_t id, ByteView value) {
  const char* name = nullptr;
  for (const NamedPair& pair : kPairNames) {
    if (static_cast<std::uint16_t>(pair.id) == id) name = pair.name;
  }
  if (name == nullptr) {
    report.odd("AV pair {}: {}", id, hex(value));
    return;
  }
  switch (static_cast<wire::AvId>(id)) {
    case wire::AvId::kFlags: {
      const std::uint32_t flags = Reader(value).u32();
      report.line("{}: {:#x}{}{}{}", name, flags,
                  (flags & wire::kAvFlagConstrained) != 0 ? " CONSTRAINED" : "",
                  (flags & wire::kAvFlagMicPresent) != 0 ? " MIC_PRESENT" : "",
                  (flags & wire::kAvFlagUntrustedTarget) != 0 ? " UNTRUSTED_TARGET" : "");
      break;
    }
    case wire::AvId::kTimestamp:
      report.line("{}: {}", name, moment(Reader(value).u64()));
      break;
    case wire::AvId::kSingleHost:
    case wire::AvId::kChannelBindings:
      report.line("{}: {}", name, hex(value));
      break;
    case wire::AvId::kEol:
    case wire::AvId::kNbComputerName:
    case wire::AvId::kNbDomainName:
    case wire::AvId::kDnsComputerName:
    case wire::AvId::kDnsDomainName:
    case wire::AvId::kDnsTreeName:
    case wire::AvId::kTargetName:
      report.line("{}: {}", name, text(value, true));
      break;
  }
}

// Pairs up to the one that ends them, whatever is wrong with them; the strict parser says what.
void describe_pairs(Report& report, ByteView bytes) {
  const Report::Indented deeper(report);
  Reader reader(bytes);
  for (;;) {
    const std::uint16_t id = reader.u16();
    const ByteView value = reader.take(reader.u16());
    if (!reader.ok()) {
      report.odd("the pairs end without an end");
      return;
    }
    if (id == static_cast<std::uint16_t>(wire::AvId::kEol)) break;
    describe_pair(report, id, value);
  }
  const ByteView rest = bytes.subspan(reader.position());
  if (!rest.empty() && rest.size() != 4)
    report.odd("{} bytes behind the last pair: {}", rest.size(), hex(rest, 16));
}

void describe_negotiate(Report& report, ByteView message) {
  const NegotiateFlags flags = flags_at(message, 12);
  describe_flags(report, flags);
  Fields fields(report, message, 16);
  if (message.size() < 32) {
    report.line("no fields (a message of {} bytes)", message.size());
    return;
  }
  const ByteView domain = fields.contents("DomainName", 16);
  const ByteView workstation = fields.contents("Workstation", 24);
  describe_version(report, message, 32, (flags & wire::kVersion) != 0, fields.lowest());
  report.line("DomainName: {}", text(domain, false));
  report.line("Workstation: {}", text(workstation, false));
}

void describe_challenge(Report& report, ByteView message) {
  const NegotiateFlags flags = flags_at(message, 20);
  describe_flags(report, flags);
  Fields fields(report, message, 32);
  const ByteView target = fields.contents("TargetName", 12);
  const ByteView info =
      (flags & wire::kTargetInfo) != 0 ? fields.contents("TargetInfo", 40) : ByteView();
  describe_version(report, message, 48, (flags & wire::kVersion) != 0, fields.lowest());
  report.line("TargetName: {}", text(target, (flags & wire::kUnicode) != 0));
  Reader reader(message);
  reader.skip(24);
  report.line("ServerChallenge: {}", hex(reader.take(8)));
  if (info.empty()) {
    report.odd("no target information: NTLMv2 has no MIC and no channel bindings then");
    return;
  }
  report.line("TargetInfo: {} bytes", info.size());
  describe_pairs(report, info);
  const auto parsed = wire::parse_target_info(info);
  if (parsed && !parsed->timestamp) report.odd("no timestamp: clients send no MIC then");
}

void describe_nt_response(Report& report, ByteView response, NegotiateFlags flags) {
  constexpr std::size_t kV1Size = 24;
  constexpr std::size_t kProofSize = 16;
  if (response.empty()) {
    report.line("NtResponse: none: an anonymous login");
  } else if (response.size() == kV1Size) {
    report.line("NtResponse: {}", hex(response));
    report.odd("{}: quickly guessed from",
               (flags & wire::kEss) != 0 ? "NTLM2 session response" : "NTLMv1 response");
  } else if (response.size() < kProofSize + 28) {
    report.odd("NtResponse of {} bytes is neither NTLMv1's nor NTLMv2's: {}", response.size(),
               hex(response));
  } else {
    report.line("NtResponse: NTLMv2, {} bytes", response.size());
    const Report::Indented deeper(report);
    report.line("NTProofStr: {}", hex(response.first(kProofSize)));
    Reader reader(response);
    reader.skip(kProofSize);
    const std::uint8_t version = reader.u8();
    const std::uint8_t highest = reader.u8();
    if (version != 1 || highest != 1)
      report.odd("response version {}, highest {}", version, highest);
    reader.skip(6);
    report.line("TimeStamp: {}", moment(reader.u64()));
    report.line("ClientChallenge: {}", hex(reader.take(8)));
    reader.skip(4);
    describe_pairs(report, response.subspan(reader.position()));
  }
}

void describe_mic(Report& report, ByteView message, std::size_t header_end, ByteView response) {
  const auto challenge = response.size() > 16
                             ? wire::parse_client_challenge(response.subspan(16))
                             : Result<wire::ClientChallengeV2>(fail(Errc::kDefectiveMessage, ""));
  const bool flagged =
      challenge && (challenge->target_info.flags.value_or(0) & wire::kAvFlagMicPresent) != 0;
  const bool room = header_end >= wire::kMicOffset + wire::kMicSize && message.size() >= header_end;
  if (room) {
    report.line("MIC: {}{}", hex(message.subspan(wire::kMicOffset, wire::kMicSize)),
                flagged ? "" : " (not flagged: nobody checks it)");
  }
  if (flagged && !room) report.odd("a MIC is flagged, and there is no room for one");
  if (!flagged) report.odd("no MIC: flags and channel bindings can be changed on the way");
}

void describe_authenticate(Report& report, ByteView message) {
  const NegotiateFlags flags = flags_at(message, 60);
  const bool unicode = (flags & wire::kUnicode) != 0;
  describe_flags(report, flags);
  Fields fields(report, message, 52);
  const ByteView lm = fields.contents("LmResponse", 12);
  const ByteView nt = fields.contents("NtResponse", 20);
  const ByteView domain = fields.contents("DomainName", 28);
  const ByteView user = fields.contents("UserName", 36);
  const ByteView workstation = fields.contents("Workstation", 44);
  const ByteView key = fields.contents("EncryptedRandomSessionKey", 52);
  describe_version(report, message, 64, (flags & wire::kVersion) != 0, fields.lowest());
  report.line("DomainName: {}", text(domain, unicode));
  report.line("UserName: {}", text(user, unicode));
  report.line("Workstation: {}", text(workstation, unicode));
  report.line("LmResponse: {}", hex(lm));
  describe_nt_response(report, nt, flags);
  report.line("EncryptedRandomSessionKey: {}", hex(key));
  if ((flags & wire::kKeyExchange) != 0 && key.size() != 16) {
    report.odd("KEY_EXCH is flagged, and the key has {} bytes", key.size());
  }
  if (!nt.empty()) describe_mic(report, message, fields.lowest(), nt);
}

}  // namespace

void describe_ntlm(Report& report, ByteView token) {
  const auto type = wire::message_type(token);
  if (!type) {
    report.odd("neither NTLM nor SPNEGO: {}", hex(token, 16));
    return;
  }
  constexpr std::array<const char*, 4> kNames{"", "NEGOTIATE", "CHALLENGE", "AUTHENTICATE"};
  report.line("NTLM {}, {} bytes", kNames[static_cast<std::size_t>(*type)], token.size());
  const Report::Indented deeper(report);
  const auto check = [&report](const auto& parsed) {
    if (!parsed) report.odd("the mechanism refuses it: {}", parsed.error().where);
  };
  switch (*type) {
    case wire::MessageType::kNegotiate:
      describe_negotiate(report, token);
      return check(wire::parse_negotiate(token));
    case wire::MessageType::kChallenge:
      describe_challenge(report, token);
      return check(wire::parse_challenge(token));
    case wire::MessageType::kAuthenticate:
      describe_authenticate(report, token);
      return check(wire::parse_authenticate(token));
  }
}

}  // namespace ntlm::ntlmctl
