// SPDX-License-Identifier: MIT
// Clocks: reading, resolution, order, CPU time, setting.
#include "test.h"

#include <sys/timex.h>

#define FAMILY "time"

constexpr clockid_t kClocks[] = {CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
                                 CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                 CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME,      CLOCK_TAI};

TEST(clocks_can_be_read) {
  for (const clockid_t clock : kClocks) {
    timespec t{-1, -1};
    CHECK_OK(syscall(SYS_clock_gettime, clock, &t));
    CHECK(t.tv_sec >= 0);
    CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
    timespec r{};
    CHECK_OK(syscall(SYS_clock_getres, clock, &r));
    CHECK_EQ(r.tv_sec, 0);
    CHECK(r.tv_nsec >= 1 && r.tv_nsec <= 10000000);
  }
}

TEST(clock_errors) {
  timespec t{};
  CHECK_ERRNO(syscall(SYS_clock_gettime, 99, &t), EINVAL);
  CHECK_ERRNO(syscall(SYS_clock_getres, 99, &t), EINVAL);
  CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8), EFAULT);
  CHECK_OK(syscall(SYS_clock_getres, CLOCK_MONOTONIC, nullptr));
  CHECK_ERRNO(clock_settime(CLOCK_MONOTONIC, &t), EINVAL);
  t.tv_nsec = -1;
  CHECK_ERRNO(clock_settime(CLOCK_REALTIME, &t), EINVAL);
  CHECK_ERRNO(syscall(SYS_gettimeofday, 8, nullptr), EFAULT);
  CHECK_ERRNO(syscall(SYS_time, 8), EFAULT);
}

TEST(monotonic_never_goes_back) {
  int64_t last = now_ns();
  for (int i = 0; i < 20000; ++i) {
    const int64_t now = now_ns();
    REQUIRE(now >= last);
    last = now;
  }
  timespec raw{};
  int64_t previous = 0;
  for (int i = 0; i < 2000; ++i) {
    must(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &raw));
    const int64_t now = raw.tv_sec * 1000000000LL + raw.tv_nsec;
    REQUIRE(now >= previous);
    previous = now;
  }
}

TEST(monotonic_agrees_across_processors) {
    // Two processes exchange time stamps; none may see the future.
  int there[2];
  int back[2];
  must(pipe(there));
  must(pipe(back));
  const pid_t pid = spawn([&] {
    int64_t stamp;
    while (read(there[0], &stamp, 8) == 8 && stamp != 0) {
      const int64_t mine = now_ns();
      CHECK(mine >= stamp);
      must(write(back[1], &mine, 8));
    }
  });
  for (int i = 0; i < 300; ++i) {
    int64_t stamp = now_ns();
    must(write(there[1], &stamp, 8));
    REQUIRE(read(back[0], &stamp, 8) == 8);
    REQUIRE(now_ns() >= stamp);
  }
  const int64_t end = 0;
  must(write(there[1], &end, 8));
  CHECK_CHILD_OK(pid);
}

TEST(clocks_agree_with_each_other) {
  const int64_t coarse = now_ns(CLOCK_MONOTONIC_COARSE);
  const int64_t fine = now_ns(CLOCK_MONOTONIC);
  CHECK(fine - coarse >= 0 && fine - coarse < 1000000000);
  const int64_t boot = now_ns(CLOCK_BOOTTIME);
  CHECK(boot >= fine && boot - fine < 1000000000);
  timeval tv{};
  const int64_t realtime = now_ns(CLOCK_REALTIME) / 1000;
  CHECK_OK(syscall(SYS_gettimeofday, &tv, nullptr));
  const int64_t us = tv.tv_sec * 1000000LL + tv.tv_usec;
  CHECK(us >= realtime && us - realtime < 1000000);
  time_t stored = 0;
  const time_t seconds = syscall(SYS_time, &stored);
  CHECK_EQ(seconds, stored);
  CHECK(seconds - us / 1000000 >= -1 && seconds - us / 1000000 <= 2);  // time() may lag by a tick
  CHECK(seconds > 1600000000);  // the machine has a clock
}

TEST(cpu_time_counts_work_and_not_sleep) {
  const int64_t start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  sleep_ms(300);
  const int64_t slept = now_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
  CHECK(slept < 200000000);
  const int64_t wall = now_ns();
  while (now_ns() - wall < 100000000) {
  }
  const int64_t worked = now_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
  CHECK(worked > 10000000);  // other processes may have had the processor for a part
  CHECK(worked < now_ns() - wall + 200000000);
  CHECK(now_ns(CLOCK_THREAD_CPUTIME_ID) <= now_ns(CLOCK_PROCESS_CPUTIME_ID));
}

TEST(cpu_clock_of_another_process) {
  clockid_t clock;
  Gate gate;
  const pid_t pid = spawn([&] { gate.wait(); });
  CHECK_EQ(clock_getcpuclockid(pid, &clock), 0);
  timespec t{};
  CHECK_OK(clock_gettime(clock, &t));
  gate.open();
  CHECK_CHILD_OK(pid);
  CHECK_EQ(clock_getcpuclockid(0x3ffffff, &clock), ESRCH);
}

TEST(clock_settime_moves_realtime_only) {
  const int64_t monotonic = now_ns();
  timespec before{};
  clock_gettime(CLOCK_REALTIME, &before);
  timespec moved = before;
  moved.tv_sec += 100000;
  CHECK_OK(clock_settime(CLOCK_REALTIME, &moved));
  const int64_t jump = now_ns(CLOCK_REALTIME) / 1000000000 - before.tv_sec;
  CHECK(jump >= 100000 && jump < 100060);
  CHECK(now_ns() - monotonic < 30000000000);
  CHECK_OK(clock_settime(CLOCK_REALTIME, &before));
}
