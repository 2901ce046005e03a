// SPDX-License-Identifier: MIT
// The clock, read without a kernel call where the process was given the clock page (init gives it to everybody).
#pragma once

#include "base/types.h"

namespace hati {

struct ClockPage;

// Nanoseconds since boot; the same on all CPUs, never goes back.
u64 now_ns();
// Nanoseconds since 1970 at boot as the hardware clock had it: add to now_ns().
i64 wall_offset_ns();
// The page behind it, for servers that lend it on (vDSO data); null if there is none.
const ClockPage* clock_page();

inline constexpr u64 kNsPerSecond = 1'000'000'000;
inline constexpr u64 kNsPerMs = 1'000'000;

}  // namespace hati
