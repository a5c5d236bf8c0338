// SPDX-License-Identifier: MIT
// The bridge in its sshd form, through the real mechglue: tokens of a peer on both ends, names,
// exported contexts and credentials. [0] which of them [1-] its bytes. Nobody gets in with bytes of
// his own.
#include <gssapi/gssapi_ext.h>

#include <cstdlib>
#include <string>

#include "fuzz/check.h"

namespace {

gss_OID_desc kerberos{9, const_cast<char*>("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")};
constexpr std::string_view kKerberos("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02", 9);
OM_uint32 minor_status;

// The files are made with this target: both modules, the bridge on for it, one account.
bool set_up() {
  ::setenv("GSS_MECH_CONFIG", NTLM_FUZZ_BRIDGE_MECH, 1);
  ::setenv("GSS_NTLM_CONF", NTLM_FUZZ_BRIDGE_CONF, 1);
  ::setenv("NTLM_USER_FILE", NTLM_FUZZ_BRIDGE_USERS, 1);
  ::setenv("KRB5_CONFIG", "/dev/null", 1);
  ::setenv("KRB5CCNAME", "FILE:/nonexistent/ccache", 1);
  ::setenv("KRB5_KTNAME", "FILE:/nonexistent/keytab", 1);
  return true;
}
const bool ready = set_up();

struct Side {
  gss_ctx_id_t context = GSS_C_NO_CONTEXT;
  gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
  gss_name_t peer = GSS_C_NO_NAME;
  Side() = default;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side() {
    gss_delete_sec_context(&minor_status, &context, GSS_C_NO_BUFFER);
    gss_release_buffer(&minor_status, &token);
    gss_release_name(&minor_status, &peer);
  }
  OM_uint32 initiate(gss_buffer_t input) {
    static gss_name_t target = [] {
      gss_buffer_desc text{14, const_cast<char*>("host@localhost")};
      gss_name_t name = GSS_C_NO_NAME;
      FUZZ_CHECK(gss_import_name(&minor_status, &text, GSS_C_NT_HOSTBASED_SERVICE, &name) ==
                 GSS_S_COMPLETE);
      return name;
    }();
    gss_release_buffer(&minor_status, &token);
    return gss_init_sec_context(&minor_status, GSS_C_NO_CREDENTIAL, &context, target, &kerberos,
                                GSS_C_INTEG_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS, input, nullptr,
                                &token, nullptr, nullptr);
  }
  OM_uint32 accept(gss_buffer_t input) {
    gss_release_buffer(&minor_status, &token);
    return gss_accept_sec_context(&minor_status, &context, GSS_C_NO_CREDENTIAL, input,
                                  GSS_C_NO_CHANNEL_BINDINGS, &peer, nullptr, &token, nullptr,
                                  nullptr, nullptr);
  }
};

void peer_tokens(gss_buffer_t bytes) {
  Side first;
  FUZZ_CHECK(first.accept(bytes) != GSS_S_COMPLETE);

  Side initiator;
  FUZZ_CHECK(initiator.initiate(GSS_C_NO_BUFFER) == GSS_S_CONTINUE_NEEDED);
  Side acceptor;
  FUZZ_CHECK(acceptor.accept(&initiator.token) == GSS_S_CONTINUE_NEEDED);
  FUZZ_CHECK(acceptor.accept(bytes) != GSS_S_COMPLETE);
  FUZZ_CHECK(initiator.initiate(bytes) != GSS_S_COMPLETE);
}

// A true exchange with one byte of AUTHENTICATE's token changed. What SPNEGO does not protect may
// change; then the account is who it was.
void changed_token(std::size_t position, std::uint8_t change) {
  Side initiator;
  Side acceptor;
  FUZZ_CHECK(initiator.initiate(GSS_C_NO_BUFFER) == GSS_S_CONTINUE_NEEDED);
  FUZZ_CHECK(acceptor.accept(&initiator.token) == GSS_S_CONTINUE_NEEDED);
  FUZZ_CHECK(initiator.initiate(&acceptor.token) == GSS_S_CONTINUE_NEEDED);
  static_cast<std::uint8_t*>(initiator.token.value)[position % initiator.token.length] ^= change;
  if (acceptor.accept(&initiator.token) != GSS_S_COMPLETE) return;
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  FUZZ_CHECK(gss_display_name(&minor_status, acceptor.peer, &text, nullptr) == GSS_S_COMPLETE);
  FUZZ_CHECK(std::string(static_cast<char*>(text.value), text.length) == "FUZZ\\bob");
  gss_release_buffer(&minor_status, &text);
}

void names(gss_buffer_t bytes) {
  for (const gss_OID type :
       {GSS_C_NT_EXPORT_NAME, GSS_C_NT_USER_NAME, GSS_C_NT_HOSTBASED_SERVICE}) {
    gss_name_t name = GSS_C_NO_NAME;
    gss_name_t canonical = GSS_C_NO_NAME;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    if (gss_import_name(&minor_status, bytes, type, &name) != GSS_S_COMPLETE) continue;
    if (gss_canonicalize_name(&minor_status, name, &kerberos, &canonical) == GSS_S_COMPLETE) {
      (void)gss_export_name(&minor_status, canonical, &text);
      gss_release_buffer(&minor_status, &text);
      (void)gss_display_name(&minor_status, canonical, &text, nullptr);
      gss_release_buffer(&minor_status, &text);
    }
    gss_release_name(&minor_status, &canonical);
    gss_release_name(&minor_status, &name);
  }
}

std::string sized(std::string_view bytes) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8)
    text += static_cast<char>((bytes.size() >> shift) & 0xff);
  return text.append(bytes);
}

// What the bridge has not marked as its own is Kerberos' alone to read; of that only contexts.
void exports(std::string_view bytes, bool marked) {
  const std::string token =
      std::string(marked ? std::string_view("GSS-NTLM-BRIDGE\0", 16) : "").append(bytes);
  if (marked) {
    std::string credential = sized(kKerberos) + sized(token);
    gss_buffer_desc buffer{credential.size(), credential.data()};
    gss_cred_id_t made = GSS_C_NO_CREDENTIAL;
    (void)gss_import_cred(&minor_status, &buffer, &made);
    gss_release_cred(&minor_status, &made);
  }
  std::string context = sized(kKerberos) + token;
  gss_buffer_desc buffer{context.size(), context.data()};
  Side side;
  (void)gss_import_sec_context(&minor_status, &buffer, &side.context);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  gss_buffer_desc buffer{bytes.size(), bytes.data()};
  switch (data[0] % 5) {
    case 0:
      peer_tokens(&buffer);
      break;
    case 1:
      changed_token(std::size_t{data[1]} << 8 | data[2], data[size - 1]);
      break;
    case 2:
      names(&buffer);
      break;
    default:
      exports(bytes, data[0] % 5 == 3);
  }
  return 0;
}
