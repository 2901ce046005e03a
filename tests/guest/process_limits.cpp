// SPDX-License-Identifier: MIT
// Resource limits, resource usage, priorities and scheduling parameters.
#include "test.h"

#include <sys/resource.h>
#include <sys/times.h>

#define FAMILY "process"

TEST(rlimit_get_and_set) {
  rlimit limit{};
  CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
  CHECK(limit.rlim_cur >= 256);
  CHECK(limit.rlim_max >= limit.rlim_cur);
  limit = {64, 128};
  CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
  limit = {};
  CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
  CHECK_EQ(limit.rlim_cur, 64);
  CHECK_EQ(limit.rlim_max, 128);
}

TEST(rlimit_errors) {
  rlimit limit{20, 10};
  CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
  CHECK_ERRNO(getrlimit(static_cast<__rlimit_resource>(16), &limit), EINVAL);
  CHECK_ERRNO(syscall(SYS_prlimit64, 0, 16, nullptr, &limit), EINVAL);
  CHECK_ERRNO(syscall(SYS_prlimit64, 0x3ffffff, RLIMIT_NOFILE, nullptr, &limit), ESRCH);
  CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, 8), EFAULT);
  CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 8, nullptr), EFAULT);
}

TEST(rlimit_unprivileged_may_only_lower_hard_limit) {
  IN_CHILD([] {
    rlimit limit{100, 200};
    must(setrlimit(RLIMIT_NOFILE, &limit));
    drop_privileges();
    limit = {150, 200};
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
    limit = {150, 201};
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
    limit = {150, 180};
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
  });
}

TEST(prlimit_on_another_process) {
  Gate gate;
  const pid_t pid = spawn([&] {
    gate.wait();
    rlimit limit{};
    CHECK_OK(getrlimit(RLIMIT_CORE, &limit));
    CHECK_EQ(limit.rlim_cur, 4096);
  });
  const rlimit fresh{4096, 8192};
  rlimit old{};
  CHECK_OK(prlimit(pid, RLIMIT_CORE, &fresh, &old));
  CHECK_OK(prlimit(pid, RLIMIT_CORE, nullptr, &old));
  CHECK_EQ(old.rlim_max, 8192);
  gate.open();
  CHECK_CHILD_OK(pid);
}

TEST(rlimit_is_inherited) {
  const rlimit limit{77, 88};
  must(setrlimit(RLIMIT_NPROC, &limit));
  IN_CHILD([] {
    rlimit now{};
    CHECK_OK(getrlimit(RLIMIT_NPROC, &now));
    CHECK_EQ(now.rlim_cur, 77);
    CHECK_EQ(now.rlim_max, 88);
  });
}

TEST(rlimit_nofile_bounds_descriptors) {
  const rlimit limit{10, 20};
  must(setrlimit(RLIMIT_NOFILE, &limit));
  int count = 0;
  while (open("/dev/null", O_RDONLY) != -1) ++count;
  CHECK_EQ(errno, EMFILE);
  CHECK_EQ(count, 7);  // 3..9
  CHECK_ERRNO(dup(0), EMFILE);
  CHECK_ERRNO(dup2(0, 10), EBADF);
  CHECK_ERRNO(fcntl(0, F_DUPFD, 10), EINVAL);
  CHECK_ERRNO(fcntl(0, F_DUPFD, 9), EMFILE);
  int fds[2];
  CHECK_ERRNO(pipe(fds), EMFILE);
}

TEST(rlimit_fsize_sends_sigxfsz) {
  static volatile sig_atomic_t got;
  got = 0;
  signal(SIGXFSZ, [](int) { got = got + 1; });
  const rlimit limit{100, 200};
  must(setrlimit(RLIMIT_FSIZE, &limit));
  const int fd = must(open("f", O_RDWR | O_CREAT, 0644));
  char data[150] = {};
  CHECK_EQ(write(fd, data, 150), 100);  // up to the limit
  CHECK_EQ(got, 0);
  CHECK_ERRNO(write(fd, data, 1), EFBIG);
  CHECK_EQ(got, 1);
  CHECK_ERRNO(ftruncate(fd, 101), EFBIG);
  CHECK_EQ(got, 2);
  CHECK_OK(ftruncate(fd, 100));
  const rlimit open_limit{150, 200};
  must(setrlimit(RLIMIT_FSIZE, &open_limit));
  CHECK_EQ(write(fd, data, 1), 1);
}

TEST(getrusage_of_self_and_thread) {
  rusage before{};
  CHECK_OK(getrusage(RUSAGE_SELF, &before));
  char* memory = map_pages(300);
  for (int i = 0; i < 300; ++i) memory[i * kPage] = 1;
  const int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 50000000;
  while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end) {
  }
  rusage after{};
  CHECK_OK(getrusage(RUSAGE_SELF, &after));
  CHECK(after.ru_minflt >= before.ru_minflt + 200);
  CHECK(after.ru_maxrss > 0);
  const auto us = [](const timeval& t) { return t.tv_sec * 1000000 + t.tv_usec; };
  CHECK(us(after.ru_utime) + us(after.ru_stime) > us(before.ru_utime) + us(before.ru_stime));
  CHECK_OK(getrusage(RUSAGE_THREAD, &after));
  CHECK_OK(getrusage(RUSAGE_CHILDREN, &after));
  CHECK_EQ(us(after.ru_utime) + us(after.ru_stime), 0);
  CHECK_ERRNO(getrusage(static_cast<__rusage_who>(7), &after), EINVAL);
  CHECK_ERRNO(syscall(SYS_getrusage, RUSAGE_SELF, 8), EFAULT);
}

TEST(times_counts_self_and_children) {
  tms usage{};
  const clock_t first = times(&usage);
  CHECK(first != -1);
  CHECK_EQ(usage.tms_cutime + usage.tms_cstime, 0);
  IN_CHILD([] {
    const int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 100000000;
    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end) {
    }
  });
  const clock_t second = times(&usage);
  CHECK(usage.tms_cutime + usage.tms_cstime >= 5);
  CHECK(second - first >= 5);
  CHECK_ERRNO(syscall(SYS_times, 8), EFAULT);
}

TEST(priority_get_and_set) {
    // The raw call returns 20 - nice.
  CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 20);
  CHECK_OK(setpriority(PRIO_PROCESS, 0, 5));
  CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 15);
  CHECK_OK(setpriority(PRIO_PROCESS, 0, 100));  // clamped to 19
  CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, getpid()), 1);
  CHECK_OK(setpriority(PRIO_PROCESS, 0, -100));  // root: clamped to -20
  CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 40);
  IN_CHILD([] { CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 40); });
  CHECK_OK(setpriority(PRIO_PROCESS, 0, 0));
  errno = 0;
  CHECK_EQ(nice(3), 3);
  CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
}

TEST(priority_group_and_errors) {
  CHECK_ERRNO(syscall(SYS_getpriority, 7, 0), EINVAL);
  CHECK_ERRNO(syscall(SYS_getpriority, PRIO_PROCESS, 0x3ffffff), ESRCH);
  CHECK_ERRNO(setpriority(PRIO_PROCESS, 0x3ffffff, 0), ESRCH);
  Gate gate;
  const pid_t pid = spawn([&] { gate.wait(); });
  CHECK_OK(setpriority(PRIO_PGRP, 0, 7));
  CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, pid), 13);
  CHECK_OK(setpriority(PRIO_PROCESS, pid, 4));
  CHECK_EQ(syscall(SYS_getpriority, PRIO_PGRP, 0), 16);  // the best of the group
  gate.open();
  CHECK_CHILD_OK(pid);
}

TEST(priority_unprivileged) {
  Gate gate;
  const pid_t other = spawn([&] { gate.wait(); });
  IN_CHILD([&] {
    drop_privileges();
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 10));
    CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 5), EACCES);
    CHECK_ERRNO(setpriority(PRIO_PROCESS, other, 12), EPERM);
  });
  gate.open();
  CHECK_CHILD_OK(other);
}

TEST(sched_policy_and_parameters) {
  sched_param parameter{99};
  CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
  CHECK_OK(sched_getparam(0, &parameter));
  CHECK_EQ(parameter.sched_priority, 0);
  CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
  CHECK_EQ(sched_get_priority_min(SCHED_OTHER), 0);
  CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
  CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
  CHECK_ERRNO(sched_get_priority_max(77), EINVAL);
  CHECK_ERRNO(sched_getscheduler(0x3ffffff), ESRCH);
  CHECK_ERRNO(sched_getscheduler(-1), EINVAL);
  CHECK_ERRNO(syscall(SYS_sched_getparam, 0, nullptr), EINVAL);
  parameter.sched_priority = 1;
  CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &parameter), EINVAL);
  parameter.sched_priority = 0;
  CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &parameter), EINVAL);
  CHECK_OK(sched_setscheduler(0, SCHED_BATCH, &parameter));
  CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
  CHECK_OK(sched_setscheduler(0, SCHED_OTHER, &parameter));
}

TEST(sched_affinity) {
  unsigned long mask[16] = {};
  const long size = CHECK_OK(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
  CHECK(size >= 8 && size % 8 == 0);
  CHECK(mask[0] & 1);
  CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 4, mask), EINVAL);
  CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 12, mask), EINVAL);
  CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0x3ffffff, 128, mask), ESRCH);
  CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 128, 8), EFAULT);
  unsigned long last = 1UL << (63 - __builtin_clzl(mask[0]));
  CHECK_OK(syscall(SYS_sched_setaffinity, 0, sizeof last, &last));
  unsigned cpu = 99;
  CHECK_OK(syscall(SYS_getcpu, &cpu, nullptr, nullptr));
  CHECK_EQ(1UL << cpu, last);
  IN_CHILD([&] {
    unsigned long inherited[16] = {};
    CHECK_OK(syscall(SYS_sched_getaffinity, 0, sizeof inherited, inherited));
    CHECK_EQ(inherited[0], last);
  });
  unsigned long none = 0;
  CHECK_ERRNO(syscall(SYS_sched_setaffinity, 0, sizeof none, &none), EINVAL);
  CHECK_OK(syscall(SYS_sched_setaffinity, 0, sizeof mask, mask));
}
