// SPDX-License-Identifier: MIT
// mprotect: what it allows and forbids, splitting and merging, errors; system calls honour it.
#include "test.h"

#define FAMILY "memory"

static bool readable(char* p) {
  return catch_fault([](void* q) { (void)*static_cast<volatile char*>(q); }, p).signal == 0;
}
static bool writable(char* p) {
  return catch_fault([](void* q) { *static_cast<volatile char*>(q) = 1; }, p).signal == 0;
}

TEST(mprotect_takes_effect_at_once) {
  char* memory = map_pages(1);
  CHECK(readable(memory) && writable(memory));
  CHECK_OK(mprotect(memory, kPage, PROT_READ));
  CHECK(readable(memory) && !writable(memory));
  CHECK_OK(mprotect(memory, kPage, PROT_NONE));
  CHECK(!readable(memory));
  CHECK_OK(mprotect(memory, kPage, PROT_READ | PROT_WRITE));
  CHECK_EQ(*memory, 1);  // the contents survive
  CHECK(writable(memory));
}

TEST(mprotect_splits_mappings) {
  char* memory = map_pages(5);
  CHECK_OK(mprotect(memory + kPage, kPage, PROT_READ));
  CHECK_OK(mprotect(memory + 3 * kPage, kPage, PROT_NONE));
  CHECK(writable(memory));
  CHECK(!writable(memory + kPage));
  CHECK(writable(memory + 2 * kPage));
  CHECK(!readable(memory + 3 * kPage));
  CHECK(writable(memory + 4 * kPage));
  CHECK_OK(mprotect(memory, 5 * kPage, PROT_READ | PROT_WRITE));
  for (int i = 0; i < 5; ++i) CHECK(writable(memory + i * kPage));
}

TEST(mprotect_errors) {
  char* memory = map_pages(3);
  CHECK_ERRNO(mprotect(memory + 1, kPage, PROT_READ), EINVAL);
  CHECK_ERRNO(mprotect(memory, kPage, 0x100), EINVAL);
  CHECK_ERRNO(mprotect(memory, ~0UL - 100, PROT_READ), ENOMEM);
  CHECK_OK(mprotect(memory, 0, PROT_READ));
  CHECK_OK(mprotect(memory, 1, PROT_READ));  // a whole page
  CHECK(!writable(memory + kPage - 1));
  must(munmap(memory + kPage, kPage));
  CHECK_ERRNO(mprotect(memory, 3 * kPage, PROT_READ), ENOMEM);
  CHECK_ERRNO(mprotect(memory + kPage, kPage, PROT_READ), ENOMEM);
  CHECK_ERRNO(mprotect(reinterpret_cast<void*>(0xffff800000000000), kPage, PROT_READ), ENOMEM);
}

TEST(mprotect_stops_at_a_hole_but_changes_what_is_before) {
  char* memory = map_pages(3);
  must(munmap(memory + kPage, kPage));
  CHECK_ERRNO(mprotect(memory, 3 * kPage, PROT_READ), ENOMEM);
  CHECK(!writable(memory));
  CHECK(writable(memory + 2 * kPage));
}

TEST(mprotect_none_and_back_keeps_zero_fill) {
  char* memory = static_cast<char*>(mmap(nullptr, 4 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  CHECK(!readable(memory));
  CHECK_OK(mprotect(memory + kPage, 2 * kPage, PROT_READ | PROT_WRITE));
  CHECK_EQ(memory[kPage], 0);
  CHECK(writable(memory + 2 * kPage));
  CHECK(!readable(memory + 3 * kPage));
}

TEST(system_calls_honour_protection) {
  char* memory = map_pages(2);
  memset(memory, 'x', 2 * kPage);
  must(mprotect(memory, kPage, PROT_READ));
  must(mprotect(memory + kPage, kPage, PROT_NONE));
  int fds[2];
  must(pipe(fds));
  CHECK_EQ(write(fds[1], memory, 10), 10);
  CHECK_ERRNO(read(fds[0], memory, 10), EFAULT);
  CHECK_ERRNO(write(fds[1], memory + kPage, 10), EFAULT);
  CHECK_ERRNO(pipe(reinterpret_cast<int*>(memory)), EFAULT);
}

TEST(guard_page_between_pages) {
  char* memory = map_pages(3);
  must(mprotect(memory + kPage, kPage, PROT_NONE));
  memory[0] = memory[2 * kPage] = 1;
  const Fault fault = catch_fault([](void* p) { static_cast<volatile char*>(p)[kPage] = 1; }, memory);
  CHECK_EQ(fault.signal, SIGSEGV);
  CHECK_EQ(fault.code, SEGV_ACCERR);
  CHECK_EQ(fault.address, reinterpret_cast<uintptr_t>(memory + kPage));
}

TEST(mprotect_of_program_text) {
    // Relocation read-only and just-in-time compilers change the program's own segments.
  static char data[2 * kPage] __attribute__((aligned(4096))) = {1};
  CHECK_OK(mprotect(data, kPage, PROT_READ));
  CHECK(!writable(data));
  CHECK(writable(data + kPage));
  CHECK_OK(mprotect(data, kPage, PROT_READ | PROT_WRITE));
  CHECK(writable(data));
  CHECK(!writable(reinterpret_cast<char*>(&writable)));
}
