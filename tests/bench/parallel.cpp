// SPDX-License-Identifier: MIT
// Two processes on two CPUs doing the same work. The figure is the time of both together for one operation of each; with the one-process row
// beside it, it tells how well the work scales. The integer loop is the control: hosts are noisy.
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

namespace {

using bench::require;

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

volatile long sink;
void loop(long count) {
  for (long i = 0; i < count; i++) sink = sink * 3 + i;
}
void calls(long count) {
  for (long i = 0; i < count; i++) syscall(SYS_getppid);
}
void faults(long count) {
  constexpr long kPages = 1000;
  char* area = static_cast<char*>(mmap(nullptr, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  require(area != MAP_FAILED, "mmap");
  madvise(area, kPages * 4096, MADV_NOHUGEPAGE);
  for (long done = 0; done < count; done += kPages) {
    for (long i = 0; i < kPages; i++) area[i * 4096] = 1;
    madvise(area, kPages * 4096, MADV_DONTNEED);
  }
  munmap(area, kPages * 4096);
}
void forks(long count) {
  for (long i = 0; i < count; i++) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    require(pid > 0 && waitpid(pid, nullptr, 0) == pid, "fork");
  }
}

// Both sides are created first, so that only the work is in parallel; each does `count` operations.
template <void (*kWork)(long), int kProcesses>
void together(long count) {
  pid_t children[kProcesses];
  for (int i = 0; i < kProcesses; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      if (sysconf(_SC_NPROCESSORS_ONLN) > 1) pin(i);
      kWork(count);
      _exit(0);
    }
  }
  for (pid_t child : children) require(waitpid(child, nullptr, 0) == child, "waitpid");
}

BENCHMARK(loop1, "control-loop-x1", 20000000, (together<loop, 1>), nullptr, nullptr)
BENCHMARK(loop2, "control-loop-x2", 20000000, (together<loop, 2>), nullptr, nullptr)
BENCHMARK(calls1, "parallel-getppid-x1", 100000, (together<calls, 1>), nullptr, nullptr)
BENCHMARK(calls2, "parallel-getppid-x2", 100000, (together<calls, 2>), nullptr, nullptr)
BENCHMARK(faults1, "parallel-fault-x1", 20000, (together<faults, 1>), nullptr, nullptr)
BENCHMARK(faults2, "parallel-fault-x2", 20000, (together<faults, 2>), nullptr, nullptr)
BENCHMARK(forks1, "parallel-fork-x1", 300, (together<forks, 1>), nullptr, nullptr)
BENCHMARK(forks2, "parallel-fork-x2", 300, (together<forks, 2>), nullptr, nullptr)

}  // namespace
