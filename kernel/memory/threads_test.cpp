// SPDX-License-Identifier: MIT
// Host threads play processors: they change one space, its forks and a shared object at the same time, each verifying pages of its own.
// Made for
// ThreadSanitizer, which sees every access that a lock should guard.
#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "kernel/memory/testing/space.h"

namespace hati {
namespace {

using testing::anonymous;
using testing::finish;
using testing::TestSpace;

constexpr u64 kBase = 0x7000'0000;
constexpr u64 kPages = 40;  // of each thread; neighbours share page tables
constexpr u32 kThreads = 4;

struct Shared {
  Ref<TestSpace> space = TestSpace::make();
  Ref<Memory> memory = *Memory::create(nullptr, 64 * kPageSize);
};

void take_interrupt() {
  if (testing::machine.ipis[this_cpu().id].exchange(0) != 0) shootdown.on_interrupt();
}

void work(Shared& shared, u32 number) {
  testing::be_cpu(number);
  std::mt19937_64 random(number);
  const u64 base = kBase + number * kPages * kPageSize;
  for (u32 round = 0; round < 400; ++round) {
    take_interrupt();
    const u64 page = base + random() % kPages * kPageSize;
    const u64 value = random();
    ASSERT_TRUE(finish([&] { return shared.space->map(anonymous(page, kPageSize)); }));
    ASSERT_TRUE(shared.space->write<u64>(page, value));
    if (round % 8 == number) {
      const auto child = TestSpace::make();
      ASSERT_TRUE(finish([&] { return shared.space->clone_into(*child); }));
      ASSERT_TRUE(shared.space->write<u64>(page, ~value));
      ASSERT_EQ(*child->read<u64>(page), value);
      ASSERT_EQ(*shared.space->read<u64>(page), ~value);
      ASSERT_TRUE(shared.space->write<u64>(page, value));
    }
    if (round % 16 == number) {
      MapRequest request = anonymous(base + kPages * kPageSize * kThreads, 16 * kPageSize, MapFlags::kFixed | MapFlags::kShared);
      ASSERT_TRUE(finish([&] { return shared.space->map(request, shared.memory); }));
      ASSERT_TRUE(finish([&] { return shared.memory->discard(random() % 16 * kPageSize, 4 * kPageSize); }));
      ASSERT_TRUE(finish([&] { return shared.space->unmap(request.address, request.bytes); }));
    }
    ASSERT_EQ(*shared.space->read<u64>(page), value);
    ASSERT_TRUE(finish([&] { return shared.space->protect(page, kPageSize, Protection::kRead); }));
    ASSERT_EQ(*shared.space->read<u64>(page), value);
    if (random() % 2 != 0) ASSERT_TRUE(finish([&] { return shared.space->unmap(page, kPageSize); }));
  }
}

TEST(Threads, ChangeOneSpaceTogether) {
  testing::be_cpu(0);
  Shared shared;
  shared.space->context.active_cpus = (1 << kThreads) - 1;
  std::vector<std::thread> threads;
  for (u32 i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { work(shared, i); });
  for (std::thread& thread : threads) thread.join();
  for (u32 i = 0; i < kThreads; ++i) {
    testing::be_cpu(i);
    take_interrupt();
  }
  EXPECT_FALSE(shared.space->flush_pending());
  shared.space->context.active_cpus = 0;
}

}  // namespace
}  // namespace hati
