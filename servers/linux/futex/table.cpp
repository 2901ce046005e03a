// SPDX-License-Identifier: MIT
// The hash table of futex sleepers (futex/table.h).
#include "servers/linux/futex/table.h"

#include <algorithm>
#include <array>

namespace hati::linux {
namespace {

constexpr usize kBuckets = 256;
std::array<FutexBucket, kBuckets> buckets;

}  // namespace

void FutexBucket::add(FutexSleeper& sleeper) {
  sleeper.next = nullptr;
  sleeper.previous = last;
  (last != nullptr ? last->next : first) = &sleeper;
  last = &sleeper;
  sleeper.bucket.store(this, std::memory_order_release);
}

void FutexBucket::remove(FutexSleeper& sleeper) {
  (sleeper.previous != nullptr ? sleeper.previous->next : first) = sleeper.next;
  (sleeper.next != nullptr ? sleeper.next->previous : last) = sleeper.previous;
  sleeper.next = sleeper.previous = nullptr;
}

u32 FutexBucket::wake(const FutexKey& key, u32 count, u32 bits) {
  u32 woken = 0;
  FutexSleeper* next = nullptr;
  for (FutexSleeper* sleeper = first; sleeper != nullptr; sleeper = next) {
    next = sleeper->next;
    if (!(sleeper->key == key) || (sleeper->bits & bits) == 0) continue;
    remove(*sleeper);
    sleeper->done.store(true, std::memory_order_release);
    sleeper->waiter.notify(WakeReason::kEvent);  // it leaves only through dequeue(), which waits for this bucket's lock
    sleeper->bucket.store(nullptr, std::memory_order_release);
    // From here on the sleeper may be gone.
    if (++woken >= count) break;
  }
  return woken;
}

u32 FutexBucket::move(const FutexKey& key, FutexBucket& target, const FutexKey& target_key, u32 count) {
  u32 moved = 0;
  FutexSleeper* next = nullptr;
  for (FutexSleeper* sleeper = first; sleeper != nullptr && moved < count; sleeper = next) {
    next = sleeper->next;
    if (!(sleeper->key == key)) continue;
    remove(*sleeper);
    sleeper->key = target_key;
    target.add(*sleeper);
    ++moved;
  }
  return moved;
}

BothBuckets::BothBuckets(const FutexKey& first, const FutexKey& second) HATI_NO_THREAD_SAFETY_ANALYSIS : a(FutexTable::bucket(first)),
                                                                                                         b(FutexTable::bucket(second)) {
  std::min(&a, &b)->lock.lock();
  if (&a != &b) std::max(&a, &b)->lock.lock();
}

BothBuckets::~BothBuckets() HATI_NO_THREAD_SAFETY_ANALYSIS {
  a.lock.unlock();
  if (&a != &b) b.lock.unlock();
}

FutexBucket& FutexTable::bucket(const FutexKey& key) {
  u64 hash = (key.space ^ (key.offset >> 2)) * 0x9e3779b97f4a7c15;
  hash ^= hash >> 29;
  static_assert(kBuckets == 1 << 8);
  return buckets[hash * 0xbf58476d1ce4e5b9 >> (64 - 8)];
}

u32 FutexTable::wake(const FutexKey& key, u32 count, u32 bits) {
  FutexBucket& place = bucket(key);
  SpinGuard guard(place.lock);
  return place.wake(key, count, bits);
}

bool FutexTable::dequeue(FutexSleeper& sleeper) {
  for (;;) {
    FutexBucket* place = sleeper.bucket.load(std::memory_order_acquire);
    if (place == nullptr) return false;
    SpinGuard guard(place->lock);
    if (sleeper.bucket.load(std::memory_order_relaxed) != place) continue;  // moved meanwhile
    place->remove(sleeper);
    sleeper.bucket.store(nullptr, std::memory_order_relaxed);
    return true;
  }
}

}  // namespace hati::linux
