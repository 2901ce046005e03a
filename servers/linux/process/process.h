// SPDX-License-Identifier: MIT
// Processes (thread groups), process groups and sessions. The tree of processes, group membership, exit and wait state are guarded by World::processes().lock,
// as Linux guards them by tasklist_lock; signal state has its own lock. Order: processes lock, then signal lock, then actions, then thread lock.
#pragma once

#include <array>
#include <list>
#include <vector>

#include "base/ref.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/core/world.h"
#include "servers/linux/signal/actions.h"

namespace hati::linux {

class Terminal;      // tty/terminal.h
class ProcessTimers; // time/process_timers.h

// A session's controlling terminal: `terminal` belongs to tty/ and is guarded by its lock.
class Session : public RefCounted<Session> {
 public:
  explicit Session(Pid id) : id(id) {}
  static void destroy(Session* session) { delete session; }
  const Pid id;                // of the leader, which may be gone
  Terminal* terminal = nullptr;  // tty/ counts the reference itself
  u32 groups = 0;              // processes lock
};

class ProcessGroup : public RefCounted<ProcessGroup> {
 public:
  ProcessGroup(Pid id, Ref<Session> session) : id(id), session(std::move(session)) {}
  static void destroy(ProcessGroup* group) { delete group; }
  const Pid id;
  const Ref<Session> session;
  std::vector<Process*> members;  // processes lock; zombies until they are reaped
};

inline constexpr int kResourceLimitCount = 16;  // RLIMIT_* of getrlimit(2), by number
enum Resource : int {
  kLimitCpu, kLimitFileSize, kLimitData, kLimitStack, kLimitCore, kLimitResident, kLimitProcesses, kLimitFiles, kLimitMemlock, kLimitAddressSpace,
  kLimitLocks, kLimitSigPending, kLimitMsgQueue, kLimitNice, kLimitRtPriority, kLimitRtTime,
};
inline constexpr u64 kUnlimited = ~u64{0};
struct ResourceLimit {
  u64 soft, hard;
};

// What vfork(2)'s parent waits for.
class VforkCompletion : public RefCounted<VforkCompletion> {
 public:
  static void destroy(VforkCompletion* completion) { delete completion; }
  std::atomic<bool> done{false};
  WaitQueue queue;
};

// getrusage(2) sums.
struct Usage {
  u64 user_ns = 0, system_ns = 0;
  u64 minor_faults = 0, major_faults = 0, voluntary_switches = 0, involuntary_switches = 0;
  u64 peak_resident_kb = 0;
  void add(const Usage& other);
};

class Process : public RefCounted<Process> {
 public:
  Process(World& world, Pid pid);
  static void destroy(Process* process);

  const Pid pid;
  World& world;

  // Processes lock. Changes of `threads` also hold signals.lock: either lock suffices to walk it.
  Process* parent = nullptr;          // null only for init and the dead
  Tid parent_thread = 0;              // of the parent's threads, the one that made it
  std::list<Ref<Process>> children;   // zombies included
  std::list<Ref<Thread>> threads;     // the leader first, while it is there
  std::atomic<u32> live{0};           // threads that have not begun to end
  Ref<Thread> leader;                 // stays until the process is reaped
  Ref<ProcessGroup> group;
  enum class State : u8 { kAlive, kZombie, kDead } state = State::kAlive;
  i32 exit_status = 0;                // as wait4(2) reports
  i32 exit_signal = kSigChld;         // to the parent; 0: none
  bool has_executed = false;          // setpgid of a child after exec: EACCES
  bool child_subreaper = false;
  WaitQueue child_events;             // wait4: a child changed state
  Usage dead_threads, dead_children;  // processes lock

  // Own locks or atomics.
  Ref<SignalActions> actions;
  SignalProcessState signals;
  std::unique_ptr<ProcessTimers> timers;  // itimers, POSIX timers, CPU limits
  mutable SpinLock limits_lock;
  std::array<ResourceLimit, kResourceLimitCount> limits HATI_GUARDED_BY(limits_lock);
  std::atomic<u32> personality{0};
  std::atomic<bool> dumpable{true};
  std::atomic<i32> oom_score_adjust{0};
  std::atomic<u32> core_filter{0x33};  // /proc/PID/coredump_filter: CoreFilter of exec/core_dump.h
  WaitQueue exited;                   // pidfd: woken when it becomes a zombie

  u64 limit(int resource) const HATI_EXCLUDES(limits_lock);  // the soft limit
  ResourceLimit limit_pair(int resource) const HATI_EXCLUDES(limits_lock);

  // With the processes lock held.
  Pid group_id() const { return group ? group->id : 0; }
  Pid session_id() const { return group ? group->session->id : 0; }
  bool session_leader() const { return session_id() == pid; }
  Pid parent_pid() const { return parent != nullptr ? parent->pid : 0; }

  // Takes the processes lock itself: references that may be kept. Null once it is gone.
  Ref<ProcessGroup> get_group() const;
  Ref<Session> get_session() const;
  Ref<Thread> get_leader() const;
  std::vector<Ref<Thread>> get_threads() const;
  // For getppid(2): kept up to date so that the hot path takes no lock.
  std::atomic<Pid> parent_id{0};

  // Sums over the live threads and those that ended. Takes locks.
  Usage usage() const;
  u64 cpu_time_ns() const;
};

// Whether no member has a parent outside the group but in its session (setpgid(2), "orphaned"). Processes lock; `ignored` is leaving.
bool orphaned(const ProcessGroup& group, const Process* ignored = nullptr);
// The same, taking the lock.
bool is_orphaned(World& world, const ProcessGroup& group);

}  // namespace hati::linux
