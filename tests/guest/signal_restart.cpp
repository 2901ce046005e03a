// SPDX-License-Identifier: MIT
// System calls that a handled signal interrupts: EINTR, or restarted with SA_RESTART.
#include "test.h"

#include <linux/futex.h>
#include <sys/file.h>

#define FAMILY "signal"

static volatile sig_atomic_t handled;

static void install(int flags) {
  struct sigaction action{};
  action.sa_handler = [](int) { handled = handled + 1; };
  action.sa_flags = flags;
  must(sigaction(SIGUSR1, &action, nullptr));
  handled = 0;
}

// Runs `body` in a child which gets SIGUSR1 again and again until it has ended.
template <class Body>
static void interrupted(int flags, Body body) {
  Gate ready;
  const pid_t pid = spawn([&] {
    install(flags);
    ready.open();
    body();
  });
  ready.wait();
  int status = 0;
  pid_t ended;
  while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
    sleep_ms(20);
    kill(pid, SIGUSR1);
  }
  CHECK_EXITED(status, 0);
}

TEST(read_is_interrupted) {
  int fds[2];
  must(pipe(fds));
  interrupted(0, [&] {
    char c;
    CHECK_ERRNO(read(fds[0], &c, 1), EINTR);
    CHECK(handled >= 1);
  });
}

TEST(read_is_restarted) {
  int fds[2];
  must(pipe(fds));
  Gate ready;
  const pid_t pid = spawn([&] {
    install(SA_RESTART);
    ready.open();
    char c = 0;
    CHECK_EQ(read(fds[0], &c, 1), 1);
    CHECK_EQ(c, 'x');
    CHECK(handled >= 1);
  });
  ready.wait();
  wait_asleep(pid);
  for (int i = 0; i < 5; ++i) {
    must(kill(pid, SIGUSR1));
    sleep_ms(10);
  }
  must(write(fds[1], "x", 1));
  CHECK_CHILD_OK(pid);
}

TEST(write_is_interrupted_with_partial_count) {
  int fds[2];
  must(pipe(fds));
  interrupted(0, [&] {
    static char data[100000];
    CHECK_EQ(write(fds[1], data, sizeof data), 65536);
    CHECK_ERRNO(write(fds[1], data, 1), EINTR);
  });
}

TEST(wait_is_restarted) {
  Gate ready;
  Gate finish;
  const pid_t pid = spawn([&] {
    install(SA_RESTART);
    const pid_t inner = spawn([&] { finish.wait(); });
    ready.open();
    int status = -1;
    CHECK_EQ(waitpid(inner, &status, 0), inner);
    CHECK_EXITED(status, 0);
    CHECK(handled >= 1);
  });
  ready.wait();
  wait_asleep(pid);
  for (int i = 0; i < 5; ++i) {
    must(kill(pid, SIGUSR1));
    sleep_ms(10);
  }
  finish.open();
  CHECK_CHILD_OK(pid);
}

TEST(nanosleep_is_interrupted_with_time_left) {
  interrupted(SA_RESTART, [] {
    const timespec request{1000, 0};
    timespec left{};
    CHECK_ERRNO(nanosleep(&request, &left), EINTR);  // SA_RESTART does not matter here
    CHECK(left.tv_sec >= 900 && left.tv_sec < 1000);
  });
}

TEST(clock_nanosleep_absolute_is_interrupted_without_time_left) {
  interrupted(SA_RESTART, [] {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 1000;
    timespec left{77, 77};
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, &left), EINTR);
    CHECK_EQ(left.tv_sec, 77);
  });
}

TEST(futex_wait_is_interrupted_or_restarted) {
  interrupted(0, [] {
    int word = 0;
    CHECK_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0), EINTR);
  });
  interrupted(SA_RESTART, [] {
    int word = 0;
    const timespec brief{0, 200000000};
        // With a relative time-out the call is not restarted from its beginning, but goes on or ends.
    errno = 0;
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &brief, nullptr, 0), -1);
    CHECK(errno == ETIMEDOUT || errno == EINTR);
  });
}

TEST(flock_is_restarted) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  must(flock(fd, LOCK_EX));
  Gate ready;
  const pid_t pid = spawn([&] {
    install(SA_RESTART);
    const int mine = must(open("f", O_RDWR));
    ready.open();
    CHECK_OK(flock(mine, LOCK_EX));
  });
  ready.wait();
  wait_asleep(pid);
  for (int i = 0; i < 3; ++i) {
    must(kill(pid, SIGUSR1));
    sleep_ms(10);
  }
  must(flock(fd, LOCK_UN));
  CHECK_CHILD_OK(pid);
}

TEST(stop_and_continue_do_not_interrupt) {
  int fds[2];
  must(pipe(fds));
  const pid_t pid = spawn([&] {
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 1);
    const timespec brief{0, 300000000};
    const int64_t start = now_ms();
    CHECK_OK(nanosleep(&brief, nullptr));
    CHECK(now_ms() - start >= 300);
  });
  for (int i = 0; i < 3; ++i) {
    wait_asleep(pid);
    int status;
    must(kill(pid, SIGSTOP));
    must(waitpid(pid, &status, WUNTRACED));
    must(kill(pid, SIGCONT));
  }
  must(write(fds[1], "x", 1));
  wait_asleep(pid);
  int status;
  must(kill(pid, SIGSTOP));
  must(waitpid(pid, &status, WUNTRACED));
  must(kill(pid, SIGCONT));
  CHECK_CHILD_OK(pid);
}

TEST(sigsuspend_and_pause_are_never_restarted) {
  interrupted(SA_RESTART, [] { CHECK_ERRNO(pause(), EINTR); });
  interrupted(SA_RESTART, [] {
    sigset_t none;
    sigemptyset(&none);
    CHECK_ERRNO(sigsuspend(&none), EINTR);
  });
}

TEST(many_signals_between_processes) {
    // Every queued real-time signal arrives, whatever the receiver is doing.
  constexpr int kCount = 200;
  Gate ready;
  const pid_t pid = spawn([&] {
    static volatile sig_atomic_t got;
    struct sigaction action{};
    action.sa_handler = [](int) { got = got + 1; };
    must(sigaction(SIGRTMIN, &action, nullptr));
    ready.open();
    while (got < kCount) getppid();
  });
  ready.wait();
  sigval value{};
  for (int i = 0; i < kCount; ++i) {
    while (sigqueue(pid, SIGRTMIN, value) == -1) {
      REQUIRE(errno == EAGAIN);
      sleep_ms(1);
    }
  }
  CHECK_CHILD_OK(pid);
}
