// SPDX-License-Identifier: MIT
// POSIX threads of the C library on top of clone and futex.
#include "test.h"

#include <pthread.h>
#include <semaphore.h>

#define FAMILY "thread"

static long counter;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static __thread long local_value = 17;

TEST(pthread_create_and_join) {
  pthread_t thread;
  void* result = nullptr;
  REQUIRE(pthread_create(&thread, nullptr, [](void* p) { return static_cast<void*>(static_cast<char*>(p) + 1); }, &thread) == 0);
  CHECK_EQ(pthread_join(thread, &result), 0);
  CHECK_EQ(result, reinterpret_cast<char*>(&thread) + 1);
}

TEST(pthread_locals_are_apart) {
  pthread_t threads[4];
  for (auto& thread : threads) {
    REQUIRE(pthread_create(
                &thread, nullptr,
                [](void*) {
                  CHECK_EQ(local_value, 17);
                  local_value = static_cast<long>(pthread_self());
                  errno = 0;
                  close(-1);
                  CHECK_EQ(errno, EBADF);
                  for (int i = 0; i < 20; ++i) sched_yield();
                  CHECK_EQ(local_value, static_cast<long>(pthread_self()));
                  return static_cast<void*>(nullptr);
                },
                nullptr) == 0);
  }
  for (const auto thread : threads) pthread_join(thread, nullptr);
  CHECK_EQ(local_value, 17);
}

TEST(pthread_mutex_excludes) {
  pthread_t threads[4];
  counter = 0;
  for (auto& thread : threads) {
    REQUIRE(pthread_create(
                &thread, nullptr,
                [](void*) {
                  for (int i = 0; i < 5000; ++i) {
                    pthread_mutex_lock(&mutex);
                    counter = counter + 1;
                    pthread_mutex_unlock(&mutex);
                  }
                  return static_cast<void*>(nullptr);
                },
                nullptr) == 0);
  }
  for (const auto thread : threads) pthread_join(thread, nullptr);
  CHECK_EQ(counter, 20000);
}

TEST(pthread_condition_hands_over) {
  static int turn;
  turn = 0;
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, nullptr,
              [](void*) {
                pthread_mutex_lock(&mutex);
                for (int i = 0; i < 200; ++i) {
                  while (turn % 2 == 0) pthread_cond_wait(&condition, &mutex);
                  ++turn;
                  pthread_cond_signal(&condition);
                }
                pthread_mutex_unlock(&mutex);
                return static_cast<void*>(nullptr);
              },
              nullptr) == 0);
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < 200; ++i) {
    while (turn % 2 == 1) pthread_cond_wait(&condition, &mutex);
    ++turn;
    pthread_cond_signal(&condition);
  }
  pthread_mutex_unlock(&mutex);
  pthread_join(thread, nullptr);
  CHECK_EQ(turn, 400);
}

TEST(pthread_timed_waits) {
  timespec until{};
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 50000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    ++until.tv_sec;
  }
  pthread_mutex_lock(&mutex);
  CHECK_EQ(pthread_cond_timedwait(&condition, &mutex, &until), ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
  sem_t semaphore;
  sem_init(&semaphore, 0, 1);
  CHECK_OK(sem_wait(&semaphore));
  CHECK_ERRNO(sem_timedwait(&semaphore, &until), ETIMEDOUT);
}

TEST(pthread_barrier_and_rwlock) {
  static pthread_barrier_t barrier;
  static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  static int sum;
  sum = 0;
  pthread_barrier_init(&barrier, nullptr, 4);
  pthread_t threads[3];
  const auto body = [](void*) {
    for (int i = 0; i < 30; ++i) {
      pthread_rwlock_wrlock(&lock);
      ++sum;
      pthread_rwlock_unlock(&lock);
      pthread_barrier_wait(&barrier);
      pthread_rwlock_rdlock(&lock);
      CHECK_EQ(sum, 4 * (i + 1));
      pthread_rwlock_unlock(&lock);
      pthread_barrier_wait(&barrier);
    }
    return static_cast<void*>(nullptr);
  };
  for (auto& thread : threads) REQUIRE(pthread_create(&thread, nullptr, body, nullptr) == 0);
  body(nullptr);
  for (const auto thread : threads) pthread_join(thread, nullptr);
  CHECK_EQ(sum, 120);
}

TEST(pthread_robust_mutex_across_processes) {
  auto* shared = static_cast<pthread_mutex_t*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  REQUIRE(pthread_mutex_init(shared, &attributes) == 0);
  CHECK_EXITED(wait_status(spawn([&] { _exit(pthread_mutex_lock(shared)); })), 0);
  CHECK_EQ(pthread_mutex_lock(shared), EOWNERDEAD);
  CHECK_EQ(pthread_mutex_consistent(shared), 0);
  CHECK_EQ(pthread_mutex_unlock(shared), 0);
}

TEST(pthread_cancel_ends_a_blocked_thread) {
  static int fds[2];
  must(pipe(fds));
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, nullptr,
              [](void*) {
                char c;
                read(fds[0], &c, 1);
                return static_cast<void*>(nullptr);
              },
              nullptr) == 0);
  sleep_ms(30);
  CHECK_EQ(pthread_cancel(thread), 0);
  void* result = nullptr;
  CHECK_EQ(pthread_join(thread, &result), 0);
  CHECK_EQ(result, PTHREAD_CANCELED);
}

TEST(setuid_applies_to_all_threads) {
    // The C library sends every thread a signal for this.
  IN_CHILD([] {
    static uid_t seen;
    static int fds[2];
    must(pipe(fds));
    pthread_t thread;
    REQUIRE(pthread_create(
                &thread, nullptr,
                [](void*) {
                  char c;
                  while (read(fds[0], &c, 1) == -1 && errno == EINTR) {
                  }
                  seen = static_cast<uid_t>(syscall(SYS_getuid));
                  return static_cast<void*>(nullptr);
                },
                nullptr) == 0);
    must(setuid(1000));
    must(write(fds[1], "x", 1));
    pthread_join(thread, nullptr);
    CHECK_EQ(seen, 1000);
  });
}

TEST(credentials_of_the_raw_call_are_per_thread) {
  IN_CHILD([] {
    static uid_t seen;
    must(syscall(SYS_setresuid, 5, 5, 0));
    pthread_t thread;
    REQUIRE(pthread_create(
                &thread, nullptr,
                [](void*) {
                  must(syscall(SYS_setresuid, -1, 0, -1));
                  seen = static_cast<uid_t>(syscall(SYS_geteuid));
                  return static_cast<void*>(nullptr);
                },
                nullptr) == 0);
    pthread_join(thread, nullptr);
    CHECK_EQ(seen, 0);
    CHECK_EQ(syscall(SYS_geteuid), 5);
  });
}

TEST_SLOW(pthread_create_many_in_turns, 60) {
  for (int round = 0; round < 20; ++round) {
    pthread_t threads[16];
    counter = 0;
    for (auto& thread : threads) {
      REQUIRE(pthread_create(
                  &thread, nullptr,
                  [](void*) {
                    __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
                    return static_cast<void*>(nullptr);
                  },
                  nullptr) == 0);
    }
    for (const auto thread : threads) REQUIRE(pthread_join(thread, nullptr) == 0);
    REQUIRE(counter == 16);
  }
}

TEST(threads_fault_pages_together) {
  static char* memory;
  constexpr int kPages = 512;
  memory = map_pages(kPages);
  pthread_t threads[4];
  for (auto& thread : threads) {
    REQUIRE(pthread_create(
                &thread, nullptr,
                [](void*) {
                  for (int i = 0; i < kPages; ++i) __atomic_fetch_add(&memory[i * kPage], 1, __ATOMIC_RELAXED);
                  return static_cast<void*>(nullptr);
                },
                nullptr) == 0);
  }
  for (const auto thread : threads) pthread_join(thread, nullptr);
  for (int i = 0; i < kPages; ++i) REQUIRE(memory[i * kPage] == 4);
}

TEST(unmapping_is_seen_by_other_threads) {
    // After munmap returns no thread may reach the old page: its translation must be gone everywhere.
  static char* volatile page;
  static volatile int state;
  page = map_pages(1);
  state = 0;
  IN_CHILD([] {
    pthread_t thread;
    REQUIRE(pthread_create(
                &thread, nullptr,
                [](void*) {
                  while (state == 0) *static_cast<volatile char*>(page) = 1;  // keeps the translation hot
                  state = 2;
                  while (state != 3) {
                  }
                  signal(SIGSEGV, [](int) { _exit(0); });
                  *static_cast<volatile char*>(page) = 2;
                  _exit(1);
                  return static_cast<void*>(nullptr);
                },
                nullptr) == 0);
    sleep_ms(20);
    state = 1;
    while (state != 2) {
    }
    must(munmap(page, kPage));
    state = 3;
    pthread_join(thread, nullptr);
  });
}
