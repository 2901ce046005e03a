// SPDX-License-Identifier: MIT
// Faults become signals: which one, with which code and address.
#include "test.h"

#include <sys/ucontext.h>

#define FAMILY "signal"

static volatile char* target;

static void do_read(void*) { (void)*target; }
static void do_write(void*) { *target = 1; }
static void do_call(void*) { reinterpret_cast<void (*)()>(const_cast<char*>(target))(); }

static Fault fault_at(void* address, void (*access)(void*)) {
  target = static_cast<char*>(address);
  return catch_fault(access);
}

TEST(segv_maperr) {
  char* page = map_pages(1);
  munmap(page, kPage);
  for (const size_t offset : (const size_t[]){0, 1, 4095}) {
    const Fault read = fault_at(page + offset, do_read);
    CHECK_EQ(read.signal, SIGSEGV);
    CHECK_EQ(read.code, SEGV_MAPERR);
    CHECK_EQ(read.address, reinterpret_cast<uintptr_t>(page + offset));
    CHECK_EQ(read.trap, 14);
    CHECK_EQ(read.error, 4);  // user mode, not present, read
    const Fault write = fault_at(page + offset, do_write);
    CHECK_EQ(write.code, SEGV_MAPERR);
    CHECK_EQ(write.address, reinterpret_cast<uintptr_t>(page + offset));
    CHECK_EQ(write.error, 6);
  }
}

TEST(segv_null_pointer) {
  const Fault fault = fault_at(nullptr, do_read);
  CHECK_EQ(fault.signal, SIGSEGV);
  CHECK_EQ(fault.code, SEGV_MAPERR);
  CHECK_EQ(fault.address, 0);
}

TEST(segv_accerr) {
  char* page = map_pages(1, PROT_READ);
  CHECK_EQ(fault_at(page, do_read).signal, 0);
  Fault fault = fault_at(page + 5, do_write);
  CHECK_EQ(fault.signal, SIGSEGV);
  CHECK_EQ(fault.code, SEGV_ACCERR);
  CHECK_EQ(fault.address, reinterpret_cast<uintptr_t>(page + 5));
  must(mprotect(page, kPage, PROT_NONE));
  fault = fault_at(page, do_read);
  CHECK_EQ(fault.code, SEGV_ACCERR);
}

TEST(segv_execute) {
  char* page = map_pages(1);
  *page = static_cast<char>(0xc3);
  Fault fault = fault_at(page, do_call);
  CHECK_EQ(fault.signal, SIGSEGV);
  CHECK_EQ(fault.code, SEGV_ACCERR);
  CHECK_EQ(fault.address, reinterpret_cast<uintptr_t>(page));
  CHECK_EQ(fault.rip, reinterpret_cast<uintptr_t>(page));
  must(mprotect(page, kPage, PROT_READ | PROT_EXEC));
  CHECK_EQ(fault_at(page, do_call).signal, 0);
  munmap(page, kPage);
  fault = fault_at(page, do_call);
  CHECK_EQ(fault.code, SEGV_MAPERR);
  CHECK_EQ(fault.rip, reinterpret_cast<uintptr_t>(page));
}

TEST(segv_kernel_address) {
    // A kernel address looks unmapped, whatever is there.
  constexpr uintptr_t kAddresses[] = {0xffff800000000000, 0xffffffff80000000, 0xffffffff81000000, 0xfffffffffffff000, 0xffffffffff600000};
  for (const uintptr_t address : kAddresses) {
    const Fault read = fault_at(reinterpret_cast<void*>(address), do_read);
    CHECK_EQ(read.signal, SIGSEGV);
    CHECK_EQ(read.code, SEGV_MAPERR);
    CHECK_EQ(read.address, address);
    const Fault write = fault_at(reinterpret_cast<void*>(address), do_write);
    CHECK_EQ(write.signal, SIGSEGV);
    CHECK_EQ(write.address, address);
  }
}

TEST(segv_noncanonical_data) {
  // Processors raise a general protection fault, which tells no address; QEMU raises a page fault.
  constexpr uintptr_t kAddresses[] = {0x0000800000000000, 0x1234567890abcdef, 0x8000000000000000};
  for (const uintptr_t address : kAddresses) {
    const Fault fault = fault_at(reinterpret_cast<void*>(address), do_read);
    CHECK_EQ(fault.signal, SIGSEGV);
    CHECK(fault.trap == 13 ? fault.code == SI_KERNEL && fault.address == 0
                           : fault.trap == 14 && fault.code == SEGV_MAPERR && fault.address == address);
    CHECK_EQ(fault_at(reinterpret_cast<void*>(address), do_write).signal, SIGSEGV);
  }
}

TEST(sigfpe_integer_division) {
  const Fault zero = catch_fault([](void*) {
    int result = 1;
    asm volatile("cltd; idivl %1" : "+a"(result) : "r"(0) : "edx");
  });
  CHECK_EQ(zero.signal, SIGFPE);
  CHECK_EQ(zero.code, FPE_INTDIV);
  CHECK_EQ(zero.address, zero.rip);
  CHECK_EQ(zero.trap, 0);
  const Fault overflow = catch_fault([](void*) {
    int result = INT32_MIN;
    asm volatile("cltd; idivl %1" : "+a"(result) : "r"(-1) : "edx");
  });
  CHECK_EQ(overflow.signal, SIGFPE);
}

TEST(sigfpe_floating_point_unmasked) {
  const Fault fault = catch_fault([](void*) {
    const uint32_t control = 0x1f80 & ~0x200u;  // unmask division by zero
    const float zero = 0;
    float one = 1;
    asm volatile("ldmxcsr %1; divss %2, %0" : "+x"(one) : "m"(control), "x"(zero));
  });
  const uint32_t normal = 0x1f80;
  asm volatile("ldmxcsr %0" : : "m"(normal));
  if (fault.signal == 0) skip("this processor (QEMU's) raises no SSE exceptions");
  CHECK_EQ(fault.signal, SIGFPE);
  CHECK_EQ(fault.code, FPE_FLTDIV);
  CHECK_EQ(fault.trap, 19);
}

TEST(sigfpe_x87_unmasked) {
  const Fault fault = catch_fault([](void*) {
    const uint16_t control = 0x37f & ~0x4;
    asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control));
  });
  asm volatile("fninit");
  CHECK_EQ(fault.signal, SIGFPE);
  CHECK_EQ(fault.code, FPE_FLTDIV);
  CHECK_EQ(fault.trap, 16);
}

TEST(sigill_undefined_instruction) {
  const Fault fault = catch_fault([](void*) { asm volatile("ud2"); });
  CHECK_EQ(fault.signal, SIGILL);
  CHECK_EQ(fault.code, ILL_ILLOPN);
  CHECK_EQ(fault.address, fault.rip);
  CHECK_EQ(fault.trap, 6);
}

TEST(sigtrap_breakpoint) {
  const Fault fault = catch_fault([](void*) { asm volatile("int3"); });
  CHECK_EQ(fault.signal, SIGTRAP);
  CHECK_EQ(fault.code, SI_KERNEL);
  CHECK_EQ(fault.trap, 3);
  const auto* before = reinterpret_cast<const unsigned char*>(fault.rip - 1);
  CHECK_EQ(*before, 0xcc);  // rip is after the instruction
}

TEST(sigtrap_single_step) {
  const Fault fault = catch_fault([](void*) { asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" : : : "memory", "cc"); });
  CHECK_EQ(fault.signal, SIGTRAP);
  CHECK_EQ(fault.code, TRAP_TRACE);
  CHECK_EQ(fault.trap, 1);
}

static volatile sig_atomic_t steps;

TEST(single_step_over_a_system_call) {
  struct sigaction action{};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t*, void*) { steps = steps + 1; };
  must(sigaction(SIGTRAP, &action, nullptr));
  steps = 0;
  long result = SYS_getppid;
  asm volatile(
      "pushfq; orq $0x100, (%%rsp); popfq\n"
      "nop; syscall; nop\n"
      "pushfq; andq $~0x100, (%%rsp); popfq"
      : "+a"(result)
      :
      : "rcx", "r11", "memory", "cc");
  CHECK_EQ(result, getppid());
  CHECK(steps >= 4 && steps <= 8);
  const int before = steps;
  getppid();
  CHECK_EQ(steps, before);
}

TEST(sigbus_beyond_the_end_of_a_mapped_file) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  must(ftruncate(fd, 2 * kPage));
  auto* memory = static_cast<char*>(mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  REQUIRE(memory != MAP_FAILED);
  CHECK_EQ(fault_at(memory + kPage, do_write).signal, 0);
  Fault fault = fault_at(memory + 2 * kPage + 9, do_read);
  CHECK_EQ(fault.signal, SIGBUS);
  CHECK_EQ(fault.code, BUS_ADRERR);
  CHECK_EQ(fault.address, reinterpret_cast<uintptr_t>(memory + 2 * kPage + 9));
  must(ftruncate(fd, kPage));  // takes pages away that are mapped
  fault = fault_at(memory + kPage, do_read);
  CHECK_EQ(fault.signal, SIGBUS);
  CHECK_EQ(fault_at(memory, do_read).signal, 0);
  must(ftruncate(fd, 3 * kPage));
  CHECK_EQ(fault_at(memory + 2 * kPage, do_read).signal, 0);
}

TEST(fault_with_the_signal_blocked_or_ignored_kills) {
  CHECK_SIGNALED(wait_status(spawn([] {
                   sigset_t set;
                   sigfillset(&set);
                   sigprocmask(SIG_SETMASK, &set, nullptr);
                   fault_at(nullptr, [](void*) {
                     signal(SIGSEGV, [](int) { _exit(0); });
                     *reinterpret_cast<volatile char*>(8) = 1;
                   });
                 })),
                 SIGSEGV);
  CHECK_SIGNALED(wait_status(spawn([] {
                   signal(SIGSEGV, SIG_IGN);
                   target = nullptr;
                   do_read(nullptr);
                 })),
                 SIGSEGV);
  CHECK_SIGNALED(wait_status(spawn([] {
                   signal(SIGFPE, SIG_IGN);
                   asm volatile("xor %%ecx, %%ecx; mov $1, %%eax; cltd; idivl %%ecx" : : : "eax", "ecx", "edx");
                 })),
                 SIGFPE);
}

TEST(fault_inside_its_handler_kills) {
  CHECK_SIGNALED(wait_status(spawn([] {
                   signal(SIGSEGV, [](int) { *reinterpret_cast<volatile char*>(8) = 1; });
                   *reinterpret_cast<volatile char*>(16) = 1;
                 })),
                 SIGSEGV);
}

TEST(default_action_of_faults) {
  CHECK_SIGNALED(wait_status(spawn([] { asm volatile("ud2"); })), SIGILL);
  CHECK_SIGNALED(wait_status(spawn([] { asm volatile("int3"); })), SIGTRAP);
  CHECK_SIGNALED(wait_status(spawn([] { abort(); })), SIGABRT);
}
