// SPDX-License-Identifier: MIT
// What takes rights away from mappings: truncation, holes, write-back, reclaim. Each marks pages under the lock, then lets a sweep visit the
// mappings; a page that is entered anew meanwhile gets its marks anew.
#include <algorithm>

#include "kernel/memory/paged_memory.h"

namespace hati {

void PagedMemory::begin_sweep(Range range, Visit how) {
  sweep_.range = range;
  sweep_.how = how;
  sweep_.active = sweep_.fresh = true;
}

// Carries on what is under way. kRestart: there is more to do, here or by another processor.
Result<> PagedMemory::run_sweep() {
  Range range;
  Visit how;
  bool fresh;
  {
    Guard guard(pages_lock_);
    if (!sweep_.active) return {};
    if (invalidating_) return fail(Error{kRestart});
    invalidating_ = true;
    range = sweep_.range;
    how = sweep_.how;
    fresh = std::exchange(sweep_.fresh, false);
  }
  if (fresh) {
    Guard guard(mappings_lock_);
    ++epoch_;
  }
  const bool all = visit_mappings(range, how, &sweep_ticket_);
  FrameList list;
  {
    Guard guard(pages_lock_);
    invalidating_ = false;
    if (!all) return fail(Error{kRestart});
    sweep_.active = false;
    list.append(doomed_);
  }
  shootdown.free(list);
  return {};
}

// Takes pages out of the object. `new_bytes`: its size afterwards.
Result<> PagedMemory::drop_range(u64 first, u64 end, Visit how, u64 new_bytes) {
  TRY(run_sweep());
  ReadyWaiters ready;
  bool all;
  {
    Guard guard(pages_lock_);
    if (sweep_.active) return fail(Error{kRestart});
    const u64 before = pages_.count();
    const bool shrinks = new_bytes < bytes();
    all = take_some(first, end, doomed_);
    if (pages_.count() != before || shrinks) begin_sweep({first, end}, how);
    bytes_.store(all ? new_bytes : std::min(new_bytes, bytes()), std::memory_order_release);
    ready.take(waiters_, [&](const PageWaiter& waiter) { return waiter.end_page > first && waiter.first_page < end; });
  }
  ready.finish();  // they look again
  TRY(run_sweep());
  page_cache.memory_came();
  return all ? Result<>{} : fail(Error{kRestart});
}

Result<> PagedMemory::paged_resize(u64 new_bytes) {
  if (new_bytes > kBytesMax) return fail(Error::kInvalidArgument);
  new_bytes = page_ceil(new_bytes);
  // A restarted call that grows finds pages of an earlier, unfinished one that shrank.
  return drop_range(std::min(new_bytes, bytes()) >> kPageShift, kBytesMax >> kPageShift, Visit::kDropAll, new_bytes);
}

Result<> PagedMemory::paged_discard(u64 offset, u64 bytes) {
  if (offset > kBytesMax || bytes > kBytesMax - offset) return fail(Error::kInvalidArgument);
  const u64 first = page_ceil(offset), end = page_floor(offset + bytes);
  {
    Guard guard(pages_lock_);
    const u64 tail = std::max(first, end);
    clear_part(offset, std::min(bytes, first - offset));
    if (offset + bytes > tail) clear_part(tail, offset + bytes - tail);
  }
  if (first >= end) return {};
  return drop_range(first >> kPageShift, end >> kPageShift, Visit::kDrop, this->bytes());
}

// Finds a run and marks it; false: see the result.
Result<> PagedMemory::mark_cleaning(u64 from) {
  bool cleaning = false;
  auto at = pages_.next_marked(from >> kPageShift, PageTree::kDirty);
  for (; at && (*pages_.slot(*at) & kCleaning) != 0; at = pages_.next_marked(*at + 1, PageTree::kDirty)) cleaning = true;
  if (!at) return fail(cleaning ? Error::kBusy : Error::kNotFound);
  Range range{*at, *at};
  bool mapped = false;
  while (range.end - range.first < kDirtyBytesMax >> kPageShift) {
    u64* word = pages_.slot(range.end);
    if (word == nullptr || (*word & (kDirty | kCleaning)) != kDirty) break;
    ++cleaning_;
    if (!dead_) page_cache.count_unclean(1);
    clear_dirty(range.end, *word);
    *word |= kCleaning;
    mapped = mapped || (*word & kMapped) != 0;
    ++range.end;
  }
  taking_.from = from;
  taking_.range = range;
  taking_.active = true;
  if (mapped) begin_sweep(range, Visit::kProtect);
  return {};
}

// Other processors may write through translations that they have cached: only when they have flushed is everything written in the frames.
Result<DirtyRange> PagedMemory::take_dirty(u64 from) {
  if (!page_aligned(from) || from > kBytesMax) return fail(Error::kInvalidArgument);
  TRY(run_sweep());
  {
    Guard guard(pages_lock_);
    if (taking_.active && taking_.from != from) return fail(Error::kBusy);
    if (!taking_.active) {
      if (sweep_.active) return fail(Error{kRestart});
      TRY(mark_cleaning(from));
    }
  }
  TRY(run_sweep());
  if (shootdown.pending(sweep_ticket_)) return fail(Error{kRestart});
  Guard guard(pages_lock_);
  if (!taking_.active) return fail(Error{kRestart});  // another thread has got it
  taking_.active = false;
  return DirtyRange{taking_.range.first << kPageShift, (taking_.range.end - taking_.range.first) << kPageShift};
}

// One page that reclaim comes to. A page that was used, or is mapped, gets a second chance: without its marks, and unmapped, so that another
// use shows.
u64 PagedMemory::look_at(u64 index, u64& word, FrameList& list, Range& unmap, bool force) {
  if ((word & (kBusy | kCleaning | kDirty)) != 0 || pinned(word)) return 0;
  const bool used = (word & kMapped) != 0 || ((word & kReferenced) != 0 && !force);
  if (!used) {
    take_out(index, word, list);
    return 1;
  }
  if ((word & kMapped) != 0) unmap = {std::min(unmap.first, index), std::max(unmap.end, index + 1)};
  word &= ~(kReferenced | kMapped);
  return 0;
}

// Pages whose marks were taken by a sweep may be freed only when it is over and flushed.
bool PagedMemory::swept() { return run_sweep() && !shootdown.pending(sweep_ticket_); }

PagedMemory::Reclaimed PagedMemory::reclaim() {
  Reclaimed result;
  if (!swept()) return result;
  FrameList list;
  {
    Guard guard(pages_lock_);
    if (sweep_.active) return result;
    Range unmap;
    while (result.looked_at < kReclaimLook) {
      const auto at = pages_.next(reclaim_next_);
      if (!at) {
        reclaim_next_ = 0;
        result.at_end = true;
        ++result.looked_at;
        break;
      }
      ++result.looked_at;
      result.freed += look_at(*at, *pages_.slot(*at), list, unmap, false);
      reclaim_next_ = *at + 1;
    }
    if (unmap.first < unmap.end) begin_sweep(unmap, Visit::kDrop);
  }
  shootdown.free(list);
  (void)run_sweep();  // what is left is carried on the next time
  return result;
}

// Twice over the range: unmaps, then frees.
Result<> PagedMemory::drop_clean(u64 first, u64 end) {
  for (u32 round = 0; round < 2; ++round) {
    if (!swept()) return fail(Error{kRestart});
    FrameList list;
    u32 freed = 0, looked = 0;
    {
      Guard guard(pages_lock_);
      if (sweep_.active) return fail(Error{kRestart});
      Range unmap;
      for (auto at = pages_.next(first); at && *at < end && freed < kPagesPerPiece && looked < 16 * kPagesPerPiece; at = pages_.next(*at + 1), ++looked)
        freed += static_cast<u32>(look_at(*at, *pages_.slot(*at), list, unmap, true));
      if (unmap.first < unmap.end) begin_sweep(unmap, Visit::kDrop);
    }
    shootdown.free(list);
    if (freed == kPagesPerPiece) return fail(Error{kRestart});
  }
  return {};
}

}  // namespace hati
