// SPDX-License-Identifier: MIT
// poll, ppoll, select, pselect: readiness of each kind of file, time-outs, signal masks, errors.
#include "test.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>

#define FAMILY "pipe"

static short events_of(int fd, short wanted) {
  pollfd p{fd, wanted, static_cast<short>(0xffff)};
  must(poll(&p, 1, 0));
  return p.revents;
}

TEST(poll_pipe_states) {
  int fds[2];
  must(pipe2(fds, O_NONBLOCK));
  constexpr short kBoth = POLLIN | POLLOUT;
  CHECK_EQ(events_of(fds[0], kBoth), 0);
  CHECK_EQ(events_of(fds[1], kBoth), POLLOUT);
  must(write(fds[1], "x", 1));
  CHECK_EQ(events_of(fds[0], kBoth), POLLIN);
  CHECK_EQ(events_of(fds[0], POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
  CHECK_EQ(events_of(fds[0], POLLOUT), 0);
  static char data[70000];
  while (write(fds[1], data, 4096) > 0) {
  }
  CHECK_EQ(events_of(fds[1], kBoth), 0);
  close(fds[1]);
  CHECK_EQ(events_of(fds[0], kBoth), POLLIN | POLLHUP);
  while (read(fds[0], data, sizeof data) > 0) {
  }
  CHECK_EQ(events_of(fds[0], kBoth), POLLHUP);
  CHECK_EQ(events_of(fds[0], 0), POLLHUP);  // not asked for, reported all the same
}

TEST(poll_pipe_without_reader) {
  int fds[2];
  must(pipe(fds));
  close(fds[0]);
  CHECK_EQ(events_of(fds[1], POLLOUT), POLLOUT | POLLERR);
  CHECK_EQ(events_of(fds[1], 0), POLLERR);
}

TEST(poll_bad_and_negative_descriptors) {
  int fds[2];
  must(pipe(fds));
  must(write(fds[1], "x", 1));
  pollfd list[4] = {{99, POLLIN, 0}, {-5, POLLIN, 77}, {fds[0], POLLIN, 0}, {fds[1], 0, 0}};
  CHECK_EQ(poll(list, 4, -1), 2);
  CHECK_EQ(list[0].revents, POLLNVAL);
  CHECK_EQ(list[1].revents, 0);
  CHECK_EQ(list[2].revents, POLLIN);
  CHECK_EQ(list[3].revents, 0);
}

TEST(poll_regular_files_are_always_ready) {
  write_file("f", "");
  const int fd = must(open("f", O_RDWR));
  CHECK_EQ(events_of(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
}

TEST(poll_timeouts) {
  int fds[2];
  must(pipe(fds));
  pollfd p{fds[0], POLLIN, 0};
  int64_t start = now_ms();
  CHECK_EQ(poll(&p, 1, 100), 0);
  CHECK(now_ms() - start >= 100);
  CHECK(now_ms() - start < 5000);
  start = now_ms();
  CHECK_EQ(poll(&p, 1, 0), 0);
  CHECK_EQ(poll(nullptr, 0, 50), 0);
  CHECK(now_ms() - start >= 50);
}

TEST(poll_wakes_for_data) {
  int fds[2];
  must(pipe(fds));
  const pid_t pid = spawn([&] {
    pollfd p{fds[0], POLLIN, 0};
    CHECK_EQ(poll(&p, 1, -1), 1);
    CHECK_EQ(p.revents, POLLIN);
  });
  wait_asleep(pid);
  must(write(fds[1], "x", 1));
  CHECK_CHILD_OK(pid);
}

TEST(poll_wakes_for_room_and_for_hangup) {
  int fds[2];
  must(pipe2(fds, O_NONBLOCK));
  static char data[65536];
  must(write(fds[1], data, sizeof data));
  const pid_t writer = spawn([&] {
    close(fds[0]);
    pollfd p{fds[1], POLLOUT, 0};
    CHECK_EQ(poll(&p, 1, -1), 1);
    CHECK_EQ(p.revents, POLLOUT);
  });
  wait_asleep(writer);
  must(read(fds[0], data, sizeof data));
  CHECK_CHILD_OK(writer);
  const pid_t reader = spawn([&] {
    close(fds[1]);
    pollfd p{fds[0], POLLIN, 0};
    CHECK_EQ(poll(&p, 1, -1), 1);
    CHECK_EQ(p.revents, POLLHUP);
  });
  wait_asleep(reader);
  close(fds[1]);
  CHECK_CHILD_OK(reader);
}

TEST(poll_same_descriptor_twice) {
  int fds[2];
  must(pipe(fds));
  must(write(fds[1], "x", 1));
  pollfd list[2] = {{fds[0], POLLIN, 0}, {fds[0], POLLIN, 0}};
  CHECK_EQ(poll(list, 2, -1), 2);
}

TEST(poll_errors) {
  CHECK_ERRNO(syscall(SYS_poll, 8, 1, 0), EFAULT);
  rlimit limit{};
  must(getrlimit(RLIMIT_NOFILE, &limit));
  CHECK_ERRNO(syscall(SYS_poll, nullptr, limit.rlim_cur + 1, 0), EINVAL);
  pollfd p{0, POLLIN, 0};
  const timespec bad{0, 1000000000};
  CHECK_ERRNO(ppoll(&p, 1, &bad, nullptr), EINVAL);
  const timespec negative{-1, 0};
  CHECK_ERRNO(ppoll(&p, 1, &negative, nullptr), EINVAL);
  sigset_t mask;
  sigemptyset(&mask);
  CHECK_ERRNO(syscall(SYS_ppoll, &p, 1, nullptr, &mask, 4), EINVAL);
}

static volatile sig_atomic_t handled;

TEST(poll_is_interrupted_even_with_sa_restart) {
  struct sigaction action{};
  action.sa_handler = [](int) { handled = handled + 1; };
  action.sa_flags = SA_RESTART;
  must(sigaction(SIGALRM, &action, nullptr));
  const itimerval soon{{0, 50000}, {0, 50000}};
  must(setitimer(ITIMER_REAL, &soon, nullptr));
  int fds[2];
  must(pipe(fds));
  pollfd p{fds[0], POLLIN, 0};
  CHECK_ERRNO(poll(&p, 1, -1), EINTR);
  CHECK_ERRNO(poll(&p, 1, 60000), EINTR);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fds[0], &set);
  CHECK_ERRNO(select(fds[0] + 1, &set, nullptr, nullptr, nullptr), EINTR);
  CHECK(handled >= 3);
}

TEST(ppoll_mask_lets_a_pending_signal_through) {
  struct sigaction action{};
  action.sa_handler = [](int) { handled = 1; };
  must(sigaction(SIGUSR1, &action, nullptr));
  sigset_t block;
  sigset_t old;
  sigemptyset(&block);
  sigaddset(&block, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &block, &old));
  handled = 0;
  raise(SIGUSR1);
  CHECK_EQ(handled, 0);
  int fds[2];
  must(pipe(fds));
  pollfd p{fds[0], POLLIN, 0};
  CHECK_ERRNO(ppoll(&p, 1, nullptr, &old), EINTR);
  CHECK_EQ(handled, 1);
  sigset_t now;
  must(sigprocmask(SIG_BLOCK, nullptr, &now));
  CHECK_EQ(sigismember(&now, SIGUSR1), 1);  // the old mask is back
}

TEST(ppoll_mask_and_ready_descriptor) {
    // When something is ready, the pending signal stays pending under the old mask.
  struct sigaction action{};
  action.sa_handler = [](int) { handled = 1; };
  must(sigaction(SIGUSR1, &action, nullptr));
  handled = 0;
  int fds[2];
  must(pipe(fds));
  must(write(fds[1], "x", 1));
  pollfd p{fds[0], POLLIN, 0};
  sigset_t all;
  sigfillset(&all);
  const timespec zero{0, 0};
  CHECK_EQ(ppoll(&p, 1, &zero, &all), 1);
  CHECK_EQ(p.revents, POLLIN);
  CHECK_EQ(handled, 0);
}

TEST(ppoll_updates_the_remaining_time) {
  int fds[2];
  must(pipe(fds));
  must(write(fds[1], "x", 1));
  pollfd p{fds[0], POLLIN, 0};
  timespec left{100, 0};
  CHECK_EQ(syscall(SYS_ppoll, &p, 1, &left, nullptr, 8), 1);
  CHECK(left.tv_sec == 99 || (left.tv_sec == 100 && left.tv_nsec == 0));
  timespec brief{0, 20000000};
  p.fd = -1;
  CHECK_EQ(syscall(SYS_ppoll, &p, 1, &brief, nullptr, 8), 0);
  CHECK(brief.tv_sec == 0 && brief.tv_nsec == 0);
}

TEST(select_reports_ready_descriptors) {
  int a[2];
  int b[2];
  must(pipe(a));
  must(pipe(b));
  must(write(a[1], "x", 1));
  fd_set readable;
  fd_set writable;
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_SET(a[0], &readable);
  FD_SET(b[0], &readable);
  FD_SET(b[1], &writable);
  CHECK_EQ(select(b[1] + 1, &readable, &writable, nullptr, nullptr), 2);
  CHECK(FD_ISSET(a[0], &readable));
  CHECK(!FD_ISSET(b[0], &readable));
  CHECK(FD_ISSET(b[1], &writable));
}

TEST(select_hangup_is_readable_and_error_is_writable) {
  int a[2];
  int b[2];
  must(pipe(a));
  must(pipe(b));
  close(a[1]);
  close(b[0]);
  fd_set readable;
  fd_set writable;
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_SET(a[0], &readable);
  FD_SET(b[1], &writable);
  timeval zero{0, 0};
  CHECK_EQ(select(b[1] + 1, &readable, &writable, nullptr, &zero), 2);
}

TEST(select_timeout_and_remaining_time) {
  fd_set none;
  FD_ZERO(&none);
  timeval wait{0, 60000};
  const int64_t start = now_ms();
  CHECK_EQ(syscall(SYS_select, 0, nullptr, nullptr, nullptr, &wait), 0);
  CHECK(now_ms() - start >= 60);
  CHECK(wait.tv_sec == 0 && wait.tv_usec == 0);  // Linux writes back what is left
  int fds[2];
  must(pipe(fds));
  FD_SET(fds[0], &none);
  wait = {0, 20000};
  CHECK_EQ(select(fds[0] + 1, &none, nullptr, nullptr, &wait), 0);
  CHECK(!FD_ISSET(fds[0], &none));
}

TEST(select_errors) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(50, &set);
  CHECK_ERRNO(select(51, &set, nullptr, nullptr, nullptr), EBADF);
  CHECK_ERRNO(select(-1, nullptr, nullptr, nullptr, nullptr), EINVAL);
  timeval bad{-1, 0};
  CHECK_ERRNO(select(0, nullptr, nullptr, nullptr, &bad), EINVAL);
  CHECK_ERRNO(syscall(SYS_select, 10, 8, nullptr, nullptr, nullptr), EFAULT);
  const timespec nonsense{0, -1};
  CHECK_ERRNO(pselect(0, nullptr, nullptr, nullptr, &nonsense, nullptr), EINVAL);
}

TEST(pselect_swaps_the_mask) {
  struct sigaction action{};
  action.sa_handler = [](int) { handled = 1; };
  must(sigaction(SIGUSR2, &action, nullptr));
  sigset_t block;
  sigset_t old;
  sigemptyset(&block);
  sigaddset(&block, SIGUSR2);
  must(sigprocmask(SIG_BLOCK, &block, &old));
  handled = 0;
  raise(SIGUSR2);
  const timespec zero{0, 0};
  CHECK_EQ(pselect(0, nullptr, nullptr, nullptr, &zero, nullptr), 0);
  CHECK_EQ(handled, 0);
  CHECK_ERRNO(pselect(0, nullptr, nullptr, nullptr, nullptr, &old), EINTR);
  CHECK_EQ(handled, 1);
}
