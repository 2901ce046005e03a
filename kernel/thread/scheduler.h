// SPDX-License-Identifier: MIT
// Which thread runs where: one CpuScheduler per CPU with a run queue and a timer queue; wake-up placement, stealing, preemption, the
// direct switch between supervised threads and their supervisor, time accounting.
// Functions are called in the kernel (interrupts off), without locks held unless they say otherwise.
#pragma once

#include <array>
#include <new>

#include "abi/call.h"
#include "abi/ring.h"
#include "abi/thread.h"
#include "base/ref.h"
#include "base/result.h"
#include "kernel/cpu/cpu.h"
#include "kernel/thread/run_queue.h"
#include "kernel/thread/timer.h"

namespace hati {

class Ring;
class Thread;

// One per CPU. Members without a comment belong to their own CPU.
struct CpuScheduler {
  // Something to do before the current thread goes on. Set by any CPU; whoever sets the first bit from outside sends an IPI.
  static constexpr u32 kReschedule = 1, kDeferred = 2;
  std::atomic<u32> attention{0};

  bool in_enter = false;          // the current thread consumes submissions: threads that it wakes become candidates
  bool current_ended = false;     // the current thread has ended and is to be finished once the CPU has left it
  bool yielding = false;
  Thread* candidate = nullptr;    // kRunnable, in no queue: runs next if the current thread waits, queued when anything else is chosen
  Thread* slice_owner = nullptr;  // whose slice it is; compared only, may be gone
  u64 slice_end_ns = 0;
  u64 online_since_ns = 0;        // constant
  std::atomic<u64> last_ns{0};    // up to when time is accounted; read by others
  u64 armed_ns = kNever;          // what the hardware timer is set to
  u64 last_balance_ns = 0;        // when a thread was last given to another busy CPU
  u32 last_target = 0;            // to which
  u64 last_push_ns = 0;           // when an idle CPU was last invited to steal
  TimerQueue timers;              // any CPU

  Spinlock lock;
  RunQueue queue HATI_GUARDED_BY(lock);
  std::atomic<u32> fair_queued{0}, fifo_queued{0};  // copies of the counts, written under the lock, for looks without it
  std::atomic<u64> fair_load{0};                    // sum of the weights in the queue, for others
  std::atomic<u32> running_weight{0};  // of the thread that runs, if it is a fair one. A hint: direct switches leave it alone
  std::atomic<u32> running_priority{0};  // at most this is preempted without an interrupt; never below the truth for long
  std::atomic<u64> idle_ns{0}, switches{0};
};
struct alignas(64) SchedulerStorage {
  std::byte bytes[(sizeof(CpuScheduler) + 63) / 64 * 64];
};
extern std::array<SchedulerStorage, kCpusMax> scheduler_storage;  // filled by scheduler_init_cpu()
inline CpuScheduler& scheduler_at(u32 cpu) { return *std::launder(reinterpret_cast<CpuScheduler*>(&scheduler_storage[cpu])); }

// A thread that was claimed (kRunnable, in no queue) gets a place; preempts or wakes a CPU if need be.
void make_runnable(Thread& thread);
// As make_runnable(); if the current thread is in kRingEnter the woken one becomes the candidate to run when that waits.
void hand_over(Thread& thread);
// A thread that a ring took out of its waiter slot: claims it and lets it go on.
void wake_waiter(Thread* thread);

void set_priority(Thread& thread, u32 priority);
void set_nice(Thread& thread, i32 nice);
// Moves the thread if it is where it may not be any more.
void affinity_changed(Thread& thread);
void yield_current();
// The current, stopped thread leaves the CPU, which has no thread then until the exit path chooses one.
void detach_current();
// The current thread has ended: it is finished once the CPU runs something else.
void end_on_cpu();
// Makes a CPU look at its run queue and at the requests (kill, interrupt) of its thread.
void kick_cpu(u32 cpu);
// Adds a timer to this CPU's queue.
void add_timer(Timer& timer, u64 deadline_ns);
// CPU time of a thread up to now, if need be estimated while it runs elsewhere.
u64 thread_time_ns(const Thread& thread);
// How long the CPU has been doing what it does now (run a thread, idle) beyond what its counters say.
u64 time_since_account(u32 cpu);

// --- For Ring::enter. ---
inline void begin_enter(Cpu& cpu) { scheduler_at(cpu.id).in_enter = true; }
// The current thread goes on: a candidate is queued.
void end_enter_with_candidate(CpuScheduler& cs);
inline void end_enter(Cpu& cpu) {
  CpuScheduler& cs = scheduler_at(cpu.id);
  cs.in_enter = false;
  if (cs.candidate != nullptr) end_enter_with_candidate(cs);
}

// --- The exit path, for entry.cpp. ---
// The current thread may go on, unless something needs attention.
Thread* leave_kernel(Cpu& cpu);
// The current thread has stopped or waits: another one runs.
Thread* switch_away(Cpu& cpu);
// The current, supervised thread traps. Completes its resume and switches, directly to the supervisor if that waits on this CPU.
Thread* trap_supervised(Cpu& cpu, Thread& thread, Trap trap, u64 detail);
void scheduler_timer(Cpu& cpu);  // the timer interrupt
// An idle CPU with deferred work lets interrupts in and goes on at once.
void program_deferred_tick(Cpu& cpu);

struct ThreadCounts {
  u32 runnable, running;
};
ThreadCounts count_threads();

}  // namespace hati
