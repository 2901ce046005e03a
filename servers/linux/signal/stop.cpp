// SPDX-License-Identifier: MIT
// Stopping, continuing and ending whole processes (signal/state.h).
#include "servers/linux/process/process.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {

void begin_group_exit_locked(Process& process, i32 status) {
  SignalProcessState& state = process.signals;
  if (state.group_exit) return;
  state.group_exit = true;
  state.group_exit_status = status;
  state.stopping = false;
  for (const Ref<Thread>& thread : process.threads) thread->set_work(kWorkExit);
}

void begin_group_exit(Process& process, i32 status) {
  SpinGuard guard(process.signals.lock);
  begin_group_exit_locked(process, status);
}

void begin_group_stop(Process& process, i32 signal) {
  SignalProcessState& state = process.signals;
  SpinGuard guard(state.lock);
  if (state.group_exit || state.group_exec != nullptr) return;
  // A SIGCONT that came since the stop signal was taken has removed nothing; it wins only if it was sent after, as on Linux.
  if (!state.stopping) {
    state.stopping = true;
    state.stop_signal = signal;
    state.stop_reported = false;
    state.continued_unreported = false;
    state.stop_remaining = 0;
  }
  // Of a process that has stopped already only threads run whose tracer has let them go on.
  for (const Ref<Thread>& thread : process.threads) {
    if (thread->trace.listening) trace_group_changed(*thread);
    if (thread->stopped.load(std::memory_order_relaxed) || (thread->work() & kWorkStop) != 0) continue;
    thread->trace.uncounted_stop = false;
    ++state.stop_remaining;
    thread->set_work(kWorkStop);
  }
}

Task<> stop_thread(Thread& thread) {
  Process& process = thread.process();
  SignalProcessState& state = process.signals;
  bool last = false;
  i32 signal = 0;
  {
    SpinGuard guard(state.lock);
    thread.clear_work(kWorkStop);
    const bool counted = !std::exchange(thread.trace.uncounted_stop, false);
    if (!state.stopping || (counted && state.stop_remaining == 0)) co_return;
    last = counted && --state.stop_remaining == 0;
    signal = state.stop_signal;
    thread.stopped.store(true, std::memory_order_relaxed);
  }
  if (last) notify_parent_of_stop(process, kCldStopped, signal);

  Waiter waiter(thread, Waiter::kKillable);
  waiter.add(state.resumed);
  for (;;) {
    {
      SpinGuard guard(state.lock);
      if (!state.stopping || (thread.work() & kWorkTrap) != 0) break;  // a tracer takes over a stopped thread
    }
    if (!co_await waiter.wait()) break;
  }
  thread.stopped.store(false, std::memory_order_relaxed);
}

void leave_group_stop(Thread& thread) {
  Process& process = thread.process();
  bool last = false;
  i32 signal = 0;
  {
    SpinGuard guard(process.signals.lock);
    if (process.signals.stopping && (thread.work() & kWorkStop) != 0 && !thread.trace.uncounted_stop) {
      last = --process.signals.stop_remaining == 0 && process.threads.size() > 1;
      signal = process.signals.stop_signal;
    }
    thread.clear_work(kWorkStop);
  }
  if (last) notify_parent_of_stop(process, kCldStopped, signal);
}

SignalInfo child_info(Process& child, i32 code, i32 status) {
  SignalInfo info{.signal = kSigChld, .code = code};
  u32 uid = 0;
  if (child.leader) uid = child.leader->credentials()->uid;
  info.set_sender(child.pid, uid);
  constexpr u64 kNsPerTick = 10'000'000;
  const Thread::CpuTime time = child.leader ? child.leader->cpu_time() : Thread::CpuTime{};
  info.set_child(status, time.user_ns / kNsPerTick, time.system_ns / kNsPerTick);
  return info;
}

void notify_parent_of_stop(Process& process, i32 code, i32 status) {
  Ref<Process> parent;
  {
    SpinGuard guard(ProcessTable::lock);
    if (process.parent == nullptr) return;
    parent = Ref(*process.parent);
  }
  const SignalAction action = parent->actions->get(kSigChld);
  if (action.handler != kSigIgnore && (action.flags & kSaNoChildStop) == 0) (void)send_signal(*parent, child_info(process, code, status));
  parent->child_events.wake_all();
}

}  // namespace hati::linux
