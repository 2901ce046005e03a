// SPDX-License-Identifier: MIT
// sigaction and masks: installing, blocking, pending, flags, waiting for signals.
#include "test.h"

#define FAMILY "signal"

static volatile sig_atomic_t count;
static volatile sig_atomic_t depth;
static volatile sig_atomic_t deepest;

static void install(int signal, void (*handler)(int), int flags = 0, int blocked = 0) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  if (blocked != 0) sigaddset(&action.sa_mask, blocked);
  must(sigaction(signal, &action, nullptr));
}

static sigset_t only(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return set;
}

TEST(handler_runs) {
  count = 0;
  install(SIGUSR1, [](int signal) { count = signal; });
  CHECK_OK(raise(SIGUSR1));
  CHECK_EQ(count, SIGUSR1);
  CHECK_OK(kill(getpid(), SIGUSR1));
  CHECK_OK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
}

TEST(sigaction_returns_the_old_action) {
  struct sigaction action{};
  struct sigaction old{};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART | SA_NODEFER;
  sigaddset(&action.sa_mask, SIGUSR2);
  CHECK_OK(sigaction(SIGUSR1, &action, &old));
  CHECK(old.sa_handler == SIG_DFL);
  CHECK_OK(sigaction(SIGUSR1, nullptr, &old));
  CHECK(old.sa_handler == action.sa_handler);
  CHECK_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER), SA_RESTART | SA_NODEFER);
  CHECK_EQ(sigismember(&old.sa_mask, SIGUSR2), 1);
}

TEST(sigaction_errors) {
  struct kernel_action {
    void* handler;
    unsigned long flags;
    void* restorer;
    uint64_t mask;
  } action{};
  CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGKILL, &action, nullptr, 8), EINVAL);
  CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGSTOP, &action, nullptr, 8), EINVAL);
  CHECK_OK(syscall(SYS_rt_sigaction, SIGKILL, nullptr, &action, 8));
  CHECK_ERRNO(syscall(SYS_rt_sigaction, 0, &action, nullptr, 8), EINVAL);
  CHECK_ERRNO(syscall(SYS_rt_sigaction, 65, &action, nullptr, 8), EINVAL);
  CHECK_OK(syscall(SYS_rt_sigaction, 64, nullptr, &action, 8));
  CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, &action, nullptr, 4), EINVAL);
  CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, 8, nullptr, 8), EFAULT);
  CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, nullptr, 8, 8), EFAULT);
}

TEST(blocked_signals_stay_pending) {
  count = 0;
  install(SIGUSR1, [](int) { count = count + 1; });
  sigset_t set = only(SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  raise(SIGUSR1);
  raise(SIGUSR1);
  raise(SIGUSR1);
  CHECK_EQ(count, 0);
  sigset_t pending;
  must(sigpending(&pending));
  CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
  must(sigprocmask(SIG_UNBLOCK, &set, nullptr));
  CHECK_EQ(count, 1);  // standard signals do not queue
  must(sigpending(&pending));
  CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
}

TEST(sigprocmask_forms) {
  sigset_t set = only(SIGUSR1);
  sigset_t old;
  CHECK_OK(sigprocmask(SIG_SETMASK, &set, &old));
  CHECK_EQ(sigismember(&old, SIGUSR1), 0);
  set = only(SIGUSR2);
  CHECK_OK(sigprocmask(SIG_BLOCK, &set, &old));
  CHECK_EQ(sigismember(&old, SIGUSR1), 1);
  CHECK_OK(sigprocmask(12345, nullptr, &old));  // without a set `how` is not looked at
  CHECK_EQ(sigismember(&old, SIGUSR2), 1);
  CHECK_ERRNO(sigprocmask(12345, &set, nullptr), EINVAL);
  CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, nullptr, 4), EINVAL);
  CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, nullptr, 8), EFAULT);
  CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, 8, 8), EFAULT);
  CHECK_ERRNO(syscall(SYS_rt_sigpending, &set, 16), EINVAL);
}

TEST(kill_and_stop_cannot_be_blocked) {
  sigset_t set;
  sigfillset(&set);
  uint64_t all = ~0ULL;
  CHECK_OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, 8));
  CHECK_OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, nullptr, &all, 8));
  CHECK_EQ(all, ~0ULL & ~(1ULL << (SIGKILL - 1)) & ~(1ULL << (SIGSTOP - 1)));
  const pid_t pid = spawn([] { pause(); });
  must(kill(pid, SIGKILL));
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}

TEST(handler_blocks_its_own_signal_and_sa_mask) {
  depth = 0;
  deepest = 0;
  count = 0;
  const auto handler = [](int) {
    depth = depth + 1;
    if (depth > deepest) deepest = depth;
    count = count + 1;
    if (count <= 3) {
      raise(SIGUSR1);
      raise(SIGUSR2);
    }
    depth = depth - 1;
  };
  install(SIGUSR1, handler, 0, SIGUSR2);
  install(SIGUSR2, handler, 0, SIGUSR1);
  raise(SIGUSR1);
  CHECK_EQ(deepest, 1);
  CHECK(count >= 4);
}

TEST(sa_nodefer_lets_the_handler_nest) {
  deepest = 0;
  depth = 0;
  install(
      SIGUSR1,
      [](int) {
        depth = depth + 1;
        if (depth > deepest) deepest = depth;
        if (depth < 5) raise(SIGUSR1);
        depth = depth - 1;
      },
      SA_NODEFER);
  raise(SIGUSR1);
  CHECK_EQ(deepest, 5);
}

TEST(sa_resethand_works_once) {
  count = 0;
  install(SIGUSR1, [](int) { count = 1; }, SA_RESETHAND);
  raise(SIGUSR1);
  CHECK_EQ(count, 1);
  struct sigaction now{};
  must(sigaction(SIGUSR1, nullptr, &now));
  CHECK(now.sa_handler == SIG_DFL);
  CHECK_SIGNALED(wait_status(spawn([] { raise(SIGUSR1); })), SIGUSR1);
}

TEST(mask_is_restored_after_the_handler) {
  static sigset_t inside;
  install(SIGUSR1, [](int) { sigprocmask(SIG_BLOCK, nullptr, &inside); }, 0, SIGHUP);
  raise(SIGUSR1);
  CHECK_EQ(sigismember(&inside, SIGUSR1), 1);
  CHECK_EQ(sigismember(&inside, SIGHUP), 1);
  sigset_t now;
  must(sigprocmask(SIG_BLOCK, nullptr, &now));
  CHECK_EQ(sigismember(&now, SIGUSR1), 0);
  CHECK_EQ(sigismember(&now, SIGHUP), 0);
}

TEST(ignored_signals_are_dropped) {
  signal(SIGUSR1, SIG_IGN);
  sigset_t set = only(SIGUSR1);
  raise(SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  raise(SIGUSR1);
  sigset_t pending;
  must(sigpending(&pending));
  CHECK_EQ(sigismember(&pending, SIGUSR1), 1);  // blocked: kept, somebody might wait for it
  signal(SIGUSR1, SIG_IGN);                     // setting "ignore" discards what is pending
  must(sigpending(&pending));
  CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
}

TEST(default_actions) {
  constexpr int kDeadly[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGILL,  SIGTRAP, SIGABRT,   SIGBUS,  SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,
                             SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,  SIGPWR,  SIGSYS,  34,      64};
  for (const int signal : kDeadly) {
    const int status = wait_status(spawn([signal] {
      syscall(SYS_kill, getpid(), signal);
      _exit(0);
    }));
    CHECK_SIGNALED(status, signal);
  }
  constexpr int kHarmless[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
  for (const int signal : kHarmless) CHECK_EXITED(wait_status(spawn([signal] { raise(signal); })), 0);
}

TEST(sigsuspend_waits_atomically) {
  count = 0;
  install(SIGUSR1, [](int) { count = 1; });
  sigset_t set = only(SIGUSR1);
  sigset_t old;
  must(sigprocmask(SIG_BLOCK, &set, &old));
  raise(SIGUSR1);
  CHECK_ERRNO(sigsuspend(&old), EINTR);
  CHECK_EQ(count, 1);
  sigset_t now;
  must(sigprocmask(SIG_BLOCK, nullptr, &now));
  CHECK_EQ(sigismember(&now, SIGUSR1), 1);
  CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &set, 4), EINVAL);
  CHECK_ERRNO(syscall(SYS_rt_sigsuspend, 8, 8), EFAULT);
}

TEST(sigsuspend_handler_sees_the_temporary_mask) {
  static sigset_t inside;
  install(SIGUSR1, [](int) { sigprocmask(SIG_BLOCK, nullptr, &inside); });
  sigset_t block = only(SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &block, nullptr));
  raise(SIGUSR1);
  sigset_t temporary = only(SIGHUP);
  CHECK_ERRNO(sigsuspend(&temporary), EINTR);
  CHECK_EQ(sigismember(&inside, SIGHUP), 1);
  CHECK_EQ(sigismember(&inside, SIGUSR1), 1);
}

TEST(pause_returns_after_a_handler) {
  install(SIGALRM, [](int) {});
  const itimerval soon{{0, 50000}, {0, 50000}};
  must(setitimer(ITIMER_REAL, &soon, nullptr));
  CHECK_ERRNO(pause(), EINTR);
}

TEST(pause_is_not_ended_by_ignored_signals) {
  const pid_t pid = spawn([] {
    signal(SIGUSR1, SIG_IGN);
    pause();
  });
  wait_asleep(pid);
  must(kill(pid, SIGUSR1));
  must(kill(pid, SIGWINCH));
  must(kill(pid, SIGCONT));
  sleep_ms(50);
  CHECK_EQ(waitpid(pid, nullptr, WNOHANG), 0);
  must(kill(pid, SIGTERM));
  CHECK_SIGNALED(wait_status(pid), SIGTERM);
}

TEST(signals_are_delivered_lowest_first) {
  static int order[8];
  static volatile sig_atomic_t n;
  n = 0;
  const auto note = [](int signal) {
    order[n] = signal;
    n = n + 1;
  };
    // The lowest number is delivered first, so its frame lies deepest: handlers run in reverse order
    // unless each masks the others.
  constexpr int kSignals[] = {SIGTERM, SIGHUP, SIGUSR2, SIGUSR1};
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kSignals) sigaddset(&set, signal);
  for (const int signal : kSignals) {
    struct sigaction action{};
    action.sa_handler = note;
    action.sa_mask = set;
    must(sigaction(signal, &action, nullptr));
  }
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  for (const int signal : kSignals) raise(signal);
  must(sigprocmask(SIG_UNBLOCK, &set, nullptr));
  CHECK_EQ(n, 4);
  CHECK(order[0] == SIGHUP && order[1] == SIGUSR1 && order[2] == SIGUSR2 && order[3] == SIGTERM);
}
