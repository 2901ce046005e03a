// SPDX-License-Identifier: MIT
// The harness: warms up, runs each benchmark in rounds, prints the median time of one operation.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

namespace bench {

namespace {
Benchmark* first = nullptr;
Benchmark** last = &first;
constexpr int kRounds = 5;

int compare(const void* a, const void* b) {
  uint64_t x = *static_cast<const uint64_t*>(a), y = *static_cast<const uint64_t*>(b);
  return x < y ? -1 : x > y;
}

void measure(const Benchmark& benchmark) {
  if (benchmark.setup != nullptr) benchmark.setup();
  benchmark.run(benchmark.count / 10 + 1);
  uint64_t times[kRounds];
  for (uint64_t& time : times) {
    uint64_t start = now_ns();
    benchmark.run(benchmark.count);
    time = now_ns() - start;
  }
  if (benchmark.teardown != nullptr) benchmark.teardown();
  qsort(times, kRounds, sizeof times[0], compare);
  printf("BENCH %s %.1f ns\n", benchmark.name, static_cast<double>(times[kRounds / 2]) / static_cast<double>(benchmark.count));
  fflush(stdout);
}

// Each benchmark in a process of its own: what one leaves behind cannot slow down the next.
bool measure_in_child(const Benchmark& benchmark) {
  pid_t child = fork();
  if (child == 0) {
    measure(benchmark);
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) != child) {
  }
  if (status != 0) printf("BENCH-FAILED %s status %#x\n", benchmark.name, status);
  return status == 0;
}

bool on_disk() {
  constexpr long kExtMagic = 0xEF53;
  struct statfs root;
  return statfs("/", &root) == 0 && root.f_type == kExtMagic;
}

bool fits(const char* name) {
  static const bool disk = on_disk();
  return strncmp(name, "control-", 8) == 0 || (strncmp(name, "disk-", 5) == 0) == disk;
}

bool selected(const char* name, int argc, char** argv) {
  if (!fits(name)) return false;
  bool any = false;
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] == '-') continue;
    any = true;
    if (strstr(name, argv[i]) != nullptr) return true;
  }
  return !any;
}

void prepare_as_init() {
  mkdir("/proc", 0755);
  mkdir("/dev", 0755);
  mkdir("/tmp", 01777);
  mount("proc", "/proc", "proc", 0, nullptr);
  mount("tmpfs", "/tmp", "tmpfs", 0, nullptr);
  if (access("/dev/zero", F_OK) != 0) mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
}
}  // namespace

Registration::Registration(Benchmark& benchmark) {
  *last = &benchmark;
  last = &benchmark.next;
}

uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

void give_up(const char* what) {
  perror(what);
  _exit(1);
}

}  // namespace bench

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--exit") == 0) return 0;  // what vfork-exec-wait executes
  const bool init = getpid() == 1;
  if (init) bench::prepare_as_init();
  bool good = true;
  int count = 0;
  for (const bench::Benchmark* b = bench::first; b != nullptr; b = b->next) {
    if (!bench::selected(b->name, argc, argv)) continue;
    count++;
    if (argc > 1 && strcmp(argv[1], "-l") == 0) {
      puts(b->name);
    } else {
      good &= bench::measure_in_child(*b);
    }
  }
  printf("BENCH-END %d\n", count);
  fflush(stdout);
  if (init) {
    sync();
    reboot(RB_POWER_OFF);
  }
  return good ? 0 : 1;
}
