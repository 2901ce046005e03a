// SPDX-License-Identifier: MIT
// Signals of a traced thread: each is shown to the tracer, which may drop it, change it, or put another in its place (ptrace_signal() of Linux).
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

// Who put another signal in the place of the one that was reported.
SignalInfo replaced_by_tracer(Thread& thread, i32 signal) {
  SignalInfo info{.signal = signal, .code = kSiUser};
  SpinGuard guard(ProcessTable::lock);
  if (thread.trace.tracer != nullptr) info.set_sender(thread.trace.tracer->process().pid, thread.trace.tracer->credentials()->uid);
  return info;
}

// The signal to act upon; none if the tracer dropped it or the thread blocks it by now.
Task<std::optional<SignalInfo>> show(Thread& thread, SignalInfo info) {
  if (!thread.trace.traced.load(std::memory_order_relaxed) || info.signal == kSigKill) co_return info;
  const i32 signal = co_await trace_stop(thread, {.code = info.signal, .info = &info});
  if (signal == 0 || thread.kill_pending() || !valid_signal(signal)) co_return std::nullopt;
  if (signal != info.signal) {
    info = replaced_by_tracer(thread, signal);
  } else {
    info = thread.trace.info;  // which the tracer may have changed
    info.signal = signal;
  }
  if ((thread.signals.mask.load(std::memory_order_relaxed) & signal_bit(signal)) != 0) {
    SpinGuard guard(thread.process().signals.lock);
    (void)thread.signals.pending.add(info);
    co_return std::nullopt;
  }
  co_return info;
}

}  // namespace

Task<> deliver_signals_traced(Thread& thread) {
  thread.clear_work(kWorkSignal);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // a signal from here on sets the bit again
  constexpr u32 kOther = kWorkStop | kWorkTrap;
  while (!thread.kill_pending() && (thread.work() & kOther) == 0) {
    const std::optional<SignalInfo> next = dequeue_signal(thread);
    if (!next) break;
    if (const auto shown = co_await show(thread, *next)) act_on_signal(thread, *shown);
  }
  finish_delivery(thread);
}

}  // namespace hati::linux
