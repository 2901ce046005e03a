// SPDX-License-Identifier: MIT
// Creation of processes and threads, and switches between them. All run on one CPU.
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

namespace {

using bench::require;

int to_child[2], to_parent[2];
pid_t child;

void pin_to_first_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(0, sizeof set, &set);
}

void fork_exit_wait(long count) {
  for (long i = 0; i < count; i++) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    require(pid > 0 && waitpid(pid, nullptr, 0) == pid, "fork");
  }
}
void vfork_exec_wait(long count) {
  for (long i = 0; i < count; i++) {
    pid_t pid = vfork();
    if (pid == 0) {
      execl("/proc/self/exe", "hati-bench", "--exit", static_cast<char*>(nullptr));
      _exit(1);
    }
    require(pid > 0 && waitpid(pid, nullptr, 0) == pid, "vfork");
  }
}

void spawn_wait(long count) {
  char name[] = "hati-bench", argument[] = "--exit";
  char* arguments[] = {name, argument, nullptr};
  for (long i = 0; i < count; i++) {
    pid_t pid;
    require(posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, arguments, environ) == 0 && waitpid(pid, nullptr, 0) == pid,
            "posix_spawn");
  }
}

void* nothing(void* argument) { return argument; }
void thread_create_join(long count) {
  for (long i = 0; i < count; i++) {
    pthread_t thread;
    require(pthread_create(&thread, nullptr, nothing, nullptr) == 0, "pthread_create");
    pthread_join(thread, nullptr);
  }
}

// Ping-pong with a child: one operation is a round trip.
void echo_bytes(int from, int to, long width) {
  char buffer[8];
  while (read(from, buffer, width) == width)
    if (write(to, buffer, width) != width) break;
  _exit(0);
}
void pipes_setup() {
  pin_to_first_cpu();
  require(pipe(to_child) == 0 && pipe(to_parent) == 0, "pipe");
  child = fork();
  if (child == 0) {
    close(to_child[1]);
    close(to_parent[0]);
    echo_bytes(to_child[0], to_parent[1], 1);
  }
  close(to_child[0]);
  close(to_parent[1]);
}
void end_child() {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}
void pipe_round_trip(long count) {
  char byte = 'x';
  for (long i = 0; i < count; i++) require(write(to_child[1], &byte, 1) == 1 && read(to_parent[0], &byte, 1) == 1, "ping");
}
void events_setup() {
  pin_to_first_cpu();
  to_child[0] = eventfd(0, 0);
  to_parent[0] = eventfd(0, 0);
  require(to_child[0] >= 0 && to_parent[0] >= 0, "eventfd");
  child = fork();
  if (child == 0) echo_bytes(to_child[0], to_parent[0], 8);
}
void event_round_trip(long count) {
  uint64_t value = 1;
  for (long i = 0; i < count; i++) require(write(to_child[0], &value, 8) == 8 && read(to_parent[0], &value, 8) == 8, "ping");
}

int* words;
void futex(int* word, int operation, int value) { syscall(SYS_futex, word, operation, value, nullptr, nullptr, 0); }
void pass(int own, int other, int round) {
  __atomic_store_n(&words[other], round, __ATOMIC_SEQ_CST);
  futex(&words[other], FUTEX_WAKE_PRIVATE, 1);
  int seen;
  while ((seen = __atomic_load_n(&words[own], __ATOMIC_SEQ_CST)) < round) futex(&words[own], FUTEX_WAIT_PRIVATE, seen);
}
void* futex_peer(void* argument) {
  long count = reinterpret_cast<long>(argument);
  for (int round = 1; round <= count; round++) {
    int seen;
    while ((seen = __atomic_load_n(&words[1], __ATOMIC_SEQ_CST)) < round) futex(&words[1], FUTEX_WAIT_PRIVATE, seen);
    __atomic_store_n(&words[0], round, __ATOMIC_SEQ_CST);
    futex(&words[0], FUTEX_WAKE_PRIVATE, 1);
  }
  return nullptr;
}
void futex_round_trip(long count) {
  static int storage[2];
  words = storage;
  words[0] = words[1] = 0;
  pthread_t peer;
  require(pthread_create(&peer, nullptr, futex_peer, reinterpret_cast<void*>(count)) == 0, "pthread_create");
  for (int round = 1; round <= count; round++) pass(0, 1, round);
  pthread_join(peer, nullptr);
}

void yield_setup() {
  pin_to_first_cpu();
  child = fork();
  if (child == 0)
    for (;;) sched_yield();
}
void yield_calls(long count) {
  for (long i = 0; i < count; i++) sched_yield();
}

BENCHMARK(fork, "fork-exit-wait", 200, fork_exit_wait, nullptr, nullptr)
BENCHMARK(exec, "vfork-exec-wait", 60, vfork_exec_wait, nullptr, nullptr)
BENCHMARK(spawn, "posix-spawn-wait", 60, spawn_wait, nullptr, nullptr)
BENCHMARK(thread, "thread-create-join", 500, thread_create_join, nullptr, nullptr)
BENCHMARK(pipe, "pipe-round-trip", 2000, pipe_round_trip, pipes_setup, end_child)
BENCHMARK(event, "eventfd-round-trip", 2000, event_round_trip, events_setup, end_child)
BENCHMARK(futex, "futex-round-trip", 2000, futex_round_trip, pin_to_first_cpu, nullptr)
BENCHMARK(yield, "yield-two-processes", 4000, yield_calls, yield_setup, end_child)

}  // namespace
