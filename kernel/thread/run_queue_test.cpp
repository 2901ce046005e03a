// SPDX-License-Identifier: MIT
// Host tests of the run queue on a fake clock: shares by nice level, priorities, wake-ups, no starvation.
#include "kernel/thread/run_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace hati {
namespace {

struct Task : RunNode {
  explicit Task(i32 nice = 0, u32 at_priority = kPriorityFair) {
    weight = nice_weight(nice);
    priority = at_priority;
  }
  u64 ran_ns = 0;
};

// Runs the first of the queue for a slice, again and again, as a CPU does.
void run(RunQueue& queue, u64 total_ns) {
  for (u64 now = 0; now < total_ns; now += RunQueue::kSliceNs) {
    auto* task = static_cast<Task*>(queue.first());
    ASSERT_NE(task, nullptr);
    queue.remove(*task);
    task->ran_ns += RunQueue::kSliceNs;
    if (task->priority == kPriorityFair) RunQueue::charge(*task, RunQueue::kSliceNs);
    queue.advance(task->priority == kPriorityFair ? task : nullptr);
    queue.push(*task, false);
  }
}

void drain(RunQueue& queue) {
  while (RunNode* node = queue.first()) queue.remove(*node);
}

TEST(RunQueue, EqualsShareEqually) {
  RunQueue queue;
  std::vector<Task> tasks(5);
  for (Task& task : tasks) queue.push(task, false);
  run(queue, 30'000'000'000);
  for (Task& task : tasks) EXPECT_NEAR(static_cast<double>(task.ran_ns), 6e9, 1e7);
  drain(queue);
}

TEST(RunQueue, SharesFollowTheWeights) {
  for (const i32 nice : {-20, -5, 1, 5, 10, 19}) {
    RunQueue queue;
    Task normal(0), other(nice);
    queue.push(normal, false);
    queue.push(other, false);
    run(queue, 3000'000'000'000);
    const double expected = static_cast<double>(nice_weight(nice)) / nice_weight(0);
    EXPECT_NEAR(static_cast<double>(other.ran_ns) / static_cast<double>(normal.ran_ns) / expected, 1.0, 0.05) << nice;
    drain(queue);
  }
}

TEST(RunQueue, WeightsAreMonotonousAndClamped) {
  for (i32 nice = -20; nice < 19; ++nice) EXPECT_GT(nice_weight(nice), nice_weight(nice + 1));
  EXPECT_EQ(nice_weight(0), kNiceZeroWeight);
  EXPECT_EQ(nice_weight(-100), nice_weight(-20));
  EXPECT_EQ(nice_weight(100), nice_weight(19));
}

TEST(RunQueue, HigherPrioritiesRunFirstInOrder) {
  RunQueue queue;
  Task fair, server(0, kPriorityServer), driver(0, kPriorityDriver), server2(0, kPriorityServer), low(0, 1);
  for (Task* task : {&fair, &server, &low, &driver, &server2}) queue.push(*task, false);
  for (Task* expected : {&driver, &server, &server2, &low, &fair}) {
    EXPECT_EQ(queue.first(), expected);
    queue.remove(*expected);
  }
  EXPECT_TRUE(queue.empty());
  queue.push(server, false);
  queue.push(server2, true);  // preempted: it was running before the other
  EXPECT_EQ(queue.first(), &server2);
  drain(queue);
}

TEST(RunQueue, PriorityMayChangeWhileQueued) {
  RunQueue queue;
  Task task(0, 50);
  queue.push(task, false);
  task.priority = kPriorityFair;
  queue.remove(task);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.first(), nullptr);
}

TEST(RunQueue, SleepersNeitherDominateNorStarve) {
  RunQueue queue;
  Task busy;
  queue.push(busy, false);
  run(queue, 60'000'000'000);
  queue.remove(busy);
  Task sleeper;  // has missed a minute
  queue.place(sleeper, true);
  EXPECT_GE(sleeper.virtual_ns + RunQueue::kWakeCreditNs, queue.least_virtual_ns());
  EXPECT_TRUE(RunQueue::preempts(sleeper, busy));
  Task ahead;  // comes from a CPU whose virtual time is far ahead
  ahead.virtual_ns = busy.virtual_ns + 1'000'000'000'000;
  queue.place(ahead, false);
  EXPECT_LE(ahead.virtual_ns, queue.least_virtual_ns() + 2 * RunQueue::kSliceNs);
}

TEST(RunQueue, FindsTheLeastUrgentForAThief) {
  RunQueue queue;
  Task first, last, server(0, kPriorityServer);
  last.virtual_ns = 1000;
  for (Task* task : {&first, &last, &server}) queue.push(*task, false);
  EXPECT_EQ(queue.find_last([](RunNode&) { return true; }), &last);
  EXPECT_EQ(queue.find_last([&](RunNode& node) { return &node != &last; }), &first);
  EXPECT_EQ(queue.find_last([](RunNode& node) { return node.priority != kPriorityFair; }), &server);
  EXPECT_EQ(queue.find_last([](RunNode&) { return false; }), nullptr);
  drain(queue);
}

}  // namespace
}  // namespace hati
