// SPDX-License-Identifier: MIT
// Taking signals: a thread looks here before it returns to its program. Default actions, the choice of the handler, and whether an interrupted call
// is restarted (signal(7), "Interruption of system calls").
#include "runtime/log.h"
#include "servers/linux/exec/core_dump.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"
#include "servers/linux/time/process_timers.h"

namespace hati::linux {
namespace {

constexpr u64 kCallRestartSyscall = 219;

void restart(Thread& thread, u64 number) {
  ThreadPage& page = thread.page();
  page.rax = number;
  page.rip -= 2;  // the syscall instruction again
}

struct Taken {
  SignalInfo info;
  SignalAction action;
};

std::optional<SignalInfo> dequeue_locked(Thread& thread) HATI_REQUIRES(thread.process().signals.lock) {
  Process& process = thread.process();
  const SignalSet wanted = ~thread.signals.mask.load(std::memory_order_relaxed);
  auto info = thread.signals.pending.take(wanted);
  if (!info) info = process.signals.pending.take(wanted);
  if (info && info->code == kSiTimer) process.timers->delivered(info->timer_id(), info->overrun());
  return info;
}

// What the signal asks for; nothing if it is ignored.
std::optional<Taken> decide(Thread& thread, const SignalInfo& info) HATI_REQUIRES(thread.process().signals.lock) {
  Process& process = thread.process();
  const Taken taken{info, process.actions->get(info.signal)};
  if (taken.action.handler == kSigIgnore) return std::nullopt;
  if (taken.action.handler > kSigIgnore) {
    if ((taken.action.flags & kSaResetHand) != 0) {
      SignalAction reset = taken.action;
      reset.handler = kSigDefault;
      process.actions->set(info.signal, reset);
    }
    return taken;
  }
  const DefaultAction action = default_action(info.signal);
  if (action == DefaultAction::kIgnore || action == DefaultAction::kContinue) return std::nullopt;
  if (process.signals.unkillable) return std::nullopt;  // init: only what it handles
  return taken;
}

// The next signal that asks for something; those that are ignored are dropped here.
std::optional<Taken> take(Thread& thread) {
  SpinGuard guard(thread.process().signals.lock);
  if (thread.process().signals.group_exit) return std::nullopt;
  for (;;) {
    const auto info = dequeue_locked(thread);
    if (!info) return std::nullopt;
    if (auto taken = decide(thread, *info)) return taken;
  }
}

void log_fatal(Thread& thread, const SignalInfo& info) {
  if ((signal_bit(info.signal) & kSynchronousSignals) == 0 || info.code <= 0) return;
  log_info("{}[{}]: fatal signal {} code {} address {:#x} ip {:#x} sp {:#x} error {:#x}", thread.comm(), thread.tid(), info.signal,
           info.code, info.address(), thread.page().rip, thread.page().rsp, thread.fault.error);
}

void take_default(Thread& thread, const SignalInfo& info) {
  Process& process = thread.process();
  if (default_action(info.signal) == DefaultAction::kStop) {
    // Stops from the keyboard are ignored where nobody could continue the process.
    const Ref<ProcessGroup> group = process.get_group();
    if (info.signal != kSigStop && (!group || is_orphaned(process.world, *group))) return;
    begin_group_stop(process, info.signal);
    return;
  }
  log_fatal(thread, info);
  if (default_action(info.signal) == DefaultAction::kCore) return begin_core_dump(thread, info);
  begin_group_exit(process, info.signal);
}

void run_handler(Thread& thread, const Taken& taken) {
  resolve_restart(thread, &taken.action);
  SignalThreadState& state = thread.signals;
  const SignalSet old_mask = state.restore_mask ? state.saved_mask : state.mask.load(std::memory_order_relaxed);
  state.restore_mask = false;
  if (!abort_sequence_for_signal(thread) || !push_signal_frame(thread, taken.info, taken.action, old_mask)) {
    if (taken.info.signal == kSigSegv) thread.process().actions->set(kSigSegv, {});
    force_signal(thread, kernel_signal(kSigSegv));
    return;
  }
  SignalSet mask = state.mask.load(std::memory_order_relaxed) | taken.action.mask;
  if ((taken.action.flags & kSaNoDefer) == 0) mask |= signal_bit(taken.info.signal);
  set_signal_mask(thread, mask);
}

void act(Thread& thread, const Taken& taken) {
  if (taken.action.handler > kSigIgnore) {
    run_handler(thread, taken);
  } else {
    take_default(thread, taken.info);
  }
}

}  // namespace

std::optional<SignalInfo> dequeue_signal(Thread& thread) {
  SpinGuard guard(thread.process().signals.lock);
  if (thread.process().signals.group_exit) return std::nullopt;
  return dequeue_locked(thread);
}

void act_on_signal(Thread& thread, const SignalInfo& info) {
  std::optional<Taken> taken;
  {
    SpinGuard guard(thread.process().signals.lock);
    if (!thread.process().signals.group_exit) taken = decide(thread, info);
  }
  if (taken) act(thread, *taken);
}

void resolve_restart(Thread& thread, const SignalAction* handler) {
  const Errno error = std::exchange(thread.restart_error, Errno{});
  switch (error) {
    case Errno::kRESTARTNOINTR: return restart(thread, thread.call_number);
    case Errno::kRESTARTSYS:
      if (handler == nullptr || (handler->flags & kSaRestart) != 0) restart(thread, thread.call_number);
      return;
    case Errno::kRESTARTNOHAND:
      if (handler == nullptr) restart(thread, thread.call_number);
      return;
    case Errno::kRESTARTBLOCK:
      if (handler == nullptr) restart(thread, kCallRestartSyscall);
      return;
    default: return;
  }
}

void deliver_signals(Thread& thread) {
  thread.clear_work(kWorkSignal);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // a signal from here on sets the bit again
  while (!thread.kill_pending() && (thread.work() & kWorkStop) == 0) {
    const std::optional<Taken> taken = take(thread);
    if (!taken) break;
    act(thread, *taken);
  }
  finish_delivery(thread);
}

void finish_delivery(Thread& thread) {
  // Stopped: the rest is looked at when the process goes on.
  if ((thread.work() & (kWorkStop | kWorkTrap)) != 0) return thread.set_work(kWorkSignal);
  resolve_restart(thread, nullptr);
  restore_signal_mask(thread);
}

}  // namespace hati::linux
