// SPDX-License-Identifier: MIT
#include "runtime/combine.h"
#include "runtime/tests/run.h"

namespace hati {
namespace {

using testing::run;
using testing::simulate;

Task<Result<int>> half(int n) {
  if (n % 2 != 0) co_return fail(Error::kInvalidArgument);
  co_return n / 2;
}
Task<Result<int>> quarter(int n) {
  const int first = CO_TRY(co_await half(n));
  co_return CO_TRY(co_await half(first));
}

Task<void> errors_propagate() {
  EXPECT_EQ(co_await quarter(8), 2);
  EXPECT_EQ(co_await quarter(6), fail(Error::kInvalidArgument));
}
TEST(Task, ErrorsPropagate) { run(1, errors_propagate()); }

Task<int> depth(int n) { co_return n == 0 ? 0 : 1 + co_await depth(n - 1); }
Task<void> deep() { EXPECT_EQ(co_await depth(1000), 1000); }
TEST(Task, DeepRecursionReturns) { run(1, deep()); }

Task<int> no_op() { co_return 1; }
Task<void> long_loop() {
  int sum = 0;
  for (int i = 0; i < 100000; ++i) sum += co_await no_op();
  EXPECT_EQ(sum, 100000);
}
TEST(Task, LoopOfReadyTasksDoesNotGrowTheStack) { run(1, long_loop()); }

struct Tracked {
  explicit Tracked(int& count) : count_(&count) { ++*count_; }
  Tracked(Tracked&& other) noexcept : count_(other.count_) { ++*count_; }
  ~Tracked() { --*count_; }
  int* count_;
};
Task<int> holds(Tracked) { co_return 1; }
TEST(Task, UnstartedTaskReleasesItsArguments) {
  int count = 0;
  { auto task = holds(Tracked(count)); EXPECT_EQ(count, 1); }
  EXPECT_EQ(count, 0);
}

Task<void> add(std::atomic<int>& sum, int n) {
  (void)co_await sleep_for(1000);
  sum += n;
}
Task<void> scope_joins() {
  std::atomic<int> sum = 0;
  Scope scope;
  for (int i = 1; i <= 100; ++i) scope.start(add(sum, i));
  EXPECT_EQ(scope.running(), 100u);
  co_await scope.join();
  EXPECT_EQ(sum, 5050);
}
TEST(Scope, JoinWaitsForAll) { simulate(20, 3, scope_joins); run(2, scope_joins()); }

Task<void> sleeper(std::atomic<int>& cancelled) {
  const auto slept = co_await sleep_until(kNever);
  if (!slept && slept.error() == Error::kCancelled) ++cancelled;
}
Task<void> scope_cancels() {
  std::atomic<int> cancelled = 0;
  Scope scope;
  for (u32 i = 0; i < 10; ++i) scope.start_on(Runtime::worker(i % Runtime::worker_count()), sleeper(cancelled));
  (void)co_await sleep_for(kNsPerMs);
  scope.cancel();
  co_await scope.join();
  EXPECT_EQ(cancelled, 10);
}
TEST(Scope, CancelReachesEveryTask) { simulate(20, 3, scope_cancels); run(3, scope_cancels()); }

Task<void> nested(std::atomic<int>& cancelled) {
  Scope inner(co_await current_cancel());
  inner.start(sleeper(cancelled));
  co_await inner.join();
}
Task<void> nested_cancel() {
  std::atomic<int> cancelled = 0;
  Scope scope;
  scope.start(nested(cancelled));
  (void)co_await sleep_for(100);
  scope.cancel();
  co_await scope.join();
  EXPECT_EQ(cancelled, 1);
}
TEST(Scope, CancelReachesNestedScopes) { simulate(20, 2, nested_cancel); }

Task<Result<int>> after(u64 ns, int value) {
  CO_TRY(co_await sleep_for(ns));
  co_return value;
}
Task<void> combines() {
  const auto [a, b] = co_await when_all(after(2000, 1), after(1000, 2));
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 2);
  const u64 before = now_ns();
  const auto [index, value] = co_await when_any(after(60 * kNsPerSecond, 1), after(1000, 2), after(60 * kNsPerSecond, 3));
  EXPECT_EQ(index, 1u);
  EXPECT_EQ(value, 2);
  EXPECT_LT(now_ns() - before, 30 * kNsPerSecond);
}
TEST(Combine, AllAndAny) { simulate(20, 3, combines); run(2, combines()); }

Task<void> deadlines() {
  EXPECT_EQ(co_await with_deadline(after(60 * kNsPerSecond, 1), now_ns() + 1000), fail(Error::kTimedOut));
  EXPECT_EQ(co_await with_deadline(after(10, 1), now_ns() + 60 * kNsPerSecond), 1);
  EXPECT_EQ(co_await with_deadline(with_deadline(after(60 * kNsPerSecond, 1), now_ns() + 1000), now_ns() + 60 * kNsPerSecond), fail(Error::kTimedOut));
}
TEST(Combine, Deadlines) { simulate(20, 2, deadlines); run(2, deadlines()); }

Task<void> bounce(u32 hops) {
  for (u32 i = 0; i < hops; ++i) {
    Scope scope;
    scope.start_on(Runtime::worker((Worker::current().index() + 1) % Runtime::worker_count()), []() -> Task<void> { co_return; }());
    co_await scope.join();
  }
}
Task<void> storm() {
  Scope scope;
  for (int i = 0; i < 50; ++i) scope.start(bounce(100));
  co_await scope.join();
}
TEST(Worker, PostStorm) { run(4, storm()); simulate(3, 4, storm); }

}  // namespace
}  // namespace hati
