// SPDX-License-Identifier: MIT
// A Linux thread (task). Its life is the coroutine run(): resume the program, handle the trap, deliver signals, again. Fields without a lock
// are touched only by that coroutine (the thread itself); fields guarded by lock() are read and changed by others.
#pragma once

#include <atomic>
#include <string>

#include "abi/thread.h"
#include "base/ref.h"
#include "runtime/spinlock.h"
#include "runtime/supervise.h"
#include "runtime/task.h"
#include "servers/linux/core/types.h"
#include "servers/linux/core/wait.h"
#include "servers/linux/memory/mm.h"
#include "servers/linux/process/credentials.h"
#include "servers/linux/process/rseq.h"
#include "servers/linux/ptrace/state.h"
#include "servers/linux/signal/pending.h"

namespace hati::linux {

class FdTable;
class FsContext;
class Namespaces;
class SemaphoreUndo;
class VforkCompletion;
class Process;
class World;

// Reasons to look up before returning to the program.
enum WorkBits : u32 {
  kWorkSignal = 1,  // a signal may be deliverable
  kWorkStop = 2,  // the process stops (SIGSTOP family)
  kWorkExit = 4,  // the thread must exit (exit_group, exec of another thread, SIGKILL)
  kWorkTrace = 8,  // a tracer wants to know about calls or steps: stays set (ptrace/)
  kWorkTimer = 16,  // CPU-time timers or limits to check
  kWorkBarrier = 32,  // membarrier(2): say that the program was left
  kWorkTrap = 64,  // a tracer wants the thread to stop (ptrace/)
  kWorkSequences = 128,  // rseq(2): the thread was disturbed or is elsewhere
};

class Thread : public RefCounted<Thread> {
 public:
  static void destroy(Thread* thread);

  // The whole life; the task owns a reference to the thread.
  static Task<> run(Ref<Thread> self);

  World& world() const { return world_; }
  Process& process() const { return *process_; }
  Tid tid() const { return tid_.load(std::memory_order_relaxed); }
  ThreadPage& page() { return native_.page(); }
  const SupervisedThread& native() const { return native_; }
  UserMemory memory() const { return mm_->memory(); }
  Mm& mm() const { return *mm_; }
  const Ref<Mm>& mm_ref() const { return mm_; }
  FdTable& files() const { return *files_; }
  FsContext& fs() const { return *fs_; }
  const Ref<FdTable>& files_ref() const { return files_; }
  const Ref<FsContext>& fs_ref() const { return fs_; }
  // For other threads (procfs): the parts may be replaced or dropped at any time. Null after exit.
  Ref<Mm> get_mm() const HATI_EXCLUDES(lock_);
  Ref<FdTable> get_files() const HATI_EXCLUDES(lock_);
  Ref<FsContext> get_fs() const HATI_EXCLUDES(lock_);
  // By the thread itself only: unshare(2), exec.
  void set_files(Ref<FdTable> files) HATI_EXCLUDES(lock_);
  void set_fs(Ref<FsContext> fs) HATI_EXCLUDES(lock_);

  // The thread's own view needs no lock: only the thread itself replaces them.
  const Credentials& cred() const HATI_NO_THREAD_SAFETY_ANALYSIS { return *credentials_; }
  Ref<const Credentials> credentials() const HATI_EXCLUDES(lock_);
  void set_credentials(Ref<const Credentials> credentials) HATI_EXCLUDES(lock_);
  bool capable(Capability capability) const { return cred().capable(capability); }
  // As for credentials.
  const Namespaces& namespaces() const HATI_NO_THREAD_SAFETY_ANALYSIS { return *namespaces_; }
  Ref<const Namespaces> get_namespaces() const HATI_EXCLUDES(lock_);
  void set_namespaces(Ref<const Namespaces> namespaces) HATI_EXCLUDES(lock_);
  SpinLock& lock() const HATI_RETURN_CAPABILITY(lock_) { return lock_; }

  // From any worker: makes the thread look at its work bits, wherever it is (in the program, asleep, in a handler).
  void set_work(u32 bits) HATI_EXCLUDES(lock_);
  void clear_work(u32 bits) { work_.fetch_and(~bits, std::memory_order_relaxed); }
  u32 work() const { return work_.load(std::memory_order_relaxed); }
  // Whether an interruptible sleep should end now.
  bool signal_pending() const { return (work() & (kWorkSignal | kWorkStop | kWorkExit | kWorkTrap)) != 0; }
  bool in_program() const { return in_program_.load(std::memory_order_seq_cst); }
  bool kill_pending() const { return (work() & kWorkExit) != 0; }

  // /proc/PID/stat's letter: R S D T Z, and what it sleeps in.
  char state_letter() const HATI_EXCLUDES(lock_);
  // CPU time in the program, ns; any worker.
  struct CpuTime {
    u64 user_ns = 0, system_ns = 0;
  };
  CpuTime cpu_time() const HATI_EXCLUDES(lock_);
  u64 start_time() const { return start_ns_; }  // monotonic ns

  SignalThreadState signals;  // mask, private queue, alternate stack: see signal/pending.h for its locking

  TraceState trace;  // ptrace(2): see ptrace/state.h for its locking

  // Set by the thread itself (set_tid_address, set_robust_list, prctl).
  u64 clear_child_tid = 0;
  u64 robust_list = 0;
  RestartableSequences sequences;
  i32 parent_death_signal = 0;
  u64 timer_slack_ns = 50'000;
  Ref<SemaphoreUndo> semaphore_undo;  // made on first use, shared as CLONE_SYSVSEM says
  Ref<VforkCompletion> vfork;  // the parent waits in vfork(2) for this thread's exec or end

  std::string comm() const HATI_EXCLUDES(lock_);
  void set_comm(std::string_view name) HATI_EXCLUDES(lock_);  // cut to 15 bytes

  // A call that was interrupted: one of the kRESTART* errors with the call's number, until signal delivery has decided. kNone otherwise.
  Errno restart_error{};
  u64 call_number = 0;
  // The last processor exception, for the signal frame.
  struct Fault {
    u64 vector = 0, error = 0, address = 0;
  } fault;
  // restart_syscall(2): the coroutine that goes on with an interrupted sleep.
  struct RestartBlock {
    Task<SysResult<i64>> (*restart)(Thread& thread) = nullptr;
    u64 deadline = 0;  // absolute, of `clock`
    u64 address = 0;  // where to write the rest
    u32 clock = 0;
    u64 value[3] = {};  // poll, futex
  } restart;

  // Scheduling, as told by sched_setscheduler(2) and setpriority(2); under lock().
  struct Scheduling {
    u32 policy = 0;
    i32 priority = 0;
    i32 nice = 0;
    bool reset_on_fork = false;
    u64 affinity = ~u64{0};
    u32 io_priority = 0;
  };
  Scheduling scheduling HATI_GUARDED_BY(lock_);

  std::atomic<bool> stopped{false};  // in a group stop
  i32 exit_code = 0;  // of exit(2), as a wait status
  // Usage counters of getrusage(2): changed by the thread itself.
  std::atomic<u64> voluntary_switches{0};

 private:
  friend class Waiter;
  friend class ThreadFactory;  // process/fork.cpp
  friend class ThreadReplacement;  // exec and exit: takes parts away or replaces them

  Thread(World& world, Ref<Process> process, Tid tid);

  Task<bool> handle_work();  // false: the thread has ended
  // Calls that may sleep. `tried`: the plain form, if there is one, asked for the coroutine.
  Task<> handle_call(u64 number, bool tried);
  // One stay in the program with calls and steps reported to the tracer (ptrace/call.cpp).
  Task<> traced_round();
  Task<> traced_call(u64 number);
  void handle_exception();
  void finish_call(u64 number, SysResult<i64> result);
  void fail_call(u64 number, Errno error);

  World& world_;
  Ref<Process> process_;
  std::atomic<Tid> tid_;  // changes only when exec makes a thread the leader
  SupervisedThread native_;
  Ref<Mm> mm_;
  Ref<FdTable> files_;
  Ref<FsContext> fs_;
  u64 start_ns_ = 0;
  u64 past_cpu_ns_ = 0;  // of native threads before the last exec; under lock_

  mutable SpinLock lock_;
  Ref<const Credentials> credentials_ HATI_GUARDED_BY(lock_);
  Ref<const Namespaces> namespaces_ HATI_GUARDED_BY(lock_);
  std::string comm_ HATI_GUARDED_BY(lock_);
  Waiter* sleeping_in_ HATI_GUARDED_BY(lock_) = nullptr;  // set_work() must notify
  bool gone_ HATI_GUARDED_BY(lock_) = false;

  alignas(64) std::atomic<u32> work_{0};
  std::atomic<bool> in_program_{false};  // between resume and trap: set_work() must interrupt
  std::atomic<bool> asleep_{false};  // sleeping_in_ is set
};

}  // namespace hati::linux
