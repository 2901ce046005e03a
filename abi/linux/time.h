// SPDX-License-Identifier: MIT
// Linux's time structures on x86-64 (uapi linux/time_types.h, time.h, times.h) and clock numbers.
#pragma once

#include "base/types.h"

namespace hati::linux {

struct KernelTimespec {
  i64 seconds = 0;
  i64 nanoseconds = 0;
};
struct KernelTimeval {
  i64 seconds = 0;
  i64 microseconds = 0;
};
struct KernelItimerspec {
  KernelTimespec interval, value;
};
struct KernelItimerval {
  KernelTimeval interval, value;
};
struct KernelTms {
  i64 user, system, child_user, child_system;  // clock ticks
};
struct KernelTimezone {
  i32 minutes_west, dst_time;
};
static_assert(sizeof(KernelItimerspec) == 32 && sizeof(KernelTms) == 32);

enum ClockId : u32 {
  kClockRealtime, kClockMonotonic, kClockProcessCpu, kClockThreadCpu, kClockMonotonicRaw, kClockRealtimeCoarse, kClockMonotonicCoarse, kClockBoottime,
  kClockRealtimeAlarm, kClockBoottimeAlarm, kClockTai = 11,
};
inline constexpr i32 kTimerAbsolute = 1;
inline constexpr u64 kTicksPerSecond = 100;  // USER_HZ

// struct sigevent, 64 bytes.
struct SignalEvent {
  u64 value;
  i32 signal;
  i32 notify;
  i32 thread_id;
  u32 reserved[11];
};
static_assert(sizeof(SignalEvent) == 64);
inline constexpr i32 kNotifySignal = 0, kNotifyNone = 1, kNotifyThread = 2, kNotifyThreadId = 4;

}  // namespace hati::linux
