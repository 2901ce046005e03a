// SPDX-License-Identifier: MIT
// Queued signals: real-time order, values, siginfo, sigwaitinfo and sigtimedwait.
#include "test.h"

#include <sys/resource.h>

#define FAMILY "signal"

static siginfo_t infos[64];
static volatile sig_atomic_t taken;

static void note(int, siginfo_t* info, void*) {
  if (taken >= 64) return;
  infos[taken] = *info;
  taken = taken + 1;
}

static void install(int signal) {
  struct sigaction action{};
  action.sa_sigaction = note;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  must(sigaction(signal, &action, nullptr));
}

static void send(int signal, int value) {
  sigval v{};
  v.sival_int = value;
  must(sigqueue(getpid(), signal, v));
}

static sigset_t realtime() {
  sigset_t set;
  sigemptyset(&set);
  for (int s = SIGRTMIN; s <= SIGRTMAX; ++s) sigaddset(&set, s);
  return set;
}

TEST(realtime_signals_queue_in_order) {
  install(SIGRTMIN);
  install(SIGRTMIN + 1);
  sigset_t set = realtime();
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  taken = 0;
  for (int i = 0; i < 5; ++i) send(SIGRTMIN + 1, 100 + i);
  for (int i = 0; i < 5; ++i) send(SIGRTMIN, i);
  must(sigprocmask(SIG_UNBLOCK, &set, nullptr));
  REQUIRE(taken == 10);
  for (int i = 0; i < 5; ++i) {  // lower numbers first, each in the order of sending
    CHECK_EQ(infos[i].si_signo, SIGRTMIN);
    CHECK_EQ(infos[i].si_value.sival_int, i);
    CHECK_EQ(infos[5 + i].si_signo, SIGRTMIN + 1);
    CHECK_EQ(infos[5 + i].si_value.sival_int, 100 + i);
  }
}

TEST(siginfo_of_kill_sigqueue_tgkill) {
  install(SIGUSR1);
  taken = 0;
  must(kill(getpid(), SIGUSR1));
  send(SIGUSR1, 7);
  must(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
  REQUIRE(taken == 3);
  CHECK_EQ(infos[0].si_code, SI_USER);
  CHECK_EQ(infos[1].si_code, SI_QUEUE);
  CHECK_EQ(infos[1].si_value.sival_int, 7);
  CHECK_EQ(infos[2].si_code, SI_TKILL);
  for (int i = 0; i < 3; ++i) {
    CHECK_EQ(infos[i].si_signo, SIGUSR1);
    CHECK_EQ(infos[i].si_pid, getpid());
    CHECK_EQ(infos[i].si_uid, getuid());
    CHECK_EQ(infos[i].si_errno, 0);
  }
}

TEST(siginfo_names_the_sender) {
  install(SIGUSR2);
  taken = 0;
  const pid_t parent = getpid();
  const pid_t pid = spawn([parent] {
    must(setresuid(1000, 0, 0));
    must(kill(parent, SIGUSR2));
  });
  CHECK_CHILD_OK(pid);
  REQUIRE(taken == 1);
  CHECK_EQ(infos[0].si_pid, pid);
  CHECK_EQ(infos[0].si_uid, 1000);
}

TEST(standard_signals_keep_the_first_siginfo) {
  install(SIGUSR1);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  taken = 0;
  send(SIGUSR1, 1);
  send(SIGUSR1, 2);
  must(sigprocmask(SIG_UNBLOCK, &set, nullptr));
  CHECK_EQ(taken, 1);
  CHECK_EQ(infos[0].si_value.sival_int, 1);
}

TEST(rt_sigqueueinfo_checks) {
  siginfo_t info{};
  info.si_signo = SIGUSR1;
  info.si_code = SI_QUEUE;
  info.si_value.sival_ptr = reinterpret_cast<void*>(0x123456789a);
  install(SIGUSR1);
  taken = 0;
  CHECK_OK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
  REQUIRE(taken == 1);
  CHECK_EQ(infos[0].si_value.sival_ptr, reinterpret_cast<void*>(0x123456789a));
  CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info), EINVAL);
  CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 8), EFAULT);
  CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, 0x3ffffff, SIGUSR1, &info), ESRCH);
  info.si_code = SI_USER;  // only the kernel may say this to somebody else
  CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info), EPERM);
  info.si_code = SI_KERNEL;
  CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info), EPERM);
  info.si_code = SI_QUEUE;
  CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGUSR1, &info));
  CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, SIGUSR1, &info), EINVAL);
}

TEST(rlimit_sigpending_bounds_the_queue) {
  IN_CHILD([] {
    sigset_t set = realtime();
    must(sigprocmask(SIG_BLOCK, &set, nullptr));
    must(setresuid(1234, 1234, 1234));
    const rlimit limit{5, 5};
    must(setrlimit(RLIMIT_SIGPENDING, &limit));
    sigval value{};
    int sent = 0;
    while (sent < 100 && sigqueue(getpid(), SIGRTMIN, value) == 0) ++sent;
    CHECK_EQ(sent, 5);
    CHECK_EQ(errno, EAGAIN);
    CHECK_OK(kill(getpid(), SIGRTMIN + 1));  // kill always works, though without information
    sigset_t pending;
    must(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGRTMIN + 1), 1);
  });
}

TEST(sigwaitinfo_takes_pending_signals) {
  sigset_t set = realtime();
  sigaddset(&set, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  send(SIGRTMIN + 2, 1);
  send(SIGRTMIN, 2);
  send(SIGRTMIN, 3);
  raise(SIGUSR1);
  siginfo_t info{};
  CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
  CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
  CHECK_EQ(info.si_value.sival_int, 2);
  CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
  CHECK_EQ(info.si_value.sival_int, 3);
  CHECK_EQ(sigwaitinfo(&set, nullptr), SIGRTMIN + 2);
  const timespec zero{0, 0};
  CHECK_ERRNO(sigtimedwait(&set, &info, &zero), EAGAIN);
}

TEST(sigtimedwait_times_out_and_is_interrupted) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  const timespec brief{0, 50000000};
  const int64_t start = now_ms();
  CHECK_ERRNO(sigtimedwait(&set, nullptr, &brief), EAGAIN);
  CHECK(now_ms() - start >= 50);
  signal(SIGALRM, [](int) {});
  const itimerval soon{{0, 50000}, {0, 50000}};
  must(setitimer(ITIMER_REAL, &soon, nullptr));
  CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &set, nullptr, nullptr, 8), EINTR);  // another, handled signal
  const timespec bad{0, 1000000000};
  CHECK_ERRNO(sigtimedwait(&set, nullptr, &bad), EINVAL);
  CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &set, nullptr, nullptr, 4), EINVAL);
  CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, 8, nullptr, nullptr, 8), EFAULT);
}

TEST(sigwaitinfo_wakes_for_a_signal_from_another_process) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  const pid_t parent = getpid();
  const pid_t pid = spawn([parent] {
    wait_asleep(parent);
    must(kill(parent, SIGUSR1));
  });
  siginfo_t info{};
  CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
  CHECK_EQ(info.si_pid, pid);
  CHECK_CHILD_OK(pid);
}

TEST(sigwait_consumes_sigchld) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  const pid_t pid = spawn([] { _exit(12); });
  siginfo_t info{};
  CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
  CHECK_EQ(info.si_pid, pid);
  CHECK_EQ(info.si_status, 12);
  CHECK_EQ(info.si_code, CLD_EXITED);
  CHECK_EXITED(wait_status(pid), 12);
}
