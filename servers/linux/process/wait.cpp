// SPDX-License-Identifier: MIT
// wait4(2) and waitid(2): children that ended, stopped or were continued.
#include <optional>

#include "abi/linux/process.h"
#include "servers/linux/core/trace.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/exit.h"
#include "servers/linux/process/usage.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

// Which children are meant, and what about them.
struct Wanted {
  Pid pid = 0;       // > 0: this one
  Pid group = 0;     // > 0: of this group (when `by_group`)
  bool by_group = false;
  u32 options = 0;
  Tid waiter = 0;    // the thread that waits, for __WNOTHREAD
};

struct Report {
  Pid pid = 0;
  u32 uid = 0;
  i32 status = 0;    // as wait4 encodes it
  i32 code = 0;      // CLD_*
  i32 value = 0;     // waitid: exit code or signal
  Usage usage;
};

// What a look at a child leaves to do once the processes lock is released.
struct Leftovers {
  ExitNotices notices;
  Ref<Process> reaped;
};

bool eligible(const Process& child, const Wanted& wanted) {
  if (wanted.pid != 0 && child.pid != wanted.pid) return false;
  if (wanted.by_group && child.group_id() != wanted.group) return false;
  if ((wanted.options & kWaitNoThread) != 0 && child.parent_thread != wanted.waiter) return false;
  // A "clone child" announces its end by another signal than SIGCHLD, or by none.
  const bool clone_child = child.exit_signal != kSigChld;
  return (wanted.options & kWaitAll) != 0 || clone_child == ((wanted.options & kWaitClone) != 0);
}

Report describe(const Process& child) {
  Report report{.pid = child.pid};
  if (child.leader) report.uid = child.leader->credentials()->uid;
  report.usage = child.dead_threads;
  report.usage.add(child.dead_children);
  return report;
}

void set_exit(Report& report, i32 status) {
  report.status = status;
  const i32 signal = status & 0x7f;
  report.code = signal == 0 ? kCldExited : (status & 0x80) != 0 ? kCldDumped : kCldKilled;
  report.value = signal != 0 ? signal : status >> 8 & 0xff;
}

std::optional<Report> report_exit(Process& child, u32 options, Leftovers& leftovers) HATI_REQUIRES(ProcessTable::lock) {
  if (child.state != Process::State::kZombie || (options & kWaitExited) == 0) return std::nullopt;
  Report report = describe(child);
  set_exit(report, child.exit_status);
  if ((options & kWaitNoWait) == 0) leftovers.reaped = reap_locked(child);
  return report;
}

std::optional<Report> report_stop(Process& child, u32 options) {
  SignalProcessState& state = child.signals;
  SpinGuard guard(state.lock);
  const bool keep = (options & kWaitNoWait) != 0;
  if ((options & kWaitStopped) != 0 && state.stopping && state.stop_remaining == 0 && !state.stop_reported) {
    state.stop_reported = !keep;
    Report report = describe(child);
    report.status = state.stop_signal << 8 | 0x7f;
    report.code = kCldStopped;
    report.value = state.stop_signal;
    return report;
  }
  if ((options & kWaitContinued) != 0 && state.continued_unreported) {
    if (!keep) state.continued_unreported = false;
    Report report = describe(child);
    report.status = 0xffff;
    report.code = kCldContinued;
    report.value = kSigCont;
    return report;
  }
  return std::nullopt;
}

// ---- threads that are traced ----

Report describe(const Thread& tracee) {
  Report report{.pid = tracee.tid(), .uid = tracee.credentials()->uid};
  const Thread::CpuTime time = tracee.cpu_time();
  report.usage.user_ns = time.user_ns;
  report.usage.system_ns = time.system_ns;
  return report;
}

// A stop for the tracer is reported whether WUNTRACED is asked for or not.
std::optional<Report> report_trace_stop(Thread& tracee, u32 options) {
  TraceState& trace = tracee.trace;
  SpinGuard guard(tracee.process().signals.lock);
  if (!trace.stopped || trace.listening || trace.code == 0) return std::nullopt;
  Report report = describe(tracee);
  report.status = trace.code << 8 | 0x7f;
  report.code = kCldTrapped;
  report.value = trace.code;
  if ((options & kWaitNoWait) == 0) trace.code = 0;
  return report;
}

// The end of a traced thread that is not its process's leader.
std::optional<Report> report_thread_exit(Thread& tracee, u32 options, Leftovers& leftovers) HATI_REQUIRES(ProcessTable::lock) {
  if (!tracee.trace.dead || (options & kWaitExited) == 0) return std::nullopt;
  Report report = describe(tracee);
  set_exit(report, tracee.trace.exit_status);
  if ((options & kWaitNoWait) == 0) leftovers.notices.threads.push_back(trace_forget(tracee));
  return report;
}

// The end of a traced process. Where the tracer is not the parent, that one hears of it now.
std::optional<Report> report_tracee_exit(Process& process, u32 options, Leftovers& leftovers) HATI_REQUIRES(ProcessTable::lock) {
  if (!traced_by_other(process)) return report_exit(process, options, leftovers);
  if (process.state != Process::State::kZombie || (options & kWaitExited) == 0) return std::nullopt;
  Report report = describe(process);
  set_exit(report, process.exit_status);
  if ((options & kWaitNoWait) != 0) return report;
  leftovers.notices.threads.push_back(trace_forget(*process.leader));
  announce_zombie(process, leftovers.notices);
  return report;
}

bool eligible_tracee(const Thread& tracee, const Wanted& wanted) HATI_REQUIRES(ProcessTable::lock) {
  if (wanted.pid != 0) return tracee.tid() == wanted.pid;
  return !wanted.by_group || tracee.process().group_id() == wanted.group;
}

std::optional<Report> look_at_tracees(Thread& tracer, const Wanted& wanted, Leftovers& leftovers, bool& any)
    HATI_REQUIRES(ProcessTable::lock) {
  for (const Ref<Thread>& entry : tracer.trace.tracees) {
    Thread& tracee = *entry;
    if (!eligible_tracee(tracee, wanted)) continue;
    any = true;
    const bool leader = tracee.process().leader.get() == &tracee;
    std::optional<Report> report =
        leader ? report_tracee_exit(tracee.process(), wanted.options, leftovers) : report_thread_exit(tracee, wanted.options, leftovers);
    if (!report) report = report_trace_stop(tracee, wanted.options);
    if (report) return report;
  }
  return std::nullopt;
}

std::optional<Report> look_at_child(Process& child, const Wanted& wanted, Leftovers& leftovers) HATI_REQUIRES(ProcessTable::lock) {
  const bool traced = child.leader && child.leader->trace.tracer != nullptr;
  const bool by_other = traced && traced_by_other(child);
  std::optional<Report> report;
  if (!by_other) report = report_exit(child, wanted.options, leftovers);
  if (report || child.state != Process::State::kAlive) return report;
  // Traced by its parent: only the stops for the tracer are told, not those of the group.
  if (traced && !by_other) return report_trace_stop(*child.leader, wanted.options);
  return report_stop(child, wanted.options);
}

// One look at all children and tracees: a report, nothing yet (pid 0), or kCHILD.
SysResult<Report> look_locked(Thread& waiter, const Wanted& wanted, Leftovers& leftovers) HATI_REQUIRES(ProcessTable::lock) {
  Process& parent = waiter.process();
  bool any = false;
  for (auto next = parent.children.begin(); next != parent.children.end();) {
    Process& child = **next++;
    if (!eligible(child, wanted)) continue;
    any = true;
    if (const auto report = look_at_child(child, wanted, leftovers)) return *report;
  }
  for (const Ref<Thread>& tracer : parent.threads) {
    if ((wanted.options & kWaitNoThread) != 0 && tracer.get() != &waiter) continue;
    if (const auto report = look_at_tracees(*tracer, wanted, leftovers, any)) return *report;
  }
  if (!any) return fail(Errno::kCHILD);
  return Report{};
}

SysResult<Report> look(Thread& waiter, const Wanted& wanted) {
  Leftovers leftovers;
  SysResult<Report> report;
  {
    SpinGuard guard(ProcessTable::lock);
    report = look_locked(waiter, wanted, leftovers);
  }
  finish_exit(waiter.world(), leftovers.notices);
  return report;
}

Task<SysResult<Report>> wait_for_child(Thread& thread, Wanted wanted) {
  Process& process = thread.process();
  if (const auto report = look(thread, wanted); !report || report->pid != 0 || (wanted.options & kWaitNoHang) != 0) co_return report;
  Waiter waiter(thread);
  waiter.add(process.child_events);
  for (;;) {
    const auto report = look(thread, wanted);
    if (!report || report->pid != 0) co_return report;
    CO_TRY(co_await waiter.wait());
  }
}

Pid own_group(Thread& thread) {
  SpinGuard guard(ProcessTable::lock);
  return thread.process().group_id();
}

}  // namespace

Task<SysResult<i64>> sys_wait4(Thread& thread, Pid pid, UserPtr<i32> status, u32 options, UserPtr<KernelRusage> usage) {
  constexpr u32 kKnown = kWaitNoHang | kWaitUntraced | kWaitContinued | kWaitNoThread | kWaitAll | kWaitClone;
  if ((options & ~kKnown) != 0) co_return fail(Errno::kINVAL);
  if (pid == std::numeric_limits<Pid>::min()) co_return fail(Errno::kSRCH);
  Wanted wanted{.options = options | kWaitExited, .waiter = thread.tid()};
  if (pid > 0) {
    wanted.pid = pid;
  } else if (pid != -1) {
    wanted.by_group = true;
    wanted.group = pid == 0 ? own_group(thread) : -pid;
  }
  const Report report = CO_TRY(co_await wait_for_child(thread, wanted));
  if (report.pid == 0) co_return 0;
  if (status) CO_TRY(thread.memory().put(status, report.status));
  if (usage) CO_TRY(thread.memory().put(usage, to_rusage(report.usage)));
  co_return report.pid;
}

Task<SysResult<i64>> sys_waitid(Thread& thread, i32 type, Pid id, UserPtr<SignalInfo> info, u32 options, UserPtr<KernelRusage> usage) {
  constexpr u32 kKnown = kWaitNoHang | kWaitNoWait | kWaitExited | kWaitStopped | kWaitContinued | kWaitNoThread | kWaitAll | kWaitClone;
  if ((options & ~kKnown) != 0 || (options & (kWaitExited | kWaitStopped | kWaitContinued)) == 0) co_return fail(Errno::kINVAL);
  Wanted wanted{.options = options, .waiter = thread.tid()};
  switch (type) {
    case kWaitIdAll: break;
    case kWaitIdPid:
      if (id <= 0) co_return fail(Errno::kINVAL);
      wanted.pid = id;
      break;
    case kWaitIdGroup:
      if (id < 0) co_return fail(Errno::kINVAL);
      wanted.by_group = true;
      wanted.group = id == 0 ? own_group(thread) : id;
      break;
    case kWaitIdPidFd: note_unknown_option(thread, "waitid P_PIDFD", 0); co_return fail(Errno::kINVAL);
    default: co_return fail(Errno::kINVAL);
  }
  const Report report = CO_TRY(co_await wait_for_child(thread, wanted));
  if (usage && report.pid != 0) CO_TRY(thread.memory().put(usage, to_rusage(report.usage)));
  if (info) {
    // Only these fields are written: the rest of siginfo_t stays as the program left it.
    struct Fields {
      i32 signal, error, code, pad;
      i32 pid;
      u32 uid;
      i32 status;
    } fields{};
    if (report.pid != 0)
      fields = {
          .signal = kSigChld, .error = 0, .code = report.code, .pad = 0, .pid = report.pid, .uid = report.uid, .status = report.value};
    CO_TRY(thread.memory().write(info.address, &fields, sizeof fields));
  }
  co_return 0;
}

}  // namespace hati::linux
