// SPDX-License-Identifier: MIT
// Each behaviour of AddressSpace on its own. Random sequences against a model are in address_space_model_test.cpp.
#include "kernel/memory/address_space.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernel/memory/testing/space.h"

namespace hati {
namespace {

using testing::anonymous;
using testing::finish;
using testing::TestSpace;

constexpr u64 kBase = 0x4000'0000;
constexpr auto kReadWrite = Protection::kRead | Protection::kWrite;

class AddressSpaceTest : public ::testing::Test {
 protected:
  void SetUp() override { testing::be_cpu(0); }
  Ref<TestSpace> space_ = TestSpace::make();
};

MapRequest of_memory(u64 address, u64 bytes, u64 offset, MapFlags flags, Protection protection = kReadWrite) {
  MapRequest request = anonymous(address, bytes, flags | MapFlags::kFixed, protection);
  request.offset = offset;
  return request;
}

TEST_F(AddressSpaceTest, AnonymousMemoryIsZeroAndKeepsWhatIsWritten) {
  ASSERT_EQ(*space_->map(anonymous(kBase, 3 * kPageSize)), kBase);
  EXPECT_EQ(*space_->read<u64>(kBase), 0u);
  EXPECT_EQ(space_->info().private_bytes, 0u);  // the zero frame costs nothing
  EXPECT_TRUE(space_->write<u64>(kBase + kPageSize - 4, 0x1122334455667788));
  EXPECT_EQ(*space_->read<u64>(kBase + kPageSize - 4), 0x1122334455667788u);
  EXPECT_EQ(space_->info().private_bytes, 2 * kPageSize);
  EXPECT_EQ(space_->read<u64>(kBase + 3 * kPageSize - 4).error(), Error::kBadAddress);
  EXPECT_EQ(space_->read<u64>(kBase - 4).error(), Error::kBadAddress);
  EXPECT_EQ(space_->read<u64>(~u64{0} - 3).error(), Error::kBadAddress);
}

TEST_F(AddressSpaceTest, PicksRoomTopDown) {
  const u64 first = *space_->map(anonymous(0, kPageSize, MapFlags::kNone));
  EXPECT_EQ(first, kProgramEnd - kPageSize);
  const u64 second = *space_->map(anonymous(0, 4 * kPageSize, MapFlags::kNone));
  EXPECT_EQ(second, first - 4 * kPageSize);
  ASSERT_TRUE(space_->unmap(second + kPageSize, kPageSize));
  EXPECT_EQ(*space_->map(anonymous(0, kPageSize, MapFlags::kNone)), second + kPageSize);
  MapRequest low = anonymous(0, kPageSize, MapFlags::kBelow4G);
  EXPECT_LT(*space_->map(low), u64{1} << 32);
  low.flags = MapFlags::kNone;
  low.search_top = kBase;
  EXPECT_EQ(*space_->map(low), kBase - kPageSize);
  low.address = kBase + 16 * kPageSize;  // a hint that is free
  EXPECT_EQ(*space_->map(low), kBase + 16 * kPageSize);
  EXPECT_EQ(*space_->map(low), kBase - 2 * kPageSize);  // taken now
  EXPECT_EQ(space_->map(anonymous(kBase - kPageSize, kPageSize, MapFlags::kNoReplace)).error(), Error::kExists);
}

TEST_F(AddressSpaceTest, RejectsNonsense) {
  EXPECT_EQ(space_->map(anonymous(kBase + 1, kPageSize)).error(), Error::kInvalidArgument);
  EXPECT_EQ(space_->map(anonymous(kBase, 0)).error(), Error::kInvalidArgument);
  EXPECT_EQ(space_->map(anonymous(kBase, ~u64{0})).error(), Error::kNoSpace);
  EXPECT_EQ(space_->map(anonymous(0, kPageSize)).error(), Error::kInvalidArgument);
  EXPECT_EQ(space_->map(anonymous(kServerBase, kPageSize)).error(), Error::kInvalidArgument);
  EXPECT_EQ(space_->map(anonymous(kBase, kPageSize, MapFlags::kFixed | MapFlags::kShared)).error(), Error::kInvalidArgument);
  EXPECT_EQ(space_->map(anonymous(kBase, kPageSize, static_cast<MapFlags>(1 << 12))).error(), Error::kInvalidArgument);
  EXPECT_EQ(space_->map(anonymous(kBase, kPageSize, MapFlags::kFixed, static_cast<Protection>(8))).error(), Error::kInvalidArgument);
  EXPECT_EQ(space_->unmap(kBase, ~u64{0} - kBase).error(), Error::kInvalidArgument);
  EXPECT_EQ(space_->protect(kBase, kPageSize, kReadWrite).error(), Error::kBadAddress);
  char byte;
  EXPECT_EQ(space_->copy_in(kBase, &byte, AddressSpace::kCopyBytesMax + 1).error(), Error::kTooBig);
}

TEST_F(AddressSpaceTest, FaultsTellWhatIsWrong) {
  ASSERT_TRUE(space_->map(anonymous(kBase, kPageSize, MapFlags::kFixed, Protection::kRead)));
  ASSERT_TRUE(space_->map(anonymous(kBase + kPageSize, kPageSize, MapFlags::kFixed, Protection::kNone)));
  EXPECT_EQ(space_->handle_fault(kBase + 5, 0), FaultResult::kResolved);
  EXPECT_EQ(space_->handle_fault(kBase + 5, kFaultWrite), FaultResult::kAccess);
  EXPECT_EQ(space_->handle_fault(kBase + 5, kFaultFetch), FaultResult::kAccess);
  EXPECT_EQ(space_->handle_fault(kBase + kPageSize, 0), FaultResult::kAccess);
  EXPECT_EQ(space_->handle_fault(kBase + 2 * kPageSize, 0), FaultResult::kUnmapped);
  EXPECT_EQ(space_->handle_fault(0, 0), FaultResult::kUnmapped);
  EXPECT_EQ(space_->handle_fault(~u64{0}, kFaultWrite), FaultResult::kUnmapped);
  const auto memory = *Memory::create(nullptr, kPageSize);
  ASSERT_TRUE(space_->map(of_memory(kBase, 2 * kPageSize, 0, MapFlags::kShared), memory));
  EXPECT_EQ(space_->handle_fault(kBase, kFaultWrite), FaultResult::kResolved);
  EXPECT_EQ(space_->handle_fault(kBase + kPageSize, kFaultWrite), FaultResult::kBeyondEnd);
}

TEST_F(AddressSpaceTest, ProtectionComesAndGoesWithoutLosingContents) {
  ASSERT_TRUE(space_->map(anonymous(kBase, 4 * kPageSize)));
  ASSERT_TRUE(space_->write<u32>(kBase + kPageSize, 77));
  ASSERT_TRUE(space_->protect(kBase + kPageSize, 2 * kPageSize, Protection::kNone));
  EXPECT_EQ(space_->read<u32>(kBase + kPageSize).error(), Error::kAccess);
  EXPECT_EQ(space_->query(kBase)->bytes, kPageSize);
  ASSERT_TRUE(space_->protect(kBase, 4 * kPageSize, Protection::kRead));
  EXPECT_EQ(space_->query(kBase)->bytes, 4 * kPageSize);  // joined again
  EXPECT_EQ(*space_->read<u32>(kBase + kPageSize), 77u);
  EXPECT_EQ(space_->write<u32>(kBase + kPageSize, 1).error(), Error::kAccess);
  MapRequest limited = anonymous(kBase, kPageSize, MapFlags::kFixed, Protection::kRead);
  limited.max_protection = 1;
  ASSERT_TRUE(space_->map(limited));
  EXPECT_EQ(space_->protect(kBase, kPageSize, kReadWrite).error(), Error::kAccess);
}

TEST_F(AddressSpaceTest, ForkSharesUntilSomebodyWrites) {
  ASSERT_TRUE(space_->map(anonymous(kBase, 8 * kPageSize)));
  for (u64 i = 0; i < 4; ++i) ASSERT_TRUE(space_->write<u64>(kBase + i * kPageSize, i + 1));
  const auto child = TestSpace::make();
  ASSERT_TRUE(finish([&] { return space_->clone_into(*child); }));
  const u64 free_before = frames.free_bytes();
  EXPECT_EQ(*child->read<u64>(kBase + kPageSize), 2u);
  EXPECT_EQ(free_before, frames.free_bytes());
  ASSERT_TRUE(child->write<u64>(kBase + kPageSize, 100));
  EXPECT_EQ(free_before - kPageSize, frames.free_bytes());
  ASSERT_TRUE(space_->write<u64>(kBase + kPageSize, 200));  // the only owner now: no copy
  EXPECT_EQ(free_before - kPageSize, frames.free_bytes());
  EXPECT_EQ(*child->read<u64>(kBase + kPageSize), 100u);
  EXPECT_EQ(*space_->read<u64>(kBase + kPageSize), 200u);
  EXPECT_EQ(space_->clone_into(*child).error(), Error::kBusy);
}

TEST_F(AddressSpaceTest, ForkHonoursAdvice) {
  ASSERT_TRUE(space_->map(anonymous(kBase, kPageSize, MapFlags::kFixed | MapFlags::kDontFork)));
  ASSERT_TRUE(space_->map(anonymous(kBase + kPageSize, kPageSize, MapFlags::kFixed | MapFlags::kWipeOnFork)));
  ASSERT_TRUE(space_->write<u64>(kBase, 1));
  ASSERT_TRUE(space_->write<u64>(kBase + kPageSize, 1));
  const auto child = TestSpace::make();
  ASSERT_TRUE(space_->clone_into(*child));
  EXPECT_EQ(child->read<u64>(kBase).error(), Error::kBadAddress);
  EXPECT_EQ(*child->read<u64>(kBase + kPageSize), 0u);
}

TEST_F(AddressSpaceTest, PrivateMappingsSeeTheObjectUntilTheyWrite) {
  const auto memory = *Memory::create(nullptr, 4 * kPageSize);
  const u64 value = 5;
  ASSERT_TRUE(memory->write(kPageSize, &value, 8));
  ASSERT_TRUE(space_->map(of_memory(kBase, 2 * kPageSize, kPageSize, MapFlags::kNone), memory));
  EXPECT_EQ(*space_->read<u64>(kBase), 5u);
  const u64 changed = 6;
  ASSERT_TRUE(memory->write(kPageSize, &changed, 8));
  EXPECT_EQ(*space_->read<u64>(kBase), 6u);
  ASSERT_TRUE(space_->write<u64>(kBase, 7));
  EXPECT_EQ(*space_->read<u64>(kBase), 7u);
  u64 back = 0;
  ASSERT_TRUE(memory->read(kPageSize, &back, 8));
  EXPECT_EQ(back, 6u);
  ASSERT_TRUE(space_->discard(kBase, kPageSize));
  EXPECT_EQ(*space_->read<u64>(kBase), 6u);
}

TEST_F(AddressSpaceTest, ShrinkingUnmapsEverywhere) {
  const auto memory = *Memory::create(nullptr, 4 * kPageSize);
  const auto other = TestSpace::make();
  ASSERT_TRUE(space_->map(of_memory(kBase, 4 * kPageSize, 0, MapFlags::kShared), memory));
  ASSERT_TRUE(other->map(of_memory(kBase, 4 * kPageSize, 0, MapFlags::kNone), memory));
  ASSERT_TRUE(space_->write<u64>(kBase + 2 * kPageSize, 9));
  EXPECT_EQ(*other->read<u64>(kBase + 2 * kPageSize), 9u);
  ASSERT_TRUE(other->write<u64>(kBase + 3 * kPageSize, 10));
  ASSERT_TRUE(finish([&] { return memory->resize(2 * kPageSize); }));
  EXPECT_EQ(space_->handle_fault(kBase + 2 * kPageSize, 0), FaultResult::kBeyondEnd);
  EXPECT_EQ(other->handle_fault(kBase + 3 * kPageSize, 0), FaultResult::kBeyondEnd);
  ASSERT_TRUE(finish([&] { return memory->resize(4 * kPageSize); }));
  EXPECT_EQ(*space_->read<u64>(kBase + 2 * kPageSize), 0u);
  EXPECT_EQ(*other->read<u64>(kBase + 3 * kPageSize), 0u);
}

TEST_F(AddressSpaceTest, StacksGrowDownToTheirLimit) {
  MapRequest stack = anonymous(kBase, 2 * kPageSize, MapFlags::kFixed | MapFlags::kGrowsDown);
  stack.grow_limit = 16 * kPageSize;
  ASSERT_TRUE(space_->map(stack));
  EXPECT_TRUE(space_->write<u64>(kBase - 4 * kPageSize, 3));
  EXPECT_EQ(space_->query(0)->address, kBase - 4 * kPageSize);
  EXPECT_EQ(space_->write<u64>(kBase - 15 * kPageSize, 3).error(), Error::kBadAddress);
  ASSERT_TRUE(space_->map(anonymous(kBase - 100 * kPageSize, kPageSize)));
  EXPECT_EQ(space_->write<u64>(kBase - 6 * kPageSize, 3).error(), Error::kBadAddress);  // too near
}

TEST_F(AddressSpaceTest, MovesAndResizes) {
  ASSERT_TRUE(space_->map(anonymous(kBase, 4 * kPageSize)));
  for (u64 i = 0; i < 4; ++i) ASSERT_TRUE(space_->write<u64>(kBase + i * kPageSize, i + 1));
  MoveRequest grow{.address = kBase,
                   .old_bytes = 4 * kPageSize,
                   .new_bytes = 6 * kPageSize,
                   .new_address = 0,
                   .flags = MapFlags::kNone,
                   .may_move = 0,
                   .keep_old = 0,
                   .reserved = 0};
  EXPECT_EQ(*space_->move(grow), kBase);
  ASSERT_TRUE(space_->map(anonymous(kBase + 6 * kPageSize, kPageSize, MapFlags::kFixed, Protection::kRead)));
  grow.old_bytes = 6 * kPageSize;
  grow.new_bytes = 8 * kPageSize;
  EXPECT_EQ(space_->move(grow).error(), Error::kNoSpace);
  grow.may_move = 1;
  const u64 moved = *space_->move(grow);
  EXPECT_NE(moved, kBase);
  for (u64 i = 0; i < 4; ++i) EXPECT_EQ(*space_->read<u64>(moved + i * kPageSize), i + 1);
  EXPECT_EQ(*space_->read<u64>(moved + 7 * kPageSize), 0u);
  EXPECT_EQ(space_->read<u64>(kBase).error(), Error::kBadAddress);

  MoveRequest keep{.address = moved,
                   .old_bytes = 2 * kPageSize,
                   .new_bytes = 2 * kPageSize,
                   .new_address = kBase,
                   .flags = MapFlags::kFixed,
                   .may_move = 1,
                   .keep_old = 1,
                   .reserved = 0};
  EXPECT_EQ(*space_->move(keep), kBase);
  EXPECT_EQ(*space_->read<u64>(kBase), 1u);
  EXPECT_EQ(*space_->read<u64>(moved), 0u);
  MoveRequest shrink{.address = moved,
                     .old_bytes = 8 * kPageSize,
                     .new_bytes = kPageSize,
                     .new_address = 0,
                     .flags = MapFlags::kNone,
                     .may_move = 1,
                     .keep_old = 0,
                     .reserved = 0};
  EXPECT_EQ(*space_->move(shrink), moved);
  EXPECT_EQ(space_->read<u64>(moved + kPageSize).error(), Error::kBadAddress);
}

TEST_F(AddressSpaceTest, LimitsHold) {
  ASSERT_TRUE(space_->set_limit(SpaceLimit::kVirtual, 4 * kPageSize));
  ASSERT_TRUE(space_->set_limit(SpaceLimit::kResident, 2 * kPageSize));
  ASSERT_TRUE(space_->map(anonymous(kBase, 4 * kPageSize)));
  EXPECT_EQ(space_->map(anonymous(kBase + 8 * kPageSize, kPageSize)).error(), Error::kNoSpace);
  EXPECT_TRUE(space_->write<u64>(kBase, 1));
  EXPECT_TRUE(space_->write<u64>(kBase + kPageSize, 1));
  EXPECT_EQ(space_->handle_fault(kBase + 2 * kPageSize, kFaultWrite), FaultResult::kNoMemory);
}

TEST_F(AddressSpaceTest, TellsWhichPagesAreInMemory) {
  const auto memory = *Memory::create(nullptr, 4 * kPageSize);
  ASSERT_TRUE(space_->map(anonymous(kBase, 4 * kPageSize)));
  ASSERT_TRUE(space_->map(of_memory(kBase + 4 * kPageSize, 3 * kPageSize, kPageSize, MapFlags::kShared), memory));
  ASSERT_TRUE(space_->write<u64>(kBase + kPageSize, 1));
  ASSERT_TRUE(space_->write<u64>(kBase + 3 * kPageSize, 1));
  ASSERT_TRUE(space_->protect(kBase + 3 * kPageSize, kPageSize, Protection::kNone));
  const u64 word = 1;
  ASSERT_TRUE(memory->write(2 * kPageSize, &word, sizeof word));  // by somebody else
  std::vector<u8> pages(9);
  EXPECT_EQ(*space_->residency(kBase, pages), 7u);
  EXPECT_EQ(pages, (std::vector<u8>{0, 1, 0, 1, 0, 1, 0, 0, 0}));
  EXPECT_EQ(*space_->residency(kBase + kPageSize, std::span(pages).first(1)), 1u);
  EXPECT_EQ(pages[0], 1);
  EXPECT_EQ(space_->residency(kBase + 7 * kPageSize, pages).error(), Error::kBadAddress);
  EXPECT_EQ(space_->residency(kBase + 1, pages).error(), Error::kInvalidArgument);
  EXPECT_EQ(space_->residency(~u64{0} - kPageSize + 1, pages).error(), Error::kInvalidArgument);
}

TEST_F(AddressSpaceTest, MappingsAndTablesAreChargedToTheQuota) {
  const auto quota = *Quota::create(16 * kPageSize, 0);
  {
    const auto space = TestSpace::make(SpaceFlags::kSupervised, nullptr, quota);
    EXPECT_EQ(quota->bytes(), 0u);  // the root is charged to who makes the process
    ASSERT_TRUE(space->map(anonymous(kBase, kPageSize)));
    EXPECT_EQ(quota->bytes(), sizeof(Mapping));
    ASSERT_TRUE(space->write<u64>(kBase, 1));
    EXPECT_EQ(quota->bytes(), sizeof(Mapping) + 3 * kPageSize);
    // One page here and there needs a table each, until no more is left. What was there still works.
    u64 tables = 0;
    FaultResult last = FaultResult::kResolved;
    for (; last == FaultResult::kResolved && tables < 100; ++tables) {
      const u64 address = kBase + (tables + 1) * kLargePageSize;
      ASSERT_TRUE(space->map(anonymous(address, kPageSize)));
      last = space->handle_fault(address, kFaultWrite);
    }
    EXPECT_EQ(last, FaultResult::kNoMemory);
    EXPECT_LE(tables, 13u);
    EXPECT_TRUE(space->write<u64>(kBase, 2));
    u64 maps = 0;
    while (space->map(anonymous(kBase + kPageSize * (2 * ++maps), kPageSize))) ASSERT_LT(maps, 1000u);
    EXPECT_LE(quota->bytes(), 16 * kPageSize);
    EXPECT_EQ(space->map(anonymous(kBase - kLargePageSize, kPageSize)).error(), Error::kNoMemory);
    ASSERT_TRUE(finish([&] { return space->unmap(kBase, kLargePageSize); }));
    EXPECT_TRUE(space->map(anonymous(kBase, kPageSize)));
  }
  EXPECT_EQ(quota->bytes(), 0u);
}

TEST_F(AddressSpaceTest, CopiesBetweenSpacesAndObjects) {
  const auto other = TestSpace::make();
  const auto memory = *Memory::create(nullptr, 64 * kPageSize);
  ASSERT_TRUE(space_->map(anonymous(kBase, 64 * kPageSize)));
  ASSERT_TRUE(other->map(anonymous(kBase + 0x123000, 40 * kPageSize)));
  std::vector<u8> data(60 * kPageSize), back(data.size());
  for (usize i = 0; i < data.size(); ++i) data[i] = static_cast<u8>(i * 7 + i / 4096);
  ASSERT_TRUE(space_->copy_out(kBase + 100, data.data(), data.size()));
  const u64 limit = 40 * kPageSize - 0x456;
  EXPECT_EQ(*AddressSpace::copy({.space = other.get(), .address = kBase + 0x123456}, {.space = space_.get(), .address = kBase + 100},
                                data.size()),
            limit);
  ASSERT_TRUE(other->copy_in(kBase + 0x123456, back.data(), limit));
  EXPECT_EQ(std::memcmp(data.data(), back.data(), limit), 0);
  EXPECT_EQ(*AddressSpace::copy({.memory = memory.get(), .address = 50}, {.space = space_.get(), .address = kBase + 100}, data.size()),
            data.size());
  EXPECT_EQ(*AddressSpace::copy({.space = space_.get(), .address = kBase}, {.memory = memory.get(), .address = 50}, data.size()),
            data.size());
  ASSERT_TRUE(space_->copy_in(kBase, back.data(), data.size()));
  EXPECT_EQ(data, back);
  EXPECT_EQ(AddressSpace::copy({.space = other.get(), .address = 0}, {.space = space_.get(), .address = kBase}, 8).error(),
            Error::kBadAddress);
}

TEST_F(AddressSpaceTest, LargePagesAppearAndSplit) {
  constexpr u64 kBytes = 8 * kLargePageSize;
  ASSERT_TRUE(space_->map(anonymous(kBase, kBytes)));
  for (u64 at = 0; at < kBytes; at += kPageSize) ASSERT_TRUE(space_->write<u64>(kBase + at, at + 1));
  EXPECT_EQ(space_->info().private_bytes, kBytes);
  EXPECT_LT(space_->info().page_table_bytes, 6 * kPageSize);  // root, 2 directories, 1 table: the first 2 MiB
  const auto child = TestSpace::make();
  ASSERT_TRUE(finish([&] { return space_->clone_into(*child); }));
  ASSERT_TRUE(finish([&] { return space_->unmap(kBase + 3 * kPageSize, kBytes / 2); }));
  for (u64 at = 0; at < kBytes; at += kPageSize) ASSERT_EQ(*child->read<u64>(kBase + at), at + 1);
  for (u64 at = kBytes / 2 + 3 * kPageSize; at < kBytes; at += kPageSize) ASSERT_EQ(*space_->read<u64>(kBase + at), at + 1);
}

TEST_F(AddressSpaceTest, CompareExchangeAndFutexKeys) {
  const auto memory = *Memory::create(nullptr, kPageSize);
  const auto other = TestSpace::make();
  ASSERT_TRUE(space_->map(of_memory(kBase, kPageSize, 0, MapFlags::kShared), memory));
  ASSERT_TRUE(other->map(of_memory(kBase + kPageSize, kPageSize, 0, MapFlags::kShared), memory));
  EXPECT_EQ(*space_->compare_exchange(kBase + 8, 0, 5), 0u);
  EXPECT_EQ(*other->compare_exchange(kBase + kPageSize + 8, 4, 6), 5u);
  EXPECT_EQ(*other->compare_exchange(kBase + kPageSize + 8, 5, 6), 5u);
  EXPECT_EQ(*space_->read<u32>(kBase + 8), 6u);
  EXPECT_EQ(space_->compare_exchange(kBase + 2, 0, 0).error(), Error::kInvalidArgument);
  EXPECT_EQ(*space_->futex_key(kBase + 8), *other->futex_key(kBase + kPageSize + 8));
}

TEST_F(AddressSpaceTest, AttachedServersAreSeenByTheirSpaces) {
  const auto server = TestSpace::make(SpaceFlags::kAttached);
  const auto program = TestSpace::make(SpaceFlags::kSupervised, server.get());
  ASSERT_TRUE(server->map(anonymous(kServerBase + 0x10000, kPageSize)));
  ASSERT_TRUE(server->write<u64>(kServerBase + 0x10000, 42));
  // The processor's walk from the program's root arrives at the same page, for supervisors only.
  const u64 slot = phys_to_virt<u64>(program->root())[255];
  EXPECT_EQ(slot, phys_to_virt<u64>(server->root())[255]);
  EXPECT_NE(slot, 0u);
  EXPECT_EQ(program->context.attached_server, &server->context);
  EXPECT_EQ(program->read<u64>(kServerBase + 0x10000).error(), Error::kBadAddress);
  u64 entry = slot;
  for (u32 level = 2;; --level) {
    entry = phys_to_virt<u64>(Pte::frame(entry))[level_index(kServerBase + 0x10000, level)];
    if (level == 0) break;
  }
  EXPECT_TRUE(Pte::Present::is_set(entry));
  EXPECT_FALSE(Pte::User::is_set(entry));
  EXPECT_EQ(*phys_to_virt<u64>(Pte::frame(entry)), 42u);
}

TEST_F(AddressSpaceTest, ADebuggerMindsNoProtection) {
  const auto debugger = TestSpace::make();
  ASSERT_TRUE(debugger->map(anonymous(kBase, kPageSize)));
  const auto memory = *Memory::create(nullptr, 2 * kPageSize);
  constexpr u64 kShared = kBase + 8 * kPageSize, kNone = kBase + 16 * kPageSize;
  ASSERT_TRUE(space_->map(of_memory(kBase, 2 * kPageSize, 0, MapFlags::kNone, Protection::kRead), memory));
  ASSERT_TRUE(space_->map(of_memory(kShared, 2 * kPageSize, 0, MapFlags::kShared, Protection::kRead), memory));
  ASSERT_TRUE(space_->map(anonymous(kNone, kPageSize, MapFlags::kFixed, Protection::kNone)));
  for (u64 value = 7; value < 9; ++value) {  // the page is the object's, then the space's own
    ASSERT_TRUE(debugger->write<u64>(kBase, value));
    EXPECT_EQ(*space_->inspect(kBase + kPageSize - 4, 8, *debugger, kBase, true), 8u);
    EXPECT_EQ(*space_->read<u64>(kBase + kPageSize - 4), value);
    EXPECT_EQ(space_->handle_fault(kBase, kFaultWrite), FaultResult::kAccess);
    EXPECT_EQ(space_->write<u64>(kBase, 1).error(), Error::kAccess);
  }
  EXPECT_EQ(space_->inspect(kShared, 8, *debugger, kBase, true).error(), Error::kAccess);
  EXPECT_EQ(*space_->read<u64>(kShared), 0u);
  EXPECT_EQ(*space_->inspect(kNone, 8, *debugger, kBase, false), 8u);
  EXPECT_EQ(*debugger->read<u64>(kBase), 0u);
  EXPECT_EQ(space_->read<u64>(kNone).error(), Error::kAccess);
  EXPECT_EQ(*space_->inspect(kNone + kPageSize - 4, 8, *debugger, kBase, false), 4u);  // up to the end of the mapping
  EXPECT_EQ(space_->inspect(kNone + kPageSize, 8, *debugger, kBase, false).error(), Error::kBadAddress);
  EXPECT_EQ(space_->inspect(kBase, 8, *debugger, kNone, false).error(), Error::kBadAddress);  // the debugger's own fault
}

}  // namespace
}  // namespace hati
