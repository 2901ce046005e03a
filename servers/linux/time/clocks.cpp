// SPDX-License-Identifier: MIT
// Reading and setting clocks, sleeping: clock_gettime(2), clock_settime(2), nanosleep(2), clock_nanosleep(2).
#include "servers/linux/time/clocks.h"

#include "servers/linux/process/process.h"
#include "servers/linux/time/calls.h"
#include "servers/linux/time/vvar.h"

namespace hati::linux {
namespace {

// Clock ids of other processes and threads: ~pid << 3 | kind (clock_getcpuclockid(3)).
constexpr i32 kPerThread = 4;
constexpr i32 kCpuKindMask = 3;
constexpr i32 kCpuKind = 2;  // all CPU time, as the scheduler counts it
constexpr i32 cpu_clock(i32 id, i32 bits) { return static_cast<i32>(~static_cast<u32>(id) << 3) | bits | kCpuKind; }
constexpr i32 cpu_clock_id(i32 clock) { return ~(clock >> 3); }

u64 thread_time(const Thread& thread) {
  const Thread::CpuTime time = thread.cpu_time();
  return time.user_ns + time.system_ns;
}

// The caller's own clocks under their dynamic numbers; others as they are.
i32 with_id(Thread& thread, i32 clock) {
  if (clock == kClockProcessCpu) return cpu_clock(thread.process().pid, 0);
  if (clock == kClockThreadCpu) return cpu_clock(thread.tid(), kPerThread);
  if (cpu_clock_id(clock) != 0) return clock;
  return (clock & kPerThread) != 0 ? cpu_clock(thread.tid(), kPerThread) : cpu_clock(thread.process().pid, 0);
}

}  // namespace

SysResult<i32> resolve_cpu_clock(Thread& thread, i32 clock) {
  const i32 resolved = with_id(thread, clock);
  const i32 id = cpu_clock_id(resolved);
  TRY(read_cpu_clock(thread.world(), resolved));
  if ((resolved & kPerThread) == 0) {
    if (id != thread.process().pid) return fail(Errno::kOPNOTSUPP);
    return resolved;
  }
  const Ref<Thread> target = thread.world().processes().find_thread(id);
  if (!target || &target->process() != &thread.process()) return fail(Errno::kINVAL);
  return resolved;
}

SysResult<u64> read_cpu_clock(World& world, i32 clock) {
  if ((clock & kCpuKindMask) == kCpuKindMask) return fail(Errno::kINVAL);
  if ((clock & kPerThread) != 0) {
    const Ref<Thread> target = world.processes().find_thread(cpu_clock_id(clock));
    if (!target) return fail(Errno::kINVAL);
    return thread_time(*target);
  }
  const Ref<Process> target = world.processes().find_process(cpu_clock_id(clock));
  if (!target) return fail(Errno::kINVAL);
  return target->cpu_time_ns();
}

bool is_wall_clock(i32 clock) {
  return clock == kClockRealtime || clock == kClockRealtimeCoarse || clock == kClockRealtimeAlarm || clock == kClockTai;
}

bool is_cpu_clock(i32 clock) { return clock < 0 || clock == kClockProcessCpu || clock == kClockThreadCpu; }

SysResult<u64> read_clock(Thread& thread, i32 clock) {
  if (clock < 0) {
    const i32 resolved = with_id(thread, clock);
    if ((resolved & kPerThread) == 0) return read_cpu_clock(thread.world(), resolved);
    const Ref<Thread> target = thread.world().processes().find_thread(cpu_clock_id(resolved));
    if ((resolved & kCpuKindMask) == kCpuKindMask || !target || &target->process() != &thread.process()) return fail(Errno::kINVAL);
    return thread_time(*target);
  }
  switch (static_cast<u32>(clock)) {
    case kClockRealtime: case kClockRealtimeCoarse: case kClockTai: case kClockRealtimeAlarm: return static_cast<u64>(realtime_ns());
    case kClockMonotonic: case kClockMonotonicRaw: case kClockMonotonicCoarse: case kClockBoottime: case kClockBoottimeAlarm: return monotonic_ns();
    case kClockProcessCpu: return thread.process().cpu_time_ns();
    case kClockThreadCpu: return thread_time(thread);
    default: return fail(Errno::kINVAL);
  }
}

SysResult<> check_timer_clock(Thread& thread, i32 clock) {
  if (clock == kClockRealtimeAlarm || clock == kClockBoottimeAlarm) {
    if (!thread.capable(kCapWakeAlarm)) return fail(Errno::kPERM);
    return {};
  }
  if (clock == kClockMonotonicRaw || clock == kClockRealtimeCoarse || clock == kClockMonotonicCoarse) return fail(Errno::kOPNOTSUPP);
  TRY(read_clock(thread, clock));
  return {};
}

u64 to_monotonic(i32 clock, u64 deadline) {
  if (deadline >= kNsMax) return kNever;
  if (!is_wall_clock(clock)) return deadline;
  const i64 value = static_cast<i64>(deadline) - World::get().wall_offset();
  return value <= 0 ? 0 : static_cast<u64>(value);
}

u64 remaining(u64 monotonic_deadline) {
  const u64 now = monotonic_ns();
  return monotonic_deadline > now ? monotonic_deadline - now : 0;
}

SysResult<i64> sys_clock_gettime(Thread& thread, i32 clock, UserPtr<KernelTimespec> to) {
  const u64 ns = TRY(read_clock(thread, clock));
  TRY(thread.memory().put(to, to_timespec(ns)));
  return 0;
}

SysResult<i64> sys_clock_getres(Thread& thread, i32 clock, UserPtr<KernelTimespec> to) {
  TRY(read_clock(thread, clock));
  const bool coarse = clock == kClockRealtimeCoarse || clock == kClockMonotonicCoarse;
  if (to) TRY(thread.memory().put(to, KernelTimespec{0, coarse ? 4'000'000 : 1}));
  return 0;
}

namespace {

SysResult<i64> set_wall_clock(Thread& thread, u64 ns) {
  if (!thread.capable(kCapSysTime)) return fail(Errno::kPERM);
  const i64 offset = static_cast<i64>(ns) - static_cast<i64>(monotonic_ns());
  // As Linux: the wall clock is not behind the monotonic one.
  if (ns >= kNsMax || offset < 0) return fail(Errno::kINVAL);
  thread.world().set_wall_offset(offset);
  return 0;
}

}  // namespace

SysResult<i64> sys_clock_settime(Thread& thread, i32 clock, UserPtr<const KernelTimespec> time) {
  TRY(read_clock(thread, clock));
  if (clock != kClockRealtime) return fail(clock < 0 ? Errno::kPERM : Errno::kINVAL);
  return set_wall_clock(thread, TRY(read_ns(thread.memory(), time)));
}

SysResult<i64> sys_gettimeofday(Thread& thread, UserPtr<KernelTimeval> time, UserPtr<KernelTimezone> zone) {
  if (time) TRY(thread.memory().put(time, to_timeval(static_cast<u64>(realtime_ns()))));
  if (zone) TRY(thread.memory().put(zone, KernelTimezone{0, 0}));
  return 0;
}

SysResult<i64> sys_settimeofday(Thread& thread, UserPtr<const KernelTimeval> time, UserPtr<const KernelTimezone> zone) {
  if (zone) {
    const KernelTimezone value = TRY(thread.memory().get(zone));
    if (!thread.capable(kCapSysTime)) return fail(Errno::kPERM);
    if (value.minutes_west > 15 * 60 || value.minutes_west < -15 * 60) return fail(Errno::kINVAL);
  }
  if (!time) return 0;
  return set_wall_clock(thread, TRY(read_ns(thread.memory(), time)));
}

SysResult<i64> sys_time(Thread& thread, UserPtr<i64> to) {
  const i64 seconds = realtime_ns() / static_cast<i64>(kNsPerSecond);
  if (to) TRY(thread.memory().put(to, seconds));
  return seconds;
}

namespace {

struct Sleep {
  i32 clock;
  u64 deadline;      // on the clock
  u64 rest_address;  // 0: nobody wants to know
};

// Until the clock shows the deadline. The wall clock may be set meanwhile.
Task<SysResult<>> sleep_until(Thread& thread, Sleep sleep) {
  Waiter waiter(thread);
  if (is_wall_clock(sleep.clock)) waiter.add(thread.world().wall_changed());
  for (;;) {
    const u64 deadline = to_monotonic(sleep.clock, sleep.deadline);
    if (deadline != kNever && monotonic_ns() >= deadline) co_return {};
    const SysResult<> waited = co_await waiter.wait(deadline);
    if (!waited && waited.error() != Errno::kTIMEDOUT) co_return waited;
  }
}

// CPU clocks advance only while the process runs: sleep for what is missing, and look again.
Task<SysResult<>> sleep_on_cpu_clock(Thread& thread, Sleep sleep) {
  constexpr u64 kStepMin = 1'000'000;
  Waiter waiter(thread);
  for (;;) {
    const u64 now = CO_TRY(read_clock(thread, sleep.clock));
    if (now >= sleep.deadline) co_return {};
    // No process uses more CPU time than there are processors.
    const SysResult<> waited = co_await waiter.wait(deadline_after(std::max((sleep.deadline - now) / thread.world().cpu_count, kStepMin)));
    if (!waited && waited.error() != Errno::kTIMEDOUT) co_return waited;
  }
}

// An interrupted relative sleep: writes the rest and leaves the deadline for `again`.
SysResult<i64> leave_sleep(Thread& thread, const Sleep& sleep, u64 rest, Task<SysResult<i64>> (*again)(Thread&)) {
  if (sleep.rest_address != 0) TRY(thread.memory().put(UserPtr<KernelTimespec>{sleep.rest_address}, to_timespec(rest)));
  thread.restart.clock = static_cast<u32>(sleep.clock);
  thread.restart.deadline = sleep.deadline;
  thread.restart.address = sleep.rest_address;
  thread.restart.restart = again;
  return fail(Errno::kRESTARTBLOCK);
}

Sleep sleep_to_restart(const Thread& thread) { return {static_cast<i32>(thread.restart.clock), thread.restart.deadline, thread.restart.address}; }

Task<SysResult<i64>> sleep_relative_on_cpu_clock(Thread& thread, Sleep sleep) {
  const SysResult<> done = co_await sleep_on_cpu_clock(thread, sleep);
  if (done) co_return 0;
  if (done.error() != Errno::kRESTARTSYS) co_return fail(done.error());
  const u64 now = CO_TRY(read_clock(thread, sleep.clock));
  co_return leave_sleep(thread, sleep, sleep.deadline > now ? sleep.deadline - now : 0,
                        [](Thread& again) -> Task<SysResult<i64>> { return sleep_relative_on_cpu_clock(again, sleep_to_restart(again)); });
}

// A relative sleep, first or restarted: `rest` is written when a signal ends it.
Task<SysResult<i64>> sleep_relative(Thread& thread, Sleep sleep) {
  const SysResult<> done = co_await sleep_until(thread, sleep);
  if (done) co_return 0;
  if (done.error() != Errno::kRESTARTSYS) co_return fail(done.error());
  co_return leave_sleep(thread, sleep, remaining(to_monotonic(sleep.clock, sleep.deadline)),
                        [](Thread& again) -> Task<SysResult<i64>> { return sleep_relative(again, sleep_to_restart(again)); });
}

}  // namespace

Task<SysResult<i64>> sys_nanosleep(Thread& thread, UserPtr<const KernelTimespec> time, UserPtr<KernelTimespec> rest) {
  const u64 ns = CO_TRY(read_ns(thread.memory(), time));
  co_return co_await sleep_relative(thread, {kClockMonotonic, deadline_after(ns), rest.address});
}

Task<SysResult<i64>> sys_clock_nanosleep(Thread& thread, i32 clock, i32 flags, UserPtr<const KernelTimespec> time, UserPtr<KernelTimespec> rest) {
  if (clock == kClockThreadCpu) co_return fail(Errno::kOPNOTSUPP);
  CO_TRY(check_timer_clock(thread, clock));
  const u64 ns = CO_TRY(read_ns(thread.memory(), time));
  const bool absolute = (flags & kTimerAbsolute) != 0;
  if (is_cpu_clock(clock)) {
    const u64 now = CO_TRY(read_clock(thread, clock));
    if (!absolute) co_return co_await sleep_relative_on_cpu_clock(thread, {clock, add_saturated(now, ns), rest.address});
    const SysResult<> done = co_await sleep_on_cpu_clock(thread, {clock, ns, 0});
    if (!done) co_return fail(done.error() == Errno::kRESTARTSYS ? Errno::kRESTARTNOHAND : done.error());
    co_return 0;
  }
  // A relative sleep does not follow changes of the wall clock.
  if (!absolute) co_return co_await sleep_relative(thread, {kClockMonotonic, deadline_after(ns), rest.address});
  const SysResult<> done = co_await sleep_until(thread, {clock, ns, 0});
  if (!done) co_return fail(done.error() == Errno::kRESTARTSYS ? Errno::kRESTARTNOHAND : done.error());
  co_return 0;
}

Task<SysResult<i64>> sys_restart_syscall(Thread& thread) {
  if (thread.restart.restart == nullptr) co_return fail(Errno::kINTR);
  co_return co_await thread.restart.restart(thread);
}

}  // namespace hati::linux
