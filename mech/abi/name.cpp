// SPDX-License-Identifier: MIT
#include "abi/name.h"

#include <charconv>

#include "abi/boundary.h"
#include "abi/local_user.h"
#include "abi/mechanism.h"
#include "base/text.h"

namespace ntlm::abi {
namespace {

using Kind = NameObject::Kind;

// As Windows shows it; its SID is S-1-5-7.
constexpr const char* kAnonymousText = "NT AUTHORITY\\ANONYMOUS LOGON";

// RFC 2743 3.2 and RFC 6680 7.8: token id, length of the OID's DER form and itself, length of the
// name and itself.
constexpr std::uint16_t kPlainExport = 0x0401;
constexpr std::uint16_t kCompositeExport = 0x0402;

// Lengths that count a terminating NUL are common enough to be read as meant.
std::string_view without_nul(std::string_view text) {
  if (text.ends_with('\0')) {
    text.remove_suffix(1);
  }
  return text;
}

Result<void> set_account(NameObject& name, std::string_view text, bool split_upn) {
  name.kind = Kind::kAccount;
  name.written = without_nul(text);
  TRY(name.account, protocol::parse_account(name.written, split_upn));
  return {};
}

Result<void> set_service(NameObject& name, std::string_view text) {
  name.kind = Kind::kService;
  TRY(name.service, protocol::parse_service(text));
  return {};
}

// "user@REALM", or "service/host@REALM", whose realm NTLM has no use for.
Result<void> set_krb5_principal(NameObject& name, std::string_view text) {
  text = without_nul(text);
  if (text.find('/') == std::string_view::npos) {
    return set_account(name, text, true);
  }
  return set_service(name, text.substr(0, text.rfind('@')));
}

Result<void> set_uid(NameObject& name, uid_t uid) {
  name.kind = Kind::kAccount;
  TRY(name.account.user, user_of(uid));
  return {};
}

Result<void> set_uid_text(NameObject& name, std::string_view text) {
  text = without_nul(text);
  uid_t uid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(Errc::kBadName, "uid");
  }
  return set_uid(name, uid);
}

Result<void> set_uid_bytes(NameObject& name, ByteView bytes) {
  uid_t uid = 0;
  if (bytes.size() != sizeof uid) {
    return fail(Errc::kBadName, "uid");
  }
  std::memcpy(&uid, bytes.data(), sizeof uid);
  return set_uid(name, uid);
}

std::uint32_t big_endian(ByteView bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) {
    value = value << 8 | byte;
  }
  return value;
}

void write_big_endian(Writer& writer, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    writer.u8(static_cast<std::uint8_t>(value >> shift));
  }
}

// The OID's DER form: tag, length, content.
ByteView oid_content() {
  return {static_cast<const std::uint8_t*>(mechanism_oid()->elements), mechanism_oid()->length};
}

Result<Bytes> exported(const NameObject& name, std::uint16_t token_id) {
  Writer inner;
  write_name(inner, name);
  TRY(const Bytes content, std::move(inner).finish("export name"));
  Writer out(0, 1u << 20);
  const ByteView oid = oid_content();
  write_big_endian(out, token_id, 2);
  write_big_endian(out, static_cast<std::uint32_t>(oid.size() + 2), 2);
  out.u8(0x06);
  out.u8(static_cast<std::uint8_t>(oid.size()));
  out.bytes(oid);
  write_big_endian(out, static_cast<std::uint32_t>(content.size()), 4);
  out.bytes(content);
  if (token_id == kCompositeExport) {
    const protocol::Attributes attributes = attributes_of(name);
    out.u32(static_cast<std::uint32_t>(attributes.size()));
    for (const auto& [attribute, value] : attributes) {
      write_text(out, attribute);
      write_text(out, value);
    }
  }
  return std::move(out).finish("export name");
}

// What comes back is a claim: `proven` stays false, and so do its attributes.
Result<void> set_exported(NameObject& name, ByteView token, std::uint16_t token_id) {
  Reader reader(token);
  const ByteView oid = oid_content();
  if (big_endian(reader.take(2)) != token_id) {
    return fail(Errc::kBadName, "export name");
  }
  if (big_endian(reader.take(2)) != oid.size() + 2) {
    return fail(Errc::kBadName, "export name");
  }
  if (reader.u8() != 0x06 || reader.u8() != oid.size()) {
    return fail(Errc::kBadName, "export name");
  }
  reader.expect(oid);
  Reader inner(reader.take(big_endian(reader.take(4))));
  if (!read_name(inner, name) || !inner.at_end()) {
    return fail(Errc::kBadName, "export name");
  }
  if (token_id == kCompositeExport) {
    auto attributes = std::make_shared<protocol::Attributes>();
    for (std::uint32_t left = reader.u32(); left > 0 && reader.ok(); --left) {
      std::string attribute = read_text(reader);
      attributes->emplace_back(std::move(attribute), read_text(reader));
    }
    name.attributes = std::move(attributes);
  }
  if (!reader.ok() || !reader.at_end()) {
    return fail(Errc::kBadName, "export name");
  }
  return {};
}

Status import_name(const gss_buffer_desc* buffer, const gss_OID_desc* type, gss_name_t* output) {
  if (buffer == nullptr || output == nullptr) {
    return GSS_S_FAILURE | GSS_S_CALL_INACCESSIBLE_READ;
  }
  const ByteView bytes = bytes_of(buffer);
  const std::string_view text = text_of(buffer);
  auto name = std::make_unique<NameObject>();
  const auto is = [&](const gss_OID_desc* one) { return same_oid(type, one); };
  Result<void> result;
  if (type == GSS_C_NO_OID || type->length == 0 || is(GSS_C_NT_USER_NAME)) {
    result = set_account(*name, text, true);
  } else if (is(GSS_C_NT_HOSTBASED_SERVICE) || is(GSS_C_NT_HOSTBASED_SERVICE_X)) {
    result = set_service(*name, text);
  } else if (is(GSS_KRB5_NT_ENTERPRISE_NAME)) {
    result = set_account(*name, text, false);
  } else if (is(GSS_KRB5_NT_PRINCIPAL_NAME)) {
    result = set_krb5_principal(*name, text);
  } else if (is(GSS_C_NT_MACHINE_UID_NAME)) {
    result = set_uid_bytes(*name, bytes);
  } else if (is(GSS_C_NT_STRING_UID_NAME)) {
    result = set_uid_text(*name, text);
  } else if (is(GSS_C_NT_ANONYMOUS)) {
    name->kind = Kind::kAnonymous;
  } else if (is(GSS_C_NT_EXPORT_NAME)) {
    result = set_exported(*name, bytes, kPlainExport);
  } else if (is(GSS_C_NT_COMPOSITE_EXPORT)) {
    result = set_exported(*name, bytes, kCompositeExport);
  } else {
    return with_major(GSS_S_BAD_NAMETYPE, Errc::kBadName);
  }
  TRY_VOID(result);
  *output = lend<gss_name_struct>(std::move(name));
  return {};
}

bool same_name(const NameObject& a, const NameObject& b) {
  if (a.kind != b.kind) {
    return false;
  }
  switch (a.kind) {
    case Kind::kAccount:
      return equal_ignoring_case(a.account.user, b.account.user) &&
             equal_ignoring_case(a.account.domain, b.account.domain);
    case Kind::kService:
      return equal_ignoring_case(a.service.service, b.service.service) &&
             equal_ignoring_case(a.service.host, b.service.host);
    case Kind::kAnonymous:
      return false;  // RFC 2743 2.4.3: nobody is nobody else
  }
  return false;
}

Status export_name(gss_name_t input_name, std::uint16_t token_id, gss_buffer_t exported_name) {
  const auto* name = borrow<NameObject>(input_name);
  if (name == nullptr) {
    return Error{Errc::kBadName, "name"};
  }
  TRY(const Bytes token, exported(*name, token_id));
  TRY(auto out, OutputBuffer::copy(ByteView(token)));
  std::move(out).give(exported_name);
  return {};
}

}  // namespace

std::unique_ptr<NameObject> copy_of(const NameObject& name) {
  return std::make_unique<NameObject>(name);
}

std::unique_ptr<NameObject> account_name(const protocol::AccountName& account) {
  auto name = std::make_unique<NameObject>();
  name->account = account;
  return name;
}

std::unique_ptr<NameObject> proven_name(const protocol::Principal& principal,
                                        const protocol::Evidence& evidence) {
  auto name = account_name(principal.account);
  if (principal.anonymous) {
    name->kind = Kind::kAnonymous;
  }
  name->proven = true;
  name->attributes = principal.attributes;
  name->evidence = std::make_shared<const protocol::Evidence>(evidence);
  return name;
}

std::string displayed(const NameObject& name, protocol::DisplayForm form) {
  switch (name.kind) {
    case Kind::kAccount:
      return protocol::display(name.account, form);
    case Kind::kService:
      return name.service.host.empty() ? name.service.service
                                       : name.service.service + '@' + name.service.host;
    case Kind::kAnonymous:
      return kAnonymousText;
  }
  return {};
}

gss_OID name_type(const NameObject& name) {
  switch (name.kind) {
    case Kind::kAccount:
      return GSS_C_NT_USER_NAME;
    case Kind::kService:
      return GSS_C_NT_HOSTBASED_SERVICE;
    case Kind::kAnonymous:
      return GSS_C_NT_ANONYMOUS;
  }
  return GSS_C_NO_OID;
}

void write_text(Writer& writer, std::string_view text) {
  if (text.size() > 0xffff) {
    return writer.fail();
  }
  writer.u16(static_cast<std::uint16_t>(text.size()));
  writer.bytes(bytes_of(text));
}

std::string read_text(Reader& reader) {
  const ByteView bytes = reader.take(reader.u16());
  return {bytes.begin(), bytes.end()};
}

void write_name(Writer& writer, const NameObject& name) {
  const bool service = name.kind == Kind::kService;
  writer.u8(static_cast<std::uint8_t>(name.kind));
  write_text(writer, service ? name.service.service : name.account.domain);
  write_text(writer, service ? name.service.host : name.account.user);
}

Result<void> read_name(Reader& reader, NameObject& name) {
  const std::uint8_t kind = reader.u8();
  std::string first = read_text(reader);
  std::string second = read_text(reader);
  if (!reader.ok() || kind > static_cast<std::uint8_t>(Kind::kAnonymous)) {
    return fail(Errc::kDefectiveExport, "name");
  }
  name.kind = static_cast<Kind>(kind);
  switch (name.kind) {
    case Kind::kAccount:
      name.account = {std::move(second), std::move(first)};
      return protocol::check_account(name.account);
    case Kind::kService:
      return set_service(name, second.empty() ? first : first + '@' + second);
    case Kind::kAnonymous:
      return {};
  }
  return fail(Errc::kDefectiveExport, "name");
}

}  // namespace ntlm::abi

using namespace ntlm;
using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_import_name(OM_uint32* minor_status, gss_buffer_t input_name_buffer,
                          gss_OID input_name_type, gss_name_t* output_name) {
  clear(output_name);
  return guard(minor_status,
               [&] { return import_name(input_name_buffer, input_name_type, output_name); });
}

OM_uint32 gssspi_import_name_by_mech(OM_uint32* minor_status, gss_OID mech_type,
                                     gss_buffer_t input_name_buffer, gss_OID input_name_type,
                                     gss_name_t* output_name) {
  clear(output_name);
  return guard(minor_status, [&]() -> Status {
    if (mech_type != GSS_C_NO_OID && !same_oid(mech_type, mechanism_oid())) {
      return GSS_S_BAD_MECH;
    }
    return import_name(input_name_buffer, input_name_type, output_name);
  });
}

OM_uint32 gss_display_name(OM_uint32* minor_status, gss_name_t input_name,
                           gss_buffer_t output_name_buffer, gss_OID* output_name_type) {
  clear(output_name_buffer, output_name_type);
  return guard(minor_status, [&]() -> Status {
    const auto* name = borrow<NameObject>(input_name);
    if (name == nullptr) {
      return Error{Errc::kBadName, "name"};
    }
    TRY(auto out, OutputBuffer::copy(std::string_view(displayed(*name, display_form()))));
    std::move(out).give(output_name_buffer);
    set(output_name_type, name_type(*name));
    return {};
  });
}

// RFC 6680 7.2: only in the form that the name is of; anything else would be invented.
OM_uint32 gss_display_name_ext(OM_uint32* minor_status, gss_name_t input_name,
                               gss_OID display_as_name_type, gss_buffer_t display_name) {
  clear(display_name);
  return guard(minor_status, [&]() -> Status {
    const auto* name = borrow<NameObject>(input_name);
    if (name == nullptr) {
      return Error{Errc::kBadName, "name"};
    }
    if (!same_oid(display_as_name_type, name_type(*name))) {
      return GSS_S_UNAVAILABLE;
    }
    TRY(auto out, OutputBuffer::copy(std::string_view(displayed(*name, display_form()))));
    std::move(out).give(display_name);
    return {};
  });
}

OM_uint32 gss_compare_name(OM_uint32* minor_status, gss_name_t name1, gss_name_t name2,
                           int* name_equal) {
  clear(name_equal);
  return guard(minor_status, [&]() -> Status {
    const auto* a = borrow<NameObject>(name1);
    const auto* b = borrow<NameObject>(name2);
    if (a == nullptr || b == nullptr) {
      return Error{Errc::kBadName, "name"};
    }
    set(name_equal, same_name(*a, *b) ? 1 : 0);
    return {};
  });
}

OM_uint32 gss_duplicate_name(OM_uint32* minor_status, gss_name_t input_name,
                             gss_name_t* dest_name) {
  clear(dest_name);
  return guard(minor_status, [&]() -> Status {
    const auto* name = borrow<NameObject>(input_name);
    if (name == nullptr) {
      return Error{Errc::kBadName, "name"};
    }
    if (dest_name == nullptr) {
      return Error{Errc::kBadArgument, "dest_name"};
    }
    *dest_name = lend<gss_name_struct>(copy_of(*name));
    return {};
  });
}

OM_uint32 gss_release_name(OM_uint32* minor_status, gss_name_t* input_name) {
  return guard(minor_status, [&]() -> Status {
    if (input_name == nullptr || *input_name == GSS_C_NO_NAME) {
      return {};
    }
    const std::unique_ptr<NameObject> name(borrow<NameObject>(*input_name));
    if (name == nullptr) {
      return Error{Errc::kBadName, "name"};
    }
    *input_name = GSS_C_NO_NAME;
    return {};
  });
}

OM_uint32 gss_export_name(OM_uint32* minor_status, gss_name_t input_name,
                          gss_buffer_t exported_name) {
  clear(exported_name);
  return guard(minor_status, [&] { return export_name(input_name, kPlainExport, exported_name); });
}

OM_uint32 gss_export_name_composite(OM_uint32* minor_status, gss_name_t input_name,
                                    gss_buffer_t exported_name) {
  clear(exported_name);
  return guard(minor_status,
               [&] { return export_name(input_name, kCompositeExport, exported_name); });
}

OM_uint32 gss_localname(OM_uint32* minor_status, gss_name_t input_name, gss_const_OID mech_type,
                        gss_buffer_t localname) {
  clear(localname);
  return guard(minor_status, [&]() -> Status {
    const auto* name = borrow<NameObject>(input_name);
    if (name == nullptr) {
      return Error{Errc::kBadName, "name"};
    }
    if (mech_type != GSS_C_NO_OID && !same_oid(mech_type, mechanism_oid())) {
      return GSS_S_BAD_MECH;
    }
    if (name->kind != Kind::kAccount) {
      return GSS_S_UNAVAILABLE;
    }
    TRY(const std::string user, local_user(*name));
    TRY(auto out, OutputBuffer::copy(std::string_view(user)));
    std::move(out).give(localname);
    return {};
  });
}

// Whether this name may act as that local user: when gss_localname says so, and only then.
OM_uint32 gssspi_authorize_localname(OM_uint32* minor_status, gss_name_t input_name,
                                     gss_const_buffer_t local_user_name,
                                     gss_const_OID local_name_type) {
  return guard(minor_status, [&]() -> Status {
    const auto* name = borrow<NameObject>(input_name);
    if (name == nullptr) {
      return Error{Errc::kBadName, "name"};
    }
    if (local_name_type != GSS_C_NO_OID && !same_oid(local_name_type, GSS_C_NT_USER_NAME)) {
      return with_major(GSS_S_BAD_NAMETYPE, Errc::kBadName);
    }
    if (name->kind != Kind::kAccount) {
      return GSS_S_UNAUTHORIZED;
    }
    TRY(const std::string user, local_user(*name));
    return user == text_of(local_user_name) ? GSS_S_COMPLETE : GSS_S_UNAUTHORIZED;
  });
}

}  // extern "C"
