// SPDX-License-Identifier: MIT
// The machine state in a signal frame: shown to the handler, restored by sigreturn, changed on purpose.
#include "test.h"

#include <cpuid.h>
#include <immintrin.h>
#include <sys/ucontext.h>

#define FAMILY "signal"

static void install(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) {
  struct sigaction action{};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  must(sigaction(signal, &action, nullptr));
}

static greg_t* registers_of(void* context) { return static_cast<ucontext_t*>(context)->uc_mcontext.gregs; }

TEST(handler_may_skip_the_faulting_instruction) {
  install(SIGILL, [](int, siginfo_t*, void* context) { registers_of(context)[REG_RIP] += 2; });
  int after = 0;
  asm volatile("ud2; movl $5, %0" : "=r"(after));
  CHECK_EQ(after, 5);
}

TEST(handler_may_repair_the_page) {
  static char* page;
  page = map_pages(1, PROT_NONE);
  install(SIGSEGV, [](int, siginfo_t*, void*) { mprotect(page, kPage, PROT_READ | PROT_WRITE); });
  *static_cast<volatile char*>(page) = 7;
  CHECK_EQ(*page, 7);
}

TEST(handler_sees_and_changes_registers) {
  static greg_t seen[4];
  install(SIGILL, [](int, siginfo_t*, void* context) {
    auto* r = registers_of(context);
    seen[0] = r[REG_RBX];
    seen[1] = r[REG_R12];
    seen[2] = r[REG_RDI];
    seen[3] = r[REG_R9];
    r[REG_RIP] += 2;
    r[REG_RBX] = 0x1111111111111111;
    r[REG_RDI] = 0x2222222222222222;
    r[REG_R9] = 0x3333333333333333;
  });
  uint64_t b = 0xaaaaaaaaaaaaaaaa;
  uint64_t d = 0xcccccccccccccccc;
  register uint64_t r12 asm("r12") = 0xbbbbbbbbbbbbbbbb;
  register uint64_t r9 asm("r9") = 0xdddddddddddddddd;
  asm volatile("ud2" : "+b"(b), "+D"(d), "+r"(r12), "+r"(r9) : : "memory");
  const uint64_t final_r12 = r12;
  const uint64_t final_r9 = r9;
  CHECK_EQ(seen[0], 0xaaaaaaaaaaaaaaaa);
  CHECK_EQ(seen[1], 0xbbbbbbbbbbbbbbbb);
  CHECK_EQ(seen[2], 0xcccccccccccccccc);
  CHECK_EQ(seen[3], 0xdddddddddddddddd);
  CHECK_EQ(b, 0x1111111111111111);
  CHECK_EQ(d, 0x2222222222222222);
  CHECK_EQ(final_r12, 0xbbbbbbbbbbbbbbbb);
  CHECK_EQ(final_r9, 0x3333333333333333);
}

TEST(handler_changes_flags_but_not_privileged_ones) {
  install(SIGILL, [](int, siginfo_t*, void* context) {
    auto* r = registers_of(context);
    r[REG_RIP] += 2;
    r[REG_EFL] |= 0x1 | 0x3000 | 0x20000;  // carry; I/O privilege; virtual 8086
    r[REG_EFL] &= ~0x200;                  // interrupts off
  });
  uint64_t flags;
  asm volatile("clc; ud2; pushfq; popq %0" : "=r"(flags) : : "cc", "memory");
  CHECK_EQ(flags & 1, 1);
  CHECK_EQ(flags & 0x3000, 0);
  CHECK_EQ(flags & 0x200, 0x200);
  CHECK_EQ(flags & 0x20000, 0);
}

TEST(handler_changes_the_mask_in_the_frame) {
  install(SIGUSR1, [](int, siginfo_t*, void* context) { sigaddset(&static_cast<ucontext_t*>(context)->uc_sigmask, SIGHUP); });
  raise(SIGUSR1);
  sigset_t now;
  must(sigprocmask(SIG_BLOCK, nullptr, &now));
  CHECK_EQ(sigismember(&now, SIGHUP), 1);
}

TEST(frame_shows_the_interrupted_mask_and_stack) {
  static sigset_t mask;
  static stack_t stack;
  install(SIGUSR1, [](int, siginfo_t*, void* context) {
    mask = static_cast<ucontext_t*>(context)->uc_sigmask;
    stack = static_cast<ucontext_t*>(context)->uc_stack;
  });
  sigset_t block;
  sigemptyset(&block);
  sigaddset(&block, SIGTERM);
  must(sigprocmask(SIG_BLOCK, &block, nullptr));
  raise(SIGUSR1);
  CHECK_EQ(sigismember(&mask, SIGTERM), 1);
  CHECK_EQ(sigismember(&mask, SIGUSR1), 0);
  CHECK_EQ(stack.ss_flags, SS_DISABLE);
}

TEST(handler_stack_is_aligned_and_below_the_red_zone) {
  static uintptr_t misaligned;
  static uintptr_t frame;
  install(SIGILL, [](int, siginfo_t*, void* context) {
    misaligned = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) % 16;
    frame = reinterpret_cast<uintptr_t>(context);
    registers_of(context)[REG_RIP] += 2;
  });
  uint64_t kept = 0;
  uint64_t rsp = 0;
    // The 128 bytes below the stack pointer belong to the interrupted function.
  asm volatile("mov %%rsp, %1; movq $0x5a5a5a5a, -8(%%rsp); movq $0x5a5a5a5a, -128(%%rsp); ud2; movq -128(%%rsp), %0; addq -8(%%rsp), %0"
               : "=&r"(kept), "=&r"(rsp)
               :
               : "memory");
  CHECK_EQ(kept, 2 * 0x5a5a5a5aULL);
  CHECK_EQ(misaligned, 0);
  CHECK(frame < rsp - 128);
}

TEST(sse_state_survives_a_handler) {
  install(SIGILL, [](int, siginfo_t*, void* context) {
    asm volatile("pxor %%xmm6, %%xmm6; pxor %%xmm15, %%xmm15" : : : "xmm6", "xmm15");
    const uint32_t other = 0x1f80 | 0x6000;
    asm volatile("ldmxcsr %0; fninit; fldpi" : : "m"(other));
    registers_of(context)[REG_RIP] += 2;
  });
  alignas(16) uint64_t in[2] = {0x0123456789abcdef, 0xfedcba9876543210};
  alignas(16) uint64_t out[2] = {};
  alignas(16) uint64_t out15[2] = {};
  uint32_t mxcsr = 0x1f80 | 0x2000;
  uint32_t mxcsr_after = 0;
  double x87 = 0;
  asm volatile(
      "ldmxcsr %3; fninit; fld1; movdqa %4, %%xmm6; movdqa %4, %%xmm15; ud2; movdqa %%xmm6, %0; movdqa %%xmm15, %1; stmxcsr %2; fstpl %5"
      : "=m"(out), "=m"(out15), "=m"(mxcsr_after)
      : "m"(mxcsr), "m"(in), "m"(x87)
      : "xmm6", "xmm15", "memory");
  CHECK(memcmp(in, out, 16) == 0);
  CHECK(memcmp(in, out15, 16) == 0);
  CHECK_EQ(mxcsr_after & 0x6000, 0x2000);
  CHECK(x87 == 1.0);
}

static bool has_avx() {
  unsigned a;
  unsigned b;
  unsigned c;
  unsigned d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1u << 27)) != 0 && (c & (1u << 28)) != 0;
}

__attribute__((target("avx"))) static void avx_round() {
  alignas(32) uint64_t in[4] = {1, 0x2222222222222222, 0x3333333333333333, 0x4444444444444444};
  alignas(32) uint64_t out[4] = {};
  asm volatile("vmovdqa %1, %%ymm9; ud2; vmovdqa %%ymm9, %0" : "=m"(out) : "m"(in) : "xmm9", "memory");
  CHECK(memcmp(in, out, 32) == 0);
}

TEST(avx_state_survives_a_handler) {
  if (!has_avx()) skip("this processor has no AVX");
  install(SIGILL, [](int, siginfo_t*, void* context) {
    asm volatile("pxor %%xmm9, %%xmm9" : : : "xmm9");
    asm volatile(".byte 0xc5, 0xfc, 0x77");  // vzeroall
    registers_of(context)[REG_RIP] += 2;
  });
  avx_round();
}

__attribute__((target("avx"))) static void avx_switch_round(uint64_t tag) {
  alignas(32) uint64_t in[4] = {tag, tag + 1, tag + 2, tag + 3};
  alignas(32) uint64_t out[4] = {};
  for (int i = 0; i < 200; ++i) {
    long result = SYS_sched_yield;
    asm volatile("vmovdqa %2, %%ymm3; syscall; vmovdqa %%ymm3, %1" : "+a"(result), "=m"(out) : "m"(in) : "xmm3", "rcx", "r11", "memory");
    if (memcmp(in, out, 32) != 0) {
      CHECK(memcmp(in, out, 32) == 0);
      return;
    }
  }
}

TEST(avx_state_survives_switches_between_processes) {
  if (!has_avx()) skip("this processor has no AVX");
  pid_t pids[4];
  for (int i = 0; i < 4; ++i) pids[i] = spawn([i] { avx_switch_round(1000 * i); });
  for (const pid_t pid : pids) CHECK_CHILD_OK(pid);
}

TEST(handler_may_change_vector_registers_in_the_frame) {
  install(SIGILL, [](int, siginfo_t*, void* context) {
    auto* fp = static_cast<ucontext_t*>(context)->uc_mcontext.fpregs;
    fp->_xmm[2].element[0] = 0xdeadbeef;
    registers_of(context)[REG_RIP] += 2;
  });
  uint32_t value = 0;
  asm volatile("pxor %%xmm2, %%xmm2; ud2; movd %%xmm2, %0" : "=r"(value) : : "xmm2", "memory");
  CHECK_EQ(value, 0xdeadbeef);
}

TEST(fs_base_and_errno_are_the_threads_own_in_a_handler) {
  static int* place;
  install(SIGUSR1, [](int, siginfo_t*, void*) { place = &errno; });
  raise(SIGUSR1);
  CHECK_EQ(place, &errno);
}

TEST(longjmp_style_return_without_sigreturn) {
    // A handler that never returns leaves the process usable.
  for (int i = 0; i < 100; ++i) {
    const Fault fault = catch_fault([](void*) { asm volatile("ud2"); });
    REQUIRE(fault.signal == SIGILL);
  }
}
