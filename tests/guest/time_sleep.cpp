// SPDX-License-Identifier: MIT
// Sleeping: nanosleep and clock_nanosleep, never too short, absolute and relative.
#include "test.h"

#define FAMILY "time"

TEST(nanosleep_is_never_too_short) {
  for (const long ms : (const long[]){1, 5, 20, 60}) {
    const timespec t{0, ms * 1000000};
    const int64_t start = now_ns();
    CHECK_OK(nanosleep(&t, nullptr));
    const int64_t took = now_ns() - start;
    CHECK(took >= ms * 1000000);
    CHECK(took < ms * 1000000 + 3000000000);
  }
  const timespec zero{0, 0};
  CHECK_OK(nanosleep(&zero, nullptr));
}

TEST(nanosleep_errors) {
  timespec t{0, 1000000000};
  CHECK_ERRNO(nanosleep(&t, nullptr), EINVAL);
  t = {-1, 0};
  CHECK_ERRNO(nanosleep(&t, nullptr), EINVAL);
  t = {0, -1};
  CHECK_ERRNO(nanosleep(&t, nullptr), EINVAL);
  CHECK_ERRNO(syscall(SYS_nanosleep, 8, nullptr), EFAULT);
  CHECK_EQ(clock_nanosleep(99, 0, &t, nullptr), EINVAL);
  t = {0, 1};
  CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, nullptr), EINVAL);
}

TEST(clock_nanosleep_absolute) {
  for (const clockid_t clock : (const clockid_t[]){CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME}) {
    timespec until{};
    must(clock_gettime(clock, &until));
    until.tv_nsec += 50000000;
    if (until.tv_nsec >= 1000000000) {
      until.tv_nsec -= 1000000000;
      ++until.tv_sec;
    }
    CHECK_EQ(clock_nanosleep(clock, TIMER_ABSTIME, &until, nullptr), 0);
    CHECK(now_ns(clock) >= until.tv_sec * 1000000000LL + until.tv_nsec);
    CHECK_EQ(clock_nanosleep(clock, TIMER_ABSTIME, &until, nullptr), 0);  // in the past: at once
    until = {0, 0};
    CHECK_EQ(clock_nanosleep(clock, TIMER_ABSTIME, &until, nullptr), 0);
  }
}

TEST(sleepers_wake_in_order) {
  int fds[2];
  must(pipe(fds));
  pid_t pids[4];
  timespec base{};
  must(clock_gettime(CLOCK_MONOTONIC, &base));
  for (int i = 0; i < 4; ++i) {
    pids[i] = spawn([&, i] {
      timespec until = base;
      until.tv_sec += 1;
      until.tv_nsec = (3 - i) * 240000000L;
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
      const char c = static_cast<char>('0' + i);
      must(write(fds[1], &c, 1));
    });
  }
  for (const pid_t pid : pids) CHECK_CHILD_OK(pid);
  char order[5] = {};
  CHECK_EQ(read(fds[0], order, 4), 4);
  CHECK_STR(order, "3210");
}

TEST(many_sleepers) {
  constexpr int kCount = 40;
  pid_t pids[kCount];
  for (int i = 0; i < kCount; ++i) {
    pids[i] = spawn([i] {
      const int64_t start = now_ns();
      const timespec t{0, (10 + i) * 1000000};
      CHECK_OK(nanosleep(&t, nullptr));
      CHECK(now_ns() - start >= (10 + i) * 1000000);
    });
  }
  for (const pid_t pid : pids) CHECK_CHILD_OK(pid);
}

TEST(sched_yield_returns) {
  for (int i = 0; i < 100; ++i) CHECK_OK(sched_yield());
    // Two processes on one processor take turns.
  unsigned long mask[16] = {};
  must(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
  const unsigned long one = mask[0] & -mask[0];
  must(syscall(SYS_sched_setaffinity, 0, sizeof one, &one));
  auto* shared = static_cast<volatile int*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const pid_t pid = spawn([&] {
    while (shared[0] == 0) sched_yield();
    shared[1] = 1;
  });
  sched_yield();
  shared[0] = 1;
  while (shared[1] == 0) sched_yield();
  CHECK_CHILD_OK(pid);
}

TEST(busy_processes_are_preempted) {
    // An endless loop on the same processor must not stop us.
  unsigned long mask[16] = {};
  must(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
  const unsigned long one = mask[0] & -mask[0];
  must(syscall(SYS_sched_setaffinity, 0, sizeof one, &one));
  const pid_t pid = spawn([] {
    for (;;) asm volatile("");
  });
  const int64_t start = now_ms();
  for (int i = 0; i < 5; ++i) sleep_ms(10);
  volatile unsigned sum = 0;
  for (unsigned i = 0; i < 3000000; ++i) sum = sum + i;
  CHECK(now_ms() - start < 15000);
  must(kill(pid, SIGKILL));
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}
