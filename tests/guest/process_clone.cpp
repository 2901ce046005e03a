// SPDX-License-Identifier: MIT
// clone and clone3 used for processes: flags, thread-id words, exit signals, refused combinations.
#include "test.h"

#include <linux/sched.h>

#define FAMILY "process"

// The raw call; a null stack lets the child go on on the parent's (copied) one.
static pid_t raw_clone(unsigned long flags, int* parent_tid = nullptr, int* child_tid = nullptr) {
  return static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, parent_tid, child_tid, 0));
}

TEST(clone_writes_thread_ids) {
  int parent_tid = -1;
  int child_tid = -1;
  const pid_t pid = raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, &parent_tid, &child_tid);
  REQUIRE(pid != -1);
  if (pid == 0) _exit(child_tid == getpid() ? 0 : 1);
  CHECK_EQ(parent_tid, pid);
  CHECK_EQ(child_tid, -1);  // written in the child's memory only
  CHECK_CHILD_OK(pid);
}

TEST(clone_child_cleartid_clears_word_in_shared_memory) {
  static char stack[32768] __attribute__((aligned(16)));
  static int word;
  word = 77;
  const int pid =
      clone([](void*) { return word; }, stack + sizeof stack, CLONE_CHILD_CLEARTID | CLONE_VM | SIGCHLD, nullptr, nullptr, nullptr, &word);
  REQUIRE(pid > 0);
  CHECK_EXITED(wait_status(pid), 77);
  CHECK_EQ(word, 0);
}

TEST(clone_exit_signal_is_delivered) {
  static volatile sig_atomic_t got;
  got = 0;
  signal(SIGUSR1, [](int) { got = 1; });
  const pid_t pid = raw_clone(SIGUSR1);
  REQUIRE(pid != -1);
  if (pid == 0) _exit(5);
  int status = -1;
    // A child whose exit signal is not SIGCHLD is a "clone child".
  CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
  pid_t waited;
  while ((waited = waitpid(pid, &status, __WCLONE)) == -1 && errno == EINTR) {
  }
  CHECK_EQ(waited, pid);
  CHECK_EXITED(status, 5);
  CHECK_EQ(got, 1);
}

TEST(clone_without_exit_signal_needs_wall) {
  signal(SIGCHLD, [](int) { _exit(99); });
  const pid_t pid = raw_clone(0);
  REQUIRE(pid != -1);
  if (pid == 0) _exit(6);
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, __WALL), pid);
  CHECK_EXITED(status, 6);
}

TEST(clone_vm_shares_memory) {
  static volatile int word;
  static char stack[32768] __attribute__((aligned(16)));
  word = 1;
  const int pid = clone(
      [](void*) {
        word = 2;
        return 3;
      },
      stack + sizeof stack, CLONE_VM | SIGCHLD, nullptr);
  REQUIRE(pid > 0);
  CHECK_EXITED(wait_status(pid), 3);
  CHECK_EQ(word, 2);
}

TEST(clone_files_shares_descriptors) {
  static char stack[32768] __attribute__((aligned(16)));
  const int pid = clone([](void*) { return open("/dev/null", O_RDONLY); }, stack + sizeof stack, CLONE_VM | CLONE_FILES | SIGCHLD, nullptr);
  REQUIRE(pid > 0);
  CHECK_EXITED(wait_status(pid), 3);
  CHECK_OK(fcntl(3, F_GETFD));
}

TEST(clone_fs_shares_directory_and_umask) {
  static char stack[32768] __attribute__((aligned(16)));
  const int pid = clone(
      [](void*) {
        umask(011);
        return chdir("/");
      },
      stack + sizeof stack, CLONE_VM | CLONE_FS | SIGCHLD, nullptr);
  REQUIRE(pid > 0);
  CHECK_EXITED(wait_status(pid), 0);
  char directory[64];
  CHECK(getcwd(directory, sizeof directory) != nullptr);
  CHECK_STR(directory, "/");
  CHECK_EQ(umask(022), 011);
}

TEST(clone_parent_makes_a_sibling) {
  const pid_t me = getpid();
  Gate done;
  const pid_t pid = spawn([&] {
    const pid_t sibling = raw_clone(CLONE_PARENT | SIGCHLD);
    REQUIRE(sibling != -1);
    if (sibling == 0) _exit(getppid() == me ? 11 : 1);
    CHECK_ERRNO(waitpid(-1, nullptr, __WALL), ECHILD);
  });
  CHECK_CHILD_OK(pid);
  int status = -1;
  CHECK(waitpid(-1, &status, __WALL) > 0);
  CHECK_EXITED(status, 11);
}

TEST(clone_refuses_bad_flag_combinations) {
  CHECK_ERRNO(raw_clone(CLONE_THREAD | SIGCHLD), EINVAL);                 // without SIGHAND
  CHECK_ERRNO(raw_clone(CLONE_THREAD | CLONE_SIGHAND), EINVAL);           // SIGHAND without VM
  CHECK_ERRNO(raw_clone(CLONE_SIGHAND | SIGCHLD), EINVAL);
  CHECK_ERRNO(raw_clone(CLONE_NEWNS | CLONE_FS | SIGCHLD), EINVAL);
  CHECK_ERRNO(waitpid(-1, nullptr, __WALL), ECHILD);
}

static long raw_clone3(clone_args* arguments, size_t size) { return syscall(SYS_clone3, arguments, size); }

TEST(clone3_forks) {
  int parent_tid = -1;
  clone_args arguments{};
  arguments.flags = CLONE_PARENT_SETTID;
  arguments.parent_tid = reinterpret_cast<uintptr_t>(&parent_tid);
  arguments.exit_signal = SIGCHLD;
  const long pid = raw_clone3(&arguments, sizeof arguments);
  REQUIRE(pid != -1);
  if (pid == 0) _exit(8);
  CHECK_EQ(parent_tid, pid);
  CHECK_EXITED(wait_status(static_cast<pid_t>(pid)), 8);
}

TEST(clone3_checks_its_structure) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  CHECK_ERRNO(raw_clone3(&arguments, 63), EINVAL);  // smaller than version 0
  CHECK_ERRNO(raw_clone3(&arguments, 8192), E2BIG);
  CHECK_ERRNO(raw_clone3(nullptr, sizeof arguments), EFAULT);
  struct {
    clone_args known;
    uint64_t more;
  } longer{};
  longer.known.exit_signal = SIGCHLD;
  longer.more = 1;
  CHECK_ERRNO(raw_clone3(&longer.known, sizeof longer), E2BIG);  // unknown field not zero
  longer.more = 0;
  const long pid = raw_clone3(&longer.known, sizeof longer);
  if (pid == 0) _exit(0);
  CHECK(pid > 0);
  if (pid > 0) CHECK_CHILD_OK(static_cast<pid_t>(pid));
}

TEST(clone3_refuses_bad_arguments) {
  const auto attempt = [](uint64_t flags, uint64_t exit_signal, uint64_t stack, uint64_t stack_size) {
    clone_args arguments{};
    arguments.flags = flags;
    arguments.exit_signal = exit_signal;
    arguments.stack = stack;
    arguments.stack_size = stack_size;
    const long pid = raw_clone3(&arguments, sizeof arguments);
    if (pid == 0) _exit(0);
    return pid;
  };
  CHECK_ERRNO(attempt(0, 65, 0, 0), EINVAL);            // no such signal
  CHECK_ERRNO(attempt(0, 0x100, 0, 0), EINVAL);
  CHECK_ERRNO(attempt(SIGCHLD, 0, 0, 0), EINVAL);       // the signal is not part of the flags here
  CHECK_ERRNO(attempt(0, SIGCHLD, 0, 4096), EINVAL);    // size without stack
  CHECK_ERRNO(attempt(0, SIGCHLD, 0x10000, 0), EINVAL); // stack without size
  CHECK_ERRNO(attempt(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, SIGCHLD, 0, 0), EINVAL);
  CHECK_ERRNO(attempt(CLONE_DETACHED, SIGCHLD, 0, 0), EINVAL);
  CHECK_ERRNO(waitpid(-1, nullptr, __WALL), ECHILD);
}

TEST(clone3_clear_sighand_resets_handlers) {
  signal(SIGUSR1, [](int) {});
  signal(SIGUSR2, SIG_IGN);
  clone_args arguments{};
  arguments.flags = CLONE_CLEAR_SIGHAND;
  arguments.exit_signal = SIGCHLD;
  const long pid = raw_clone3(&arguments, sizeof arguments);
  REQUIRE(pid != -1);
  if (pid == 0) {
    struct sigaction one{};
    struct sigaction two{};
    sigaction(SIGUSR1, nullptr, &one);
    sigaction(SIGUSR2, nullptr, &two);
    _exit(one.sa_handler == SIG_DFL && two.sa_handler == SIG_IGN ? 0 : 1);
  }
  CHECK_CHILD_OK(static_cast<pid_t>(pid));
}
