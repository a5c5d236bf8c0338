// SPDX-License-Identifier: MIT
// What NTLM costs through MIT's mechglue, beside the bare cryptography in the same rounds. It
// measures whatever mechanism GSS_MECH_CONFIG names, ours or another; accounts, names and the
// initiator's password are where that mechanism looks for them (NTLM_USER_FILE and so on). Prints
// one JSON object.
//
//   mechanism [--spnego]                 all figures
//   mechanism [--spnego] --handshakes N  N handshakes and nothing else: for callgrind and strace
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include "bench/bare_crypto.h"
#include "bench/rounds.h"

namespace {

using namespace ntlm;

std::array<std::uint8_t, 10> ntlm_bytes{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a};
std::array<std::uint8_t, 6> spnego_bytes{0x2b, 0x06, 0x01, 0x05, 0x05, 0x02};
gss_OID_desc ntlm_oid{ntlm_bytes.size(), ntlm_bytes.data()};
gss_OID_desc spnego_oid{spnego_bytes.size(), spnego_bytes.data()};

// A call that fails makes every figure void.
void must(const char* what, OM_uint32 major, OM_uint32 minor) {
  if (!GSS_ERROR(major)) {
    return;
  }
  std::fprintf(stderr, "%s: major %08x minor %08x\n", what, major, minor);
  for (OM_uint32 ignored, more = 0, first = 1; first != 0 || more != 0; first = 0) {
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    (void)gss_display_status(&ignored, minor, GSS_C_MECH_CODE, &ntlm_oid, &more, &text);
    std::fprintf(stderr, "%.*s\n", static_cast<int>(text.length), static_cast<char*>(text.value));
    (void)gss_release_buffer(&ignored, &text);
  }
  std::exit(1);
}

gss_cred_id_t acquire(gss_OID mechanism, gss_cred_usage_t usage) {
  OM_uint32 minor = 0;
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  gss_OID_set_desc wanted{1, mechanism};
  must("gss_acquire_cred",
       gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &wanted, usage, &credential, nullptr, nullptr),
       minor);
  if (mechanism == &spnego_oid) {
    gss_OID_set_desc inner{1, &ntlm_oid};
    must("gss_set_neg_mechs", gss_set_neg_mechs(&minor, credential, &inner), minor);
  }
  return credential;
}

void release(gss_cred_id_t& credential) {
  OM_uint32 minor = 0;
  (void)gss_release_cred(&minor, &credential);
}

// Both sides of one security context.
class Pair {
 public:
  Pair() = default;
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() { clear(); }

  void clear() {
    OM_uint32 minor = 0;
    (void)gss_delete_sec_context(&minor, &initiator, nullptr);
    (void)gss_delete_sec_context(&minor, &acceptor, nullptr);
  }

  gss_ctx_id_t initiator = GSS_C_NO_CONTEXT;
  gss_ctx_id_t acceptor = GSS_C_NO_CONTEXT;
};

class Parties {
 public:
  explicit Parties(gss_OID mechanism)
      : mechanism_(mechanism),
        initiator_(acquire(mechanism, GSS_C_INITIATE)),
        acceptor_(acquire(mechanism, GSS_C_ACCEPT)) {
    OM_uint32 minor = 0;
    std::string_view text = "HTTP@localhost";
    std::array<char, 15> room{};
    std::copy(text.begin(), text.end(), room.begin());
    gss_buffer_desc name{text.size(), room.data()};
    must("gss_import_name", gss_import_name(&minor, &name, GSS_C_NT_HOSTBASED_SERVICE, &target_),
         minor);
  }
  Parties(const Parties&) = delete;
  Parties& operator=(const Parties&) = delete;
  ~Parties() {
    OM_uint32 minor = 0;
    release(initiator_);
    release(acceptor_);
    (void)gss_release_name(&minor, &target_);
  }

  void handshake(Pair& pair) const {
    gss_buffer_desc to_initiator = GSS_C_EMPTY_BUFFER;
    gss_buffer_desc to_acceptor = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor = 0, ignored = 0;
    for (bool initiated = false, accepted = false; !initiated || !accepted;) {
      if (!initiated) {
        const OM_uint32 major =
            gss_init_sec_context(&minor, initiator_, &pair.initiator, target_, mechanism_,
                                 GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG, 0, nullptr, &to_initiator,
                                 nullptr, &to_acceptor, nullptr, nullptr);
        must("gss_init_sec_context", major, minor);
        (void)gss_release_buffer(&ignored, &to_initiator);
        initiated = major == GSS_S_COMPLETE;
      }
      if (!accepted) {
        const OM_uint32 major =
            gss_accept_sec_context(&minor, &pair.acceptor, acceptor_, &to_acceptor, nullptr,
                                   nullptr, nullptr, &to_initiator, nullptr, nullptr, nullptr);
        must("gss_accept_sec_context", major, minor);
        (void)gss_release_buffer(&ignored, &to_acceptor);
        accepted = major == GSS_S_COMPLETE;
      }
    }
    (void)gss_release_buffer(&ignored, &to_initiator);
  }

 private:
  gss_OID mechanism_;
  gss_cred_id_t initiator_, acceptor_;
  gss_name_t target_ = GSS_C_NO_NAME;
};

void wrap_and_unwrap(const Pair& pair, std::vector<std::uint8_t>& message) {
  OM_uint32 minor = 0;
  int sealed = 0, was_sealed = 0;
  gss_buffer_desc in{message.size(), message.data()}, wrapped, out;
  must("gss_wrap", gss_wrap(&minor, pair.initiator, 1, GSS_C_QOP_DEFAULT, &in, &sealed, &wrapped),
       minor);
  must("gss_unwrap", gss_unwrap(&minor, pair.acceptor, &wrapped, &out, &was_sealed, nullptr),
       minor);
  if (sealed == 0 || was_sealed == 0 || out.length != message.size()) {
    must("confidentiality", GSS_S_FAILURE, 0);
  }
  (void)gss_release_buffer(&minor, &wrapped);
  (void)gss_release_buffer(&minor, &out);
}

void sign_and_verify(const Pair& pair, std::vector<std::uint8_t>& message) {
  OM_uint32 minor = 0;
  gss_buffer_desc in{message.size(), message.data()}, mic;
  must("gss_get_mic", gss_get_mic(&minor, pair.initiator, GSS_C_QOP_DEFAULT, &in, &mic), minor);
  must("gss_verify_mic", gss_verify_mic(&minor, pair.acceptor, &in, &mic, nullptr), minor);
  (void)gss_release_buffer(&minor, &mic);
}

void print(const char* name, const bench::Comparison& figures) {
  std::printf("  \"%s\": {\"limit_ns\": %.0f, \"ns\": %.0f, \"of_limit\": %.3f},\n", name,
              figures.limit, figures.measured, figures.of_limit);
}

// Handshakes of two threads at once over those of one, in the same time each.
double two_threads_over_one(const Parties& parties) {
  constexpr int kCount = 2000;
  const auto many = [&] {
    for (int i = 0; i < kCount; ++i) {
      Pair pair;
      parties.handshake(pair);
    }
  };
  const auto figures = bench::compare(many, [&] {
    std::thread other(many);
    many();
    other.join();
  });
  return 2 * figures.of_limit;
}

void all_figures(gss_OID mechanism) {
  const Parties parties(mechanism);
  bench::BareHandshake bare_handshake;
  bench::BareMessages bare;
  std::printf("{\n");
  print("handshake", bench::compare([&] { bare_handshake.run(); },
                                    [&] {
                                      Pair pair;
                                      parties.handshake(pair);
                                    }));
  std::printf("  \"acquire_cred_ns\": %.0f,\n", bench::nanoseconds_each([&] {
                gss_cred_id_t credential = acquire(mechanism, GSS_C_ACCEPT);
                release(credential);
              }));
  Pair pair;
  parties.handshake(pair);
  for (const auto& [name, size] : {std::pair{"wrap_unwrap_64", std::size_t{64}},
                                   std::pair{"wrap_unwrap_1024", std::size_t{1024}},
                                   std::pair{"wrap_unwrap_1048576", std::size_t{1} << 20}}) {
    std::vector<std::uint8_t> message(size, 0x42);
    print(name, bench::compare([&] { bare.seal_and_unseal(message); },
                               [&] { wrap_and_unwrap(pair, message); }));
  }
  std::vector<std::uint8_t> message(64, 0x42);
  print("get_mic_verify_mic_64", bench::compare([&] { bare.sign_and_verify(message); },
                                                [&] { sign_and_verify(pair, message); }));
  std::printf("  \"two_threads_over_one\": %.2f\n}\n", two_threads_over_one(parties));
}

}  // namespace

int main(int argc, char** argv) {
  gss_OID mechanism = &ntlm_oid;
  long handshakes = -1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--spnego") {
      mechanism = &spnego_oid;
    } else if (argument == "--handshakes" && i + 1 < argc) {
      handshakes = std::strtol(argv[++i], nullptr, 10);
    } else {
      std::fputs("Usage: mechanism [--spnego] [--handshakes N]\n", stderr);
      return 2;
    }
  }
  if (handshakes < 0) {
    all_figures(mechanism);
    return 0;
  }
  const Parties parties(mechanism);
  for (long i = 0; i < handshakes; ++i) {
    Pair pair;
    parties.handshake(pair);
  }
  return 0;
}
