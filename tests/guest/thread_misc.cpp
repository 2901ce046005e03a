// SPDX-License-Identifier: MIT
// membarrier, per-thread names and scheduling.
#include "thread.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/prctl.h>

#define FAMILY "thread"

TEST(membarrier_commands) {
  const long supported = CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0));
  CHECK((supported & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0);
  CHECK((supported & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0);
  CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);  // not registered yet
  CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
  CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
  CHECK_ERRNO(syscall(SYS_membarrier, 1 << 30, 0, 0), EINVAL);
  CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 99, 0), EINVAL);
}

TEST(thread_names_are_apart) {
  prctl(PR_SET_NAME, "first");
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, nullptr,
              [](void*) {
                char name[16];
                prctl(PR_GET_NAME, name);
                CHECK_STR(name, "first");  // inherited
                prctl(PR_SET_NAME, "second");
                char path[64];
                char text[32];
                snprintf(path, sizeof path, "/proc/self/task/%ld/comm", syscall(SYS_gettid));
                CHECK(read_file(path, text, sizeof text) > 0);
                CHECK_STR(text, "second\n");
                return static_cast<void*>(nullptr);
              },
              nullptr) == 0);
  pthread_join(thread, nullptr);
  char name[16];
  prctl(PR_GET_NAME, name);
  CHECK_STR(name, "first");
}

TEST(affinity_is_per_thread) {
  unsigned long before[16] = {};
  must(syscall(SYS_sched_getaffinity, 0, sizeof before, before));
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, nullptr,
              [](void*) {
                const unsigned long one = 1;
                CHECK_OK(syscall(SYS_sched_setaffinity, 0, sizeof one, &one));
                return static_cast<void*>(nullptr);
              },
              nullptr) == 0);
  pthread_join(thread, nullptr);
  unsigned long after[16] = {};
  must(syscall(SYS_sched_getaffinity, 0, sizeof after, after));
  CHECK_EQ(before[0], after[0]);
}

TEST(threads_run_on_all_processors) {
  unsigned long mask[16] = {};
  must(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
  const int count = __builtin_popcountl(mask[0]);
  if (count < 2) skip("one processor");
    // Each thread waits, without system calls, until the other has run: needs two processors or preemption.
  static volatile int arrived;
  arrived = 0;
  pthread_t threads[2];
  for (auto& thread : threads) {
    REQUIRE(pthread_create(
                &thread, nullptr,
                [](void*) {
                  __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
                  while (arrived < 2) {
                  }
                  return static_cast<void*>(nullptr);
                },
                nullptr) == 0);
  }
  for (const auto thread : threads) pthread_join(thread, nullptr);
  CHECK_EQ(arrived, 2);
}

TEST(fpu_state_is_per_thread) {
  static const auto body = [](void* p) {
    const double start = *static_cast<double*>(p);
    double value = start;
    for (int i = 0; i < 300; ++i) {
      value = value * 1.0000001 + start;
      if (i % 10 == 0) sched_yield();
    }
    double again = start;
    for (int i = 0; i < 300; ++i) again = again * 1.0000001 + start;
    CHECK(value == again);
    return static_cast<void*>(nullptr);
  };
  static double seeds[4] = {1.5, 2.25, 3.125, 4.0625};
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) REQUIRE(pthread_create(&threads[i], nullptr, body, &seeds[i]) == 0);
  for (const auto thread : threads) pthread_join(thread, nullptr);
}
