// SPDX-License-Identifier: MIT
// Threads as a group: signals to the process and to one thread, stop, exit, exec.
#include "thread.h"

#include <pthread.h>

#define FAMILY "thread"

static volatile int receiver;
static volatile int ready;

static pthread_t start(void* (*function)(void*)) {
  pthread_t thread;
  REQUIRE(pthread_create(&thread, nullptr, function, nullptr) == 0);
  return thread;
}

static void block(int signal, int how = SIG_BLOCK) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  pthread_sigmask(how, &set, nullptr);
}

static void on_signal(int) { receiver = static_cast<int>(syscall(SYS_gettid)); }

TEST(process_signal_goes_to_a_thread_that_does_not_block_it) {
  receiver = 0;
  ready = 0;
  signal(SIGUSR1, on_signal);
  const pthread_t thread = start([](void*) {
    ready = static_cast<int>(syscall(SYS_gettid));
    while (receiver == 0) sleep_ms(5);
    return static_cast<void*>(nullptr);
  });
  while (ready == 0) sched_yield();
  block(SIGUSR1);
  must(kill(getpid(), SIGUSR1));
  pthread_join(thread, nullptr);
  CHECK_EQ(receiver, ready);
}

TEST(process_signal_blocked_by_all_waits_for_the_first_to_unblock) {
  receiver = 0;
  ready = 0;
  signal(SIGUSR1, on_signal);
  block(SIGUSR1);
  must(kill(getpid(), SIGUSR1));
  sigset_t pending;
  must(sigpending(&pending));
  CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
  const pthread_t thread = start([](void*) {
    ready = static_cast<int>(syscall(SYS_gettid));
    sigset_t mine;
    sigpending(&mine);
    CHECK_EQ(sigismember(&mine, SIGUSR1), 1);  // what is pending for the process shows in each thread
    block(SIGUSR1, SIG_UNBLOCK);
    return static_cast<void*>(nullptr);
  });
  pthread_join(thread, nullptr);
  CHECK_EQ(receiver, ready);
}

TEST(thread_signal_goes_to_that_thread_only) {
  receiver = 0;
  ready = 0;
  signal(SIGUSR2, on_signal);
  const pthread_t thread = start([](void*) {
    ready = static_cast<int>(syscall(SYS_gettid));
    while (receiver == 0) sleep_ms(5);
    return static_cast<void*>(nullptr);
  });
  while (ready == 0) sched_yield();
  CHECK_EQ(pthread_kill(thread, SIGUSR2), 0);
  pthread_join(thread, nullptr);
  CHECK_EQ(receiver, ready);
  block(SIGUSR2);
  must(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2));
  const pthread_t other = start([](void*) {
    sigset_t mine;
    sigpending(&mine);
    CHECK_EQ(sigismember(&mine, SIGUSR2), 0);  // not this thread's
    return static_cast<void*>(nullptr);
  });
  pthread_join(other, nullptr);
}

TEST(signal_interrupts_only_the_chosen_thread) {
  static int fds[2];
  must(pipe(fds));
  ready = 0;
  struct sigaction action{};
  action.sa_handler = on_signal;
  must(sigaction(SIGUSR1, &action, nullptr));
  const pthread_t thread = start([](void*) {
    ready = static_cast<int>(syscall(SYS_gettid));
    char c;
    CHECK_ERRNO(read(fds[0], &c, 1), EINTR);
    ready = -1;
    return static_cast<void*>(nullptr);
  });
  while (ready == 0) sched_yield();
  while (ready != -1) {
    pthread_kill(thread, SIGUSR1);
    sleep_ms(10);
  }
  pthread_join(thread, nullptr);
}

TEST(actions_are_shared_and_masks_are_not) {
  const pthread_t thread = start([](void*) {
    signal(SIGUSR1, SIG_IGN);
    block(SIGUSR2);
    return static_cast<void*>(nullptr);
  });
  pthread_join(thread, nullptr);
  struct sigaction action{};
  must(sigaction(SIGUSR1, nullptr, &action));
  CHECK(action.sa_handler == SIG_IGN);
  sigset_t mask;
  must(sigprocmask(SIG_BLOCK, nullptr, &mask));
  CHECK_EQ(sigismember(&mask, SIGUSR2), 0);
}

TEST(fatal_signal_in_one_thread_ends_all) {
  const pid_t pid = spawn([] {
    start([](void*) {
      *reinterpret_cast<volatile char*>(8) = 1;
      return static_cast<void*>(nullptr);
    });
    for (;;) pause();
  });
  CHECK_SIGNALED(wait_status(pid), SIGSEGV);
}

TEST(exit_group_from_a_thread_ends_all) {
  const pid_t pid = spawn([] {
    for (int i = 0; i < 3; ++i) {
      start([](void*) {
        for (;;) pause();
        return static_cast<void*>(nullptr);
      });
    }
    start([](void*) {
      for (;;) asm volatile("");  // busy on a processor
      return static_cast<void*>(nullptr);
    });
    start([](void*) {
      sleep_ms(20);
      _exit(66);
      return static_cast<void*>(nullptr);
    });
    for (;;) pause();
  });
  CHECK_EXITED(wait_status(pid), 66);
}

TEST(exit_of_the_first_thread_keeps_the_process) {
  const pid_t pid = spawn([] {
    start([](void*) {
      sleep_ms(100);
      _exit(kill(getpid(), 0) == 0 && getpid() != syscall(SYS_gettid) ? 44 : 1);
      return static_cast<void*>(nullptr);
    });
    syscall(SYS_exit, 9);
  });
  sleep_ms(30);
  CHECK_EQ(waitpid(pid, nullptr, WNOHANG), 0);  // not a zombie that can be reaped
  CHECK_EXITED(wait_status(pid), 44);
}

TEST(exit_status_of_the_last_thread) {
  const pid_t pid = spawn([] {
    start([](void*) {
      sleep_ms(30);
      syscall(SYS_exit, 5);
      return static_cast<void*>(nullptr);
    });
    syscall(SYS_exit, 9);
  });
  CHECK_EXITED(wait_status(pid), 5);  // the last one's counts
}

HELPER(check_single) {
  CHECK_EQ(getpid(), atoi(argv[1]));
  CHECK_EQ(syscall(SYS_gettid), getpid());
  char text[8192];
  if (read_file("/proc/self/status", text, sizeof text) > 0) CHECK(strstr(text, "Threads:\t1\n") != nullptr);
  return failures() == 0 ? 13 : 1;
}

TEST(exec_from_a_thread_takes_over_the_process) {
  const pid_t pid = spawn([] {
    for (int i = 0; i < 2; ++i) {
      start([](void*) {
        for (;;) pause();
        return static_cast<void*>(nullptr);
      });
    }
    start([](void*) {
      char number[16];
      snprintf(number, sizeof number, "%d", getpid());
      exec_helper("check_single", number);
      return static_cast<void*>(nullptr);
    });
    for (;;) pause();
  });
  CHECK_EXITED(wait_status(pid), 13);
}

TEST(exec_from_the_first_thread_kills_the_others) {
  const pid_t pid = spawn([] {
    for (int i = 0; i < 3; ++i) {
      start([](void*) {
        for (;;) asm volatile("");
        return static_cast<void*>(nullptr);
      });
    }
    char number[16];
    snprintf(number, sizeof number, "%d", getpid());
    exec_helper("check_single", number);
  });
  CHECK_EXITED(wait_status(pid), 13);
}

TEST(failed_exec_keeps_the_threads) {
  ready = 0;
  const pthread_t thread = start([](void*) {
    while (ready == 0) sched_yield();
    return static_cast<void*>(nullptr);
  });
  CHECK_ERRNO(execl("/nonexistent", "x", nullptr), ENOENT);
  ready = 1;
  CHECK_EQ(pthread_join(thread, nullptr), 0);
}

TEST(stop_and_continue_affect_all_threads) {
  auto* progress = static_cast<volatile long*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  static volatile long* shared_progress;
  shared_progress = progress;
  const pid_t pid = spawn([] {
    start([](void*) {
      for (;;) shared_progress[0] = shared_progress[0] + 1;
      return static_cast<void*>(nullptr);
    });
    for (;;) pause();
  });
  CHECK(eventually([&] { return progress[0] > 0; }));
  must(kill(pid, SIGSTOP));
  int status;
  must(waitpid(pid, &status, WUNTRACED));
  CHECK_STOPPED(status, SIGSTOP);
  const long before = progress[0];
  sleep_ms(50);
  CHECK_EQ(progress[0], before);
  must(kill(pid, SIGCONT));
  CHECK(eventually([&] { return progress[0] > before; }));
  must(kill(pid, SIGKILL));
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}

TEST(proc_task_lists_the_threads) {
  ready = 0;
  const pthread_t thread = start([](void*) {
    ready = static_cast<int>(syscall(SYS_gettid));
    while (ready > 0) sleep_ms(5);
    return static_cast<void*>(nullptr);
  });
  while (ready == 0) sched_yield();
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", ready);
  CHECK_OK(access(path, F_OK));
  snprintf(path, sizeof path, "/proc/self/task/%d", getpid());
  CHECK_OK(access(path, F_OK));
  CHECK_OK(access("/proc/thread-self/stat", F_OK));
  char text[8192];
  CHECK(read_file("/proc/self/status", text, sizeof text) > 0);
  CHECK(strstr(text, "Threads:\t2\n") != nullptr);
  ready = -1;
  pthread_join(thread, nullptr);
}
