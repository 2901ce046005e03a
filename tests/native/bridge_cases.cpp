// SPDX-License-Identifier: MIT
// glibc and libc++ as servers use them.
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/native/cases.h"

namespace hati::native_tests {
namespace {

Task<Verdict> threads_and_mutex(Fixture&) {
  std::mutex mutex;
  u64 count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 2000; ++k) {
        std::lock_guard guard(mutex);
        ++count;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT(count == 8000);
  co_return "";
}

Task<Verdict> condition_variable(Fixture&) {
  std::mutex mutex;
  std::condition_variable changed;
  int turn = 0;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return turn == 1; });
      turn = 0;
      changed.notify_one();
    }
  });
  for (int i = 0; i < 100; ++i) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return turn == 0; });
    turn = 1;
    changed.notify_one();
  }
  other.join();
  std::unique_lock lock(mutex);
  const auto before = std::chrono::steady_clock::now();
  changed.wait_for(lock, std::chrono::milliseconds(20), [] { return false; });
  EXPECT(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(20));
  co_return "";
}

Task<Verdict> many_threads(Fixture&) {
  // More than the bridge has slots, one after the other: slots are used again.
  int sum = 0;
  for (int i = 0; i < 300; ++i) std::thread([&] { ++sum; }).join();
  EXPECT(sum == 300);
  co_return "";
}

thread_local int per_thread = 5;
Task<Verdict> thread_local_storage(Fixture&) {
  per_thread = 6;
  int seen = 0;
  std::thread([&] { seen = per_thread++; }).join();
  EXPECT(seen == 5 && per_thread == 6);
  co_return "";
}

Task<Verdict> heap(Fixture&) {
  std::vector<std::vector<u8>> blocks;
  for (usize size = 1; size < (4u << 20); size = size * 3 + 1) {
    blocks.emplace_back(size, static_cast<u8>(size));
    blocks.back().resize(size * 2, 7);
  }
  for (const auto& block : blocks) EXPECT(block.front() == static_cast<u8>(block.size() / 2) && block.back() == 7);
  co_return "";
}

Task<Verdict> clocks(Fixture&) {
  const u64 before = now_ns();
  const u64 asked = *call::clock_read(Clock::kMonotonic);
  const u64 after = now_ns();
  EXPECT(before <= asked && asked <= after + 1000);
  timespec wall{};
  EXPECT(clock_gettime(CLOCK_REALTIME, &wall) == 0);
  EXPECT(wall.tv_sec > 1'600'000'000);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT(now_ns() - before >= 5 * kNsPerMs);
  co_return "";
}

// The memory functions that replace glibc's, against the obvious loops.
Task<Verdict> memory_functions(Fixture&) {
  std::vector<u8> from(5000), to(5000), model(5000);
  u64 state = 1;
  for (int round = 0; round < 3000; ++round) {
    const auto next = [&](usize limit) { return static_cast<usize>((state = state * 6364136223846793005u + 1442695040888963407u) >> 33) % limit; };
    const usize n = round % 10 == 0 ? next(2000) : next(100), a = next(2000), b = next(2000);
    for (usize i = 0; i < from.size(); ++i) from[i] = to[i] = model[i] = static_cast<u8>(i * 7 + static_cast<usize>(round));
    std::memmove(to.data() + a, to.data() + b, n);
    for (usize i = 0; i < n; ++i) model[a + i] = from[b + i];
    EXPECT(to == model);
    std::memset(to.data() + a, round, n);
    for (usize i = 0; i < n; ++i) model[a + i] = static_cast<u8>(round);
    EXPECT(to == model);
    EXPECT(std::memcmp(to.data(), model.data(), to.size()) == 0);
    model[a] ^= 1;
    EXPECT((std::memcmp(to.data(), model.data(), to.size()) < 0) == (to[a] < model[a]));
  }
  char text[64] = "";
  for (usize n = 0; n < 40; ++n) {
    EXPECT(std::strlen(text) == n && std::memchr(text, 0, sizeof(text)) == text + n);
    text[n] = 'x';
  }
  co_return "";
}

constexpr Case kCases[] = {{"bridge-threads-and-mutex", threads_and_mutex},
                           {"bridge-condition-variable", condition_variable},
                           {"bridge-many-threads", many_threads},
                           {"bridge-thread-local-storage", thread_local_storage},
                           {"bridge-heap", heap},
                           {"bridge-clocks", clocks},
                           {"bridge-memory-functions", memory_functions}};

}  // namespace

std::span<const Case> bridge_cases() { return kCases; }

}  // namespace hati::native_tests
