// SPDX-License-Identifier: MIT
// Timers that send signals: alarm, setitimer, timer_create.
#include "test.h"

#define FAMILY "time"

static volatile sig_atomic_t count;
static siginfo_t last;

static void install(int signal) {
  struct sigaction action{};
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    last = *info;
    count = count + 1;
  };
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  must(sigaction(signal, &action, nullptr));
  count = 0;
}

TEST(alarm_sends_sigalrm) {
  CHECK_EQ(alarm(100), 0);
  CHECK_EQ(alarm(50), 100);
  CHECK_EQ(alarm(0), 50);
  CHECK_EQ(alarm(0), 0);
  install(SIGALRM);
  const int64_t start = now_ms();
  alarm(1);
  CHECK_ERRNO(pause(), EINTR);
  CHECK_EQ(count, 1);
  CHECK_EQ(last.si_code, SI_KERNEL);
  CHECK(now_ms() - start >= 1000);
  CHECK_SIGNALED(wait_status(spawn([] {
                   signal(SIGALRM, SIG_DFL);
                   alarm(1);
                   pause();
                 })),
                 SIGALRM);
}

TEST(itimer_real_periodic) {
  install(SIGALRM);
  const itimerval setting{{0, 20000}, {0, 20000}};
  CHECK_OK(setitimer(ITIMER_REAL, &setting, nullptr));
  while (count < 5) pause();
  itimerval now{};
  CHECK_OK(getitimer(ITIMER_REAL, &now));
  CHECK_EQ(now.it_interval.tv_usec, 20000);
  CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_usec > 0 && now.it_value.tv_usec <= 20000);
  const itimerval off{};
  itimerval old{};
  CHECK_OK(setitimer(ITIMER_REAL, &off, &old));
  CHECK_EQ(old.it_interval.tv_usec, 20000);
  CHECK_OK(getitimer(ITIMER_REAL, &now));
  CHECK_EQ(now.it_value.tv_usec, 0);
  const int seen = count;
  sleep_ms(60);
  CHECK_EQ(count, seen);
}

TEST(itimer_virtual_and_prof_count_cpu_time) {
  install(SIGVTALRM);
  const itimerval setting{{0, 0}, {0, 300000}};
  CHECK_OK(setitimer(ITIMER_VIRTUAL, &setting, nullptr));
  sleep_ms(150);
  CHECK_EQ(count, 0);  // sleeping takes no CPU time
  const int64_t start = now_ms();
  // Work between looks at the clock: where the vDSO cannot be used, looking alone is time in the system.
  while (count == 0 && now_ms() - start < 15000)
    for (volatile int i = 0; i < 100000; i = i + 1) {
    }
  CHECK_EQ(count, 1);
  install(SIGPROF);
  CHECK_OK(setitimer(ITIMER_PROF, &setting, nullptr));
  while (count == 0 && now_ms() - start < 18000) getppid();
  CHECK_EQ(count, 1);
}

TEST(itimer_errors_and_fork) {
  itimerval t{};
  CHECK_ERRNO(getitimer(static_cast<__itimer_which>(9), &t), EINVAL);
  CHECK_ERRNO(setitimer(static_cast<__itimer_which>(9), &t, nullptr), EINVAL);
  t.it_value.tv_usec = 1000000;
  CHECK_ERRNO(setitimer(ITIMER_REAL, &t, nullptr), EINVAL);
  CHECK_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, 8, nullptr), EFAULT);
  CHECK_ERRNO(syscall(SYS_getitimer, ITIMER_REAL, 8), EFAULT);
  t = {{0, 0}, {100, 0}};
  CHECK_OK(setitimer(ITIMER_REAL, &t, nullptr));
  IN_CHILD([] {
    itimerval mine{};
    CHECK_OK(getitimer(ITIMER_REAL, &mine));
    CHECK(mine.it_value.tv_sec == 0 && mine.it_value.tv_usec == 0);
  });
}

static timer_t create(clockid_t clock, int signal, int notify = SIGEV_SIGNAL) {
  sigevent event{};
  event.sigev_notify = notify;
  event.sigev_signo = signal;
  event.sigev_value.sival_int = 1234;
  timer_t timer{};
  must(timer_create(clock, &event, &timer));
  return timer;
}

TEST(posix_timer_one_shot) {
  install(SIGRTMIN);
  const timer_t timer = create(CLOCK_MONOTONIC, SIGRTMIN);
  const itimerspec setting{{0, 0}, {0, 50000000}};
  const int64_t start = now_ms();
  CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
  while (count == 0) pause();
  CHECK(now_ms() - start >= 50);
  CHECK_EQ(last.si_code, SI_TIMER);
  CHECK_EQ(last.si_value.sival_int, 1234);
  CHECK_EQ(last.si_overrun, 0);
  itimerspec now{};
  CHECK_OK(timer_gettime(timer, &now));
  CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
  CHECK_OK(timer_delete(timer));
  CHECK_ERRNO(timer_delete(timer), EINVAL);
}

TEST(posix_timer_periodic_overrun) {
  install(SIGRTMIN + 1);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  const timer_t timer = create(CLOCK_MONOTONIC, SIGRTMIN + 1);
  const itimerspec setting{{0, 10000000}, {0, 10000000}};
  CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
  sleep_ms(115);
  siginfo_t info{};
  CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN + 1);
  CHECK(info.si_overrun >= 9);  // one signal stands for all expirations
  CHECK(timer_getoverrun(timer) >= 9);
  const itimerspec off{};
  itimerspec old{};
  CHECK_OK(timer_settime(timer, 0, &off, &old));
  CHECK_EQ(old.it_interval.tv_nsec, 10000000);
}

TEST(posix_timer_absolute) {
  install(SIGUSR1);
  for (const clockid_t clock : (const clockid_t[]){CLOCK_REALTIME, CLOCK_MONOTONIC}) {
    count = 0;
    const timer_t timer = create(clock, SIGUSR1);
    itimerspec setting{};
    must(clock_gettime(clock, &setting.it_value));
    setting.it_value.tv_sec -= 5;
    if (setting.it_value.tv_sec < 0) setting.it_value = {0, 1};
    CHECK_OK(timer_settime(timer, TIMER_ABSTIME, &setting, nullptr));  // in the past: at once
    CHECK(eventually([] { return count == 1; }));
    must(clock_gettime(clock, &setting.it_value));
    setting.it_value.tv_sec += 100;
    CHECK_OK(timer_settime(timer, TIMER_ABSTIME, &setting, nullptr));
    itimerspec now{};
    CHECK_OK(timer_gettime(timer, &now));
    CHECK(now.it_value.tv_sec >= 90 && now.it_value.tv_sec <= 100);  // always relative
    CHECK_OK(timer_delete(timer));
  }
}

TEST(posix_timer_notify_none_and_thread) {
  const timer_t silent = create(CLOCK_MONOTONIC, 0, SIGEV_NONE);
  const itimerspec setting{{0, 0}, {0, 30000000}};
  CHECK_OK(timer_settime(silent, 0, &setting, nullptr));
  itimerspec now{};
  CHECK_OK(timer_gettime(silent, &now));
  CHECK(now.it_value.tv_nsec > 0);
  sleep_ms(50);
  CHECK_OK(timer_gettime(silent, &now));
  CHECK_EQ(now.it_value.tv_nsec, 0);
  install(SIGUSR2);
  struct {
    union sigval value;
    int signo, notify, tid;
    char padding[44];
  } event{};
  event.signo = SIGUSR2;
  event.notify = 4;  // SIGEV_THREAD_ID
  event.tid = static_cast<int>(syscall(SYS_gettid));
  int timer = -1;
  CHECK_OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
  CHECK_OK(syscall(SYS_timer_settime, timer, 0, &setting, nullptr));
  CHECK(eventually([] { return count == 1; }));
  event.tid = 1;
  CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer), EINVAL);
}

TEST(posix_timer_default_event_is_sigalrm) {
  install(SIGALRM);
  timer_t timer{};
  CHECK_OK(timer_create(CLOCK_REALTIME, nullptr, &timer));
  const itimerspec setting{{0, 0}, {0, 20000000}};
  CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
  CHECK(eventually([] { return count == 1; }));
  CHECK_EQ(last.si_signo, SIGALRM);
  CHECK_EQ(last.si_code, SI_TIMER);
}

TEST(posix_timer_errors) {
  timer_t timer{};
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = 65;
  CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
  event.sigev_signo = SIGALRM;
  event.sigev_notify = 99;
  CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
  CHECK_ERRNO(timer_create(99, nullptr, &timer), EINVAL);
  CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, nullptr, 8), EFAULT);
  itimerspec setting{{0, 0}, {1, 0}};
  CHECK_ERRNO(syscall(SYS_timer_settime, 12345, 0, &setting, nullptr), EINVAL);
  CHECK_ERRNO(syscall(SYS_timer_gettime, 12345, &setting), EINVAL);
  CHECK_ERRNO(syscall(SYS_timer_getoverrun, 12345), EINVAL);
  CHECK_ERRNO(syscall(SYS_timer_delete, 12345), EINVAL);
  const timer_t good = create(CLOCK_MONOTONIC, SIGUSR1);
  setting.it_value.tv_nsec = 1000000000;
  CHECK_ERRNO(timer_settime(good, 0, &setting, nullptr), EINVAL);
}

TEST(posix_timers_are_not_inherited) {
  const timer_t timer = create(CLOCK_MONOTONIC, SIGUSR1);
  IN_CHILD([&] {
    itimerspec now{};
    CHECK_ERRNO(timer_gettime(timer, &now), EINVAL);
  });
  CHECK_OK(timer_delete(timer));
}

TEST(posix_timer_of_cpu_time) {
  install(SIGUSR1);
  const timer_t timer = create(CLOCK_PROCESS_CPUTIME_ID, SIGUSR1);
  const itimerspec setting{{0, 0}, {0, 300000000}};
  CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
  sleep_ms(120);
  CHECK_EQ(count, 0);
  const int64_t start = now_ms();
  // Work between looks at the clock: where the vDSO cannot be used, looking alone is time in the system.
  while (count == 0 && now_ms() - start < 15000)
    for (volatile int i = 0; i < 100000; i = i + 1) {
    }
  CHECK_EQ(count, 1);
}
