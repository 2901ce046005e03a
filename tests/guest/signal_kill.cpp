// SPDX-License-Identifier: MIT
// kill, tkill, tgkill: whom they reach and who may send.
#include "test.h"

#define FAMILY "signal"

TEST(kill_errors) {
  CHECK_ERRNO(kill(0x3ffffff, SIGTERM), ESRCH);
  CHECK_ERRNO(kill(0x3ffffff, 0), ESRCH);
  CHECK_ERRNO(kill(getpid(), 65), EINVAL);
  CHECK_ERRNO(kill(getpid(), -1), EINVAL);
  CHECK_ERRNO(kill(-0x3ffffff, SIGTERM), ESRCH);
  CHECK_ERRNO(kill(INT32_MIN, SIGTERM), ESRCH);
  CHECK_OK(kill(getpid(), 0));
  CHECK_OK(kill(1, 0));
}

TEST(kill_zero_reaches_the_own_group) {
  static volatile sig_atomic_t got;
  got = 0;
  signal(SIGUSR1, [](int) { got = 1; });
  Gate ready;
  const pid_t pid = spawn([&] {
    signal(SIGUSR1, SIG_DFL);
    ready.open();
    for (;;) pause();
  });
  const pid_t other = spawn([&] {
    must(setpgid(0, 0));
    signal(SIGUSR1, SIG_DFL);
    ready.open();
    for (;;) pause();
  });
  ready.wait();
  ready.wait();
  CHECK_OK(kill(0, SIGUSR1));
  CHECK_EQ(got, 1);
  CHECK_SIGNALED(wait_status(pid), SIGUSR1);
  CHECK_EQ(waitpid(other, nullptr, WNOHANG), 0);
  must(kill(other, SIGKILL));
  CHECK_SIGNALED(wait_status(other), SIGKILL);
}

TEST(kill_minus_one_spares_the_sender) {
    // As an unprivileged user it reaches only that user's processes.
  IN_CHILD([] {
    must(setresgid(4321, 4321, 4321));
    must(setresuid(4321, 4321, 4321));
    const pid_t a = spawn([] {
      for (;;) pause();
    });
    const pid_t b = spawn([] {
      setsid();
      for (;;) pause();
    });
    CHECK_OK(kill(-1, SIGTERM));
    CHECK_SIGNALED(wait_status(a), SIGTERM);
    CHECK_SIGNALED(wait_status(b), SIGTERM);
        // There are others, but none that may be signalled: Linux calls that success.
    CHECK_OK(kill(-1, SIGTERM));
  });
}

TEST(kill_permission) {
  Gate ready;
  Gate finish;
  const pid_t root_process = spawn([] {
    for (;;) pause();
  });
  const pid_t user_process = spawn([&] {
    drop_privileges();
    ready.open();
    for (;;) pause();
  });
  ready.wait();
  IN_CHILD([&] {
    must(setresuid(1000, 1000, 1000));
    CHECK_ERRNO(kill(root_process, SIGTERM), EPERM);
    CHECK_ERRNO(kill(root_process, 0), EPERM);
    CHECK_OK(kill(user_process, 0));
    CHECK_ERRNO(kill(1, SIGTERM), EPERM);
  });
  IN_CHILD([&] {
    must(setresuid(2000, 2000, 2000));
    CHECK_ERRNO(kill(user_process, SIGTERM), EPERM);
    CHECK_OK(kill(user_process, SIGCONT));  // same session
  });
  IN_CHILD([&] {
    must(setresuid(2000, 1000, 2000));  // the sender's effective id counts
    CHECK_OK(kill(user_process, 0));
  });
  must(kill(root_process, SIGKILL));
  must(kill(user_process, SIGKILL));
  wait_status(root_process);
  wait_status(user_process);
}

TEST(sigcont_is_allowed_inside_the_session) {
  const pid_t root_process = spawn([] {
    for (;;) pause();
  });
  IN_CHILD([&] {
    must(setresuid(1000, 1000, 1000));
    CHECK_OK(kill(root_process, SIGCONT));
    CHECK_ERRNO(kill(root_process, SIGSTOP), EPERM);
  });
  must(kill(root_process, SIGKILL));
  wait_status(root_process);
}

TEST(kill_group_partly_permitted_succeeds) {
  Gate ready;
  const pid_t leader = spawn([&] {
    must(setpgid(0, 0));
    ready.open();
    for (;;) pause();
  });
  ready.wait();
  const pid_t user = spawn([&] {
    must(setpgid(0, leader));
    drop_privileges();
    ready.open();
    for (;;) pause();
  });
  ready.wait();
  IN_CHILD([&] {
    drop_privileges();
    CHECK_OK(kill(-leader, SIGTERM));  // at least one could be signalled
  });
  CHECK_SIGNALED(wait_status(user), SIGTERM);
  CHECK_EQ(waitpid(leader, nullptr, WNOHANG), 0);
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(kill(-leader, SIGTERM), EPERM);
  });
  must(kill(leader, SIGKILL));
  wait_status(leader);
}

TEST(tgkill_and_tkill) {
  static volatile sig_atomic_t got;
  got = 0;
  signal(SIGUSR1, [](int) { got = got + 1; });
  const pid_t tid = static_cast<pid_t>(syscall(SYS_gettid));
  CHECK_OK(syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
  CHECK_OK(syscall(SYS_tkill, tid, SIGUSR1));
  CHECK_EQ(got, 2);
  CHECK_OK(syscall(SYS_tgkill, getpid(), tid, 0));
  CHECK_ERRNO(syscall(SYS_tgkill, getppid(), tid, SIGUSR1), ESRCH);  // not a thread of that process
  CHECK_ERRNO(syscall(SYS_tgkill, 0, tid, SIGUSR1), EINVAL);
  CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0, SIGUSR1), EINVAL);
  CHECK_ERRNO(syscall(SYS_tgkill, getpid(), tid, 65), EINVAL);
  CHECK_ERRNO(syscall(SYS_tkill, 0, SIGUSR1), EINVAL);
  CHECK_ERRNO(syscall(SYS_tkill, 0x3ffffff, SIGUSR1), ESRCH);
}

TEST(init_ignores_signals_without_handler) {
  CHECK_OK(kill(1, SIGUSR2));
  CHECK_OK(kill(1, SIGKILL));
  CHECK_OK(kill(1, SIGSTOP));
  sleep_ms(20);
  CHECK_OK(kill(1, 0));  // and this test is still reported by it
}
