// SPDX-License-Identifier: MIT
#include "runtime/async/event.h"
#include "runtime/async/mutex.h"
#include "runtime/async/queue.h"
#include "runtime/async/semaphore.h"
#include "runtime/combine.h"
#include "runtime/tests/run.h"

namespace hati {
namespace {

using testing::run;
using testing::simulate;

Task<void> increment(async::Mutex& mutex, int& value, int times) {
  for (int i = 0; i < times; ++i) {
    auto guard = co_await mutex.lock();
    const int seen = value;
    if (i % 8 == 0) (void)co_await sleep_for(10);
    value = seen + 1;
  }
}
Task<void> mutual_exclusion() {
  async::Mutex mutex;
  int value = 0;
  Scope scope;
  for (u32 i = 0; i < 8; ++i) scope.start_on(Runtime::worker(i % Runtime::worker_count()), increment(mutex, value, 100));
  co_await scope.join();
  EXPECT_EQ(value, 800);
  EXPECT_FALSE(mutex.locked());
}
TEST(Mutex, Excludes) { run(4, mutual_exclusion()); simulate(10, 3, mutual_exclusion); }

Task<void> try_interruptible(async::Mutex& mutex, std::atomic<int>& got, std::atomic<int>& gave_up) {
  for (int i = 0; i < 50; ++i) {
    auto guard = co_await mutex.lock_interruptible(now_ns() + 5000);
    if (guard) {
      ++got;
      (void)co_await sleep_for(1000);
    } else {
      EXPECT_EQ(guard.error(), Error::kTimedOut);
      ++gave_up;
    }
  }
}
Task<void> interruptible_mutex() {
  async::Mutex mutex;
  std::atomic<int> got = 0, gave_up = 0;
  Scope scope;
  for (u32 i = 0; i < 12; ++i) scope.start_on(Runtime::worker(i % Runtime::worker_count()), try_interruptible(mutex, got, gave_up));
  co_await scope.join();
  EXPECT_EQ(got + gave_up, 600);
  EXPECT_GT(got, 0);
  EXPECT_TRUE(mutex.try_lock());
}
TEST(Mutex, TimeoutsNeverLoseTheMutex) { run(3, interruptible_mutex()); simulate(10, 3, interruptible_mutex); }

Task<void> use_semaphore(async::Semaphore& semaphore, std::atomic<int>& inside) {
  for (int i = 0; i < 50; ++i) {
    if (!co_await semaphore.acquire()) co_return;
    EXPECT_LE(++inside, 3);
    if (i % 4 == 0) (void)co_await sleep_for(10);
    --inside;
    semaphore.release();
  }
}
Task<void> semaphore_limits() {
  async::Semaphore semaphore(3);
  std::atomic<int> inside = 0;
  Scope scope;
  for (u32 i = 0; i < 10; ++i) scope.start_on(Runtime::worker(i % Runtime::worker_count()), use_semaphore(semaphore, inside));
  co_await scope.join();
  EXPECT_TRUE(semaphore.try_acquire() && semaphore.try_acquire() && semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
}
TEST(Semaphore, Limits) { run(4, semaphore_limits()); simulate(10, 3, semaphore_limits); }

Task<void> produce(async::Queue<int>& queue, int count) {
  for (int i = 1; i <= count; ++i) EXPECT_TRUE(co_await queue.push(i));
}
Task<void> consume(async::Queue<int>& queue, std::atomic<int>& sum) {
  for (;;) {
    const auto value = co_await queue.pop();
    if (!value) {
      EXPECT_EQ(value.error(), Error::kPeerClosed);
      co_return;
    }
    sum += *value;
  }
}
Task<void> queue_transports() {
  async::Queue<int> queue(4);
  std::atomic<int> sum = 0;
  Scope producers, consumers;
  for (u32 i = 0; i < 4; ++i) {
    producers.start_on(Runtime::worker(i % Runtime::worker_count()), produce(queue, 200));
    consumers.start_on(Runtime::worker((i + 1) % Runtime::worker_count()), consume(queue, sum));
  }
  co_await producers.join();
  queue.close();
  co_await consumers.join();
  EXPECT_EQ(sum, 4 * 20100);
}
TEST(Queue, NothingIsLost) { run(4, queue_transports()); simulate(10, 3, queue_transports); }

Task<void> queue_timeout() {
  async::Queue<int> queue(1);
  EXPECT_EQ((co_await queue.pop(now_ns() + 1000)).error(), Error::kTimedOut);
  int value = 3;
  EXPECT_TRUE(queue.try_push(value));
  EXPECT_EQ(queue.try_push(value).error(), Error::kWouldBlock);
  EXPECT_EQ(co_await queue.pop(), 3);
}
TEST(Queue, Limits) { simulate(5, 1, queue_timeout); }

Task<void> wait_event(async::Event& event, std::atomic<int>& released) {
  if (co_await event.wait()) ++released;
}
Task<void> event_releases() {
  async::Event event;
  std::atomic<int> released = 0;
  Scope scope;
  for (u32 i = 0; i < 10; ++i) scope.start_on(Runtime::worker(i % Runtime::worker_count()), wait_event(event, released));
  (void)co_await sleep_for(i64{1000});
  event.set();
  co_await scope.join();
  EXPECT_EQ(released, 10);
}
TEST(Event, ReleasesAll) { run(3, event_releases()); simulate(10, 3, event_releases); }

// A token passed back and forth through one wait list, with wakes from other threads and time-outs racing.
struct Court {
  async::WaitList changed;
  std::atomic<int> turn{0};
};
Task<void> player(Court& court, int me, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    async::WaitEntry entry(court.changed);
    while (court.turn.load() % 2 != me) (void)co_await entry.wait(now_ns() + 20000);
    court.turn.fetch_add(1);
    court.changed.wake_all();
  }
}
Task<void> ping_pong() {
  Court court;
  Scope scope;
  scope.start_on(Runtime::worker(0), player(court, 0, 500));
  scope.start_on(Runtime::worker(1 % Runtime::worker_count()), player(court, 1, 500));
  co_await scope.join();
  EXPECT_EQ(court.turn, 1000);
}
TEST(WaitList, PingPong) { run(2, ping_pong()); simulate(5, 2, ping_pong); }

Task<void> racing_sleeper(std::atomic<u32>& ended) {
  async::Signal signal;
  (void)co_await signal.wait_interruptible(now_ns() + 3000);
  ++ended;
}
// Cancellation from one worker meets time-outs on others.
Task<void> cancel_races() {
  std::atomic<u32> ended = 0;
  for (int i = 0; i < 60; ++i) {
    Scope scope;
    for (u32 k = 0; k < 4; ++k) scope.start_on(Runtime::worker(k % Runtime::worker_count()), racing_sleeper(ended));
    (void)co_await sleep_for(static_cast<u64>(i) * 100);
    scope.cancel();
    co_await scope.join();
  }
  EXPECT_EQ(ended, 240u);
}
TEST(Signal, CancellationRaces) { run(4, cancel_races()); simulate(10, 3, cancel_races); }

// Arms itself again early in its callback and works on: cancelling it must wait for the rest.
struct Ticker : Timer {
  Ticker() : Timer(&on_tick) {}
  static void on_tick(Timer& timer) {
    auto& self = static_cast<Ticker&>(timer);
    self.busy.store(true);
    self.arm(now_ns() + 1000);
    for (const u64 end = now_ns() + 20'000; now_ns() < end;) {
    }
    self.ticks.fetch_add(1);
    self.busy.store(false);
  }
  std::atomic<bool> busy{false};
  std::atomic<int> ticks{0};
};
Task<void> arm_here(Timer& timer) {
  timer.arm(now_ns() + 1000);
  co_return;
}
Task<void> cancel_from_another_worker() {
  for (int i = 0; i < 200; ++i) {
    Ticker ticker;
    Scope scope;
    scope.start_on(Runtime::worker(1), arm_here(ticker));
    co_await scope.join();
    while (ticker.ticks.load() < i % 4) (void)co_await sleep_for(10'000);
    ticker.cancel();
    EXPECT_FALSE(ticker.busy.load());
    const int seen = ticker.ticks.load();
    if (i % 16 == 0) (void)co_await sleep_for(100'000);
    EXPECT_EQ(ticker.ticks.load(), seen);
  }
}
TEST(Timer, CancelStopsOneThatArmsItself) { run(2, cancel_from_another_worker()); }

}  // namespace
}  // namespace hati
