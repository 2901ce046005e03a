// SPDX-License-Identifier: MIT
// Conversions between Linux's time structures and nanoseconds, and absolute deadlines on the monotonic clock.
#pragma once

#include <optional>

#include "abi/linux/time.h"
#include "runtime/clock.h"
#include "servers/linux/core/user.h"
#include "servers/linux/time/periods.h"

namespace hati::linux {

// kINVAL for negative seconds or nanoseconds outside [0, 10^9). Saturates at kNsMax.
SysResult<u64> to_ns(const KernelTimespec& time);
SysResult<u64> to_ns(const KernelTimeval& time);
KernelTimespec to_timespec(u64 ns);
KernelTimeval to_timeval(u64 ns);

// The monotonic deadline `ns` from now; kNever when that is beyond kNsMax.
u64 deadline_after(u64 ns);
// A time in program memory, in ns.
SysResult<u64> read_ns(UserMemory memory, UserPtr<const KernelTimespec> from);
SysResult<u64> read_ns(UserMemory memory, UserPtr<const KernelTimeval> from);
// An optional relative time-out in program memory: null means kNever.
SysResult<u64> read_timeout(UserMemory memory, UserPtr<const KernelTimespec> timeout);

}  // namespace hati::linux
