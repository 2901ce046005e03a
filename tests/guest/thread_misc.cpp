// SPDX-License-Identifier: MIT
// membarrier, rseq, per-thread names and scheduling.
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

TEST(rseq_register_and_unregister) {
    // The C library has registered the first thread already; a raw process with its own area is needed.
  struct alignas(32) Area {
    uint32_t cpu_id_start, cpu_id;
    uint64_t critical;
    uint32_t flags, padding[3];
  };
  static Area area;
  const pid_t pid = spawn([] {
    static Area second;
    const long result = syscall(SYS_rseq, &second, 32, 0, 0x53053053);
    CHECK(result == 0 || (result == -1 && (errno == EBUSY || errno == EINVAL)));
  });
  CHECK_CHILD_OK(pid);
  RawThread thread(
      [](void*) {
        area.cpu_id = static_cast<uint32_t>(-1);
        const long bad = raw(SYS_rseq, reinterpret_cast<long>(&area), 32, 5, 0x53053053);
        const long good = raw(SYS_rseq, reinterpret_cast<long>(&area), 32, 0, 0x53053053);
        if (bad == -EINVAL && good == 0) {
          raw(SYS_sched_yield);
          area.padding[0] = area.cpu_id < 64 ? 1 : 2;
          const long wrong = raw(SYS_rseq, reinterpret_cast<long>(&area), 32, 1, 0x1111);
          area.padding[1] = wrong == -EPERM ? 1 : 2;
          area.padding[2] = raw(SYS_rseq, reinterpret_cast<long>(&area), 32, 1, 0x53053053) == 0 ? 1 : 2;
        }
        return 0;
      },
      nullptr);
  thread.join();
  CHECK_EQ(area.padding[0], 1);
  CHECK_EQ(area.padding[1], 1);
  CHECK_EQ(area.padding[2], 1);
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
