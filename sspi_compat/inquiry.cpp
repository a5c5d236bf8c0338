// SPDX-License-Identifier: MIT
#include "sspi_compat/inquiry.h"

#include <gssapi/gssapi_ext.h>

#include <array>

#include "gssapi_ntlm.h"
#include "sspi_compat/settings.h"

namespace sspi {
namespace {

constexpr std::string_view kSessionKey("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x05", 11);
constexpr std::string_view kNegotiatedFlags(GSS_NTLM_INQ_NEGOTIATED_FLAGS_OID_STRING,
                                            GSS_NTLM_INQ_NEGOTIATED_FLAGS_OID_LENGTH);

class BufferSet {
 public:
  BufferSet() = default;
  BufferSet(const BufferSet&) = delete;
  BufferSet& operator=(const BufferSet&) = delete;
  ~BufferSet() {
    for (std::size_t i = 0; set_ != nullptr && i < set_->count; ++i) {
      wipe(set_->elements[i]);  // keys among them
    }
    OM_uint32 minor = 0;
    gss_release_buffer_set(&minor, &set_);
  }
  gss_buffer_set_t* out() { return &set_; }
  std::string_view at(std::size_t i) const {
    return set_ != nullptr && i < set_->count
               ? std::string_view(static_cast<const char*>(set_->elements[i].value),
                                  set_->elements[i].length)
               : std::string_view();
  }

 private:
  gss_buffer_set_t set_ = GSS_C_NO_BUFFER_SET;
};

bool ask(const Context& context, std::string_view oid, BufferSet& set) {
  gss_OID_desc question{static_cast<OM_uint32>(oid.size()), const_cast<char*>(oid.data())};
  OM_uint32 minor = 0;
  return gss_inquire_sec_context_by_oid(&minor, context.gss, &question, set.out()) ==
         GSS_S_COMPLETE;
}

bool set_option(gss_ctx_id_t* context, std::string_view oid, std::uint32_t value) {
  gss_OID_desc option{static_cast<OM_uint32>(oid.size()), const_cast<char*>(oid.data())};
  std::array<unsigned char, 4> bytes{};
  for (unsigned i = 0; i < 4; ++i) {
    bytes[i] = static_cast<unsigned char>(value >> 8 * i);
  }
  gss_buffer_desc buffer = input_buffer(bytes.data(), bytes.size());
  OM_uint32 minor = 0;
  return gss_set_sec_context_option(&minor, context, &option, &buffer) == GSS_S_COMPLETE;
}

// The number at the end of an encryption type's OID 1.2.840.113554.1.2.2.4.n: one arc, below 128.
int encryption_type_of(std::string_view oid) {
  constexpr std::string_view kPrefix("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x04", 10);
  return oid.size() == kPrefix.size() + 1 && oid.substr(0, kPrefix.size()) == kPrefix
             ? static_cast<unsigned char>(oid.back())
             : 0;
}

}  // namespace

SecretText inquire(const Context& context, std::string_view oid) {
  BufferSet set;
  return ask(context, oid, set) ? SecretText(std::string(set.at(0))) : SecretText();
}

SecretText session_key(const Context& context, int* encryption_type) {
  BufferSet set;
  if (!ask(context, kSessionKey, set)) {
    return {};
  }
  if (encryption_type != nullptr) {
    *encryption_type = encryption_type_of(set.at(1));
  }
  return SecretText(std::string(set.at(0)));
}

ULONG negotiated_flags(const Context& context) {
  const SecretText answer = inquire(context, kNegotiatedFlags);
  ULONG flags = 0;
  for (std::size_t i = answer.expose().size() == 4 ? 4 : 0; i-- > 0;) {
    flags = flags << 8 | static_cast<unsigned char>(answer.expose()[i]);
  }
  return flags;
}

Name client_name(const Context& context) {
  gss_name_t source = GSS_C_NO_NAME;
  OM_uint32 minor = 0;
  gss_inquire_context(&minor, context.gss, &source, nullptr, nullptr, nullptr, nullptr, nullptr,
                      nullptr);
  return Name(source);
}

std::string target_name(const Context& context) {
  if (context.is_ntlm()) {
    return inquire(context,
                   {GSS_NTLM_INQ_TARGET_NAME_OID_STRING, GSS_NTLM_INQ_TARGET_NAME_OID_LENGTH})
        .expose();
  }
  gss_name_t target = GSS_C_NO_NAME;
  OM_uint32 minor = 0;
  gss_inquire_context(&minor, context.gss, nullptr, &target, nullptr, nullptr, nullptr, nullptr,
                      nullptr);
  return display(Name(target).get());
}

std::string display(gss_name_t name) {
  // NTLM's name is put together of its parts: its text has the form of ntlm.conf's display_form,
  // and an account without a domain may have an '@' of its own.
  if (const auto accounts = attribute_values(name, GSS_NTLM_ATTR_ACCOUNT); !accounts.empty()) {
    const auto domains = attribute_values(name, GSS_NTLM_ATTR_DOMAIN);
    return domains.empty() ? accounts.front() : domains.front() + "\\" + accounts.front();
  }
  Buffer text;
  OM_uint32 minor = 0;
  return name != GSS_C_NO_NAME &&
                 gss_display_name(&minor, name, text.out(), nullptr) == GSS_S_COMPLETE
             ? std::string(text.view())
             : std::string();
}

std::vector<std::string> attribute_values(gss_name_t name, std::string_view attribute) {
  std::vector<std::string> values;
  gss_buffer_desc asked = input_buffer(attribute);
  for (int more = -1; name != GSS_C_NO_NAME && more != 0;) {
    Buffer value;
    Buffer shown;
    int authenticated = 0;
    int complete = 0;
    OM_uint32 minor = 0;
    if (gss_get_name_attribute(&minor, name, &asked, &authenticated, &complete, value.out(),
                               shown.out(), &more) != GSS_S_COMPLETE) {
      break;
    }
    values.emplace_back(value.view());
  }
  return values;
}

void set_acceptor_options(Context& context) {
  std::uint32_t options = 0;
  options |= (context.required & ASC_REQ_ALLOW_MISSING_BINDINGS) != 0
                 ? GSS_NTLM_ACCEPT_MISSING_BINDINGS
                 : 0;
  options |= (context.required & ASC_REQ_PROXY_BINDINGS) != 0 ? GSS_NTLM_ACCEPT_ANY_BINDINGS : 0;
  options |= (context.required & ASC_REQ_ALLOW_NON_USER_LOGONS) != 0
                 ? GSS_NTLM_ACCEPT_MACHINE_ACCOUNTS
                 : 0;
  options |=
      (context.required & ASC_REQ_ALLOW_NULL_SESSION) != 0 ? 0 : GSS_NTLM_ACCEPT_NO_ANONYMOUS;
  // What [sspi] require_flags names is refused by NTLM itself, before it calls the logon a success.
  const ULONG needed = settings().require_flags & context.required;
  constexpr ULONG kSigned = ASC_REQ_INTEGRITY | ASC_REQ_REPLAY_DETECT | ASC_REQ_SEQUENCE_DETECT;
  options |= (needed & kSigned) != 0 ? GSS_NTLM_ACCEPT_REQUIRE_SIGN : 0;
  options |= (needed & ASC_REQ_CONFIDENTIALITY) != 0 ? GSS_NTLM_ACCEPT_REQUIRE_SEAL : 0;
  set_option(&context.gss,
             {GSS_NTLM_SET_ACCEPT_OPTIONS_OID_STRING, GSS_NTLM_SET_ACCEPT_OPTIONS_OID_LENGTH},
             options);
}

void set_initiator_options(Context& context) {
  set_option(&context.gss,
             {GSS_NTLM_SET_INIT_OPTIONS_OID_STRING, GSS_NTLM_SET_INIT_OPTIONS_OID_LENGTH},
             GSS_NTLM_INIT_UNVERIFIED_TARGET);
}

bool reset_session(gss_ctx_id_t context) {
  return set_option(
      &context, {GSS_NTLM_SET_SESSION_OPTIONS_OID_STRING, GSS_NTLM_SET_SESSION_OPTIONS_OID_LENGTH},
      GSS_NTLM_SESSION_RESET);
}

bool allow_legacy_sealing(Context& context) {
  return set_option(
      &context.gss,
      {GSS_NTLM_SET_SESSION_OPTIONS_OID_STRING, GSS_NTLM_SET_SESSION_OPTIONS_OID_LENGTH},
      GSS_NTLM_SESSION_LEGACY_SEAL);
}

}  // namespace sspi
