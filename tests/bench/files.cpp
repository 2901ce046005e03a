// SPDX-License-Identifier: MIT
// Files: mapped, written in sequence, listed, renamed. All in /tmp, whatever that is on.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

namespace {

using bench::require;

constexpr char kFile[] = "/tmp/hati-bench-mapped";
constexpr char kFolder[] = "/tmp/hati-bench-folder";
constexpr long kPage = 4096;
constexpr long kPages = 2000;
constexpr int kEntries = 1000;

int file = -1;
char* area = nullptr;
char buffer[65536];

void make_file() {
  require((file = open(kFile, O_RDWR | O_CREAT | O_TRUNC, 0644)) >= 0, kFile);
  for (long i = 0; i < kPages * kPage; i += sizeof buffer) require(write(file, buffer, sizeof buffer) == sizeof buffer, "write");
}
void remove_file() {
  close(file);
  unlink(kFile);
}

// One operation is one page; the mapping itself is made once for kPages of them.
template <int kProtection, int kFlags>
void touch_mapping(long count) {
  for (long done = 0; done < count; done += kPages) {
    area = static_cast<char*>(mmap(nullptr, kPages * kPage, kProtection, kFlags, file, 0));
    require(area != MAP_FAILED, "mmap");
    for (long i = 0; i < kPages && done + i < count; i++) {
      volatile char* byte = area + i * kPage;
      if constexpr ((kProtection & PROT_WRITE) != 0)
        *byte = 1;
      else
        (void)*byte;
    }
    munmap(area, kPages * kPage);
  }
}

void write_sequence(long count) {
  require(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0, "rewind");
  for (long i = 0; i < count; i++) {
    if (i % 256 == 255) require(lseek(file, 0, SEEK_SET) == 0, "lseek");  // 16 MiB at most
    require(write(file, buffer, sizeof buffer) == sizeof buffer, "write");
  }
}

void make_folder() {
  char path[128];
  require(mkdir(kFolder, 0755) == 0, kFolder);
  for (int i = 0; i < kEntries; i++) {
    snprintf(path, sizeof path, "%s/entry-%04d", kFolder, i);
    int made = open(path, O_WRONLY | O_CREAT, 0644);
    require(made >= 0, path);
    close(made);
  }
  require((file = open(kFolder, O_RDONLY | O_DIRECTORY)) >= 0, kFolder);
}
void remove_folder() {
  char path[128];
  close(file);
  for (int i = 0; i < kEntries; i++) {
    snprintf(path, sizeof path, "%s/entry-%04d", kFolder, i);
    unlink(path);
  }
  rmdir(kFolder);
}
// One operation lists all of it.
void list_folder(long count) {
  for (long i = 0; i < count; i++) {
    require(lseek(file, 0, SEEK_SET) == 0, "lseek");
    while (syscall(SYS_getdents64, file, buffer, 32768) > 0) {
    }
  }
}

void make_two_folders() {
  require(mkdir("/tmp/hati-bench-a", 0755) == 0 && mkdir("/tmp/hati-bench-a/x", 0755) == 0 && mkdir("/tmp/hati-bench-b", 0755) == 0,
          "mkdir");
}
void remove_two_folders() {
  rmdir("/tmp/hati-bench-a/x");
  rmdir("/tmp/hati-bench-b/x");
  rmdir("/tmp/hati-bench-a");
  rmdir("/tmp/hati-bench-b");
}
// A folder moves to another parent and back.
void rename_folder(long count) {
  for (long i = 0; i < count; i += 2) {
    require(rename("/tmp/hati-bench-a/x", "/tmp/hati-bench-b/x") == 0, "rename");
    require(rename("/tmp/hati-bench-b/x", "/tmp/hati-bench-a/x") == 0, "rename back");
  }
}

BENCHMARK(fault_file, "fault-file-read", 4000, (touch_mapping<PROT_READ, MAP_SHARED>), make_file, remove_file)
BENCHMARK(fault_shared, "fault-file-write", 4000, (touch_mapping < PROT_READ | PROT_WRITE, MAP_SHARED >), make_file, remove_file)
BENCHMARK(fault_copy, "fault-copy-on-write", 4000, (touch_mapping < PROT_READ | PROT_WRITE, MAP_PRIVATE >), make_file, remove_file)
BENCHMARK(write_sequence, "write-64k-sequential", 256, write_sequence, make_file, remove_file)
BENCHMARK(getdents, "getdents-1000", 20, list_folder, make_folder, remove_folder)
BENCHMARK(rename_folder, "rename-directory", 1000, rename_folder, make_two_folders, remove_two_folders)

}  // namespace
