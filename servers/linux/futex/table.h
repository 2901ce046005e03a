// SPDX-License-Identifier: MIT
// The hash table of futex sleepers. Each bucket has its lock; a sleeper moves between buckets only with both locked (requeue).
#pragma once

#include <atomic>

#include "runtime/spinlock.h"
#include "servers/linux/core/user.h"
#include "servers/linux/core/wait.h"

namespace hati::linux {

struct FutexKey {
  u64 space;   // identity of the Mm, or koid * 2 + 1 of the memory object
  u64 offset;
  bool operator==(const FutexKey&) const = default;
};

struct FutexBucket;

// One sleeping thread; lives in its coroutine's frame.
struct FutexSleeper {
  FutexSleeper(Thread& thread, FutexKey k, u32 b) : waiter(thread), key(k), bits(b) {}
  bool woken() const { return done.load(std::memory_order_acquire); }

  Waiter waiter;
  FutexKey key;                              // bucket's lock
  const u32 bits;
  std::atomic<bool> done{false};              // woken
  std::atomic<FutexBucket*> bucket{nullptr};  // null: not in the table; the waker's last touch
  FutexSleeper* next = nullptr;
  FutexSleeper* previous = nullptr;
};

struct FutexBucket {
  SpinLock lock;
  FutexSleeper* first HATI_GUARDED_BY(lock) = nullptr;
  FutexSleeper* last HATI_GUARDED_BY(lock) = nullptr;

  void add(FutexSleeper& sleeper) HATI_REQUIRES(lock);
  void remove(FutexSleeper& sleeper) HATI_REQUIRES(lock);
  u32 wake(const FutexKey& key, u32 count, u32 bits) HATI_REQUIRES(lock);
  // To another futex, without waking; both locked.
  u32 move(const FutexKey& key, FutexBucket& target, const FutexKey& target_key, u32 count) HATI_NO_THREAD_SAFETY_ANALYSIS;
};

class FutexTable {
 public:
  static FutexBucket& bucket(const FutexKey& key);
  // Goes to sleep if the word still has the value: kAGAIN otherwise, kFAULT.
  static SysResult<> enqueue(FutexSleeper& sleeper, UserMemory memory, u64 address, u32 expected);
  // True if it was still asleep.
  static bool dequeue(FutexSleeper& sleeper);
};

}  // namespace hati::linux
