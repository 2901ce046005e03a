// SPDX-License-Identifier: MIT
// wait4 and waitid: selection of children, options, status words, siginfo, errors.
#include "test.h"

#include <sys/resource.h>

#define FAMILY "process"

TEST(wait_without_children_is_echild) {
  CHECK_ERRNO(wait(nullptr), ECHILD);
  CHECK_ERRNO(waitpid(-1, nullptr, WNOHANG), ECHILD);
  CHECK_ERRNO(waitpid(getpid(), nullptr, 0), ECHILD);
  CHECK_ERRNO(waitpid(1, nullptr, 0), ECHILD);
  siginfo_t info;
  CHECK_ERRNO(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
}

TEST(wait_bad_arguments) {
  CHECK_ERRNO(waitpid(-1, nullptr, 0x100), EINVAL);
  siginfo_t info;
  CHECK_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
  CHECK_ERRNO(waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
  CHECK_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
  CHECK_ERRNO(waitid(P_PID, -1, &info, WEXITED), EINVAL);
  CHECK_ERRNO(waitid(static_cast<idtype_t>(77), 0, &info, WEXITED), EINVAL);
  CHECK_ERRNO(waitpid(INT32_MIN, nullptr, 0), ESRCH);
}

TEST(wait_nohang_returns_zero_while_running) {
  Gate gate;
  const pid_t pid = spawn([&] { gate.wait(); });
  int status = 0x1234;
  CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
  CHECK_EQ(status, 0x1234);
  CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
  siginfo_t info;
  memset(&info, 0xff, sizeof info);
  CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOHANG), 0);
  CHECK_EQ(info.si_pid, 0);
  CHECK_EQ(info.si_signo, 0);
  gate.open();
  CHECK_CHILD_OK(pid);
}

TEST(wait_selects_by_pid) {
  const pid_t a = spawn([] { _exit(1); });
  const pid_t b = spawn([] { _exit(2); });
  int status;
  CHECK_EQ(waitpid(b, &status, 0), b);
  CHECK_EXITED(status, 2);
  CHECK_EQ(waitpid(a, &status, 0), a);
  CHECK_EXITED(status, 1);
  CHECK_ERRNO(waitpid(a, &status, 0), ECHILD);  // reaped once only
}

TEST(wait_selects_by_process_group) {
  const pid_t own = spawn([] { _exit(1); });
  const pid_t other = spawn([] {
    must(setpgid(0, 0));
    _exit(2);
  });
  setpgid(other, other);
  int status;
    // pid 0: any child in the caller's group; -pgid: any child in that group.
  CHECK_EQ(waitpid(-other, &status, 0), other);
  CHECK_EXITED(status, 2);
  CHECK_EQ(waitpid(0, &status, 0), own);
  CHECK_EXITED(status, 1);
  CHECK_ERRNO(waitpid(0, &status, WNOHANG), ECHILD);
}

TEST(wait_reports_death_by_signal) {
  const pid_t pid = spawn([] { pause(); });
  must(kill(pid, SIGTERM));
  CHECK_SIGNALED(wait_status(pid), SIGTERM);
  const int status = wait_status(spawn([] { raise(SIGKILL); }));
  CHECK_SIGNALED(status, SIGKILL);
  CHECK(!WCOREDUMP(status));
}

TEST(wait_reports_stop_and_continue) {
  const pid_t pid = spawn([] {
    for (;;) pause();
  });
  int status;
  must(kill(pid, SIGSTOP));
  CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
  CHECK_STOPPED(status, SIGSTOP);
  CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);  // reported once
  must(kill(pid, SIGCONT));
  CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
  CHECK(WIFCONTINUED(status));
  CHECK_EQ(status, 0xffff);
  CHECK_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
  kill(pid, SIGKILL);
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}

TEST(wait_without_wuntraced_ignores_stops) {
  const pid_t pid = spawn([] {
    for (;;) pause();
  });
  must(kill(pid, SIGSTOP));
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));  // surely stopped
  int status;
  CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
  must(kill(pid, SIGKILL));  // kills a stopped process
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}

TEST(waitid_fills_siginfo) {
  const pid_t pid = spawn([] { _exit(19); });
  siginfo_t info{};
  CHECK_EQ(waitid(P_PID, pid, &info, WEXITED), 0);
  CHECK_EQ(info.si_signo, SIGCHLD);
  CHECK_EQ(info.si_code, CLD_EXITED);
  CHECK_EQ(info.si_pid, pid);
  CHECK_EQ(info.si_uid, getuid());
  CHECK_EQ(info.si_status, 19);
  CHECK_EQ(info.si_errno, 0);
}

TEST(waitid_stop_continue_kill) {
  const pid_t pid = spawn([] {
    for (;;) pause();
  });
  siginfo_t info{};
  must(kill(pid, SIGSTOP));
  CHECK_EQ(waitid(P_PID, pid, &info, WSTOPPED), 0);
  CHECK_EQ(info.si_code, CLD_STOPPED);
  CHECK_EQ(info.si_status, SIGSTOP);
  must(kill(pid, SIGCONT));
  CHECK_EQ(waitid(P_ALL, 0, &info, WCONTINUED), 0);
  CHECK_EQ(info.si_code, CLD_CONTINUED);
  CHECK_EQ(info.si_status, SIGCONT);
  must(kill(pid, SIGUSR1));
  CHECK_EQ(waitid(P_PGID, getpgrp(), &info, WEXITED), 0);
  CHECK_EQ(info.si_code, CLD_KILLED);
  CHECK_EQ(info.si_status, SIGUSR1);
}

TEST(waitid_nowait_leaves_the_zombie) {
  const pid_t pid = spawn([] { _exit(3); });
  siginfo_t info{};
  CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
  CHECK_EQ(info.si_pid, pid);
  info = {};
  CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
  CHECK_EQ(info.si_status, 3);
  CHECK_OK(kill(pid, 0));  // a zombie still exists
  CHECK_EXITED(wait_status(pid), 3);
  CHECK_ERRNO(kill(pid, 0), ESRCH);
}

TEST(waitid_core_dump_code) {
  const pid_t pid = spawn([] {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    abort();
  });
  siginfo_t info{};
  CHECK_EQ(waitid(P_PID, pid, &info, WEXITED), 0);
  CHECK_EQ(info.si_status, SIGABRT);
  CHECK(info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
}

TEST(wait_blocks_until_a_child_ends) {
  Gate gate;
  const pid_t slow = spawn([&] {
    gate.wait();
    _exit(1);
  });
  const pid_t fast = spawn([] {
    sleep_ms(30);
    _exit(2);
  });
  int status;
  CHECK_EQ(wait(&status), fast);
  CHECK_EXITED(status, 2);
  gate.open();
  CHECK_EQ(wait(&status), slow);
}

TEST(wait_grandchildren_are_not_ours) {
  Gate started;
  const pid_t pid = spawn([&] {
    const pid_t inner = spawn([] { pause(); });
    char line[16];
    snprintf(line, sizeof line, "%d", inner);
    must(write(started.write_fd(), line, sizeof line));
    pause();
  });
  char line[16];
  must(read(started.read_fd(), line, sizeof line));
  const pid_t inner = atoi(line);
  CHECK_ERRNO(waitpid(inner, nullptr, 0), ECHILD);
  kill(inner, SIGKILL);
  kill(pid, SIGKILL);
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}

TEST(wait_is_interrupted_by_a_handled_signal) {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  must(sigaction(SIGALRM, &action, nullptr));
  Gate gate;
  const pid_t pid = spawn([&] { gate.wait(); });
  const itimerval soon{{0, 50000}, {0, 50000}};
  must(setitimer(ITIMER_REAL, &soon, nullptr));
  CHECK_ERRNO(waitpid(pid, nullptr, 0), EINTR);
  const itimerval never{};
  must(setitimer(ITIMER_REAL, &never, nullptr));
  gate.open();
  CHECK_CHILD_OK(pid);
}

TEST(wait4_reports_resource_usage) {
  const pid_t pid = spawn([] {
    char* memory = map_pages(500);
    for (int i = 0; i < 500; ++i) memory[i * kPage] = 1;
    const int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 60000000;
    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end) {
    }
  });
  int status;
  rusage usage{};
  CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
  CHECK_EXITED(status, 0);
  const long us = usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
  CHECK(us >= 30000);
  CHECK(us < 10000000);
  CHECK(usage.ru_minflt >= 400);
  CHECK(usage.ru_maxrss >= 500 * 4);
  rusage children{};
  CHECK_OK(getrusage(RUSAGE_CHILDREN, &children));
  CHECK(children.ru_minflt >= usage.ru_minflt);
}

TEST(wait_bad_pointer_is_efault) {
  const pid_t pid = spawn([] { _exit(0); });
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
  CHECK_ERRNO(syscall(SYS_wait4, pid, 8, 0, nullptr), EFAULT);
}
