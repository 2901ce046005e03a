// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/locks.h"

#include <algorithm>

namespace hati::linux {

namespace {

bool overlap(const RecordLock& a, const RecordLock& b) { return a.start <= b.end && b.start <= a.end; }
// flock(2) locks and record locks do not see each other.
bool same_family(LockKind a, LockKind b) { return (a == LockKind::kFlock) == (b == LockKind::kFlock); }

}  // namespace

bool FileLocks::conflict_locked(const RecordLock& wanted, RecordLock& found) const {
  for (const RecordLock& lock : locks_) {
    if (!same_family(lock.kind, wanted.kind) || lock.owner == wanted.owner) continue;
    if (!overlap(lock, wanted) || (!lock.exclusive && !wanted.exclusive)) continue;
    found = lock;
    return true;
  }
  return false;
}

bool FileLocks::find_conflict(const RecordLock& wanted, RecordLock& found) const {
  SpinGuard guard(lock_);
  return conflict_locked(wanted, found);
}

// Takes [start, end] out of the owner's locks; parts outside stay. True if something was freed.
bool FileLocks::erase_locked(LockKind kind, const void* owner, u64 start, u64 end) {
  std::vector<RecordLock> rest;
  bool freed = false;
  for (auto it = locks_.begin(); it != locks_.end();) {
    if (it->kind != kind || it->owner != owner || it->start > end || it->end < start) {
      ++it;
      continue;
    }
    freed = true;
    if (it->start < start) rest.push_back({kind, it->exclusive, owner, it->pid, it->start, start - 1});
    if (it->end > end) rest.push_back({kind, it->exclusive, owner, it->pid, end + 1, it->end});
    it = locks_.erase(it);
  }
  locks_.insert(locks_.end(), rest.begin(), rest.end());
  return freed;
}

SysResult<> FileLocks::acquire(const RecordLock& wanted) {
  bool freed = false;
  {
    SpinGuard guard(lock_);
    RecordLock conflict;
    if (conflict_locked(wanted, conflict)) return fail(Errno::kAGAIN);
    freed = erase_locked(wanted.kind, wanted.owner, wanted.start, wanted.end);
    // Neighbours of the same type melt together.
    RecordLock merged = wanted;
    for (auto it = locks_.begin(); it != locks_.end();) {
      const bool touches = it->kind == wanted.kind && it->owner == wanted.owner && it->exclusive == wanted.exclusive &&
                           ((merged.end != ~u64{0} && it->start == merged.end + 1) || (it->end != ~u64{0} && it->end + 1 == merged.start));
      if (!touches) {
        ++it;
        continue;
      }
      merged.start = std::min(merged.start, it->start);
      merged.end = std::max(merged.end, it->end);
      it = locks_.erase(it);
    }
    locks_.push_back(merged);
  }
  if (freed && !wanted.exclusive) changed_.wake_all();  // downgraded
  return {};
}

void FileLocks::release(LockKind kind, const void* owner, u64 start, u64 end) {
  {
    SpinGuard guard(lock_);
    if (!erase_locked(kind, owner, start, end)) return;
  }
  changed_.wake_all();
}

void FileLocks::release_description(const File& file) {
  release(LockKind::kFlock, &file, 0, ~u64{0});
  release(LockKind::kDescription, &file, 0, ~u64{0});
}

void FileLocks::release_owner(const FdTable& table) { release(LockKind::kPosix, &table, 0, ~u64{0}); }

std::vector<RecordLock> FileLocks::list() const {
  SpinGuard guard(lock_);
  return locks_;
}

}  // namespace hati::linux
