// SPDX-License-Identifier: MIT
// Sending signals (signal/send.h). Under the lock of the target's signal state a signal is queued and a thread chosen; the parent of a
// continued process is told after the lock is gone, because that needs the processes lock.
#include "servers/linux/signal/send.h"

#include "servers/linux/file/file.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/state.h"
#include "servers/linux/time/process_timers.h"

namespace hati::linux {
namespace {

SignalSet mask_of(const Thread& thread) { return thread.signals.mask.load(std::memory_order_relaxed); }

bool blocks(const Thread& thread, i32 signal) { return (mask_of(thread) & ~thread.signals.waiting_for & signal_bit(signal)) != 0; }

void forget_everywhere(Process& process, SignalSet signals) HATI_REQUIRES(process.signals.lock) {
  process.signals.pending.remove(signals);
  for (const Ref<Thread>& thread : process.threads) thread->signals.pending.remove(signals);
}

// SIGCONT (or SIGKILL): stopped threads go on. True if the process had stopped as a whole, so that its parent is to be told.
bool resume_locked(Process& process) HATI_REQUIRES(process.signals.lock) {
  SignalProcessState& state = process.signals;
  if (!state.stopping) return false;
  const bool complete = state.stop_remaining == 0;
  state.stopping = false;
  state.stop_remaining = 0;
  if (complete) state.continued_unreported = true;
  for (const Ref<Thread>& thread : process.threads) {
    thread->clear_work(kWorkStop);
    thread->trace.uncounted_stop = false;
    trace_group_changed(*thread);
  }
  state.resumed.wake_all();
  return complete;
}

struct Sent {
  bool continued = false;
};

bool ignored(Process& process, Thread* target, i32 signal) HATI_REQUIRES(process.signals.lock) {
  const SignalAction action = process.actions->get(signal);
  const Thread* judge = target != nullptr ? target : process.threads.empty() ? nullptr : process.threads.front().get();
  if (judge != nullptr && judge->trace.tracer != nullptr && signal != kSigKill) return false;  // its tracer may want to know
  if (judge != nullptr && (mask_of(*judge) & signal_bit(signal)) != 0) return false;  // the action may change until it is unblocked
  if (process.signals.unkillable && action.handler == kSigDefault && signal != kSigCont) return true;
  return process.actions->ignores(signal);
}

usize queued_signals(const Process& process) HATI_REQUIRES(process.signals.lock) {
  usize count = process.signals.pending.queued();
  for (const Ref<Thread>& thread : process.threads) count += thread->signals.pending.queued();
  return count;
}

Thread* choose(Process& process, i32 signal) HATI_REQUIRES(process.signals.lock) {
  for (const Ref<Thread>& thread : process.threads)
    if (!blocks(*thread, signal) && !thread->kill_pending()) return thread.get();
  return nullptr;
}

// Whether it ends the whole process at once, wherever its threads are.
bool is_fatal(Process& process, const Thread& taker, i32 signal) HATI_REQUIRES(process.signals.lock) {
  if (signal == kSigKill) return true;
  if (process.actions->get(signal).handler != kSigDefault || default_action(signal) != DefaultAction::kTerminate) return false;
  if (taker.trace.tracer != nullptr) return false;  // shown to the tracer first
  return (mask_of(taker) & signal_bit(signal)) == 0 && !process.signals.unkillable;
}

SysResult<Sent> send_locked(Process& process, Thread* target, const SignalInfo& info) HATI_REQUIRES(process.signals.lock) {
  SignalProcessState& state = process.signals;
  Sent sent;
  if (state.group_exit && info.signal == kSigKill)
    for (const Ref<Thread>& thread : process.threads) thread->set_work(kWorkExit);  // also out of the stop that reports the end to a tracer
  if (process.threads.empty() || state.group_exit) return sent;
  if ((signal_bit(info.signal) & kStopSignals) != 0) forget_everywhere(process, signal_bit(kSigCont));
  if (info.signal == kSigCont) {
    forget_everywhere(process, kStopSignals);
    sent.continued = resume_locked(process);
  }
  if (ignored(process, target, info.signal)) return sent;

  PendingSignals& queue = target != nullptr ? target->signals.pending : state.pending;
  const bool full = queued_signals(process) >= process.limit(kLimitSigPending);
  if (full && info.signal >= kSigRtMin && info.code != kSiUser && info.code != kSiKernel) return fail(Errno::kAGAIN);
  if (full) {
    queue.add_bit(info.signal);
  } else if (!queue.add(info)) {
    return sent;
  }
  state.arrived.wake_all(kPollIn);

  Thread* taker = target != nullptr ? (blocks(*target, info.signal) ? nullptr : target) : choose(process, info.signal);
  if (taker == nullptr) return sent;
  if (is_fatal(process, *taker, info.signal)) {
    begin_group_exit_locked(process, info.signal);
  } else {
    taker->set_work(kWorkSignal);
  }
  return sent;
}

SysResult<> send(Process& process, Thread* target, const SignalInfo& info) {
  SysResult<Sent> sent;
  {
    SpinGuard guard(process.signals.lock);
    sent = send_locked(process, target, info);
  }
  if (!sent) return fail(sent.error());
  if (sent->continued) notify_parent_of_stop(process, kCldContinued, kSigCont);
  return {};
}

}  // namespace

SignalInfo kernel_signal(i32 signal) { return {.signal = signal, .code = kSiKernel}; }

SignalInfo user_signal(const Thread& sender, i32 signal) {
  SignalInfo info{.signal = signal, .code = kSiUser};
  info.set_sender(sender.process().pid, sender.cred().uid);
  return info;
}

SysResult<> send_signal(Process& process, const SignalInfo& info) { return send(process, nullptr, info); }

SysResult<> send_signal(Thread& thread, const SignalInfo& info) { return send(thread.process(), &thread, info); }

void send_signal(World& world, ProcessGroup& group, const SignalInfo& info) {
  std::vector<Ref<Process>> members;
  {
    SpinGuard guard(ProcessTable::lock);
    for (Process* member : group.members) members.emplace_back(*member);
  }
  for (const Ref<Process>& member : members) (void)send_signal(*member, info);
}

void send_to_all(World& world, const SignalInfo& info, const Process* except) {
  for (const Ref<Process>& process : world.processes().list())
    if (process->pid != 1 && process.get() != except) (void)send_signal(*process, info);
}

void force_signal(Thread& thread, SignalInfo info) {
  Process& process = thread.process();
  SpinGuard guard(process.signals.lock);
  const SignalAction action = process.actions->get(info.signal);
  const bool blocked = (mask_of(thread) & signal_bit(info.signal)) != 0;
  if (blocked || action.handler == kSigIgnore) {
    process.actions->set(info.signal, {});
    thread.signals.mask.store(mask_of(thread) & ~signal_bit(info.signal), std::memory_order_relaxed);
  }
  if (blocked || action.handler <= kSigIgnore) process.signals.unkillable = false;
  thread.signals.pending.add(info);
  thread.set_work(kWorkSignal);
}

void raise_signal(Thread& thread, i32 signal) {
  SignalInfo info = user_signal(thread, signal);
  (void)send_signal(thread, info);
}

std::optional<SignalInfo> take_signal(Thread& thread, SignalSet wanted) {
  Process& process = thread.process();
  SpinGuard guard(process.signals.lock);
  auto info = thread.signals.pending.take(wanted);
  if (!info) info = process.signals.pending.take(wanted);
  if (info && info->code == kSiTimer) process.timers->delivered(info->timer_id(), info->overrun());
  return info;
}

SignalSet pending_signals(Thread& thread) {
  SpinGuard guard(thread.process().signals.lock);
  return thread.signals.pending.set() | thread.process().signals.pending.set();
}

bool may_signal(const Thread& sender, Process& target, i32 signal) {
  if (&sender.process() == &target) return true;
  const Ref<Thread> leader = target.get_leader();
  if (!leader) return false;
  const Credentials& mine = sender.cred();
  const Ref<const Credentials> theirs = leader->credentials();
  if (mine.euid == theirs->suid || mine.euid == theirs->uid || mine.uid == theirs->suid || mine.uid == theirs->uid) return true;
  if (mine.capable(kCapKill)) return true;
  if (signal != kSigCont) return false;
  SpinGuard guard(ProcessTable::lock);
  return sender.process().session_id() == target.session_id();
}

bool signal_blocked_or_ignored(Thread& thread, i32 signal) {
  return (mask_of(thread) & signal_bit(signal)) != 0 || thread.process().actions->get(signal).handler == kSigIgnore;
}

void set_signal_mask(Thread& thread, SignalSet mask) {
  mask &= ~kUnblockable;
  Process& process = thread.process();
  SpinGuard guard(process.signals.lock);
  const SignalSet newly_blocked = mask & ~mask_of(thread);
  thread.signals.mask.store(mask, std::memory_order_relaxed);
  if (((thread.signals.pending.set() | process.signals.pending.set()) & ~mask) != 0) thread.set_work(kWorkSignal);
  // Signals of the process that this thread was woken for but now blocks: another thread may take them.
  const SignalSet orphans = process.signals.pending.set() & newly_blocked;
  if (orphans == 0) return;
  for (const Ref<Thread>& other : process.threads)
    if (other.get() != &thread && (orphans & ~mask_of(*other)) != 0) other->set_work(kWorkSignal);
}

void set_temporary_mask(Thread& thread, SignalSet mask) {
  thread.signals.saved_mask = mask_of(thread);
  thread.signals.restore_mask = true;
  set_signal_mask(thread, mask);
}

void restore_signal_mask(Thread& thread) {
  if (!thread.signals.restore_mask) return;
  thread.signals.restore_mask = false;
  set_signal_mask(thread, thread.signals.saved_mask);
}

}  // namespace hati::linux
