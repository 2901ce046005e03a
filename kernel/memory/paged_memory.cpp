// SPDX-License-Identifier: MIT
// Pages and their states, the pager's answers, pins, the end of an object and of its pager.
#include "kernel/memory/paged_memory.h"

#include <algorithm>

#include "kernel/memory/object_cache.h"

namespace hati {

namespace {

constinit ObjectCache<PagedMemory> paged_cache;

// What the pager says, as an error for those who wait.
Result<> answer(u32 error) { return error == 0 ? Result<>{} : fail(static_cast<Error>(error)); }

// Whole pages inside the object's largest size.
bool whole_pages(u64 offset, u64 bytes) {
  return page_aligned(offset) && page_aligned(bytes) && offset <= Memory::kBytesMax && bytes <= Memory::kBytesMax - offset;
}

}  // namespace

PagedMemory::PagedMemory(Charge charge, Ref<Quota> quota, Ref<Object> pager, PageSource& source, u64 bytes, u64 key)
    : Memory(Kind::kPaged, std::move(charge), std::move(quota), bytes), pager_(std::move(pager)), source_(source), key_(key) {}

PagedMemory::~PagedMemory() = default;

Result<Ref<PagedMemory>> PagedMemory::create(Ref<Quota> quota, Ref<Object> pager, PageSource& source, u64 bytes, u64 key) {
  if (bytes > kBytesMax) return fail(Error::kInvalidArgument);
  Charge charge = TRY(Charge::make(quota, sizeof(PagedMemory), 1));
  Ref<PagedMemory> memory = TRY(paged_cache.make(std::move(charge), std::move(quota), std::move(pager), source, page_ceil(bytes), key));
  page_cache.add(*memory);
  return memory;
}

// Nobody waits, and nobody has it mapped.
void PagedMemory::release_storage() {
  source_.forget(*this);
  page_cache.remove(*this);
  if (!run_deferred()) defer(*this);
}

bool PagedMemory::run_deferred() {
  FrameList list;
  bool all;
  {
    Guard guard(pages_lock_);
    all = take_some(0, ~u64{0}, list);
    list.append(doomed_);
  }
  shootdown.free(list);
  page_cache.memory_came();
  if (all) paged_cache.destroy(this);
  return all;
}

void PagedMemory::dirty_changed(bool was_dirty) {
  if (was_dirty == (dirty_ != 0) || dead_) return;
  if (dirty_ != 0)
    page_cache.note_dirty(*this);
  else
    page_cache.note_clean(*this);
}

void PagedMemory::set_dirty(u64 index, u64& word) {
  word |= kReferenced;
  if ((word & kDirty) != 0) return;
  word |= kDirty;
  pages_.set_mark(index, PageTree::kDirty);
  if (!dead_) page_cache.count_unclean(1);
  if (dirty_++ == 0) dirty_changed(false);
}

void PagedMemory::clear_dirty(u64 index, u64& word) {
  if ((word & kDirty) == 0) return;
  word &= ~kDirty;
  pages_.clear_mark(index, PageTree::kDirty);
  if (!dead_) page_cache.count_unclean(-1);
  if (--dirty_ == 0) dirty_changed(true);
}

void PagedMemory::clear_cleaning(u64& word) {
  if ((word & kCleaning) == 0) return;
  word &= ~kCleaning;
  --cleaning_;
  if (!dead_) page_cache.count_unclean(-1);
}

void PagedMemory::clear_busy(u64 index, u64& word) {
  if ((word & kBusy) == 0) return;
  if ((word & kUndelivered) != 0) --undelivered_;
  word &= ~(kBusy | kUndelivered | kForWrite);
  pages_.clear_mark(index, PageTree::kBusy);
}

void PagedMemory::take_out(u64 index, u64 word, FrameList& list) {
  u64& place = *pages_.slot(index);
  clear_busy(index, place);
  clear_dirty(index, place);
  clear_cleaning(place);
  (void)pages_.remove(index);
  list.push(frame_of(word));
  total_pages_.fetch_sub(1, std::memory_order_relaxed);
  page_cache.count_resident(-1);
}

// At most kPagesPerPiece; true when none is left.
bool PagedMemory::take_some(u64 first, u64 end, FrameList& list) {
  for (u32 count = 0; count < kPagesPerPiece; ++count) {
    const auto index = pages_.next(first);
    if (!index || *index >= end) return true;
    take_out(*index, *pages_.slot(*index), list);
    first = *index;
  }
  return false;
}

Result<Memory::PageView> PagedMemory::use_page(u64 index, PageUse use) {
  u64* word = pages_.slot(index);
  if (word == nullptr || (*word & kBusy) != 0) return fail(Error::kNotResident);
  if ((*word & kAhead) != 0) [[unlikely]] {
    *word &= ~kAhead;
    read_ahead();
    word = pages_.slot(index);
  }
  if (use == PageUse::kWrite || use == PageUse::kMapWrite) set_dirty(index, *word);
  *word |= use == PageUse::kMapRead || use == PageUse::kMapWrite ? kReferenced | kMapped : kReferenced;
  if (use == PageUse::kMapWrite) ++mapped_writes_;
  return PageView{frame_of(*word), use == PageUse::kMapWrite};
}

Result<Memory::PageView> PagedMemory::pager_page(u64 index) {
  const u64* word = pages_.slot(index);
  return word == nullptr ? fail(Error::kNotResident) : Result<PageView>{PageView{frame_of(*word), false}};
}

// A neighbour of a page that was faulted in: mapped for reading, but not counted as used.
bool PagedMemory::enter_mapped(u64 index, PhysAddr& frame, bool& writable) {
  u64* word = pages_.slot(index);
  if (word == nullptr || (*word & (kBusy | kAhead)) != 0) return false;
  *word |= kMapped;
  frame = frame_of(*word);
  writable = false;
  return true;
}

Result<> PagedMemory::pin_pages(u64 first, std::span<u32> numbers, bool write, bool pager) {
  for (usize i = 0; i < numbers.size(); ++i) {
    const u64* word = pages_.slot(first + i);
    if (word == nullptr || ((*word & kBusy) != 0 && !pager)) return fail(Error::kNotResident);
    numbers[i] = static_cast<u32>(frame_of(*word).frame());
  }
  if (write && !pager)
    for (usize i = 0; i < numbers.size(); ++i) set_dirty(first + i, *pages_.slot(first + i));
  return {};
}

// A page may have been cleaned while a device went on writing to it.
void PagedMemory::note_written(u64 first, std::span<const u32> numbers) {
  Guard guard(pages_lock_);
  for (usize i = 0; i < numbers.size(); ++i) {
    u64* word = pages_.slot(first + i);
    if (word != nullptr && (*word & kBusy) == 0 && frame_of(*word).frame() == numbers[i]) set_dirty(first + i, *word);
  }
}

void PagedMemory::fill_info(MemoryInfo& info) const {
  info.dirty_bytes = dirty_ << kPageShift;
  info.cleaning_bytes = cleaning_ << kPageShift;
  info.write_error = write_error_;
  info.write_errors = write_errors_;
  info.mapped_writes = mapped_writes_;
}

bool PagedMemory::any_busy(u64 first, u64 end) {
  const auto busy = pages_.next_marked(first, PageTree::kBusy);
  return busy && *busy < end;
}

Result<> PagedMemory::page_in_done(u64 offset, u64 bytes, u32 error) {
  if (!whole_pages(offset, bytes) || error > kErrorMax) return fail(Error::kInvalidArgument);
  const u64 first = offset >> kPageShift, end = (offset + bytes) >> kPageShift;
  ReadyWaiters ready(answer(error));
  FrameList list;
  bool all = true;
  {
    Guard guard(pages_lock_);
    u64 at = first;
    for (u32 count = 0;; ++count) {
      const auto busy = pages_.next_marked(at, PageTree::kBusy);
      if (!busy || *busy >= end) break;
      if (count == kPagesPerPiece) {
        all = false;
        break;
      }
      u64& word = *pages_.slot(*busy);
      if (error != 0) {
        take_out(*busy, word, list);
      } else {
        clear_busy(*busy, word);
        word |= kReferenced;
      }
      at = *busy + 1;
    }
    ready.take(waiters_, [&](const PageWaiter& waiter) HATI_NO_THREAD_SAFETY_ANALYSIS {
      if (waiter.end_page <= first || waiter.first_page >= end) return false;
      return error != 0 || !any_busy(waiter.first_page, waiter.end_page);
    });
  }
  shootdown.free(list);
  page_cache.something_changed();
  return all ? Result<>{} : fail(Error{kRestart});
}

Result<> PagedMemory::cleaned(u64 offset, u64 bytes, u32 error) {
  if (!whole_pages(offset, bytes) || bytes > kDirtyBytesMax || error > kErrorMax) return fail(Error::kInvalidArgument);
  {
    Guard guard(pages_lock_);
    bool failed = false;
    for (u64 index = offset >> kPageShift; index < (offset + bytes) >> kPageShift; ++index) {
      u64* word = pages_.slot(index);
      if (word == nullptr || (*word & kCleaning) == 0) continue;
      clear_cleaning(*word);
      if (error == 0) continue;
      set_dirty(index, *word);
      failed = true;
    }
    if (failed) {
      write_error_ = error;
      ++write_errors_;
    }
  }
  page_cache.memory_came();
  return {};
}

bool PagedMemory::find_request(Request& request) {
  if (undelivered_ != 0) {
    for (u32 round = 0; round < 2; ++round) {
      for (auto at = pages_.next_marked(request_cursor_, PageTree::kBusy); at; at = pages_.next_marked(*at + 1, PageTree::kBusy)) {
        const u64 word = *pages_.slot(*at);
        if ((word & kUndelivered) == 0) continue;
        request = {(word & kForWrite) != 0 ? PagerRequest::kPageInWrite : PagerRequest::kPageIn, *at, 1};
        while (request.count < kWindowMax) {
          const u64* next = pages_.slot(*at + request.count);
          if (next == nullptr || (*next & (kUndelivered | kForWrite)) != (word & (kUndelivered | kForWrite))) break;
          ++request.count;
        }
        return true;
      }
      request_cursor_ = 0;
    }
  }
  request = {PagerRequest::kWriteBack, 0, 0};
  return hint_;
}

void PagedMemory::deliver(const Request& request) {
  if (request.kind == PagerRequest::kWriteBack) {
    hint_ = false;
    return;
  }
  for (u64 i = 0; i < request.count; ++i) *pages_.slot(request.first + i) &= ~kUndelivered;
  undelivered_ -= request.count;
  request_cursor_ = request.first + request.count;
}

bool PagedMemory::has_request() {
  Guard guard(pages_lock_);
  return undelivered_ != 0 || hint_;
}

void PagedMemory::ask_pager() {
  ahead_ready_.store(false, std::memory_order_relaxed);
  source_.work_ready(*this);
}

void PagedMemory::hint_write_back() {
  {
    Guard guard(pages_lock_);
    if (dirty_ == 0 || hint_ || dead_) return;
    hint_ = true;
  }
  source_.work_ready(*this);
}

Result<> PagedMemory::pager_died() {
  ReadyWaiters ready(fail(Error::kPeerClosed));
  FrameList list;
  bool all = false;
  {
    Guard guard(pages_lock_);
    if (!dead_) {
      if (dirty_ != 0) page_cache.note_clean(*this);  // nobody will clean them
      page_cache.count_unclean(-static_cast<i64>(dirty_ + cleaning_));
      dead_ = true;
    }
    hint_ = false;
    for (u32 count = 0; count < kPagesPerPiece && !all; ++count) {
      const auto busy = pages_.next_marked(0, PageTree::kBusy);
      all = !busy;
      if (busy) take_out(*busy, *pages_.slot(*busy), list);
    }
    ready.take(waiters_, [](const PageWaiter&) { return true; });
  }
  shootdown.free(list);
  page_cache.memory_came();
  return all ? Result<>{} : fail(Error{kRestart});
}

}  // namespace hati
