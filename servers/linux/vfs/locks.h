// SPDX-License-Identifier: MIT
// Advisory locks on one inode: flock(2), POSIX record locks and open file description locks (fcntl_locking(2)). Owners are descriptions (flock, OFD) or
// descriptor tables (POSIX, as in Linux).
#pragma once

#include <vector>

#include "servers/linux/core/thread.h"
#include "servers/linux/core/wait.h"
#include "servers/linux/file/fd_table.h"

namespace hati::linux {

enum class LockKind : u8 { kFlock, kPosix, kDescription };

struct RecordLock {
  LockKind kind;
  bool exclusive;
  const void* owner;  // File or FdTable
  i32 pid;            // -1 for kDescription
  u64 start, end;     // both inclusive; end ~0: to the end of the file
};

class FileLocks {
 public:
  // The first lock that stands in the way.
  bool find_conflict(const RecordLock& wanted, RecordLock& found) const HATI_EXCLUDES(lock_);
  // Takes it, merging and splitting the owner's locks of that kind; kAGAIN on a conflict.
  SysResult<> acquire(const RecordLock& wanted) HATI_EXCLUDES(lock_);
  void release(LockKind kind, const void* owner, u64 start, u64 end) HATI_EXCLUDES(lock_);
  void release_description(const File& file);
  void release_owner(const FdTable& table);
  std::vector<RecordLock> list() const HATI_EXCLUDES(lock_);
  WaitQueue& changed() { return changed_; }

 private:
  bool conflict_locked(const RecordLock& wanted, RecordLock& found) const HATI_REQUIRES(lock_);
  bool erase_locked(LockKind kind, const void* owner, u64 start, u64 end) HATI_REQUIRES(lock_);

  mutable SpinLock lock_;
  std::vector<RecordLock> locks_ HATI_GUARDED_BY(lock_);
  WaitQueue changed_;
};

}  // namespace hati::linux
