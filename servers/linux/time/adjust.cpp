// SPDX-License-Identifier: MIT
// adjtimex(2), clock_adjtime(2): what they tell. The wall clock runs as the processor's counter does; nothing steers it, so requests to do so are refused.
#include "runtime/log.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/core/world.h"
#include "servers/linux/time/calls.h"
#include "servers/linux/time/clocks.h"

namespace hati::linux {
namespace {

// As Linux has them while nobody disciplines the clock.
constexpr i64 kWorstError = 16'000'000, kTimeConstant = 2, kTolerance = 32'768'000, kTickUs = 10'000;

std::atomic<bool> refusal_logged{false};

}  // namespace

SysResult<i64> sys_adjtimex(Thread& thread, UserPtr<KernelTimex> to) {
  KernelTimex state = TRY(thread.memory().get(to));
  if (state.modes != 0 && state.modes != kAdjustOffsetRead) {
    if (!thread.capable(kCapSysTime)) return fail(Errno::kPERM);
    if (!refusal_logged.exchange(true, std::memory_order_relaxed)) log_warning("adjtimex: mode {:x} is not implemented", state.modes);
    return fail(Errno::kNOSYS);
  }
  const u32 modes = state.modes;
  state = {};
  state.modes = modes;
  state.max_error = state.estimated_error = kWorstError;
  state.status = kTimexUnsynchronised;
  state.constant = kTimeConstant;
  state.precision = 1;
  state.tolerance = kTolerance;
  state.time = to_timeval(static_cast<u64>(realtime_ns()));
  state.tick = kTickUs;
  TRY(thread.memory().put(to, state));
  return kTimexError;
}

SysResult<i64> sys_clock_adjtime(Thread& thread, i32 clock, UserPtr<KernelTimex> to) {
  TRY(read_clock(thread, clock));
  if (clock != kClockRealtime) return fail(Errno::kOPNOTSUPP);
  return sys_adjtimex(thread, to);
}

}  // namespace hati::linux
