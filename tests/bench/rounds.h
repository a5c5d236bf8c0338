// SPDX-License-Identifier: MIT
// How the programs here measure: the limit and the thing measured in interleaved rounds, medians of
// both, and the median of the rounds' ratios, which is the figure that counts since machines vary
// more than programs.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace ntlm::bench {

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

}  // namespace ntlm::bench
