// SPDX-License-Identifier: MIT
// futex: waiting, waking, bit sets, requeueing, wake-op, time-outs, errors, across processes.
#include "thread.h"

#define FAMILY "thread"

static int* shared_page() {
  void* p = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(p != MAP_FAILED);
  return static_cast<int*>(p);
}

// A child that waits on a word and exits with what the call returned, negated.
static pid_t waiter(int* word, int operation, int value, int bits = 0) {
  const pid_t pid = spawn([=] { _exit(static_cast<int>(-futex(word, operation, value, nullptr, nullptr, bits))); });
  wait_asleep(pid);
  return pid;
}

TEST(futex_wait_checks_the_value) {
  int word = 5;
  CHECK_EQ(futex(&word, FUTEX_WAIT, 4), -EAGAIN);
  CHECK_EQ(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 6), -EAGAIN);
  CHECK_EQ(futex(&word, FUTEX_WAIT_BITSET, 4, nullptr, nullptr, -1), -EAGAIN);
}

TEST(futex_wake_without_waiters) {
  int word = 0;
  CHECK_EQ(futex(&word, FUTEX_WAKE, 1), 0);
  CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, INT32_MAX), 0);
}

TEST(futex_errors) {
  int words[2] = {};
  auto* odd = reinterpret_cast<int*>(reinterpret_cast<char*>(words) + 1);
  CHECK_EQ(futex(odd, FUTEX_WAIT, 0), -EINVAL);
  CHECK_EQ(futex(odd, FUTEX_WAKE, 1), -EINVAL);
  CHECK_EQ(futex(nullptr, FUTEX_WAIT, 0), -EFAULT);
  CHECK_EQ(futex(reinterpret_cast<int*>(0xffff800000000000), FUTEX_WAKE, 1), -EFAULT);
  CHECK_EQ(futex(words, 99, 0), -ENOSYS);
  CHECK_EQ(futex(words, FUTEX_WAIT_BITSET, 0, nullptr, nullptr, 0), -EINVAL);
  CHECK_EQ(futex(words, FUTEX_WAKE_BITSET, 1, nullptr, nullptr, 0), -EINVAL);
  const timespec bad{0, 1000000000};
  CHECK_EQ(futex(words, FUTEX_WAIT, 0, &bad), -EINVAL);
  CHECK_EQ(futex(words, FUTEX_WAIT, 0, reinterpret_cast<timespec*>(8)), -EFAULT);
}

TEST(futex_wait_times_out) {
  int word = 0;
  const timespec brief{0, 50000000};
  int64_t start = now_ms();
  CHECK_EQ(futex(&word, FUTEX_WAIT_PRIVATE, 0, &brief), -ETIMEDOUT);
  CHECK(now_ms() - start >= 50);
  timespec until{};
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += 1;
  start = now_ns();
  CHECK_EQ(futex(&word, FUTEX_WAIT_BITSET, 0, &until, nullptr, -1), -ETIMEDOUT);  // absolute
  CHECK(now_ns() >= until.tv_sec * 1000000000LL + until.tv_nsec);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec = 0;  // in the past
  CHECK_EQ(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &until, nullptr, -1), -ETIMEDOUT);
}

TEST(futex_wakes_the_number_asked_for) {
  int* word = shared_page();
  pid_t pids[3];
  for (auto& pid : pids) pid = waiter(word, FUTEX_WAIT, 0);
  CHECK_EQ(futex(word, FUTEX_WAKE, 2), 2);
  CHECK_EXITED(wait_status(-1), 0);
  CHECK_EXITED(wait_status(-1), 0);
  CHECK_EQ(waitpid(-1, nullptr, WNOHANG), 0);
  CHECK_EQ(futex(word, FUTEX_WAKE, INT32_MAX), 1);
  CHECK_EXITED(wait_status(-1), 0);
}

TEST(futex_shared_by_file_mapping) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  must(ftruncate(fd, kPage));
  const pid_t pid = spawn([] {
    const int mine = must(open("f", O_RDWR));
    auto* word = static_cast<int*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, mine, 0));
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
      const long result = futex(word, FUTEX_WAIT, 0);
      CHECK(result == 0 || result == -EAGAIN);
    }
  });
  wait_asleep(pid);
  auto* word = static_cast<int*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  __atomic_store_n(word, 1, __ATOMIC_RELEASE);
  futex(word, FUTEX_WAKE, 1);
  CHECK_CHILD_OK(pid);
}

TEST(futex_private_words_of_processes_are_apart) {
  static int word;
  const pid_t pid = waiter(&word, FUTEX_WAIT_PRIVATE, 0);  // the child's copy at the same address
  CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1), 0);
  CHECK_EQ(futex(&word, FUTEX_WAKE, 1), 0);
  CHECK_EQ(waitpid(pid, nullptr, WNOHANG), 0);
  must(kill(pid, SIGKILL));
  wait_status(pid);
}

TEST(futex_bitset_selects) {
  int* word = shared_page();
  const pid_t one = waiter(word, FUTEX_WAIT_BITSET, 0, 1);
  const pid_t two = waiter(word, FUTEX_WAIT_BITSET, 0, 2);
  CHECK_EQ(futex(word, FUTEX_WAKE_BITSET, 10, nullptr, nullptr, 4), 0);
  CHECK_EQ(futex(word, FUTEX_WAKE_BITSET, 10, nullptr, nullptr, 2), 1);
  CHECK_EXITED(wait_status(two), 0);
  CHECK_EQ(futex(word, FUTEX_WAKE, 10), 1);  // matches all
  CHECK_EXITED(wait_status(one), 0);
}

TEST(futex_requeue) {
  int* words = shared_page();
  pid_t pids[3];
  for (auto& pid : pids) pid = waiter(words, FUTEX_WAIT, 0);
    // Wake one and move up to two to the second word.
  CHECK_EQ(futex(words, FUTEX_CMP_REQUEUE, 1, reinterpret_cast<timespec*>(2), words + 1, 7), -EAGAIN);
  CHECK_EQ(futex(words, FUTEX_CMP_REQUEUE, 1, reinterpret_cast<timespec*>(2), words + 1, 0), 3);
  CHECK_EQ(futex(words, FUTEX_WAKE, 10), 0);
  CHECK_EXITED(wait_status(-1), 0);
  CHECK_EQ(futex(words + 1, FUTEX_REQUEUE, 0, reinterpret_cast<timespec*>(1), words + 2), 1);
  CHECK_EQ(futex(words + 1, FUTEX_WAKE, 10), 1);
  CHECK_EQ(futex(words + 2, FUTEX_WAKE, 10), 1);
  CHECK_EXITED(wait_status(-1), 0);
  CHECK_EXITED(wait_status(-1), 0);
}

TEST(futex_wake_op) {
  int* words = shared_page();
  words[1] = 10;
  const pid_t one = waiter(words, FUTEX_WAIT, 0);
  const pid_t two = waiter(words + 1, FUTEX_WAIT, 10);
    // words[1] += 5; wake one of the second word if it was greater than 9.
  const int operation = FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_GT, 9);
  CHECK_EQ(futex(words, FUTEX_WAKE_OP, 1, reinterpret_cast<timespec*>(1), words + 1, operation), 2);
  CHECK_EQ(words[1], 15);
  CHECK_EXITED(wait_status(one), 0);
  CHECK_EXITED(wait_status(two), 0);
  const int set = FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_EQ, 99);
  CHECK_EQ(futex(words, FUTEX_WAKE_OP, 1, reinterpret_cast<timespec*>(1), words + 1, set), 0);
  CHECK_EQ(words[1], 3);
}

TEST(futex_word_in_read_only_memory_may_be_waited_for_privately) {
  char* memory = map_pages(1);
  must(mprotect(memory, kPage, PROT_READ));
  auto* word = reinterpret_cast<int*>(memory);
  const timespec brief{0, 1000000};
  CHECK_EQ(futex(word, FUTEX_WAIT_PRIVATE, 0, &brief), -ETIMEDOUT);
  CHECK_EQ(futex(word, FUTEX_WAIT_PRIVATE, 1, &brief), -EAGAIN);
  must(mprotect(memory, kPage, PROT_NONE));
  CHECK_EQ(futex(word, FUTEX_WAIT_PRIVATE, 0, &brief), -EFAULT);
}

TEST(futex_ping_pong_between_threads) {
  static int word;
  constexpr int kRounds = 1000;
  word = 0;
  RawThread thread(
      [](void*) {
        for (int i = 0; i < kRounds; ++i) {
          while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != 2 * i + 1) futex(&word, FUTEX_WAIT_PRIVATE, 2 * i);
          __atomic_store_n(&word, 2 * i + 2, __ATOMIC_RELEASE);
          futex(&word, FUTEX_WAKE_PRIVATE, 1);
        }
        return 0;
      },
      nullptr);
  for (int i = 0; i < kRounds; ++i) {
    __atomic_store_n(&word, 2 * i + 1, __ATOMIC_RELEASE);
    futex(&word, FUTEX_WAKE_PRIVATE, 1);
    while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != 2 * i + 2) futex(&word, FUTEX_WAIT_PRIVATE, 2 * i + 1);
  }
  thread.join();
  CHECK_EQ(word, 2 * kRounds);
}

// ---- robust lists -----------------------------------------------------------------------------

struct RobustLock {
  RobustLock* next;
  int word;
};
struct RobustHead {
  void* first;
  long offset;
  void* pending;
};

TEST(robust_list_get_and_set) {
  RobustHead head{&head, 8, nullptr};
  CHECK_OK(syscall(SYS_set_robust_list, &head, sizeof head));
  void* got = nullptr;
  size_t size = 0;
  CHECK_OK(syscall(SYS_get_robust_list, 0, &got, &size));
  CHECK_EQ(got, &head);
  CHECK_EQ(size, 24);
  CHECK_ERRNO(syscall(SYS_set_robust_list, &head, 23), EINVAL);
  CHECK_ERRNO(syscall(SYS_get_robust_list, 0x3ffffff, &got, &size), ESRCH);
  CHECK_ERRNO(syscall(SYS_get_robust_list, 0, 8, &size), EFAULT);
}

TEST(robust_list_marks_dead_owners) {
  auto* lock = reinterpret_cast<RobustLock*>(shared_page());
  const pid_t pid = spawn([&] {
    static RobustHead head;
    head.offset = offsetof(RobustLock, word);
    head.first = lock;
    lock->next = reinterpret_cast<RobustLock*>(&head);
    lock->word = static_cast<int>(syscall(SYS_gettid)) | static_cast<int>(FUTEX_WAITERS);
    must(syscall(SYS_set_robust_list, &head, sizeof head));
    _exit(0);  // while holding the lock
  });
  CHECK_CHILD_OK(pid);
  CHECK_EQ(static_cast<unsigned>(lock->word), FUTEX_OWNER_DIED | FUTEX_WAITERS);
}

TEST(robust_list_wakes_a_waiter_when_the_owner_is_killed) {
  auto* lock = reinterpret_cast<RobustLock*>(shared_page());
  Gate ready;
  const pid_t owner = spawn([&] {
    static RobustHead head;
    head.offset = offsetof(RobustLock, word);
    head.first = lock;
    lock->next = reinterpret_cast<RobustLock*>(&head);
    lock->word = static_cast<int>(syscall(SYS_gettid)) | static_cast<int>(FUTEX_WAITERS);
    must(syscall(SYS_set_robust_list, &head, sizeof head));
    ready.open();
    for (;;) pause();
  });
  ready.wait();
  const pid_t waiting = spawn([&] {
    const int held = lock->word;
    CHECK_EQ(futex(&lock->word, FUTEX_WAIT, held), 0);
    CHECK((static_cast<unsigned>(lock->word) & FUTEX_OWNER_DIED) != 0);
  });
  wait_asleep(waiting);
  must(kill(owner, SIGKILL));
  CHECK_SIGNALED(wait_status(owner), SIGKILL);
  CHECK_CHILD_OK(waiting);
}

TEST(robust_list_of_nonsense_does_no_harm) {
    // Loops, wild pointers: exit must end.
  CHECK_EXITED(wait_status(spawn([] {
                 static RobustHead head{reinterpret_cast<void*>(0x10), 0, reinterpret_cast<void*>(0xffff800000000000)};
                 must(syscall(SYS_set_robust_list, &head, sizeof head));
                 _exit(1);
               })),
               1);
  CHECK_EXITED(wait_status(spawn([] {
                 static RobustLock a;
                 static RobustLock b;
                 static RobustHead head{&a, offsetof(RobustLock, word), nullptr};
                 a.next = &b;
                 b.next = &a;
                 must(syscall(SYS_set_robust_list, &head, sizeof head));
                 _exit(2);
               })),
               2);
  CHECK_EXITED(wait_status(spawn([] {
                 must(syscall(SYS_set_robust_list, 0xffffffff81000000, 24));
                 _exit(3);
               })),
               3);
}
