// SPDX-License-Identifier: MIT
// Paged memory against a toy pager, on one processor: page-in, dirty pages, mappings, truncation, reclaim, the pager's death.
#include "kernel/memory/paged_memory.h"

#include <gtest/gtest.h>

#include "kernel/memory/testing/page_cache_fakes.h"
#include "kernel/memory/testing/toy_pager.h"

namespace hati {
namespace {

using testing::anonymous;
using testing::finish;
using testing::TestSpace;
using testing::ToyPager;
using testing::ToyWaiter;
using Access = PagedMemory::Access;
using Bring = PagedMemory::Bring;

class PagedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::make_arena();
    testing::be_cpu(0);
    for (auto& pending : testing::machine.ipis) pending = 0;
  }
  static u64 fill(u64 page) { return page * 1000 + 1; }
  // Brings [first, first + count) and answers.
  void bring(PagedMemory& memory, u64 first, u64 count = 1) {
    (void)memory.bring(first, count, Access::kRead, nullptr);
    ToyPager::answer(memory, fill);
  }
  Result<u64> get(Memory& memory, u64 page) {
    u64 word = 0;
    const auto got = memory.read(page * kPageSize, &word, sizeof word);
    return got ? Result<u64>{word} : fail(got.error());
  }
  Result<u64> put(Memory& memory, u64 page, u64 word) { return memory.write(page * kPageSize, &word, sizeof word); }
  Result<DirtyRange> take(PagedMemory& memory, u64 from = 0) {
    return finish([&] { return memory.take_dirty(from); });
  }
  u64 resident(Memory& memory) { return memory.info().resident_bytes / kPageSize; }

  Ref<ToyPager> pager = Ref<ToyPager>::adopt(new ToyPager);
};

TEST_F(PagedTest, ReadNeedsThePager) {
  const auto memory = pager->make(16);
  (void)memory->advise(MemoryAdvice::kRandom, 0, 0);
  EXPECT_EQ(get(*memory, 3).error(), Error::kNotResident);
  ToyWaiter waiter;
  EXPECT_EQ(*memory->bring(3, 2, Access::kRead, &waiter), Bring::kWaits);
  EXPECT_EQ(pager->notified, 1u);
  const auto request = ToyPager::next(*memory);
  EXPECT_EQ(request.kind, PagerRequest::kPageIn);
  EXPECT_EQ(request.first, 3u);
  EXPECT_EQ(request.count, 2u);
  EXPECT_EQ(ToyPager::next(*memory).count, 0u);
  EXPECT_EQ(get(*memory, 3).error(), Error::kNotResident);  // busy
  u64 word = 42;
  ASSERT_TRUE(memory->write(3 * kPageSize, &word, 8, true));
  EXPECT_TRUE(memory->page_in_done(3 * kPageSize, kPageSize, 0));
  EXPECT_FALSE(waiter.told);
  EXPECT_EQ(*get(*memory, 3), 42u);
  EXPECT_TRUE(memory->page_in_done(4 * kPageSize, kPageSize, 0));
  EXPECT_TRUE(waiter.told && waiter.result);
  EXPECT_EQ(*get(*memory, 4), 0u);
  EXPECT_EQ(*memory->bring(3, 2, Access::kRead, &waiter), Bring::kReady);
  EXPECT_EQ(memory->info().dirty_bytes, 0u);
}

TEST_F(PagedTest, AnErrorReachesWhoeverWaits) {
  const auto memory = pager->make(16);
  ToyWaiter waiter, other;
  EXPECT_EQ(*memory->bring(3, 1, Access::kRead, &waiter), Bring::kWaits);
  EXPECT_EQ(*memory->bring(9, 1, Access::kWrite, &other), Bring::kWaits);
  EXPECT_TRUE(memory->page_in_done(3 * kPageSize, kPageSize, static_cast<u32>(Error::kIo)));
  EXPECT_TRUE(waiter.told);
  EXPECT_EQ(waiter.result.error(), Error::kIo);
  EXPECT_FALSE(other.told);
  EXPECT_EQ(memory->page_in_done(1, kPageSize, 0).error(), Error::kInvalidArgument);
  EXPECT_EQ(memory->page_in_done(0, kPageSize, 5000).error(), Error::kInvalidArgument);
  EXPECT_TRUE(other.cancel());
  ToyPager::answer(*memory, fill);
  EXPECT_FALSE(other.told);
}

TEST_F(PagedTest, WritesAreAskedForAsSuch) {
  const auto memory = pager->make(200);
  ToyWaiter waiter;
  EXPECT_EQ(*memory->bring(10, 100, Access::kWrite, &waiter), Bring::kWaits);
  const auto request = ToyPager::next(*memory);
  EXPECT_EQ(request.kind, PagerRequest::kPageInWrite);
  EXPECT_EQ(request.count, PagedMemory::kWindowMax);
  EXPECT_EQ(ToyPager::next(*memory).count, 0u);
  EXPECT_TRUE(memory->page_in_done(10 * kPageSize, 64 * kPageSize, 0));
  EXPECT_TRUE(waiter.told);
}

TEST_F(PagedTest, WindowsGrowWhereReadingIsSequential) {
  const auto memory = pager->make(1000);
  u64 asked = 0, requests = 0;
  for (u64 page = 0; page < 1000; ++page) {
    if (!get(*memory, page)) {
      ++requests;
      (void)memory->bring(page, 1, Access::kRead, nullptr);
    }
    asked += ToyPager::answer(*memory, fill);
    ASSERT_EQ(*get(*memory, page), fill(page));
  }
  EXPECT_EQ(requests, 1u);
  EXPECT_EQ(asked, 1000u);
  const auto random = pager->make(1000);
  asked = 0;
  for (u64 i = 1; i < 50; ++i) {
    (void)random->bring(i * 617 % 1000, 1, Access::kRead, nullptr);
    asked += ToyPager::answer(*random, fill);
  }
  EXPECT_LT(asked, 60u);
}

TEST_F(PagedTest, DirtyPagesArePulledInRuns) {
  const auto memory = pager->make(600);
  for (u64 page = 0; page < 600; page += 64) bring(*memory, page, 64);
  EXPECT_EQ(take(*memory).error(), Error::kNotFound);
  for (const u64 page : {5, 6, 7, 100, 599}) ASSERT_TRUE(put(*memory, page, 9));
  EXPECT_EQ(memory->info().dirty_bytes, 5 * kPageSize);
  EXPECT_EQ(testing::cache_deadline_ns, testing::cache_clock_ns + PageCache::kDirtyAgeNs);
  auto range = take(*memory);
  EXPECT_EQ(range->offset, 5 * kPageSize);
  EXPECT_EQ(range->bytes, 3 * kPageSize);
  EXPECT_EQ(memory->info().cleaning_bytes, 3 * kPageSize);
  range = take(*memory, 101 * kPageSize);
  EXPECT_EQ(range->offset, 599 * kPageSize);
  ASSERT_TRUE(put(*memory, 6, 10));  // while it is being written
  range = take(*memory, 0);
  EXPECT_EQ(range->offset, 100 * kPageSize);
  EXPECT_EQ(take(*memory).error(), Error::kBusy);
  ASSERT_TRUE(memory->cleaned(5 * kPageSize, 3 * kPageSize, 0));
  range = take(*memory);
  EXPECT_EQ(range->offset, 6 * kPageSize);
  EXPECT_EQ(range->bytes, kPageSize);
  ASSERT_TRUE(memory->cleaned(0, 256 * kPageSize, static_cast<u32>(Error::kIo)));
  const MemoryInfo info = memory->info();
  EXPECT_EQ(info.dirty_bytes, 2 * kPageSize);
  EXPECT_EQ(info.write_error, static_cast<u32>(Error::kIo));
  EXPECT_EQ(info.write_errors, 1u);
}

TEST_F(PagedTest, MappingsWriteOnlyToDirtyPages) {
  const auto memory = pager->make(16);
  bring(*memory, 0, 16);
  const auto space = TestSpace::make();
  ASSERT_TRUE(space->map(anonymous(0x10000, 16 * kPageSize, MapFlags::kFixed | MapFlags::kShared), memory));
  EXPECT_EQ(*space->read<u64>(0x10000 + 2 * kPageSize), fill(2));
  EXPECT_EQ(memory->info().dirty_bytes, 0u);
  // Taking write access away and back must not let writes through unseen.
  ASSERT_TRUE(space->protect(0x10000, 16 * kPageSize, Protection::kRead));
  ASSERT_TRUE(space->protect(0x10000, 16 * kPageSize, Protection::kRead | Protection::kWrite));
  ASSERT_TRUE(space->write<u64>(0x10000 + 2 * kPageSize, 5));
  EXPECT_EQ(memory->info().dirty_bytes, kPageSize);
  EXPECT_EQ(*get(*memory, 2), 5u);
  const auto child = TestSpace::make();
  ASSERT_TRUE(finish([&] { return space->clone_into(*child); }));
  ASSERT_TRUE(take(*memory));
  ASSERT_TRUE(memory->cleaned(2 * kPageSize, kPageSize, 0));
  EXPECT_EQ(memory->info().dirty_bytes, 0u);
  EXPECT_EQ(memory->info().mapped_writes, 1u);
  ASSERT_TRUE(child->write<u64>(0x10000 + 2 * kPageSize, 6));
  EXPECT_EQ(memory->info().mapped_writes, 2u);
  EXPECT_EQ(memory->info().dirty_bytes, kPageSize);
  EXPECT_EQ(*space->read<u64>(0x10000 + 2 * kPageSize), 6u);
  ASSERT_TRUE(put(*memory, 2, 7));
  EXPECT_EQ(*child->read<u64>(0x10000 + 2 * kPageSize), 7u);
}

TEST_F(PagedTest, WritesThroughMappingsAreCounted) {
  const auto memory = pager->make(16);
  bring(*memory, 0, 16);
  const auto space = TestSpace::make();
  ASSERT_TRUE(space->map(anonymous(0x10000, 16 * kPageSize, MapFlags::kFixed | MapFlags::kShared), memory));
  // Pages that are dirty already are mapped for reading, too, until somebody writes there.
  ASSERT_TRUE(put(*memory, 2, 5));
  ASSERT_TRUE(put(*memory, 3, 5));
  EXPECT_EQ(*space->read<u64>(0x10000 + 2 * kPageSize), 5u);
  EXPECT_EQ(memory->info().mapped_writes, 0u);
  ASSERT_TRUE(space->write<u64>(0x10000 + 2 * kPageSize, 6));
  ASSERT_TRUE(space->write<u64>(0x10000 + 2 * kPageSize, 7));
  EXPECT_EQ(memory->info().mapped_writes, 1u);
  ASSERT_TRUE(space->write<u64>(0x10000 + 3 * kPageSize, 6));
  EXPECT_EQ(memory->info().mapped_writes, 2u);
}

TEST_F(PagedTest, PrivateMappingsCopy) {
  const auto memory = pager->make(16);
  const auto space = TestSpace::make();
  ASSERT_TRUE(space->map(anonymous(0x10000, 16 * kPageSize), memory));
  EXPECT_EQ(space->handle_fault(0x10000 + 4 * kPageSize, kFaultWrite), FaultResult::kNotResident);
  EXPECT_EQ(space->write<u64>(0x10000 + 4 * kPageSize, 5).error(), Error::kNotResident);
  ToyWaiter waiter;
  EXPECT_EQ(*space->wait_for_page(0x10000 + 4 * kPageSize, 1, Access::kWrite, &waiter), Bring::kWaits);
  EXPECT_EQ(*space->wait_for_page(0x900000, 1, Access::kRead, nullptr), Bring::kReady);
  ToyPager::answer(*memory, fill);
  EXPECT_TRUE(waiter.told);
  ASSERT_TRUE(space->write<u64>(0x10000 + 4 * kPageSize, 5));
  EXPECT_EQ(*get(*memory, 4), fill(4));
  EXPECT_EQ(*space->read<u64>(0x10000 + 4 * kPageSize), 5u);
  EXPECT_EQ(*space->read<u64>(0x10000 + 5 * kPageSize), fill(5));
  EXPECT_EQ(memory->info().dirty_bytes, 0u);
  ASSERT_TRUE(put(*memory, 5, 77));
  EXPECT_EQ(*space->read<u64>(0x10000 + 5 * kPageSize), 77u);  // not copied yet
}

TEST_F(PagedTest, TakingWaitsForOtherProcessors) {
  const auto memory = pager->make(16);
  bring(*memory, 0, 16);
  const auto space = TestSpace::make();
  ASSERT_TRUE(space->map(anonymous(0x10000, 16 * kPageSize, MapFlags::kFixed | MapFlags::kShared), memory));
  ASSERT_TRUE(space->write<u64>(0x10000, 5));
  space->context.active_cpus = 0b11;
  EXPECT_EQ(memory->take_dirty(0).error(), kRestart);
  EXPECT_EQ(memory->take_dirty(0).error(), kRestart);
  EXPECT_EQ(memory->take_dirty(kPageSize).error(), Error::kBusy);
  testing::be_cpu(1);
  shootdown.on_interrupt();
  testing::be_cpu(0);
  EXPECT_EQ(memory->take_dirty(0)->bytes, kPageSize);
  space->context.active_cpus = 0;
}

TEST_F(PagedTest, TruncationMeetsPagesInEveryState) {
  const auto memory = pager->make(16);
  bring(*memory, 0, 16);
  ASSERT_TRUE(put(*memory, 8, 1));
  ASSERT_TRUE(put(*memory, 10, 1));
  ASSERT_TRUE(take(*memory));  // 8 is being cleaned
  const auto space = TestSpace::make();
  ASSERT_TRUE(space->map(anonymous(0x10000, 32 * kPageSize, MapFlags::kFixed | MapFlags::kShared), memory));
  EXPECT_TRUE(space->write<u64>(0x10000 + 9 * kPageSize, 5));
  ASSERT_TRUE(finish([&] { return memory->resize(32 * kPageSize); }));
  ToyWaiter waiter;
  EXPECT_EQ(*memory->bring(20, 1, Access::kRead, &waiter), Bring::kWaits);
  const auto request = ToyPager::next(*memory);
  ASSERT_NE(request.count, 0u);
  ASSERT_TRUE(finish([&] { return memory->resize(4 * kPageSize); }));
  EXPECT_TRUE(waiter.told && waiter.result);
  EXPECT_EQ(resident(*memory), 4u);
  EXPECT_EQ(memory->info().dirty_bytes + memory->info().cleaning_bytes, 0u);
  EXPECT_TRUE(memory->page_in_done(request.first * kPageSize, request.count * kPageSize, 0));
  EXPECT_TRUE(memory->cleaned(8 * kPageSize, kPageSize, 0));
  EXPECT_EQ(space->handle_fault(0x10000 + 9 * kPageSize, 0), FaultResult::kBeyondEnd);
  EXPECT_EQ(*memory->bring(20, 1, Access::kRead, &waiter), Bring::kReady);  // beyond the end
  EXPECT_EQ(*space->read<u64>(0x10000 + 3 * kPageSize), fill(3));
}

TEST_F(PagedTest, HolesAreAskedForAgain) {
  const auto memory = pager->make(16);
  bring(*memory, 0, 16);
  ASSERT_TRUE(finish([&] { return memory->discard(kPageSize + 8, 3 * kPageSize); }));
  EXPECT_EQ(resident(*memory), 14u);
  EXPECT_EQ(*get(*memory, 1), fill(1));
  EXPECT_EQ(*get(*memory, 4), 0u);  // its first 8 bytes were in the range
  EXPECT_EQ(get(*memory, 2).error(), Error::kNotResident);
  bring(*memory, 2, 2);
  EXPECT_EQ(*get(*memory, 3), fill(3));
}

TEST_F(PagedTest, CleanPagesLeaveAtTheSecondLook) {
  const auto memory = pager->make(64);
  bring(*memory, 0, 64);
  const auto space = TestSpace::make();
  ASSERT_TRUE(space->map(anonymous(0x10000, 64 * kPageSize, MapFlags::kFixed | MapFlags::kShared), memory));
  ASSERT_TRUE(put(*memory, 1, 5));
  ASSERT_TRUE(space->read<u64>(0x10000 + 20 * kPageSize));
  PinTable pins;
  std::array<DmaRange, 4> ranges{};
  const PinRequest pin{.offset = 2 * kPageSize, .bytes = 1, .ranges = 0, .capacity = 0, .write = 0};
  ASSERT_TRUE(pins.pin(memory, nullptr, pin, false, ranges));
  EXPECT_EQ(memory->reclaim().freed, 0u);
  ASSERT_TRUE(get(*memory, 3));
  ASSERT_TRUE(space->read<u64>(0x10000 + 30 * kPageSize));
  EXPECT_GT(memory->reclaim().freed, 40u);
  EXPECT_EQ(*get(*memory, 1), 5u);
  EXPECT_EQ(*get(*memory, 3), fill(3));
  EXPECT_EQ(*space->read<u64>(0x10000 + 30 * kPageSize), fill(30));
  EXPECT_EQ(get(*memory, 40).error(), Error::kNotResident);
  EXPECT_EQ(*get(*memory, 2), fill(2));
  for (u32 i = 0; i < 8; ++i) memory->reclaim();
  EXPECT_EQ(resident(*memory), 2u);  // dirty, pinned
  EXPECT_EQ(space->read<u64>(0x10000 + 20 * kPageSize).error(), Error::kNotResident);
}

TEST_F(PagedTest, AdviceDropsAndBrings) {
  const auto memory = pager->make(64);
  ASSERT_TRUE(memory->advise(MemoryAdvice::kWillNeed, kPageSize, 8 * kPageSize));
  EXPECT_GE(ToyPager::answer(*memory, fill), 8u);
  ASSERT_TRUE(put(*memory, 4, 3));
  const auto space = TestSpace::make();
  ASSERT_TRUE(space->map(anonymous(0x10000, 64 * kPageSize, MapFlags::kFixed | MapFlags::kShared), memory));
  ASSERT_TRUE(space->read<u64>(0x10000 + 5 * kPageSize));
  ASSERT_TRUE(finish([&] { return memory->advise(MemoryAdvice::kDontNeed, 0, 64 * kPageSize); }));
  EXPECT_EQ(resident(*memory), 1u);
  EXPECT_EQ(memory->advise(static_cast<MemoryAdvice>(9), 0, 0).error(), Error::kInvalidArgument);
}

TEST_F(PagedTest, AgedPagesAreHintedAt) {
  const auto memory = pager->make(16);
  bring(*memory, 0, 16);
  ASSERT_TRUE(put(*memory, 1, 5));
  const u32 before = pager->notified;
  EXPECT_EQ(page_cache.write_back_old(testing::cache_clock_ns), testing::cache_clock_ns + PageCache::kDirtyAgeNs);
  EXPECT_EQ(pager->notified, before);
  testing::cache_clock_ns += PageCache::kDirtyAgeNs;
  EXPECT_NE(page_cache.write_back_old(testing::cache_clock_ns), ~u64{0});
  EXPECT_EQ(pager->notified, before + 1);
  EXPECT_EQ(ToyPager::next(*memory).kind, PagerRequest::kWriteBack);
  ASSERT_TRUE(take(*memory));
  ASSERT_TRUE(memory->cleaned(kPageSize, kPageSize, 0));
  EXPECT_EQ(page_cache.write_back_old(testing::cache_clock_ns), ~u64{0});
}

TEST_F(PagedTest, ADeadPagerLeavesWhatIsThere) {
  const auto memory = pager->make(64);
  bring(*memory, 0, 4);
  ASSERT_TRUE(put(*memory, 1, 5));
  ToyWaiter waiter;
  EXPECT_EQ(*memory->bring(50, 1, Access::kRead, &waiter), Bring::kWaits);
  ASSERT_TRUE(finish([&] { return memory->pager_died(); }));
  EXPECT_EQ(waiter.result.error(), Error::kPeerClosed);
  EXPECT_EQ(memory->bring(50, 1, Access::kRead, &waiter).error(), Error::kPeerClosed);
  EXPECT_EQ(*get(*memory, 0), fill(0));
  EXPECT_EQ(*get(*memory, 1), 5u);
  ASSERT_TRUE(put(*memory, 2, 5));
}

TEST_F(PagedTest, ReliefComesFromCleanPagesOrWaitsForDirtyOnes) {
  const auto memory = pager->make(300);
  for (u64 page = 0; page < 300; page += 64) bring(*memory, page, 64);
  ToyWaiter waiter;
  u64 rounds = 0;
  while (resident(*memory) != 0 && ++rounds < 1000) ASSERT_EQ(page_cache.relieve(waiter), PageCache::Relief::kRetry);
  EXPECT_EQ(resident(*memory), 0u);
  PageCache::Relief relief = PageCache::Relief::kRetry;
  for (rounds = 0; relief == PageCache::Relief::kRetry && rounds < 1000; ++rounds) relief = page_cache.relieve(waiter);
  EXPECT_EQ(relief, PageCache::Relief::kNone);
  bring(*memory, 0, 1);
  ASSERT_TRUE(put(*memory, 0, 1));
  relief = PageCache::Relief::kRetry;
  for (rounds = 0; relief == PageCache::Relief::kRetry && rounds < 1000; ++rounds) relief = page_cache.relieve(waiter);
  EXPECT_EQ(relief, PageCache::Relief::kWaits);
  bool hinted = false;
  for (u32 i = 0; i < 4 && !hinted; ++i) hinted = ToyPager::next(*memory).kind == PagerRequest::kWriteBack;
  EXPECT_TRUE(hinted);
  ASSERT_TRUE(take(*memory));
  EXPECT_FALSE(waiter.told);
  ASSERT_TRUE(memory->cleaned(0, kPageSize, 0));
  EXPECT_TRUE(waiter.told);
}

TEST_F(PagedTest, NothingIsLeft) {
  const u64 before = frames.free_bytes();
  {
    const auto memory = pager->make(2000);
    for (u64 page = 0; page < 2000; page += 64) bring(*memory, page, 64);
    ASSERT_TRUE(put(*memory, 77, 1));
    (void)memory->bring(1999, 1, Access::kRead, nullptr);
  }
  EXPECT_EQ(pager->forgotten, 1u);
  EXPECT_GE(frames.free_bytes() + 16 * kPageSize, before);
}

}  // namespace
}  // namespace hati
