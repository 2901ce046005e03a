// SPDX-License-Identifier: MIT
// Single system calls, memory faults and signals, in one process.
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

namespace {

using bench::require;

int file = -1;
char* area = nullptr;
constexpr long kFaultPages = 2000;
constexpr char kPath[] = "/tmp/hati-bench-file";

// Controls: no system call is made.
volatile long sink;
void control_loop(long count) {
  for (long i = 0; i < count; i++) sink = sink * 3 + i;
}
char copy_from[65536], copy_to[65536];
void control_copy(long count) {
  for (long i = 0; i < count; i++) {
    memcpy(copy_to, copy_from, sizeof copy_to);
    asm volatile("" ::: "memory");
  }
}

void getppid_calls(long count) {
  for (long i = 0; i < count; i++) syscall(SYS_getppid);
}
void clock_raw(long count) {
  timespec time;
  for (long i = 0; i < count; i++) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
}
void clock_vdso(long count) {
  timespec time;
  for (long i = 0; i < count; i++) clock_gettime(CLOCK_MONOTONIC, &time);
}

void open_zero() { require((file = open("/dev/zero", O_RDONLY)) >= 0, "/dev/zero"); }
void open_null() { require((file = open("/dev/null", O_WRONLY)) >= 0, "/dev/null"); }
void make_file() {
  require((file = open(kPath, O_RDWR | O_CREAT | O_TRUNC, 0644)) >= 0, kPath);
  for (int i = 0; i < 16; i++) require(write(file, copy_from, sizeof copy_from) == sizeof copy_from, "write");
}
void close_file() { close(file); }
void remove_file() {
  close(file);
  unlink(kPath);
}

void read_byte(long count) {
  char byte;
  for (long i = 0; i < count; i++) require(read(file, &byte, 1) == 1, "read");
}
void write_byte(long count) {
  char byte = 'x';
  for (long i = 0; i < count; i++) require(write(file, &byte, 1) == 1, "write");
}
void open_close(long count) {
  for (long i = 0; i < count; i++) {
    int fd = open(kPath, O_RDONLY);
    require(fd >= 0, "open");
    close(fd);
  }
}
void stat_calls(long count) {
  struct stat status;
  for (long i = 0; i < count; i++) require(stat(kPath, &status) == 0, "stat");
}
void fstat_calls(long count) {
  struct stat status;
  for (long i = 0; i < count; i++) require(fstat(file, &status) == 0, "fstat");
}
void pread_4k(long count) {
  for (long i = 0; i < count; i++) require(pread(file, copy_to, 4096, (i & 15) * 65536) == 4096, "pread");
}
void pread_64k(long count) {
  for (long i = 0; i < count; i++) require(pread(file, copy_to, 65536, (i & 15) * 65536) == 65536, "pread");
}
void create_unlink(long count) {
  for (long i = 0; i < count; i++) {
    int fd = open("/tmp/hati-bench-new", O_RDWR | O_CREAT | O_EXCL, 0600);
    require(fd >= 0, "create");
    close(fd);
    require(unlink("/tmp/hati-bench-new") == 0, "unlink");
  }
}

void map_area() {
  area = static_cast<char*>(mmap(nullptr, kFaultPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  require(area != MAP_FAILED, "mmap");
  madvise(area, kFaultPages * 4096, MADV_NOHUGEPAGE);
}
void unmap_area() { munmap(area, kFaultPages * 4096); }
// One operation is one fault; the pages are given back outside of what is counted only as one call per round.
void fault_pages(long count) {
  for (long done = 0; done < count; done += kFaultPages) {
    for (long i = 0; i < kFaultPages && done + i < count; i++) area[i * 4096] = 1;
    madvise(area, kFaultPages * 4096, MADV_DONTNEED);
  }
}
void map_unmap(long count) {
  for (long i = 0; i < count; i++) {
    void* p = mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(p != MAP_FAILED, "mmap");
    munmap(p, 65536);
  }
}

volatile sig_atomic_t signals;
void on_signal(int) { signals = signals + 1; }
void signal_setup() { signal(SIGUSR1, on_signal); }
void signal_self(long count) {
  pid_t self = getpid();
  for (long i = 0; i < count; i++) kill(self, SIGUSR1);
}

BENCHMARK(control_loop, "control-loop", 2000000, control_loop, nullptr, nullptr)
BENCHMARK(control_copy, "control-copy-64k", 300, control_copy, nullptr, nullptr)
BENCHMARK(getppid, "getppid", 20000, getppid_calls, nullptr, nullptr)
BENCHMARK(clock_raw, "clock-gettime-call", 20000, clock_raw, nullptr, nullptr)
BENCHMARK(clock_vdso, "clock-gettime-vdso", 50000, clock_vdso, nullptr, nullptr)
BENCHMARK(read_zero, "read-1-zero", 20000, read_byte, open_zero, close_file)
BENCHMARK(write_null, "write-1-null", 20000, write_byte, open_null, close_file)
BENCHMARK(open_close, "open-close", 4000, open_close, make_file, remove_file)
BENCHMARK(stat, "stat", 4000, stat_calls, make_file, remove_file)
BENCHMARK(fstat, "fstat", 10000, fstat_calls, make_file, remove_file)
BENCHMARK(pread_4k, "pread-4k", 4000, pread_4k, make_file, remove_file)
BENCHMARK(pread_64k, "pread-64k", 400, pread_64k, make_file, remove_file)
BENCHMARK(create_unlink, "create-unlink", 2000, create_unlink, nullptr, nullptr)
BENCHMARK(fault, "fault-anonymous", 6000, fault_pages, map_area, unmap_area)
BENCHMARK(map_unmap, "mmap-munmap", 4000, map_unmap, nullptr, nullptr)
BENCHMARK(signal_self, "signal-delivery", 4000, signal_self, signal_setup, nullptr)

}  // namespace
