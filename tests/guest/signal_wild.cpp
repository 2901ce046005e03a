// SPDX-License-Identifier: MIT
// Wild control transfers and privileged instructions: each ends in a signal for the offender alone.
#include "test.h"

#include <sys/ucontext.h>

#define FAMILY "signal"

// What a child dies of when its handler changes the interrupted registers.
template <int kRegister, uint64_t kValue>
static int death_after_setting() {
  return wait_status(spawn([] {
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
      static_cast<ucontext_t*>(context)->uc_mcontext.gregs[kRegister] = static_cast<greg_t>(kValue);
    };
    must(sigaction(SIGUSR1, &action, nullptr));
    raise(SIGUSR1);
    volatile int use_the_stack = 1;
    _exit(use_the_stack);
  }));
}

TEST(sigreturn_to_wild_rip) {
  CHECK_SIGNALED((death_after_setting<REG_RIP, 0x0000800000000000>()), SIGSEGV);
  CHECK_SIGNALED((death_after_setting<REG_RIP, 0xdead000000000000>()), SIGSEGV);
  CHECK_SIGNALED((death_after_setting<REG_RIP, 0xffff800000000000>()), SIGSEGV);
  CHECK_SIGNALED((death_after_setting<REG_RIP, 0xffffffff81000000>()), SIGSEGV);
  CHECK_SIGNALED((death_after_setting<REG_RIP, 0x00007ffffffff000>()), SIGSEGV);
  CHECK_SIGNALED((death_after_setting<REG_RIP, 0>()), SIGSEGV);
  CHECK_SIGNALED((death_after_setting<REG_RIP, ~0ULL>()), SIGSEGV);
}

TEST(sigreturn_to_wild_rsp) {
  const auto dies = [](int status) { return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS); };
  CHECK(dies(death_after_setting<REG_RSP, 0x0000800000000000>()));
  CHECK(dies(death_after_setting<REG_RSP, 0x8000000000000000>()));
  CHECK(dies(death_after_setting<REG_RSP, 0xffffffff81000000>()));
  CHECK(dies(death_after_setting<REG_RSP, 8>()));
}

TEST(sigreturn_to_wild_selectors) {
    // CS, GS, FS and SS are packed into one word. Linux forces user privilege or kills.
  const auto harmless = [](int status) { return WIFSIGNALED(status) || WIFEXITED(status); };
  CHECK(harmless(death_after_setting<REG_CSGSFS, 0>()));
  CHECK(harmless(death_after_setting<REG_CSGSFS, 0xffffffffffffffff>()));
  CHECK_SIGNALED((death_after_setting<REG_CSGSFS, 0x002b000000000010>()), SIGSEGV);  // the kernel's code selector
  CHECK_SIGNALED((death_after_setting<REG_CSGSFS, 0x002b00000000fff8>()), SIGSEGV);
}

TEST(sigreturn_without_a_frame) {
  const pid_t pid = spawn([] { asm volatile("mov $8, %%rsp; mov %0, %%eax; syscall" : : "i"(SYS_rt_sigreturn) : "memory"); });
  CHECK_SIGNALED(wait_status(pid), SIGSEGV);
  const pid_t garbage = spawn([] {
    static char stack[8192] __attribute__((aligned(64)));
    memset(stack, 0x5a, sizeof stack);
    asm volatile("mov %0, %%rsp; mov %1, %%eax; syscall" : : "r"(stack + 1024), "i"(SYS_rt_sigreturn) : "memory");
  });
  CHECK_SIGNALED(wait_status(garbage), SIGSEGV);
}

TEST(sigreturn_with_damaged_fpu_state) {
  const pid_t pid = spawn([] {
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
      auto* fp = static_cast<ucontext_t*>(context)->uc_mcontext.fpregs;
      memset(fp, 0xff, 512 + 64);  // reserved bits of MXCSR and of the XSAVE header too
    };
    must(sigaction(SIGUSR1, &action, nullptr));
    raise(SIGUSR1);
  });
  const int status = wait_status(pid);
  CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGSEGV : WIFEXITED(status));
  const pid_t wild = spawn([] {
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
      static_cast<ucontext_t*>(context)->uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(0xffff800000001000);
    };
    must(sigaction(SIGUSR1, &action, nullptr));
    raise(SIGUSR1);
  });
  CHECK_SIGNALED(wait_status(wild), SIGSEGV);
}

TEST(jumps_out_of_the_address_space) {
  const auto jump = [](uintptr_t address) { return wait_status(spawn([address] { asm volatile("jmp *%0" : : "r"(address)); })); };
  CHECK_SIGNALED(jump(0x0000800000000000), SIGSEGV);
  CHECK_SIGNALED(jump(0x7fffffffffff), SIGSEGV);
  CHECK_SIGNALED(jump(0x8000000000000000), SIGSEGV);
  CHECK_SIGNALED(jump(0xffff888000000000), SIGSEGV);
  CHECK_SIGNALED(jump(0xffffffff80000000), SIGSEGV);
  CHECK_SIGNALED(jump(0xfffffffffffffff0), SIGSEGV);
}

TEST(wild_stack_pointer) {
  const auto push = [](uint64_t rsp) {
    return wait_status(spawn([rsp] { asm volatile("mov %0, %%rsp; push %%rax" : : "r"(rsp) : "memory"); }));
  };
  for (const uint64_t rsp : (const uint64_t[]){0x0000800000000008, 0x1234567890abcdef, 0xffffffff81000000, 0, 8}) {
    const int status = push(rsp);
    CHECK(WIFSIGNALED(status) && (WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV));
  }
}

TEST(system_call_with_wild_stack_pointer_works) {
    // The kernel must not use the caller's stack.
  for (const uint64_t rsp : (const uint64_t[]){0, 8, 0x0000800000000000, 0xffffffff81000000, 0x8000000000000001}) {
    const pid_t pid = spawn([rsp] {
      asm volatile(
          "mov %0, %%rsp; mov $39, %%eax; syscall\n"
          "mov %%eax, %%edi; mov $60, %%eax; mov $17, %%edi; syscall"
          :
          : "r"(rsp)
          : "memory");
    });
    CHECK_EXITED(wait_status(pid), 17);
  }
}

TEST(signal_with_wild_stack_pointer_kills) {
  for (const uint64_t rsp : (const uint64_t[]){0, 64, 0x0000800000000000, 0xffffffff81000000}) {
    const pid_t pid = spawn([rsp] {
      signal(SIGUSR1, [](int) { _exit(0); });
      const long me = getpid();
      asm volatile("mov %0, %%rsp; mov $62, %%eax; mov %1, %%rdi; mov $10, %%esi; syscall; ud2"
                   :
                   : "r"(rsp), "r"(me)
                   : "rax", "rdi", "rsi", "rcx", "r11", "memory");
    });
    CHECK_SIGNALED(wait_status(pid), SIGSEGV);
  }
}

#define CHECK_PRIVILEGED(text)                                                                                    \
  do {                                                                                                            \
    const Fault fault = catch_fault([](void*) { asm volatile(text : : : "rax", "rcx", "rdx", "memory", "cc"); }); \
    if (fault.signal != SIGSEGV || fault.trap != 13) {                                                            \
      fail(__FILE__, __LINE__, "%s: signal %d, trap %ld", text, fault.signal, fault.trap);                        \
    }                                                                                                             \
  } while (0)

TEST(privileged_instructions) {
  CHECK_PRIVILEGED("hlt");
  CHECK_PRIVILEGED("cli");
  CHECK_PRIVILEGED("sti");
  CHECK_PRIVILEGED("mov %%cr0, %%rax");
  CHECK_PRIVILEGED("mov %%cr3, %%rax");
  CHECK_PRIVILEGED("xor %%eax, %%eax; mov %%rax, %%cr3");
  CHECK_PRIVILEGED("mov %%cr4, %%rax");
  CHECK_PRIVILEGED("mov %%dr7, %%rax");
  CHECK_PRIVILEGED("mov $0xc0000080, %%ecx; rdmsr");
  CHECK_PRIVILEGED("mov $0xc0000080, %%ecx; xor %%eax, %%eax; xor %%edx, %%edx; wrmsr");
  CHECK_PRIVILEGED("invlpg (%%rsp)");
  CHECK_PRIVILEGED("wbinvd");
  CHECK_PRIVILEGED("clts");
  CHECK_PRIVILEGED("lidt (%%rsp)");
  CHECK_PRIVILEGED("lgdt (%%rsp)");
  CHECK_PRIVILEGED("xor %%eax, %%eax; ltr %%ax");
  CHECK_PRIVILEGED("xor %%eax, %%eax; lldt %%ax");
  CHECK_PRIVILEGED("lmsw %%ax");
  CHECK_PRIVILEGED("swapgs");
  CHECK_PRIVILEGED("xor %%ecx, %%ecx; sysretq");
}

TEST(port_instructions) {
  CHECK_PRIVILEGED("mov $0x80, %%edx; in %%dx, %%al");
  CHECK_PRIVILEGED("mov $0x80, %%edx; xor %%eax, %%eax; out %%al, %%dx");
  CHECK_PRIVILEGED("mov $0x3f8, %%edx; mov $0x21, %%al; out %%al, %%dx");
  CHECK_PRIVILEGED("in $0x60, %%al");
  CHECK_PRIVILEGED("mov $0xcf8, %%edx; in %%dx, %%eax");
  CHECK_PRIVILEGED("mov $0x604, %%edx; mov $0x2000, %%eax; out %%ax, %%dx");  // would power some machines off
}

TEST(bad_selectors) {
  CHECK_PRIVILEGED("mov $0x10, %%eax; mov %%eax, %%ss");
  CHECK_PRIVILEGED("mov $0xfff8, %%eax; mov %%eax, %%ds");
  CHECK_PRIVILEGED("mov $0x08, %%eax; mov %%eax, %%es");
}

TEST(software_interrupts) {
    // Only 3, 4 and 0x80 may be raised by programs.
  CHECK_PRIVILEGED("int $0x20");
  CHECK_PRIVILEGED("int $0x0d");
  CHECK_PRIVILEGED("int $0x0e");
  CHECK_PRIVILEGED("int $0x02");
  CHECK_PRIVILEGED("int $0xff");
  CHECK_PRIVILEGED("int $0xf0");
}

TEST(flags_that_programs_may_set) {
    // POPF at user privilege leaves interrupts enabled and I/O privilege alone.
  uint64_t flags;
  asm volatile("pushfq; andq $~0x200, (%%rsp); orq $0x3000, (%%rsp); popfq; pushfq; popq %0" : "=r"(flags) : : "cc", "memory");
  CHECK_EQ(flags & 0x200, 0x200);
  CHECK_EQ(flags & 0x3000, 0);
    // Nested task, alignment check, direction: a system call must come back with its own conventions.
  long result = SYS_getpid;
  asm volatile("std; syscall; cld" : "+a"(result) : : "rcx", "r11", "memory", "cc");
  CHECK_EQ(result, getpid());
  result = SYS_getpid;
  asm volatile("pushfq; orq $0x4000, (%%rsp); popfq; syscall; pushfq; andq $~0x4000, (%%rsp); popfq"
               : "+a"(result)
               :
               : "rcx", "r11", "memory", "cc");
  CHECK_EQ(result, getpid());
}

TEST(thirty_two_bit_entries_do_no_harm) {
    // int 0x80 is either the 32-bit system call table or a fault; sysenter likewise. Only survival of the
    // machine and a defined end of the process are required.
  const auto defined = [](int status) { return WIFEXITED(status) || WIFSIGNALED(status); };
  CHECK(defined(wait_status(spawn([] {
    int result = 20;  // getpid there
    asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    _exit(result == getpid() ? 0 : 1);
  }))));
  CHECK(defined(wait_status(spawn([] { asm volatile("mov $20, %%eax; mov %%rsp, %%rbp; sysenter" : : : "memory"); }))));
}

TEST(single_step_into_faults_and_calls) {
    // The trap flag is set across instructions that enter the kernel in every way.
  const auto defined = [](int status) { return WIFEXITED(status) || WIFSIGNALED(status); };
  CHECK(defined(wait_status(spawn([] {
    signal(SIGTRAP, [](int) {});
    asm volatile("pushfq; orq $0x100, (%%rsp); popfq; int3; nop" : : : "memory", "cc");
  }))));
  CHECK_SIGNALED(wait_status(spawn([] {
                   signal(SIGTRAP, [](int) {});
                   asm volatile("pushfq; orq $0x100, (%%rsp); popfq; ud2" : : : "memory", "cc");
                 })),
                 SIGILL);
  CHECK_SIGNALED(wait_status(spawn([] {
                   signal(SIGTRAP, [](int) {});
                   asm volatile("pushfq; orq $0x100, (%%rsp); popfq; mov 0, %%rax" : : : "memory", "cc", "rax");
                 })),
                 SIGSEGV);
  CHECK(defined(wait_status(spawn([] {
    asm volatile("pushfq; orq $0x100, (%%rsp); popfq; mov $20, %%eax; sysenter" : : : "memory", "cc");
  }))));
}
