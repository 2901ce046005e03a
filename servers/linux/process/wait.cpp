// SPDX-License-Identifier: MIT
// wait4(2) and waitid(2): children that ended, stopped or were continued.
#include <optional>

#include "abi/linux/process.h"
#include "servers/linux/core/trace.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/exit.h"
#include "servers/linux/process/usage.h"
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

std::optional<Report> report_exit(Process& child, u32 options, Ref<Process>& reaped) HATI_REQUIRES(ProcessTable::lock) {
  if (child.state != Process::State::kZombie || (options & kWaitExited) == 0) return std::nullopt;
  Report report = describe(child);
  report.status = child.exit_status;
  const i32 signal = child.exit_status & 0x7f;
  report.code = signal != 0 ? kCldKilled : kCldExited;
  report.value = signal != 0 ? signal : child.exit_status >> 8 & 0xff;
  if ((options & kWaitNoWait) == 0) reaped = reap_locked(child);
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

// One look at all children: a report, nothing yet (pid 0), or kCHILD.
SysResult<Report> look(Process& parent, const Wanted& wanted) {
  Ref<Process> reaped;
  SpinGuard guard(ProcessTable::lock);
  bool any = false;
  for (auto next = parent.children.begin(); next != parent.children.end();) {
    Process& child = **next++;
    if (!eligible(child, wanted)) continue;
    any = true;
    auto report = report_exit(child, wanted.options, reaped);
    if (!report && child.state == Process::State::kAlive) report = report_stop(child, wanted.options);
    if (report) return *report;
  }
  if (!any) return fail(Errno::kCHILD);
  return Report{};
}

Task<SysResult<Report>> wait_for_child(Thread& thread, Wanted wanted) {
  Process& process = thread.process();
  if (const auto report = look(process, wanted); !report || report->pid != 0 || (wanted.options & kWaitNoHang) != 0) co_return report;
  Waiter waiter(thread);
  waiter.add(process.child_events);
  for (;;) {
    const auto report = look(process, wanted);
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
    case kWaitIdPidFd:
      note_unknown_option(thread, "waitid P_PIDFD", 0);
      co_return fail(Errno::kINVAL);
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
    if (report.pid != 0) fields = {.signal = kSigChld, .error = 0, .code = report.code, .pad = 0, .pid = report.pid, .uid = report.uid, .status = report.value};
    CO_TRY(thread.memory().write(info.address, &fields, sizeof fields));
  }
  co_return 0;
}

}  // namespace hati::linux
