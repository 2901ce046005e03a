// SPDX-License-Identifier: MIT
// The shortest ways from one thread to the next, inlined where instructions are counted: the direct switch between a supervised thread and
// its supervisor, or between a waiting thread and the one it woke. They touch no queue and no lock.
#pragma once

#include "kernel/arch/arch.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/thread.h"

namespace hati {

inline void add_relaxed(std::atomic<u64>& counter, u64 value) {
  counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);  // one writer
}

// Charges the time since the last call to whoever had the CPU. The one place where the path of a call reads the clock.
inline u64 account(Cpu& cpu, CpuScheduler& cs) {
  const u64 now = arch::now_ns();
  const u64 passed = now - cs.last_ns.load(std::memory_order_relaxed);
  cs.last_ns.store(now, std::memory_order_relaxed);
  Thread* thread = cpu.current;
  if (thread == nullptr) [[unlikely]] {
    add_relaxed(cs.idle_ns, passed);
    return now;
  }
  add_relaxed(thread->user_ns, passed);
  if (thread->priority == kPriorityFair) RunQueue::charge(*thread, passed);
  return now;
}

// Between a thread and its supervisor, or from a waiting thread to the one it woke: no queue is touched. Not counted as a context switch.
inline Thread* switch_directly(Cpu& cpu, Thread& previous, Thread& next) {
  arch::switch_thread(cpu, &previous, &next);
  cpu.current = &next;
  next.cpu.store(cpu.id, std::memory_order_relaxed);
  next.on_cpu.store(true, std::memory_order_relaxed);
  previous.on_cpu.store(false, std::memory_order_release);
  // From here another CPU may run `previous`, or free it.
  return &next;
}

// Whether the candidate may run at once although the queue was not asked under its lock.
inline bool may_go_directly(CpuScheduler& cs, const Thread& candidate, u64 now) {
  // Pairs with enqueue(): either it sees the lower priority and interrupts, or we see its thread.
  if (cs.running_priority.load(std::memory_order_relaxed) > candidate.priority) [[unlikely]]
    cs.running_priority.exchange(candidate.priority);
  if (cs.attention.load(std::memory_order_relaxed) != 0 || cs.fifo_queued.load(std::memory_order_relaxed) != 0) return false;
  if (candidate.priority != kPriorityFair || cs.fair_queued.load(std::memory_order_relaxed) == 0) [[likely]]
    return true;
  return cs.slice_owner == &candidate && now < cs.slice_end_ns;
}

// For a candidate that goes directly: a new slice if the current one is not its own, and the timer if it has rivals.
void start_direct_slice(Cpu& cpu, CpuScheduler& cs, Thread& thread, u64 now);
Thread* switch_away_slowly(Cpu& cpu, CpuScheduler& cs, Thread* candidate, u64 now);

// The current thread has stopped or waits.
[[gnu::always_inline]] inline Thread* switch_away_inline(Cpu& cpu) {
  CpuScheduler& cs = scheduler_at(cpu.id);
  cs.in_enter = false;
  const u64 now = account(cpu, cs);
  Thread* candidate = cs.candidate;
  cs.candidate = nullptr;
  if (candidate != nullptr && cpu.current != nullptr && may_go_directly(cs, *candidate, now)) [[likely]] {
    u32 runnable = Thread::kRunnable;
    if (candidate->word_.compare_exchange_strong(runnable, Thread::kRunning, std::memory_order_acq_rel)) [[likely]] {
      if (candidate->priority != kPriorityFair && candidate->time_slice_ns == 0) {
        cs.slice_owner = candidate;  // without end: only fair threads are queued, which do not compete with it
        cs.slice_end_ns = kNever / 2;
      } else if (cs.slice_owner != candidate || now >= cs.slice_end_ns || cs.fair_queued.load(std::memory_order_relaxed) != 0) {
        start_direct_slice(cpu, cs, *candidate, now);
      }
      return switch_directly(cpu, *cpu.current, *candidate);
    }
  }
  return switch_away_slowly(cpu, cs, candidate, now);
}

}  // namespace hati
