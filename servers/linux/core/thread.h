// SPDX-License-Identifier: MIT
// A Linux thread (task). Its life is the coroutine run(): resume the program, handle the trap, deliver signals, again. Fields without a lock are touched only by that
// coroutine (the thread itself); fields guarded by lock() are read and changed by others.
#pragma once

#include <atomic>
#include <string>

#include "abi/thread.h"
#include "base/ref.h"
#include "runtime/handle.h"
#include "runtime/spinlock.h"
#include "runtime/task.h"
#include "servers/linux/core/wait.h"
#include "servers/linux/memory/mm.h"
#include "servers/linux/process/credentials.h"
#include "servers/linux/signal/pending.h"

namespace hati::linux {

class FdTable;
class FsContext;
class Process;
class World;

using Tid = i32;
using Pid = i32;

// Reasons to look up before returning to the program.
enum WorkBits : u32 {
  kWorkSignal = 1,    // a signal may be deliverable
  kWorkStop = 2,      // the process stops (SIGSTOP family)
  kWorkExit = 4,      // the thread must exit (exit_group, exec of another thread, SIGKILL)
  kWorkTrace = 8,     // reserved for ptrace
  kWorkTimer = 16,    // CPU-time timers or limits to check
};

class Thread : public RefCounted<Thread> {
 public:
  static void destroy(Thread* thread);

  Task<> run();

  World& world() const { return world_; }
  Process& process() const { return *process_; }
  Tid tid() const { return tid_; }
  ThreadPage& page() { return *page_; }
  UserMemory memory() const { return mm_->memory(); }
  Mm& mm() const { return *mm_; }
  FdTable& files() const { return *files_; }
  FsContext& fs() const { return *fs_; }
  Ref<const Credentials> credentials() const HATI_EXCLUDES(lock_);
  SpinLock& lock() const HATI_RETURN_CAPABILITY(lock_) { return lock_; }

  // From any worker: makes the thread look at its work bits, wherever it is (in the program, asleep, in a handler).
  void set_work(u32 bits);
  u32 work() const { return work_.load(std::memory_order_relaxed); }
  // Whether an interruptible sleep should end now.
  bool signal_pending() const { return (work() & (kWorkSignal | kWorkStop | kWorkExit)) != 0; }
  bool kill_pending() const { return (work() & kWorkExit) != 0; }

  // /proc/PID/stat's letter: R S D T Z, and what it sleeps in.
  char state_letter() const;

  SignalThreadState signals;  // mask, private queue, alternate stack: see signal/pending.h for its locking

  // Set by the thread itself (set_tid_address, set_robust_list, prctl, rseq).
  u64 clear_child_tid = 0;
  u64 robust_list = 0;
  u64 rseq_area = 0;
  i32 parent_death_signal = 0;

  std::string comm() const HATI_EXCLUDES(lock_);
  void set_comm(std::string_view name) HATI_EXCLUDES(lock_);

  // Arguments of the call being handled, for restart and /proc/PID/syscall.
  u64 original_rax = 0;
  // Restart block of ERESTART_RESTARTBLOCK: absolute deadline and where to write the rest.
  struct RestartBlock {
    u64 deadline = 0;
    u64 remaining_address = 0;
    u32 clock = 0;
  } restart;

 private:
  friend class Waiter;
  friend class ThreadFactory;

  Task<> handle_trap(Trap trap);
  Task<> handle_call();

  World& world_;
  Ref<Process> process_;
  const Tid tid_;
  ThreadHandle handle_;
  ThreadPage* page_ = nullptr;
  Ref<Mm> mm_;
  Ref<FdTable> files_;
  Ref<FsContext> fs_;

  mutable SpinLock lock_;
  Ref<const Credentials> credentials_ HATI_GUARDED_BY(lock_);
  std::string comm_ HATI_GUARDED_BY(lock_);

  std::atomic<u32> work_{0};
  std::atomic<bool> in_program_{false};      // between resume and trap: set_work() must interrupt
  std::atomic<Waiter*> sleeping_in_{nullptr};  // interruptible sleep: set_work() must notify
};

}  // namespace hati::linux
