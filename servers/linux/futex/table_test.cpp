// SPDX-License-Identifier: MIT
// The table of sleepers on several real threads, also under ThreadSanitizer: no wake-up is lost, none is counted twice, requeueing loses nobody.
#include "servers/linux/futex/table.h"

#include "runtime/combine.h"
#include "runtime/tests/run.h"

namespace hati::linux {
namespace {

using testing::run;
using Word = std::atomic<u32>;
constexpr u32 kAll = ~0u;

FutexKey key_of(const Word& word) { return {1, reinterpret_cast<u64>(&word)}; }

Task<SysResult<>> wait(Word& word, u32 expected, u32 bits = kAll, u64 deadline = kNever) {
  FutexSleeper sleeper(nullptr, key_of(word), bits);
  CO_TRY(FutexTable::enqueue(sleeper, expected, [&]() -> SysResult<u32> { return word.load(); }));
  SysResult<> waited;
  while (waited && !sleeper.woken()) waited = co_await sleeper.waiter.wait(deadline);
  if (!FutexTable::dequeue(sleeper)) co_return SysResult<>{};
  co_return waited;
}

// Sleeps until somebody has come to the table.
Task<void> until_asleep(const Word& word, u32 count) {
  for (;;) {
    u32 asleep = 0;
    {
      FutexBucket& bucket = FutexTable::bucket(key_of(word));
      SpinGuard guard(bucket.lock);
      for (const FutexSleeper* s = bucket.first; s != nullptr; s = s->next) asleep += s->key == key_of(word) ? 1 : 0;
    }
    if (asleep >= count) co_return;
    (void)co_await sleep_for(100'000);
  }
}

Task<void> value_is_checked() {
  Word word{5};
  EXPECT_EQ((co_await wait(word, 4)).error(), Errno::kAGAIN);
  EXPECT_EQ((co_await wait(word, 5, kAll, now_ns() + 1'000'000)).error(), Errno::kTIMEDOUT);
  EXPECT_EQ(FutexTable::wake(key_of(word), 10, kAll), 0u);
  FutexSleeper sleeper(nullptr, key_of(word), kAll);
  EXPECT_EQ(FutexTable::enqueue(sleeper, 5, []() -> SysResult<u32> { return fail(Errno::kFAULT); }).error(), Errno::kFAULT);
  EXPECT_FALSE(FutexTable::dequeue(sleeper));
}
TEST(FutexTable, ChecksTheValue) { run(2, value_is_checked()); }

// The three-state mutex of "Futexes are tricky": 0 free, 1 held, 2 held and wanted.
Task<void> lock(Word& word) {
  u32 seen = 0;
  if (word.compare_exchange_strong(seen, 1)) co_return;
  while (word.exchange(2) != 0) (void)co_await wait(word, 2);
}
void unlock(Word& word) {
  if (word.exchange(0) == 2) FutexTable::wake(key_of(word), 1, kAll);
}
Task<void> count_under_lock(Word& word, int& value, int times) {
  for (int i = 0; i < times; ++i) {
    co_await lock(word);
    const int seen = value;
    if (i % 16 == 0) (void)co_await sleep_for(1000);
    value = seen + 1;
    unlock(word);
  }
}
Task<void> mutex_excludes() {
  Word word{0};
  int value = 0;
  Scope scope;
  for (u32 i = 0; i < 8; ++i) scope.start_on(Runtime::worker(i % Runtime::worker_count()), count_under_lock(word, value, 300));
  co_await scope.join();
  EXPECT_EQ(value, 8 * 300);
  EXPECT_EQ(FutexTable::wake(key_of(word), kAll, kAll), 0u);
}
TEST(FutexTable, LosesNoWakeup) { run(4, mutex_excludes()); }

Task<void> sleep_once(Word& word, u32 bits, std::atomic<u32>& woken) {
  if (co_await wait(word, 0, bits)) woken.fetch_add(1);
}
Task<void> bits_select() {
  Word word{0};
  std::atomic<u32> odd{0}, even{0};
  Scope scope;
  for (u32 i = 0; i < 6; ++i) scope.start_on(Runtime::worker(i % Runtime::worker_count()), sleep_once(word, 1 + i % 2, i % 2 == 0 ? odd : even));
  co_await until_asleep(word, 6);
  EXPECT_EQ(FutexTable::wake(key_of(word), 10, 4), 0u);
  EXPECT_EQ(FutexTable::wake(key_of(word), 2, 1), 2u);
  EXPECT_EQ(FutexTable::wake(key_of(word), 10, 2), 3u);
  EXPECT_EQ(FutexTable::wake(key_of(word), 10, kAll), 1u);
  co_await scope.join();
  EXPECT_EQ(odd.load(), 3u);
  EXPECT_EQ(even.load(), 3u);
}
TEST(FutexTable, SelectsByBits) { run(3, bits_select()); }

u32 requeue(const Word& from, const Word& to, u32 wake_count, u32 move_count) HATI_NO_THREAD_SAFETY_ANALYSIS {
  const BothBuckets both(key_of(from), key_of(to));
  const u32 woken = wake_count != 0 ? both.a.wake(key_of(from), wake_count, kAll) : 0;
  return woken + both.a.move(key_of(from), both.b, key_of(to), move_count);
}

// Sleepers that give up after a moment, while others move them about and wake them.
Task<void> impatient(std::array<Word, 4>& words, std::atomic<u32>& woken, std::atomic<u32>& late, u32 seed) {
  for (u32 i = 0; i < 100; ++i) {
    const SysResult<> result = co_await wait(words[(seed + i) % words.size()], 0, kAll, now_ns() + 200'000);
    (result ? woken : late).fetch_add(1);
  }
}
Task<void> move_about(std::array<Word, 4>& words, std::atomic<u32>& counted, const std::atomic<bool>& end, u32 seed) {
  for (u32 i = seed; !end.load(); ++i) {
    requeue(words[i % 4], words[(i + 1 + i / 4 % 3) % 4], 0, 2);
    counted.fetch_add(FutexTable::wake(key_of(words[i / 3 % 4]), 1, kAll));
    if (i % 32 == 0) (void)co_await sleep_for(20'000);
  }
}
Task<void> requeue_under_load() {
  std::array<Word, 4> words{};
  std::atomic<u32> woken{0}, late{0}, counted{0};
  std::atomic<bool> end{false};
  Scope sleepers, movers;
  for (u32 i = 0; i < 12; ++i) sleepers.start_on(Runtime::worker(i % Runtime::worker_count()), impatient(words, woken, late, i));
  for (u32 i = 0; i < 2; ++i) movers.start_on(Runtime::worker((i + 1) % Runtime::worker_count()), move_about(words, counted, end, i));
  co_await sleepers.join();
  end.store(true);
  co_await movers.join();
  EXPECT_EQ(woken + late, 1200u);
  EXPECT_EQ(woken.load(), counted.load());
  for (const Word& word : words) EXPECT_EQ(FutexTable::wake(key_of(word), kAll, kAll), 0u);
}
TEST(FutexTable, RequeueLosesNobody) { run(4, requeue_under_load()); }

Task<void> requeue_counts() {
  Word a{0}, b{0};
  std::atomic<u32> woken{0};
  Scope scope;
  for (u32 i = 0; i < 5; ++i) scope.start_on(Runtime::worker(i % Runtime::worker_count()), sleep_once(a, kAll, woken));
  co_await until_asleep(a, 5);
  EXPECT_EQ(requeue(a, b, 1, 3), 4u);
  EXPECT_EQ(FutexTable::wake(key_of(b), 10, kAll), 3u);
  EXPECT_EQ(FutexTable::wake(key_of(a), 10, kAll), 1u);
  co_await scope.join();
  EXPECT_EQ(woken.load(), 5u);
}
TEST(FutexTable, RequeueCounts) { run(2, requeue_counts()); }

}  // namespace
}  // namespace hati::linux
