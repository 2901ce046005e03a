// SPDX-License-Identifier: MIT
#include "kernel/memory/frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "kernel/memory/heap.h"
#include "kernel/memory/object_cache.h"
#include "kernel/memory/testing/arena.h"

namespace hati {
namespace {

using testing::kSpareBegin;
using testing::kSpareBytes;

class FramesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::make_arena();
    testing::be_cpu(0);
    // Two pieces of RAM with a hole and ragged ends.
    map_.add_ram(kSpareBegin + 0x3000, (20 << 20) + 0x5000);
    map_.add_ram(kSpareBegin + (40 << 20) - 0x7000, 10 << 20);
    map_.release({0, ~u64{0} - kPageSize});
    ASSERT_TRUE(frames_->initialize(map_));
  }
  bool zero(PhysAddr frame) {
    const u8* bytes = phys_to_virt<u8>(frame);
    return std::all_of(bytes, bytes + kPageSize, [](u8 b) { return b == 0; });
  }

  MemoryMap map_;
  std::unique_ptr<Frames> frames_ = std::make_unique<Frames>();
};

TEST_F(FramesTest, RandomBlocksNeverOverlapAndComeBack) {
  const u64 free_at_start = frames_->free_bytes();
  std::mt19937_64 random(42);
  std::map<u64, u32> held;  // address -> order
  u64 failures = 0;
  for (u32 round = 0; round < 200'000; ++round) {
    testing::be_cpu(random() % 4);
    if (held.empty() || random() % 5 < 3) {
      const u32 order = random() % 4 != 0 ? 0 : random() % (kOrderMax + 1);
      const bool zeroed = random() % 16 == 0;
      const auto block = frames_->allocate(order, FrameFlags::kKernel | (zeroed ? FrameFlags::kZeroed : FrameFlags::kNone));
      if (!block) {
        ++failures;
        for (u32 n = 0; n < 500 && !held.empty(); ++n) {
          auto victim = std::next(held.begin(), random() % std::min<usize>(held.size(), 50));
          frames_->free(PhysAddr{victim->first}, victim->second);
          held.erase(victim);
        }
        continue;
      }
      const u64 bytes = kPageSize << order;
      ASSERT_EQ(block->value % bytes, 0u);
      ASSERT_TRUE((block->value >= kSpareBegin + 0x3000 && block->value + bytes <= kSpareBegin + (20 << 20) + 0x8000) ||
                  (block->value >= kSpareBegin + (40 << 20) - 0x7000 && block->value + bytes <= kSpareBegin + (50 << 20) - 0x7000));
      const auto next = held.lower_bound(block->value);
      if (next != held.end()) ASSERT_LE(block->value + bytes, next->first);
      if (next != held.begin()) ASSERT_LE(std::prev(next)->first + (kPageSize << std::prev(next)->second), block->value);
      if (zeroed) ASSERT_TRUE(zero(*block));
      *phys_to_virt<u64>(*block) = 1;
      held.emplace(block->value, order);
    } else {
      auto victim = std::next(held.begin(), random() % std::min<usize>(held.size(), 50));
      frames_->free(PhysAddr{victim->first}, victim->second);
      held.erase(victim);
    }
  }
  EXPECT_GT(failures, 0u);
  for (const auto& [address, order] : held) frames_->free(PhysAddr{address}, order);
  EXPECT_EQ(frames_->free_bytes(), free_at_start);
}

TEST_F(FramesTest, KeepsSomeMemoryBack) {
  std::vector<PhysAddr> held;
  const auto take_all = [&](FrameFlags flags) {
    u64 count = 0;
    while (auto frame = frames_->allocate(0, flags)) {
      held.push_back(*frame);
      ++count;
    }
    return count;
  };
  EXPECT_GT(take_all(FrameFlags::kNone), 5000u);
  EXPECT_GT(take_all(FrameFlags::kServer), 32u);
  EXPECT_GT(take_all(FrameFlags::kKernel), 32u);
  EXPECT_EQ(take_all(FrameFlags::kKernel), 0u);
  EXPECT_EQ(frames_->free_bytes(), 0u);
  for (const PhysAddr frame : held) frames_->free(frame);
  EXPECT_TRUE(frames_->allocate(kOrderMax));
}

TEST_F(FramesTest, DoesNotTouchMemoryThatIsNotNeeded) {
  MemoryMap map;
  map.add_ram(kSpareBegin, 32 << 20);
  map.release({0, ~u64{0} - kPageSize});
  __builtin_memset(phys_to_virt(PhysAddr{kSpareBegin}), 0x77, 32 << 20);
  auto fresh = std::make_unique<Frames>();
  ASSERT_TRUE(fresh->initialize(map));
  ASSERT_TRUE(fresh->allocate());
  u64 touched = 0;
  for (u64 at = 0; at < (32 << 20); at += 8) touched += *phys_to_virt<u64>(PhysAddr{kSpareBegin + at}) != 0x7777'7777'7777'7777;
  EXPECT_LT(touched * 8, 64u * 1024);
}

TEST_F(FramesTest, ZeroedFramesAreZero) {
  const PhysAddr first = *frames_->allocate(0, FrameFlags::kZeroed);
  EXPECT_TRUE(zero(first));
  frames_->free_zeroed(first);
  EXPECT_EQ(*frames_->allocate(0, FrameFlags::kZeroed), first);
  while (frames_->zero_one_ahead()) {
  }
  for (u32 i = 0; i < 100; ++i) {
    const auto frame = frames_->allocate(0, FrameFlags::kZeroed);
    ASSERT_TRUE(frame && zero(*frame));
    __builtin_memset(phys_to_virt(*frame), 0xff, kPageSize);
  }
}

struct Thing {
  explicit Thing(u64 v) : value(v) {}
  u64 value;
  u8 padding[120]{};
};
constinit ObjectCache<Thing> thing_cache;

TEST_F(FramesTest, ObjectCacheAgainstAModel) {
  std::mt19937_64 random(7);
  std::vector<std::pair<Thing*, u64>> held;
  const u64 before = frames.free_bytes();
  for (u32 round = 0; round < 300'000; ++round) {
    testing::be_cpu(random() % 4);
    if (held.size() < 3000 && random() % 2 != 0) {
      const u64 value = random();
      held.emplace_back(*thing_cache.construct(value), value);
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      ASSERT_EQ(held.back().first->value, held.back().second);
      thing_cache.destroy(held.back().first);
      held.pop_back();
    }
  }
  for (auto [thing, value] : held) {
    ASSERT_EQ(thing->value, value);
    thing_cache.destroy(thing);
  }
  EXPECT_LT(before - frames.free_bytes(), 256u * 1024);  // only the fronts and one empty slab keep frames
}

TEST_F(FramesTest, BuffersOfAllSizes) {
  const u64 before = frames.free_bytes();
  for (usize bytes : {usize{1}, usize{64}, usize{65}, usize{2048}, usize{2049}, usize{4096}, usize{4097}, usize{65536}, usize{1} << 21}) {
    auto buffer = KernelBuffer::allocate(bytes);
    ASSERT_TRUE(buffer) << bytes;
    EXPECT_EQ(buffer->size(), bytes);
    __builtin_memset(buffer->data(), 0x11, bytes);
    KernelBuffer moved = std::move(*buffer);
    EXPECT_EQ(buffer->data(), nullptr);
  }
  EXPECT_FALSE(KernelBuffer::allocate((usize{1} << 21) + 1));
  EXPECT_LT(before - frames.free_bytes(), 64u * 1024);
}

}  // namespace
}  // namespace hati
