// SPDX-License-Identifier: MIT
// How threads and processes end, and how a dead process leaves the table.
#pragma once

#include "servers/linux/process/group.h"
#include "servers/linux/process/process.h"

namespace hati::linux {

// Things to do once the processes lock is released: collected under it, then carried out by finish_exit().
struct ExitNotices {
  OrphanedGroups orphaned_groups;
  std::vector<std::pair<Ref<Process>, i32>> death_signals;
  std::vector<std::pair<Ref<Process>, SignalInfo>> signals;
  std::vector<Ref<Process>> reaped;
  std::vector<Ref<Thread>> threads;
};
void finish_exit(World& world, ExitNotices& notices) HATI_EXCLUDES(ProcessTable::lock);
// Tells the parent, or whoever traces the child, that it is a zombie.
void announce_zombie(Process& child, ExitNotices& notices) HATI_REQUIRES(ProcessTable::lock);

// The end of a thread; that of its process if it is the last. The thread's coroutine ends after it.
Task<> exit_thread(Thread& thread);
// Takes a zombie out of the tree and the table: what wait4 does, or the kernel where nobody waits. Processes lock held; the
// reference that the parent held is returned, to be dropped without the lock.
Ref<Process> reap_locked(Process& zombie) HATI_REQUIRES(ProcessTable::lock);
// Tasks of a real user, for RLIMIT_NPROC.
void count_task(ProcessTable& table, u32 uid, i32 change) HATI_REQUIRES(ProcessTable::lock);
// exec: all threads of the process but `thread` end; it becomes the leader. kINTR if it must end itself.
Task<SysResult<>> end_other_threads(Thread& thread);
// Wakes a parent that waits in vfork(2) for this thread.
void complete_vfork(Thread& thread);

// unshare(2): copies of shared parts.
void unshare_parts(Thread& thread, bool fs, bool files);

// Parts of a thread that only its end or exec replace.
class ThreadReplacement {
 public:
  // Ends the native thread; its CPU time stays accounted.
  static void drop_native(Thread& thread);
  static void drop_mm(Thread& thread);
  static Ref<FdTable> take_files(Thread& thread);
  static Ref<FsContext> take_fs(Thread& thread);
  // exec: another address space with another native thread. Returns the old space.
  static Ref<Mm> replace(Thread& thread, Ref<Mm> mm, SupervisedThread native);
  static void set_tid(Thread& thread, Tid tid) { thread.tid_.store(tid, std::memory_order_relaxed); }
  static void mark_gone(Thread& thread);
};

}  // namespace hati::linux
