// SPDX-License-Identifier: MIT
// Threads made with raw clone: identity, thread-id words, stacks, TLS.
#include "thread.h"

#include <asm/prctl.h>

#define FAMILY "thread"

static int shared[16];

TEST(thread_shares_memory_and_identity) {
  RawThread thread(
      [](void*) {
        shared[0] = static_cast<int>(raw(SYS_getpid));
        shared[1] = static_cast<int>(raw(SYS_gettid));
        shared[2] = static_cast<int>(raw(SYS_getppid));
        return 0;
      },
      nullptr);
  CHECK(thread.result > 0);
  const int tid = thread.result;
  CHECK_EQ(thread.tid(), tid);
  thread.join();
  CHECK_EQ(shared[0], getpid());
  CHECK_EQ(shared[1], tid);
  CHECK(shared[1] != getpid());
  CHECK_EQ(shared[2], getppid());
}

TEST(thread_is_no_child) {
  int word = 0;
  RawThread thread([](void* w) { return static_cast<int>(futex(static_cast<int*>(w), FUTEX_WAIT, 0)); }, &word);
  CHECK_ERRNO(waitpid(thread.tid(), nullptr, __WALL), ECHILD);
  CHECK_ERRNO(waitpid(-1, nullptr, __WALL), ECHILD);
  word = 1;
  futex(&word, FUTEX_WAKE, 1);
  thread.join();
}

TEST(thread_clears_and_wakes_its_tid_word) {
  for (int i = 0; i < 50; ++i) {
    RawThread thread([](void*) { return 0; }, nullptr);
    REQUIRE(thread.result > 0);
    thread.join();
  }
}

TEST(set_tid_address_moves_the_word) {
  static int word;
  word = 55;
  RawThread thread(
      [](void* first) {
            // The word given at clone is not cleared any more; do it by hand for join().
        shared[0] = static_cast<int>(raw(SYS_set_tid_address, reinterpret_cast<long>(&word)));
        (void)first;
        return 0;
      },
      nullptr);
  CHECK(wait_for_value(&word, 0));
  CHECK_EQ(shared[0], thread.tid());
}

TEST(thread_shares_descriptors_directory_umask) {
  RawThread thread(
      [](void*) {
        shared[0] = static_cast<int>(raw(SYS_open, reinterpret_cast<long>("/dev/null"), O_RDONLY));
        shared[1] = static_cast<int>(raw(SYS_chdir, reinterpret_cast<long>("/")));
        raw(SYS_umask, 055);
        return 0;
      },
      nullptr);
  thread.join();
  CHECK(shared[0] >= 3);
  CHECK_OK(fcntl(shared[0], F_GETFD));
  char path[64];
  CHECK_EQ(syscall(SYS_getcwd, path, sizeof path), 2);
  CHECK_EQ(umask(022), 055);
}

TEST(thread_inherits_the_signal_mask_but_nothing_pending) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  raise(SIGUSR1);  // tgkill: pending for this thread
  RawThread thread(
      [](void*) {
        uint64_t mask = 0;
        uint64_t pending = ~0ULL;
        raw(SYS_rt_sigprocmask, SIG_BLOCK, 0, reinterpret_cast<long>(&mask), 8);
        raw(SYS_rt_sigpending, reinterpret_cast<long>(&pending), 8);
        shared[0] = (mask >> (SIGUSR1 - 1)) & 1;
        shared[1] = (pending >> (SIGUSR1 - 1)) & 1;
        return 0;
      },
      nullptr);
  thread.join();
  CHECK_EQ(shared[0], 1);
  CHECK_EQ(shared[1], 0);
}

TEST(settls_gives_a_thread_its_own_fs_base) {
  static uint64_t block[8];
  block[0] = reinterpret_cast<uint64_t>(block);
  block[1] = 0x1234;
  char* stack = map_pages(4);
  static int tid;
  tid = 1;
  const int result = clone(
      [](void*) {
        uint64_t value;
        asm volatile("mov %%fs:8, %0" : "=r"(value));
        shared[0] = value == 0x1234;
        raw(SYS_exit, 0);
        return 0;
      },
      stack + 4 * kPage, static_cast<int>(RawThread::kFlags | CLONE_SETTLS), nullptr, &shared[1], block, &tid);
  REQUIRE(result > 0);
  CHECK(wait_for_value(&tid, 0));
  CHECK_EQ(shared[0], 1);
}

TEST(arch_prctl_fs_and_gs) {
  uint64_t fs = 0;
  CHECK_OK(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
  uint64_t self_pointer;
  asm volatile("mov %%fs:0, %0" : "=r"(self_pointer));
  CHECK_EQ(fs, self_pointer);
  static uint64_t area[2] = {0xabcdef, 0};
  CHECK_OK(syscall(SYS_arch_prctl, ARCH_SET_GS, area));
  uint64_t value;
  asm volatile("mov %%gs:0, %0" : "=r"(value));
  CHECK_EQ(value, 0xabcdef);
  sleep_ms(10);  // through other processes and back
  asm volatile("mov %%gs:0, %0" : "=r"(value));
  CHECK_EQ(value, 0xabcdef);
  uint64_t gs = 0;
  CHECK_OK(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
  CHECK_EQ(gs, reinterpret_cast<uint64_t>(area));
  CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_FS, 0xffff800000000000), EPERM);
  CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_GS, ~0UL), EPERM);
  CHECK_ERRNO(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
  CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_GET_FS, 8), EFAULT);
}

TEST(clone_thread_flag_rules) {
  char* stack = map_pages(4) + 4 * kPage;
  const auto attempt = [&](unsigned long flags) { return clone([](void*) { return 0; }, stack, static_cast<int>(flags), nullptr); };
  CHECK_ERRNO(attempt(CLONE_THREAD | CLONE_VM), EINVAL);
  CHECK_ERRNO(attempt(CLONE_THREAD | CLONE_SIGHAND), EINVAL);
  CHECK_ERRNO(attempt(CLONE_SIGHAND | CLONE_FILES), EINVAL);
  CHECK_ERRNO(attempt(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWPID), EINVAL);
}

TEST(fork_from_a_thread_copies_only_that_thread) {
  RawThread thread(
      [](void*) {
        const long pid = raw(SYS_fork);
        if (pid == 0) raw(SYS_exit_group, raw(SYS_getpid) == raw(SYS_gettid) ? 21 : 22);
        int status = 0;
        raw(SYS_wait4, pid, reinterpret_cast<long>(&status));
        shared[0] = status;
        return 0;
      },
      nullptr);
  thread.join();
  CHECK_EQ(shared[0], 21 << 8);
}

TEST(children_of_threads_belong_to_the_process) {
  RawThread thread(
      [](void*) {
        const long pid = raw(SYS_fork);
        if (pid == 0) raw(SYS_exit_group, 33);
        shared[0] = static_cast<int>(pid);
        return 0;
      },
      nullptr);
  thread.join();
  CHECK_EXITED(wait_status(shared[0]), 33);
}

TEST(wnothread_waits_for_own_children_only) {
  RawThread thread(
      [](void*) {
        const long pid = raw(SYS_fork);
        if (pid == 0) raw(SYS_exit_group, 0);
        shared[0] = static_cast<int>(pid);
        while (__atomic_load_n(&shared[1], __ATOMIC_ACQUIRE) == 0) raw(SYS_sched_yield);
        return 0;
      },
      (shared[0] = shared[1] = 0, nullptr));
  while (__atomic_load_n(&shared[0], __ATOMIC_ACQUIRE) == 0) sched_yield();
  CHECK_ERRNO(waitpid(-1, nullptr, __WNOTHREAD), ECHILD);
  CHECK_CHILD_OK(shared[0]);
  __atomic_store_n(&shared[1], 1, __ATOMIC_RELEASE);
  thread.join();
}

TEST(clone3_makes_a_thread) {
  static int tid_word;
  static int parent_word;
  tid_word = 1;
  char* stack = map_pages(4);
  clone_args arguments{};
  arguments.flags = RawThread::kFlags;
  arguments.stack = reinterpret_cast<uintptr_t>(stack);
  arguments.stack_size = 4 * kPage;
  arguments.child_tid = reinterpret_cast<uintptr_t>(&tid_word);
  arguments.parent_tid = reinterpret_cast<uintptr_t>(&parent_word);
  long result = SYS_clone3;
  asm volatile(
      "syscall; test %%rax, %%rax; jnz 1f\n"
      "mov $186, %%eax; syscall; mov %%eax, %1\n"  // gettid
      "xor %%edi, %%edi; mov $60, %%eax; syscall\n"
      "1:"
      : "+a"(result), "+m"(shared[5])
      : "D"(&arguments), "S"(sizeof arguments)
      : "rcx", "r11", "memory");
  REQUIRE(result > 0);
  CHECK(wait_for_value(&tid_word, 0));
  CHECK_EQ(parent_word, result);
  CHECK_EQ(shared[5], result);
}
