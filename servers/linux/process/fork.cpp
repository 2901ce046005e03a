// SPDX-License-Identifier: MIT
// Making threads and processes (process/fork.h). A new thread is completed outside all locks, holding only its number; it then enters the tree in
// one step under the processes lock, where a parent that is being killed is noticed.
#include "servers/linux/process/fork.h"

#include <cstring>

#include "servers/linux/core/namespaces.h"
#include "servers/linux/core/services.h"
#include "servers/linux/core/trace.h"
#include "servers/linux/ipc/sem.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/exit.h"
#include "servers/linux/process/group.h"
#include "servers/linux/process/limits.h"
#include "servers/linux/process/namespaces.h"
#include "servers/linux/process/schedule.h"
#include "servers/linux/ptrace/ptrace.h"

namespace hati::linux {
namespace {

constexpr u64 kTasksMax = 16384;

bool has_all(u64 flags, u64 wanted) { return (flags & wanted) == wanted; }

// A number without an owner yet; given back unless it was used.
class ReservedPid {
 public:
  static SysResult<ReservedPid> create(ProcessTable& table) {
    SpinGuard guard(ProcessTable::lock);
    if (table.threads >= kTasksMax) return fail(Errno::kAGAIN);
    const Pid pid = TRY(table.allocate());
    table.entry(pid);
    return ReservedPid(table, pid);
  }
  ReservedPid(ReservedPid&& other) noexcept : table_(other.table_), pid_(std::exchange(other.pid_, 0)) {}
  ReservedPid& operator=(ReservedPid&&) = delete;
  ~ReservedPid() {
    if (pid_ == 0) return;
    SpinGuard guard(ProcessTable::lock);
    table_.forget_if_empty(pid_);
  }
  Pid pid() const { return pid_; }
  void use() { pid_ = 0; }

 private:
  ReservedPid(ProcessTable& table, Pid pid) : table_(table), pid_(pid) {}
  ProcessTable& table_;
  Pid pid_;
};

SysResult<> check_task_limit(const Thread& parent) {
  const Credentials& credentials = parent.cred();
  if (credentials.uid == 0 || credentials.capable(kCapSysResource) || credentials.capable(kCapSysAdmin)) return {};
  const u64 limit = parent.process().limit(kLimitProcesses);
  ProcessTable& table = parent.world().processes();
  SpinGuard guard(ProcessTable::lock);
  const auto count = table.per_user.find(credentials.uid);
  if (count != table.per_user.end() && count->second >= limit) return fail(Errno::kAGAIN);
  return {};
}

void inherit(const Process& parent, Process& child) {
  {
    SpinGuard guard(parent.limits_lock);
    SpinGuard other(child.limits_lock);
    child.limits = parent.limits;
  }
  child.personality.store(parent.personality.load(std::memory_order_relaxed), std::memory_order_relaxed);
  child.dumpable.store(parent.dumpable.load(std::memory_order_relaxed), std::memory_order_relaxed);
  child.core_filter.store(parent.core_filter.load(std::memory_order_relaxed), std::memory_order_relaxed);
  child.oom_score_adjust.store(parent.oom_score_adjust.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

}  // namespace

SysResult<> ThreadFactory::check(const Thread& parent, const CloneArguments& arguments) {
  const u64 flags = arguments.flags;
  if (has_all(flags, kCloneNewNs | kCloneFs) || has_all(flags, kCloneNewUser | kCloneFs)) return fail(Errno::kINVAL);
  if ((flags & kCloneThread) != 0 && (flags & kCloneSighand) == 0) return fail(Errno::kINVAL);
  if ((flags & kCloneSighand) != 0 && (flags & kCloneVm) == 0) return fail(Errno::kINVAL);
  if ((flags & kCloneParent) != 0 && parent.process().pid == 1) return fail(Errno::kINVAL);
  if ((flags & kCloneThread) != 0 && (flags & (kCloneNewUser | kCloneNewPid)) != 0) return fail(Errno::kINVAL);
  if ((flags & kCloneNamespaces) != 0) {
    if ((flags & kCloneNewUser) == 0 && !parent.capable(kCapSysAdmin)) return fail(Errno::kPERM);
    if (has_all(flags, kCloneNewIpc | kCloneSysvSem)) return fail(Errno::kINVAL);  // what is to be undone would be of the other namespace
    if ((flags & kCloneNamespaces & ~kNamespacesKnown) != 0) return fail(Errno::kINVAL);  // clone() has logged it
  }
  if ((flags & (kClonePidFd | kCloneIntoCgroup)) != 0) return fail(Errno::kINVAL);
  return {};
}

SysResult<> ThreadFactory::copy_parts(Thread& parent, Thread& child, const CloneArguments& arguments) {
  const u64 flags = arguments.flags;
  Process& process = *child.process_;
  if ((flags & kCloneVm) != 0) {
    child.mm_ = parent.mm_;
    child.mm_->users.fetch_add(1, std::memory_order_relaxed);
  } else {
    child.mm_ = TRY(parent.mm_->clone(process.pid));
  }
  child.files_ = (flags & kCloneFiles) != 0 ? parent.files_ : parent.files_->copy();
  child.fs_ = (flags & kCloneFs) != 0 ? parent.fs_ : parent.fs_->copy();
  if ((flags & kCloneThread) == 0) {
    process.actions = (flags & kCloneSighand) != 0 ? parent.process().actions : parent.process().actions->copy();
    if ((flags & kCloneClearSighand) != 0) process.actions->reset_handlers();
    inherit(parent.process(), process);
    process.exit_signal = (flags & kCloneParent) != 0 ? parent.process().exit_signal : static_cast<i32>(arguments.exit_signal);
  }
  child.signals.mask.store(parent.signals.mask.load(std::memory_order_relaxed), std::memory_order_relaxed);
  if ((flags & (kCloneVm | kCloneVfork)) != kCloneVm) child.signals.stack = parent.signals.stack;
  child.timer_slack_ns = parent.timer_slack_ns;
  if ((flags & kCloneChildClearTid) != 0) child.clear_child_tid = arguments.child_tid;
  child.set_credentials(parent.credentials());
  child.set_comm(parent.comm());
  child.set_namespaces(parent.get_namespaces());
  if ((flags & kCloneSysvSem) != 0) child.semaphore_undo = SemaphoreUndo::of(parent);
  enter_new_namespaces(child, flags);
  return {};
}

SysResult<> ThreadFactory::copy_native(Thread& parent, Thread& child, const CloneArguments& arguments) {
  auto native = SupervisedThread::create(child.mm_->space().get());
  if (!native) return fail(native.error() == Error::kNoMemory ? Errno::kNOMEM : Errno::kAGAIN);
  child.native_ = std::move(*native);
  if (parent.page().extended_valid == 0 && !parent.native_.sync_state()) return fail(Errno::kAGAIN);
  const ThreadPage& from = parent.page();
  ThreadPage& to = child.page();
  std::memcpy(&to, &from, offsetof(ThreadPage, trap));
  std::memcpy(to.extended, from.extended, std::min<usize>(from.extended_size, sizeof to.extended));
  to.extended_valid = 1;
  to.rax = 0;
  if (arguments.stack != 0) to.rsp = arguments.stack + arguments.stack_size;
  if ((arguments.flags & kCloneSetTls) != 0) to.fs_base = arguments.tls;
  inherit_scheduling(parent, child);
  if ((arguments.flags & kCloneVm) == 0) inherit_sequences(parent, child);
  return {};
}

SysResult<> ThreadFactory::publish(Thread& parent, Ref<Thread> child, const CloneArguments& arguments) {
  Process& process = child->process();
  Process& creator = parent.process();
  ProcessTable& table = parent.world().processes();
  const bool is_thread = (arguments.flags & kCloneThread) != 0;
  SpinGuard guard(ProcessTable::lock);
  SpinGuard signals_guard(creator.signals.lock);
  // A fatal signal that came meanwhile must not miss the child.
  if (creator.signals.group_exit || parent.kill_pending()) return fail(Errno::kRESTARTNOINTR);
  ProcessTable::Entry& entry = table.entry(child->tid());
  entry.thread = child.get();
  ++table.threads;
  count_task(table, parent.cred().uid, 1);
  process.live.fetch_add(1, std::memory_order_relaxed);
  if (is_thread) {
    if (creator.signals.stopping) {
      ++creator.signals.stop_remaining;
      child->set_work(kWorkStop);
    }
    trace_inherit(parent, *child, arguments);
    process.threads.push_back(std::move(child));
    return {};
  }
  entry.process = &process;
  ++table.processes;
  process.leader = child;
  trace_inherit(parent, *child, arguments);
  [&]() HATI_NO_THREAD_SAFETY_ANALYSIS { process.threads.push_back(std::move(child)); }();  // nobody else sees it yet
  Process* father = (arguments.flags & kCloneParent) != 0 && creator.parent != nullptr ? creator.parent : &creator;
  process.parent = father;
  process.parent_thread = father == &creator ? parent.tid() : father->pid;
  process.parent_id.store(father->pid, std::memory_order_relaxed);
  father->children.emplace_back(process);
  [&]() HATI_NO_THREAD_SAFETY_ANALYSIS { join_group(process, creator.group); }();
  parent.world().forks.fetch_add(1, std::memory_order_relaxed);
  return {};
}

void ThreadFactory::start(Ref<Thread> thread) {
  Scope& scope = thread->world().scope();
  if (thread->process().limit(kLimitCpu) != kUnlimited) thread->set_work(kWorkTimer);  // somebody has to watch it
  scope.start(Thread::run(std::move(thread)));
}

SysResult<Ref<Thread>> ThreadFactory::clone(Thread& parent, const CloneArguments& arguments) {
  TRY(check(parent, arguments));
  TRY(check_task_limit(parent));
  World& world = parent.world();
  ReservedPid number = TRY(ReservedPid::create(world.processes()));
  const bool is_thread = (arguments.flags & kCloneThread) != 0;
  auto process = is_thread ? Ref(parent.process()) : Ref<Process>::adopt(new Process(world, number.pid()));
  auto child = Ref<Thread>::adopt(new Thread(world, std::move(process), number.pid()));
  TRY(copy_parts(parent, *child, arguments));
  const SysResult<> native = copy_native(parent, *child, arguments);
  const i32 tid = child->tid();
  SysResult<> done = native;
  if (done) done = publish(parent, child, arguments);
  if (!done) {
    ThreadReplacement::drop_native(*child);
    ThreadReplacement::drop_mm(*child);
    return fail(done.error());
  }
  number.use();
  // A bad address is not an error here, as on Linux.
  if ((arguments.flags & kCloneParentSetTid) != 0) (void)parent.memory().write(arguments.parent_tid, &tid, sizeof tid);
  if ((arguments.flags & kCloneChildSetTid) != 0) (void)child->memory().write(arguments.child_tid, &tid, sizeof tid);
  return child;
}

SysResult<Ref<Thread>> ThreadFactory::first(World& world, Ref<FdTable> files, Ref<FsContext> fs) {
  ReservedPid number = TRY(ReservedPid::create(world.processes()));
  auto process = Ref<Process>::adopt(new Process(world, number.pid()));
  auto thread = Ref<Thread>::adopt(new Thread(world, process, number.pid()));
  thread->files_ = std::move(files);
  thread->fs_ = std::move(fs);
  thread->mm_ = TRY(Mm::create());
  thread->set_credentials(Credentials::root());
  thread->set_comm("swapper");
  thread->set_namespaces(Namespaces::initial());
  process->actions = Ref<SignalActions>::adopt(new SignalActions);
  process->signals.unkillable = true;
  ProcessTable& table = world.processes();
  SpinGuard guard(ProcessTable::lock);
  ProcessTable::Entry& entry = table.entry(number.pid());
  entry.process = process.get();
  entry.thread = thread.get();
  ++table.processes;
  ++table.threads;
  count_task(table, 0, 1);
  process->live.store(1, std::memory_order_relaxed);
  process->leader = thread;
  [&]() HATI_NO_THREAD_SAFETY_ANALYSIS { process->threads.push_back(thread); }();
  auto session = Ref<Session>::adopt(new Session(0));
  join_group(*process, make_group(world, 0, session));
  number.use();
  world.init = process;
  return thread;
}

namespace {

// The calls share this: makes the child, starts it, waits for a vfork child.
Task<SysResult<i64>> do_clone(Thread& thread, CloneArguments arguments) {
  if ((arguments.flags & ((kCloneNamespaces & ~kNamespacesKnown) | kClonePidFd | kCloneIntoCgroup)) != 0)
    note_unknown_option(thread, "clone", arguments.flags);
  if (thread.signal_pending()) co_return fail(Errno::kRESTARTNOINTR);
  Ref<Thread> child = CO_TRY(ThreadFactory::clone(thread, arguments));
  const Pid pid = child->tid();
  Ref<VforkCompletion> completion;
  if ((arguments.flags & kCloneVfork) != 0) {
    completion = Ref<VforkCompletion>::adopt(new VforkCompletion);
    child->vfork = completion;
  }
  const i32 event = clone_event(thread, arguments);
  ThreadFactory::start(std::move(child));
  if (event != 0) co_await trace_event(thread, event, static_cast<u64>(pid));
  if (completion) {
    Waiter waiter(thread, Waiter::kKillable);
    waiter.add(completion->queue);
    while (!completion->done.load(std::memory_order_seq_cst))
      if (!co_await waiter.wait()) break;
    waiter.remove_all();
    co_await trace_event(thread, kPtraceEventVforkDone, static_cast<u64>(pid));
  }
  co_return pid;
}

}  // namespace

Task<SysResult<i64>> sys_clone(Thread& thread, u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls) {
  CloneArguments arguments{};
  arguments.flags = flags & 0xffff'ffff & ~u64{kCloneSignalMask | kCloneDetached};
  arguments.exit_signal = flags & kCloneSignalMask;
  arguments.stack = stack;
  arguments.parent_tid = parent_tid;
  arguments.child_tid = child_tid;
  arguments.tls = tls;
  return do_clone(thread, arguments);
}

Task<SysResult<i64>> sys_fork(Thread& thread) { return do_clone(thread, {.exit_signal = kSigChld}); }

Task<SysResult<i64>> sys_vfork(Thread& thread) { return do_clone(thread, {.flags = kCloneVfork | kCloneVm, .exit_signal = kSigChld}); }

namespace {

SysResult<CloneArguments> read_clone_arguments(Thread& thread, u64 address, u64 size) {
  if (size > kPageSize) return fail(Errno::kTOOBIG);
  if (size < kCloneArgumentsMin) return fail(Errno::kINVAL);
  CloneArguments arguments{};
  TRY(thread.memory().read(address, &arguments, std::min<u64>(size, sizeof arguments)));
  for (u64 at = sizeof arguments; at < size; ++at)
    if (TRY(thread.memory().get(UserPtr<u8>{address + at})) != 0) return fail(Errno::kTOOBIG);
  const u64 known = 0xffff'ffff | kCloneClearSighand | kCloneIntoCgroup;
  if ((arguments.flags & ~known) != 0 || (arguments.flags & (kCloneDetached | (kCloneSignalMask & ~u64{kCloneNewTime}))) != 0)
    return fail(Errno::kINVAL);
  if (arguments.exit_signal > kSignalCount) return fail(Errno::kINVAL);
  if ((arguments.flags & (kCloneThread | kCloneParent)) != 0 && arguments.exit_signal != 0) return fail(Errno::kINVAL);
  if (has_all(arguments.flags, kCloneSighand | kCloneClearSighand)) return fail(Errno::kINVAL);
  if ((arguments.stack == 0) != (arguments.stack_size == 0)) return fail(Errno::kINVAL);
  if (arguments.set_tid != 0 || arguments.set_tid_size != 0 || (arguments.flags & kCloneNewTime) != 0) {
    note_unknown_option(thread, "clone3", arguments.flags);
    return fail(Errno::kINVAL);
  }
  return arguments;
}

}  // namespace

Task<SysResult<i64>> sys_clone3(Thread& thread, u64 address, u64 size) {
  const CloneArguments arguments = CO_TRY(read_clone_arguments(thread, address, size));
  co_return co_await do_clone(thread, arguments);
}

}  // namespace hati::linux
