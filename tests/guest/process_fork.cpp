// SPDX-License-Identifier: MIT
// fork and vfork: what the child gets, what is its own, and when the parent goes on.
#include "test.h"

#define FAMILY "process"

TEST(fork_returns_twice) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  REQUIRE(child != -1);
  if (child == 0) _exit(getpid() != parent && getppid() == parent ? 7 : 1);
  CHECK(child > 0);
  CHECK(child != parent);
  int status = -1;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EXITED(status, 7);
}

TEST(exit_status_is_the_low_byte) {
  CHECK_EXITED(wait_status(spawn([] { _exit(0x1ff); })), 0xff);
  CHECK_EXITED(wait_status(spawn([] { _exit(256); })), 0);
  CHECK_EXITED(wait_status(spawn([] { _exit(-1); })), 255);
}

TEST(fork_copies_memory) {
  static volatile int global = 1;
  volatile int local = 1;
  auto* heap = static_cast<volatile int*>(malloc(sizeof(int)));
  *heap = 1;
  IN_CHILD([&] {
    CHECK_EQ(global, 1);
    global = 2;
    local = 2;
    *heap = 2;
    CHECK_EQ(global + local + *heap, 6);
  });
  CHECK_EQ(global, 1);
  CHECK_EQ(local, 1);
  CHECK_EQ(*heap, 1);
}

TEST(fork_shares_the_file_offset) {
  write_file("f", "abcdef");
  const int fd = must(open("f", O_RDONLY));
  IN_CHILD([&] {
    char c;
    CHECK_EQ(read(fd, &c, 1), 1);
    CHECK_EQ(c, 'a');
    close(fd);  // closes the child's descriptor only
  });
  char c;
  CHECK_EQ(read(fd, &c, 1), 1);
  CHECK_EQ(c, 'b');
}

TEST(fork_child_has_its_own_descriptor_table) {
  const pid_t pid = spawn([] { REQUIRE(open("/dev/null", O_RDONLY) == 3); });
  CHECK_CHILD_OK(pid);
  CHECK_ERRNO(fcntl(3, F_GETFD), EBADF);
}

TEST(fork_child_has_its_own_directory_and_umask) {
  char before[256];
  char after[256];
  REQUIRE(getcwd(before, sizeof before) != nullptr);
  umask(027);
  IN_CHILD([] {
    CHECK_EQ(umask(077), 027);
    CHECK_OK(chdir("/"));
  });
  REQUIRE(getcwd(after, sizeof after) != nullptr);
  CHECK_STR(after, before);
  CHECK_EQ(umask(022), 027);
}

TEST(fork_inherits_signal_actions_and_mask) {
  signal(SIGUSR1, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  IN_CHILD([] {
    struct sigaction action{};
    CHECK_OK(sigaction(SIGUSR1, nullptr, &action));
    CHECK(action.sa_handler == SIG_IGN);
    sigset_t now;
    CHECK_OK(sigprocmask(SIG_BLOCK, nullptr, &now));
    CHECK_EQ(sigismember(&now, SIGUSR2), 1);
    CHECK_EQ(sigismember(&now, SIGUSR1), 0);
  });
}

TEST(fork_clears_pending_signals_and_alarms) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  must(raise(SIGUSR1));
  alarm(100);
  IN_CHILD([] {
    sigset_t pending;
    CHECK_OK(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
    CHECK_EQ(alarm(0), 0);
  });
  sigset_t pending;
  CHECK_OK(sigpending(&pending));
  CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
  CHECK(alarm(0) > 0);
}

TEST(fork_many_children_have_distinct_ids) {
  constexpr int kCount = 40;
  pid_t ids[kCount];
  for (int i = 0; i < kCount; ++i) ids[i] = spawn([i] { _exit(i); });
  for (int i = 0; i < kCount; ++i) {
    for (int j = 0; j < i; ++j) CHECK(ids[i] != ids[j]);
  }
  for (int i = 0; i < kCount; ++i) CHECK_EXITED(wait_status(ids[i]), i);
  CHECK_ERRNO(wait(nullptr), ECHILD);
}

TEST(fork_nested_generations) {
  int status = wait_status(spawn([] {
    const pid_t inner = spawn([] {
      const pid_t innermost = spawn([] { _exit(3); });
      _exit(WEXITSTATUS(wait_status(innermost)) + 1);
    });
    _exit(WEXITSTATUS(wait_status(inner)) + 1);
  }));
  CHECK_EXITED(status, 5);
}

TEST(fork_preserves_floating_point_state) {
  volatile double one = 1.0;
  double kept = one / 3;
  uint32_t mxcsr = 0x1f80 | 0x6000;  // round towards zero
  asm volatile("ldmxcsr %0" : : "m"(mxcsr));
  IN_CHILD([&] {
    uint32_t mine;
    asm volatile("stmxcsr %0" : "=m"(mine));
    CHECK_EQ(mine & 0x6000, 0x6000);
    CHECK(kept > 0.333 && kept < 0.334);
  });
}

// vfork: the parent must not run before the child has exited or executed a program.
static volatile int vfork_word;

TEST(vfork_parent_waits_for_exit) {
  vfork_word = 0;
  const pid_t pid = vfork();
  if (pid == 0) {
    timespec nap{0, 50000000};
    nanosleep(&nap, nullptr);
    vfork_word = 1;  // memory is shared
    _exit(9);
  }
  REQUIRE(pid > 0);
  CHECK_EQ(vfork_word, 1);
  CHECK_EXITED(wait_status(pid), 9);
}

HELPER(sleep_then_exit) {
  sleep_ms(argc > 1 ? atol(argv[1]) : 300);
  return 4;
}

TEST(vfork_parent_goes_on_at_exec) {
  const char* argv[] = {"x", "--helper", "sleep_then_exit", "5000", nullptr};
  const char* path = self();
  const int64_t start = now_ms();
  const pid_t pid = vfork();
  if (pid == 0) {
    execv(path, const_cast<char**>(argv));
    _exit(127);
  }
  REQUIRE(pid > 0);
  CHECK(now_ms() - start < 4500);
  int status;
  CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
  kill(pid, SIGKILL);
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}

TEST(vfork_parent_goes_on_when_the_child_is_killed) {
  const pid_t pid = vfork();
  if (pid == 0) {
    kill(getpid(), SIGKILL);
    _exit(1);
  }
  REQUIRE(pid > 0);
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}

TEST(vfork_failed_exec_stays_in_child) {
  vfork_word = 0;
  const pid_t pid = vfork();
  if (pid == 0) {
    execl("/nonexistent/program", "x", nullptr);
    vfork_word = errno;
    _exit(1);
  }
  CHECK_EQ(vfork_word, ENOENT);
  CHECK_EXITED(wait_status(pid), 1);
}
