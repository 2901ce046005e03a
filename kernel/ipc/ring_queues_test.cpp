// SPDX-License-Identifier: MIT
// Host tests of a ring's queues with a user side that lies about every index and changes submissions while they are read.
#include "kernel/ipc/ring_queues.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

namespace hati {
namespace {

struct SharedMemory {
  explicit SharedMemory(u64 bytes) : words((bytes + 7) / 8 + 8) {}
  u8* data() { return reinterpret_cast<u8*>((reinterpret_cast<u64>(words.data()) + 63) & ~u64{63}); }
  RingHeader& header() { return *reinterpret_cast<RingHeader*>(data()); }
  std::vector<u64> words;
};

TEST(RingQueues, SizesArePowersOfTwoWithinLimits) {
  for (const u32 bad : {0u, 3u, 5u, 4097u, 8192u, ~0u}) {
    EXPECT_FALSE(RingQueues::bytes_for(bad, 8)) << bad;
    EXPECT_FALSE(RingQueues::bytes_for(8, bad)) << bad;
  }
  EXPECT_EQ(*RingQueues::bytes_for(1, 1), 320u + 64 + 32);
  EXPECT_TRUE(RingQueues::bytes_for(kRingEntriesMax, kRingEntriesMax));
}

TEST(RingQueues, PassesSubmissionsAndCompletions) {
  SharedMemory memory(*RingQueues::bytes_for(4, 4));
  RingQueues queues(memory.data(), 4, 4);
  RingHeader& header = memory.header();
  auto* submissions = reinterpret_cast<Submission*>(memory.data() + header.submit_offset);
  for (u64 i = 0; i < 10; ++i) {
    submissions[i % 4] = {Operation::kCopy, kSubmitQuiet, static_cast<Handle>(i), i * 3, {i, 1, 2, 3, 4, 5}};
    header.submit_tail.store(static_cast<u32>(i + 1));
    ASSERT_EQ(*queues.submitted(), 1u);
    const Submission copy = queues.take(queues.peek());
    EXPECT_EQ(copy.operation, Operation::kCopy);
    EXPECT_EQ(copy.flags, kSubmitQuiet);
    EXPECT_EQ(copy.handle, i);
    EXPECT_EQ(copy.user_data, i * 3);
    EXPECT_EQ(copy.args[0], i);
    EXPECT_EQ(copy.args[5], 5u);
    EXPECT_EQ(header.submit_head.load(), i + 1);
  }
  for (u64 i = 0; i < 4; ++i) {
    EXPECT_FALSE(queues.full());
    queues.put({i, -1, {}});
  }
  EXPECT_TRUE(queues.full());
  header.complete_head.store(1);
  EXPECT_EQ(queues.available(), 3u);
}

TEST(RingQueues, HostileIndicesAreHarmless) {
  SharedMemory memory(*RingQueues::bytes_for(8, 8));
  RingQueues queues(memory.data(), 8, 8);
  std::mt19937 random(1);
  for (int i = 0; i < 100000; ++i) {
    memory.header().submit_tail.store(static_cast<u32>(random()));
    memory.header().submit_head.store(static_cast<u32>(random()));
    memory.header().complete_head.store(static_cast<u32>(random()));
    memory.header().complete_tail.store(static_cast<u32>(random()));
    memory.header().submit_entries = static_cast<u32>(random());
    memory.header().complete_offset = static_cast<u32>(random());
    const auto submitted = queues.submitted();
    if (submitted) {
      EXPECT_LE(*submitted, 8u);
      if (*submitted > 0) (void)queues.take(queues.peek());
    } else {
      EXPECT_EQ(submitted.error(), Error::kInvalidArgument);
    }
    EXPECT_LE(queues.available(), 8u);
    if (!queues.full()) queues.put({1, 2, {}});
  }
}

TEST(RingQueues, IndicesWrapAround) {
  SharedMemory memory(*RingQueues::bytes_for(2, 2));
  RingQueues queues(memory.data(), 2, 2);
  RingHeader& header = memory.header();
  for (u64 i = 0; i < 100; ++i) {
    header.submit_tail.fetch_add(2);
    EXPECT_EQ(*queues.submitted(), 2u);
    queues.skip();
    queues.skip();
    queues.put({i, 0, {}});
    header.complete_head.fetch_add(1);
    EXPECT_EQ(queues.available(), 0u);
  }
}

}  // namespace
}  // namespace hati
