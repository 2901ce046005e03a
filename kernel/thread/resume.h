// SPDX-License-Identifier: MIT
// The short way from kThreadResume to the candidate of this CPU, inlined into the one place that is measured in instructions.
#pragma once

#include "kernel/ipc/ring.h"
#include "kernel/thread/process.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/thread.h"

namespace hati {

// Out of line: the rare turns.
void settle_candidates(CpuScheduler& cs, Thread& rival);
void change_resume_ring(Thread& thread, Ring& ring);
// The thread is not simply stopped: an interrupt request completes the resume at once, else kTerminated or kBusy.
Result<> cannot_resume(Thread& thread, Ring& ring, u64 user_data);

// Outside kRingEnter: whether the woken thread may be held as the candidate until the current one waits. It could not run before that
// anyway, neither here (its priority is no higher, and there is no time slice) nor elsewhere. Any scheduling on this CPU queues it.
inline bool may_hold(const Thread& thread, u32 here) {
  const Thread* current = this_cpu().current;
  return current != nullptr && current->priority != kPriorityFair && thread.priority <= current->priority && current->time_slice_ns == 0 &&
         current->state() == Thread::kRunning && (cpu_count() == 1 || thread.affinity.load(std::memory_order_relaxed) == u64{1} << here);
}

[[gnu::always_inline]] inline void hand_over_inline(Thread& thread) {
  const u32 here = this_cpu().id;
  CpuScheduler& cs = scheduler_at(here);
  // A native thread that waits here has nothing of its own elsewhere.
  if (cs.in_enter && cs.candidate == nullptr && !thread.supervised() && thread.cpu.load(std::memory_order_relaxed) == here &&
      (thread.affinity.load(std::memory_order_relaxed) >> here & 1) != 0) [[likely]] {
    cs.candidate = &thread;
    return;
  }
  const i32 live = thread.fpu_cpu.load(std::memory_order_acquire);
  // A native thread (a worker) stays on its CPU; a supervised one follows its supervisor. Neither goes where its registers are not.
  if ((!cs.in_enter && !may_hold(thread, here)) || thread.on_cpu.load(std::memory_order_acquire) ||
      (live >= 0 && static_cast<u32>(live) != here) || (!thread.supervised() && thread.cpu.load(std::memory_order_relaxed) != here) ||
      (thread.affinity.load(std::memory_order_relaxed) >> here & 1) == 0) [[unlikely]]
    return make_runnable(thread);
  Thread* rival = cs.candidate;
  cs.candidate = &thread;
  if (rival != nullptr) [[unlikely]]
    settle_candidates(cs, *rival);
}

// kThreadResume: a stopped supervised thread runs until it traps, which completes `user_data`. kTerminated, kBusy (not stopped, or its last
// completion is not delivered yet).
[[gnu::always_inline]] inline Result<> resume_supervised(Thread& thread, Ring& ring, u64 user_data) {
  u32 word = Thread::kStopped;
  if (thread.overflow.in_overflow() || !thread.word_.compare_exchange_strong(word, Thread::kRunnable, std::memory_order_acq_rel))
      [[unlikely]]
    return cannot_resume(thread, ring, user_data);
  if (thread.resume.ring != &ring) [[unlikely]]
    change_resume_ring(thread, ring);
  thread.resume.user_data = user_data;
  thread.resume.pending = true;
  Process& process = thread.process();
  if (process.flush_pending() && process.wait_for_flush(thread.flush_park)) [[unlikely]]
    return {};
  hand_over_inline(thread);
  return {};
}

}  // namespace hati
