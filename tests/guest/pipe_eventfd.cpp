// SPDX-License-Identifier: MIT
// eventfd, timerfd, signalfd.
#include "test.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#define FAMILY "pipe"

static uint64_t take(int fd) {
  uint64_t value = ~0ULL;
  if (read(fd, &value, sizeof value) != 8) return ~0ULL;
  return value;
}
static bool put(int fd, uint64_t value) { return write(fd, &value, sizeof value) == 8; }

static short readiness(int fd) {
  pollfd p{fd, POLLIN | POLLOUT, 0};
  must(poll(&p, 1, 0));
  return p.revents;
}

TEST(eventfd_counts) {
  const int fd = must(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
  CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  CHECK(put(fd, 4));
  CHECK_EQ(readiness(fd), POLLIN | POLLOUT);
  CHECK_EQ(take(fd), 7);
  CHECK_EQ(readiness(fd), POLLOUT);
  uint64_t value;
  CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
  CHECK_ERRNO(read(fd, &value, 7), EINVAL);
  CHECK_ERRNO(write(fd, &value, 7), EINVAL);
  value = ~0ULL;
  CHECK_ERRNO(write(fd, &value, 8), EINVAL);
  CHECK(put(fd, ~0ULL - 1));
  CHECK_EQ(readiness(fd), POLLIN);
  value = 1;
  CHECK_ERRNO(write(fd, &value, 8), EAGAIN);
  CHECK_EQ(take(fd), ~0ULL - 1);
  CHECK_ERRNO(eventfd(0, 0x1000), EINVAL);
}

TEST(eventfd_semaphore) {
  const int fd = must(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
  CHECK_EQ(take(fd), 1);
  CHECK_EQ(take(fd), 1);
  uint64_t value;
  CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
}

TEST(eventfd_blocks_both_ways) {
  const int fd = must(eventfd(0, 0));
  const pid_t reader = spawn([&] { CHECK_EQ(take(fd), 5); });
  wait_asleep(reader);
  CHECK(put(fd, 5));
  CHECK_CHILD_OK(reader);
  CHECK(put(fd, ~0ULL - 1));
  const pid_t writer = spawn([&] { CHECK(put(fd, 2)); });
  wait_asleep(writer);
  CHECK_EQ(take(fd), ~0ULL - 1);
  CHECK_CHILD_OK(writer);
  CHECK_EQ(take(fd), 2);
}

TEST(timerfd_expires_once) {
  const int fd = must(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const itimerspec setting{{0, 0}, {0, 60000000}};
  const int64_t start = now_ms();
  CHECK_OK(timerfd_settime(fd, 0, &setting, nullptr));
  CHECK_EQ(take(fd), 1);
  CHECK(now_ms() - start >= 60);
  itimerspec now{};
  CHECK_OK(timerfd_gettime(fd, &now));
  CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
}

TEST(timerfd_periodic_counts_expirations) {
  const int fd = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  const itimerspec setting{{0, 10000000}, {0, 10000000}};
  CHECK_OK(timerfd_settime(fd, 0, &setting, nullptr));
  uint64_t value;
  CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
  sleep_ms(105);
  CHECK(take(fd) >= 10);
  itimerspec now{};
  CHECK_OK(timerfd_gettime(fd, &now));
  CHECK_EQ(now.it_interval.tv_nsec, 10000000);
  CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 10000000);
}

TEST(timerfd_absolute_and_past) {
  const int fd = must(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  itimerspec setting{{0, 0}, {now.tv_sec - 10, 0}};
  CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, nullptr));
  pollfd p{fd, POLLIN, 0};
  CHECK_EQ(poll(&p, 1, 5000), 1);
  CHECK_EQ(take(fd), 1);
  setting = {{0, 0}, {now.tv_sec + 100, 0}};
  CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, nullptr));
  CHECK_EQ(poll(&p, 1, 0), 0);
  itimerspec old{};
  const itimerspec off{};
  CHECK_OK(timerfd_settime(fd, 0, &off, &old));
  CHECK(old.it_value.tv_sec > 80 && old.it_value.tv_sec <= 100);
}

TEST(timerfd_errors) {
  CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
  CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 0x100), EINVAL);
  const int fd = must(timerfd_create(CLOCK_MONOTONIC, 0));
  const itimerspec bad{{0, 0}, {0, 1000000000}};
  CHECK_ERRNO(timerfd_settime(fd, 0, &bad, nullptr), EINVAL);
  const itimerspec good{{0, 0}, {1, 0}};
  CHECK_ERRNO(timerfd_settime(fd, 0x100, &good, nullptr), EINVAL);
  CHECK_ERRNO(timerfd_settime(0, 0, &good, nullptr), EINVAL);  // not a timerfd
  CHECK_ERRNO(timerfd_settime(99, 0, &good, nullptr), EBADF);
  CHECK_ERRNO(syscall(SYS_timerfd_settime, fd, 0, 8, nullptr), EFAULT);
  char small[4];
  CHECK_ERRNO(read(fd, small, 4), EINVAL);
  CHECK_ERRNO(write(fd, small, 4), EINVAL);
}

TEST(signalfd_delivers_blocked_signals) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  const int fd = must(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  signalfd_siginfo info[4] = {};
  CHECK_ERRNO(read(fd, info, sizeof info), EAGAIN);
  pollfd p{fd, POLLIN, 0};
  CHECK_EQ(poll(&p, 1, 0), 0);
  must(kill(getpid(), SIGUSR1));
  sigval value{};
  value.sival_int = 42;
  must(sigqueue(getpid(), SIGRTMIN, value));
  CHECK_EQ(poll(&p, 1, 0), 1);
  CHECK_EQ(read(fd, info, sizeof info), 2 * sizeof info[0]);
  CHECK_EQ(info[0].ssi_signo, SIGUSR1);
  CHECK_EQ(info[0].ssi_pid, getpid());
  CHECK_EQ(info[0].ssi_code, SI_USER);
  CHECK_EQ(info[1].ssi_signo, SIGRTMIN);
  CHECK_EQ(info[1].ssi_code, SI_QUEUE);
  CHECK_EQ(info[1].ssi_int, 42);
  CHECK_ERRNO(read(fd, info, 10), EINVAL);
  sigset_t pending;
  sigpending(&pending);
  CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
}

TEST(signalfd_changes_its_mask_and_blocks) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  const int fd = must(signalfd(-1, &one, 0));
  CHECK_EQ(signalfd(fd, &set, 0), fd);
  const pid_t parent = getpid();
  const pid_t pid = spawn([&] {
    sleep_ms(50);
    must(kill(parent, SIGUSR2));
  });
  signalfd_siginfo info{};
  CHECK_EQ(read(fd, &info, sizeof info), sizeof info);
  CHECK_EQ(info.ssi_signo, SIGUSR2);
  CHECK_EQ(info.ssi_pid, pid);
  CHECK_CHILD_OK(pid);
  CHECK_ERRNO(signalfd(0, &set, 0), EINVAL);
  CHECK_ERRNO(signalfd(99, &set, 0), EBADF);
  CHECK_ERRNO(signalfd(-1, &set, 0x100), EINVAL);
  CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
}
