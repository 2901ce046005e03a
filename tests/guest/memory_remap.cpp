// SPDX-License-Identifier: MIT
// mremap and brk.
#include "test.h"

#define FAMILY "memory"

static bool mapped(void* address) {
  unsigned char unused;
  return mincore(address, kPage, &unused) == 0;
}

TEST(mremap_shrinks_in_place) {
  char* memory = map_pages(4);
  memset(memory, 'x', 4 * kPage);
  CHECK_EQ(mremap(memory, 4 * kPage, 2 * kPage, 0), memory);
  CHECK_EQ(memory[2 * kPage - 1], 'x');
  CHECK(!mapped(memory + 2 * kPage));
}

TEST(mremap_grows_in_place_or_fails) {
  char* memory = map_pages(8);
  must(munmap(memory + 2 * kPage, 2 * kPage));
  memset(memory, 'x', 2 * kPage);
  CHECK_EQ(mremap(memory, 2 * kPage, 4 * kPage, 0), memory);
  CHECK_EQ(memory[kPage], 'x');
  CHECK_EQ(memory[3 * kPage], 0);
  CHECK_ERRNO(mremap(memory, 4 * kPage, 5 * kPage, 0), ENOMEM);  // the next page is taken
}

TEST(mremap_moves) {
  char* memory = map_pages(3);
  must(mprotect(memory + 2 * kPage, kPage, PROT_NONE));  // in the way
  memset(memory, 'x', 2 * kPage);
  auto* moved = static_cast<char*>(mremap(memory, 2 * kPage, 64 * kPage, MREMAP_MAYMOVE));
  REQUIRE(moved != MAP_FAILED);
  CHECK(moved != memory);
  CHECK(moved[0] == 'x' && moved[2 * kPage - 1] == 'x' && moved[2 * kPage] == 0);
  moved[64 * kPage - 1] = 1;
  CHECK(!mapped(memory));
  CHECK(mapped(memory + 2 * kPage));
}

TEST(mremap_fixed) {
  char* memory = map_pages(2);
  char* place = map_pages(4);
  memset(memory, 'm', 2 * kPage);
  memset(place, 'p', 4 * kPage);
  CHECK_EQ(mremap(memory, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, place + kPage), place + kPage);
  CHECK_EQ(place[0], 'p');
  CHECK_EQ(place[kPage], 'm');
  CHECK_EQ(place[3 * kPage - 1], 'm');
  CHECK_EQ(place[3 * kPage], 'p');
  CHECK(!mapped(memory));
}

TEST(mremap_errors) {
  char* memory = map_pages(4);
  CHECK_ERRNO(mremap(memory + 1, kPage, kPage, 0), EINVAL);
  CHECK_ERRNO(mremap(memory, kPage, 0, 0), EINVAL);
  CHECK_ERRNO(mremap(memory, kPage, kPage, 0x100), EINVAL);
  CHECK_ERRNO(mremap(memory, kPage, kPage, MREMAP_FIXED, memory + kPage), EINVAL);  // needs MAYMOVE
  CHECK_ERRNO(mremap(memory, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, memory + kPage), EINVAL);  // overlap
  CHECK_ERRNO(mremap(memory, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, reinterpret_cast<char*>(0xfffffffffff000)), EINVAL);
  must(munmap(memory, 4 * kPage));
  CHECK_ERRNO(mremap(memory, kPage, 2 * kPage, MREMAP_MAYMOVE), EFAULT);
  char* two = map_pages(3);
  must(mprotect(two + kPage, kPage, PROT_READ));
  CHECK_ERRNO(mremap(two, 2 * kPage, 8 * kPage, MREMAP_MAYMOVE), EFAULT);  // spans two mappings
}

TEST(mremap_of_a_shared_file_mapping) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  must(ftruncate(fd, 8 * kPage));
  auto* memory = static_cast<char*>(mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  memory[0] = 'A';
  auto* bigger = static_cast<char*>(mremap(memory, 2 * kPage, 8 * kPage, MREMAP_MAYMOVE));
  REQUIRE(bigger != MAP_FAILED);
  CHECK_EQ(bigger[0], 'A');
  bigger[7 * kPage] = 'H';
  char c = 0;
  CHECK_EQ(pread(fd, &c, 1, 7 * kPage), 1);
  CHECK_EQ(c, 'H');
}

TEST(mremap_realloc_pattern) {
  size_t pages = 1;
  char* memory = map_pages(1);
  for (int round = 0; round < 8; ++round) {
    memory[(pages - 1) * kPage] = static_cast<char>('A' + round);
    auto* bigger = static_cast<char*>(mremap(memory, pages * kPage, 2 * pages * kPage, MREMAP_MAYMOVE));
    REQUIRE(bigger != MAP_FAILED);
    memory = bigger;
    CHECK_EQ(memory[(pages - 1) * kPage], 'A' + round);
    pages *= 2;
  }
  CHECK_EQ(memory[0], 'A');
  CHECK_EQ(memory[kPage], 'B');
}

static char* current_break() { return reinterpret_cast<char*>(syscall(SYS_brk, 0)); }

TEST(brk_grows_and_shrinks) {
  char* start = current_break();
  CHECK_EQ(syscall(SYS_brk, start + 3 * kPage + 100), reinterpret_cast<long>(start + 3 * kPage + 100));
  memset(start, 'b', 3 * kPage + 100);
  CHECK_EQ(current_break(), start + 3 * kPage + 100);
  CHECK_EQ(syscall(SYS_brk, start + kPage), reinterpret_cast<long>(start + kPage));
  CHECK_EQ(start[kPage - 1], 'b');
  CHECK_EQ(syscall(SYS_brk, start + 3 * kPage), reinterpret_cast<long>(start + 3 * kPage));
  auto* page = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(start) + 2 * kPage - 1) & ~(kPage - 1));
  CHECK_EQ(page[100], 0);  // what was given back comes back as zeros
}

TEST(brk_refuses_by_returning_the_old_value) {
  char* start = current_break();
  CHECK_EQ(syscall(SYS_brk, 8), reinterpret_cast<long>(start));
  CHECK_EQ(syscall(SYS_brk, ~0UL), reinterpret_cast<long>(start));
  CHECK_EQ(syscall(SYS_brk, 0x7fffffffe000), reinterpret_cast<long>(start));
}

TEST(brk_stops_at_another_mapping) {
  char* start = current_break();
  auto* next = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(start) + 16 * kPage) & ~(kPage - 1));
  auto* wall = mmap(next, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  REQUIRE(wall == next);
  CHECK_EQ(syscall(SYS_brk, next + 10 * kPage), reinterpret_cast<long>(start));
  CHECK_EQ(syscall(SYS_brk, start + kPage), reinterpret_cast<long>(start + kPage));
}

TEST(brk_memory_is_an_ordinary_mapping) {
    // musl maps a guard over the first page of its heap.
  char* start = current_break();
  must(syscall(SYS_brk, start + 8 * kPage));
  auto* page = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(start) + kPage - 1) & ~(kPage - 1));
  CHECK_EQ(mmap(page, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), page);
  page[kPage] = 1;
  CHECK_EQ(catch_fault([](void* p) { (void)*static_cast<volatile char*>(p); }, page).signal, SIGSEGV);
}

TEST(brk_is_inherited_by_fork) {
  char* start = current_break();
  IN_CHILD([&] {
    CHECK_EQ(current_break(), start);
    must(syscall(SYS_brk, start + 4 * kPage));
  });
  CHECK_EQ(current_break(), start);
}
