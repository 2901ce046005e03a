// SPDX-License-Identifier: MIT
// SIGCHLD with its flags, and stopping and continuing.
#include "test.h"

#define FAMILY "signal"

static volatile sig_atomic_t count;
static siginfo_t last;

static void install(int flags) {
  struct sigaction action{};
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    last = *info;
    count = count + 1;
  };
  action.sa_flags = SA_SIGINFO | SA_RESTART | flags;
  must(sigaction(SIGCHLD, &action, nullptr));
  count = 0;
}

static pid_t sleeper() {
  return spawn([] {
    for (;;) pause();
  });
}

TEST(sigchld_for_stop_and_continue) {
  install(0);
  const pid_t pid = sleeper();
  int status;
  must(kill(pid, SIGSTOP));
  must(waitpid(pid, &status, WUNTRACED));
  CHECK_EQ(count, 1);
  CHECK_EQ(last.si_code, CLD_STOPPED);
  CHECK_EQ(last.si_status, SIGSTOP);
  CHECK_EQ(last.si_pid, pid);
  must(kill(pid, SIGCONT));
  must(waitpid(pid, &status, WCONTINUED));
  CHECK(eventually([] { return count == 2; }));  // the child itself sends this one, when it runs
  CHECK_EQ(last.si_code, CLD_CONTINUED);
  must(kill(pid, SIGKILL));
  wait_status(pid);
  CHECK_EQ(count, 3);
  CHECK_EQ(last.si_code, CLD_KILLED);
  CHECK_EQ(last.si_status, SIGKILL);
}

TEST(sa_nocldstop_hides_stops) {
  install(SA_NOCLDSTOP);
  const pid_t pid = sleeper();
  int status;
  must(kill(pid, SIGSTOP));
  CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);  // waiting still sees it
  must(kill(pid, SIGCONT));
  CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
  CHECK_EQ(count, 0);
  must(kill(pid, SIGKILL));
  wait_status(pid);
  CHECK_EQ(count, 1);
}

TEST(sa_nocldwait_leaves_no_zombie) {
  install(SA_NOCLDWAIT);
  const pid_t pid = spawn([] { _exit(5); });
  CHECK_ERRNO(waitpid(pid, nullptr, 0), ECHILD);
  CHECK_EQ(count, 1);  // Linux still sends the signal
  CHECK(eventually([pid] { return kill(pid, 0) == -1 && errno == ESRCH; }));
}

TEST(ignored_sigchld_leaves_no_zombies) {
  signal(SIGCHLD, SIG_IGN);
  for (int i = 0; i < 5; ++i) spawn([] {});
  CHECK_ERRNO(wait(nullptr), ECHILD);
}

TEST(default_sigchld_keeps_zombies) {
  signal(SIGCHLD, SIG_DFL);
  const pid_t pid = spawn([] { _exit(6); });
  sleep_ms(30);
  CHECK_EXITED(wait_status(pid), 6);
}

TEST(sigcont_discards_pending_stops_and_back) {
  const pid_t pid = spawn([] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGCONT);
    must(sigprocmask(SIG_BLOCK, &set, nullptr));
    sigset_t pending;
    raise(SIGTSTP);
    must(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGTSTP), 1);
    raise(SIGCONT);
    must(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGTSTP), 0);
    CHECK_EQ(sigismember(&pending, SIGCONT), 1);
    raise(SIGTSTP);
    must(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGCONT), 0);
  });
  CHECK_CHILD_OK(pid);
}

TEST(sigcont_continues_even_when_ignored_or_blocked) {
  const pid_t pid = spawn([] {
    signal(SIGCONT, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCONT);
    must(sigprocmask(SIG_BLOCK, &set, nullptr));
    raise(SIGSTOP);
    _exit(8);
  });
  int status;
  must(waitpid(pid, &status, WUNTRACED));
  CHECK_STOPPED(status, SIGSTOP);
  must(kill(pid, SIGCONT));
  CHECK_EXITED(wait_status(pid), 8);
}

TEST(sigcont_handler_runs_after_continuing) {
  const pid_t pid = spawn([] {
    static volatile sig_atomic_t got;
    signal(SIGCONT, [](int) { got = 1; });
    raise(SIGSTOP);
    _exit(got);
  });
  int status;
  must(waitpid(pid, &status, WUNTRACED));
  must(kill(pid, SIGCONT));
  CHECK_EXITED(wait_status(pid), 1);
}

TEST(stopped_process_keeps_signals_until_continued) {
  Gate ready;
  const pid_t pid = spawn([&] {
    signal(SIGUSR1, [](int) { _exit(3); });
    ready.open();
    for (;;) pause();
  });
  ready.wait();
  int status;
  must(kill(pid, SIGSTOP));
  must(waitpid(pid, &status, WUNTRACED));
  must(kill(pid, SIGUSR1));
  sleep_ms(50);
  CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
  must(kill(pid, SIGCONT));
  CHECK_EXITED(wait_status(pid), 3);
}

TEST(stop_signal_of_an_orphaned_group_is_dropped) {
    // The tests' sessions have no parent in them: SIGTSTP, SIGTTIN and SIGTTOU do nothing.
  const pid_t pid = spawn([] {
    raise(SIGTSTP);
    raise(SIGTTIN);
    raise(SIGTTOU);
    _exit(4);
  });
  int status;
  CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
  CHECK_EXITED(status, 4);
}

TEST(stop_signal_with_a_parent_in_another_group) {
  const pid_t pid = spawn([] {
    must(setpgid(0, 0));
    raise(SIGTSTP);
    _exit(9);
  });
  int status;
  CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
  CHECK_STOPPED(status, SIGTSTP);
  must(kill(pid, SIGCONT));
  CHECK_EXITED(wait_status(pid), 9);
}
