// SPDX-License-Identifier: MIT
// Memory objects without mappings, the tree of their pages, and shootdown with simulated processors.
#include "kernel/memory/memory.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "kernel/memory/testing/space.h"

namespace hati {
namespace {

using testing::anonymous;
using testing::finish;
using testing::TestSpace;

class MemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::make_arena();
    testing::be_cpu(0);
    for (auto& pending : testing::machine.ipis) pending = 0;
  }
};

TEST_F(MemoryTest, PageTreeAgainstAMap) {
  PageTree tree;
  std::map<u64, u64> model;
  std::mt19937_64 random(11);
  const auto index = [&] {
    const u64 shift = random() % 52;
    return random() % 3 == 0 ? (u64{1} << shift) + random() % 3 : random() % 300;
  };
  for (u32 round = 0; round < 100'000; ++round) {
    const u64 at = index();
    const auto found = model.find(at);
    ASSERT_EQ(tree.find(at).value, found == model.end() ? 0 : found->second);
    if (found == model.end() && random() % 2 != 0) {
      const u64 frame = (random() % 100'000 + 1) << kPageShift;
      ASSERT_TRUE(tree.insert(at, PhysAddr{frame}));
      model[at] = frame;
    } else if (random() % 2 != 0) {
      ASSERT_EQ(tree.remove(at).value, found == model.end() ? 0 : found->second);
      if (found != model.end()) model.erase(found);
    }
    ASSERT_EQ(tree.count(), model.size());
    const u64 from = index();
    const auto expected = model.lower_bound(from);
    const auto next = tree.next(from);
    ASSERT_EQ(next.has_value(), expected != model.end());
    if (next) {
      ASSERT_EQ(*next, expected->first);
    }
  }
  for (const auto& [at, frame] : model) ASSERT_EQ(tree.remove(at).value, frame);
  EXPECT_EQ(tree.node_bytes(), 0u);
}

TEST_F(MemoryTest, IsSparse) {
  const auto memory = *Memory::create(nullptr, Memory::kBytesMax);
  const u64 far = (u64{1} << 62) + 5, value = 77;
  ASSERT_TRUE(memory->write(far, &value, 8));
  u64 back = 0;
  ASSERT_TRUE(memory->read(far, &back, 8));
  EXPECT_EQ(back, 77u);
  EXPECT_EQ(memory->info().resident_bytes, kPageSize);
  EXPECT_EQ(*memory->seek(0, 0), page_floor(far));
  EXPECT_EQ(*memory->seek(far, 0), far);
  EXPECT_EQ(*memory->seek(page_floor(far), 1), page_floor(far) + kPageSize);
  EXPECT_EQ(memory->seek(page_floor(far) + kPageSize, 0).error(), Error::kNotFound);
  ASSERT_TRUE(finish([&] { return memory->discard(far - 5, 2 * kPageSize); }));
  EXPECT_EQ(memory->info().resident_bytes, 0u);
}

TEST_F(MemoryTest, DiscardClearsParts) {
  const auto memory = *Memory::create(nullptr, 4 * kPageSize);
  std::vector<u8> ones(4 * kPageSize, 1), back(4 * kPageSize);
  for (const auto [offset, bytes] :
       {std::pair<u64, u64>{10, 20}, {kPageSize - 5, 10}, {100, 3 * kPageSize}, {kPageSize, kPageSize}, {0, 1}}) {
    ASSERT_EQ(*memory->write(0, ones.data(), ones.size()), ones.size());
    ASSERT_TRUE(finish([&] { return memory->discard(offset, bytes); }));
    ASSERT_EQ(*memory->read(0, back.data(), back.size()), back.size());
    for (u64 i = 0; i < back.size(); ++i) ASSERT_EQ(back[i], i >= offset && i < offset + bytes ? 0 : 1) << i;
  }
  EXPECT_EQ(memory->discard(Memory::kBytesMax, 2).error(), Error::kInvalidArgument);
}

TEST_F(MemoryTest, QuotaHolds) {
  const auto quota = *Quota::create(3 * kPageSize, 2);
  {
    const auto memory = *Memory::create(quota, 16 * kPageSize);
    EXPECT_EQ(quota->objects(), 1u);
    u8 byte = 1;
    EXPECT_TRUE(memory->write(0, &byte, 1));
    EXPECT_TRUE(memory->write(kPageSize, &byte, 1));
    EXPECT_EQ(memory->write(2 * kPageSize, &byte, 1).error(), Error::kNoMemory);
    ASSERT_TRUE(finish([&] { return memory->resize(kPageSize); }));
    ASSERT_TRUE(finish([&] { return memory->resize(8 * kPageSize); }));
    EXPECT_TRUE(memory->write(2 * kPageSize, &byte, 1));
    EXPECT_TRUE(Memory::create(quota, 0));
    const auto second = Memory::create(quota, 0);
    EXPECT_EQ(Memory::create(quota, 0).error(), Error::kNoMemory);
  }
  EXPECT_EQ(quota->bytes(), 0u);
  EXPECT_EQ(quota->objects(), 0u);
}

TEST_F(MemoryTest, QuotasFormATree) {
  const auto parent = *Quota::create(1000, 10);
  const auto child = *Quota::create(800, 100, parent);
  const auto other = *Quota::create(800, 100, parent);
  EXPECT_TRUE(child->charge(700, 4));
  EXPECT_EQ(parent->bytes(), 700u);
  EXPECT_EQ(child->charge(200).error(), Error::kNoMemory);        // its own limit
  EXPECT_EQ(other->charge(400).error(), Error::kNoMemory);        // the limit above; nothing stays charged
  EXPECT_EQ(other->charge(100, 7).error(), Error::kNoMemory);
  EXPECT_EQ(other->bytes() + other->objects(), 0u);
  EXPECT_EQ(parent->bytes(), 700u);
  EXPECT_EQ(parent->objects(), 4u);
  EXPECT_TRUE(other->charge(300, 6));
  child->set_byte_limit(100);
  EXPECT_EQ(child->charge(1).error(), Error::kNoMemory);
  child->uncharge(700, 4);
  other->uncharge(300, 6);
  EXPECT_EQ(parent->bytes() + parent->objects(), 0u);
  Ref<Quota> deepest = parent;
  for (u32 depth = 1; depth < Quota::kDepthMax; ++depth) deepest = *Quota::create(1, 1, deepest);
  EXPECT_EQ(Quota::create(1, 1, deepest).error(), Error::kNoSpace);
}

TEST_F(MemoryTest, ChargesAreGivenBackWhenTheMakingFails) {
  const auto quota = *Quota::create(100, 1);
  EXPECT_EQ(with_charge(quota.get(), 60, []() -> Result<u64> { return fail(Error::kIo); }).error(), Error::kIo);
  EXPECT_EQ(quota->bytes(), 0u);
  EXPECT_EQ(*with_charge(quota.get(), 60, []() -> Result<u64> { return 1; }), 1u);
  EXPECT_EQ(with_charge(quota.get(), 60, []() -> Result<u64> { return 1; }).error(), Error::kNoMemory);
  EXPECT_EQ(quota->bytes(), 60u);
}

TEST_F(MemoryTest, DevicesAreNotCopied) {
  const auto device = *Memory::create_physical(nullptr, PhysAddr{0xfee0'0000}, kPageSize, CacheMode::kUncached);
  u8 byte;
  EXPECT_EQ(device->read(0, &byte, 1).error(), Error::kNotSupported);
  const auto space = TestSpace::make();
  MapRequest request = anonymous(0x10000, kPageSize, MapFlags::kFixed | MapFlags::kShared);
  ASSERT_TRUE(space->map(request, device));
  EXPECT_EQ(space->handle_fault(0x10000, kFaultWrite), FaultResult::kResolved);
  EXPECT_EQ(space->copy_in(0x10000, &byte, 1).error(), Error::kBadAddress);
  EXPECT_EQ(Memory::create_physical(nullptr, PhysAddr{0x123}, kPageSize, CacheMode::kUncached).error(), Error::kInvalidArgument);
  EXPECT_EQ(Memory::create_physical(nullptr, PhysAddr{0x1000}, ~u64{0}, CacheMode::kUncached).error(), Error::kInvalidArgument);
}

TEST_F(MemoryTest, FramesAreHeldUntilTheLastProcessorHasFlushed) {
  const auto space = TestSpace::make();
  ASSERT_TRUE(space->map(anonymous(0x10000, 2 * kPageSize)));
  ASSERT_TRUE(space->write<u64>(0x10000, 1));
  space->context.active_cpus = 0b0111;
  const u64 free_before = frames.free_bytes();
  ASSERT_TRUE(space->unmap(0x10000, kPageSize));
  EXPECT_EQ(frames.free_bytes(), free_before);
  EXPECT_TRUE(space->flush_pending());
  EXPECT_EQ(testing::machine.ipis[1], 1u);
  EXPECT_EQ(testing::machine.ipis[2], 1u);
  EXPECT_EQ(testing::machine.ipis[3], 0u);

  struct Waiter final : FlushWaiter {
    void flushed() override { told = true; }
    bool told = false;
  } waiter;
  EXPECT_TRUE(space->wait_for_flush(waiter));
  testing::be_cpu(1);
  shootdown.on_interrupt();
  EXPECT_TRUE(space->flush_pending());
  EXPECT_FALSE(waiter.told);
  testing::be_cpu(2);
  shootdown.on_interrupt();
  EXPECT_TRUE(waiter.told);
  EXPECT_FALSE(space->flush_pending());
  EXPECT_GT(frames.free_bytes(), free_before);
  EXPECT_FALSE(space->wait_for_flush(waiter));
  space->context.active_cpus = 0;
}

// A page of an object that is gone, and a private page whose last owner is another space, may still be reached by a processor that owes
// a flush.
TEST_F(MemoryTest, FramesOfOthersAreHeldToo) {
  const auto parent = TestSpace::make(), child = TestSpace::make();
  auto memory = *Memory::create(nullptr, kPageSize);
  MapRequest request = anonymous(0x20000, kPageSize, MapFlags::kFixed | MapFlags::kShared | MapFlags::kPopulate);
  ASSERT_TRUE(parent->map(request, memory));
  memory.reset();
  ASSERT_TRUE(parent->map(anonymous(0x10000, kPageSize)));
  ASSERT_TRUE(parent->write<u64>(0x10000, 1));
  ASSERT_TRUE(finish([&] { return parent->clone_into(*child); }));
  ASSERT_TRUE(child->unmap(0x20000, kPageSize));

  parent->context.active_cpus = 0b11;
  const u64 free_before = frames.free_bytes();
  ASSERT_TRUE(parent->unmap(0x10000, kPageSize));  // the child is the only owner now
  ASSERT_TRUE(child->unmap(0x10000, kPageSize));  // nobody but a late processor
  ASSERT_TRUE(parent->unmap(0x20000, kPageSize));  // the object goes with its mapping
  EXPECT_EQ(frames.free_bytes() / kPageSize - free_before / kPageSize, 0u);
  testing::be_cpu(1);
  shootdown.on_interrupt();
  EXPECT_GE(frames.free_bytes() / kPageSize - free_before / kPageSize, 8u);  // three tables of each, a private page, a page of the object
  EXPECT_EQ(parent->handle_fault(0x10000, kFaultWrite), FaultResult::kUnmapped);
  parent->context.active_cpus = 0;
}

TEST_F(MemoryTest, ManyRequestsNeverRunOut) {
  const auto space = TestSpace::make();
  const u64 before = frames.free_bytes();
  ASSERT_TRUE(space->map(anonymous(0x100000, 300 * kPageSize)));
  space->context.active_cpus = 0b1111;
  for (u64 i = 0; i < 300; ++i) {
    ASSERT_TRUE(space->write<u64>(0x100000 + i * kPageSize, 1));
    ASSERT_TRUE(space->discard(0x100000 + i * kPageSize, kPageSize));
  }
  EXPECT_LT(frames.free_bytes(), before - 290 * kPageSize);
  for (u32 cpu = 1; cpu < 4; ++cpu) {
    testing::be_cpu(cpu);
    shootdown.on_interrupt();
  }
  EXPECT_GT(frames.free_bytes() + 16 * kPageSize, before);
  EXPECT_FALSE(space->flush_pending());
  space->context.active_cpus = 0;
}

TEST_F(MemoryTest, SpacesOnOneProcessorSendNothing) {
  const auto space = TestSpace::make();
  space->context.active_cpus = 1;
  ASSERT_TRUE(space->map(anonymous(0x100000, 64 * kPageSize, MapFlags::kFixed | MapFlags::kPopulate)));
  ASSERT_TRUE(space->unmap(0x100000, 64 * kPageSize));
  for (u32 cpu = 0; cpu < 4; ++cpu) EXPECT_EQ(testing::machine.ipis[cpu], 0u);
  EXPECT_FALSE(space->flush_pending());
}

}  // namespace
}  // namespace hati
