// SPDX-License-Identifier: MIT
// Physical memory at boot: RAM ranges as reported (hostile: overlapping, unsorted, unaligned, wrapping), what of it is taken, and a
// first-fit allocator from the top for the few things needed before the real one. Fixed size, no locks: one processor runs.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "base/types.h"

namespace hati {

// Bytes [begin, end).
struct PhysRange {
  u64 begin = 0, end = 0;
  constexpr u64 bytes() const { return end - begin; }
  constexpr bool empty() const { return begin >= end; }
  constexpr bool operator==(const PhysRange&) const = default;
};

// Sorted ranges that do not touch each other. Ranges that find no room are dropped (that loses memory, never safety).
class RangeList {
 public:
  static constexpr usize kRangesMax = 128;

  bool add(PhysRange range);
  bool remove(PhysRange range);  // false: no room to split a range; the whole upper part is then removed
  std::span<const PhysRange> ranges() const { return {ranges_.data(), count_}; }
  bool contains(PhysRange range) const;
  u64 bytes() const;

 private:
  void erase(usize index);
  bool insert(usize index, PhysRange range);

  std::array<PhysRange, kRangesMax> ranges_{};
  usize count_ = 0;
};

class MemoryMap {
 public:
  // Whole pages of [begin, begin + bytes) are RAM. The first page of memory and what lies above kPhysicalEnd is left out.
  void add_ram(u64 begin, u64 bytes);
  // Pages touched by the range are not free (and if `not_ram`, not RAM either).
  void reserve(PhysRange range, bool not_ram = false);
  void release(PhysRange range);  // pages wholly inside become free, if they are RAM

  // Page-aligned size; alignment is a power of two. From the top of free memory below `limit`.
  std::optional<PhysAddr> allocate(u64 bytes, u64 alignment = kPageSize, u64 limit = ~u64{0});

  std::span<const PhysRange> ram() const { return ram_.ranges(); }
  std::span<const PhysRange> free() const { return free_.ranges(); }
  u64 ram_bytes() const { return ram_.bytes(); }
  u64 ram_end() const { return ram().empty() ? 0 : ram().back().end; }  // first address above all RAM

  static constexpr u64 kPhysicalEnd = u64{64} << 30;

 private:
  RangeList ram_, free_;
};

}  // namespace hati
