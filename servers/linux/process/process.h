// SPDX-License-Identifier: MIT
// Processes (thread groups), process groups and sessions. The tree of processes, group membership, exit and wait state are guarded by World::processes().lock,
// as Linux guards them by tasklist_lock; signal state has its own lock. Order: processes lock, then signal lock, then thread lock.
#pragma once

#include <array>
#include <list>
#include <vector>

#include "base/ref.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/signal/actions.h"

namespace hati::linux {

class Terminal;  // tty/terminal.h

class Session : public RefCounted<Session> {
 public:
  explicit Session(Pid id) : id(id) {}
  static void destroy(Session* session) { delete session; }
  const Pid id;  // of the leader, which may be gone
  // Guarded by the terminal layer's lock (tty/job_control.h).
  Ref<Terminal> terminal;
};

class ProcessGroup : public RefCounted<ProcessGroup> {
 public:
  ProcessGroup(Pid id, Ref<Session> session) : id(id), session(std::move(session)) {}
  static void destroy(ProcessGroup* group) { delete group; }
  const Pid id;
  const Ref<Session> session;
  std::vector<Process*> members;  // processes lock
};

inline constexpr int kResourceLimitCount = 16;  // RLIMIT_* of getrlimit(2), by number
struct ResourceLimit {
  u64 soft, hard;
};

class Process : public RefCounted<Process> {
 public:
  static void destroy(Process* process);

  const Pid pid;
  World& world;

  // Processes lock.
  Process* parent = nullptr;
  std::list<Ref<Process>> children;
  std::list<Ref<Thread>> threads;
  Ref<ProcessGroup> group;
  enum class State : u8 { kAlive, kStopped, kZombie, kDead } state = State::kAlive;
  i32 exit_status = 0;  // as wait4(2) reports
  i32 exit_signal = 17;
  bool has_executed = false;   // setpgid of a child after exec: EACCES
  bool child_subreaper = false;
  WaitQueue child_events;      // wait4: a child changed state

  // Own locks or atomics.
  Ref<SignalActions> actions;
  SignalProcessState signals;
  std::atomic<bool> exiting{false};
  SpinLock limits_lock;
  std::array<ResourceLimit, kResourceLimitCount> limits HATI_GUARDED_BY(limits_lock);

  u64 limit(int resource) const;  // the soft limit

  Process(World& world, Pid pid) : pid(pid), world(world) {}
};

}  // namespace hati::linux
