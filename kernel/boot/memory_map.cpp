// SPDX-License-Identifier: MIT
#include "kernel/boot/memory_map.h"

#include <algorithm>

namespace hati {

bool RangeList::insert(usize index, PhysRange range) {
  if (count_ == kRangesMax) return false;
  for (usize i = count_; i > index; --i) ranges_[i] = ranges_[i - 1];
  ranges_[index] = range;
  ++count_;
  return true;
}

void RangeList::erase(usize index) {
  --count_;
  for (usize i = index; i < count_; ++i) ranges_[i] = ranges_[i + 1];
}

bool RangeList::add(PhysRange range) {
  if (range.empty()) return true;
  usize i = 0;
  while (i < count_ && ranges_[i].end < range.begin) ++i;
  while (i < count_ && ranges_[i].begin <= range.end) {  // overlaps or touches: merge
    range.begin = std::min(range.begin, ranges_[i].begin);
    range.end = std::max(range.end, ranges_[i].end);
    erase(i);
  }
  return insert(i, range);
}

bool RangeList::remove(PhysRange range) {
  bool complete = true;
  for (usize i = 0; i < count_ && !range.empty();) {
    PhysRange& here = ranges_[i];
    if (here.end <= range.begin || here.begin >= range.end) {
      ++i;
    } else if (here.begin < range.begin) {
      const PhysRange upper{range.end, here.end};
      here.end = range.begin;
      if (!upper.empty()) complete &= insert(i + 1, upper);
      ++i;
    } else if (here.end > range.end) {
      here.begin = range.end;
      ++i;
    } else {
      erase(i);
    }
  }
  return complete;
}

bool RangeList::contains(PhysRange range) const {
  return std::any_of(ranges_.begin(), ranges_.begin() + count_,
                     [&](const PhysRange& r) { return r.begin <= range.begin && range.end <= r.end; });
}

u64 RangeList::bytes() const {
  u64 sum = 0;
  for (const PhysRange& range : ranges()) sum += range.bytes();
  return sum;
}

void MemoryMap::add_ram(u64 begin, u64 bytes) {
  const u64 end = bytes > ~u64{0} - begin ? ~u64{0} : begin + bytes;  // wraps: up to the end
  PhysRange range{std::max(begin, kPageSize), page_floor(std::min(end, kPhysicalEnd))};
  if (range.begin >= range.end) return;
  range.begin = page_ceil(range.begin);
  ram_.add(range);
  free_.add(range);
}

void MemoryMap::reserve(PhysRange range, bool not_ram) {
  if (range.empty()) return;
  range.begin = page_floor(range.begin);
  range.end = range.end > ~u64{0} - kPageSize ? ~u64{0} : page_ceil(range.end);
  free_.remove(range);
  if (not_ram) ram_.remove(range);
}

void MemoryMap::release(PhysRange range) {
  if (range.end > kPhysicalEnd || range.empty()) return;
  range.begin = page_ceil(range.begin);
  range.end = page_floor(range.end);
  if (!range.empty() && ram_.contains(range)) free_.add(range);
}

std::optional<PhysAddr> MemoryMap::allocate(u64 bytes, u64 alignment, u64 limit) {
  if (bytes == 0 || bytes > kPhysicalEnd) return std::nullopt;
  bytes = page_ceil(bytes);
  const std::span<const PhysRange> all = free_.ranges();
  for (usize i = all.size(); i-- > 0;) {
    const u64 end = std::min(all[i].end, limit);
    if (end <= all[i].begin || end - all[i].begin < bytes) continue;
    const u64 begin = (end - bytes) & ~(alignment - 1);
    if (begin < all[i].begin) continue;
    free_.remove({begin, begin + bytes});
    return PhysAddr{begin};
  }
  return std::nullopt;
}

}  // namespace hati
