// SPDX-License-Identifier: MIT
#include "sspi_compat/time_stamp.h"

#include <time.h>

namespace sspi {
namespace {

constexpr std::int64_t kTicksPerSecond = 10'000'000;
constexpr std::int64_t kSecondsFrom1601To1970 = 11'644'473'600;

TimeStamp from_ticks(std::int64_t ticks) {
  return {static_cast<ULONG>(static_cast<std::uint64_t>(ticks)), static_cast<LONG>(ticks >> 32)};
}

}  // namespace

TimeStamp never() { return {0xFFFFFFFF, 0x7FFFFFFF}; }

TimeStamp time_at(std::int64_t seconds_since_1970) {
  const time_t utc = seconds_since_1970;
  tm local{};
  if (localtime_r(&utc, &local) == nullptr) {
    return never();
  }
  return from_ticks((seconds_since_1970 + local.tm_gmtoff + kSecondsFrom1601To1970) *
                    kTicksPerSecond);
}

TimeStamp time_in(OM_uint32 seconds_from_now) {
  return seconds_from_now == GSS_C_INDEFINITE
             ? never()
             : time_at(std::int64_t{time(nullptr)} + seconds_from_now);
}

}  // namespace sspi
