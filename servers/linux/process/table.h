// SPDX-License-Identifier: MIT
// The table of ids: processes, threads, process groups and sessions share one number space, as on Linux. Its lock also guards the tree of processes
// (process/process.h). An entry lives as long as any of the four uses the number.
#pragma once

#include <unordered_map>
#include <vector>

#include "base/ref.h"
#include "runtime/spinlock.h"
#include "servers/linux/core/errno.h"
#include "servers/linux/core/types.h"

namespace hati::linux {

class Process;
class ProcessGroup;
class Session;
class Thread;

// Which numbers are in use; the next one is above the last given out, and wraps to kFirstAfterWrap, as alloc_pid() does.
class PidAllocator {
 public:
  static constexpr Pid kFirstAfterWrap = 300;
  template <class InUse>
  SysResult<Pid> allocate(InUse&& in_use) {
    for (Pid tries = 0; tries < kPidMax; ++tries) {
      last_ = last_ + 1 < kPidMax ? last_ + 1 : kFirstAfterWrap;
      if (!in_use(last_)) return last_;
    }
    return fail(Errno::kAGAIN);
  }
  Pid last() const { return last_; }
  void set_last(Pid pid) { last_ = pid; }

 private:
  Pid last_ = 0;
};

class ProcessTable {
 public:
  // One table, one lock: static, so that clang knows every path to it as the same lock.
  static inline constinit SpinLock lock;

  // The references keep the objects; a process found may have become a zombie. Null if there is none.
  Ref<Process> find_process(Pid pid) const HATI_EXCLUDES(lock);
  Ref<Thread> find_thread(Tid tid) const HATI_EXCLUDES(lock);
  Ref<ProcessGroup> find_group(Pid id) const HATI_EXCLUDES(lock);
  // All processes, zombies included, by ascending pid; with the lock held for a moment only.
  std::vector<Ref<Process>> list() const HATI_EXCLUDES(lock);
  u32 process_count() const HATI_EXCLUDES(lock);
  u32 thread_count() const HATI_EXCLUDES(lock);
  Pid last_pid() const HATI_EXCLUDES(lock);

  // The same with the lock held.
  struct Entry {
    Process* process = nullptr;
    Thread* thread = nullptr;
    ProcessGroup* group = nullptr;
    Session* session = nullptr;
    bool held = false;  // of a thread that has ended and whose tracer has not waited for it
    bool empty() const { return process == nullptr && thread == nullptr && group == nullptr && session == nullptr && !held; }
  };
  Process* process(Pid pid) const HATI_REQUIRES(lock);
  Thread* thread(Tid tid) const HATI_REQUIRES(lock);
  ProcessGroup* group(Pid id) const HATI_REQUIRES(lock);
  Session* session(Pid id) const HATI_REQUIRES(lock);
  const std::unordered_map<Pid, Entry>& entries() const HATI_REQUIRES(lock) { return entries_; }

  SysResult<Pid> allocate() HATI_REQUIRES(lock);
  Entry& entry(Pid id) HATI_REQUIRES(lock) { return entries_[id]; }
  void forget_if_empty(Pid id) HATI_REQUIRES(lock);

  u32 threads = 0;    // under lock
  u32 processes = 0;  // under lock, zombies included
  // Processes of a real user, for RLIMIT_NPROC.
  std::unordered_map<u32, u32> per_user HATI_GUARDED_BY(lock);

 private:
  std::unordered_map<Pid, Entry> entries_ HATI_GUARDED_BY(lock);
  PidAllocator allocator_ HATI_GUARDED_BY(lock);
};

}  // namespace hati::linux
