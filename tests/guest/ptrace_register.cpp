// SPDX-License-Identifier: MIT
// ptrace(2): registers, breakpoints and watchpoints. And memory: PEEK, POKE, /proc/PID/mem, process_vm_readv(2), kcmp(2).
#include <elf.h>
#include <linux/kcmp.h>
#include <sys/prctl.h>

#include "tracee.h"

#define FAMILY "ptrace"

static long magic = 0x1122334455667788;
static const long constant = 0x123456789;

static constexpr unsigned long debug_register(int n) { return offsetof(struct user, u_debugreg) + 8ul * (unsigned long)n; }

TEST(general_registers) {
  const pid_t pid = spawn_traced([] {
    long result;
    asm volatile("mov $0x1111, %%rbx\nmov $0x2222, %%r12\nint3\nlea (%%rbx, %%r12), %0" : "=r"(result) : : "rbx", "r12");
    CHECK_EQ(result, 0x5555);
  });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP);
  user_regs_struct registers = registers_of(pid);
  CHECK_EQ(registers.rbx, 0x1111);
  CHECK_EQ(registers.r12, 0x2222);
  CHECK_EQ(registers.cs, 0x33);
  CHECK_EQ(registers.ss, 0x2b);
  CHECK_EQ((long)registers.orig_rax, -1);
  CHECK_EQ(trace(PTRACE_PEEKUSER, pid, offsetof(user_regs_struct, rbx), &registers.r15), 0);
  CHECK_EQ(registers.r15, 0x1111);
  CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, rbx), 0x3333));
  finish(pid);
}

TEST(register_sets) {
  const pid_t pid = spawn_traced([] {});
  user_regs_struct registers{};
  iovec range{&registers, sizeof registers};
  CHECK_OK(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &range));
  CHECK_EQ(range.iov_len, 216);
  CHECK_EQ(registers.rip, registers_of(pid).rip);
  char large[8192];
  range = {large, sizeof large};
  CHECK_OK(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &range));
  CHECK_EQ(range.iov_len, 216);
  range = {large, 16};
  CHECK_OK(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &range));
  CHECK_EQ(range.iov_len, 16);
  range = {large, 13};
  CHECK_ERRNO(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &range), EINVAL);
  range = {large, sizeof large};
  CHECK_ERRNO(trace(PTRACE_GETREGSET, pid, 0x999, &range), EINVAL);
  CHECK_OK(trace(PTRACE_GETREGSET, pid, NT_PRFPREG, &range));
  CHECK_EQ(range.iov_len, 512);
  finish(pid);
}

TEST(set_registers_checks) {
  const pid_t pid = spawn_traced([] {});
  user_regs_struct registers = registers_of(pid);
  registers.cs = 0x10;
  CHECK_ERRNO(trace(PTRACE_SETREGS, pid, 0, &registers), EIO);
  registers = registers_of(pid);
  registers.fs_base = 1ul << 63;
  CHECK_ERRNO(trace(PTRACE_SETREGS, pid, 0, &registers), EIO);
  registers = registers_of(pid);
  const unsigned long flags = registers.eflags;
  registers.eflags |= 0x3000;  // the I/O privilege level
  CHECK_OK(trace(PTRACE_SETREGS, pid, 0, &registers));
  CHECK_EQ(registers_of(pid).eflags, flags);
  CHECK_ERRNO(trace(PTRACE_PEEKUSER, pid, 4, &registers), EIO);
  CHECK_ERRNO(trace(PTRACE_PEEKUSER, pid, 100000, &registers), EIO);
  CHECK_ERRNO(trace(PTRACE_POKEUSER, pid, debug_register(4), 1), EIO);
  finish(pid);
}

TEST(floating_point_registers) {
  const pid_t pid = spawn_traced([] {
    double value = 1.5;
    asm volatile("int3" : "+x"(value) : : "memory");
    double changed;
    asm volatile("movsd %1, %%xmm3\nint3\nmovsd %%xmm3, %0" : "=m"(changed) : "m"(value) : "xmm3");
    CHECK(changed == 2.25);
  });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP);
  user_fpregs_struct fp{};
  CHECK_OK(trace(PTRACE_GETFPREGS, pid, 0, &fp));
  double value;
  memcpy(&value, &fp.xmm_space[12], sizeof value);
  CHECK(value == 1.5);
  CHECK_EQ(fp.mxcsr & 0xffc0, 0x1f80);
  value = 2.25;
  memcpy(&fp.xmm_space[12], &value, sizeof value);
  CHECK_OK(trace(PTRACE_SETFPREGS, pid, 0, &fp));
  finish(pid);
}

TEST(extended_state) {
  const pid_t pid = spawn_traced([] {
    double value = 1.5, changed;
    asm volatile("movsd %1, %%xmm3\nint3\nmovsd %%xmm3, %0" : "=m"(changed) : "m"(value) : "xmm3");
    CHECK(changed == 4.5);
  });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP);
  static unsigned char state[16384];
  iovec range{state, sizeof state};
  CHECK_OK(trace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &range));
  CHECK(range.iov_len >= 576);
  unsigned long features, present;
  memcpy(&features, state + 464, 8);
  memcpy(&present, state + 512, 8);
  CHECK_EQ(features & 3, 3);
  CHECK_EQ(present & ~features, 0);
  CHECK(present & 2);
  double value;
  memcpy(&value, state + 160 + 3 * 16, sizeof value);
  CHECK(value == 1.5);
  value = 4.5;
  memcpy(state + 160 + 3 * 16, &value, sizeof value);
  CHECK_OK(trace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &range));
  state[512 + 8] = 1;
  CHECK_ERRNO(trace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &range), EINVAL);
  finish(pid);
}

// ---- watchpoints and breakpoints ----

TEST(watchpoint) {
  const pid_t pid = spawn_traced([] {
    *(volatile long*)&magic = 1;
    *(volatile long*)&magic = 2;
  });
  CHECK_OK(trace(PTRACE_POKEUSER, pid, debug_register(0), (unsigned long)&magic));
  CHECK_OK(trace(PTRACE_POKEUSER, pid, debug_register(7), 1 | 0x9ul << 16));  // 8 bytes, writes
  for (long i = 1; i <= 2; ++i) {
    CHECK_OK(trace(PTRACE_CONT, pid));
    CHECK_STOP(pid, SIGTRAP);
    const siginfo_t info = info_of(pid);
    CHECK_EQ(info.si_code, TRAP_HWBKPT);
    CHECK_EQ(word_at(pid, &magic), i);
    unsigned long status = 0;
    CHECK_OK(trace(PTRACE_PEEKUSER, pid, debug_register(6), &status));
    CHECK_EQ(status & 15, 1);
    CHECK_OK(trace(PTRACE_POKEUSER, pid, debug_register(6), 0ul));
  }
  CHECK_OK(trace(PTRACE_POKEUSER, pid, debug_register(7), 0ul));
  finish(pid);
}

[[gnu::noinline]] static void broken_at() { asm volatile(""); }

TEST(hardware_breakpoint) {
  const pid_t pid = spawn_traced([] {
    broken_at();
    broken_at();
  });
  CHECK_OK(trace(PTRACE_POKEUSER, pid, debug_register(1), (unsigned long)broken_at));
  CHECK_OK(trace(PTRACE_POKEUSER, pid, debug_register(7), 4));
  for (int i = 0; i < 2; ++i) {
    CHECK_OK(trace(PTRACE_CONT, pid));
    CHECK_STOP(pid, SIGTRAP);
    CHECK_EQ(registers_of(pid).rip, (unsigned long)broken_at);
    unsigned long status = 0;
    CHECK_OK(trace(PTRACE_PEEKUSER, pid, debug_register(6), &status));
    CHECK_EQ(status & 15, 2);
  }
  finish(pid);
}

TEST(debug_register_checks) {
  const pid_t pid = spawn_traced([] {});
  CHECK_ERRNO(trace(PTRACE_POKEUSER, pid, debug_register(0), 1ul << 63), EINVAL);
  CHECK_OK(trace(PTRACE_POKEUSER, pid, debug_register(0), (unsigned long)&magic + 1));
  CHECK_ERRNO(trace(PTRACE_POKEUSER, pid, debug_register(7), 1 | 0x9ul << 16), EINVAL);  // not aligned
  CHECK_ERRNO(trace(PTRACE_POKEUSER, pid, debug_register(7), 1 | 0x2ul << 16), EINVAL);  // I/O
  unsigned long control = 9;
  CHECK_OK(trace(PTRACE_PEEKUSER, pid, debug_register(7), &control));
  CHECK_EQ(control, 0);
  finish(pid);
}

TEST(debug_registers_are_not_inherited) {
  const pid_t pid = spawn_traced([] { CHECK_CHILD_OK(spawn([] { *(volatile long*)&magic = 1; })); });
  CHECK_OK(trace(PTRACE_POKEUSER, pid, debug_register(0), (unsigned long)&magic));
  CHECK_OK(trace(PTRACE_POKEUSER, pid, debug_register(7), 1 | 0x9ul << 16));
  CHECK_OK(trace(PTRACE_CONT, pid));
  int status = wait_report(pid);
  if (status == stopped_by(SIGCHLD)) {
    CHECK_OK(trace(PTRACE_CONT, pid));
    status = wait_report(pid);
  }
  CHECK_EXITED(status, 0);
}

TEST(breakpoint_in_text) {
  const pid_t pid = spawn_traced([] {
    broken_at();
    broken_at();
  });
  const long original = word_at(pid, (void*)broken_at);
  CHECK_OK(trace(PTRACE_POKETEXT, pid, (unsigned long)broken_at, ((unsigned long)original & ~0xfful) | 0xcc));
  for (int i = 0; i < 2; ++i) {
    CHECK_OK(trace(PTRACE_CONT, pid));
    CHECK_STOP(pid, SIGTRAP);
    user_regs_struct registers = registers_of(pid);
    CHECK_EQ(registers.rip, (unsigned long)broken_at + 1);
    CHECK_OK(trace(PTRACE_POKETEXT, pid, (unsigned long)broken_at, (unsigned long)original));
    registers.rip = (unsigned long)broken_at;
    CHECK_OK(trace(PTRACE_SETREGS, pid, 0, &registers));
    CHECK_OK(trace(PTRACE_SINGLESTEP, pid));
    CHECK_STOP(pid, SIGTRAP);
    CHECK_OK(trace(PTRACE_POKETEXT, pid, (unsigned long)broken_at, ((unsigned long)original & ~0xfful) | 0xcc));
  }
  finish(pid);
  broken_at();  // nobody else's text has changed
  CHECK_EQ(*(const long*)(void*)broken_at, original);
}

TEST(poked_text_stays_protected) {
  const pid_t pid = spawn_traced([] {
    const Fault fault = catch_fault([](void*) { *(volatile long*)&constant = 1; });
    CHECK_EQ(fault.signal, SIGSEGV);
    CHECK_EQ(fault.code, SEGV_ACCERR);
    CHECK_EQ(*(volatile const long*)&constant, 99);
  });
  CHECK_EQ(word_at(pid, &constant), 0x123456789);
  CHECK_OK(trace(PTRACE_POKEDATA, pid, (unsigned long)&constant, 99));
  CHECK_EQ(word_at(pid, &constant), 99);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGSEGV);
  finish(pid, SIGSEGV);
}

TEST(shared_readonly_is_not_written) {
  const int fd = static_cast<int>(must(open("file", O_RDWR | O_CREAT, 0600)));
  must(ftruncate(fd, 4096));
  void* readonly = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
  void* none = map_pages(1, PROT_NONE);
  const pid_t pid = spawn_traced([] {});
  CHECK_ERRNO(trace(PTRACE_POKEDATA, pid, (unsigned long)readonly, 1), EIO);
  CHECK_EQ(word_at(pid, none), 0);
  CHECK_EQ(errno, 0);
  long word;
  CHECK_ERRNO(trace(PTRACE_PEEKDATA, pid, 8, &word), EIO);
  CHECK_ERRNO(trace(PTRACE_PEEKDATA, pid, 1ul << 63, &word), EIO);
  CHECK_ERRNO(trace(PTRACE_POKEDATA, pid, 8, 1), EIO);
  finish(pid);
}

TEST(proc_mem) {
  const pid_t pid = spawn_traced([] { CHECK_EQ(*(volatile const long*)&constant, 42); });
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  const int fd = static_cast<int>(must(open(path, O_RDWR)));
  long value = 0;
  CHECK_EQ(pread(fd, &value, 8, (off_t)&magic), 8);
  CHECK_EQ(value, 0x1122334455667788);
  value = 42;
  CHECK_EQ(pwrite(fd, &value, 8, (off_t)&constant), 8);
  CHECK_EQ(lseek(fd, (off_t)&magic, SEEK_SET), (off_t)&magic);
  CHECK_EQ(read(fd, &value, 4), 4);
  CHECK_EQ((int)value, 0x55667788);
  CHECK_ERRNO(pread(fd, &value, 8, 0), EIO);
  CHECK_ERRNO(pwrite(fd, &value, 8, 0), EIO);
  CHECK_ERRNO(lseek(fd, 0, SEEK_END), EINVAL);
  finish(pid);
  CHECK_EQ(pread(fd, &value, 8, (off_t)&magic), 0);  // its memory is gone
  close(fd);
}

TEST(proc_mem_of_oneself) {
  const int fd = static_cast<int>(must(open("/proc/self/mem", O_RDWR)));
  long value = 77;
  CHECK_EQ(pwrite(fd, &value, 8, (off_t)&magic), 8);
  CHECK_EQ(*(volatile long*)&magic, 77);
}

TEST(proc_mem_needs_permission) {
  const pid_t pid = spawn([] { pause(); });
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(open(path, O_RDONLY), EACCES);
  });
  kill_and_reap(pid);
}

TEST(process_vm) {
  const pid_t pid = spawn([] { pause(); });
  wait_asleep(pid);
  long a = 0, b = 0;
  iovec local[2] = {{&a, 8}, {&b, 8}}, remote[2] = {{&magic, 4}, {(char*)&magic + 4, 4}};
  CHECK_EQ(process_vm_readv(pid, local, 2, remote, 2, 0), 8);
  CHECK_EQ(a, 0x1122334455667788);
  a = 5;
  CHECK_EQ(process_vm_writev(pid, local, 1, remote, 2, 0), 8);
  CHECK_EQ(process_vm_readv(pid, local + 1, 1, remote, 2, 0), 8);
  CHECK_EQ(b, 5);
  remote[1] = {(void*)8, 8};
  CHECK_EQ(process_vm_readv(pid, local, 2, remote, 2, 0), 4);  // up to the bad address
  CHECK_ERRNO(process_vm_readv(pid, local, 2, remote + 1, 1, 0), EFAULT);
  remote[0] = {(void*)&constant, 8};
  CHECK_ERRNO(process_vm_writev(pid, local, 1, remote, 1, 0), EFAULT);
  CHECK_ERRNO(process_vm_readv(pid, local, 2, remote, 2, 1), EINVAL);
  CHECK_ERRNO(process_vm_readv(0x7fffff, local, 2, remote, 2, 0), ESRCH);
  CHECK_ERRNO(process_vm_readv(pid, local, 2000, remote, 2, 0), EINVAL);
  CHECK_EQ(process_vm_readv(pid, local, 0, remote, 2, 0), 0);
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(process_vm_readv(pid, local, 1, remote, 1, 0), EPERM);
  });
  kill_and_reap(pid);
}

TEST(kcmp_objects) {
  const pid_t self = getpid();
  const pid_t pid = spawn([] { pause(); });
  CHECK_EQ(syscall(SYS_kcmp, self, self, KCMP_VM, 0, 0), 0);
  CHECK(syscall(SYS_kcmp, self, pid, KCMP_VM, 0, 0) > 0);
  const long one = syscall(SYS_kcmp, self, pid, KCMP_FILES, 0, 0), other = syscall(SYS_kcmp, pid, self, KCMP_FILES, 0, 0);
  CHECK_EQ(one + other, 3);  // an order
  CHECK_EQ(syscall(SYS_kcmp, self, pid, KCMP_FILE, 0, 0), 0);  // inherited
  const int copy = dup(0), fresh = open("/dev/null", O_RDONLY);
  CHECK_EQ(syscall(SYS_kcmp, self, self, KCMP_FILE, 0, copy), 0);
  CHECK(syscall(SYS_kcmp, self, self, KCMP_FILE, 0, fresh) > 0);
  CHECK_ERRNO(syscall(SYS_kcmp, self, self, KCMP_FILE, 0, 999), EBADF);
  CHECK_ERRNO(syscall(SYS_kcmp, self, self, 99, 0, 0), EINVAL);
  CHECK_ERRNO(syscall(SYS_kcmp, self, 0x7fffff, KCMP_VM, 0, 0), ESRCH);
  kill_and_reap(pid);
}
