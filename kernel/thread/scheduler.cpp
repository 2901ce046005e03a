// SPDX-License-Identifier: MIT
// Choice and switch of threads on the CPU that runs this. A thread between two homes (claimed, removed from a queue) is kRunnable and
// belongs to the code that holds it. At most one scheduler's lock is held at a time, and no other lock is taken under it.
#include "kernel/thread/scheduler.h"

#include "kernel/arch/arch.h"
#include "kernel/debug/panic.h"
#include "kernel/ipc/ring_post.h"
#include "kernel/object/deferred.h"
#include "kernel/thread/placement.h"
#include "kernel/thread/process.h"
#include "kernel/thread/resume.h"
#include "kernel/thread/switch.h"
#include "kernel/thread/thread.h"

namespace hati {

namespace {

constexpr u64 kDeferredTickNs = 200'000;  // deferred work goes on at least this often while threads run
constexpr u32 kTimersPerInterrupt = 32;
constexpr u64 kInviteNs = 1'000'000;
constexpr u32 kRequests = Thread::kKill | Thread::kInterrupt;

u64 slice_of(const Thread& thread) {
  if (thread.priority == kPriorityFair) return RunQueue::kSliceNs;
  return thread.time_slice_ns != 0 ? thread.time_slice_ns : kNever / 2;
}

void start_slice(CpuScheduler& cs, Thread& thread, u64 now) {
  cs.slice_owner = &thread;
  cs.slice_end_ns = now + slice_of(thread);
}

void arm(Cpu& cpu, CpuScheduler& cs, u64 deadline_ns) {
  if (deadline_ns >= cs.armed_ns) return;
  cs.armed_ns = deadline_ns;
  arch::arm_timer(cpu, deadline_ns);
}

// The hardware timer comes at the earliest reason. It is never set later than it is: an early interrupt does no harm.
void program_timer(Cpu& cpu, CpuScheduler& cs, const Thread* running, u64 now) {
  u64 deadline = cs.timers.next_ns();
  if (running != nullptr) {
    const auto& rivals = running->priority == kPriorityFair ? cs.fair_queued : cs.fifo_queued;
    if (rivals.load(std::memory_order_relaxed) != 0) deadline = std::min(deadline, cs.slice_end_ns);
    if (has_deferred_work()) deadline = std::min(deadline, now + kDeferredTickNs);
  }
  arm(cpu, cs, deadline);
}

Thread* switch_to(Cpu& cpu, CpuScheduler& cs, Thread* next) {
  Thread* previous = cpu.current;
  if (previous == next) return next;
  if (cs.current_ended) [[unlikely]]
    arch::fpu_discard(*previous);
  arch::switch_thread(cpu, previous, next);
  cpu.current = next;
  if (next != nullptr) {
    next->cpu.store(cpu.id, std::memory_order_relaxed);
    next->on_cpu.store(true, std::memory_order_relaxed);
    add_relaxed(next->switches, 1);
  }
  add_relaxed(cs.switches, 1);
  if (previous == nullptr) return next;
  const bool ended = std::exchange(cs.current_ended, false);
  previous->on_cpu.store(false, std::memory_order_release);
  // From here another CPU may run `previous`, or free it unless it ended here.
  if (ended) [[unlikely]]
    previous->finish_end();
  return next;
}

// Whether `first`, from the queue, takes the CPU from `current`.
bool replaces(const CpuScheduler& cs, const RunNode& first, const Thread& current, u64 now) {
  if (first.priority != current.priority) return first.priority > current.priority;
  const bool used_up = now >= cs.slice_end_ns || cs.slice_owner != &current || cs.yielding;
  if (current.priority != kPriorityFair) return used_up;
  return used_up ? first.virtual_ns <= current.virtual_ns || cs.yielding : RunQueue::preempts(first, current);
}

void update_counts(CpuScheduler& cs) HATI_REQUIRES(cs.lock) {
  cs.fair_queued.store(cs.queue.fair_count(), std::memory_order_relaxed);
  cs.fifo_queued.store(cs.queue.size() - cs.queue.fair_count(), std::memory_order_relaxed);
  cs.fair_load.store(cs.queue.fair_weight(), std::memory_order_relaxed);
}

u32 fair_weight_of(const RunNode* node) { return node != nullptr && node->priority == kPriorityFair ? node->weight : 0; }

struct Choice {
  Thread* next = nullptr;      // kRunnable and ours, or the current thread, still kRunning
  Thread* expelled = nullptr;  // the current thread, kRunnable now, must go to another CPU
  u32 target = 0;              // that CPU, unless the thread may not run here: then it goes where it may
  i64 lag = 0;                 // its virtual time less this queue's
};

// The next thread of this CPU's own queue; puts the current one back if it loses.
Choice choose(Cpu& cpu, CpuScheduler& cs, Thread* current, u64 now) {
  Choice choice;
  Guard guard(cs.lock);
  if (Thread* held = std::exchange(cs.candidate, nullptr)) {
    if (held->priority == kPriorityFair) cs.queue.place(*held, true);
    cs.queue.push(*held, false);
    update_counts(cs);
  }
  cs.queue.advance(current != nullptr && current->priority == kPriorityFair ? current : nullptr);
  RunNode* first = cs.queue.first();
  // It may have run for long without rivals: that is not held against it.
  if (current != nullptr && first != nullptr && current->priority == kPriorityFair) cs.queue.place(*current, true);
  const bool allowed = current == nullptr || may_run_on(*current, cpu.id);
  if (current != nullptr && allowed && (first == nullptr || !replaces(cs, *first, *current, now))) {
    if (now >= cs.slice_end_ns || cs.slice_owner != current) start_slice(cs, *current, now);
    cs.running_priority.store(current->priority, std::memory_order_relaxed);
    cs.running_weight.store(fair_weight_of(current), std::memory_order_relaxed);
    choice.next = current;
    return choice;
  }
  if (first != nullptr) cs.queue.remove(*first);
  choice.next = static_cast<Thread*>(first);
  if (current != nullptr) {
    current->word_.fetch_sub(Thread::kRunning - Thread::kRunnable, std::memory_order_acq_rel);
    add_relaxed(current->preemptions, 1);
    choice.target = allowed && first != nullptr && now >= cs.slice_end_ns ? balance_target(cpu, cs, *current, *first, now) : cpu.id;
    if (allowed && choice.target == cpu.id) {
      cs.queue.push(*current, !cs.yielding && now < cs.slice_end_ns);
    } else {
      choice.lag = static_cast<i64>(current->virtual_ns - cs.queue.least_virtual_ns());
      choice.expelled = current;
    }
  }
  update_counts(cs);
  cs.running_priority.store(first == nullptr ? 0 : first->priority, std::memory_order_relaxed);
  cs.running_weight.store(fair_weight_of(first), std::memory_order_relaxed);
  return choice;
}

// A thread that was about to run has requests. It is kRunning on paper, but no CPU has it.
void serve_requests(Thread& thread) {
  u32 word = thread.word_.load(std::memory_order_acquire);
  if ((word & Thread::kKill) != 0) {
    thread.word_.fetch_add(Thread::kEnded - Thread::kRunning, std::memory_order_acq_rel);
    if (&thread != this_cpu().current) return thread.finish_end();
    return end_on_cpu();  // preempted and picked again
  }
  thread.word_.fetch_and(~Thread::kInterrupt, std::memory_order_acq_rel);
  if (&thread == this_cpu().current) detach_current();
  const Ref<Ring> submitted(*thread.resume.ring);
  Ring* trap_ring = thread.supervisor()->trap_ring(this_cpu().id);
  thread.page->trap = static_cast<u32>(Trap::kInterrupted);
  const Completion completion{thread.resume.user_data, static_cast<i64>(Trap::kInterrupted), {}};
  thread.resume.pending = false;
  thread.word_.fetch_sub(Thread::kRunning - Thread::kStopped, std::memory_order_acq_rel);
  (trap_ring != nullptr ? *trap_ring : *submitted).complete(completion, thread.overflow);
}

// Whether a supervised thread that loses the processor wants to hear of it (ThreadPage::watch_address).
bool watches(Thread& thread) {
  if (!thread.supervised()) return false;
  const u64 address = thread.page->watch_address;
  if (address == 0) return false;
  const auto word = thread.process().read<u64>(address);
  return !word || *word != 0;
}

bool runs_elsewhere_than_watched(const Thread& thread, u32 cpu) {
  return thread.supervised() && thread.page->watch_address != 0 && thread.page->watch_cpu != cpu;
}

Thread* choose_and_switch(Cpu& cpu, CpuScheduler& cs, u64 now) {
  Choice left;  // with the thread that was expelled, which cannot go before this CPU has left it
  for (;;) {
    Thread* current = cpu.current;
    if (current != nullptr && (cs.current_ended || current->state() != Thread::kRunning)) current = nullptr;
    Choice choice = choose(cpu, cs, current, now);
    cs.yielding = false;
    if (choice.expelled != nullptr) left = choice;
    // It is in a queue by now, but nobody takes it from there while this CPU has it.
    if (current != nullptr && choice.next != current && watches(*current))
      current->word_.fetch_or(Thread::kInterrupt, std::memory_order_acq_rel);
    if (choice.next == current && current != nullptr) {
      program_timer(cpu, cs, current, now);
      return switch_to(cpu, cs, current);
    }
    Thread* next = choice.next != nullptr ? choice.next : steal(cpu);
    if (next != nullptr && next != cpu.current && !may_run_on(*next, cpu.id)) {
      make_runnable(*next);
      continue;
    }
    if (next != nullptr && runs_elsewhere_than_watched(*next, cpu.id)) next->word_.fetch_or(Thread::kInterrupt, std::memory_order_acq_rel);
    if (next != nullptr && (next->word_.fetch_add(Thread::kRunning - Thread::kRunnable, std::memory_order_acq_rel) & kRequests) != 0) {
      serve_requests(*next);
      continue;
    }
    Thread* previous = cpu.current;
    const bool preempted = previous != nullptr && previous != next && previous->state() == Thread::kRunnable;
    // A thread in a queue has its extended state in its page, so that any CPU may take it.
    if (preempted && previous->fpu_cpu.load(std::memory_order_relaxed) == static_cast<i32>(cpu.id)) arch::fpu_save(*previous);
    if (next != nullptr) start_slice(cs, *next, now);
    program_timer(cpu, cs, next, now);
    switch_to(cpu, cs, next);
    note_idle(cpu.id, next == nullptr);
    if (left.expelled != nullptr) left.target != cpu.id ? give_to(left.target, *left.expelled, left.lag) : make_runnable(*left.expelled);
    if (cs.fair_queued.load(std::memory_order_relaxed) != 0 && now - cs.last_push_ns > kInviteNs) {
      cs.last_push_ns = now;
      invite_idle_cpu(cpu.id);
    }
    return next;
  }
}

// Requests of the current thread. Gives the thread to leave with if the matter is settled by a trap.
bool current_must_end(Thread& thread) { return (thread.word_.load(std::memory_order_acquire) & Thread::kKill) != 0; }

bool take_interrupt(Thread& thread) {
  if (!thread.supervised() || (thread.word_.load(std::memory_order_acquire) & Thread::kInterrupt) == 0) return false;
  thread.word_.fetch_and(~Thread::kInterrupt, std::memory_order_acq_rel);
  return true;
}

[[gnu::noinline]] Thread* leave_slowly(Cpu& cpu, CpuScheduler& cs) {
  cs.attention.exchange(0, std::memory_order_acq_rel);
  if (run_deferred_piece()) cs.attention.fetch_or(CpuScheduler::kDeferred, std::memory_order_relaxed);
  Thread* current = cpu.current;
  if (current != nullptr && !cs.current_ended && current->state() == Thread::kRunning) {
    if (current_must_end(*current)) {
      current->exit_current(-1, ThreadEnd::kKilled);
    } else if (take_interrupt(*current)) {
      return trap_supervised(cpu, *current, Trap::kInterrupted, 0);
    }
  }
  return choose_and_switch(cpu, cs, account(cpu, cs));
}

// A trap met a kill. Whoever moves the thread to kEnded finishes it, at the earliest when this CPU has left it.
Thread* end_in_trap(Cpu& cpu, Thread& thread, Ring& ring) {
  ring.complete({thread.resume.user_data, static_cast<i64>(Trap::kKilled), {}}, thread.overflow);
  u32 word = thread.word_.load(std::memory_order_relaxed);
  while ((word & Thread::kStateMask) == Thread::kStopped)
    if (thread.word_.compare_exchange_weak(word, Thread::kEnded | Thread::kKill, std::memory_order_acq_rel)) end_on_cpu();
  return switch_away(cpu);
}

}  // namespace

Thread* leave_kernel(Cpu& cpu) {
  CpuScheduler& cs = scheduler_at(cpu.id);
  if (cs.attention.load(std::memory_order_relaxed) == 0) [[likely]]
    return cpu.current;
  return leave_slowly(cpu, cs);
}

Thread* switch_away(Cpu& cpu) { return switch_away_inline(cpu); }

Thread* switch_away_slowly(Cpu& cpu, CpuScheduler& cs, Thread* candidate, u64 now) {
  if (candidate != nullptr) make_runnable(*candidate);
  if (cs.attention.load(std::memory_order_relaxed) != 0) return leave_slowly(cpu, cs);
  return choose_and_switch(cpu, cs, now);
}

void start_direct_slice(Cpu& cpu, CpuScheduler& cs, Thread& thread, u64 now) {
  if (cs.slice_owner != &thread || now >= cs.slice_end_ns) {
    start_slice(cs, thread, now);
    cs.running_weight.store(fair_weight_of(&thread), std::memory_order_relaxed);
    if (thread.priority == kPriorityFair) {
      Guard guard(cs.lock);
      cs.queue.place(thread, true);  // one that slept must not bring a claim to all the time it missed
    }
  }
  if (cs.fair_queued.load(std::memory_order_relaxed) != 0) program_timer(cpu, cs, &thread, now);
}

Thread* trap_supervised(Cpu& cpu, Thread& thread, Trap trap, u64 detail) {
  CpuScheduler& cs = scheduler_at(cpu.id);
  account(cpu, cs);
  ThreadPage& page = *thread.page;
  page.trap = static_cast<u32>(trap);
  page.cpu_time_ns = thread.user_ns.load(std::memory_order_relaxed);
  const u64 user_data = thread.resume.user_data;
  thread.resume.pending = false;
  Ring* trap_ring = thread.supervisor()->trap_ring(cpu.id);
  Ring& ring = trap_ring != nullptr ? *trap_ring : *thread.resume.ring;
  // Once the thread is kStopped somebody may resume it, in this ring or another: `ring` must outlive that.
  const Ref<Ring> keep = trap_ring != nullptr ? Ref<Ring>() : Ref<Ring>(ring);
  const u32 old = thread.word_.fetch_sub(Thread::kRunning - Thread::kStopped, std::memory_order_acq_rel);
  if ((old & Thread::kKill) != 0) [[unlikely]]
    return end_in_trap(cpu, thread, ring);
  const bool may_switch = cs.attention.load(std::memory_order_relaxed) == 0;
  Thread* waiter = ring.post_trap(thread, user_data, static_cast<i64>(trap), detail, cpu.id, may_switch);
  if (waiter == nullptr) return switch_away(cpu);
  // From here the supervisor may resume the thread: it would be queued here, since on_cpu is set unless it was detached.
  u32 expected = Thread::kWaiting;
  if (cpu.current == &thread && waiter->word_.compare_exchange_strong(expected, Thread::kRunning, std::memory_order_acq_rel)) [[likely]] {
    return switch_directly(cpu, thread, *waiter);
  }
  wake_waiter(waiter);
  return switch_away(cpu);
}

void detach_current() {
  Cpu& cpu = this_cpu();
  Thread* thread = cpu.current;
  arch::switch_thread(cpu, thread, nullptr);
  cpu.current = nullptr;
  thread->on_cpu.store(false, std::memory_order_release);
}

void end_on_cpu() {
  CpuScheduler& cs = scheduler_at(this_cpu().id);
  cs.current_ended = true;
  cs.attention.fetch_or(CpuScheduler::kReschedule, std::memory_order_relaxed);
}

void end_enter_with_candidate(CpuScheduler& cs) {
  if (!may_hold(*cs.candidate, this_cpu().id)) make_runnable(*std::exchange(cs.candidate, nullptr));
}

void yield_current() {
  CpuScheduler& cs = scheduler_at(this_cpu().id);
  cs.yielding = true;
  cs.attention.fetch_or(CpuScheduler::kReschedule, std::memory_order_relaxed);
}

void note_deferred() { scheduler_at(this_cpu().id).attention.fetch_or(CpuScheduler::kDeferred, std::memory_order_relaxed); }

void program_deferred_tick(Cpu& cpu) { arm(cpu, scheduler_at(cpu.id), 0); }

void add_timer(Timer& timer, u64 deadline_ns) {
  Cpu& cpu = this_cpu();
  CpuScheduler& cs = scheduler_at(cpu.id);
  if (cs.timers.add(timer, deadline_ns)) arm(cpu, cs, deadline_ns);
}

u64 thread_time_ns(const Thread& thread) {
  const u64 accounted = thread.user_ns.load(std::memory_order_relaxed);
  if (thread.state() != Thread::kRunning) return accounted;
  return accounted + time_since_account(thread.cpu.load(std::memory_order_relaxed));
}

u64 time_since_account(u32 cpu) {
  const u64 last = scheduler_at(cpu).last_ns.load(std::memory_order_relaxed), now = arch::now_ns();
  return now > last ? now - last : 0;
}

void scheduler_timer(Cpu& cpu) {
  CpuScheduler& cs = scheduler_at(cpu.id);
  cs.armed_ns = kNever;
  cs.timers.run(arch::now_ns(), kTimersPerInterrupt);
  cs.attention.fetch_or(CpuScheduler::kReschedule, std::memory_order_relaxed);
}

}  // namespace hati
