// SPDX-License-Identifier: MIT
// Memory and fork: copy-on-write isolation, shared anonymous memory, many generations.
#include "test.h"

#define FAMILY "memory"

TEST(fork_copy_on_write_isolates_both_ways) {
  constexpr size_t kPages = 64;
  char* memory = map_pages(kPages);
  for (size_t i = 0; i < kPages; ++i) memory[i * kPage] = 'p';
  Gate written;
  Gate checked;
  const pid_t pid = spawn([&] {
    written.wait();
    for (size_t i = 0; i < kPages; ++i) CHECK_EQ(memory[i * kPage], 'p');  // the parent's later writes stay there
    for (size_t i = 0; i < kPages; ++i) memory[i * kPage] = 'c';
    checked.open();
  });
  for (size_t i = 0; i < kPages; i += 2) memory[i * kPage] = 'P';
  written.open();
  checked.wait();
  for (size_t i = 0; i < kPages; ++i) CHECK_EQ(memory[i * kPage], i % 2 == 0 ? 'P' : 'p');
  CHECK_CHILD_OK(pid);
}

TEST(fork_after_fork_keeps_generations_apart) {
  char* memory = map_pages(1);
  *memory = 0;
  pid_t pids[3];
  Gate go;
  for (int i = 0; i < 3; ++i) {
    *memory = static_cast<char>(i);
    pids[i] = spawn([&, i] {
      go.wait();
      CHECK_EQ(*memory, i);
      IN_CHILD([&, i] {
        CHECK_EQ(*memory, i);
        *memory = 100;
      });
      CHECK_EQ(*memory, i);
    });
  }
  *memory = 50;
  for (int i = 0; i < 3; ++i) go.open();
  for (const pid_t pid : pids) CHECK_CHILD_OK(pid);
  CHECK_EQ(*memory, 50);
}

TEST(system_call_writes_break_copy_on_write_too) {
  char* memory = map_pages(1);
  memset(memory, 'o', kPage);
  int fds[2];
  must(pipe(fds));
  Gate done;
  const pid_t pid = spawn([&] {
    must(write(fds[1], "new", 3));
    CHECK_EQ(read(fds[0], memory, 3), 3);
    CHECK_EQ(memory[0], 'n');
    done.open();
  });
  done.wait();
  CHECK_EQ(memory[0], 'o');
  CHECK_CHILD_OK(pid);
}

TEST(shared_anonymous_memory_is_shared_after_fork) {
  auto* memory = static_cast<volatile int*>(mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(memory != MAP_FAILED);
  memory[0] = 1;
  IN_CHILD([&] {
    CHECK_EQ(memory[0], 1);
    memory[0] = 2;
    memory[3 * kPage / 4] = 3;  // a page the parent has never touched
    IN_CHILD([&] { memory[1] = 4; });
  });
  CHECK_EQ(memory[0], 2);
  CHECK_EQ(memory[1], 4);
  CHECK_EQ(memory[3 * kPage / 4], 3);
}

TEST(shared_memory_atomics_between_processes) {
  auto* counter = static_cast<int*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  pid_t pids[4];
  for (auto& pid : pids) {
    pid = spawn([&] {
      for (int i = 0; i < 20000; ++i) __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
    });
  }
  for (const pid_t pid : pids) CHECK_CHILD_OK(pid);
  CHECK_EQ(*counter, 80000);
}

TEST(fork_keeps_protections_and_holes) {
  char* memory = map_pages(4);
  memset(memory, 'x', 4 * kPage);
  must(mprotect(memory + kPage, kPage, PROT_READ));
  must(munmap(memory + 2 * kPage, kPage));
  IN_CHILD([&] {
    CHECK_EQ(memory[kPage], 'x');
    CHECK_EQ(catch_fault([](void* p) { static_cast<volatile char*>(p)[kPage] = 1; }, memory).code, SEGV_ACCERR);
    CHECK_EQ(catch_fault([](void* p) { static_cast<volatile char*>(p)[2 * kPage] = 1; }, memory).code, SEGV_MAPERR);
    memory[0] = 'y';
  });
  CHECK_EQ(memory[0], 'x');
}

TEST(private_file_mapping_and_fork) {
  write_file("f", "abc");
  const int fd = must(open("f", O_RDWR));
  auto* memory = static_cast<char*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  memory[0] = 'X';
  IN_CHILD([&] {
    CHECK_EQ(memory[0], 'X');
    CHECK_EQ(memory[1], 'b');
    memory[1] = 'Y';
  });
  CHECK_EQ(memory[1], 'b');
}

TEST(child_memory_is_given_back) {
    // More than the machine has, in turns: leaks show as a failure or a kill.
  for (int i = 0; i < 20; ++i) {
    IN_CHILD([] {
      constexpr size_t kPages = 4096;  // 16 MiB
      char* memory = map_pages(kPages);
      for (size_t p = 0; p < kPages; ++p) memory[p * kPage] = 1;
    });
  }
}

TEST(exec_after_large_fork) {
  constexpr size_t kPages = 4096;
  char* memory = map_pages(kPages);
  for (size_t p = 0; p < kPages; ++p) memory[p * kPage] = 7;
  for (int i = 0; i < 5; ++i) {
    CHECK_EXITED(wait_status(spawn([] { exec_helper("sleep_then_exit", "0"); })), 4);
  }
  for (size_t p = 0; p < kPages; ++p) REQUIRE(memory[p * kPage] == 7);
}
