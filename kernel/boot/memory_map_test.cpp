// SPDX-License-Identifier: MIT
#include "kernel/boot/memory_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace hati {
namespace {

std::vector<PhysRange> list(std::span<const PhysRange> ranges) { return {ranges.begin(), ranges.end()}; }

TEST(MemoryMap, NormalisesWhatTheFirmwareSays) {
  MemoryMap map;
  map.add_ram(0x300000, 0x1000);
  map.add_ram(0, 0x9fc00);             // the first page is left out, the broken last one too
  map.add_ram(0x100000, 0x200000);     // touches the first
  map.add_ram(0x180000, 0x1000);       // inside
  map.add_ram(0x500800, 0x900);        // no whole page
  EXPECT_EQ(list(map.ram()), (std::vector<PhysRange>{{0x1000, 0x9f000}, {0x100000, 0x301000}}));
  EXPECT_EQ(map.ram_end(), 0x301000u);
}

TEST(MemoryMap, SurvivesHostileRanges) {
  MemoryMap map;
  map.add_ram(~u64{0} - 10, 100);                      // wraps
  map.add_ram(MemoryMap::kPhysicalEnd, 0x100000);      // beyond what is supported
  map.add_ram(0x100000, 0);
  EXPECT_TRUE(map.ram().empty());
  map.add_ram(0x100000, ~u64{0});                      // everything
  EXPECT_EQ(list(map.ram()), (std::vector<PhysRange>{{0x100000, MemoryMap::kPhysicalEnd}}));
  map.reserve({0x200000, ~u64{0}});
  EXPECT_EQ(list(map.free()), (std::vector<PhysRange>{{0x100000, 0x200000}}));
  map.reserve({5, 3});
  map.release({0x200000, ~u64{0}});
  EXPECT_EQ(list(map.free()), (std::vector<PhysRange>{{0x100000, 0x200000}}));
}

TEST(MemoryMap, ReservesWholePages) {
  MemoryMap map;
  map.add_ram(0x100000, 0x10000);
  map.reserve({0x104800, 0x104801});
  EXPECT_EQ(list(map.free()), (std::vector<PhysRange>{{0x100000, 0x104000}, {0x105000, 0x110000}}));
  EXPECT_EQ(map.ram_bytes(), 0x10000u);
  map.reserve({0x108000, 0x109000}, true);
  EXPECT_EQ(map.ram_bytes(), 0xf000u);
}

TEST(MemoryMap, ReleaseGivesBackOnlyRam) {
  MemoryMap map;
  map.add_ram(0x100000, 0x10000);
  map.reserve({0x100000, 0x110000});
  EXPECT_TRUE(map.free().empty());
  map.release({0x100800, 0x103800});  // partial pages stay reserved
  EXPECT_EQ(list(map.free()), (std::vector<PhysRange>{{0x101000, 0x103000}}));
  map.release({0x200000, 0x210000});
  EXPECT_EQ(map.free().size(), 1u);
}

TEST(MemoryMap, AllocatesFromTheTopBelowTheLimit) {
  MemoryMap map;
  map.add_ram(0x100000, 0x100000);
  map.add_ram(0x400000, 0x10000);
  EXPECT_EQ(map.allocate(1)->value, 0x40f000u);
  EXPECT_EQ(map.allocate(kPageSize, kPageSize, 0x200000)->value, 0x1ff000u);
  EXPECT_EQ(map.allocate(0x10000, 0x10000)->value, 0x1e0000u) << "aligned, and the upper range is too small now";
  EXPECT_EQ(map.allocate(kPageSize, kPageSize, 0x100800), std::nullopt);
  EXPECT_EQ(map.allocate(u64{1} << 40), std::nullopt);
  EXPECT_EQ(map.allocate(0), std::nullopt);
  EXPECT_EQ(map.allocate(~u64{0}), std::nullopt);
}

TEST(MemoryMap, TooManyRangesLoseMemoryOnly) {
  MemoryMap map;
  map.add_ram(0x100000, 0x1000 * 1000);
  for (u64 i = 0; i < 400; ++i) map.reserve({0x100000 + i * 0x2000, 0x101000 + i * 0x2000});
  for (const PhysRange& range : map.free())
    for (u64 i = 0; i < 400; ++i) {
      const PhysRange taken{0x100000 + i * 0x2000, 0x101000 + i * 0x2000};
      EXPECT_TRUE(range.end <= taken.begin || range.begin >= taken.end);
    }
}

// Against a plain bitmap of pages.
TEST(RangeList, BehavesLikeASetOfPages) {
  std::mt19937 random(7);
  constexpr usize kPages = 64;
  for (int round = 0; round < 200; ++round) {
    RangeList ranges;
    std::vector<bool> model(kPages);
    for (int step = 0; step < 40; ++step) {
      const u64 begin = random() % kPages, end = begin + random() % (kPages - begin) + 1;
      const bool add = random() % 2 == 0;
      const PhysRange range{begin, end};
      EXPECT_TRUE(add ? ranges.add(range) : ranges.remove(range));
      std::fill(model.begin() + static_cast<long>(begin), model.begin() + static_cast<long>(end), add);
    }
    u64 last_end = 0;
    bool first = true;
    std::vector<bool> actual(kPages);
    for (const PhysRange& range : ranges.ranges()) {
      EXPECT_LT(range.begin, range.end);
      EXPECT_TRUE(first || range.begin > last_end) << "sorted, not touching";
      first = false;
      last_end = range.end;
      for (u64 i = range.begin; i < range.end; ++i) actual[i] = true;
    }
    EXPECT_EQ(actual, model);
  }
}

}  // namespace
}  // namespace hati
