// SPDX-License-Identifier: MIT
// Helpers of the tests of ptrace(2): children under the test's eyes, and what wait reports about them.
#pragma once

#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "test.h"

constexpr int kEventStop = 128;

inline long trace(int request, pid_t pid, unsigned long address = 0, unsigned long data = 0) {
  return syscall(SYS_ptrace, request, pid, address, data);
}
inline long trace(int request, pid_t pid, unsigned long address, void* data) { return trace(request, pid, address, (unsigned long)data); }

// Waits for a report about this thread, whatever it is.
inline int wait_report(pid_t pid, int options = __WALL) {
  int status = -1;
  pid_t got;
  do got = waitpid(pid, &status, options);
  while (got == -1 && errno == EINTR);
  CHECK_EQ(got, pid);
  return status;
}

constexpr int stopped_by(int signal, int event = 0) { return (signal | event << 8) << 8 | 0x7f; }
#define CHECK_STOP(pid, ...) CHECK_EQ(wait_report(pid), stopped_by(__VA_ARGS__))

// A child that is traced from its first moment and has stopped itself with SIGSTOP; then it runs `body` and exits with 1 if a check in it failed.
template <class Body>
pid_t spawn_traced(Body body, unsigned long options = PTRACE_O_EXITKILL) {
  const pid_t pid = spawn([&] {
    must(trace(PTRACE_TRACEME, 0));
    raise(SIGSTOP);
    body();
  });
  CHECK_STOP(pid, SIGSTOP);
  CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, options));
  return pid;
}

inline user_regs_struct registers_of(pid_t pid) {
  user_regs_struct registers{};
  CHECK_OK(trace(PTRACE_GETREGS, pid, 0, &registers));
  return registers;
}

inline long word_at(pid_t pid, const void* address) {
  errno = 0;
  return ptrace(PTRACE_PEEKDATA, pid, address, nullptr);
}

inline unsigned long message_of(pid_t pid) {
  unsigned long message = 0;
  CHECK_OK(trace(PTRACE_GETEVENTMSG, pid, 0, &message));
  return message;
}

inline siginfo_t info_of(pid_t pid) {
  siginfo_t info{};
  CHECK_OK(trace(PTRACE_GETSIGINFO, pid, 0, &info));
  return info;
}

// Lets the child go on and expects that it ends well.
inline void finish(pid_t pid, unsigned long signal = 0) {
  CHECK_OK(trace(PTRACE_CONT, pid, 0, signal));
  CHECK_EXITED(wait_report(pid), 0);
}
inline void kill_and_reap(pid_t pid) {
  kill(pid, SIGKILL);
  int status;
  while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status)) {
  }
}
