// SPDX-License-Identifier: MIT
// Arithmetic of periodic timers, all in nanoseconds of one clock.
#pragma once

#include <algorithm>

#include "abi/ring.h"
#include "base/types.h"

namespace hati::linux {

inline constexpr u64 kNsMax = u64{1} << 62;  // longer times are for ever

// How many expirations a timer has had at `now`; moves its deadline to the next one, kNever if there is none (interval 0).
constexpr u64 count_periods(u64& deadline, u64 interval, u64 now) {
  if (now < deadline) return 0;
  if (interval == 0) {
    deadline = kNever;
    return 1;
  }
  const u64 periods = 1 + (now - deadline) / interval;
  // Less than one interval beyond `now`: no overflow as long as both are below kNsMax.
  deadline += periods * interval;
  return periods;
}

// A sum of times that stays armed: at most kNsMax.
constexpr u64 add_saturated(u64 a, u64 b) { return std::min(kNsMax, std::min(a, kNsMax) + std::min(b, kNsMax)); }

// Overruns as siginfo_t and timer_getoverrun(2) tell them: at most DELAYTIMER_MAX.
constexpr i32 add_overruns(i32 before, u64 more) {
  constexpr u64 kMax = 0x7fff'ffff;
  return static_cast<i32>(std::min(static_cast<u64>(before) + std::min(more, kMax), kMax));
}

}  // namespace hati::linux
