// SPDX-License-Identifier: MIT
// RFC 4178 and the frame of RFC 2743 3.1, as far as a reader wants to know.
#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "ntlmctl/decode.h"

namespace ntlm::ntlmctl {
namespace {

// One element of DER: its tag and its contents. Lengths of more than three bytes are nobody's.
struct Element {
  std::uint8_t tag = 0;
  ByteView body;
  ByteView whole;
};

// Takes an element off the front; false when there is none, or its length does not fit.
bool take_element(ByteView& bytes, Element& element) {
  if (bytes.size() < 2) return false;
  std::size_t at = 2;
  std::size_t length = bytes[1];
  if (length >= 0x80) {
    const std::size_t count = length - 0x80;
    if (count == 0 || count > 3 || bytes.size() - at < count) return false;
    length = 0;
    for (std::size_t i = 0; i < count; ++i) length = length << 8 | bytes[at++];
  }
  if (bytes.size() - at < length) return false;
  element = {bytes[0], bytes.subspan(at, length), bytes.first(at + length)};
  bytes = bytes.subspan(at + length);
  return true;
}

// The element inside an explicit tag.
bool inside(const Element& outer, std::uint8_t tag, Element& element) {
  ByteView bytes = outer.body;
  return take_element(bytes, element) && element.tag == tag && bytes.empty();
}

std::string dotted(ByteView oid) {
  std::string text;
  std::uint64_t arc = 0;
  bool first = true;
  for (const std::uint8_t byte : oid) {
    arc = arc << 7 | (byte & 0x7f);
    if ((byte & 0x80) != 0) continue;
    text += first ? fmt::format("{}.{}", std::min<std::uint64_t>(arc / 40, 2),
                                arc - 40 * std::min<std::uint64_t>(arc / 40, 2))
                  : fmt::format(".{}", arc);
    first = false;
    arc = 0;
  }
  return text;
}

struct Mechanism {
  std::string_view oid;
  std::string_view name;
};
constexpr std::array kMechanisms{
    Mechanism{"1.3.6.1.5.5.2", "SPNEGO"},
    Mechanism{"1.3.6.1.4.1.311.2.2.10", "NTLM"},
    Mechanism{"1.2.840.113554.1.2.2", "Kerberos"},
    Mechanism{"1.2.840.48018.1.2.2", "Kerberos, as Microsoft once wrote it"},
    Mechanism{"1.2.840.113554.1.2.2.3", "Kerberos user to user"},
    Mechanism{"1.3.6.1.5.2.5", "IAKERB"},
    Mechanism{"1.3.6.1.4.1.311.2.2.30", "NegoEx"},
};

std::string mechanism(ByteView oid) {
  std::string text = dotted(oid);
  for (const Mechanism& known : kMechanisms) {
    if (known.oid == text) return fmt::format("{} ({})", text, known.name);
  }
  return text;
}

void describe_inner(Report& report, const char* name, const Element& field) {
  Element octets;
  if (!inside(field, 0x04, octets)) {
    report.odd("{} is not an OCTET STRING", name);
    return;
  }
  report.line("{}: {} bytes", name, octets.body.size());
  const Report::Indented deeper(report);
  describe_token(report, octets.body);
}

void describe_mic(Report& report, const Element& field) {
  Element element;
  ByteView bytes = field.body;
  if (!take_element(bytes, element)) {
    report.odd("field 3 is not sound");
  } else if (element.tag == 0x04) {
    report.line("mechListMIC: {}", hex(element.body));
  } else {
    report.line("negHints: {} bytes (Microsoft's; nobody reads them)", element.body.size());
  }
}

void describe_mech_types(Report& report, const Element& field) {
  Element list;
  if (!inside(field, 0x30, list)) {
    report.odd("mechTypes is not a SEQUENCE");
    return;
  }
  ByteView bytes = list.body;
  Element oid;
  bool any = false;
  while (take_element(bytes, oid)) {
    if (oid.tag == 0x06) {
      report.line("offers {}{}", mechanism(oid.body), any ? "" : ", preferred");
    } else {
      report.odd("mechTypes holds what is no OID");
    }
    any = true;
  }
  if (!any || !bytes.empty())
    report.odd("mechTypes is {}", any ? "followed by something else" : "empty");
}

void describe_state(Report& report, const Element& field) {
  constexpr std::array<const char*, 4> kStates{"accept-completed", "accept-incomplete", "reject",
                                               "request-mic"};
  Element state;
  if (!inside(field, 0x0a, state) || state.body.size() != 1 || state.body[0] >= kStates.size()) {
    report.odd("negState {} is none", hex(field.body));
    return;
  }
  report.line("negState: {}", kStates[state.body[0]]);
}

void describe_supported(Report& report, const Element& field) {
  Element oid;
  if (inside(field, 0x06, oid)) {
    report.line("supportedMech: {}", mechanism(oid.body));
  } else {
    report.odd("supportedMech is not an OID");
  }
}

void describe_fields(Report& report, bool init, ByteView bytes) {
  Element field;
  while (take_element(bytes, field)) {
    switch (field.tag) {
      case 0xa0:
        init ? describe_mech_types(report, field) : describe_state(report, field);
        break;
      case 0xa1:
        init ? report.line("reqFlags: {}", hex(field.body)) : describe_supported(report, field);
        break;
      case 0xa2:
        describe_inner(report, init ? "mechToken" : "responseToken", field);
        break;
      case 0xa3:
        describe_mic(report, field);
        break;
      default:
        report.odd("a field with the tag {:#x}", field.tag);
    }
  }
  if (!bytes.empty()) report.odd("{} bytes that are no field: {}", bytes.size(), hex(bytes, 16));
}

void describe_negotiation(Report& report, const Element& token) {
  const bool init = token.tag == 0xa0;
  report.line("SPNEGO {}, {} bytes", init ? "NegTokenInit" : "NegTokenResp", token.whole.size());
  const Report::Indented deeper(report);
  Element fields;
  if (!inside(token, 0x30, fields)) {
    report.odd("its contents are not one SEQUENCE");
    return;
  }
  describe_fields(report, init, fields.body);
}

void describe_frame(Report& report, const Element& token) {
  ByteView bytes = token.body;
  Element oid;
  if (!take_element(bytes, oid) || oid.tag != 0x06) {
    report.odd("a GSS-API frame without an OID: {}", hex(token.whole, 16));
    return;
  }
  const std::string name = mechanism(oid.body);
  report.line("GSS-API frame of {}", name);
  const Report::Indented deeper(report);
  Element inner;
  ByteView rest = bytes;
  if (bytes.size() > 2 && bytes[0] == 1 && bytes[1] == 0 &&
      name.find("Kerberos") != std::string::npos) {
    report.line("AP-REQ, {} bytes: a ticket, not NTLM", bytes.size() - 2);
  } else if (take_element(rest, inner) && (inner.tag == 0xa0 || inner.tag == 0xa1)) {
    describe_negotiation(report, inner);
    if (!rest.empty()) report.odd("{} bytes behind it: {}", rest.size(), hex(rest, 16));
  } else {
    if (!bytes.empty() && bytes[0] == 0x60)
      report.line("SPNEGO in another's frame: the bridge's sshd form");
    describe_token(report, bytes);
  }
}

}  // namespace

void describe_spnego(Report& report, ByteView token) {
  constexpr std::uint8_t kFrame = 0x60;
  Element element;
  ByteView bytes = token;
  if (!take_element(bytes, element)) {
    report.odd("DER whose length does not fit {} bytes: {}", token.size(), hex(token, 16));
    return;
  }
  element.tag == kFrame ? describe_frame(report, element) : describe_negotiation(report, element);
  if (!bytes.empty()) report.odd("{} bytes behind the token: {}", bytes.size(), hex(bytes, 16));
}

}  // namespace ntlm::ntlmctl
