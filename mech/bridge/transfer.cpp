// SPDX-License-Identifier: MIT
// Contexts and credentials as bytes. Kerberos' token leaves the bridge as Kerberos made it, so that
// a process without the bridge can take it and the other way round. One of NTLM in Kerberos' place
// begins with a mark of ours.
#include <cstring>
#include <string>
#include <string_view>

#include "bridge/forward.h"
#include "bridge/objects.h"

namespace ntlm::bridge {
namespace {

constexpr std::string_view kNtlmMark("GSS-NTLM-BRIDGE\0", 16);

std::string_view view(const gss_buffer_desc& buffer) {
  return {static_cast<const char*>(buffer.value), buffer.length};
}

// The mechglue puts a length (4 bytes, big-endian) and the mechanism's OID before a context, and
// before a credential the token's length too. With the public OID in that frame an import would
// come back to the bridge, for ever.
void append_sized(std::string& out, std::string_view bytes) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>((bytes.size() >> shift) & 0xff);
  out += bytes;
}

// Takes one such length and its bytes off the front; false if there are fewer.
bool take_sized(std::string_view& in, std::string_view& bytes) {
  if (in.size() < 4) return false;
  std::size_t size = 0;
  for (int i = 0; i < 4; ++i)
    size = size << 8 | static_cast<unsigned char>(in[static_cast<std::size_t>(i)]);
  if (in.size() - 4 < size) return false;
  bytes = in.substr(4, size);
  in.remove_prefix(4 + size);
  return true;
}

OM_uint32 give(OM_uint32* minor, bool ntlm, std::string_view token, gss_buffer_t output) {
  const std::size_t mark = ntlm ? kNtlmMark.size() : 0;
  output->value = std::malloc(mark + token.size());
  if (output->value == nullptr) return no_memory(minor);
  std::memcpy(output->value, kNtlmMark.data(), mark);
  std::memcpy(static_cast<char*>(output->value) + mark, token.data(), token.size());
  output->length = mark + token.size();
  return GSS_S_COMPLETE;
}

// A token of ours, taken apart: which mechanism it is for, and what that mechanism is given.
struct Import {
  bool ntlm;
  std::string_view token;
  std::string framed;

  Import(gss_const_OID claimed, const gss_buffer_desc& buffer)
      : ntlm(view(buffer).starts_with(kNtlmMark)),
        token(view(buffer).substr(ntlm ? kNtlmMark.size() : 0)) {
    RealMechanism real(ntlm ? &kSpnego : claimed);
    const gss_const_OID oid = real;
    append_sized(framed, {static_cast<const char*>(oid->elements), oid->length});
  }
  gss_buffer_desc buffer() { return {framed.size(), framed.data()}; }
};

OM_uint32 import_context(OM_uint32* minor, Import import, gss_ctx_id_t* output) {
  auto context = std::make_unique<Context>();
  import.framed += import.token;
  gss_buffer_desc buffer = import.buffer();
  const OM_uint32 major = gss_import_sec_context(minor, &buffer, context->inner.out());
  if (!GSS_ERROR(major)) *output = handle<gss_ctx_id_t>(std::move(context));
  return major;
}

OM_uint32 import_credential(OM_uint32* minor, Import import, gss_cred_id_t* output) {
  auto credential = std::make_unique<Credential>();
  append_sized(import.framed, import.token);
  gss_buffer_desc buffer = import.buffer();
  OwnedCredential& made = import.ntlm ? credential->ntlm : credential->real;
  OM_uint32 major = gss_import_cred(minor, &buffer, made.out());
  if (!GSS_ERROR(major) && import.ntlm) major = restrict_to_ntlm(minor, made.get());
  if (!GSS_ERROR(major)) *output = handle<gss_cred_id_t>(std::move(credential));
  return major;
}

template <typename Body>
OM_uint32 with_memory(OM_uint32* minor, Body&& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return no_memory(minor);
  }
}

}  // namespace
}  // namespace ntlm::bridge

using namespace ntlm::bridge;

// The mechglue frames what we give it with an OID that leads past the bridge to the real mechanism,
// on import too. That is well for Kerberos; a context of NTLM could never come back.
BRIDGE_ENTRY OM_uint32 gssi_export_sec_context(OM_uint32* minor, gss_ctx_id_t* context,
                                               gss_buffer_t output) noexcept {
  clear(minor, output);
  if (context == nullptr || *context == nullptr) return GSS_S_NO_CONTEXT;
  Context& from = *object(*context);
  if (from.ntlm) return GSS_S_UNAVAILABLE;
  OwnedBuffer framed;
  OM_uint32 major = gss_export_sec_context(minor, from.inner.out(), &framed);
  if (GSS_ERROR(major)) return major;
  std::string_view token = view(framed);
  std::string_view oid;
  major = take_sized(token, oid) ? give(minor, false, token, output)
                                 : static_cast<OM_uint32>(GSS_S_FAILURE);
  delete &from;
  *context = nullptr;
  return major;
}

BRIDGE_ENTRY OM_uint32 gssi_import_sec_context_by_mech(OM_uint32* minor, gss_OID mechanism,
                                                       gss_buffer_t token,
                                                       gss_ctx_id_t* output) noexcept {
  clear(minor, output);
  return with_memory(minor,
                     [&] { return import_context(minor, Import(mechanism, *token), output); });
}

BRIDGE_ENTRY OM_uint32 gssi_import_sec_context(OM_uint32* minor, gss_buffer_t token,
                                               gss_ctx_id_t* output) noexcept {
  return gssi_import_sec_context_by_mech(minor, const_cast<gss_OID>(&kKerberos), token, output);
}

BRIDGE_ENTRY OM_uint32 gssi_export_cred(OM_uint32* minor, gss_cred_id_t credential,
                                        gss_buffer_t output) noexcept {
  clear(minor, output);
  if (credential == nullptr) return GSS_S_NO_CRED;
  OwnedBuffer framed;
  const OM_uint32 major = gss_export_cred(minor, inner(credential), &framed);
  if (GSS_ERROR(major)) return major;
  std::string_view rest = view(framed);
  std::string_view oid;
  std::string_view token;
  if (!take_sized(rest, oid) || !take_sized(rest, token)) return GSS_S_FAILURE;
  return give(minor, !object(credential)->real, token, output);
}

BRIDGE_ENTRY OM_uint32 gssi_import_cred_by_mech(OM_uint32* minor, gss_OID mechanism,
                                                gss_buffer_t token,
                                                gss_cred_id_t* output) noexcept {
  clear(minor, output);
  return with_memory(minor,
                     [&] { return import_credential(minor, Import(mechanism, *token), output); });
}

BRIDGE_ENTRY OM_uint32 gssi_import_cred(OM_uint32* minor, gss_buffer_t token,
                                        gss_cred_id_t* output) noexcept {
  return gssi_import_cred_by_mech(minor, const_cast<gss_OID>(&kKerberos), token, output);
}
