// SPDX-License-Identifier: MIT
// Timers when the wall clock is set; very short periods; limits of CPU time; what the clock says of itself.
#include "test.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/timex.h>

#define FAMILY "time"

static volatile sig_atomic_t count;
static void install(int signal) {
  struct sigaction action{};
  action.sa_handler = [](int) { count = count + 1; };
  action.sa_flags = SA_RESTART;
  must(sigaction(signal, &action, nullptr));
  count = 0;
}

// Sets the wall clock forward for a while, and back at the end.
class MovedClock {
 public:
  explicit MovedClock(time_t seconds) : seconds_(seconds) { move(seconds_); }
  ~MovedClock() { move(-seconds_); }

 private:
  static void move(time_t seconds) {
    timespec now{};
    must(clock_gettime(CLOCK_REALTIME, &now));
    now.tv_sec += seconds;
    must(clock_settime(CLOCK_REALTIME, &now));
  }
  time_t seconds_;
};

static timespec realtime_in(time_t seconds) {
  timespec now{};
  must(clock_gettime(CLOCK_REALTIME, &now));
  now.tv_sec += seconds;
  return now;
}

TEST(absolute_wall_timers_follow_the_clock) {
  const int file = must(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
  const int relative = must(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
  const itimerspec absolute{{0, 0}, realtime_in(1000)};
  const itimerspec later{{0, 0}, {1000, 0}};
  CHECK_OK(timerfd_settime(file, TFD_TIMER_ABSTIME, &absolute, nullptr));
  CHECK_OK(timerfd_settime(relative, 0, &later, nullptr));
  install(SIGUSR1);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGUSR1;
  timer_t timer{};
  must(timer_create(CLOCK_REALTIME, &event, &timer));
  CHECK_OK(timer_settime(timer, TIMER_ABSTIME, &absolute, nullptr));
  uint64_t ticks = 0;
  CHECK_ERRNO(read(file, &ticks, 8), EAGAIN);
  const pid_t sleeper = spawn([&] {
    const timespec until = realtime_in(1000);
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, nullptr), 0);
  });
  wait_asleep(sleeper);
  const MovedClock moved(2000);
  CHECK(eventually([&] { return read(file, &ticks, 8) == 8; }));
  CHECK_EQ(ticks, 1);
  CHECK(eventually([] { return count == 1; }));
  CHECK_CHILD_OK(sleeper);
  CHECK_ERRNO(read(relative, &ticks, 8), EAGAIN);
  itimerspec now{};
  CHECK_OK(timerfd_gettime(relative, &now));
  CHECK(now.it_value.tv_sec > 900);
}

TEST(timerfd_is_cancelled_when_the_clock_is_set) {
  const int fd = must(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
  const itimerspec setting{{0, 0}, realtime_in(100000)};
  CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &setting, nullptr));
  uint64_t ticks = 0;
  CHECK_ERRNO(read(fd, &ticks, 8), EAGAIN);
  const MovedClock moved(50);
  pollfd poller{fd, POLLIN, 0};
  CHECK_EQ(poll(&poller, 1, 5000), 1);
  CHECK_ERRNO(read(fd, &ticks, 8), ECANCELED);
  CHECK_ERRNO(read(fd, &ticks, 8), EAGAIN);
}

TEST(shortest_periods_do_not_stop_the_machine) {
  int fds[8];
  for (int& fd : fds) {
    fd = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    const itimerspec setting{{0, 1}, {0, 1}};
    CHECK_OK(timerfd_settime(fd, 0, &setting, nullptr));
  }
  sleep_ms(50);
  for (const int fd : fds) {
    uint64_t ticks = 0;
    CHECK_EQ(read(fd, &ticks, 8), 8);
    CHECK(ticks >= 40000000);  // each nanosecond counts
  }
  signal(SIGRTMIN, SIG_IGN);
  for (int i = 0; i < 8; ++i) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMIN;
    timer_t timer{};
    must(timer_create(CLOCK_MONOTONIC, &event, &timer));
    const itimerspec setting{{0, 1}, {0, 1}};
    CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
  }
  const int64_t start = now_ms();
  sleep_ms(50);
  CHECK(now_ms() - start < 10000);
}

static int warned[2];
TEST_SLOW(cpu_limit_warns_then_kills, 60) {
  must(pipe(warned));
  const pid_t pid = spawn([] {
    signal(SIGXCPU, [](int) { must(write(warned[1], "x", 1)); });
    const rlimit limit{1, 3};
    must(setrlimit(RLIMIT_CPU, &limit));
    while (true) asm volatile("");
  });
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
  char warnings[16];
  const long n = read(warned[0], warnings, sizeof warnings);
  CHECK(n >= 1 && n <= 3);  // after one second, and each second
}

TEST_SLOW(cpu_limit_is_inherited, 60) {
  const pid_t pid = spawn([] {
    const rlimit limit{1, 10};
    must(setrlimit(RLIMIT_CPU, &limit));
    CHECK_SIGNALED(wait_status(spawn([] {
                     while (true) asm volatile("");
                   })),
                   SIGXCPU);
  });
  CHECK_CHILD_OK(pid);
}

TEST(clock_state_can_be_read) {
  timex state{};
  const int result = adjtimex(&state);
  CHECK(result >= TIME_OK && result <= TIME_ERROR);
  CHECK(state.tick >= 9000 && state.tick <= 11000);
  CHECK(state.time.tv_sec > 1600000000);
  CHECK_ERRNO(clock_adjtime(CLOCK_MONOTONIC, &state), EOPNOTSUPP);
  CHECK_ERRNO(clock_adjtime(99, &state), EINVAL);
  CHECK_ERRNO(syscall(SYS_adjtimex, 8), EFAULT);
}
