// SPDX-License-Identifier: MIT
// The limit of bare cryptography, and how near protocol/session comes to it, in interleaved rounds:
// medians of both and the median of the rounds' ratios, which is the figure that counts.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/bare_crypto.h"
#include "protocol/session.h"

namespace {

using namespace ntlm;
using protocol::Piece;
using protocol::Session;
template <typename Once>
double nanoseconds_each(const Once& once) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kSlice = std::chrono::milliseconds(40);
  for (std::size_t batch = 1;; batch *= 2) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < batch; ++i) {
      once();
    }
    const auto spent = Clock::now() - start;
    if (spent >= kSlice) {
      return std::chrono::duration<double, std::nano>(spent).count() / static_cast<double>(batch);
    }
  }
}

struct Comparison {
  double limit;  // nanoseconds, as is measured
  double measured;
  double of_limit;  // 1: as fast as the limit
};

template <typename Limit, typename Measured>
Comparison compare(const Limit& limit, const Measured& measured) {
  constexpr std::size_t kRounds = 9;
  std::vector<double> limits, figures, ratios;
  for (std::size_t round = 0; round < kRounds; ++round) {
    limits.push_back(nanoseconds_each(limit));
    figures.push_back(nanoseconds_each(measured));
    ratios.push_back(limits.back() / figures.back());
  }
  const auto median = [](std::vector<double>& values) {
    std::nth_element(values.begin(), values.begin() + kRounds / 2, values.end());
    return values[kRounds / 2];
  };
  return {median(limits), median(figures), median(ratios)};
}

void print(const std::string& name, const Comparison& figures) {
  std::printf("%-28s %12.0f %12.0f %9.1f %%\n", name.c_str(), figures.limit, figures.measured,
              100 * figures.of_limit);
}

constexpr wire::NegotiateFlags kFlags =
    wire::kSign | wire::kSeal | wire::kEss | wire::k128 | wire::kKeyExchange;

// Ends the process: a message that does not pass makes every figure void.
void must_pass(bool passed) {
  if (!passed) {
    std::fputs("a message did not pass\n", stderr);
    std::exit(1);
  }
}

void messages(const char* size_name, std::size_t size) {
  bench::BareMessages bare;
  Session initiator(protocol::Role::kInitiator, kFlags, crypto::ExportedSessionKey());
  Session acceptor(protocol::Role::kAcceptor, kFlags, crypto::ExportedSessionKey());
  Bytes message(size, 0x42);
  std::array<std::uint8_t, Session::kSignatureSize> signature{};
  const Piece piece{message.data(), message.data(), size, true};
  const ByteView view = message;
  print(std::string("seal + unseal ") + size_name,
        compare([&] { bare.seal_and_unseal(message); },
                [&] {
                  bool was_sealed = false;
                  must_pass(initiator.seal({&piece, 1}, signature) &&
                            acceptor.unseal({&piece, 1}, signature, &was_sealed) && was_sealed);
                }));
  print(std::string("sign + verify ") + size_name,
        compare([&] { bare.sign_and_verify(message); },
                [&] {
                  must_pass(initiator.sign({&view, 1}, signature) &&
                            acceptor.verify({&view, 1}, signature));
                }));
}

}  // namespace

int main() {
  bench::BareHandshake handshake;
  std::printf("bare handshake, both sides: %.0f ns\n\n",
              nanoseconds_each([&] { handshake.run(); }));
  std::printf("%-28s %12s %12s %11s\n", "nanoseconds each", "limit", "session", "of limit");
  messages("64 B", 64);
  messages("1 KiB", 1024);
  messages("1 MiB", std::size_t{1} << 20);
}
