// SPDX-License-Identifier: MIT
// The hash table of futex sleepers. Each bucket has its lock; a sleeper moves between buckets only with both locked (requeue).
#pragma once

#include <atomic>

#include "runtime/spinlock.h"
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
  // thread may be null: then no signal ends the sleep.
  FutexSleeper(Thread* thread, FutexKey k, u32 b) : waiter(thread), key(k), bits(b) {}
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

// The buckets of two futexes, locked in address order; one lock if they share a bucket.
class BothBuckets {
 public:
  BothBuckets(const FutexKey& a, const FutexKey& b);
  ~BothBuckets();
  BothBuckets(const BothBuckets&) = delete;
  BothBuckets& operator=(const BothBuckets&) = delete;

  FutexBucket& a;
  FutexBucket& b;
};

class FutexTable {
 public:
  static FutexBucket& bucket(const FutexKey& key);
  // Goes to sleep if the word still has the value, which `load()` (SysResult<u32>, does not wait) reads under the lock: kAGAIN otherwise.
  template <class Load>
  static SysResult<> enqueue(FutexSleeper& sleeper, u32 expected, Load&& load) {
    FutexBucket& place = bucket(sleeper.key);
    SpinGuard guard(place.lock);
    const SysResult<u32> value = load();
    if (!value) return fail(value.error());
    if (*value != expected) return fail(Errno::kAGAIN);
    place.add(sleeper);
    return {};
  }
  // How many were woken.
  static u32 wake(const FutexKey& key, u32 count, u32 bits);
  // True if it was still asleep.
  static bool dequeue(FutexSleeper& sleeper);
};

}  // namespace hati::linux
