// SPDX-License-Identifier: MIT
// System calls of signals: sigaction(2), sigprocmask(2), sigaltstack(2), kill(2) and relatives.
#include "servers/linux/signal/calls.h"

#include "servers/linux/file/file.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/time/time.h"

namespace hati::linux {

SysResult<i64> sys_rt_sigaction(Thread& thread, i32 signal, UserPtr<const SignalAction> action, UserPtr<SignalAction> old, u64 set_size) {
  if (set_size != sizeof(SignalSet)) return fail(Errno::kINVAL);
  SignalAction fresh;
  if (action) fresh = TRY(thread.memory().get(action));
  if (!valid_signal(signal) || (action && (signal_bit(signal) & kUnblockable) != 0)) return fail(Errno::kINVAL);
  Process& process = thread.process();
  SignalAction before = process.actions->get(signal);
  if (action) {
    fresh.mask &= ~kUnblockable;
    SpinGuard guard(process.signals.lock);
    before = process.actions->exchange(signal, fresh);
    // Signals that are ignored from now on are dropped, blocked or not (POSIX).
    if (process.actions->ignores(signal)) {
      process.signals.pending.remove(signal_bit(signal));
      for (const Ref<Thread>& other : process.threads) other->signals.pending.remove(signal_bit(signal));
    }
  }
  if (old) TRY(thread.memory().put(old, before));
  return 0;
}

SysResult<i64> sys_rt_sigprocmask(Thread& thread, i32 how, UserPtr<const SignalSet> set, UserPtr<SignalSet> old, u64 set_size) {
  if (set_size != sizeof(SignalSet)) return fail(Errno::kINVAL);
  const SignalSet before = thread.signals.mask.load(std::memory_order_relaxed);
  if (set) {
    const SignalSet value = TRY(thread.memory().get(set));
    switch (how) {
      case 0: set_signal_mask(thread, before | value); break;
      case 1: set_signal_mask(thread, before & ~value); break;
      case 2: set_signal_mask(thread, value); break;
      default: return fail(Errno::kINVAL);
    }
  }
  if (old) TRY(thread.memory().put(old, before));
  return 0;
}

SysResult<i64> sys_rt_sigpending(Thread& thread, UserAddress set, u64 set_size) {
  if (set_size > sizeof(SignalSet)) return fail(Errno::kINVAL);
  const SignalSet pending = pending_signals(thread) & thread.signals.mask.load(std::memory_order_relaxed);
  TRY(thread.memory().write(set.address, &pending, set_size));
  return 0;
}

namespace {

// rt_sigtimedwait's signals may be taken although they are blocked.
void wait_for(Thread& thread, SignalSet signals) {
  SpinGuard guard(thread.process().signals.lock);
  thread.signals.waiting_for = signals;
}

}  // namespace

Task<SysResult<i64>> sys_rt_sigtimedwait(Thread& thread, UserPtr<const SignalSet> set, UserPtr<SignalInfo> info, UserPtr<const KernelTimespec> timeout,
                                         u64 set_size) {
  if (set_size != sizeof(SignalSet)) co_return fail(Errno::kINVAL);
  const SignalSet wanted = CO_TRY(thread.memory().get(set)) & ~kUnblockable;
  const u64 deadline = CO_TRY(read_timeout(thread.memory(), timeout));

  std::optional<SignalInfo> taken = take_signal(thread, wanted);
  SysResult<> waited;
  if (!taken) {
    wait_for(thread, wanted);
    Waiter waiter(thread);
    waiter.add(thread.process().signals.arrived);
    while (!(taken = take_signal(thread, wanted)) && waited) {
      // A wanted signal sets the work bit too; it is not a reason to leave.
      waited = co_await waiter.wait(deadline);
      if (!waited && (taken = take_signal(thread, wanted))) break;
    }
    wait_for(thread, 0);
  }
  if (!taken) co_return fail(waited.error() == Errno::kTIMEDOUT ? Errno::kAGAIN : Errno::kINTR);
  if (info) CO_TRY(thread.memory().put(info, *taken));
  co_return taken->signal;
}

Task<SysResult<i64>> sys_rt_sigsuspend(Thread& thread, UserPtr<const SignalSet> set, u64 set_size) {
  if (set_size != sizeof(SignalSet)) co_return fail(Errno::kINVAL);
  const SignalSet mask = CO_TRY(thread.memory().get(set));
  set_temporary_mask(thread, mask);
  Waiter waiter(thread);
  while (co_await waiter.wait()) {
  }
  co_return fail(Errno::kRESTARTNOHAND);
}

Task<SysResult<i64>> sys_pause(Thread& thread) {
  Waiter waiter(thread);
  while (co_await waiter.wait()) {
  }
  co_return fail(Errno::kRESTARTNOHAND);
}

SysResult<> set_signal_stack(Thread& thread, const SignalStack& stack, u64 sp) {
  SignalStack& own = thread.signals.stack;
  const bool armed = own.size != 0 && (own.flags & kStackAutoDisarm) == 0;
  if (armed && sp > own.pointer && sp - own.pointer <= own.size) return fail(Errno::kPERM);
  const i32 mode = stack.flags & ~kStackAutoDisarm;
  if (mode != kStackDisable && mode != kStackOnStack && mode != 0) return fail(Errno::kINVAL);
  if (mode == kStackDisable) {
    own = SignalStack{};
    return {};
  }
  if (stack.size < kMinSignalStack) return fail(Errno::kNOMEM);
  own = SignalStack{.pointer = stack.pointer, .flags = stack.flags & ~kStackOnStack, .size = stack.size};
  return {};
}

SysResult<i64> sys_sigaltstack(Thread& thread, UserPtr<const SignalStack> stack, UserPtr<SignalStack> old) {
  const SignalStack before = thread.signals.stack;
  const u64 sp = thread.page().rsp;
  if (stack) {
    const SignalStack fresh = TRY(thread.memory().get(stack));
    TRY(set_signal_stack(thread, fresh, sp));
  }
  if (old) {
    SignalStack shown = before;
    const bool on_it = (before.flags & (kStackDisable | kStackAutoDisarm)) == 0 && sp > before.pointer && sp - before.pointer <= before.size;
    shown.flags = before.size == 0 ? kStackDisable : before.flags | (on_it ? kStackOnStack : 0);
    TRY(thread.memory().put(old, shown));
  }
  return 0;
}

namespace {

bool valid_or_zero(i32 signal) { return signal >= 0 && signal <= kSignalCount; }

// kill(2) of one process that was found.
SysResult<> kill_one(Thread& thread, Process& target, const SignalInfo& info) {
  if (!may_signal(thread, target, info.signal)) return fail(Errno::kPERM);
  if (info.signal == 0) return {};
  return send_signal(target, info);
}

Ref<Process> find_target(Thread& thread, Pid pid) {
  ProcessTable& table = thread.world().processes();
  if (Ref<Process> process = table.find_process(pid)) return process;
  if (Ref<Thread> other = table.find_thread(pid)) return Ref(other->process());
  return {};
}

// Success if one could be signalled; else what the last one answered.
SysResult<i64> kill_all(Thread& thread, const std::vector<Ref<Process>>& targets, const SignalInfo& info) {
  bool any = false;
  SysResult<> last = fail(Errno::kSRCH);
  for (const Ref<Process>& target : targets) {
    last = kill_one(thread, *target, info);
    any |= last.has_value();
  }
  if (!any) return fail(last.error());
  return 0;
}

SysResult<i64> kill_thread(Thread& thread, Pid pid, Tid tid, const SignalInfo& info) {
  const Ref<Thread> target = thread.world().processes().find_thread(tid);
  if (!target || (pid > 0 && target->process().pid != pid)) return fail(Errno::kSRCH);
  if (!may_signal(thread, target->process(), info.signal)) return fail(Errno::kPERM);
  if (info.signal != 0) TRY(send_signal(*target, info));
  return 0;
}

// si_code of user space: a program cannot pretend to be the kernel or kill(2), except to itself.
SysResult<SignalInfo> read_info(Thread& thread, Pid target, i32 signal, UserPtr<const SignalInfo> from) {
  SignalInfo info = TRY(thread.memory().get(from));
  info.signal = signal;
  if ((info.code >= 0 || info.code == kSiTkill) && target != thread.process().pid) return fail(Errno::kPERM);
  return info;
}

}  // namespace

SysResult<i64> sys_kill(Thread& thread, Pid pid, i32 signal) {
  if (!valid_or_zero(signal)) return fail(Errno::kINVAL);
  const SignalInfo info = user_signal(thread, signal);
  if (pid > 0) {
    const Ref<Process> target = find_target(thread, pid);
    if (!target) return fail(Errno::kSRCH);
    TRY(kill_one(thread, *target, info));
    return 0;
  }
  if (pid == std::numeric_limits<Pid>::min()) return fail(Errno::kSRCH);

  std::vector<Ref<Process>> targets;
  if (pid == -1) {
    for (Ref<Process>& process : thread.world().processes().list())
      if (process->pid != 1 && process.get() != &thread.process()) targets.push_back(std::move(process));
  } else {
    ProcessTable& table = thread.world().processes();
    SpinGuard guard(ProcessTable::lock);
    const ProcessGroup* group = table.group(pid == 0 ? thread.process().group_id() : -pid);
    if (group != nullptr)
      for (Process* member : group->members) targets.emplace_back(*member);
  }
  if (pid != -1) return kill_all(thread, targets, info);
  // Everybody: those that may not be signalled are passed over, which is no error.
  if (targets.empty()) return fail(Errno::kSRCH);
  for (const Ref<Process>& target : targets)
    if (const SysResult<> one = kill_one(thread, *target, info); !one && one.error() != Errno::kPERM) return fail(one.error());
  return 0;
}

SysResult<i64> sys_tkill(Thread& thread, Tid tid, i32 signal) {
  if (tid <= 0 || !valid_or_zero(signal)) return fail(Errno::kINVAL);
  SignalInfo info = user_signal(thread, signal);
  info.code = kSiTkill;
  return kill_thread(thread, 0, tid, info);
}

SysResult<i64> sys_tgkill(Thread& thread, Pid pid, Tid tid, i32 signal) {
  if (pid <= 0 || tid <= 0 || !valid_or_zero(signal)) return fail(Errno::kINVAL);
  SignalInfo info = user_signal(thread, signal);
  info.code = kSiTkill;
  return kill_thread(thread, pid, tid, info);
}

SysResult<i64> sys_rt_sigqueueinfo(Thread& thread, Pid pid, i32 signal, UserPtr<const SignalInfo> from) {
  const SignalInfo info = TRY(read_info(thread, pid, signal, from));
  if (!valid_or_zero(signal)) return fail(Errno::kINVAL);
  const Ref<Process> target = find_target(thread, pid);
  if (!target) return fail(Errno::kSRCH);
  TRY(kill_one(thread, *target, info));
  return 0;
}

SysResult<i64> sys_rt_tgsigqueueinfo(Thread& thread, Pid pid, Tid tid, i32 signal, UserPtr<const SignalInfo> from) {
  const SignalInfo info = TRY(read_info(thread, pid, signal, from));
  if (pid <= 0 || tid <= 0 || !valid_or_zero(signal)) return fail(Errno::kINVAL);
  return kill_thread(thread, pid, tid, info);
}

}  // namespace hati::linux
