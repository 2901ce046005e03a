// SPDX-License-Identifier: MIT
// The disk: rows named disk-*, which run where the root file system is on one (main.cpp). What was cached is dropped before each round of reads.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

namespace {

using bench::require;

constexpr char kFile[] = "/hati-bench-file";
constexpr long kBytes = 32 << 20;
constexpr long kPiece = 64 << 10;
constexpr long kPage = 4096;

int file = -1;
char buffer[kPiece];

void make_file() {
  require((file = open(kFile, O_RDWR | O_CREAT | O_TRUNC, 0644)) >= 0, kFile);
  for (long i = 0; i < kBytes; i += kPiece) {
    for (long at = 0; at < kPiece; at += 8) *reinterpret_cast<long*>(buffer + at) = i + at;
    require(write(file, buffer, kPiece) == kPiece, "write");
  }
  require(fsync(file) == 0, "fsync");
}
void remove_file() {
  close(file);
  unlink(kFile);
}
void drop_cache() { require(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0, "posix_fadvise"); }

void read_sequence(long count) {
  drop_cache();
  for (long i = 0; i < count; i++) {
    long at = i * kPiece % kBytes;
    require(pread(file, buffer, kPiece, at) == kPiece && *reinterpret_cast<long*>(buffer + 8) == at + 8, "pread");
  }
}

// Pages in an order that read-ahead does not guess; each once.
void read_random(long count) {
  drop_cache();
  require(posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM) == 0, "posix_fadvise");
  for (long i = 0; i < count; i++) {
    long at = i * 2657 % (kBytes / kPage) * kPage;
    require(pread(file, buffer, kPage, at) == kPage && *reinterpret_cast<long*>(buffer) == at, "pread");
  }
}

void write_and_sync(long count) {
  for (long i = 0; i < count; i++) {
    require(pwrite(file, buffer, kPage, i * kPage % kBytes) == kPage, "pwrite");
    require(fdatasync(file) == 0, "fdatasync");
  }
}

void append_and_sync(long count) {
  for (long i = 0; i < count; i++) {
    require(write(file, buffer, kPage) == kPage, "write");
    require(fsync(file) == 0, "fsync");
  }
}

// What reaches the cache, and then the disk.
void write_sequence(long count) {
  require(lseek(file, 0, SEEK_SET) == 0, "lseek");
  for (long i = 0; i < count; i++) require(write(file, buffer, kPiece) == kPiece, "write");
  require(fsync(file) == 0, "fsync");
}

void create_and_unlink(long count) {
  char path[64];
  for (long i = 0; i < count; i++) {
    snprintf(path, sizeof path, "/hati-bench-%ld", i % 100);
    int made = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    require(made >= 0, path);
    close(made);
    unlink(path);
  }
}

BENCHMARK(read_sequence, "disk-read-64k-sequential", kBytes / kPiece, read_sequence, make_file, remove_file)
BENCHMARK(read_random, "disk-read-4k-random", 2000, read_random, make_file, remove_file)
BENCHMARK(write_sequence, "disk-write-64k-sequential-fsync", kBytes / kPiece, write_sequence, make_file, remove_file)
BENCHMARK(write_and_sync, "disk-write-4k-fdatasync", 200, write_and_sync, make_file, remove_file)
BENCHMARK(append_and_sync, "disk-append-4k-fsync", 200, append_and_sync, make_file, remove_file)
BENCHMARK(create, "disk-create-unlink", 500, create_and_unlink, nullptr, nullptr)

}  // namespace
