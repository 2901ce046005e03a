// SPDX-License-Identifier: MIT
// madvise, mincore, mlock, the growing stack, and what /proc/self/maps says.
#include "test.h"

#include <sys/resource.h>

#define FAMILY "memory"

TEST(madvise_dontneed_gives_zero_pages) {
  char* memory = map_pages(4);
  memset(memory, 'x', 4 * kPage);
  CHECK_OK(madvise(memory + kPage, 2 * kPage, MADV_DONTNEED));
  CHECK_EQ(memory[kPage - 1], 'x');
  for (size_t i = kPage; i < 3 * kPage; ++i) REQUIRE(memory[i] == 0);
  CHECK_EQ(memory[3 * kPage], 'x');
}

TEST(madvise_dontneed_of_file_mappings_rereads) {
  write_file("f", "original");
  const int fd = must(open("f", O_RDWR));
  auto* memory = static_cast<char*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  memory[0] = 'X';
  CHECK_OK(madvise(memory, kPage, MADV_DONTNEED));
  CHECK_EQ(memory[0], 'o');
  auto* shared = static_cast<char*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  shared[0] = 'S';
  CHECK_OK(madvise(shared, kPage, MADV_DONTNEED));
  CHECK_EQ(shared[0], 'S');
}

TEST(madvise_hints_and_errors) {
  char* memory = map_pages(4);
  memset(memory, 'x', 4 * kPage);
  for (const int advice :
       (const int[]){MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTDUMP, MADV_DODUMP, MADV_DOFORK}) {
    CHECK_OK(madvise(memory, 4 * kPage, advice));
  }
  CHECK_EQ(memory[0], 'x');
  CHECK_OK(madvise(memory, 0, MADV_DONTNEED));
  CHECK_ERRNO(madvise(memory, kPage, 9999), EINVAL);
  CHECK_ERRNO(madvise(memory + 1, kPage, MADV_DONTNEED), EINVAL);
  CHECK_ERRNO(madvise(memory, ~0UL - kPage, MADV_DONTNEED), EINVAL);
  must(munmap(memory + kPage, kPage));
  CHECK_ERRNO(madvise(memory, 4 * kPage, MADV_DONTNEED), ENOMEM);
  CHECK_EQ(memory[0], 0);  // what is mapped was treated all the same
  CHECK_EQ(memory[2 * kPage], 0);
}

TEST(madvise_free_may_give_zeros_or_keep) {
  char* memory = map_pages(1);
  memset(memory, 'x', kPage);
  CHECK_OK(madvise(memory, kPage, MADV_FREE));
  CHECK(memory[5] == 'x' || memory[5] == 0);
  memory[5] = 'y';  // writing cancels it
  CHECK_EQ(memory[5], 'y');
}

TEST(madvise_dontfork) {
  char* memory = map_pages(2);
  must(madvise(memory, kPage, MADV_DONTFORK));
  IN_CHILD([&] {
    unsigned char unused;
    CHECK_ERRNO(mincore(memory, kPage, &unused), ENOMEM);
    CHECK_EQ(memory[kPage], 0);
  });
  CHECK_EQ(memory[0], 0);
}

TEST(mincore_reports_residence) {
  char* memory = map_pages(4);
  unsigned char resident[4] = {9, 9, 9, 9};
  CHECK_OK(mincore(memory, 4 * kPage, resident));
  CHECK_EQ(resident[0] & 1, 0);
  memory[kPage] = 1;
  memory[3 * kPage] = 1;
  CHECK_OK(mincore(memory, 4 * kPage, resident));
  CHECK_EQ(resident[1] & resident[3] & 1, 1);
  CHECK_EQ((resident[0] | resident[2]) & 1, 0);
  CHECK_ERRNO(mincore(memory + 1, kPage, resident), EINVAL);
  CHECK_ERRNO(mincore(memory, kPage, reinterpret_cast<unsigned char*>(8)), EFAULT);
  must(munmap(memory + 2 * kPage, kPage));
  CHECK_ERRNO(mincore(memory, 4 * kPage, resident), ENOMEM);
}

TEST(mlock_basics) {
  char* memory = map_pages(2);
  CHECK_OK(mlock(memory, 2 * kPage));
  unsigned char resident[2] = {};
  CHECK_OK(mincore(memory, 2 * kPage, resident));
  CHECK_EQ(resident[0] & resident[1] & 1, 1);
  CHECK_OK(munlock(memory, 2 * kPage));
  must(munmap(memory + kPage, kPage));
  CHECK_ERRNO(mlock(memory, 2 * kPage), ENOMEM);
  CHECK_ERRNO(mlockall(0x100), EINVAL);
  CHECK_OK(munlockall());
}

[[gnu::noinline]] static size_t use_stack(size_t bytes) {
  volatile auto* room = static_cast<volatile char*>(__builtin_alloca(bytes));
  size_t sum = 0;
  for (size_t i = 0; i < bytes; i += kPage) {
    room[bytes - 1 - i] = 1;  // downwards
    sum += static_cast<size_t>(room[bytes - 1 - i]);
  }
  return sum;
}

TEST(stack_grows_on_demand) {
  rlimit limit{};
  must(getrlimit(RLIMIT_STACK, &limit));
  CHECK(limit.rlim_cur >= (8UL << 20));
  CHECK_EQ(use_stack(4UL << 20), 1024);
  CHECK_EQ(use_stack(6UL << 20), 1536);
}

TEST(stack_grows_for_system_calls) {
    // A buffer below the lowest touched page of the stack, first touched by the kernel.
  int fds[2];
  must(pipe(fds));
  must(write(fds[1], "stack", 5));
  char* here = static_cast<char*>(__builtin_alloca(512 * 1024));
  CHECK_EQ(read(fds[0], here, 5), 5);
  CHECK(memcmp(here, "stack", 5) == 0);
}

HELPER(stack_limit) { return use_stack(static_cast<size_t>(atol(argv[1]))) > 0 ? 0 : 1; }

TEST(stack_limit_is_enforced) {
  const auto run = [](const char* bytes) {
    return wait_status(spawn([bytes] {
      const rlimit limit{2UL << 20, 2UL << 20};
      must(setrlimit(RLIMIT_STACK, &limit));
      exec_helper("stack_limit", bytes);
    }));
  };
  CHECK_EXITED(run("1000000"), 0);
  CHECK_SIGNALED(run("4000000"), SIGSEGV);
}

struct Line {
  uintptr_t start, end;
  char flags[8];
  char path[128];
};

static bool find_mapping(const void* address, Line* found) {
  static char text[32768];
  if (read_file("/proc/self/maps", text, sizeof text) <= 0) return false;
  for (char* line = strtok(text, "\n"); line != nullptr; line = strtok(nullptr, "\n")) {
    Line l{};
    sscanf(line, "%lx-%lx %7s %*s %*s %*s %127s", &l.start, &l.end, l.flags, l.path);
    const auto a = reinterpret_cast<uintptr_t>(address);
    if (a >= l.start && a < l.end) {
      *found = l;
      return true;
    }
  }
  return false;
}

TEST(maps_file_agrees) {
  Line line{};
  char* memory = map_pages(3);
  REQUIRE(find_mapping(memory + kPage, &line));
  CHECK_STR(line.flags, "rw-p");
  must(mprotect(memory + kPage, kPage, PROT_READ | PROT_EXEC));
  REQUIRE(find_mapping(memory + kPage, &line));
  CHECK_STR(line.flags, "r-xp");
  CHECK_EQ(line.start, reinterpret_cast<uintptr_t>(memory + kPage));
  CHECK_EQ(line.end, line.start + kPage);
  must(munmap(memory, 3 * kPage));
  CHECK(!find_mapping(memory, &line));
  write_file("f", "x");
  const int fd = must(open("f", O_RDWR));
  void* file = mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0);
  REQUIRE(find_mapping(file, &line));
  CHECK_STR(line.flags, "r--s");
  CHECK_STR(strrchr(line.path, '/') ?: "", "/f");
  int local = 0;
  REQUIRE(find_mapping(&local, &line));
  CHECK_STR(line.path, "[stack]");
  CHECK_STR(line.flags, "rw-p");
  REQUIRE(find_mapping(reinterpret_cast<void*>(&find_mapping), &line));
  CHECK_STR(line.flags, "r-xp");
  CHECK_STR(line.path, self());
  must(syscall(SYS_brk, static_cast<char*>(sbrk(0)) + kPage));
  REQUIRE(find_mapping(static_cast<char*>(sbrk(0)), &line));
  CHECK_STR(line.path, "[heap]");
}
