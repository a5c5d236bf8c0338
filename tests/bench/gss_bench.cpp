// SPDX-License-Identifier: MIT
// What a GSS-API mechanism costs, through MIT's mechglue, whichever module GSS_MECH_CONFIG names:
// the same program measures this project's and gss-ntlmssp's. Prints "name value" lines; bench.py
// runs it in turn for each and makes the table. Takes what to measure as arguments: handshake
// spnego acquire messages in-place memory threads latency, "count N" and "seal N" for tools that
// count, "flood N" for N seconds without a pause, or first, which times the first handshake of the
// process.
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "bench/bare_crypto.h"

namespace {

using Clock = std::chrono::steady_clock;

gss_OID_desc ntlm_oid{10, const_cast<char*>("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a")};
gss_OID_desc spnego_oid{6, const_cast<char*>("\x2b\x06\x01\x05\x05\x02")};
gss_OID_set_desc ntlm_set{1, &ntlm_oid};
gss_OID_set_desc spnego_set{1, &spnego_oid};

void must(OM_uint32 major, OM_uint32 minor, const char* what) {
  if (!GSS_ERROR(major)) {
    return;
  }
  OM_uint32 more = 0;
  OM_uint32 ignored = 0;
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  gss_display_status(&ignored, minor, GSS_C_MECH_CODE, &ntlm_oid, &more, &text);
  std::fprintf(stderr, "%s: %08x %08x %.*s\n", what, major, minor, static_cast<int>(text.length),
               static_cast<const char*>(text.value));
  std::exit(1);
}

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// What both ends of an exchange hold, for one mechanism (NTLM itself, or SPNEGO with nothing but
// NTLM in it).
class Ends {
 public:
  explicit Ends(gss_OID mechanism) : mechanism_(mechanism) {
    OM_uint32 minor = 0;
    const char* user_name = std::getenv("BENCH_USER");
    std::string user = user_name != nullptr ? user_name : "Domain\\User";
    gss_buffer_desc text{user.size(), user.data()};
    gss_name_t name = GSS_C_NO_NAME;
    must(gss_import_name(&minor, &text, GSS_C_NT_USER_NAME, &name), minor, "user name");
    std::string service = "HTTP@localhost";
    text = {service.size(), service.data()};
    must(gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &target_), minor,
         "service name");
    std::string password = "Password";
    gss_buffer_desc secret{password.size(), password.data()};
    gss_OID_set set = mechanism == &ntlm_oid ? &ntlm_set : &spnego_set;
    must(gss_acquire_cred_with_password(&minor, name, &secret, 0, set, GSS_C_INITIATE, &initiator_,
                                        nullptr, nullptr),
         minor, "initiator credential");
    must(
        gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, set, GSS_C_ACCEPT, &acceptor_, nullptr, nullptr),
        minor, "acceptor credential");
    if (mechanism == &spnego_oid) {
      must(gss_set_neg_mechs(&minor, initiator_, &ntlm_set), minor, "mechanisms");
      must(gss_set_neg_mechs(&minor, acceptor_, &ntlm_set), minor, "mechanisms");
    }
    gss_release_name(&minor, &name);
  }
  ~Ends() {
    OM_uint32 minor = 0;
    gss_release_cred(&minor, &initiator_);
    gss_release_cred(&minor, &acceptor_);
    gss_release_name(&minor, &target_);
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;

  struct Pair {
    gss_ctx_id_t initiator = GSS_C_NO_CONTEXT;
    gss_ctx_id_t acceptor = GSS_C_NO_CONTEXT;
    void drop() {
      OM_uint32 minor = 0;
      gss_delete_sec_context(&minor, &initiator, GSS_C_NO_BUFFER);
      gss_delete_sec_context(&minor, &acceptor, GSS_C_NO_BUFFER);
    }
  };

  // An exchange, or only its first two tokens. Adds each side's time where somebody asks.
  Pair exchange(Clock::duration* initiator_time = nullptr, Clock::duration* acceptor_time = nullptr,
                bool half = false) const {
    Pair pair;
    gss_buffer_desc to_acceptor = GSS_C_EMPTY_BUFFER;
    gss_buffer_desc to_initiator = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor = 0;
    OM_uint32 initiated = GSS_S_CONTINUE_NEEDED;
    OM_uint32 accepted = GSS_S_CONTINUE_NEEDED;
    while (initiated == GSS_S_CONTINUE_NEEDED || accepted == GSS_S_CONTINUE_NEEDED) {
      const auto start = initiator_time != nullptr ? Clock::now() : Clock::time_point();
      if (initiated == GSS_S_CONTINUE_NEEDED) {
        initiated =
            gss_init_sec_context(&minor, initiator_, &pair.initiator, target_, mechanism_,
                                 GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS,
                                 &to_initiator, nullptr, &to_acceptor, nullptr, nullptr);
        must(initiated, minor, "init");
        OM_uint32 ignored = 0;
        gss_release_buffer(&ignored, &to_initiator);
      }
      const auto middle = initiator_time != nullptr ? Clock::now() : Clock::time_point();
      if (accepted == GSS_S_CONTINUE_NEEDED) {
        gss_name_t peer = GSS_C_NO_NAME;
        accepted = gss_accept_sec_context(&minor, &pair.acceptor, acceptor_, &to_acceptor,
                                          GSS_C_NO_CHANNEL_BINDINGS, &peer, nullptr, &to_initiator,
                                          nullptr, nullptr, nullptr);
        must(accepted, minor, "accept");
        OM_uint32 ignored = 0;
        gss_release_buffer(&ignored, &to_acceptor);
        gss_release_name(&ignored, &peer);
      }
      if (initiator_time != nullptr) {
        *initiator_time += middle - start;
        *acceptor_time += Clock::now() - middle;
      }
      if (half) {
        break;
      }
    }
    gss_release_buffer(&minor, &to_initiator);
    gss_release_buffer(&minor, &to_acceptor);
    return pair;
  }

 private:
  gss_OID mechanism_;
  gss_name_t target_ = GSS_C_NO_NAME;
  gss_cred_id_t initiator_ = GSS_C_NO_CREDENTIAL;
  gss_cred_id_t acceptor_ = GSS_C_NO_CREDENTIAL;
};

constexpr auto kSlice = std::chrono::milliseconds(300);

// How often a second something can be done, measured for a slice of time.
double rate(const std::function<void()>& once) {
  once();
  std::size_t count = 0;
  const auto start = Clock::now();
  auto spent = Clock::duration::zero();
  do {
    for (int i = 0; i < 16; ++i) {
      once();
    }
    count += 16;
    spent = Clock::now() - start;
  } while (spent < kSlice);
  return static_cast<double>(count) / seconds(spent);
}

void print(const char* name, double value) { std::printf("%s %.6g\n", name, value); }

void handshake() {
  const Ends ends(&ntlm_oid);
  print("handshakes", rate([&] { ends.exchange().drop(); }));
  auto initiator = Clock::duration::zero();
  auto acceptor = Clock::duration::zero();
  constexpr int kCount = 2000;
  for (int i = 0; i < kCount; ++i) {
    ends.exchange(&initiator, &acceptor).drop();
  }
  print("initiator_us", seconds(initiator) * 1e6 / kCount);
  print("acceptor_us", seconds(acceptor) * 1e6 / kCount);
  ntlm::bench::BareHandshake bare;
  print("limit_handshakes", rate([&] { bare.run(); }));
}

// Of each handshake by itself: what a busy machine moves least.
void latency() {
  const Ends ends(&ntlm_oid);
  ends.exchange().drop();
  std::vector<double> times(2000);
  for (double& time : times) {
    const auto start = Clock::now();
    ends.exchange().drop();
    time = seconds(Clock::now() - start) * 1e6;
  }
  std::ranges::sort(times);
  print("median_us", times[times.size() / 2]);
  print("p99_us", times[times.size() * 99 / 100]);
}

// What a process that does nothing else reaches, its own CPU time and how often it had to wait.
void flood(int whole_seconds) {
  const Ends ends(&ntlm_oid);
  ends.exchange().drop();
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  const auto start = Clock::now();
  double done = 0;
  for (; Clock::now() - start < std::chrono::seconds(whole_seconds); ++done) {
    ends.exchange().drop();
  }
  const double took = seconds(Clock::now() - start);
  getrusage(RUSAGE_SELF, &after);
  const auto spent = [&](timeval rusage::*what) {
    return static_cast<double>((after.*what).tv_sec - (before.*what).tv_sec) * 1e6 +
           static_cast<double>((after.*what).tv_usec - (before.*what).tv_usec);
  };
  print("rate", done / took);
  print("cpu_us", (spent(&rusage::ru_utime) + spent(&rusage::ru_stime)) / done);
  print("waits", static_cast<double>(after.ru_nvcsw - before.ru_nvcsw) / done);
}

void spnego() {
  const Ends ends(&spnego_oid);
  print("spnego_handshakes", rate([&] { ends.exchange().drop(); }));
}

void acquire() {
  print("acquire_us", 1e6 / rate([] {
                        OM_uint32 minor = 0;
                        gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
                        must(gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &ntlm_set, GSS_C_ACCEPT,
                                              &credential, nullptr, nullptr),
                             minor, "acquire");
                        gss_release_cred(&minor, &credential);
                      }));
}

// In place with IOVs, as SSPI does it.
void seal_in_place(Ends::Pair& pair, gss_buffer_desc message) {
  std::array<unsigned char, 16> signature;
  std::array<gss_iov_buffer_desc, 2> iov{
      {{GSS_IOV_BUFFER_TYPE_HEADER, {signature.size(), signature.data()}},
       {GSS_IOV_BUFFER_TYPE_DATA, message}}};
  OM_uint32 minor = 0;
  int sealed = 0;
  must(gss_wrap_iov(&minor, pair.initiator, 1, GSS_C_QOP_DEFAULT, &sealed, iov.data(), iov.size()),
       minor, "wrap_iov");
  must(gss_unwrap_iov(&minor, pair.acceptor, &sealed, nullptr, iov.data(), iov.size()), minor,
       "unwrap_iov");
}

void messages() {
  const Ends ends(&ntlm_oid);
  Ends::Pair pair = ends.exchange();
  OM_uint32 minor = 0;
  for (const auto& [name, size] :
       {std::pair{"64", 64u}, std::pair{"1k", 1024u}, std::pair{"1m", 1u << 20}}) {
    std::vector<unsigned char> data(size, 0x42);
    gss_buffer_desc message{data.size(), data.data()};
    const double ours = rate([&] {
      gss_buffer_desc sealed = GSS_C_EMPTY_BUFFER;
      gss_buffer_desc plain = GSS_C_EMPTY_BUFFER;
      must(gss_wrap(&minor, pair.initiator, 1, GSS_C_QOP_DEFAULT, &message, nullptr, &sealed),
           minor, "wrap");
      must(gss_unwrap(&minor, pair.acceptor, &sealed, &plain, nullptr, nullptr), minor, "unwrap");
      gss_release_buffer(&minor, &sealed);
      gss_release_buffer(&minor, &plain);
    });
    print((std::string("wrap_") + name).c_str(), ours);
    ntlm::bench::BareMessages bare;
    print((std::string("limit_wrap_") + name).c_str(), rate([&] { bare.seal_and_unseal(data); }));
  }
  std::vector<unsigned char> data(64, 0x42);
  gss_buffer_desc message{data.size(), data.data()};
  print("mic_64", rate([&] {
          gss_buffer_desc mic = GSS_C_EMPTY_BUFFER;
          must(gss_get_mic(&minor, pair.initiator, GSS_C_QOP_DEFAULT, &message, &mic), minor,
               "get_mic");
          must(gss_verify_mic(&minor, pair.acceptor, &message, &mic, nullptr), minor, "verify_mic");
          gss_release_buffer(&minor, &mic);
        }));
  ntlm::bench::BareMessages bare;
  print("limit_mic_64", rate([&] { bare.sign_and_verify(data); }));
  pair.drop();
}

void in_place() {
  const Ends ends(&ntlm_oid);
  Ends::Pair pair = ends.exchange();
  for (const auto& [name, size] :
       {std::pair{"64", 64u}, std::pair{"1k", 1024u}, std::pair{"1m", 1u << 20}}) {
    std::vector<unsigned char> data(size, 0x42);
    print((std::string("seal_") + name).c_str(), rate([&] {
            seal_in_place(pair, {data.size(), data.data()});
          }));
  }
  pair.drop();
}

// Heap that a context holds, the glue's part included; initiator contexts are dropped first.
void memory() {
  const Ends ends(&ntlm_oid);
  for (const bool half : {false, true}) {
    constexpr std::size_t kCount = 2000;
    std::vector<Ends::Pair> pairs(kCount);
    ends.exchange().drop();
    const std::size_t before = mallinfo2().uordblks;
    OM_uint32 minor = 0;
    for (Ends::Pair& pair : pairs) {
      pair = ends.exchange(nullptr, nullptr, half);
      gss_delete_sec_context(&minor, &pair.initiator, GSS_C_NO_BUFFER);
    }
    print(half ? "heap_half_open" : "heap_established",
          static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(kCount));
    for (Ends::Pair& pair : pairs) {
      pair.drop();
    }
  }
}

void threads() {
  const Ends ends(&ntlm_oid);
  const double one = rate([&] { ends.exchange().drop(); });
  std::vector<std::thread> workers;
  std::atomic<int> total{0};
  const auto start = Clock::now();
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] {
      int count = 0;
      while (Clock::now() - start < 2 * kSlice) {
        ends.exchange().drop();
        ++count;
      }
      total += count;
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  print("threads_2", total / seconds(Clock::now() - start) / one);
}

// A known number of handshakes and nothing else, for tools that count (instructions, allocations,
// system calls).
void count(int handshakes) {
  const Ends ends(&ntlm_oid);
  for (int i = 0; i < handshakes; ++i) {
    ends.exchange().drop();
  }
}

// The same of messages of 64 bytes on one context.
void seal(int messages) {
  const Ends ends(&ntlm_oid);
  Ends::Pair pair = ends.exchange();
  std::array<unsigned char, 64> data{};
  for (int i = 0; i < messages; ++i) {
    seal_in_place(pair, {data.size(), data.data()});
  }
  pair.drop();
}

void first() {
  const auto start = Clock::now();
  const Ends ends(&ntlm_oid);
  auto initiator = Clock::duration::zero();
  auto acceptor = Clock::duration::zero();
  ends.exchange(&initiator, &acceptor).drop();
  print("first_accept_ms", seconds(acceptor) * 1e3);
  print("first_all_ms", seconds(Clock::now() - start) * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string what = argv[i];
    if (what == "handshake")
      handshake();
    else if (what == "spnego")
      spnego();
    else if (what == "acquire")
      acquire();
    else if (what == "messages")
      messages();
    else if (what == "memory")
      memory();
    else if (what == "threads")
      threads();
    else if (what == "first")
      first();
    else if (what == "count" && i + 1 < argc)
      count(std::atoi(argv[++i]));
    else if (what == "latency")
      latency();
    else if (what == "flood" && i + 1 < argc)
      flood(std::atoi(argv[++i]));
    else if (what == "in-place")
      in_place();
    else if (what == "seal" && i + 1 < argc)
      seal(std::atoi(argv[++i]));
    else {
      std::fprintf(stderr, "gss_bench: '%s' is nothing that it measures\n", what.c_str());
      return 2;
    }
  }
  return 0;
}
