// SPDX-License-Identifier: MIT
// Who traces whom: inheritance by fork, and the ends of tracers and tracees (ptrace_link(), exit_ptrace() of Linux). Attaching is in attach.cpp.
#include "servers/linux/ptrace/link.h"

#include <algorithm>

#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {

void trace_link(Thread& tracee, Thread& tracer, Ref<const Credentials> credentials, bool seized, u32 options) {
  TraceState& trace = tracee.trace;
  tracer.trace.tracees.emplace_back(tracee);
  trace.tracer = &tracer;
  trace.tracer_credentials = std::move(credentials);
  trace.seized = seized;
  trace.options = options;
  trace.traced.store(true, std::memory_order_relaxed);
}

Ref<Thread> trace_unlink(Thread& tracee) {
  TraceState& trace = tracee.trace;
  Ref<Thread> self;
  if (trace.tracer == nullptr) return self;
  auto& list = trace.tracer->trace.tracees;
  for (auto entry = list.begin(); entry != list.end(); ++entry) {
    if (entry->get() != &tracee) continue;
    self = std::move(*entry);
    list.erase(entry);
    break;
  }
  trace.tracer = nullptr;
  trace.tracer_credentials = {};
  trace.traced.store(false, std::memory_order_relaxed);
  trace.seized = false;
  trace.options = 0;
  trace.calls = trace.emulate = trace.step = trace.trap_wanted = false;
  tracee.clear_work(kWorkTrace | kWorkTrap);
  SignalProcessState& state = tracee.process().signals;
  // The process is stopped as a whole: this thread joins it, without being counted again.
  if (state.stopping && !state.group_exit && (tracee.work() & kWorkStop) == 0) {
    trace.uncounted_stop = true;
    tracee.set_work(kWorkStop);
  }
  if (trace.stopped) {
    trace.stopped = false;
    trace.changed.wake_all();
  }
  return self;
}

bool trace_permits_set_id(const Thread& thread) {
  if (!thread.trace.traced.load(std::memory_order_relaxed)) return true;
  SpinGuard guard(thread.process().signals.lock);
  return thread.trace.tracer == nullptr || thread.trace.tracer_credentials->capable(kCapSysPtrace);
}

// ---- fork ----

i32 clone_event(const Thread& parent, const CloneArguments& arguments) {
  if ((arguments.flags & kCloneUntraced) != 0) return 0;
  const i32 event = (arguments.flags & kCloneVfork) != 0     ? kPtraceEventVfork
                    : arguments.exit_signal != u64{kSigChld} ? kPtraceEventClone
                                                             : kPtraceEventFork;
  return trace_event_enabled(parent, event) ? event : 0;
}

void trace_inherit(Thread& parent, Thread& child, const CloneArguments& arguments) HATI_NO_THREAD_SAFETY_ANALYSIS {
  const TraceState& from = parent.trace;
  if (from.tracer == nullptr) return;
  bool wanted = (arguments.flags & kClonePtrace) != 0;
  if ((arguments.flags & kCloneUntraced) == 0) {
    const i32 event = (arguments.flags & kCloneVfork) != 0     ? kPtraceEventVfork
                      : arguments.exit_signal != u64{kSigChld} ? kPtraceEventClone
                                                               : kPtraceEventFork;
    wanted = wanted || (from.options >> event & 1) != 0;
  }
  if (!wanted) return;
  trace_link(child, *from.tracer, from.tracer_credentials, from.seized, from.options);
  if (from.seized) {
    child.trace.trap_wanted = true;
    child.set_work(kWorkTrap);
  } else {
    (void)child.signals.pending.add(SignalInfo{.signal = kSigStop, .code = kSiUser});
    child.set_work(kWorkSignal);
  }
}

// ---- the end of the tracer ----

void trace_release_all(Thread& tracer, ExitNotices& notices) {
  auto& tracees = tracer.trace.tracees;
  while (!tracees.empty()) {
    Ref<Thread> tracee = tracees.front();
    Process& process = tracee->process();
    bool kill = false;
    {
      SpinGuard guard(process.signals.lock);
      kill = (tracee->trace.options & kPtraceOptionExitKill) != 0;
      notices.threads.push_back(trace_unlink(*tracee));
      tracee->trace.frozen = false;
      tracee->trace.changed.wake_all();
    }
    if (kill) notices.signals.emplace_back(Ref(process), kernel_signal(kSigKill));
    if (tracee->trace.dead) {
      tracee->trace.dead = false;
      release_tid(*tracee);
    } else if (process.state == Process::State::kZombie && process.leader.get() == tracee.get()) {
      announce_zombie(process, notices);
    }
    notices.threads.push_back(std::move(tracee));
  }
}

// ---- the end of the tracee ----

void release_tid(Thread& thread) {
  ProcessTable& table = thread.world().processes();
  table.entry(thread.tid()).held = false;
  table.forget_if_empty(thread.tid());
}

bool traced_by_other(const Process& process) {
  return process.leader && process.leader->trace.tracer != nullptr && &process.leader->trace.tracer->process() != process.parent;
}

namespace {

// SIGCHLD as for a child. False if the tracer has said that it will not wait.
bool announce_end(Thread& tracee, i32 status) HATI_REQUIRES(ProcessTable::lock) {
  Process& tracer = tracee.trace.tracer->process();
  const SignalAction action = tracer.actions->get(kSigChld);
  const bool unwanted = action.handler == kSigIgnore || (action.flags & kSaNoChildWait) != 0;
  if (action.handler != kSigIgnore) {
    const i32 signal = status & 0x7f;
    SignalInfo info{.signal = kSigChld, .code = signal != 0 ? ((status & 0x80) != 0 ? kCldDumped : kCldKilled) : kCldExited};
    info.set_sender(tracee.tid(), tracee.credentials()->uid);
    info.set_child(signal != 0 ? signal : status >> 8 & 0xff, 0, 0);
    (void)send_signal(tracer, info);
  }
  tracer.child_events.wake_all();
  return !unwanted;
}

}  // namespace

bool trace_thread_ended(Thread& thread) {
  TraceState& trace = thread.trace;
  if (trace.tracer == nullptr) return false;
  const SignalProcessState& state = thread.process().signals;
  // The caller holds the signal lock.
  trace.exit_status = [&]() HATI_NO_THREAD_SAFETY_ANALYSIS { return state.group_exit ? state.group_exit_status : thread.exit_code; }();
  trace.dead = true;
  thread.world().processes().entry(thread.tid()).held = true;
  return true;
}

void trace_announce_thread(Thread& thread, ExitNotices& notices) {
  if (announce_end(thread, thread.trace.exit_status)) return;
  notices.threads.push_back(trace_forget(thread));
}

void trace_announce(Process& zombie) { (void)announce_end(*zombie.leader, zombie.exit_status); }

Ref<Thread> trace_forget(Thread& thread) {
  Ref<Thread> self;
  {
    SpinGuard guard(thread.process().signals.lock);
    self = trace_unlink(thread);
    thread.clear_work(kWorkStop);
  }
  if (std::exchange(thread.trace.dead, false)) release_tid(thread);
  return self;
}

}  // namespace hati::linux
