// SPDX-License-Identifier: MIT
// Does the time of a refusal tell whether an account exists (security.md P11)? A wrong password of
// accounts that a store has against names that it has not, of the same length, in random order
// through the public API; only the acceptor's answer to AUTHENTICATE is timed. For each store:
// medians, and Welch's t of all measurements and of those below a percentile of both kinds together
// (what is slow for other reasons hides a small difference). |t| < 4.5 is no difference that can
// be told. Usage: timing MECH_CONF [attempts of each kind [accounts]] (default 100000 100000, so
// that hardly a name comes twice and finds the caches warm)
#include <gssapi/gssapi_ext.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "store/database_writer.h"
#include "support/temporary_directory.h"

namespace {

using namespace ntlm;
using Clock = std::chrono::steady_clock;
using Times = std::vector<double>;  // nanoseconds

gss_OID_desc g_ntlm{10, const_cast<char*>("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a")};
gss_OID_set_desc g_only_ntlm{1, &g_ntlm};
constexpr std::size_t kWarmUp = 1000;
constexpr std::size_t kNames = 5'000'000;  // of each kind that there could be

void must(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "timing: %s\n", what);
    std::exit(1);
  }
}

// Even numbers exist, evenly among the odd ones, so that neither kind differs by the letters of its
// names or by its place among them.
std::string user_name(std::size_t number) {
  const std::string digits = std::to_string(number);
  return "user" + std::string(7 - std::min<std::size_t>(digits.size(), 7), '0') + digits;
}

std::size_t number_of(std::size_t account, std::size_t accounts) {
  return 2 * (account * kNames / accounts);
}

gss_buffer_desc buffer(std::string& text) { return {text.size(), text.data()}; }

gss_cred_id_t credential(std::string user) {
  OM_uint32 minor = 0;
  std::string password = "not the password";
  gss_buffer_desc user_buffer = buffer(user);
  gss_buffer_desc password_buffer = buffer(password);
  gss_name_t name = GSS_C_NO_NAME;
  gss_cred_id_t made = GSS_C_NO_CREDENTIAL;
  must(gss_import_name(&minor, &user_buffer, GSS_C_NT_USER_NAME, &name) == GSS_S_COMPLETE, "name");
  must(gss_acquire_cred_with_password(&minor, name, &password_buffer, 0, &g_only_ntlm,
                                      GSS_C_INITIATE, &made, nullptr, nullptr) == GSS_S_COMPLETE,
       "credential");
  gss_release_name(&minor, &name);
  return made;
}

class Attempts {
 public:
  Attempts() {
    OM_uint32 minor = 0;
    std::string service = "HTTP@server.example";
    gss_buffer_desc text = buffer(service);
    must(gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &target_) == GSS_S_COMPLETE &&
             gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_ntlm, GSS_C_ACCEPT, &acceptor_,
                              nullptr, nullptr) == GSS_S_COMPLETE,
         "acceptor");
  }
  double refused(gss_cred_id_t who) const {
    OM_uint32 minor = 0;
    gss_ctx_id_t initiator = GSS_C_NO_CONTEXT;
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    initiate(who, &initiator, &token);
    must(accept(&context, &token) == GSS_S_CONTINUE_NEEDED, "NEGOTIATE was not taken");
    initiate(who, &initiator, &token);
    const auto start = Clock::now();
    const OM_uint32 major = accept(&context, &token);
    const auto end = Clock::now();
    must(GSS_ERROR(major) != 0, "a wrong password was right");
    gss_release_buffer(&minor, &token);
    gss_delete_sec_context(&minor, &context, nullptr);
    gss_delete_sec_context(&minor, &initiator, nullptr);
    return std::chrono::duration<double, std::nano>(end - start).count();
  }

 private:
  void initiate(gss_cred_id_t who, gss_ctx_id_t* context, gss_buffer_t token) const {
    OM_uint32 minor = 0;
    gss_buffer_desc answer = GSS_C_EMPTY_BUFFER;
    must(GSS_ERROR(gss_init_sec_context(&minor, who, context, target_, &g_ntlm, GSS_C_CONF_FLAG, 0,
                                        nullptr, token, nullptr, &answer, nullptr, nullptr)) == 0,
         "initiator");
    gss_release_buffer(&minor, token);
    *token = answer;
  }
  OM_uint32 accept(gss_ctx_id_t* context, gss_buffer_t token) const {
    OM_uint32 minor = 0;
    gss_buffer_desc answer = GSS_C_EMPTY_BUFFER;
    const OM_uint32 major =
        gss_accept_sec_context(&minor, context, acceptor_, token, nullptr, nullptr, nullptr,
                               &answer, nullptr, nullptr, nullptr);
    if (answer.length != 0) {
      gss_release_buffer(&minor, token);
      *token = answer;
    }
    return major;
  }

  gss_name_t target_ = GSS_C_NO_NAME;
  gss_cred_id_t acceptor_ = GSS_C_NO_CREDENTIAL;
};

double quantile(const Times& sorted, double part) {
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

// Of both kinds' values up to `limit`.
double welch(const std::array<Times, 2>& kinds, double limit) {
  std::array<double, 2> means{};
  double variance_of_difference = 0;
  for (std::size_t kind = 0; kind < 2; ++kind) {
    double sum = 0;
    double squares = 0;
    double count = 0;
    for (const double time : kinds[kind]) {
      if (time <= limit) {
        sum += time;
        squares += time * time;
        ++count;
      }
    }
    means[kind] = sum / count;
    variance_of_difference += (squares / count - means[kind] * means[kind]) / (count - 1);
  }
  return (means[0] - means[1]) / std::sqrt(variance_of_difference);
}

void measure(const std::string& store, std::size_t attempts, std::size_t accounts) {
  std::mt19937_64 random(std::random_device{}());
  const Attempts acceptor;
  // Another name each time, so that what some name costs by chance counts once.
  const auto attempt = [&](std::size_t kind) {
    OM_uint32 minor = 0;
    const std::size_t number =
        kind == 0 ? number_of(random() % accounts, accounts) : 2 * (random() % kNames) + 1;
    gss_cred_id_t who = credential("DOMAIN\\" + user_name(number));
    const double time = acceptor.refused(who);
    gss_release_cred(&minor, &who);
    return time;
  };
  std::array<Times, 2> kinds;
  for (Times& times : kinds) {
    times.reserve(attempts);
  }
  for (std::size_t i = 0; i < kWarmUp; ++i) {
    attempt(i % 2);
  }
  while (kinds[0].size() < attempts || kinds[1].size() < attempts) {
    const std::size_t kind = random() & 1;
    kinds[kind].push_back(attempt(kind));
  }
  Times both;
  for (Times& times : kinds) {
    times.resize(attempts);
    both.insert(both.end(), times.begin(), times.end());
  }
  std::sort(both.begin(), both.end());
  std::printf("%-5s %9zu", store.c_str(), accounts);
  for (Times times : kinds) {
    std::sort(times.begin(), times.end());
    std::printf(" %9.0f", quantile(times, 0.5));
  }
  for (const double part : {1.0, 0.99, 0.95, 0.9, 0.75, 0.5}) {
    std::printf(" %8.2f", welch(kinds, quantile(both, part)));
  }
  std::printf("\n");
}

// The same accounts as a database and as a text file.
void write_accounts(const test::TemporaryDirectory& directory, std::size_t accounts) {
  std::string text;
  auto edit = store::DatabaseEdit::begin(directory.path("lmdb"));
  must(edit.has_value(), "the database cannot be begun");
  store::StoredAccount stored;
  stored.account.nt_hash = crypto::ntowf_v1(utf16le_from_password("Password").value());
  for (std::size_t i = 0; i < accounts; ++i) {
    text += "DOMAIN:" + user_name(number_of(i, accounts)) + ":Password\n";
    stored.account.name = {user_name(number_of(i, accounts)), "DOMAIN"};
    must(edit->put(stored).has_value(), "an account cannot be put");
  }
  must(edit->commit().has_value(), "the database cannot be written");
  directory.write("text", text);
}

std::string configure(const test::TemporaryDirectory& directory, const char* file,
                      const std::string& store, const char* more) {
  directory.write(file, "[ntlm]\n store = " + store + ":" + directory.path(store) +
                            "\n netbios_computer = SERVER\n netbios_domain = DOMAIN\n"
                            "[policy]\n lockout_threshold = 0\n[audit]\n syslog = no\n" +
                            more);
  return directory.path(file);
}

// ntlm-authd before the text store.
pid_t start_daemon(const test::TemporaryDirectory& directory, const char* program) {
  const std::string file =
      configure(directory, "authd.conf", "text", "[authd]\n rate = 0\n failures_per_second = 0\n");
  const std::string socket = directory.path("authd");
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    ::execl(program, program, "--config", file.c_str(), "--socket", socket.c_str(), nullptr);
    std::_Exit(1);
  }
  for (int tries = 0; tries < 500 && ::access(socket.c_str(), F_OK) != 0; ++tries) {
    ::usleep(10'000);
  }
  return daemon;
}

}  // namespace

int main(int argc, char** argv) {
  must(argc >= 2, "usage: timing MECH_CONF [attempts of each kind [accounts [NTLM_AUTHD]]]");
  const std::size_t attempts = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100'000;
  const std::size_t accounts = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 100'000;
  must(attempts > 1 && accounts > 0, "a number is not one");

  const test::TemporaryDirectory directory;
  write_accounts(directory, accounts);
  ::setenv("GSS_MECH_CONFIG", argv[1], 1);
  std::printf("%-5s %9s %9s %9s %8s %8s %8s %8s %8s %8s\n", "store", "accounts", "known ns",
              "unknown", "t", "t 99%", "t 95%", "t 90%", "t 75%", "t 50%");
  pid_t daemon = 0;
  std::vector<std::string> stores = {"text", "lmdb"};
  if (argc > 4) {
    stores.emplace_back("authd");
    daemon = start_daemon(directory, argv[4]);
  }
  for (const std::string& store : stores) {
    ::setenv("GSS_NTLM_CONF", configure(directory, "ntlm.conf", store, "").c_str(), 1);
    std::fflush(stdout);
    const pid_t child = ::fork();  // a process reads its configuration once
    if (child == 0) {
      measure(store, attempts, accounts);
      std::fflush(stdout);
      std::_Exit(0);
    }
    int status = 1;
    must(child > 0 && ::waitpid(child, &status, 0) == child && status == 0, "a store failed");
  }
  if (daemon > 0) {
    ::kill(daemon, SIGTERM);
    ::waitpid(daemon, nullptr, 0);
  }
  return 0;
}
