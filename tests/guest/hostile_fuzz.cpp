// SPDX-License-Identifier: MIT
// Random system calls from unprivileged processes. The machine must stay responsive; what the calls answer does
// not matter. A seed replays a worker: run-all --seed=N --fuzz-workers=1 hostile/fuzz_linux
#include "test.h"

#include <sys/resource.h>

#define FAMILY "hostile"

namespace {

struct Random {
  uint64_t state;
  uint64_t next() {  // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717ULL;
  }
  uint64_t below(uint64_t limit) { return next() % limit; }
};

char* writable;  // a region that calls may write to
char* edge;      // the last byte before an unmapped page

// Arguments that find bugs: borders, small numbers, descriptors, good and bad pointers, noise.
long argument(Random& random) {
  constexpr long kBorders[] = {0,
                               1,
                               -1,
                               2,
                               8,
                               4096,
                               -4096,
                               0x7fffffff,
                               0x80000000,
                               0xffffffff,
                               0x7fffffffffff,
                               0x800000000000,
                               static_cast<long>(0xffff800000000000),
                               static_cast<long>(0xffffffff81000000),
                               static_cast<long>(0x8000000000000000),
                               0x7fffffffffffffff};
  switch (random.below(8)) {
    case 0: return kBorders[random.below(sizeof kBorders / sizeof kBorders[0])];
    case 1: return static_cast<long>(random.below(16));
    case 2: return static_cast<long>(random.below(1 << 16));
    case 3: return reinterpret_cast<long>(writable) + static_cast<long>(random.below(8 * kPage));
    case 4: return reinterpret_cast<long>(edge) - static_cast<long>(random.below(64));
    case 5: return static_cast<long>(1UL << random.below(64));
    case 6: return static_cast<long>(random.next() >> random.below(64));
    default: return reinterpret_cast<long>(writable) & ~(static_cast<long>(kPage) - 1);
  }
}

// Calls that would end the worker or the test rather than find a bug. Everything else is allowed.
bool denied(long number) {
  switch (number) {
    case SYS_exit:
    case SYS_exit_group:
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
    case SYS_pidfd_send_signal:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigreturn:
    case SYS_rt_sigtimedwait:
    case SYS_vfork:
    case SYS_fork:
    case SYS_clone:
    case SYS_clone3:
    case SYS_execve:
    case SYS_execveat:
    case SYS_reboot:
    case SYS_vhangup:
    case SYS_setrlimit:
    case SYS_prlimit64:
    case SYS_seccomp:
    case SYS_ptrace:
    case SYS_alarm:
    case SYS_setitimer:
    case SYS_timer_create: return true;
    default: return false;
  }
}

bool replaces_memory(long number) {  // the worker's own program would be unmapped
  return number == SYS_munmap || number == SYS_mremap || number == SYS_mprotect || number == SYS_mmap || number == SYS_brk ||
         number == SYS_madvise || number == SYS_arch_prctl || number == SYS_set_robust_list || number == SYS_sigaltstack ||
         number == SYS_remap_file_pages || number == SYS_shmat || number == SYS_process_madvise || number == SYS_rt_sigaction;
}

[[noreturn]] void worker(uint64_t seed, long calls, long first, long last, bool memory_calls, volatile long* progress) {
  Random random{seed * 0x9e3779b97f4a7c15 + 1};
  // A guard between the shared progress, which lies above, and what calls may overwrite.
  map_pages(16, PROT_NONE);
  writable = map_pages(8);
  edge = map_pages(2) + kPage;
  munmap(edge, kPage);
  must(setpgid(0, 0));
  const rlimit memory{256 << 20, 256 << 20};
  setrlimit(RLIMIT_AS, &memory);
  const rlimit file{1 << 20, 1 << 20};
  setrlimit(RLIMIT_FSIZE, &file);
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  const int null = open("/dev/null", O_RDWR);
  dup2(null, 1);  // nothing random on the console
  dup2(null, 2);
  drop_privileges();
    // A call that sleeps is ended by this timer; the handler does nothing.
  struct sigaction action{};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  const itimerval tick{{0, 20000}, {0, 20000}};
  setitimer(ITIMER_REAL, &tick, nullptr);
  for (long i = 0; i < calls; ++i) {
    long number;
    do {
      number = first + static_cast<long>(random.below(static_cast<uint64_t>(last - first)));
    } while (denied(number) || (!memory_calls && replaces_memory(number)));
    long a[6];
    for (long& value : a) value = argument(random);
    syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    *progress = i;
    if (i % 64 == 0) {  // undo what would make the rest dull
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      setitimer(ITIMER_REAL, &tick, nullptr);
    }
  }
  _exit(0);
}

struct Worker {
  pid_t pid;
  uint64_t seed;
  volatile long* progress;  // calls made by the present process
  long made;                // by the ones before it
  long seen;                // progress when it was last looked at, and when it last moved
  int64_t moved_ms;
};

constexpr int64_t kStuckMs = 3000;

void start(Worker& w, long first, long last, bool memory_calls) {
  *w.progress = 0;
  w.seen = 0;
  w.moved_ms = now_ms();
  const long left = options.fuzz_calls - w.made;
  w.pid = spawn([&] { worker(w.seed, left, first, last, memory_calls, w.progress); });
}

// A worker may end itself (a seccomp mode, memory taken away) or sleep for ever: another with the next seed makes the rest of its calls.
// True when all its calls are made.
bool finished(Worker& w, long first, long last, bool memory_calls) {
  int status = 0;
  if (*w.progress != w.seen) {
    w.seen = *w.progress;
    w.moved_ms = now_ms();
  }
  if (now_ms() - w.moved_ms > kStuckMs) kill(w.pid, SIGKILL);  // it sleeps with its timer blocked, or stopped itself
  if (waitpid(w.pid, &status, WNOHANG) != w.pid) return false;
  w.made += *w.progress + 1;
  w.pid = 0;
  if (WIFEXITED(status) || w.made >= options.fuzz_calls) return true;
  w.seed += 1000;
  start(w, first, last, memory_calls);
  return false;
}

// Runs the workers and keeps asking the system for small things meanwhile.
void fuzz(long first, long last, bool memory_calls) {
  uint64_t seed = options.seed;
  if (seed == 0) seed = static_cast<uint64_t>(now_ns(CLOCK_REALTIME)) & 0xffffff;
  auto* progress = static_cast<volatile long*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  static Worker workers[64];
  const long count = options.fuzz_workers < 64 ? options.fuzz_workers : 64;
  print("# seeds %lu to %lu, %ld calls each\n", static_cast<unsigned long>(seed), static_cast<unsigned long>(seed) + count - 1,
        options.fuzz_calls);
  for (long i = 0; i < count; ++i) {
    workers[i] = {0, seed + static_cast<uint64_t>(i), progress + i, 0, 0, 0};
    start(workers[i], first, last, memory_calls);
  }
  long left = count;
  int64_t slowest = 0;
  while (left > 0) {
    const int64_t begin = now_ms();
    IN_CHILD([] {});  // a fork, an exit, a wait: the system lives
    const int64_t took = now_ms() - begin;
    if (took > slowest) slowest = took;
    for (long i = 0; i < count; ++i) {
      if (workers[i].pid != 0 && finished(workers[i], first, last, memory_calls)) --left;
    }
    sleep_ms(5);
  }
  long made = 0;
  for (long i = 0; i < count; ++i) made += workers[i].made;
  print("# %ld calls made; the slowest fork, exit and wait meanwhile took %lld ms\n", made, static_cast<long long>(slowest));
  CHECK(slowest < 10000);
}

}  // namespace

TEST_SLOW(fuzz_linux, 3600) { fuzz(0, 460, false); }

// With the calls that can take the worker's own memory away; most workers soon die of it and are replaced.
TEST_SLOW(fuzz_linux_memory, 3600) {
  options.fuzz_calls = options.fuzz_calls / 10 + 1;
  fuzz(0, 460, true);
}

// Numbers outside the Linux table, among them those of Hati's native calls: from a Linux program all are unknown.
constexpr long kNative = 0x48410000;

TEST_SLOW(fuzz_native, 3600) {
  fuzz(kNative - 16, kNative + 256, true);
  fuzz(1000, 5000, true);
  fuzz(0x40000000, 0x40000400, true);
  fuzz(0x80000000, 0x80001000, true);
  fuzz(-4096, -1, true);
}

TEST(native_numbers_are_unknown_calls) {
  for (long number = kNative - 4; number < kNative + 128; ++number) {
    CHECK_ERRNO(syscall(number, 0, 0, 0, 0, 0, 0), ENOSYS);
    CHECK_ERRNO(syscall(number, -1, -1, -1, -1, -1, -1), ENOSYS);
  }
  for (const long number : (const long[]){512, 1000, 1024, 2048, 4096, 0x10000, 0x40000000, 0x7fffffff}) {
    CHECK_ERRNO(syscall(number, 0, 0, 0, 0, 0, 0), ENOSYS);
  }
}
