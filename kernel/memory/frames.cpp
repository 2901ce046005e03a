// SPDX-License-Identifier: MIT
// The buddy allocator and the per-CPU stacks in front of it. Memory is given to the buddy lists one 2 MiB chunk at a time, when the lists
// run dry: booting costs nothing per gigabyte.
#include "kernel/memory/frames.h"

#include <algorithm>
#include <cstring>

#include "kernel/debug/panic.h"

namespace hati {

constinit Frames frames;

Result<> Frames::initialize(MemoryMap& map) {
  page_count_ = map.ram_end() >> kPageShift;
  const u64 chunk_pages = u64{1} << kOrderMax;
  page_count_ = (page_count_ + chunk_pages - 1) / chunk_pages * chunk_pages;
  const auto array = map.allocate(page_ceil(page_count_ * sizeof(Page)));
  if (!array) return fail(Error::kNoMemory);
  pages_ = phys_to_virt<Page>(*array);

  for (const PhysRange& range : map.ram()) ram_.add(range);

  Guard guard(lock_);
  heads_.fill(kNone);
  u64 free_count = 0;
  for (const PhysRange& range : map.free()) {
    ranges_[range_count_++] = range;
    free_count += range.bytes() >> kPageShift;
  }
  if (range_count_ != 0) open_address_ = ranges_[0].begin;
  free_frames_.store(free_count, std::memory_order_relaxed);
  total_frames_ = map.ram_bytes() >> kPageShift;
  reserve_frames_ = std::clamp<u64>(free_count / 24, 128, 4096);
  plentiful_frames_ = std::max<u64>(free_count / 4, 16384);
  return {};
}

void Frames::add(PhysRange range) {
  Guard guard(lock_);
  open_frames(static_cast<u32>(page_ceil(range.begin) >> kPageShift), static_cast<u32>(range.end >> kPageShift));
  free_frames_.fetch_add((page_floor(range.end) - page_ceil(range.begin)) >> kPageShift, std::memory_order_relaxed);
}

u64 Frames::free_bytes() const {
  u64 count = free_frames_.load(std::memory_order_relaxed);
  for (u32 cpu = 0; cpu < cpu_count(); ++cpu) count += caches_.at(cpu).count + caches_.at(cpu).zeroed_count;
  return count << kPageShift;
}

u64 Frames::kept_back(FrameFlags flags) const {
  if (has(flags, FrameFlags::kKernel)) return 0;
  return has(flags, FrameFlags::kServer) ? reserve_frames_ / 2 : reserve_frames_;
}

Result<PhysAddr> Frames::allocate(u32 order, FrameFlags flags) {
  return order == 0 ? allocate_single(flags) : allocate_block(order, flags);
}

Result<PhysAddr> Frames::allocate_single(FrameFlags flags) {
  CpuCache& cache = caches_.local();
  const bool zeroed = has(flags, FrameFlags::kZeroed);
  u32 frame;
  bool is_zero = false;
  if (zeroed && cache.zeroed_count != 0) {
    frame = cache.zeroed[--cache.zeroed_count];
    is_zero = true;
  } else if (cache.count != 0 || refill(cache, flags)) [[likely]] {
    frame = cache.frames[--cache.count];
  } else if (cache.zeroed_count != 0) {
    frame = cache.zeroed[--cache.zeroed_count];
    is_zero = true;
  } else {
    return fail(Error::kNoMemory);
  }
  Page& page = pages_[frame];
  page.set_state(PageState::kUsed);
  page.order = 0;
  page.live = 0;
  const PhysAddr address{u64{frame} << kPageShift};
  if (zeroed && !is_zero) zero_frame(address);
  return address;
}

Result<PhysAddr> Frames::allocate_block(u32 order, FrameFlags flags) {
  if (order > kOrderMax) return fail(Error::kTooBig);
  u32 frame;
  {
    Guard guard(lock_);
    if (free_frames_.load(std::memory_order_relaxed) < kept_back(flags) + (u64{1} << order)) return fail(Error::kNoMemory);
    frame = take_block(order);
    if (frame == kNone) return fail(Error::kNoMemory);
  }
  Page& page = pages_[frame];
  page.set_state(PageState::kUsed);
  page.order = static_cast<u8>(order);
  page.live = 0;
  const PhysAddr address{u64{frame} << kPageShift};
  if (has(flags, FrameFlags::kZeroed))
    for (u64 i = 0; i < (u64{1} << order); ++i) zero_frame(address + i * kPageSize);
  return address;
}

void Frames::free(PhysAddr block, u32 order) {
  const auto frame = static_cast<u32>(block.frame());
  Page& page = pages_[frame];
  HATI_ASSERT(page.state() > PageState::kCached);
  if (order != 0) {
    Guard guard(lock_);
    free_frames_.fetch_add(u64{1} << order, std::memory_order_relaxed);
    give_block(frame, order);
    return;
  }
  page.set_state(PageState::kCached);
  CpuCache& cache = caches_.local();
  if (cache.count == kCacheSize) drain(cache.frames, cache.count);
  cache.frames[cache.count++] = frame;
}

void Frames::free_zeroed(PhysAddr frame) {
  CpuCache& cache = caches_.local();
  if (cache.zeroed_count == kCacheSize) return free(frame);
  Page& page = pages_[frame.frame()];
  HATI_ASSERT(page.state() > PageState::kCached);
  page.set_state(PageState::kCached);
  cache.zeroed[cache.zeroed_count++] = static_cast<u32>(frame.frame());
}

bool Frames::zero_one_ahead() {
  CpuCache& cache = caches_.local();
  if (cache.zeroed_count >= kCacheSize / 2) return false;
  if (cache.count == 0 && (!plentiful() || !refill(cache, FrameFlags::kNone))) return false;
  const u32 frame = cache.frames[--cache.count];
  zero_frame(PhysAddr{u64{frame} << kPageShift});
  cache.zeroed[cache.zeroed_count++] = frame;
  return true;
}

bool Frames::refill(CpuCache& cache, FrameFlags flags) {
  bool filled;
  {
    Guard guard(lock_);
    filled = refill_locked(cache, flags);
  }
  if (low()) [[unlikely]] memory_is_low();
  return filled;
}

// Takes blocks of up to kBatch frames apart, the smallest first, so that large ones stay whole.
bool Frames::refill_locked(CpuCache& cache, FrameFlags flags) {
  constexpr u32 kBatchOrder = 5;
  static_assert(kBatch == 1 << kBatchOrder);
  u64 available = free_frames_.load(std::memory_order_relaxed);
  const u64 keep = kept_back(flags);
  while (cache.count < kBatch && available > keep) {
    u32 order = std::min(smallest_order(), kBatchOrder);
    while ((u32{1} << order) > kCacheSize - cache.count || (order != 0 && available - keep < (u32{1} << order))) --order;
    const u32 frame = take_block(order);
    if (frame == kNone) break;
    for (u32 i = 0; i < u32{1} << order; ++i) {
      pages_[frame + i].set_state(PageState::kCached);
      cache.frames[cache.count++] = frame + i;
    }
    available = free_frames_.load(std::memory_order_relaxed);
  }
  return cache.count != 0;
}

void Frames::drain(std::array<u32, kCacheSize>& stack, u32& count) {
  Guard guard(lock_);
  free_frames_.fetch_add(kBatch, std::memory_order_relaxed);
  for (u32 i = 0; i < kBatch; ++i) give_block(stack[--count], 0);
}

u32 Frames::smallest_order() const {
  for (u32 order = 0; order <= kOrderMax; ++order)
    if (heads_[order] != kNone) return order;
  return kOrderMax;
}

// Splits the smallest block that is large enough. kNone: no block, and nothing left to open.
u32 Frames::take_block(u32 order) {
  for (;;) {
    u32 found = order;
    while (found <= kOrderMax && heads_[found] == kNone) ++found;
    if (found > kOrderMax) {
      if (!open_chunk()) return kNone;
      continue;
    }
    const u32 frame = heads_[found];
    unlink(frame, found);
    for (; found > order; --found) push(frame + (u32{1} << (found - 1)), found - 1);
    pages_[frame].set_state(PageState::kUsed);
    free_frames_.fetch_sub(u64{1} << order, std::memory_order_relaxed);
    return frame;
  }
}

// Gives the next piece of memory, up to a chunk boundary, to the lists.
bool Frames::open_chunk() {
  if (open_range_ == range_count_) return false;
  const u64 begin = open_address_;
  const u64 limit = (begin | (kLargePageSize - 1)) + 1;
  const u64 end = std::min(limit, ranges_[open_range_].end);
  open_frames(static_cast<u32>(begin >> kPageShift), static_cast<u32>(end >> kPageShift));
  open_address_ = end;
  if (end == ranges_[open_range_].end && ++open_range_ != range_count_) open_address_ = ranges_[open_range_].begin;
  return true;
}

void Frames::open_frames(u32 first, u32 end) {
  constexpr u32 kChunkFrames = 1 << kOrderMax;
  for (u32 frame = first; frame < end;) {
    const u32 chunk = frame / kChunkFrames;
    const u64 bit = u64{1} << (chunk % 64);
    if ((described_[chunk / 64] & bit) == 0) {
      described_[chunk / 64] |= bit;
      std::memset(static_cast<void*>(&pages_[chunk * kChunkFrames]), 0, kChunkFrames * sizeof(Page));
    }
    u32 order = 0;
    while (order < kOrderMax && frame % (2u << order) == 0 && frame + (2u << order) <= end) ++order;
    push(frame, order);
    frame += 1u << order;
  }
}

// Merges with free neighbours. The caller counts.
void Frames::give_block(u32 frame, u32 order) {
  while (order < kOrderMax) {
    const u32 buddy = frame ^ (u32{1} << order);
    if (pages_[buddy].state() != PageState::kFree || pages_[buddy].order != order) break;
    unlink(buddy, order);
    frame = std::min(frame, buddy);
    ++order;
  }
  push(frame, order);
}

void Frames::push(u32 frame, u32 order) {
  Page& page = pages_[frame];
  page.set_state(PageState::kFree);
  page.order = static_cast<u8>(order);
  page.previous = kNone;
  page.next = heads_[order];
  if (page.next != kNone) pages_[page.next].previous = frame;
  heads_[order] = frame;
}

void Frames::unlink(u32 frame, u32 order) {
  Page& page = pages_[frame];
  if (page.previous == kNone)
    heads_[order] = page.next;
  else
    pages_[page.previous].next = page.next;
  if (page.next != kNone) pages_[page.next].previous = page.previous;
  page.set_state(PageState::kReserved);
}

}  // namespace hati
