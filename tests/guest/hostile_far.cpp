// SPDX-License-Identifier: MIT
// Far returns to the kernel's selectors. The last test of all: Linux takes the fault that QEMU makes of them for its
// own (it prints an "Oops" and goes on with interrupts and accounting damaged).
#include "test.h"

#define FAMILY "hostile"

// QEMU reads the stack of a far return with the kernel's privilege, so that SMAP faults; Linux then takes
// the fault for its own and kills the process. Whatever it is, it must be the end of that process only.
#define CHECK_KILLS(text)                                  \
  CHECK(WIFSIGNALED(wait_status(spawn([] {                 \
    signal(SIGSEGV, SIG_DFL);                              \
    asm volatile(text : : : "rax", "rcx", "memory", "cc"); \
  }))))

TEST(far_returns_to_the_kernels_selectors) {
  CHECK_KILLS("pushq $0x10; lea 1f(%%rip), %%rax; pushq %%rax; lretq; 1: ud2");
  CHECK_KILLS("mov %%rsp, %%rcx; pushq $0x18; pushq %%rcx; pushfq; pushq $0x10; lea 1f(%%rip), %%rax; pushq %%rax; iretq; 1: ud2");
  CHECK_KILLS("mov %%rsp, %%rcx; pushq $0x2b; pushq %%rcx; pushfq; pushq $0xfff0; lea 1f(%%rip), %%rax; pushq %%rax; iretq; 1: ud2");
}
