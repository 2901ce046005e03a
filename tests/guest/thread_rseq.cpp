// SPDX-License-Identifier: MIT
// rseq(2): registration, the processor's number, and critical sections that begin again. The C library has registered the first thread already, so the tests
// run in threads of their own, which begin without an area.
#include "thread.h"

#include <linux/rseq.h>
#include <ucontext.h>
#include <initializer_list>

#define FAMILY "thread"

namespace {

constexpr uint32_t kSignature = 0x53053053;
constexpr uint32_t kAreaBytes = 32;

struct alignas(32) Area {
  volatile uint32_t cpu_start, cpu;
  volatile uint64_t section;
  volatile uint32_t flags, padding[3];
};

long register_area(Area* area, int flags = 0, uint32_t signature = kSignature, uint32_t bytes = kAreaBytes) {
  return raw(SYS_rseq, reinterpret_cast<long>(area), bytes, flags, signature);
}

uint32_t cpu_now() {
  unsigned cpu = 99;
  raw(SYS_getcpu, reinterpret_cast<long>(&cpu));
  return cpu;
}

extern "C" char section_abort[];  // the abort handler of spin_in_section()

// Stays in a critical section until it is aborted (true) or *stop is set.
[[gnu::noinline]] bool spin_in_section(Area& area, volatile int& stop) {
  int aborted = 0;
  asm volatile(
      ".pushsection .data\n"
      ".balign 32\n"
      "1: .long 0, 0\n"
      ".quad 3f, 4f - 3f, section_abort\n"
      ".popsection\n"
      "lea 1b(%%rip), %%rax\n"
      "mov %%rax, %[section]\n"
      "3: cmpl $0, %[stop]\n"
      "pause\n"
      "je 3b\n"
      "4: jmp 6f\n"
      ".long 0x53053053\n"
      ".globl section_abort\n"
      "section_abort: movl $1, %[aborted]\n"
      "6:\n"
      : [aborted] "+m"(aborted), [section] "=m"(area.section)
      : [stop] "m"(stop)
      : "rax", "cc", "memory");
  return aborted != 0;
}

// Runs `body` in a thread of its own and gives what it returned.
struct InThread {
  explicit InThread(int (*function)(void*), void* argument) : function_(function), argument_(argument) {
    RawThread thread(
        [](void* self) {
          auto* me = static_cast<InThread*>(self);
          me->result = me->function_(me->argument_);
          return 0;
        },
        this);
    thread.join();
  }
  int result = -1;

 private:
  int (*function_)(void*);
  void* argument_;
};

void pin(int tid, int cpu) {
  const unsigned long mask = 1ul << cpu;
  raw(SYS_sched_setaffinity, tid, sizeof mask, reinterpret_cast<long>(&mask));
}
bool has_cpus(int count) { return sysconf(_SC_NPROCESSORS_ONLN) >= count; }

// A process that wants the CPU for itself.
pid_t burn(int cpu) {
  return spawn([cpu] {
    pin(0, cpu);
    for (volatile unsigned i = 0;; i = i + 1) {
    }
  });
}
void end(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

void raw_sleep_ms(long ms) {
  timespec time{ms / 1000, ms % 1000 * 1'000'000};
  raw(SYS_nanosleep, reinterpret_cast<long>(&time));
}

}  // namespace

TEST(rseq_register_and_unregister) {
  static Area area, other;
  InThread run(
      [](void*) {
        int line = 0;
        const auto expect = [&line](int at, long value, long wanted) {
          if (value != wanted && line == 0) line = at;
        };
        area.cpu = static_cast<uint32_t>(-1);
        expect(__LINE__, register_area(&area, 4), -EINVAL);
        expect(__LINE__, register_area(&area, 0, kSignature, 16), -EINVAL);
        expect(__LINE__, raw(SYS_rseq, reinterpret_cast<long>(&area) + 16, kAreaBytes, 0, kSignature), -EINVAL);
        expect(__LINE__, register_area(&area, RSEQ_FLAG_UNREGISTER), -EINVAL);
        expect(__LINE__, raw(SYS_rseq, static_cast<long>(0xffff'8000'0000'0000), kAreaBytes, 0, kSignature), -EFAULT);
        expect(__LINE__, register_area(&area), 0);
        expect(__LINE__, area.cpu < 64, 1);
        expect(__LINE__, area.cpu_start == area.cpu, 1);
        expect(__LINE__, register_area(&area), -EBUSY);
        expect(__LINE__, register_area(&area, 0, 1), -EPERM);
        expect(__LINE__, register_area(&other), -EINVAL);
        expect(__LINE__, register_area(&area, RSEQ_FLAG_UNREGISTER | 2), -EINVAL);
        expect(__LINE__, register_area(&other, RSEQ_FLAG_UNREGISTER), -EINVAL);
        expect(__LINE__, register_area(&area, RSEQ_FLAG_UNREGISTER, kSignature, 16), -EINVAL);
        expect(__LINE__, register_area(&area, RSEQ_FLAG_UNREGISTER, 1), -EPERM);
        expect(__LINE__, register_area(&area, RSEQ_FLAG_UNREGISTER), 0);
        expect(__LINE__, area.cpu == static_cast<uint32_t>(RSEQ_CPU_ID_UNINITIALIZED) && area.cpu_start == 0, 1);
        expect(__LINE__, register_area(&other), 0);
        return line;
      },
      nullptr);
  CHECK_EQ(run.result, 0);  // else the line
}

TEST(rseq_section_begins_again_after_preemption) {
  static Area area;
  static volatile int stop;
  const pid_t rival = burn(0);
  pin(0, 0);
  InThread run(
      [](void*) {
        if (register_area(&area) != 0) return -1;
        int aborts = 0;
        for (int i = 0; i < 5; ++i) aborts += spin_in_section(area, stop) && area.section == 0;
        return aborts;
      },
      nullptr);
  end(rival);
  CHECK_EQ(run.result, 5);
}

TEST(rseq_section_that_was_left_is_forgotten) {
  static Area area;
  static volatile int stop = 1;
  const pid_t rival = burn(0);
  pin(0, 0);
  InThread run(
      [](void*) {
        if (register_area(&area) != 0) return -1;
        if (spin_in_section(area, stop)) return 0;  // disturbed in these few instructions: nothing is shown
        while (area.section != 0) {
        }
        return 0;
      },
      nullptr);
  end(rival);
  CHECK_EQ(run.result, 0);
}

static Area signal_area;
static volatile int handled;
static volatile uint64_t interrupted_at;

static void on_signal(int, siginfo_t*, void* context) {
  interrupted_at = static_cast<uint64_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
  handled = 1;
}

TEST(rseq_section_begins_again_after_a_signal) {
  static volatile int stop, ready;
  struct sigaction action{};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &action, nullptr);
  sigset_t mask;
  sigemptyset(&mask);
  static int result = -1;
  RawThread thread(
      [](void*) {
        if (register_area(&signal_area) != 0) return 0;
        ready = 1;
        while (handled == 0 && spin_in_section(signal_area, stop)) {
        }
        result = handled != 0 && signal_area.section == 0 ? 1 : 0;
        return 0;
      },
      nullptr);
  while (ready == 0) raw_sleep_ms(1);
  raw_sleep_ms(20);
  CHECK_OK(syscall(SYS_tgkill, getpid(), thread.tid(), SIGUSR1));
  thread.join();
  CHECK_EQ(result, 1);
  CHECK_EQ(interrupted_at, reinterpret_cast<uint64_t>(section_abort));
}

TEST(rseq_tells_where_the_thread_is) {
  static Area area;
  static volatile int wanted, seen, running;
  if (!has_cpus(2)) test::skip("needs two processors");
  RawThread thread(
      [](void*) {
        if (register_area(&area) != 0) return 0;
        running = 1;
        for (int i = 0; i < 10; ++i) {
          while (wanted != i + 1) {
          }
          while (area.cpu != static_cast<uint32_t>(i % 2)) {  // without a call
          }
          seen = i + 1;
        }
        return 0;
      },
      nullptr);
  while (running == 0) raw_sleep_ms(1);
  for (int i = 0; i < 10; ++i) {
    pin(thread.tid(), i % 2);
    wanted = i + 1;
    CHECK(eventually([&] { return seen == i + 1; }));
  }
  thread.join();
}

TEST(rseq_follows_calls_that_sleep) {
  static Area area;
  InThread run(
      [](void*) {
        if (register_area(&area) != 0) return -1;
        for (int i = 0; i < 50; ++i) {
          raw_sleep_ms(1);
          // Moved between the two: then the area has changed, too.
          for (int tries = 0;; ++tries) {
            const uint32_t before = area.cpu, now = cpu_now();
            if (before == now && area.cpu == now) break;
            if (tries == 10) return i + 1;
          }
        }
        return 0;
      },
      nullptr);
  CHECK_EQ(run.result, 0);
}

TEST(rseq_fork_keeps_what_a_new_thread_does_not) {
  static Area area;
  static volatile int stop;
  InThread run(
      [](void*) {
        if (register_area(&area) != 0) return -1;
        const long pid = raw(SYS_clone, SIGCHLD);
        if (pid == 0) {
          const bool kept = register_area(&area) == -EBUSY && area.cpu == cpu_now();
          raw(SYS_exit_group, kept ? 0 : 1);
        }
        int status = -1;
        raw(SYS_wait4, pid, reinterpret_cast<long>(&status));
        return status;
      },
      nullptr);
  CHECK_EQ(run.result, 0);
  (void)stop;
}

static int segv_in_section(uint64_t section) {
  static Area area;
  static uint64_t wanted;
  wanted = section;
  return spawn([] {
    pin(0, 0);
    RawThread thread(
        [](void*) {
          register_area(&area);
          area.section = wanted;
          for (volatile unsigned i = 0;; i = i + 1) {
          }
          return 0;
        },
        nullptr);
    for (;;) raw_sleep_ms(5);  // which takes the CPU from the thread again and again
  });
}

TEST(rseq_bad_sections_are_fatal) {
  // Its abort handler has another signature, it is inside of itself, it has an unknown version, it is nowhere.
  struct alignas(32) Section {
    uint32_t version, flags;
    uint64_t start, length, abort;
  };
  static uint32_t words[16];
  const auto at = [](int word) { return reinterpret_cast<uint64_t>(&words[word]); };
  static Section wrong_signature, inside, version;
  words[3] = kSignature;
  wrong_signature = {0, 0, at(0), 4, at(8)};
  inside = {0, 0, at(0), 64, at(4)};
  version = {1, 0, at(0), 4, at(4)};
  for (const uint64_t section : {reinterpret_cast<uint64_t>(&wrong_signature), reinterpret_cast<uint64_t>(&inside),
                                 reinterpret_cast<uint64_t>(&version), uint64_t{64}}) {
    const pid_t pid = segv_in_section(section);
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  }
}
