// SPDX-License-Identifier: MIT
// The end of threads and processes (_exit(2), exit_group(2), do_exit): what the thread held is given back, the last one turns its process into a zombie,
// children find a new parent, and the parent is told.
#include "servers/linux/process/exit.h"

#include <algorithm>

#include "runtime/log.h"
#include "servers/linux/core/services.h"
#include "servers/linux/exec/core_dump.h"
#include "servers/linux/futex/futex.h"
#include "servers/linux/ipc/sem.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/group.h"
#include "servers/linux/process/power.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"
#include "servers/linux/time/process_timers.h"

namespace hati::linux {

void ThreadReplacement::drop_native(Thread& thread) {
  const Thread::CpuTime time = thread.cpu_time();
  SupervisedThread old;
  {
    SpinGuard guard(thread.lock_);
    thread.past_cpu_ns_ = time.user_ns + time.system_ns;
    std::swap(old, thread.native_);
  }
  if (old) (void)old.handle().kill(0);
}

void ThreadReplacement::drop_mm(Thread& thread) {
  Ref<Mm> old;
  SpinGuard guard(thread.lock_);
  std::swap(old, thread.mm_);
  if (old) old->users.fetch_sub(1, std::memory_order_relaxed);
}

Ref<FdTable> ThreadReplacement::take_files(Thread& thread) {
  SpinGuard guard(thread.lock_);
  return std::move(thread.files_);
}

Ref<FsContext> ThreadReplacement::take_fs(Thread& thread) {
  SpinGuard guard(thread.lock_);
  return std::move(thread.fs_);
}

Ref<Mm> ThreadReplacement::replace(Thread& thread, Ref<Mm> mm, SupervisedThread native) {
  drop_native(thread);
  SpinGuard guard(thread.lock_);
  thread.native_ = std::move(native);
  mm->owner.store(thread.process().pid, std::memory_order_relaxed);
  std::swap(thread.mm_, mm);
  mm->users.fetch_sub(1, std::memory_order_relaxed);
  return mm;
}

void ThreadReplacement::mark_gone(Thread& thread) {
  SpinGuard guard(thread.lock_);
  thread.gone_ = true;
}

void count_task(ProcessTable& table, u32 uid, i32 change) {
  u32& count = table.per_user[uid];
  count += static_cast<u32>(change);
  if (count == 0) table.per_user.erase(uid);
}

void complete_vfork(Thread& thread) {
  const Ref<VforkCompletion> completion = std::move(thread.vfork);
  if (!completion) return;
  completion->done.store(true, std::memory_order_seq_cst);
  completion->queue.wake_all();
}

void unshare_parts(Thread& thread, bool fs, bool files) {
  if (fs && thread.fs_ref()->reference_count() > 1) thread.set_fs(thread.fs().copy());
  if (files && thread.files_ref()->reference_count() > 1) {
    Ref<FdTable> old = thread.files_ref();
    thread.set_files(old->copy());
    release_files(thread, std::move(old));
  }
}

namespace {

void release_memory(Thread& thread) {
  if (!thread.mm_ref()) return;
  exit_robust_list(thread);
  // The word is cleared only where somebody else could still see it.
  if (thread.clear_child_tid != 0 && thread.mm().users.load(std::memory_order_relaxed) > 1) {
    const u32 zero = 0;
    if (thread.memory().write(thread.clear_child_tid, &zero, sizeof zero)) futex_wake(thread.mm(), thread.clear_child_tid, 1);
  }
  thread.clear_child_tid = 0;
  Ref<Mm> mm = thread.mm_ref();
  const auto info = mm->space().space_info();
  ThreadReplacement::drop_native(thread);
  ThreadReplacement::drop_mm(thread);
  complete_vfork(thread);
  if (info && mm->users.load(std::memory_order_relaxed) == 0) {
    SpinGuard guard(ProcessTable::lock);
    Usage usage{
        .minor_faults = info->minor_faults, .major_faults = info->major_faults, .peak_resident_kb = info->peak_resident_bytes / 1024};
    thread.process().dead_threads.add(usage);
  }
}

void release_files_of(Thread& thread) {
  thread.semaphore_undo.reset();
  if (Ref<FdTable> files = ThreadReplacement::take_files(thread)) release_files(thread, std::move(files));
  (void)ThreadReplacement::take_fs(thread);
}

// The nearest ancestor that adopts orphans (prctl PR_SET_CHILD_SUBREAPER), else init.
Process* find_reaper(Process& process) HATI_REQUIRES(ProcessTable::lock) {
  for (Process* p = process.parent; p != nullptr; p = p->parent)
    if (p->child_subreaper && p->state == Process::State::kAlive && !p->signals.group_exit) return p;
  return process.world.init.get();
}

}  // namespace

// Tells the parent that a child is a zombie.
void announce_zombie(Process& child, ExitNotices& after) {
  Process* parent = child.parent;
  if (parent == nullptr) return;
  if (traced_by_other(child)) return trace_announce(child);
  const SignalAction action = parent->actions->get(kSigChld);
  const bool unwanted = child.exit_signal == kSigChld && (action.handler == kSigIgnore || (action.flags & kSaNoChildWait) != 0);
  const bool killed = (child.exit_status & 0x7f) != 0;
  SignalInfo info = child_info(child, killed ? ((child.exit_status & 0x80) != 0 ? kCldDumped : kCldKilled) : kCldExited,
                               killed ? child.exit_status & 0x7f : child.exit_status >> 8);
  if (child.exit_signal != 0 && !(unwanted && action.handler == kSigIgnore)) {
    info.signal = child.exit_signal;
    // Before wait4 can report the child, so that a handler runs before that call returns; SIGCONT would need the processes lock.
    if (info.signal != kSigCont) {
      (void)send_signal(*parent, info);
    } else {
      after.signals.emplace_back(Ref(*parent), info);
    }
  }
  if (unwanted) after.reaped.push_back(reap_locked(child));
  parent->child_events.wake_all();
}

namespace {

void reparent_children(Process& process, ExitNotices& after) HATI_REQUIRES(ProcessTable::lock) {
  Process* reaper = find_reaper(process);
  while (!process.children.empty()) {
    Ref<Process> child = process.children.front();
    if (child->leader && child->leader->parent_death_signal != 0 && child->state == Process::State::kAlive)
      after.death_signals.emplace_back(child, child->leader->parent_death_signal);
    child->parent = reaper;
    child->parent_thread = reaper->pid;
    child->parent_id.store(reaper->pid, std::memory_order_relaxed);
    child->exit_signal = kSigChld;
    reaper->children.splice(reaper->children.end(), process.children, process.children.begin());
    if (child->state == Process::State::kZombie) announce_zombie(*child, after);
  }
}

// Takes the thread out of its process. True if it was the last one.
bool leave_process(Thread& thread, Ref<Thread>& keep) HATI_REQUIRES(ProcessTable::lock) {
  Process& process = thread.process();
  ProcessTable& table = thread.world().processes();
  const Thread::CpuTime time = thread.cpu_time();
  Usage usage{.user_ns = time.user_ns, .system_ns = time.system_ns};
  usage.voluntary_switches = thread.voluntary_switches.load(std::memory_order_relaxed);
  process.dead_threads.add(usage);

  SpinGuard guard(process.signals.lock);
  for (auto entry = process.threads.begin(); entry != process.threads.end(); ++entry) {
    if (entry->get() != &thread) continue;
    keep = std::move(*entry);
    process.threads.erase(entry);
    break;
  }
  --table.threads;
  // Its children go to another thread of the process (__WNOTHREAD).
  for (const Ref<Process>& child : process.children)
    if (child->parent_thread == thread.tid() && !process.threads.empty()) child->parent_thread = process.threads.front()->tid();
  // Signals meant for the process that this thread was about to take.
  for (const Ref<Thread>& other : process.threads)
    if ((process.signals.pending.set() & ~other->signals.mask.load(std::memory_order_relaxed)) != 0) other->set_work(kWorkSignal);
  if (&thread != process.leader.get()) {
    count_task(table, thread.cred().uid, -1);
    table.entry(thread.tid()).thread = nullptr;
    if (!trace_thread_ended(thread)) table.forget_if_empty(thread.tid());
  }
  process.child_events.wake_all();
  return process.threads.empty();
}

void become_zombie(Process& process, i32 last_exit_code, ExitNotices& after) HATI_REQUIRES(ProcessTable::lock) {
  collect_orphaned(process, after.orphaned_groups);
  process.state = Process::State::kZombie;
  process.exit_status = process.signals.group_exit ? process.signals.group_exit_status : last_exit_code;
  reparent_children(process, after);
  announce_zombie(process, after);
}

Task<> report_exit_to_tracer(Thread& thread) {
  if (!trace_event_enabled(thread, kPtraceEventExit)) co_return;
  i32 status = thread.exit_code;
  {
    SpinGuard guard(thread.process().signals.lock);
    if (thread.process().signals.group_exit) status = thread.process().signals.group_exit_status;
    thread.clear_work(kWorkExit);  // only another SIGKILL ends this stop
  }
  co_await trace_event(thread, kPtraceEventExit, static_cast<u64>(static_cast<u32>(status)));
}

bool leads_session(Process& process) {
  SpinGuard guard(ProcessTable::lock);
  return process.session_leader();
}

}  // namespace

void finish_exit(World& world, ExitNotices& after) {
  signal_orphaned(world, after.orphaned_groups);
  for (auto& [child, signal] : after.death_signals) (void)send_signal(*child, SignalInfo{.signal = signal, .code = kSiUser});
  for (auto& [parent, info] : after.signals) (void)send_signal(*parent, info);
}

Ref<Process> reap_locked(Process& zombie) {
  ProcessTable& table = zombie.world.processes();
  zombie.state = Process::State::kDead;
  if (zombie.leader) (void)trace_forget(*zombie.leader);  // the process keeps the thread
  if (Process* parent = zombie.parent) {
    parent->dead_children.add(zombie.dead_threads);
    parent->dead_children.add(zombie.dead_children);
  }
  join_group(zombie, {});
  ProcessTable::Entry& entry = table.entry(zombie.pid);
  entry.process = nullptr;
  entry.thread = nullptr;
  table.forget_if_empty(zombie.pid);
  --table.processes;
  if (zombie.leader) count_task(table, zombie.leader->credentials()->uid, -1);
  Ref<Process> keep;
  if (Process* parent = std::exchange(zombie.parent, nullptr)) {
    for (auto child = parent->children.begin(); child != parent->children.end(); ++child) {
      if (child->get() != &zombie) continue;
      keep = std::move(*child);
      parent->children.erase(child);
      break;
    }
  }
  return keep;
}

Task<> exit_thread(Thread& thread) {
  Process& process = thread.process();
  World& world = thread.world();
  leave_group_stop(thread);
  co_await take_part_in_core_dump(thread);
  co_await report_exit_to_tracer(thread);
  const bool last = process.live.fetch_sub(1, std::memory_order_acq_rel) == 1;
  if (last) process.timers->stop(process);
  release_memory(thread);
  release_files_of(thread);
  if (last && leads_session(process)) release_terminal(process);
  ThreadReplacement::mark_gone(thread);

  if (process.pid == 1 && last) {
    const i32 status = process.signals.group_exit ? process.signals.group_exit_status : thread.exit_code;
    co_await panic_without_init(world, status);
  }

  ExitNotices after;
  Ref<Thread> self;
  bool ended = false;
  {
    SpinGuard guard(ProcessTable::lock);
    trace_release_all(thread, after);
    ended = leave_process(thread, self);
    if (thread.trace.dead) trace_announce_thread(thread, after);
    if (ended) become_zombie(process, thread.exit_code, after);
  }
  if (ended) process.exited.wake_all();
  finish_exit(world, after);
}

Task<SysResult<>> end_other_threads(Thread& thread) {
  Process& process = thread.process();
  SignalProcessState& state = process.signals;
  {
    SpinGuard guard(state.lock);
    if (state.group_exit || state.group_exec != nullptr) co_return fail(Errno::kINTR);
    if (process.threads.size() > 1) {
      state.group_exec = &thread;
      for (const Ref<Thread>& other : process.threads)
        if (other.get() != &thread) other->set_work(kWorkExit);
    }
  }
  Waiter waiter(thread, Waiter::kKillable);
  waiter.add(process.child_events);
  SysResult<> waited;
  for (;;) {
    {
      SpinGuard guard(state.lock);
      if (process.threads.size() == 1 || !waited) break;
    }
    waited = co_await waiter.wait();
  }
  {
    SpinGuard guard(state.lock);
    state.group_exec = nullptr;
  }
  if (!waited) co_return fail(Errno::kINTR);

  Ref<Thread> old_leader;
  SpinGuard guard(ProcessTable::lock);
  if (process.leader.get() == &thread) co_return {};
  // A thread that executes a program becomes the leader and takes its id.
  ProcessTable& table = thread.world().processes();
  table.entry(thread.tid()).thread = nullptr;
  table.forget_if_empty(thread.tid());
  (void)trace_forget(*process.leader);  // nobody hears of the old leader again
  ThreadReplacement::set_tid(thread, process.pid);
  table.entry(process.pid).thread = &thread;
  old_leader = std::exchange(process.leader, Ref(thread));
  co_return {};
}

SysResult<i64> sys_exit(Thread& thread, i32 code) {
  thread.exit_code = (code & 0xff) << 8;
  thread.set_work(kWorkExit);
  return 0;
}

SysResult<i64> sys_exit_group(Thread& thread, i32 code) {
  thread.exit_code = (code & 0xff) << 8;
  begin_group_exit(thread.process(), thread.exit_code);
  thread.set_work(kWorkExit);
  return 0;
}

}  // namespace hati::linux
