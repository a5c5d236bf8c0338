// SPDX-License-Identifier: MIT
// Names as bytes for another process or an access list: token id, length of the OID's DER form and
// itself, length of the name and itself, all as RFC 2743 3.2 says; then our own content, and in the
// composite form what is known of the name.
#include "abi/boundary.h"
#include "abi/mechanism.h"
#include "abi/name.h"

namespace ntlm::abi {
namespace {

using Kind = NameObject::Kind;

std::uint32_t big_endian(ByteView bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) {
    value = value << 8 | byte;
  }
  return value;
}

void write_big_endian(SecretWriter& writer, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    writer.u8(static_cast<std::uint8_t>(value >> shift));
  }
}

// Without the two bytes of tag and length that make its DER form.
ByteView oid_content() {
  return {static_cast<const std::uint8_t*>(mechanism_oid()->elements), mechanism_oid()->length};
}

Result<SecretBytes> exported(const NameObject& name, ExportForm form) {
  SecretWriter inner;
  write_name(inner, name);
  TRY(const SecretBytes content, std::move(inner).finish("export name"));
  SecretWriter out(0, 1u << 20);
  const ByteView oid = oid_content();
  write_big_endian(out, static_cast<std::uint16_t>(form), 2);
  write_big_endian(out, static_cast<std::uint32_t>(oid.size() + 2), 2);
  out.u8(0x06);
  out.u8(static_cast<std::uint8_t>(oid.size()));
  out.bytes(oid);
  write_big_endian(out, static_cast<std::uint32_t>(content.size()), 4);
  out.bytes(content);
  if (form == ExportForm::kComposite) {
    protocol::write_attributes(out, attributes_of(name));
  }
  return std::move(out).finish("export name");
}

Status export_name(gss_name_t input_name, ExportForm form, gss_buffer_t exported_name) {
  TRY(const auto* name, borrow_name(input_name));
  TRY(const SecretBytes token, exported(*name, form));
  TRY(auto out, OutputBuffer::copy(ByteView(token)));
  std::move(out).give(exported_name);
  return {};
}

}  // namespace

void write_name(SecretWriter& writer, const NameObject& name) {
  const bool service = name.kind == Kind::kService;
  writer.u8(static_cast<std::uint8_t>(name.kind));
  writer.text(service ? name.service.service : name.account.domain);
  writer.text(service ? name.service.host : name.account.user);
}

Result<void> read_name(Reader& reader, NameObject& name) {
  const std::uint8_t kind = reader.u8();
  std::string first(reader.text(protocol::kMaxText));
  std::string second(reader.text(protocol::kMaxText));
  if (!reader.ok() || kind > static_cast<std::uint8_t>(Kind::kAnonymous)) {
    return fail(Errc::kDefectiveExport, "name");
  }
  name.kind = static_cast<Kind>(kind);
  switch (name.kind) {
    case Kind::kAccount:
      name.account = {std::move(second), std::move(first)};
      return protocol::check_account(name.account);
    case Kind::kService: {
      TRY(name.service, protocol::parse_service(second.empty() ? first : first + '@' + second));
      return {};
    }
    case Kind::kAnonymous:
      return {};
  }
  return fail(Errc::kDefectiveExport, "name");
}

// What comes back is a claim: `proven` stays false, and so do its attributes.
Result<void> read_exported(NameObject& name, ByteView token, ExportForm form) {
  Reader reader(token);
  const ByteView oid = oid_content();
  if (big_endian(reader.take(2)) != static_cast<std::uint16_t>(form) ||
      big_endian(reader.take(2)) != oid.size() + 2 || reader.u8() != 0x06 ||
      reader.u8() != oid.size()) {
    return fail(Errc::kBadName, "export name");
  }
  reader.expect(oid);
  Reader inner(reader.take(big_endian(reader.take(4))));
  if (!read_name(inner, name) || !inner.at_end()) {
    return fail(Errc::kBadName, "export name");
  }
  if (form == ExportForm::kComposite) {
    name.attributes =
        std::make_shared<const protocol::Attributes>(protocol::read_attributes(reader));
  }
  if (!reader.ok() || !reader.at_end()) {
    return fail(Errc::kBadName, "export name");
  }
  return {};
}

}  // namespace ntlm::abi

using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_export_name(OM_uint32* minor_status, gss_name_t input_name,
                          gss_buffer_t exported_name) {
  clear(exported_name);
  return guard(minor_status,
               [&] { return export_name(input_name, ExportForm::kPlain, exported_name); });
}

OM_uint32 gss_export_name_composite(OM_uint32* minor_status, gss_name_t input_name,
                                    gss_buffer_t exported_name) {
  clear(exported_name);
  return guard(minor_status,
               [&] { return export_name(input_name, ExportForm::kComposite, exported_name); });
}

}  // extern "C"
