// SPDX-License-Identifier: MIT
// Processes that only compute share the processors fairly, also where their number is not a multiple of that of the processors.
#include "test.h"

#include <sys/resource.h>

#define FAMILY "process"

namespace {

constexpr int kMost = 16;

struct Shares {
  volatile int start;
  volatile long cpu_ms[kMost];
};

long now_ms(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

// CPU time that each of the processes had in so many milliseconds, with the nice levels given.
void compete(Shares& shares, int count, long ms, const int* nice_levels) {
  pid_t children[kMost];
  for (int i = 0; i < count; ++i) {
    children[i] = spawn([&shares, i, ms, nice_levels] {
      setpriority(PRIO_PROCESS, 0, nice_levels[i]);
      while (shares.start == 0) usleep(1000);
      const long end = now_ms(CLOCK_MONOTONIC) + ms, before = now_ms(CLOCK_PROCESS_CPUTIME_ID);
      while (now_ms(CLOCK_MONOTONIC) < end)
        for (volatile int spin = 0; spin < 20000; spin = spin + 1) {
        }
      shares.cpu_ms[i] = now_ms(CLOCK_PROCESS_CPUTIME_ID) - before;
    });
  }
  shares.start = 1;
  for (int i = 0; i < count; ++i) CHECK_CHILD_OK(children[i]);
}

Shares& make_shares() {
  void* memory = mmap(nullptr, sizeof(Shares), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return *static_cast<Shares*>(memory);  // zeroed
}

int processors() {
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return static_cast<int>(count > kMost / 2 ? kMost / 2 : count);
}

}  // namespace

TEST_SLOW(one_more_than_processors_share_fairly, 60) {
  Shares& shares = make_shares();
  const int count = processors() + 1;
  constexpr int kLevels[kMost] = {};
  compete(shares, count, 4000, kLevels);
  long sum = 0;
  for (int i = 0; i < count; ++i) sum += shares.cpu_ms[i];
  for (int i = 0; i < count; ++i) {
    test::print("# %d: %ld of %ld ms\n", i, shares.cpu_ms[i], sum);
    CHECK(shares.cpu_ms[i] * count > sum * 70 / 100);
    CHECK(shares.cpu_ms[i] * count < sum * 140 / 100);
  }
}

TEST_SLOW(nice_levels_count_across_processors, 60) {
  Shares& shares = make_shares();
  const int count = processors() * 2;
  int levels[kMost];
  for (int i = 0; i < count; ++i) levels[i] = i < count / 2 ? 15 : 0;  // the unimportant ones are there first
  compete(shares, count, 4000, levels);
  long important = 0, other = 0;
  for (int i = 0; i < count; ++i) (levels[i] == 0 ? important : other) += shares.cpu_ms[i];
  test::print("# %ld and %ld ms\n", important, other);
  CHECK(important > other * 6);
  for (int i = count / 2; i < count; ++i) CHECK(shares.cpu_ms[i] * count / 2 > important * 70 / 100);
}
