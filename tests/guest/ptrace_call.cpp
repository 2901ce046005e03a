// SPDX-License-Identifier: MIT
// ptrace(2): stops at system calls, steps.
#include <linux/futex.h>

#include "tracee.h"

#define FAMILY "ptrace"

constexpr unsigned long kGood = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
constexpr int kCallStop = SIGTRAP | 0x80;

static void call_stop(pid_t pid) {
  CHECK_OK(trace(PTRACE_SYSCALL, pid));
  CHECK_STOP(pid, kCallStop);
}

static __ptrace_syscall_info call_info(pid_t pid, long expected_size) {
  __ptrace_syscall_info info{};
  CHECK_EQ(trace((int)PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info), expected_size);
  return info;
}

// On to the next entry of this call.
static void go_to(pid_t pid, long number) {
  for (int i = 0; i < 100; ++i) {
    call_stop(pid);
    if ((long)registers_of(pid).orig_rax == number) return;
    call_stop(pid);
  }
  CHECK(!"the call came");
}

TEST(call_entry_and_exit) {
  const pid_t pid = spawn_traced([] { syscall(SYS_getpgid, 0, 11, 22, 33, 44, 55); }, kGood);
  go_to(pid, SYS_getpgid);
  user_regs_struct registers = registers_of(pid);
  CHECK_EQ((long)registers.rax, -ENOSYS);
  CHECK_EQ(registers.rsi, 11);
  CHECK_EQ(registers.r9, 55);
  CHECK_EQ(message_of(pid), 1);
  const siginfo_t siginfo = info_of(pid);
  CHECK_EQ(siginfo.si_signo, SIGTRAP);
  CHECK_EQ(siginfo.si_code, kCallStop);
  CHECK_EQ(siginfo.si_pid, pid);
  __ptrace_syscall_info info = call_info(pid, 80);
  CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_ENTRY);
  CHECK_EQ(info.arch, 0xc000003e);
  CHECK_EQ(info.entry.nr, SYS_getpgid);
  CHECK_EQ(info.entry.args[5], 55);
  CHECK_EQ(info.instruction_pointer, registers.rip);
  CHECK_EQ(info.stack_pointer, registers.rsp);
  call_stop(pid);
  registers = registers_of(pid);
  CHECK_EQ(registers.orig_rax, SYS_getpgid);
  CHECK_EQ(registers.rax, getpgrp());
  CHECK_EQ(message_of(pid), 2);
  info = call_info(pid, 33);
  CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_EXIT);
  CHECK_EQ(info.exit.rval, getpgrp());
  CHECK_EQ(info.exit.is_error, 0);
  finish(pid);
}

// Calls that need not wait do not wait, traced or not.
TEST(call_that_returns_at_once) {
  const pid_t pid = spawn_traced(
      [] {
        int word = 0;
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 5, nullptr, nullptr, 0);
        syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1L, &word, 3);
      },
      kGood);
  go_to(pid, SYS_futex);
  call_stop(pid);
  CHECK_EQ((long)registers_of(pid).rax, 0);
  go_to(pid, SYS_futex);
  call_stop(pid);
  CHECK_EQ((long)registers_of(pid).rax, -EAGAIN);
  finish(pid);
}

TEST(call_info_outside_of_calls) {
  const pid_t pid = spawn_traced([] { close(-1); }, kGood);
  CHECK_EQ(call_info(pid, 24).op, PTRACE_SYSCALL_INFO_NONE);
  go_to(pid, SYS_close);
  call_stop(pid);
  const __ptrace_syscall_info info = call_info(pid, 33);
  CHECK_EQ(info.exit.is_error, 1);
  CHECK_EQ(info.exit.rval, -EBADF);
  finish(pid);
}

TEST(call_stop_without_sysgood) {
  const pid_t pid = spawn_traced([] { getppid(); }, 0);
  CHECK_OK(trace(PTRACE_SYSCALL, pid));
  CHECK_STOP(pid, SIGTRAP);
  kill_and_reap(pid);
}

TEST(call_number_is_replaced) {
  const pid_t parent = getpid();
  const pid_t pid = spawn_traced([parent] { CHECK_EQ(syscall(SYS_close, -1), parent); }, kGood);
  go_to(pid, SYS_close);
  user_regs_struct registers = registers_of(pid);
  registers.orig_rax = SYS_getppid;
  CHECK_OK(trace(PTRACE_SETREGS, pid, 0, &registers));
  finish(pid);
}

TEST(call_is_skipped) {
  const pid_t pid = spawn_traced([] { CHECK_EQ(syscall(SYS_getppid), 1234); }, kGood);
  go_to(pid, SYS_getppid);
  CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, orig_rax), -1ul));
  CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, rax), 1234));
  finish(pid);
}

TEST(call_result_is_replaced) {
  const pid_t pid = spawn_traced([] { CHECK_ERRNO(syscall(SYS_getppid), EXDEV); }, kGood);
  go_to(pid, SYS_getppid);
  call_stop(pid);
  CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, rax), -(unsigned long)EXDEV));
  finish(pid);
}

TEST(unknown_call_is_shown) {
  const pid_t pid = spawn_traced([] { CHECK_ERRNO(syscall(9999), ENOSYS); }, kGood);
  go_to(pid, 9999);
  call_stop(pid);
  CHECK_EQ((long)registers_of(pid).rax, -ENOSYS);
  finish(pid);
}

TEST(exit_has_no_second_stop) {
  const pid_t pid = spawn_traced([] { _exit(3); }, kGood);
  go_to(pid, SYS_exit_group);
  CHECK_OK(trace(PTRACE_SYSCALL, pid));
  CHECK_EXITED(wait_report(pid), 3);
}

TEST(signal_in_a_call) {
  Gate gate;
  const pid_t pid = spawn_traced(
      [&] {
        signal(SIGUSR1, [](int) {});
        char byte;
        CHECK_EQ(read(gate.read_fd(), &byte, 1), 1);
      },
      kGood);
  go_to(pid, SYS_read);
  CHECK_OK(trace(PTRACE_SYSCALL, pid));
  wait_asleep(pid);
  kill(pid, SIGUSR1);
  CHECK_STOP(pid, kCallStop);  // the call ends first
  CHECK_EQ((long)registers_of(pid).rax, -512);
  CHECK_OK(trace(PTRACE_SYSCALL, pid));
  CHECK_STOP(pid, SIGUSR1);
  CHECK_OK(trace(PTRACE_SYSCALL, pid, 0, SIGUSR1));
  CHECK_STOP(pid, kCallStop);  // sigreturn
  CHECK_EQ(registers_of(pid).orig_rax, SYS_rt_sigreturn);
  call_stop(pid);
  call_stop(pid);  // signal() of the C library restarts calls
  CHECK_EQ(registers_of(pid).orig_rax, SYS_read);
  gate.open();
  finish(pid);
}

TEST(sysemu_does_not_call) {
  const pid_t pid = spawn_traced([] { CHECK_EQ(syscall(SYS_getppid), 77); }, kGood);
  CHECK_OK(trace(PTRACE_SYSEMU, pid));
  for (int i = 0; i < 100; ++i) {
    CHECK_STOP(pid, kCallStop);
    if (registers_of(pid).orig_rax == SYS_getppid) break;
    // The C library's own calls are to be carried out.
    user_regs_struct registers = registers_of(pid);
    registers.rip -= 2;
    registers.rax = registers.orig_rax;
    CHECK_OK(trace(PTRACE_SETREGS, pid, 0, &registers));
    CHECK_OK(trace(PTRACE_SYSCALL, pid));
    CHECK_STOP(pid, kCallStop);
    CHECK_OK(trace(PTRACE_SYSCALL, pid));
    CHECK_STOP(pid, kCallStop);
    CHECK_OK(trace(PTRACE_SYSEMU, pid));
  }
  CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, rax), 77));
  finish(pid);
}

// ---- steps ----

// Three instructions, then a system call, then two more.
extern "C" const char step_start[], step_call[], step_after[], step_end[];
static long step_body() {
  long result;
  asm volatile(
      ".globl step_start, step_call, step_after, step_end\n"
      "int3\n"
      "step_start: mov $0, %%ecx\n"
      "mov $39, %%eax\n"  // getpid
      "step_call: syscall\n"
      "step_after: nop\n"
      "step_end: nop\n"
      : "=a"(result)
      :
      : "rcx", "r11", "memory");
  return result;
}

TEST(single_steps) {
  const pid_t pid = spawn_traced([] { CHECK_EQ(step_body(), getpid()); });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP);
  siginfo_t info = info_of(pid);
  CHECK_EQ(info.si_code, SI_KERNEL);
  CHECK_EQ(registers_of(pid).rip, (unsigned long)step_start);
  const char* next = step_start + 5;
  for (; next <= step_call; next += 5) {
    CHECK_OK(trace(PTRACE_SINGLESTEP, pid));
    CHECK_STOP(pid, SIGTRAP);
    CHECK_EQ(registers_of(pid).rip, (unsigned long)next);
    info = info_of(pid);
    CHECK_EQ(info.si_code, TRAP_TRACE);
    CHECK_EQ(info.si_addr, next);
    CHECK_EQ(registers_of(pid).eflags & 0x100, 0);  // the trap flag is not the program's
  }
  CHECK_OK(trace(PTRACE_SINGLESTEP, pid));
  CHECK_STOP(pid, SIGTRAP);
  CHECK_EQ(registers_of(pid).rip, (unsigned long)step_after);  // the call is one step
  CHECK_EQ(registers_of(pid).rax, pid);
  CHECK_EQ(info_of(pid).si_code, TRAP_BRKPT);
  CHECK_OK(trace(PTRACE_SINGLESTEP, pid));
  CHECK_STOP(pid, SIGTRAP);
  CHECK_EQ(registers_of(pid).rip, (unsigned long)step_end);
  finish(pid);
}

TEST(step_into_a_handler) {
  const pid_t pid = spawn_traced([] {
    signal(SIGUSR1, [](int) {});
    raise(SIGUSR1);
  });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGUSR1);
  const unsigned long before = registers_of(pid).rsp;
  CHECK_OK(trace(PTRACE_SINGLESTEP, pid, 0, SIGUSR1));
  CHECK_STOP(pid, SIGTRAP);
  const user_regs_struct registers = registers_of(pid);
  CHECK(before - registers.rsp > 512);  // at the first instruction of the handler, with the frame in place
  CHECK_EQ(registers.rdi, SIGUSR1);
  finish(pid);
}

TEST_SLOW(step_through_a_program, 60) {
  const pid_t pid = spawn_traced([] {
    char text[64];
    snprintf(text, sizeof text, "%d %s", 12, "abc");
    CHECK_STR(text, "12 abc");
  });
  int steps = 0, status;
  for (;; ++steps) {
    must(trace(PTRACE_SINGLESTEP, pid));
    status = wait_report(pid);
    if (status != stopped_by(SIGTRAP)) break;
  }
  CHECK_EXITED(status, 0);
  CHECK(steps > 500);
}
