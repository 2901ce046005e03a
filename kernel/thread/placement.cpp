// SPDX-License-Identifier: MIT
#include "kernel/thread/placement.h"

#include <algorithm>
#include <bit>
#include <new>

#include "kernel/arch/arch.h"
#include "kernel/boot/boot_info.h"
#include "kernel/ipc/ring.h"
#include "kernel/thread/process.h"
#include "kernel/thread/resume.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/thread.h"

namespace hati {

constinit std::array<SchedulerStorage, kCpusMax> scheduler_storage{};

namespace {

constinit std::atomic<u64> idle_cpus{0};

u64 online_mask() {
  const u32 count = cpu_count();
  return count >= 64 ? ~u64{0} : (u64{1} << count) - 1;
}

// Never empty: Thread::control() sees to that.
u64 allowed_mask(const Thread& thread) { return thread.affinity.load(std::memory_order_relaxed) & online_mask(); }

u32 first_of(u64 mask) { return static_cast<u32>(std::countr_zero(mask)); }

// The CPU for a thread that nobody runs. The last one if it is idle (warm caches), else any idle one, else the last one again.
u32 place(Thread& thread) {
  const u32 here = this_cpu().id, last = thread.cpu.load(std::memory_order_relaxed);
  if (thread.on_cpu.load(std::memory_order_acquire)) return last;
  const i32 live = thread.fpu_cpu.load(std::memory_order_acquire);
  if (live >= 0 && static_cast<u32>(live) != here) return static_cast<u32>(live);
  const u64 allowed = allowed_mask(thread), idle = idle_cpus.load(std::memory_order_relaxed) & allowed;
  u32 target = here;
  if ((idle >> last & 1) != 0) {
    target = last;
  } else if (idle != 0) {
    target = first_of(idle);
  } else if ((allowed >> last & 1) != 0) {
    target = last;
  } else if ((allowed >> here & 1) == 0) {
    target = first_of(allowed);
  }
  return target;
}

// The CPU looks at its queue soon. Whoever sets the bit first sends the interrupt.
void notify(u32 cpu) {
  const u32 old = scheduler_at(cpu).attention.fetch_or(CpuScheduler::kReschedule, std::memory_order_seq_cst);
  if (cpu != this_cpu().id && (old & CpuScheduler::kReschedule) == 0) arch::send_ipi(cpu, arch::Ipi::kReschedule);
}

void note_counts(CpuScheduler& cs) HATI_REQUIRES(cs.lock) {
  cs.fair_queued.store(cs.queue.fair_count(), std::memory_order_relaxed);
  cs.fifo_queued.store(cs.queue.size() - cs.queue.fair_count(), std::memory_order_relaxed);
  cs.fair_load.store(cs.queue.fair_weight(), std::memory_order_relaxed);
}

// `lag`: for a thread that comes from another queue, else nullptr.
void enqueue(u32 target, Thread& thread, const i64* lag = nullptr) {
  CpuScheduler& cs = scheduler_at(target);
  {
    Guard guard(cs.lock);
    thread.cpu.store(target, std::memory_order_relaxed);
    if (lag != nullptr) thread.virtual_ns = static_cast<u64>(std::max<i64>(0, static_cast<i64>(cs.queue.least_virtual_ns()) + *lag));
    if (thread.priority == kPriorityFair) cs.queue.place(thread, true);
    cs.queue.push(thread, false);
    note_counts(cs);
  }
  // Pairs with may_go_directly(): either that CPU sees the thread, or we see its lower priority.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (target == this_cpu().id || thread.priority >= cs.running_priority.load(std::memory_order_relaxed)) notify(target);
}

// Calls change() with the thread out of its queue, if it is in one, and with the lock of the queue held.
template <class F>
void change_order(Thread& thread, F change) {
  for (;;) {
    const u32 cpu = thread.cpu.load(std::memory_order_acquire);
    CpuScheduler& cs = scheduler_at(cpu);
    {
      Guard guard(cs.lock);
      if (thread.cpu.load(std::memory_order_relaxed) != cpu) continue;  // it moved on
      const bool queued = thread.queued;
      if (queued) cs.queue.remove(thread);
      change();
      if (queued) cs.queue.push(thread, false);
      note_counts(cs);
    }
    return notify(cpu);
  }
}

}  // namespace

void scheduler_init_cpu(Cpu& cpu) {
  auto* cs = new (&scheduler_storage[cpu.id]) CpuScheduler;
  cs->online_since_ns = arch::now_ns();
  cs->last_ns.store(cs->online_since_ns, std::memory_order_relaxed);
  note_idle(cpu.id, true);
}

void note_idle(u32 cpu, bool idle) {
  const u64 bit = u64{1} << cpu;
  if (((idle_cpus.load(std::memory_order_relaxed) & bit) != 0) == idle) return;
  if (idle) {
    shootdown.enter_idle();
  } else {
    shootdown.leave_idle();
  }
  if (idle) {
    idle_cpus.fetch_or(bit, std::memory_order_relaxed);
  } else {
    idle_cpus.fetch_and(~bit, std::memory_order_relaxed);
  }
}

void invite_idle_cpu(u32 from) {
  const u64 others = idle_cpus.load(std::memory_order_relaxed) & ~(u64{1} << from);
  if (others != 0) notify(first_of(others));
}

Thread* steal(Cpu& cpu) {
  const u32 count = cpu_count();
  for (u32 i = 1; i < count; ++i) {
    CpuScheduler& victim = scheduler_at((cpu.id + i) % count);
    if (victim.fair_queued.load(std::memory_order_relaxed) + victim.fifo_queued.load(std::memory_order_relaxed) == 0) continue;
    Guard guard(victim.lock);
    RunNode* node = victim.queue.find_last([&](RunNode& candidate) {
      const Thread& thread = static_cast<Thread&>(candidate);
      return may_run_on(thread, cpu.id) && !thread.on_cpu.load(std::memory_order_acquire) &&
             thread.fpu_cpu.load(std::memory_order_acquire) < 0;
    });
    if (node == nullptr) continue;
    victim.queue.remove(*node);
    note_counts(victim);
    Thread* thread = static_cast<Thread*>(node);
    thread->cpu.store(cpu.id, std::memory_order_relaxed);
    return thread;
  }
  return nullptr;
}

u32 balance_target(Cpu& cpu, CpuScheduler& cs, Thread& current, const RunNode& next, u64 now) {
  constexpr u32 kCompared = 16;
  if (current.priority != kPriorityFair || cpu_count() == 1) return cpu.id;
  current.share.update(current.user_ns.load(std::memory_order_relaxed), now);
  if (now - cs.last_balance_ns < kBalanceNs) return cpu.id;
  u32 target = cpu.id;
  u64 least = ~u64{0};
  // Of equal ones another each time: else a thread that is alone there would never have to share.
  for (u32 step = 1; step <= cpu_count(); ++step) {
    const u32 id = (cs.last_target + step) % cpu_count();
    if (id == cpu.id || !may_run_on(current, id)) continue;
    const CpuScheduler& other = scheduler_at(id);
    const u64 load = other.fair_load.load(std::memory_order_relaxed) + other.running_weight.load(std::memory_order_relaxed);
    if (load >= least) continue;
    least = load;
    target = id;
  }
  if (target == cpu.id) return target;
  const u64 mine = cs.queue.fair_weight() + current.weight + (next.priority == kPriorityFair ? next.weight : 0);
  const Balance what = balance(mine, least, current.weight);
  if (what == Balance::kStay) return cpu.id;
  const u64 rate = current.share.rate(current.user_ns.load(std::memory_order_relaxed), current.weight, now);
  const auto has_less = [&](const RunNode& node) {
    const Thread& other = static_cast<const Thread&>(node);
    return other.share.rate(other.user_ns.load(std::memory_order_relaxed), other.weight, now) <= rate;
  };
  if (what == Balance::kRotate && !(has_less(next) && cs.queue.all_fair(kCompared, has_less))) return cpu.id;
  cs.last_balance_ns = now;
  cs.last_target = target;
  return target;
}

void give_to(u32 target, Thread& thread, i64 lag) { enqueue(target, thread, &lag); }

void make_runnable(Thread& thread) {
  const u32 target = place(thread);
  // A thread in a queue has its extended state in its page, so that any CPU may take it.
  if (!thread.on_cpu.load(std::memory_order_relaxed) && thread.fpu_cpu.load(std::memory_order_relaxed) == static_cast<i32>(this_cpu().id))
    arch::fpu_save(thread);
  enqueue(target, thread);
}

void hand_over(Thread& thread) { hand_over_inline(thread); }

void wake_waiter(Thread* thread) {
  if (thread == nullptr || !thread->claim_wake()) return;
  hand_over(*thread);
}

// The CPU takes one candidate: the more urgent of two, the later of equals.
void settle_candidates(CpuScheduler& cs, Thread& rival) {
  Thread* loser = &rival;
  if (rival.priority > cs.candidate->priority) std::swap(cs.candidate, loser);
  make_runnable(*loser);
}

Result<> cannot_resume(Thread& thread, Ring& ring, u64 user_data) {
  u32 word = thread.word_.load(std::memory_order_acquire);
  if ((word & Thread::kKill) != 0 || (word & Thread::kStateMask) == Thread::kEnded) return fail(Error::kTerminated);
  if (word != (Thread::kStopped | Thread::kInterrupt) || thread.overflow.in_overflow() ||
      !thread.word_.compare_exchange_strong(word, Thread::kStopped, std::memory_order_acq_rel))
    return fail(Error::kBusy);
  thread.page->trap = static_cast<u32>(Trap::kInterrupted);
  ring.complete({user_data, static_cast<i64>(Trap::kInterrupted), {}}, thread.overflow);
  return {};
}

void change_resume_ring(Thread& thread, Ring& ring) {
  const Ref<Ring> before = Ref<Ring>::adopt(thread.resume.ring);
  thread.resume.ring = Ref<Ring>(ring).release();
}

void set_priority(Thread& thread, u32 priority) {
  change_order(thread, [&] { thread.priority = priority; });
}

void set_nice(Thread& thread, i32 nice) {
  change_order(thread, [&] {
    thread.nice = nice;
    thread.weight = nice_weight(nice);
  });
}

void affinity_changed(Thread& thread) { kick_cpu(thread.cpu.load(std::memory_order_acquire)); }

void kick_cpu(u32 cpu) { notify(cpu); }

ThreadCounts count_threads() {
  ThreadCounts counts{};
  for (u32 i = 0; i < cpu_count(); ++i) {
    const CpuScheduler& cs = scheduler_at(i);
    counts.runnable += cs.fair_queued.load(std::memory_order_relaxed) + cs.fifo_queued.load(std::memory_order_relaxed);
    if (cpu_at(i).current != nullptr) ++counts.running;
  }
  return counts;
}

}  // namespace hati
