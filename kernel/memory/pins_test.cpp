// SPDX-License-Identifier: MIT
// Pinned pages: where they are, that they stay, who ends a pin.
#include "kernel/memory/pins.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "kernel/memory/testing/space.h"

namespace hati {
namespace {

using testing::finish;

class PinsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::make_arena();
    testing::be_cpu(0);
  }
  Result<u32> pin(const Ref<Memory>& memory, u64 offset, u64 bytes, const Ref<Quota>& quota = nullptr) {
    const PinRequest request{.offset = offset, .bytes = bytes, .ranges = 0, .capacity = 0, .write = 1};
    return finish([&] { return table.pin(memory, quota, request, false, ranges); });
  }
  u8* at(u64 address) { return phys_to_virt<u8>(PhysAddr{address}); }

  PinTable table;
  std::array<DmaRange, 512> ranges{};
};

TEST_F(PinsTest, TellsWhereTheBytesAre) {
  const auto memory = *Memory::create(nullptr, 8 * kPageSize);
  const char text[] = "over the border of a page";
  ASSERT_TRUE(memory->write(kPageSize - 10, text, sizeof text));
  const auto count = pin(memory, kPageSize - 10, sizeof text);
  ASSERT_TRUE(count);
  char back[sizeof text];
  u64 done = 0;
  for (u32 i = 0; i < *count; done += ranges[i++].bytes) std::memcpy(back + done, at(ranges[i].address), ranges[i].bytes);
  EXPECT_EQ(done, sizeof text);
  EXPECT_STREQ(back, text);
  *at(ranges[0].address) = 'O';  // the device writes
  ASSERT_TRUE(memory->read(kPageSize - 10, back, 1));
  EXPECT_EQ(back[0], 'O');
  EXPECT_TRUE(table.unpin(*memory, kPageSize - 10, sizeof text));
  EXPECT_EQ(table.unpin(*memory, kPageSize - 10, sizeof text).error(), Error::kNotFound);
}

TEST_F(PinsTest, PagesAreMadeInPieces) {
  const auto memory = *Memory::create(nullptr, kPinBytesMax);
  const PinRequest request{.offset = 0, .bytes = kPinBytesMax, .ranges = 0, .capacity = 0, .write = 1};
  EXPECT_EQ(table.pin(memory, nullptr, request, false, ranges).error(), kRestart);
  ASSERT_TRUE(pin(memory, 0, kPinBytesMax));
  EXPECT_EQ(memory->info().resident_bytes, kPinBytesMax);
}

TEST_F(PinsTest, ContiguousMemoryIsOneRange) {
  const auto memory = *Memory::create_contiguous(nullptr, 16 * kPageSize);
  EXPECT_EQ(*pin(memory, 100, 15 * kPageSize), 1u);
  EXPECT_EQ(ranges[0].bytes, 15 * kPageSize);
  EXPECT_EQ(at(ranges[0].address), memory->data() + 100);
}

TEST_F(PinsTest, RefusesWhatCannotBe) {
  const auto memory = *Memory::create(nullptr, 4 * kPageSize);
  EXPECT_EQ(pin(memory, 0, 0).error(), Error::kInvalidArgument);
  EXPECT_EQ(pin(memory, 0, 5 * kPageSize).error(), Error::kBadAddress);
  EXPECT_EQ(pin(memory, ~u64{0} - 5, 10).error(), Error::kInvalidArgument);
  EXPECT_EQ(pin(memory, 0, ~u64{0}).error(), Error::kTooBig);
  EXPECT_EQ(pin(memory, 0, kPinBytesMax + 1).error(), Error::kTooBig);
  const auto device = *Memory::create_physical(nullptr, PhysAddr{0xfee0'0000}, kPageSize, CacheMode::kUncached);
  EXPECT_EQ(pin(device, 0, 16).error(), Error::kNotSupported);
  const PinRequest request{.offset = 0, .bytes = 1, .ranges = 0, .capacity = 0, .write = 0};
  EXPECT_EQ(table.pin(memory, nullptr, request, false, {}).error(), Error::kTooBig);
  EXPECT_TRUE(table.release_some(1));
}

TEST_F(PinsTest, TheRecordIsCharged) {
  const auto quota = *Quota::create(4 * kPageSize, 2);
  const auto memory = *Memory::create(nullptr, 4 * kPageSize);
  ASSERT_TRUE(pin(memory, 0, kPageSize, quota));
  ASSERT_TRUE(pin(memory, 0, kPageSize, quota));
  EXPECT_EQ(pin(memory, 0, kPageSize, quota).error(), Error::kNoMemory);
  EXPECT_FALSE(table.release_some(1));
  EXPECT_EQ(quota->objects(), 1u);
  ASSERT_TRUE(table.unpin(*memory, 0, kPageSize));
  EXPECT_EQ(quota->objects(), 0u);
  EXPECT_EQ(quota->bytes(), 0u);
}

// The page leaves the object and its mappings, and is nobody else's until the pin ends.
TEST_F(PinsTest, APageThatIsDroppedStays) {
  const auto memory = *Memory::create(nullptr, 2 * kPageSize);
  ASSERT_TRUE(memory->write(0, "a", 1));
  ASSERT_TRUE(pin(memory, 0, 1));
  ASSERT_TRUE(pin(memory, 0, 1));
  const DmaRange range = ranges[0];
  ASSERT_TRUE(finish([&] { return memory->discard(0, kPageSize); }));
  ASSERT_TRUE(finish([&] { return memory->resize(0); }));
  ASSERT_TRUE(finish([&] { return memory->resize(kPageSize); }));
  u8 byte = 1;
  ASSERT_TRUE(memory->read(0, &byte, 1));
  EXPECT_EQ(byte, 0);
  EXPECT_EQ(*at(range.address), 'a');
  const u64 free_before = frames.free_bytes();
  ASSERT_TRUE(table.unpin(*memory, 0, 1));
  EXPECT_EQ(frames.free_bytes(), free_before);
  ASSERT_TRUE(table.unpin(*memory, 0, 1));
  EXPECT_EQ(frames.free_bytes(), free_before + kPageSize);
}

TEST_F(PinsTest, ATableHoldsTheObject) {
  const u64 free_before = frames.free_bytes();
  {
    PinTable own;
    auto memory = *Memory::create(nullptr, 64 * kPageSize);
    const PinRequest request{.offset = 0, .bytes = 64 * kPageSize, .ranges = 0, .capacity = 0, .write = 1};
    ASSERT_TRUE(own.pin(memory, nullptr, request, false, ranges));
    memory.reset();
    EXPECT_LE(frames.free_bytes(), free_before - 64 * kPageSize);
  }
  EXPECT_GE(frames.free_bytes() + 8 * kPageSize, free_before);
}

}  // namespace
}  // namespace hati
