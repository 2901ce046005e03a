// SPDX-License-Identifier: MIT
// What is common to all paged objects: which exist, which have dirty pages and since when, who waits for free memory; ageing and reclaim.
// `lock_` is taken inside a Memory's pages_lock_ and holds no other.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>

#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "kernel/memory/page_waiter.h"
#include "kernel/sync/spinlock.h"

namespace hati {

class PagedMemory;

struct CachedTag;
struct DirtyTag;
using CachedHook = boost::intrusive::list_base_hook<boost::intrusive::tag<CachedTag>>;
using DirtyHook = boost::intrusive::list_base_hook<boost::intrusive::tag<DirtyTag>>;

class PageCache {
 public:
  static constexpr u64 kDirtyAgeNs = 5'000'000'000;

  PageCache() = default;

  void add(PagedMemory& memory) HATI_EXCLUDES(lock_);
  void remove(PagedMemory& memory) HATI_EXCLUDES(lock_);
  // The object's first dirty page; its last one is clean.
  void note_dirty(PagedMemory& memory) HATI_EXCLUDES(lock_);
  void note_clean(PagedMemory& memory) HATI_EXCLUDES(lock_);
  // Dirty pages, or pages that are being cleaned, of pagers that live.
  void count_unclean(i64 pages) { unclean_.fetch_add(static_cast<u64>(pages), std::memory_order_relaxed); }

  // Hints at the pagers whose pages have been dirty for long; the next deadline, or ~0.
  u64 write_back_old(u64 now_ns) HATI_EXCLUDES(lock_);
  // Hints at all pagers with dirty pages, the oldest first, at most a few.
  void write_back_some() HATI_EXCLUDES(lock_);

  // Looks at a bounded number of pages and frees what is clean and not in use. Returns the pages freed.
  u64 reclaim_piece() HATI_EXCLUDES(lock_);
  // Nothing can be freed, as far as it was looked at since something was last freed or cleaned.
  bool exhausted() HATI_EXCLUDES(lock_);
  void count_resident(i64 pages) { resident_.fetch_add(static_cast<u64>(pages), std::memory_order_relaxed); }

  // An allocation failed although the caller's limits allow it.
  enum class Relief : u8 {
    kRetry,  // something was freed, or may be soon: try again
    kWaits,  // the waiter is told when pages have been cleaned
    kNone,   // nothing can be had
    kGone,   // the waiter could not wait
  };
  Relief relieve(PageWaiter& waiter) HATI_EXCLUDES(lock_);
  // Pages became clean, or went away: those who wait for memory try again.
  void memory_came() HATI_EXCLUDES(lock_);
  // There may be something to free again.
  void something_changed() { fruitless_.store(0, std::memory_order_relaxed); }
  // A waiter that somebody else claimed must not stay in the list.
  void forget(PageWaiter& waiter) HATI_EXCLUDES(lock_);
  Spinlock& waiters_lock() { return lock_; }

 private:
  static constexpr u32 kObjectsPerPiece = 16;
  static constexpr u32 kPiecesPerRelief = 8;

  Ref<PagedMemory> next_object() HATI_EXCLUDES(lock_);
  Ref<PagedMemory> next_dirty(u64 age_ns, u64 now_ns) HATI_EXCLUDES(lock_);

  Spinlock lock_;
  boost::intrusive::list<PagedMemory, boost::intrusive::base_hook<CachedHook>> objects_ HATI_GUARDED_BY(lock_);  // the front is next
  boost::intrusive::list<PagedMemory, boost::intrusive::base_hook<DirtyHook>> dirty_ HATI_GUARDED_BY(lock_);     // the oldest first
  PageWaiters waiters_ HATI_GUARDED_BY(lock_);
  std::atomic<u64> unclean_{0};
  u32 object_count_ HATI_GUARDED_BY(lock_) = 0;
  std::atomic<u64> resident_{0};   // pages
  std::atomic<u32> fruitless_{0};  // pages looked at since one was freed
};

extern PageCache page_cache;

// Provided by kernel/ipc (host tests of this room have fakes): the clock, and a call of write_back_old() at a deadline or before.
u64 page_cache_now_ns();
void page_cache_arm(u64 deadline_ns);

}  // namespace hati
