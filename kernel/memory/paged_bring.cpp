// SPDX-License-Identifier: MIT
// Bringing pages: which ones to ask for, read-ahead. Access is sequential where it goes on at the end of the last window, begins at the
// start, or follows a page that is there; then windows grow, and the use of a window's first page that nobody asked for starts the next one.
#include <algorithm>

#include "kernel/memory/paged_memory.h"

namespace hati {

namespace {

constexpr u32 kWindowMin = 4;
constexpr u64 kAround = 16;  // pages around one that a program faults on somewhere
constexpr u64 kNoTrigger = ~u64{0};

}  // namespace

Result<> PagedMemory::add_busy(u64 index, bool write) {
  Frame frame = TRY(Frame::allocate(0, FrameFlags::kZeroed));
  const u64 flags = kBusy | kUndelivered | (write ? kForWrite : 0);
  TRY(pages_.insert(index, PhysAddr{frame.address().value | flags}));
  Page& page = frames.page(frame.address());
  page.references.store(1, std::memory_order_relaxed);
  page.set_state(PageState::kMemory);
  (void)frame.release();
  pages_.set_mark(index, PageTree::kBusy);
  ++undelivered_;
  total_pages_.fetch_add(1, std::memory_order_relaxed);
  page_cache.count_resident(1);
  return {};
}

// Makes what is missing in [first, end) busy. Returns where it had to stop for lack of memory, or `end`.
u64 PagedMemory::add_window(u64 first, u64 end, bool write, Result<>& result) {
  for (u64 index = first; index < end; ++index) {
    if (pages_.slot(index) != nullptr) continue;
    result = add_busy(index, write);
    if (!result) return index;
  }
  return end;
}

PagedMemory::Window PagedMemory::plan(u64 first, u64 end, Access access) {
  const Window exact{first, end, kNoTrigger};
  if (advice_ == MemoryAdvice::kRandom || access == Access::kWrite || frames.low()) return exact;
  const bool sequential = first == 0 || first == ahead_next_ || pages_.slot(first - 1) != nullptr || advice_ == MemoryAdvice::kSequential;
  if (!sequential) {
    window_ = 0;
    ahead_next_ = end;
    if (access != Access::kFault) return exact;
    const u64 around = first & ~(kAround - 1);
    ahead_next_ = std::min(around + kAround, end_page());
    return {around, ahead_next_, kNoTrigger};
  }
  const u32 wanted = std::max(window_ * 2, static_cast<u32>(end - first) * 2);
  window_ = advice_ == MemoryAdvice::kSequential ? kWindowMax : std::clamp(wanted, kWindowMin, kWindowMax);
  ahead_next_ = std::max(end, std::min(first + window_, end_page()));
  return {first, ahead_next_, end < ahead_next_ ? end : kNoTrigger};
}

// The first page of a window is being used: the next window.
void PagedMemory::read_ahead() {
  const u64 first = ahead_next_, end = std::min(first + std::max(window_, kWindowMin), end_page());
  if (first >= end || dead_ || advice_ == MemoryAdvice::kRandom || frames.low()) return;
  window_ = std::min(window_ * 2, kWindowMax);
  Result<> made{};
  ahead_next_ = add_window(first, end, false, made);
  if (u64* word = pages_.slot(first); word != nullptr && (*word & kBusy) != 0) *word |= kAhead;
  if (undelivered_ != 0) ahead_ready_.store(true, std::memory_order_relaxed);
}

Result<PagedMemory::Bring> PagedMemory::bring(u64 first, u64 count, Access access, PageWaiter* waiter) {
  Bring outcome = Bring::kWaits;
  {
    Guard guard(pages_lock_);
    if (first >= end_page()) return Bring::kReady;
    const u64 end = first + std::min({count, u64{kWindowMax}, end_page() - first});
    for (const u64* word = pages_.slot(first); first < end && word != nullptr && (*word & kBusy) == 0; word = pages_.slot(first)) ++first;
    if (first >= end) return Bring::kReady;
    if (dead_) return fail(Error::kPeerClosed);
    Result<> made{};
    const u64 reached = pages_.slot(first) != nullptr && end - first == 1 ? end : add_window(first, end, access == Access::kWrite, made);
    if (reached == first) return fail(made.error());
    if (undelivered_ != 0 && reached == end) {
      const Window window = plan(first, end, access);
      (void)add_window(end, window.end, false, made);
      (void)add_window(window.first, first, false, made);
      if (u64* word = window.trigger == kNoTrigger ? nullptr : pages_.slot(window.trigger); word != nullptr && (*word & kBusy) != 0) *word |= kAhead;
    }
    if (waiter != nullptr) {
      waiter->first_page = first;
      waiter->end_page = reached;
      if (waiter->begin_page_wait(Ref<Object>(*this), pages_lock_))
        waiters_.push_back(*waiter);
      else
        outcome = Bring::kGone;
    }
  }
  source_.work_ready(*this);
  return outcome;
}

void PagedMemory::forget(PageWaiter& waiter) {
  Guard guard(pages_lock_);
  if (waiter.is_linked()) waiter.unlink();
}

Result<> PagedMemory::advise(MemoryAdvice advice, u64 offset, u64 bytes) {
  if (static_cast<u32>(advice) > static_cast<u32>(MemoryAdvice::kDontNeed) || offset > kBytesMax || bytes > kBytesMax - offset)
    return fail(Error::kInvalidArgument);
  const u64 first = offset >> kPageShift, end = page_ceil(offset + bytes) >> kPageShift;
  if (advice == MemoryAdvice::kDontNeed) return drop_clean(page_ceil(offset) >> kPageShift, (offset + bytes) >> kPageShift);
  if (advice == MemoryAdvice::kWillNeed) {
    if (first < end) (void)bring(first, end - first, Access::kRead, nullptr);  // advice: what cannot be had is not missed
    return {};
  }
  Guard guard(pages_lock_);
  advice_ = advice;
  window_ = 0;
  return {};
}

}  // namespace hati
