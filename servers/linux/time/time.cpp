// SPDX-License-Identifier: MIT
// Conversions of time (time/time.h).
#include "servers/linux/time/time.h"

namespace hati::linux {

SysResult<u64> to_ns(const KernelTimespec& time) {
  if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= static_cast<i64>(kNsPerSecond)) return fail(Errno::kINVAL);
  if (static_cast<u64>(time.seconds) >= kNsMax / kNsPerSecond) return kNsMax;
  return static_cast<u64>(time.seconds) * kNsPerSecond + static_cast<u64>(time.nanoseconds);
}

SysResult<u64> to_ns(const KernelTimeval& time) {
  if (time.microseconds < 0 || time.microseconds >= 1'000'000) return fail(Errno::kINVAL);
  return to_ns(KernelTimespec{time.seconds, time.microseconds * 1000});
}

KernelTimespec to_timespec(u64 ns) { return {static_cast<i64>(ns / kNsPerSecond), static_cast<i64>(ns % kNsPerSecond)}; }

KernelTimeval to_timeval(u64 ns) { return {static_cast<i64>(ns / kNsPerSecond), static_cast<i64>(ns % kNsPerSecond / 1000)}; }

u64 deadline_after(u64 ns) { return ns >= kNsMax ? kNever : now_ns() + ns; }

SysResult<u64> read_ns(UserMemory memory, UserPtr<const KernelTimespec> from) { return to_ns(TRY(memory.get(from))); }

SysResult<u64> read_ns(UserMemory memory, UserPtr<const KernelTimeval> from) { return to_ns(TRY(memory.get(from))); }

SysResult<u64> read_timeout(UserMemory memory, UserPtr<const KernelTimespec> timeout) {
  if (!timeout) return kNever;
  return deadline_after(TRY(read_ns(memory, timeout)));
}

}  // namespace hati::linux
