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
// struct timex of adjtimex(2).
struct KernelTimex {
  u32 modes = 0, pad0 = 0;
  i64 offset = 0, frequency = 0, max_error = 0, estimated_error = 0;
  i32 status = 0, pad1 = 0;
  i64 constant = 0, precision = 0, tolerance = 0;
  KernelTimeval time;
  i64 tick = 0, pps_frequency = 0, pps_jitter = 0;
  i32 pps_shift = 0, pad2 = 0;
  i64 pps_stability = 0, pps_jitter_count = 0, pps_calibrations = 0, pps_errors = 0, pps_stable = 0;
  i32 tai = 0;
  i32 reserved[11] = {};
};
static_assert(sizeof(KernelTimex) == 208);
inline constexpr u32 kAdjustOffsetRead = 0xa001;  // ADJ_OFFSET_SS_READ
inline constexpr i32 kTimexUnsynchronised = 0x40;  // STA_UNSYNC
inline constexpr i32 kTimexError = 5;              // TIME_ERROR: the clock follows no standard
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
