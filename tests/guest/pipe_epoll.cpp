// SPDX-License-Identifier: MIT
// epoll: registration, level and edge triggering, one-shot, life time of entries.
#include "test.h"

#include <sys/epoll.h>

#define FAMILY "pipe"

static int add(int ep, int fd, uint32_t events, uint64_t data = 0) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
}

static int ready(int ep, epoll_event* events, int max = 8, int timeout = 0) { return epoll_wait(ep, events, max, timeout); }

TEST(epoll_create_forms) {
  const int ep = CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
  CHECK_EQ(fcntl(ep, F_GETFD), FD_CLOEXEC);
  CHECK_OK(epoll_create(1));
  CHECK_ERRNO(epoll_create(0), EINVAL);
  CHECK_ERRNO(epoll_create1(1), EINVAL);
}

TEST(epoll_level_triggered) {
  const int ep = must(epoll_create1(0));
  int fds[2];
  must(pipe(fds));
  epoll_event events[8];
  CHECK_OK(add(ep, fds[0], EPOLLIN, 0x1122334455667788));
  CHECK_EQ(ready(ep, events), 0);
  must(write(fds[1], "xy", 2));
  CHECK_EQ(ready(ep, events), 1);
  CHECK_EQ(events[0].events, EPOLLIN);
  CHECK_EQ(events[0].data.u64, 0x1122334455667788);
  char c;
  must(read(fds[0], &c, 1));
  CHECK_EQ(ready(ep, events), 1);  // as long as there is something
  must(read(fds[0], &c, 1));
  CHECK_EQ(ready(ep, events), 0);
}

TEST(epoll_edge_triggered) {
  const int ep = must(epoll_create1(0));
  int fds[2];
  must(pipe(fds));
  epoll_event events[8];
  CHECK_OK(add(ep, fds[0], EPOLLIN | EPOLLET));
  must(write(fds[1], "x", 1));
  CHECK_EQ(ready(ep, events), 1);
  CHECK_EQ(ready(ep, events), 0);  // reported once, though it is still readable
  must(write(fds[1], "y", 1));
  CHECK_EQ(ready(ep, events), 1);
}

TEST(epoll_oneshot) {
  const int ep = must(epoll_create1(0));
  int fds[2];
  must(pipe(fds));
  epoll_event events[8];
  CHECK_OK(add(ep, fds[0], EPOLLIN | EPOLLONESHOT));
  must(write(fds[1], "x", 1));
  CHECK_EQ(ready(ep, events), 1);
  CHECK_EQ(ready(ep, events), 0);
  epoll_event again{};
  again.events = EPOLLIN | EPOLLONESHOT;
  CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, fds[0], &again));
  CHECK_EQ(ready(ep, events), 1);
}

TEST(epoll_modify_and_delete) {
  const int ep = must(epoll_create1(0));
  int fds[2];
  must(pipe(fds));
  epoll_event events[8];
  CHECK_OK(add(ep, fds[1], EPOLLIN, 1));
  CHECK_EQ(ready(ep, events), 0);
  epoll_event change{};
  change.events = EPOLLOUT;
  change.data.u64 = 2;
  CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, fds[1], &change));
  CHECK_EQ(ready(ep, events), 1);
  CHECK_EQ(events[0].data.u64, 2);
  CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, fds[1], nullptr));
  CHECK_EQ(ready(ep, events), 0);
  CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, fds[1], nullptr), ENOENT);
  CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, fds[1], &change), ENOENT);
}

TEST(epoll_errors) {
  const int ep = must(epoll_create1(0));
  int fds[2];
  must(pipe(fds));
  epoll_event events[1];
  CHECK_OK(add(ep, fds[0], EPOLLIN));
  CHECK_ERRNO(add(ep, fds[0], EPOLLIN), EEXIST);
  CHECK_ERRNO(add(ep, 99, EPOLLIN), EBADF);
  CHECK_ERRNO(add(99, fds[0], EPOLLIN), EBADF);
  CHECK_ERRNO(add(ep, ep, EPOLLIN), EINVAL);
  CHECK_ERRNO(add(fds[0], fds[1], EPOLLIN), EINVAL);
  write_file("f", "");
  CHECK_ERRNO(add(ep, must(open("f", O_RDONLY)), EPOLLIN), EPERM);
  CHECK_ERRNO(add(ep, must(open(".", O_RDONLY)), EPOLLIN), EPERM);
  CHECK_ERRNO(epoll_wait(ep, events, 0, 0), EINVAL);
  CHECK_ERRNO(epoll_wait(ep, events, -1, 0), EINVAL);
  CHECK_ERRNO(epoll_wait(fds[0], events, 1, 0), EINVAL);
  CHECK_ERRNO(epoll_wait(99, events, 1, 0), EBADF);
  CHECK_ERRNO(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fds[1], 8), EFAULT);
  epoll_event event{};
  CHECK_ERRNO(epoll_ctl(ep, 9, fds[0], &event), EINVAL);
}

TEST(epoll_hangup_is_always_reported) {
  const int ep = must(epoll_create1(0));
  int fds[2];
  must(pipe(fds));
  epoll_event events[8];
  CHECK_OK(add(ep, fds[0], 0));
  close(fds[1]);
  CHECK_EQ(ready(ep, events), 1);
  CHECK_EQ(events[0].events, EPOLLHUP);
}

TEST(epoll_entry_goes_with_the_last_descriptor) {
  const int ep = must(epoll_create1(0));
  int fds[2];
  must(pipe(fds));
  epoll_event events[8];
  CHECK_OK(add(ep, fds[0], EPOLLIN));
  must(write(fds[1], "x", 1));
  const int copy = dup(fds[0]);
  close(fds[0]);
  CHECK_EQ(ready(ep, events), 1);  // the description lives
  close(copy);
  CHECK_EQ(ready(ep, events), 0);
}

TEST(epoll_many_ready_are_rotated) {
  const int ep = must(epoll_create1(0));
  int fds[4][2];
  for (int i = 0; i < 4; ++i) {
    must(pipe(fds[i]));
    CHECK_OK(add(ep, fds[i][0], EPOLLIN, i));
    must(write(fds[i][1], "x", 1));
  }
  unsigned seen = 0;
  epoll_event event;
  for (int i = 0; i < 4; ++i) {
    CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
    seen |= 1u << event.data.u64;
  }
  CHECK_EQ(seen, 15);  // nobody starves
  epoll_event events[8];
  CHECK_EQ(ready(ep, events), 4);
}

TEST(epoll_wait_blocks_and_wakes) {
  const int ep = must(epoll_create1(0));
  int fds[2];
  must(pipe(fds));
  CHECK_OK(add(ep, fds[0], EPOLLIN));
  epoll_event events[1];
  const int64_t start = now_ms();
  CHECK_EQ(epoll_wait(ep, events, 1, 60), 0);
  CHECK(now_ms() - start >= 60);
  const pid_t pid = spawn([&] {
    epoll_event event;
    CHECK_EQ(epoll_wait(ep, &event, 1, -1), 1);
  });
  wait_asleep(pid);
  must(write(fds[1], "x", 1));
  CHECK_CHILD_OK(pid);
}

TEST(epoll_inside_epoll) {
  const int inner = must(epoll_create1(0));
  const int outer = must(epoll_create1(0));
  int fds[2];
  must(pipe(fds));
  CHECK_OK(add(inner, fds[0], EPOLLIN));
  CHECK_OK(add(outer, inner, EPOLLIN));
  epoll_event events[2];
  CHECK_EQ(ready(outer, events, 2), 0);
  must(write(fds[1], "x", 1));
  CHECK_EQ(ready(outer, events, 2), 1);
  CHECK_ERRNO(add(inner, outer, EPOLLIN), ELOOP);
}

TEST(epoll_pwait_swaps_the_mask) {
  static volatile sig_atomic_t handled;
  struct sigaction action{};
  action.sa_handler = [](int) { handled = 1; };
  must(sigaction(SIGUSR1, &action, nullptr));
  sigset_t block;
  sigset_t old;
  sigemptyset(&block);
  sigaddset(&block, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &block, &old));
  raise(SIGUSR1);
  const int ep = must(epoll_create1(0));
  epoll_event event;
  CHECK_ERRNO(epoll_pwait(ep, &event, 1, -1, &old), EINTR);
  CHECK_EQ(handled, 1);
}
