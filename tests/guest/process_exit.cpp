// SPDX-License-Identifier: MIT
// The end of processes: zombies, orphans, subreapers, parent-death signals, what exit releases.
#include "test.h"

#include <sys/prctl.h>

#define FAMILY "process"

TEST(exit_makes_a_zombie_until_waited_for) {
  const pid_t pid = spawn([] { _exit(0); });
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
  if (exists("/proc/self/stat")) CHECK_EQ(process_state(pid), 'Z');
  CHECK_OK(kill(pid, 0));
  CHECK_OK(kill(pid, SIGKILL));  // has no effect, is no error
  CHECK_EQ(getpgid(pid), getpgrp());
  CHECK_CHILD_OK(pid);
  CHECK_ERRNO(kill(pid, 0), ESRCH);
  CHECK_ERRNO(getpgid(pid), ESRCH);
}

TEST(exit_closes_descriptors) {
  int fds[2];
  must(pipe(fds));
  const pid_t pid = spawn([&] { close(fds[0]); });
  close(fds[1]);
  char c;
  CHECK_EQ(read(fds[0], &c, 1), 0);  // end of file comes with the child's exit
  CHECK_CHILD_OK(pid);
}

TEST(exit_sends_sigchld) {
  static volatile sig_atomic_t status;
  static volatile sig_atomic_t code;
  static volatile sig_atomic_t sender;
  struct sigaction action{};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    status = info->si_status;
    code = info->si_code;
    sender = info->si_pid;
  };
  must(sigaction(SIGCHLD, &action, nullptr));
  sigset_t set;
  sigset_t old;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  must(sigprocmask(SIG_BLOCK, &set, &old));
  const pid_t pid = spawn([] { _exit(21); });
  CHECK_ERRNO(sigsuspend(&old), EINTR);
  CHECK_EQ(status, 21);
  CHECK_EQ(code, CLD_EXITED);
  CHECK_EQ(sender, pid);
  CHECK_EXITED(wait_status(pid), 21);
}

TEST(orphan_gets_a_new_parent) {
  int fds[2];
  must(pipe(fds));
  const pid_t pid = spawn([&] {
    const pid_t middle = getpid();
    spawn([&] {
      while (getppid() == middle) sleep_ms(5);
      const pid_t parent = getppid();
      must(write(fds[1], &parent, sizeof parent));
    });
  });
  CHECK_CHILD_OK(pid);
  pid_t parent = -1;
  CHECK_EQ(read(fds[0], &parent, sizeof parent), sizeof parent);
  CHECK(parent != getpid());
  CHECK(parent == 1 || parent == getppid());  // init, or the runner as a subreaper
}

TEST(subreaper_adopts_orphans) {
  int value = -1;
  CHECK_OK(prctl(PR_GET_CHILD_SUBREAPER, &value));
  CHECK_EQ(value, 0);
  CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
  CHECK_OK(prctl(PR_GET_CHILD_SUBREAPER, &value));
  CHECK_EQ(value, 1);
  const pid_t me = getpid();
  const pid_t pid = spawn([&] {
    const pid_t middle = getpid();
    spawn([&] {
      while (getppid() == middle) sleep_ms(5);
      _exit(getppid() == me ? 33 : 1);
    });
    _exit(32);
  });
  CHECK_EXITED(wait_status(pid), 32);
  int status;
  CHECK(wait(&status) > 0);
  CHECK_EXITED(status, 33);
  CHECK_ERRNO(wait(&status), ECHILD);
}

TEST(subreaper_flag_is_not_inherited) {
  CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
  IN_CHILD([] {
    int value = -1;
    CHECK_OK(prctl(PR_GET_CHILD_SUBREAPER, &value));
    CHECK_EQ(value, 0);
  });
}

TEST(orphaned_zombies_are_reaped_by_the_new_parent) {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
    // The middle process leaves a zombie behind: it becomes ours and can be waited for.
  const pid_t middle = spawn([] {
    const pid_t inner = spawn([] { _exit(44); });
    siginfo_t info;
    must(waitid(P_PID, inner, &info, WEXITED | WNOWAIT));
  });
  CHECK_CHILD_OK(middle);
  int status;
  CHECK(wait(&status) > 0);
  CHECK_EXITED(status, 44);
}

TEST(parent_death_signal) {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
  Gate ready;
  const pid_t middle = spawn([&] {
    spawn([&] {
      must(prctl(PR_SET_PDEATHSIG, SIGUSR2));
      int value = 0;
      CHECK_OK(prctl(PR_GET_PDEATHSIG, &value));
      CHECK_EQ(value, SIGUSR2);
      ready.open();
      for (;;) pause();
    });
    ready.wait();
  });
  CHECK_CHILD_OK(middle);
  int status;
  CHECK(wait(&status) > 0);
  CHECK_SIGNALED(status, SIGUSR2);
  CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
  CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
  IN_CHILD([] {
    int value = -1;
    CHECK_OK(prctl(PR_GET_PDEATHSIG, &value));
    CHECK_EQ(value, 0);  // cleared for the child
  });
}

TEST(exit_of_a_session_leader_leaves_other_groups) {
  Gate ready;
  const pid_t leader = spawn([&] {
    must(setsid());
    spawn([&] {
      must(setpgid(0, 0));
      ready.open();
      sleep_ms(10000);
    });
    ready.wait();
  });
  CHECK_CHILD_OK(leader);  // without a terminal there is no hang-up
}

TEST(kernel_reaps_when_sigchld_is_ignored) {
  signal(SIGCHLD, SIG_IGN);
  const pid_t pid = spawn([] { _exit(1); });
  CHECK_ERRNO(waitpid(pid, nullptr, 0), ECHILD);  // waits until it has ended
  CHECK(eventually([pid] { return kill(pid, 0) == -1 && errno == ESRCH; }));
}

TEST(pids_are_not_reused_at_once) {
  const pid_t a = spawn([] {});
  CHECK_CHILD_OK(a);
  const pid_t b = spawn([] {});
  CHECK_CHILD_OK(b);
  CHECK(a != b);
}

TEST_SLOW(fork_exit_wait_in_a_loop, 60) {
  for (int i = 0; i < 300; ++i) {
    const pid_t pid = fork();
    if (pid == 0) _exit(i & 0xff);
    REQUIRE(pid > 0);
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == (i & 0xff));
  }
}
