// SPDX-License-Identifier: MIT
// Becoming a tracer or a tracee, and who may (ptrace(2), "Ptrace access mode checking").
#include "servers/linux/ptrace/link.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

bool is_subset(CapabilitySet part, CapabilitySet whole) { return (part & ~whole) == 0; }

}  // namespace

bool may_access(const Thread& caller, Thread& target, AccessMode, bool real) {
  if (&caller.process() == &target.process()) return true;
  const Credentials& own = caller.cred();
  if (own.capable(kCapSysPtrace)) return true;
  const Ref<const Credentials> other = target.credentials();
  if (!other) return false;
  const u32 uid = real ? own.uid : own.fsuid, gid = real ? own.gid : own.fsgid;
  const bool same_user = uid == other->uid && uid == other->euid && uid == other->suid;
  const bool same_group = gid == other->gid && gid == other->egid && gid == other->sgid;
  if (!same_user || !same_group) return false;
  if (!target.process().dumpable.load(std::memory_order_relaxed)) return false;
  return is_subset(other->permitted, real ? own.permitted : own.effective);
}

SysResult<> trace_me(Thread& thread) {
  SpinGuard tree(ProcessTable::lock);
  Process& process = thread.process();
  if (thread.trace.tracer != nullptr || process.parent == nullptr) return fail(Errno::kPERM);
  Process& parent = *process.parent;
  Thread* tracer = nullptr;
  {
    // The thread that made this process or, if it is gone, another one of its process.
    SpinGuard guard(parent.signals.lock);
    for (const Ref<Thread>& candidate : parent.threads)
      if (tracer == nullptr || candidate->tid() == process.parent_thread) tracer = candidate.get();
  }
  if (tracer == nullptr) return {};
  const Ref<const Credentials> credentials = tracer->credentials();
  if (!is_subset(thread.cred().permitted, credentials->permitted) && !credentials->capable(kCapSysPtrace)) return fail(Errno::kPERM);
  SpinGuard guard(process.signals.lock);
  trace_link(thread, *tracer, credentials, false, 0);
  return {};
}

SysResult<> trace_attach(Thread& tracer, Thread& tracee, bool seize, u32 options) {
  if (&tracer.process() == &tracee.process()) return fail(Errno::kPERM);
  if (!may_access(tracer, tracee, AccessMode::kAttach, true)) return fail(Errno::kPERM);
  Process& process = tracee.process();
  {
    SpinGuard tree(ProcessTable::lock);
    if (process.state != Process::State::kAlive || tracee.trace.tracer != nullptr || tracee.trace.dead) return fail(Errno::kPERM);
    SpinGuard guard(process.signals.lock);
    bool alive = false;
    for (const Ref<Thread>& thread : process.threads) alive = alive || thread.get() == &tracee;
    if (!alive) return fail(Errno::kPERM);
    trace_link(tracee, tracer, tracer.credentials(), seize, options);
    // A thread in a group stop goes over into a stop for its tracer.
    if (tracee.stopped.load(std::memory_order_relaxed)) {
      tracee.trace.trap_wanted = true;
      tracee.set_work(kWorkTrap);
      process.signals.resumed.wake_all();
    }
  }
  if (!seize) (void)send_signal(tracee, kernel_signal(kSigStop));
  return {};
}

}  // namespace hati::linux
