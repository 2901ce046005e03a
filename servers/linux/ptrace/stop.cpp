// SPDX-License-Identifier: MIT
// The traced thread's side: its stops. A stop is complete when its tracer can be told; from then on the registers lie still until the tracer resumes the thread
// or a fatal signal does. A tracer at work keeps even a killed thread where it is (`frozen`), because the thread's end takes its registers away.
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

SignalInfo trap_info(const Thread& thread, i32 code) {
  SignalInfo info{.signal = kSigTrap, .code = code};
  info.set_sender(thread.tid(), thread.cred().uid);
  return info;
}

// The thread takes part in a group stop by this stop. True if it was the last one that the process waited for.
bool take_part(Thread& thread, SignalProcessState& state) HATI_REQUIRES(state.lock) {
  if ((thread.work() & kWorkStop) == 0) return false;
  thread.clear_work(kWorkStop);
  const bool counted = !std::exchange(thread.trace.uncounted_stop, false);
  if (!state.stopping || !counted || state.stop_remaining == 0) return false;
  return --state.stop_remaining == 0;
}

void tell_tracer(Thread& thread, i32 why, i32 status) HATI_REQUIRES(ProcessTable::lock) {
  Process& tracer = thread.trace.tracer->process();
  const SignalAction action = tracer.actions->get(kSigChld);
  if (action.handler != kSigIgnore && (action.flags & kSaNoChildStop) == 0) {
    SignalInfo info{.signal = kSigChld, .code = why};
    info.set_sender(thread.tid(), thread.cred().uid);
    constexpr u64 kNsPerTick = 10'000'000;
    info.set_child(status, thread.cpu_time().user_ns / kNsPerTick, 0);
    (void)send_signal(tracer, info);
  }
  tracer.child_events.wake_all();
}

enum class Begun : u8 { kStopped, kNoTracer };

Begun begin_stop(Thread& thread, const TraceStop& stop) {
  Process& process = thread.process();
  TraceState& trace = thread.trace;
  bool group_done = false, tell_parent = false;
  i32 group_signal = 0;
  {
    SpinGuard tree(ProcessTable::lock);
    if (trace.tracer == nullptr) return Begun::kNoTracer;
    {
      SpinGuard guard(process.signals.lock);
      if (thread.kill_pending()) return Begun::kNoTracer;
      trace.code = stop.code;
      trace.has_info = stop.info != nullptr;
      if (stop.info != nullptr) trace.info = *stop.info;
      trace.message = stop.message;
      trace.listening = false;
      trace.stopped = true;
      if (stop.why == kCldStopped) {
        trace.trap_wanted = false;
        thread.clear_work(kWorkTrap);
        group_done = take_part(thread, process.signals);
        group_signal = process.signals.stop_signal;
      }
    }
    // From here on the tracer may find the thread stopped.
    tell_tracer(thread, stop.why, stop.why == kCldStopped && group_signal != 0 ? group_signal : stop.code & 0x7f);
    tell_parent = group_done && traced_by_other(process);
  }
  if (tell_parent) notify_parent_of_stop(process, kCldStopped, group_signal);
  return Begun::kStopped;
}

// The state of a stop after it: the signal to deliver.
i32 end_stop(TraceState& trace) {
  trace.has_info = false;
  trace.listening = false;
  return std::exchange(trace.code, 0);
}

}  // namespace

Task<i32> trace_stop(Thread& thread, TraceStop stop) {
  if (begin_stop(thread, stop) == Begun::kNoTracer) co_return stop.code;
  SpinLock& lock = thread.process().signals.lock;
  TraceState& trace = thread.trace;
  {
    Waiter waiter(thread, Waiter::kKillable);
    waiter.add(trace.changed);
    for (bool killed = false; !killed;) {
      {
        SpinGuard guard(lock);
        if (!trace.stopped) co_return end_stop(trace);
      }
      killed = !co_await waiter.wait();
    }
  }
  // Killed. The tracer finishes what it is doing.
  Waiter waiter(thread, Waiter::kUninterruptible);
  waiter.add(trace.changed);
  for (;;) {
    {
      SpinGuard guard(lock);
      trace.stopped = false;
      if (!trace.frozen) co_return end_stop(trace);
    }
    (void)co_await waiter.wait();
  }
}

bool trace_event_enabled(const Thread& thread, i32 event) {
  if (!thread.trace.traced.load(std::memory_order_relaxed)) return false;
  SpinGuard guard(thread.process().signals.lock);
  return thread.trace.tracer != nullptr && (thread.trace.options >> event & 1) != 0;
}

Task<> trace_event(Thread& thread, i32 event, u64 message) {
  if (!trace_event_enabled(thread, event)) co_return;
  const i32 code = kSigTrap | event << 8;
  const SignalInfo info = trap_info(thread, code);
  (void)co_await trace_stop(thread, {.code = code, .info = &info, .message = message});
}

Task<> trace_exec(Thread& thread, Tid old_tid) {
  if (!thread.trace.traced.load(std::memory_order_relaxed)) co_return;
  if (trace_event_enabled(thread, kPtraceEventExec)) co_return co_await trace_event(thread, kPtraceEventExec, static_cast<u64>(old_tid));
  bool old_style = false;
  {
    SpinGuard guard(thread.process().signals.lock);
    old_style = thread.trace.tracer != nullptr && !thread.trace.seized;
  }
  if (old_style) raise_signal(thread, kSigTrap);
}

Task<> trace_trap(Thread& thread) {
  Process& process = thread.process();
  SpinLock& lock = process.signals.lock;
  i32 code = 0;
  bool seized = false;
  {
    SpinGuard guard(lock);
    const bool group = process.signals.stopping;
    seized = thread.trace.seized;
    const bool wanted = thread.trace.trap_wanted || (group && (thread.work() & kWorkStop) != 0);
    if (!wanted || thread.trace.tracer == nullptr || (!seized && !group)) {
      // What was asked for is over.
      thread.trace.trap_wanted = false;
      thread.clear_work(kWorkTrap);
      if (!group) thread.clear_work(kWorkStop);
      co_return;
    }
    code = group ? process.signals.stop_signal : static_cast<i32>(kSigTrap);
  }
  if (!seized) {
    (void)co_await trace_stop(thread, {.code = code, .why = kCldStopped});
    co_return;
  }
  code |= kPtraceEventStop << 8;
  const SignalInfo info = trap_info(thread, code);
  (void)co_await trace_stop(thread, {.code = code, .why = kCldStopped, .info = &info});
}

void trace_group_changed(Thread& thread) {
  TraceState& trace = thread.trace;
  if (trace.tracer == nullptr || !trace.seized) return;
  trace.trap_wanted = true;
  thread.set_work(kWorkTrap);
  if (!trace.listening) return;
  trace.stopped = trace.listening = false;
  trace.code = 0;
  trace.changed.wake_all();
}

}  // namespace hati::linux
