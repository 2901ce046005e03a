// SPDX-License-Identifier: MIT
// Clocks of clock_gettime(2): wall, monotonic, CPU time of processes and threads.
#pragma once

#include "servers/linux/core/thread.h"
#include "servers/linux/time/time.h"

namespace hati::linux {

// Nanoseconds on the clock (the wall clock since 1970). kINVAL for unknown clocks and CPU clocks of the dead.
SysResult<u64> read_clock(Thread& thread, i32 clock);
bool is_wall_clock(i32 clock);   // set by clock_settime
bool is_cpu_clock(i32 clock);
// The number that means the same CPU clock to everybody, of the caller's process or one of its threads. kINVAL: no such process or thread;
// kOPNOTSUPP: another process's, which no timer can watch.
SysResult<i32> resolve_cpu_clock(Thread& thread, i32 clock);
// Of a CPU clock by its resolved number. kINVAL for those of the dead. Takes the processes lock.
SysResult<u64> read_cpu_clock(World& world, i32 clock);
// Clocks that sleeps and timers may use.
SysResult<> check_timer_clock(Thread& thread, i32 clock);
// What a deadline on a clock is on the monotonic clock now. Not for CPU clocks.
u64 to_monotonic(i32 clock, u64 deadline);
// The reverse, for remaining times.
u64 remaining(u64 monotonic_deadline);

}  // namespace hati::linux
