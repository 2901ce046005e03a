// SPDX-License-Identifier: MIT
#include "kernel/memory/page_cache.h"

#include <algorithm>

#include "kernel/memory/paged_memory.h"

namespace hati {

PageCache page_cache;

void PageCache::add(PagedMemory& memory) {
  Guard guard(lock_);
  objects_.push_front(memory);
  ++object_count_;
  fruitless_.store(0, std::memory_order_relaxed);
}

void PageCache::remove(PagedMemory& memory) {
  Guard guard(lock_);
  objects_.erase(objects_.iterator_to(memory));
  --object_count_;
  if (std::exchange(memory.in_dirty_list, false)) dirty_.erase(dirty_.iterator_to(memory));
}

void PageCache::note_dirty(PagedMemory& memory) {
  Guard guard(lock_);
  if (std::exchange(memory.in_dirty_list, true)) return;
  memory.dirty_since_ns = page_cache_now_ns();
  const bool first = dirty_.empty();
  dirty_.push_back(memory);
  if (first) page_cache_arm(memory.dirty_since_ns + kDirtyAgeNs);
}

void PageCache::note_clean(PagedMemory& memory) {
  Guard guard(lock_);
  if (std::exchange(memory.in_dirty_list, false)) dirty_.erase(dirty_.iterator_to(memory));
}

// The oldest object with dirty pages, if they are as old as that; it counts as new then.
Ref<PagedMemory> PageCache::next_dirty(u64 age_ns, u64 now_ns) {
  Guard guard(lock_);
  for (usize left = dirty_.size(); left != 0; --left) {
    PagedMemory& memory = dirty_.front();
    if (memory.dirty_since_ns + age_ns > now_ns) return nullptr;
    memory.dirty_since_ns = now_ns;
    dirty_.splice(dirty_.end(), dirty_, dirty_.begin());
    if (memory.try_ref()) return Ref<PagedMemory>::adopt(&memory);
  }
  return nullptr;
}

u64 PageCache::write_back_old(u64 now_ns) {
  for (u32 i = 0; i < kObjectsPerPiece; ++i) {
    const Ref<PagedMemory> memory = next_dirty(kDirtyAgeNs, now_ns);
    if (!memory) break;
    memory->hint_write_back();
  }
  Guard guard(lock_);
  return dirty_.empty() ? ~u64{0} : dirty_.front().dirty_since_ns + kDirtyAgeNs;
}

void PageCache::write_back_some() {
  const u64 now_ns = page_cache_now_ns();
  for (u32 i = 0; i < kObjectsPerPiece; ++i) {
    const Ref<PagedMemory> memory = next_dirty(0, now_ns);
    if (!memory) break;
    memory->hint_write_back();
  }
}

Ref<PagedMemory> PageCache::next_object() {
  Guard guard(lock_);
  for (u32 left = object_count_; left != 0; --left) {
    PagedMemory& memory = objects_.front();
    if (memory.try_ref()) return Ref<PagedMemory>::adopt(&memory);
    objects_.splice(objects_.end(), objects_, objects_.begin());
  }
  return nullptr;
}

u64 PageCache::reclaim_piece() {
  const Ref<PagedMemory> memory = next_object();
  if (!memory) {
    fruitless_.store(~u32{0} >> 1, std::memory_order_relaxed);
    return 0;
  }
  const PagedMemory::Reclaimed done = memory->reclaim();
  if (done.freed != 0)
    fruitless_.store(0, std::memory_order_relaxed);
  else
    fruitless_.fetch_add(static_cast<u32>(done.looked_at), std::memory_order_relaxed);
  if (done.at_end || done.looked_at == 0) {
    Guard guard(lock_);
    if (!objects_.empty() && &objects_.front() == memory.get()) objects_.splice(objects_.end(), objects_, objects_.begin());
  }
  return done.freed;
}

// Everything was looked at often enough to lose its marks, be unmapped, and be freed.
bool PageCache::exhausted() {
  const u64 fruitless = fruitless_.load(std::memory_order_relaxed);
  Guard guard(lock_);
  return fruitless > 3 * (resident_.load(std::memory_order_relaxed) + object_count_);
}

PageCache::Relief PageCache::relieve(PageWaiter& waiter) {
  for (u32 i = 0; i < kPiecesPerRelief; ++i) {
    if (reclaim_piece() != 0) return Relief::kRetry;
    if (exhausted()) break;
  }
  if (!exhausted()) return Relief::kRetry;
  if (unclean_.load(std::memory_order_relaxed) == 0) return Relief::kNone;
  write_back_some();
  Guard guard(lock_);
  if (unclean_.load(std::memory_order_relaxed) == 0) return Relief::kRetry;
  if (!waiter.begin_page_wait(nullptr, lock_)) return Relief::kGone;
  waiters_.push_back(waiter);
  return Relief::kWaits;
}

void PageCache::memory_came() {
  fruitless_.store(0, std::memory_order_relaxed);
  ReadyWaiters ready;  // told when the lock is free
  Guard guard(lock_);
  ready.take(waiters_, [](const PageWaiter&) { return true; });
}

void PageCache::forget(PageWaiter& waiter) {
  Guard guard(lock_);
  if (waiter.is_linked()) waiter.unlink();
}

}  // namespace hati
