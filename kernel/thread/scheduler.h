// SPDX-License-Identifier: MIT
// Which thread runs where: one CpuScheduler per CPU with a run queue and a timer queue; wake-up placement, stealing, preemption, the
// direct switch between supervised threads and their supervisor, time accounting.
// Functions are called in the kernel (interrupts off), without locks held unless they say otherwise.
#pragma once

#include "abi/call.h"
#include "abi/thread.h"
#include "base/result.h"
#include "base/types.h"
#include "kernel/cpu/cpu.h"
#include "kernel/thread/run_queue.h"
#include "kernel/thread/timer.h"

namespace hati {

class Thread;

// One per CPU. Members without a comment belong to their own CPU.
struct CpuScheduler {
  // Something to do before the current thread goes on: bits below. Set by any CPU.
  std::atomic<u32> attention{0};
  static constexpr u32 kReschedule = 1, kDeferred = 2, kOffCpu = 4;

  bool in_enter = false;         // the current thread consumes submissions: threads that it wakes become candidates
  Thread* candidate = nullptr;   // kRunnable, in no queue: runs next if the current thread waits
  Thread* slice_owner = nullptr; // the fair thread that uses up the current slice; compared only, may be gone
  u64 slice_end_ns = 0;
  u64 last_ns = 0;               // when the current thread (or idle) got the CPU
  u64 armed_ns = ~u64{0};        // what the hardware timer is set to
  TimerQueue timers;             // any CPU

  Spinlock lock;
  RunQueue queue HATI_GUARDED_BY(lock);
  std::atomic<u32> fair_queued{0}, fifo_queued{0};   // copies of the counts for looks without the lock
  std::atomic<u32> running_priority{0};              // of the current thread, for placement by others
  std::atomic<bool> idle{true};

  std::atomic<u64> idle_ns{0}, busy_ns{0}, switches{0};
};
CpuScheduler& scheduler_at(u32 cpu);

// A thread that was claimed (kRunnable, in no queue) gets a place; preempts or wakes a CPU if need be.
void make_runnable(Thread& thread);
// claim_wake() and make_runnable().
void wake(Thread& thread);
// Makes a CPU take notice of the requests (kill, interrupt) of the thread it runs.
void kick_cpu(u32 cpu);
// Sets the hardware timer for a timer just added to this CPU's queue.
void timer_added(u64 deadline_ns);
TimerQueue& local_timers();

// kThreadResume for a stopped supervised thread: kTerminated, kBusy (not stopped). It completes at once if an interrupt is requested.
class Ring;
Result<> resume_supervised(Thread& thread, Ring& ring, u64 user_data);

// --- The exit path, called by entry.cpp only. ---
// The current thread may go on, unless something needs attention.
Thread* leave_kernel(Cpu& cpu);
// The current thread has stopped, waits or has ended: another one runs.
Thread* switch_away(Cpu& cpu);
// The current, supervised thread traps. Completes its resume and switches, directly to the supervisor if that waits on this CPU.
Thread* trap_supervised(Cpu& cpu, Thread& thread, Trap trap, u64 detail);
// The timer interrupt.
void scheduler_timer(Cpu& cpu);

u32 running_threads();
u32 runnable_threads();

}  // namespace hati
