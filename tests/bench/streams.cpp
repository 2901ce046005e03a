// SPDX-License-Identifier: MIT
// Bytes between two processes on one CPU, and waiting for many descriptors.
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

namespace {

using bench::require;

constexpr int kMany = 1000;
constexpr long kBlock = 65536;

int ends[2];
pid_t child;
char buffer[kBlock];

void pin_to_first_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(0, sizeof set, &set);
}

// A child that takes all that comes, on the first end.
void start_drain() {
  pin_to_first_cpu();
  child = fork();
  require(child >= 0, "fork");
  if (child != 0) return;
  close(ends[1]);
  while (read(ends[0], buffer, kBlock) > 0) {
  }
  _exit(0);
}
void pipe_drain() {
  require(pipe(ends) == 0, "pipe");
  start_drain();
}
void socket_drain() {
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  start_drain();
}
void end_child() {
  close(ends[1]);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}
// One operation is 64 KiB.
void send_blocks(long count) {
  for (long i = 0; i < count; i++)
    for (long sent = 0; sent < kBlock;) {
      ssize_t part = write(ends[1], buffer + sent, kBlock - sent);
      require(part > 0, "write");
      sent += part;
    }
}

void socket_echo() {
  pin_to_first_cpu();
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  child = fork();
  require(child >= 0, "fork");
  if (child != 0) return;
  close(ends[1]);
  while (read(ends[0], buffer, 1) == 1)
    if (write(ends[0], buffer, 1) != 1) break;
  _exit(0);
}
void socket_round_trip(long count) {
  for (long i = 0; i < count; i++) require(write(ends[1], buffer, 1) == 1 && read(ends[1], buffer, 1) == 1, "ping");
}

int set = -1;
pollfd polled[kMany];

// `watched` event counters of which one is ready.
void make_counters(int watched) {
  rlimit limit{kMany + 100, kMany + 100};
  setrlimit(RLIMIT_NOFILE, &limit);
  require((set = epoll_create1(0)) >= 0, "epoll_create1");
  for (int i = 0; i < watched; i++) {
    int counter = eventfd(i == watched / 2 ? 1 : 0, EFD_NONBLOCK);
    require(counter >= 0, "eventfd");
    epoll_event event{EPOLLIN, {}};
    event.data.fd = counter;
    require(epoll_ctl(set, EPOLL_CTL_ADD, counter, &event) == 0, "epoll_ctl");
    polled[i] = {counter, POLLIN, 0};
  }
}
void make_one() { make_counters(1); }
void make_many() { make_counters(kMany); }

void epoll_ready(long count) {
  epoll_event event;
  for (long i = 0; i < count; i++) require(epoll_wait(set, &event, 1, -1) == 1, "epoll_wait");
}
template <int kWatched>
void poll_ready(long count) {
  for (long i = 0; i < count; i++) require(poll(polled, kWatched, -1) == 1, "poll");
}

BENCHMARK(pipe_blocks, "pipe-64k", 200, send_blocks, pipe_drain, end_child)
BENCHMARK(socket_blocks, "unix-socket-64k", 200, send_blocks, socket_drain, end_child)
BENCHMARK(socket_ping, "unix-socket-round-trip", 2000, socket_round_trip, socket_echo, end_child)
BENCHMARK(epoll_one, "epoll-1", 5000, epoll_ready, make_one, nullptr)
BENCHMARK(epoll_many, "epoll-1000", 5000, epoll_ready, make_many, nullptr)
BENCHMARK(poll_one, "poll-1", 5000, (poll_ready<1>), make_one, nullptr)
BENCHMARK(poll_many, "poll-1000", 100, (poll_ready<kMany>), make_many, nullptr)

}  // namespace
