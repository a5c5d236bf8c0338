// SPDX-License-Identifier: MIT
// Logons a second through winbind: the store against libwbclient alone with a kept context for each
// client, in interleaved rounds of one run; the ratio is the figure that counts. Run as root in the
// member of tests/domain/lab.py, which has a processor of its own so that the domain controllers do
// not share its caches:
//   lab.py up DIR apart
//   lab.py run DIR member winbind_bench [USER [ROUNDS [LOGONS A ROUND AND CLIENT]]]
#include "store/winbind.h"

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "support/logon_attempt.h"

extern "C" {
#include <wbclient.h>
}

namespace {

using namespace ntlm;
using Clock = std::chrono::steady_clock;
using test::LogonAttempt;

struct Figures {
  double rate = 0;    // logons a second
  double median = 0;  // milliseconds
};

void must(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "winbind_bench: %s\n", what);
    std::exit(1);
  }
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Each client logs on `count` times, one after the other; all clients at once. A client makes its
// logon once, so that nothing but the question is measured.
Figures measure(int clients, int count, const std::function<std::function<bool()>()>& client) {
  std::vector<std::vector<double>> times(static_cast<std::size_t>(clients));
  std::vector<std::function<bool()>> logons;
  for (int i = 0; i < clients; ++i) {
    logons.push_back(client());
    must(logons.back()(), "a logon is refused");
  }
  std::vector<std::thread> threads;
  const auto began = Clock::now();
  for (std::size_t i = 0; i < logons.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < count; ++k) {
        const auto start = Clock::now();
        must(logons[i](), "a logon is refused");
        times[i].push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const double spent = std::chrono::duration<double>(Clock::now() - began).count();
  std::vector<double> all;
  for (const auto& each : times) {
    all.insert(all.end(), each.begin(), each.end());
  }
  return {static_cast<double>(all.size()) / spent, median(std::move(all))};
}

std::function<bool()> library_alone(const LogonAttempt& attempt) {
  const std::shared_ptr<wbcContext> context(wbcCtxCreate(), wbcCtxFree);
  return [context, &attempt] {
    const auto request = attempt.request();
    Bytes response(request.nt_response.begin(), request.nt_response.end());
    wbcAuthUserParams params{};
    params.account_name = attempt.account.user.c_str();
    params.domain_name = attempt.account.domain.c_str();
    params.workstation_name = attempt.workstation.c_str();
    params.parameter_control =
        WBC_MSV1_0_ALLOW_WORKSTATION_TRUST_ACCOUNT | WBC_MSV1_0_ALLOW_SERVER_TRUST_ACCOUNT;
    params.level = wbcAuthUserParams::WBC_AUTH_USER_LEVEL_RESPONSE;
    std::copy(request.server_challenge.begin(), request.server_challenge.end(),
              params.password.response.challenge);
    params.password.response.nt_length = static_cast<std::uint32_t>(response.size());
    params.password.response.nt_data = response.data();
    wbcAuthUserInfo* info = nullptr;
    wbcAuthErrorInfo* error = nullptr;
    const wbcErr outcome = wbcCtxAuthenticateUserEx(context.get(), &params, &info, &error);
    wbcFreeMemory(info);
    wbcFreeMemory(error);
    return outcome == WBC_ERR_SUCCESS;
  };
}

}  // namespace

int main(int argc, char** argv) {
  const char* user = argc > 1 ? argv[1] : "alice";
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 9;
  const int count = argc > 3 ? std::atoi(argv[3]) : 50;
  const store::WinbindVerifier verifier(store::WinbindSettings{});
  must(verifier.host_names() != nullptr, "winbindd does not answer");
  const LogonAttempt attempt({user, "LAB"}, "Pass-w0rd!", *verifier.host_names());
  const auto alone = [&] { return library_alone(attempt); };
  const auto ours = [&]() -> std::function<bool()> {
    return [&] { return verifier.verify(attempt.request()).has_value(); };
  };
  std::printf("%-8s %14s %14s %14s %14s %8s\n", "clients", "library /s", "store /s", "library ms",
              "store ms", "ratio");
  for (const int clients : {1, 2, 4, 8}) {
    std::vector<double> library_rates, store_rates, library_medians, store_medians, ratios;
    for (int round = 0; round < rounds; ++round) {
      // Whoever goes first in a round is the other one in the next.
      Figures library, store;
      for (int half = 0; half < 2; ++half) {
        const bool library_now = (half + round) % 2 == 0;
        (library_now ? library : store) =
            library_now ? measure(clients, count, alone) : measure(clients, count, ours);
      }
      library_rates.push_back(library.rate);
      store_rates.push_back(store.rate);
      library_medians.push_back(library.median);
      store_medians.push_back(store.median);
      ratios.push_back(store.rate / library.rate);
    }
    std::printf("%-8d %14.0f %14.0f %14.2f %14.2f %7.1f%%\n", clients, median(library_rates),
                median(store_rates), median(library_medians), median(store_medians),
                100 * median(ratios));
    std::fflush(stdout);
  }
  return 0;
}
