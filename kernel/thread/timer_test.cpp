// SPDX-License-Identifier: MIT
// Host tests of the timer queue: order, removal, limits, and the race between expiry and removal.
#include "kernel/thread/timer.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "abi/ring.h"

namespace hati {
namespace {

struct TestTimer final : Timer {
  std::atomic<bool> claimed{false};
  std::atomic<int> fired{0};
  std::vector<int>* order = nullptr;
  int number = 0;

  bool claim_expiry() override { return !claimed.exchange(true); }
  void expired() override {
    ++fired;
    if (order != nullptr) order->push_back(number);
  }
};

TEST(TimerQueue, FiresInOrderWhenDue) {
  TimerQueue queue;
  std::vector<int> order;
  TestTimer timers[4];
  const u64 deadlines[] = {300, 100, 200, 400};
  for (int i = 0; i < 4; ++i) {
    timers[i].order = &order;
    timers[i].number = i;
    EXPECT_EQ(queue.add(timers[i], deadlines[i]), i < 2);
  }
  EXPECT_EQ(queue.next_ns(), 100u);
  queue.run(99, 10);
  EXPECT_TRUE(order.empty());
  queue.run(300, 10);
  EXPECT_EQ(order, (std::vector{1, 2, 0}));
  EXPECT_EQ(queue.next_ns(), 400u);
  TimerQueue::remove(timers[3]);
  EXPECT_EQ(queue.next_ns(), kNever);
  TimerQueue::remove(timers[3]);  // again: nothing happens
}

TEST(TimerQueue, KeepsToItsLimitAndSkipsWhatIsClaimed) {
  TimerQueue queue;
  TestTimer timers[3];
  for (auto& timer : timers) queue.add(timer, 5);
  timers[0].claimed = true;
  queue.run(10, 1);
  EXPECT_EQ(timers[0].fired + timers[1].fired + timers[2].fired, 1);
  queue.run(10, 10);
  EXPECT_EQ(timers[0].fired, 0);
  EXPECT_EQ(timers[1].fired + timers[2].fired, 2);
}

// A timer is freed by whoever claimed it first, after remove(): under ThreadSanitizer and AddressSanitizer nobody may touch it then.
TEST(TimerQueue, RemovalRacesWithExpiry) {
  TimerQueue queue;
  for (int round = 0; round < 3000; ++round) {
    auto timer = std::make_unique<TestTimer>();
    queue.add(*timer, 1);
    TestTimer& shared = *timer;
    std::thread runner([&] { queue.run(2, 10); });
    const bool ours = !shared.claimed.exchange(true);
    if (ours) {
      TimerQueue::remove(shared);
      timer.reset();
    }
    runner.join();
    if (!ours) EXPECT_EQ(timer->fired, 1);
  }
}

}  // namespace
}  // namespace hati
