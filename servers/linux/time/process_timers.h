// SPDX-License-Identifier: MIT
// Timers of a process: the three of setitimer(2), those of timer_create(2), and RLIMIT_CPU. Wall and monotonic timers are deadlines; CPU-time timers are
// looked at by one watch, which sleeps at least as long as the process would need to use up what is left and then makes a running thread look.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "abi/linux/signal.h"
#include "servers/linux/time/interval.h"

namespace hati::linux {

class Process;
class Thread;

// One timer of timer_create(2).
struct PosixTimer {
  PosixTimer(Process& p, i32 number, i32 on, const SignalEvent& e);
  static void expire(void* self, u64 expirations);
  void fire(u64 expirations);

  Process& process;
  const i32 id;
  const i32 clock;  // a CPU clock by its resolved number (resolve_cpu_clock)
  const SignalEvent event;
  IntervalTimer timer;
  // CPU clocks: on that clock instead; ProcessTimers' lock.
  u64 cpu_deadline = kNever, cpu_interval = 0;
  std::atomic<i32> overrun{0};  // of the last signal that was delivered
};

class ProcessTimers {
 public:
  enum Which { kReal, kVirtual, kProfile };

  // setitimer: values in ns; the old value. kReal on the monotonic clock, others on the process's CPU time.
  struct Value {
    u64 value = 0, interval = 0;
  };
  Value get(Process& process, Which which);
  Value set(Process& process, Which which, Value value);

  SysResult<i32> create(Process& process, i32 clock, const SignalEvent& event);
  std::shared_ptr<PosixTimer> find(i32 id) const;
  bool remove(i32 id);
  // Sets a timer on a CPU clock: deadline on that clock, kNever for off.
  void set_cpu(Process& process, PosixTimer& timer, u64 deadline, u64 interval);
  // A signal of a timer was taken: what timer_getoverrun(2) tells. May be called with the signal lock held.
  void delivered(i32 id, i32 overrun) {
    if (const auto timer = find(id)) timer->overrun.store(overrun, std::memory_order_relaxed);
  }

  // CPU-time timers and RLIMIT_CPU: sends what is due and sleeps again. Not from a timer's callback; takes the processes lock.
  void check_cpu(Process& process);
  void limit_changed(Process& process) { check_cpu(process); }
  // exec: POSIX timers go, the others stay.
  void exec();
  // The process ends: nothing fires any more.
  void stop(Process& process);
  SpinLock& lock() const HATI_RETURN_CAPABILITY(lock_) { return lock_; }

 private:
  using TimerList = std::vector<std::shared_ptr<PosixTimer>>;
  // What check_cpu() found: signals to send, and the CPU time until the next thing is due.
  struct Due {
    bool virtual_alarm = false, profile = false, warn = false, kill = false;
    std::vector<std::pair<std::shared_ptr<PosixTimer>, u64>> timers;
    u64 next = kNever;
  };
  static void real_expired(void* process, u64 expirations);
  static void watch_expired(void* process, u64 expirations);
  TimerList cpu_timers() const;
  void pass_itimers(u64 now, Due& due) HATI_REQUIRES(lock_);
  void pass_limit(const Process& process, u64 now, Due& due) HATI_REQUIRES(lock_);

  SpinLock watch_lock_;    // taken first, by check_cpu(): the watch is set by what was found last
  mutable SpinLock lock_;  // innermost but for those of the timers; never held while a timer is set
  std::unique_ptr<IntervalTimer> real_ HATI_GUARDED_BY(lock_);
  std::unique_ptr<IntervalTimer> watch_ HATI_GUARDED_BY(lock_);
  struct CpuTimer {
    u64 deadline = kNever, interval = 0;  // of the process's CPU time
  };
  std::array<CpuTimer, 2> cpu_ HATI_GUARDED_BY(lock_);
  u64 limit_warned_at_ HATI_GUARDED_BY(lock_) = 0;
  std::map<i32, std::shared_ptr<PosixTimer>> posix_ HATI_GUARDED_BY(lock_);
  i32 next_id_ HATI_GUARDED_BY(lock_) = 0;
  bool stopped_ HATI_GUARDED_BY(lock_) = false;
};

}  // namespace hati::linux
