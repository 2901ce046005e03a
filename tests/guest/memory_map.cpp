// SPDX-License-Identifier: MIT
// mmap and munmap of anonymous memory: placement, flags, errors, partial unmapping.
#include "test.h"

#include <sys/resource.h>

#define FAMILY "memory"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

static char* map(void* hint, size_t size, int protection = kReadWrite, int flags = kAnonymous, int fd = -1, off_t offset = 0) {
  return static_cast<char*>(mmap(hint, size, protection, flags, fd, offset));
}

// Is there a mapping? mincore fails with ENOMEM where there is none.
static bool mapped(void* address) {
  unsigned char unused;
  return mincore(address, kPage, &unused) == 0;
}

TEST(mmap_gives_zeroed_pages) {
  char* memory = map(nullptr, 10 * kPage);
  REQUIRE(memory != MAP_FAILED);
  CHECK_EQ(reinterpret_cast<uintptr_t>(memory) % kPage, 0);
  for (size_t i = 0; i < 10 * kPage; ++i) REQUIRE(memory[i] == 0);
  memset(memory, 'x', 10 * kPage);
  CHECK_EQ(memory[10 * kPage - 1], 'x');
  CHECK_OK(munmap(memory, 10 * kPage));
  CHECK(!mapped(memory));
}

TEST(mmap_rounds_the_length_up) {
  char* memory = map(nullptr, 1);
  REQUIRE(memory != MAP_FAILED);
  memory[kPage - 1] = 1;
  CHECK_OK(munmap(memory, 1));
  CHECK(!mapped(memory));
}

TEST(mmap_errors) {
  CHECK_ERRNO(map(nullptr, 0), EINVAL);
  CHECK_ERRNO(map(nullptr, ~0UL), ENOMEM);
  CHECK_ERRNO(map(nullptr, 1UL << 47), ENOMEM);
  CHECK_ERRNO(map(nullptr, 1UL << 62), ENOMEM);
  CHECK_ERRNO(map(nullptr, kPage, kReadWrite, MAP_ANONYMOUS), EINVAL);  // neither private nor shared
  CHECK_ERRNO(map(nullptr, kPage, kReadWrite, MAP_PRIVATE, -1), EBADF);
  CHECK_ERRNO(map(reinterpret_cast<void*>(0x10001), kPage, kReadWrite, kAnonymous | MAP_FIXED), EINVAL);
  CHECK_ERRNO(map(reinterpret_cast<void*>(0xfffffffffff000), kPage,  // beyond five levels of page tables too
                  kReadWrite, kAnonymous | MAP_FIXED),
              ENOMEM);
  CHECK_ERRNO(map(reinterpret_cast<void*>(0xffff800000000000), kPage, kReadWrite, kAnonymous | MAP_FIXED), ENOMEM);
  CHECK_ERRNO(map(reinterpret_cast<void*>(0x10000), 1UL << 56, kReadWrite, kAnonymous | MAP_FIXED), ENOMEM);
  CHECK_ERRNO(munmap(reinterpret_cast<void*>(0x10001), kPage), EINVAL);
  CHECK_ERRNO(munmap(reinterpret_cast<void*>(0x10000), 0), EINVAL);
  CHECK_ERRNO(munmap(reinterpret_cast<void*>(0xffff800000000000), kPage), EINVAL);
  CHECK_ERRNO(munmap(reinterpret_cast<void*>(0x10000), ~0UL), EINVAL);
  CHECK_OK(munmap(map_pages(1), kPage));
}

TEST(munmap_of_nothing_succeeds) {
  char* memory = map(nullptr, 4 * kPage);
  CHECK_OK(munmap(memory, 4 * kPage));
  CHECK_OK(munmap(memory, 4 * kPage));
}

TEST(munmap_in_the_middle) {
  char* memory = map(nullptr, 5 * kPage);
  memset(memory, 'x', 5 * kPage);
  CHECK_OK(munmap(memory + kPage, kPage));
  CHECK_OK(munmap(memory + 3 * kPage, kPage));
  CHECK_EQ(memory[0], 'x');
  CHECK(!mapped(memory + kPage));
  CHECK_EQ(memory[2 * kPage], 'x');
  CHECK(!mapped(memory + 3 * kPage));
  CHECK_EQ(memory[4 * kPage], 'x');
  CHECK_OK(munmap(memory, 5 * kPage));  // with holes inside
  CHECK(!mapped(memory + 2 * kPage));
}

TEST(mmap_hint_is_taken_when_free) {
  char* memory = map(nullptr, 4 * kPage);
  must(munmap(memory, 4 * kPage));
  char* again = map(memory, kPage);
  CHECK_EQ(again, memory);
  char* other = map(memory, kPage);  // taken: somewhere else, without harm
  CHECK(other != MAP_FAILED && other != memory);
  char* unaligned = map(memory + 2 * kPage + 5, kPage);
  CHECK_EQ(unaligned, memory + 3 * kPage == unaligned ? memory + 3 * kPage : memory + 2 * kPage);
}

TEST(mmap_fixed_replaces) {
  char* memory = map(nullptr, 3 * kPage);
  memset(memory, 'x', 3 * kPage);
  CHECK_EQ(map(memory + kPage, kPage, kReadWrite, kAnonymous | MAP_FIXED), memory + kPage);
  CHECK_EQ(memory[kPage], 0);
  CHECK_EQ(memory[kPage - 1], 'x');
  CHECK_EQ(memory[2 * kPage], 'x');
}

TEST(mmap_fixed_noreplace) {
  char* memory = map(nullptr, 3 * kPage);
  CHECK_ERRNO(map(memory + kPage, kPage, kReadWrite, kAnonymous | MAP_FIXED_NOREPLACE), EEXIST);
  must(munmap(memory + kPage, kPage));
  CHECK_EQ(map(memory + kPage, kPage, kReadWrite, kAnonymous | MAP_FIXED_NOREPLACE), memory + kPage);
  CHECK_ERRNO(map(memory, 3 * kPage, kReadWrite, kAnonymous | MAP_FIXED_NOREPLACE), EEXIST);
}

TEST(mmap_at_low_addresses) {
  auto* low = reinterpret_cast<char*>(0x10000);  // vm.mmap_min_addr
  CHECK_EQ(map(low, kPage, kReadWrite, kAnonymous | MAP_FIXED), low);
  *low = 1;
  CHECK_OK(munmap(low, kPage));
  IN_CHILD([] {
    drop_privileges();
    CHECK_ERRNO(map(nullptr, kPage, kReadWrite, kAnonymous | MAP_FIXED), EPERM);
  });
  char* somewhere = map(reinterpret_cast<void*>(1), kPage);
  CHECK(somewhere != MAP_FAILED && somewhere != nullptr);
}

TEST(mmap_huge_reservation_costs_nothing) {
  const size_t size = 4UL << 40;
  char* memory = map(nullptr, size, PROT_NONE, kAnonymous | MAP_NORESERVE);
  REQUIRE(memory != MAP_FAILED);
  for (int i = 0; i < 16; ++i) {
    char* chunk = memory + i * (size / 16);
    CHECK_OK(mprotect(chunk, 2 * kPage, kReadWrite));
    chunk[0] = chunk[kPage] = static_cast<char>(i);
  }
  for (int i = 0; i < 16; ++i) CHECK_EQ(memory[i * (size / 16) + kPage], i);
  CHECK_OK(munmap(memory, size));
}

TEST(mmap_fixed_far_away) {
  for (const uintptr_t address : (const uintptr_t[]){0x100000000, 0x200000000000, 0x600000000000, 0x700000000000}) {
    auto* place = reinterpret_cast<char*>(address);
    CHECK_EQ(map(place, 2 * kPage, kReadWrite, kAnonymous | MAP_FIXED_NOREPLACE), place);
    place[kPage] = 5;
    CHECK_EQ(place[kPage], 5);
    CHECK_OK(munmap(place, 2 * kPage));
  }
}

TEST(mmap_many_small_mappings) {
  constexpr int kCount = 1000;
  static char* pages[kCount];
  for (int i = 0; i < kCount; ++i) {
    pages[i] = map(nullptr, kPage, i % 2 == 0 ? kReadWrite : PROT_READ);
    REQUIRE(pages[i] != MAP_FAILED);
    if (i % 2 == 0) *pages[i] = static_cast<char>(i);
  }
  for (int i = 0; i < kCount; i += 2) REQUIRE(*pages[i] == static_cast<char>(i));
  for (int i = 0; i < kCount; ++i) must(munmap(pages[i], kPage));
}

TEST(mmap_write_only_and_flags) {
  char* memory = map(nullptr, kPage, PROT_WRITE);
  REQUIRE(memory != MAP_FAILED);
  *static_cast<volatile char*>(memory) = 1;
  CHECK_EQ(*memory, 1);  // on x86 writable memory is readable
  char* populated = map(nullptr, 4 * kPage, kReadWrite, kAnonymous | MAP_POPULATE);
  REQUIRE(populated != MAP_FAILED);
  unsigned char resident[4] = {};
  CHECK_OK(mincore(populated, 4 * kPage, resident));
  CHECK_EQ(resident[0] & resident[1] & resident[2] & resident[3] & 1, 1);
  char* stack = map(nullptr, 4 * kPage, kReadWrite, kAnonymous | MAP_STACK | MAP_NORESERVE | MAP_DENYWRITE);
  CHECK(stack != MAP_FAILED);
}

TEST(mmap_executable_code_runs) {
  auto* code = map(nullptr, kPage, kReadWrite | PROT_EXEC);
  REQUIRE(code != MAP_FAILED);
  memcpy(code, "\xb8\x2a\x00\x00\x00\xc3", 6);  // mov $42,%eax; ret
  CHECK_EQ(reinterpret_cast<int (*)()>(code)(), 42);
  code[1] = 43;  // x86 programs may change their code without a barrier
  CHECK_EQ(reinterpret_cast<int (*)()>(code)(), 43);
}

TEST(rlimit_as_and_data) {
  IN_CHILD([] {
    const rlimit limit{64UL << 20, 64UL << 20};
    must(setrlimit(RLIMIT_AS, &limit));
    CHECK_ERRNO(map(nullptr, 128UL << 20), ENOMEM);
    char* memory = map(nullptr, 16UL << 20);
    CHECK(memory != MAP_FAILED);
    CHECK_ERRNO(mremap(memory, 16UL << 20, 100UL << 20, MREMAP_MAYMOVE), ENOMEM);
  });
  IN_CHILD([] {
    const rlimit limit{16UL << 20, 16UL << 20};
    must(setrlimit(RLIMIT_DATA, &limit));
    CHECK_ERRNO(map(nullptr, 32UL << 20), ENOMEM);
    CHECK(map(nullptr, 32UL << 20, PROT_READ) != MAP_FAILED);  // only writable private memory counts
    char* end = static_cast<char*>(sbrk(0));
    CHECK_EQ(syscall(SYS_brk, end + (32L << 20)), reinterpret_cast<long>(end));
  });
}
