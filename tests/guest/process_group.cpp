// SPDX-License-Identifier: MIT
// Process groups and sessions: setpgid, setsid and their errors. (Terminals: tty_job.cpp.)
#include "test.h"

#define FAMILY "process"

TEST(group_and_session_are_inherited) {
  CHECK_EQ(getpgrp(), getpid());  // the runner makes each test a session leader
  CHECK_EQ(getsid(0), getpid());
  const pid_t leader = getpid();
  IN_CHILD([&] {
    CHECK_EQ(getpgrp(), leader);
    CHECK_EQ(getpgid(0), leader);
    CHECK_EQ(getsid(0), leader);
    CHECK_EQ(getpgid(getppid()), leader);
    CHECK_EQ(getsid(getppid()), leader);
  });
}

TEST(setsid_makes_a_new_session) {
  IN_CHILD([] {
    const pid_t session = setsid();
    CHECK_EQ(session, getpid());
    CHECK_EQ(getpgrp(), getpid());
    CHECK_EQ(getsid(0), getpid());
    CHECK_ERRNO(setsid(), EPERM);           // already a group leader
    CHECK_ERRNO(setpgid(0, 0), EPERM);      // a session leader stays where it is
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
  });
}

TEST(setsid_fails_while_a_group_has_our_id) {
  IN_CHILD([] {
    must(setpgid(0, 0));
    CHECK_ERRNO(setsid(), EPERM);
  });
}

TEST(setpgid_own_group) {
  IN_CHILD([] {
    CHECK_OK(setpgid(0, 0));
    CHECK_EQ(getpgrp(), getpid());
    CHECK_OK(setpgid(getpid(), getpid()));  // again: nothing changes
    CHECK_OK(setpgid(0, getppid()));        // back into the parent's group
    CHECK_EQ(getpgrp(), getppid());
  });
}

TEST(setpgid_of_a_child) {
  Gate gate;
  const pid_t pid = spawn([&] {
    gate.wait();
    _exit(getpgrp() == getpid() ? 0 : 1);
  });
  CHECK_OK(setpgid(pid, pid));
  CHECK_EQ(getpgid(pid), pid);
  gate.open();
  CHECK_CHILD_OK(pid);
}

TEST(setpgid_errors) {
  CHECK_ERRNO(setpgid(-1, 0), EINVAL);
  CHECK_ERRNO(setpgid(-1, 5), ESRCH);
  CHECK_ERRNO(setpgid(0, -1), EINVAL);
  CHECK_ERRNO(setpgid(0, 0), EPERM);  // a session leader
  CHECK_ERRNO(setpgid(1, 1), ESRCH);  // not a child
  CHECK_ERRNO(setpgid(getppid(), 0), ESRCH);
  Gate gate;
  const pid_t pid = spawn([&] { gate.wait(); });
  CHECK_ERRNO(setpgid(pid, 1), EPERM);         // a group of another session
  CHECK_ERRNO(setpgid(pid, 0x3ffffff), EPERM); // no such group
  gate.open();
  CHECK_CHILD_OK(pid);
  CHECK_ERRNO(setpgid(pid, pid), ESRCH);
}

TEST(setpgid_after_exec_is_eacces) {
  Gate gate;
  const pid_t pid = spawn([&] { exec_helper("sleep_then_exit", "10000"); });
  char path[64];
  char target[256] = {};
  snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
  for (int i = 0; i < 400 && strstr(target, "helper") == nullptr; ++i) {
    sleep_ms(5);
    read_file(path, target, sizeof target);
  }
  CHECK_ERRNO(setpgid(pid, pid), EACCES);
  kill(pid, SIGKILL);
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}

TEST(setpgid_child_in_other_session_is_eperm) {
  Gate ready;
  Gate gate;
  const pid_t pid = spawn([&] {
    must(setsid());
    ready.open();
    gate.wait();
  });
  ready.wait();
  CHECK_ERRNO(setpgid(pid, getpgrp()), EPERM);
  CHECK_EQ(getsid(pid), pid);
  gate.open();
  CHECK_CHILD_OK(pid);
}

TEST(getpgid_getsid_errors) {
  CHECK_ERRNO(getpgid(0x3ffffff), ESRCH);
  CHECK_ERRNO(getpgid(-1), ESRCH);
  CHECK_ERRNO(getsid(0x3ffffff), ESRCH);
  CHECK_ERRNO(getsid(-1), ESRCH);
  CHECK_OK(getpgid(1));
  CHECK_OK(getsid(1));
}

TEST(kill_reaches_the_whole_group) {
  Gate ready;
  pid_t group = 0;
  pid_t pids[3];
  for (auto& pid : pids) {
    pid = spawn([&] {
      must(setpgid(0, group));
      ready.open();
      for (;;) pause();
    });
    ready.wait();
    if (group == 0) group = pid;
  }
  CHECK_OK(kill(-group, 0));
  CHECK_OK(kill(-group, SIGTERM));
  for (const pid_t pid : pids) CHECK_SIGNALED(wait_status(pid), SIGTERM);
  CHECK_ERRNO(kill(-group, 0), ESRCH);
}

TEST(group_outlives_its_leader) {
  Gate ready;
  Gate gate;
  int fds[2];
  must(pipe(fds));
  const pid_t leader = spawn([&] {
    must(setpgid(0, 0));
    gate.wait();
  });
  setpgid(leader, leader);
  const pid_t member = spawn([&] {
    must(setpgid(0, leader));
    ready.open();
    for (;;) pause();
  });
  ready.wait();
  gate.open();
  CHECK_CHILD_OK(leader);
  CHECK_EQ(getpgid(member), leader);
  CHECK_OK(kill(-leader, SIGUSR1));
  CHECK_SIGNALED(wait_status(member), SIGUSR1);
}
