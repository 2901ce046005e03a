// SPDX-License-Identifier: MIT
// flock(2) and the lock commands of fcntl(2).
#include "servers/linux/vfs/lock_calls.h"

#include <map>

#include "servers/linux/core/calls_file.h"
#include "servers/linux/process/process.h"
#include "servers/linux/vfs/inode.h"
#include "servers/linux/vfs/locks.h"

namespace hati::linux {

namespace {

// Who waits for whom among owners of POSIX locks: a circle is EDEADLK.
struct Waiting {
  SpinLock lock;
  std::map<const void*, const void*> edges HATI_GUARDED_BY(lock);
};
Waiting waiting;

// Enters that `owner` waits for `blocker`, unless that closes a circle: then false.
bool start_waiting(const void* owner, const void* blocker) {
  SpinGuard guard(waiting.lock);
  const void* last = blocker;
  for (usize steps = 0; steps <= waiting.edges.size(); ++steps) {
    if (last == owner) return false;
    const auto next = waiting.edges.find(last);
    if (next == waiting.edges.end()) break;
    last = next->second;
  }
  waiting.edges[owner] = blocker;
  return true;
}

void stop_waiting(const void* owner) {
  SpinGuard guard(waiting.lock);
  waiting.edges.erase(owner);
}

Task<SysResult<>> acquire_waiting(Thread& thread, FileLocks& locks, RecordLock wanted) {
  Waiter waiter(&thread);
  waiter.add(locks.changed());
  for (;;) {
    const SysResult<> taken = locks.acquire(wanted);
    if (taken || taken.error() != Errno::kAGAIN) co_return taken;
    RecordLock conflict;
    if (!locks.find_conflict(wanted, conflict)) continue;
    if (wanted.kind == LockKind::kPosix && !start_waiting(wanted.owner, conflict.owner)) co_return fail(Errno::kDEADLOCK);
    const SysResult<> woken = co_await waiter.wait();
    if (wanted.kind == LockKind::kPosix) stop_waiting(wanted.owner);
    if (!woken) co_return woken;
  }
}

// struct flock.
struct UserFlock {
  i16 type;
  i16 whence;
  u32 padding;
  i64 start;
  i64 length;
  i32 pid;
  u32 padding2;
};
static_assert(sizeof(UserFlock) == 32);
enum LockType : i16 { kReadLock = 0, kWriteLock = 1, kUnlock = 2 };

// [start, end] of the request; whence relative to the file's position or end.
SysResult<std::pair<u64, u64>> range_of(const UserFlock& request, File& file) {
  i64 base = 0;
  switch (request.whence) {
    case 0: break;
    case 1: base = static_cast<i64>(file.position()); break;
    case 2: base = static_cast<i64>(file.inode()->attributes().size); break;
    default: return fail(Errno::kINVAL);
  }
  i64 start, end;
  if (__builtin_add_overflow(base, request.start, &start)) return fail(Errno::kOVERFLOW);
  if (start < 0) return fail(Errno::kINVAL);
  if (request.length == 0) return std::pair(static_cast<u64>(start), ~u64{0});
  if (request.length > 0) {
    if (__builtin_add_overflow(start, request.length - 1, &end)) return fail(Errno::kOVERFLOW);
    return std::pair(static_cast<u64>(start), static_cast<u64>(end));
  }
  if (start + request.length < 0) return fail(Errno::kINVAL);
  return std::pair(static_cast<u64>(start + request.length), static_cast<u64>(start - 1));
}

SysResult<RecordLock> lock_of(Thread& thread, const UserFlock& request, File& file, bool description) {
  if (request.type != kReadLock && request.type != kWriteLock && request.type != kUnlock) return fail(Errno::kINVAL);
  if (description && request.pid != 0) return fail(Errno::kINVAL);
  const auto [start, end] = TRY(range_of(request, file));
  const void* owner = description ? static_cast<const void*>(&file) : static_cast<const void*>(&thread.files());
  return RecordLock{description ? LockKind::kDescription : LockKind::kPosix,
                    request.type == kWriteLock,
                    owner,
                    description ? -1 : thread.process().pid,
                    start,
                    end};
}

SysResult<i64> report_conflict(Thread& thread, File& file, const RecordLock& wanted, UserFlock request, u64 address) {
  RecordLock found;
  if (!file.inode()->locks().find_conflict(wanted, found)) {
    request.type = kUnlock;
  } else {
    request.type = found.exclusive ? kWriteLock : kReadLock;
    request.whence = 0;
    request.start = static_cast<i64>(found.start);
    request.length = found.end == ~u64{0} ? 0 : static_cast<i64>(found.end - found.start + 1);
    request.pid = found.pid;
  }
  TRY(thread.memory().put(UserPtr<UserFlock>{address}, request));
  return 0;
}

}  // namespace

Task<SysResult<i64>> record_lock_command(Thread& thread, Ref<File> file, u32 command, u64 address) {
  const UserFlock request = CO_TRY(thread.memory().get(UserPtr<UserFlock>{address}));
  if (file->inode() == nullptr) co_return fail(Errno::kINVAL);
  const bool description = command >= kOfdGetLock;
  const RecordLock wanted = CO_TRY(lock_of(thread, request, *file, description));
  if (command == kGetLock || command == kOfdGetLock) {
    if (request.type == kUnlock) co_return fail(Errno::kINVAL);
    co_return report_conflict(thread, *file, wanted, request, address);
  }
  if (request.type == kReadLock && !file->readable()) co_return fail(Errno::kBADF);
  if (request.type == kWriteLock && !file->writable()) co_return fail(Errno::kBADF);
  FileLocks& locks = file->inode()->locks();
  if (request.type == kUnlock) {
    locks.release(wanted.kind, wanted.owner, wanted.start, wanted.end);
    co_return 0;
  }
  if (command == kSetLockWait || command == kOfdSetLockWait) {
    CO_TRY(co_await acquire_waiting(thread, locks, wanted));
  } else {
    CO_TRY(locks.acquire(wanted));
  }
  co_return 0;
}

Task<SysResult<i64>> sys_flock(Thread& thread, Fd fd, u32 operation) {
  constexpr u32 kShared = 1, kExclusive = 2, kNonBlock = 4, kRelease = 8;
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->is_path_only() || file->inode() == nullptr) co_return fail(Errno::kBADF);
  const u32 kind = operation & ~kNonBlock;
  if (kind != kShared && kind != kExclusive && kind != kRelease) co_return fail(Errno::kINVAL);
  FileLocks& locks = file->inode()->locks();
  if (kind == kRelease) {
    locks.release(LockKind::kFlock, file.get(), 0, ~u64{0});
    co_return 0;
  }
  const RecordLock wanted{LockKind::kFlock, kind == kExclusive, file.get(), thread.process().pid, 0, ~u64{0}};
  // A conversion is not atomic: the old lock goes first (flock(2)).
  RecordLock conflict;
  if (locks.find_conflict(wanted, conflict)) locks.release(LockKind::kFlock, file.get(), 0, ~u64{0});
  if ((operation & kNonBlock) != 0) {
    CO_TRY(locks.acquire(wanted));
  } else {
    CO_TRY(co_await acquire_waiting(thread, locks, wanted));
  }
  co_return 0;
}

}  // namespace hati::linux
