// SPDX-License-Identifier: MIT
// Alternate signal stacks.
#include "test.h"

#include <sys/resource.h>

#define FAMILY "signal"

static char area[65536] __attribute__((aligned(16)));
static volatile bool on_stack;
static stack_t inside;

static void look(int) {
  char here;
  on_stack = &here >= area && &here < area + sizeof area;
  sigaltstack(nullptr, &inside);
}

static void install(int signal, void (*handler)(int), int flags) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  must(sigaction(signal, &action, nullptr));
}

TEST(altstack_is_used_with_sa_onstack) {
  stack_t old{};
  CHECK_OK(sigaltstack(nullptr, &old));
  CHECK_EQ(old.ss_flags, SS_DISABLE);
  const stack_t stack{area, 0, sizeof area};
  CHECK_OK(sigaltstack(&stack, nullptr));
  CHECK_OK(sigaltstack(nullptr, &old));
  CHECK_EQ(old.ss_sp, area);
  CHECK_EQ(old.ss_size, sizeof area);
  CHECK_EQ(old.ss_flags, 0);
  install(SIGUSR1, look, SA_ONSTACK);
  raise(SIGUSR1);
  CHECK(on_stack);
  CHECK_EQ(inside.ss_flags, SS_ONSTACK);
  install(SIGUSR1, look, 0);
  raise(SIGUSR1);
  CHECK(!on_stack);
  CHECK_EQ(inside.ss_flags, 0);
}

TEST(altstack_errors) {
  stack_t stack{area, 0, 1024};
  CHECK_ERRNO(sigaltstack(&stack, nullptr), ENOMEM);  // smaller than MINSIGSTKSZ
  stack = {area, 0x1000, sizeof area};
  CHECK_ERRNO(sigaltstack(&stack, nullptr), EINVAL);
  CHECK_ERRNO(syscall(SYS_sigaltstack, 8, nullptr), EFAULT);
  CHECK_ERRNO(syscall(SYS_sigaltstack, nullptr, 8), EFAULT);
  stack = {nullptr, SS_DISABLE, 0};
  CHECK_OK(sigaltstack(&stack, nullptr));
}

TEST(altstack_cannot_change_while_in_use) {
  static int error;
  const stack_t stack{area, 0, sizeof area};
  must(sigaltstack(&stack, nullptr));
  install(
      SIGUSR1,
      [](int) {
        const stack_t other{area, 0, 32768};
        error = sigaltstack(&other, nullptr) == -1 ? errno : 0;
      },
      SA_ONSTACK);
  raise(SIGUSR1);
  CHECK_EQ(error, EPERM);
}

TEST(altstack_nested_signals_continue_on_it) {
  static uintptr_t first;
  static uintptr_t second;
  const stack_t stack{area, 0, sizeof area};
  must(sigaltstack(&stack, nullptr));
  install(
      SIGUSR1,
      [](int) {
        char here;
        first = reinterpret_cast<uintptr_t>(&here);
        raise(SIGUSR2);
      },
      SA_ONSTACK);
  install(
      SIGUSR2,
      [](int) {
        char here;
        second = reinterpret_cast<uintptr_t>(&here);
      },
      SA_ONSTACK);
  raise(SIGUSR1);
  const auto base = reinterpret_cast<uintptr_t>(area);
  CHECK(first > base && first < base + sizeof area);
  CHECK(second > base && second < first);  // below the first frame
}

TEST(altstack_autodisarm) {
  constexpr int kAutodisarm = static_cast<int>(1u << 31);
  const stack_t stack{area, kAutodisarm, sizeof area};
  CHECK_OK(sigaltstack(&stack, nullptr));
  install(SIGUSR1, look, SA_ONSTACK);
  raise(SIGUSR1);
  CHECK(on_stack);
  CHECK_EQ(inside.ss_flags, SS_DISABLE);
  stack_t after{};
  CHECK_OK(sigaltstack(nullptr, &after));
  CHECK_EQ(after.ss_flags, kAutodisarm);
  CHECK_EQ(after.ss_sp, area);
}

[[gnu::noinline]] static int overflow(int depth) {
  volatile char room[4096];
  room[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : overflow(depth + 1) + room[0];
}

TEST(altstack_catches_stack_overflow) {
  IN_CHILD([] {
    const rlimit limit{1 << 20, 1 << 20};
    must(setrlimit(RLIMIT_STACK, &limit));
    const stack_t stack{area, 0, sizeof area};
    must(sigaltstack(&stack, nullptr));
    struct sigaction action{};
    action.sa_sigaction = [](int, siginfo_t* info, void*) { _exit(info->si_code == SEGV_MAPERR ? 0 : 2); };
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    must(sigaction(SIGSEGV, &action, nullptr));
    _exit(overflow(0) & 1);
  });
}

TEST(stack_overflow_without_altstack_kills) {
  const pid_t pid = spawn([] {
    const rlimit limit{1 << 20, 1 << 20};
    must(setrlimit(RLIMIT_STACK, &limit));
    install(SIGSEGV, [](int) { _exit(0); }, 0);
    _exit(overflow(0) & 1);
  });
  CHECK_SIGNALED(wait_status(pid), SIGSEGV);
}

TEST(altstack_too_small_for_the_frame_kills) {
    // The stack is large enough by its size, but lies where it cannot be written.
  const pid_t pid = spawn([] {
    char* memory = map_pages(16, PROT_READ);
    const stack_t stack{memory, 0, 16 * kPage};
    must(sigaltstack(&stack, nullptr));
    install(SIGUSR1, [](int) { _exit(0); }, SA_ONSTACK);
    raise(SIGUSR1);
  });
  CHECK_SIGNALED(wait_status(pid), SIGSEGV);
}

TEST(altstack_and_fork) {
  const stack_t stack{area, 0, sizeof area};
  must(sigaltstack(&stack, nullptr));
  IN_CHILD([] {
    stack_t mine{};
    CHECK_OK(sigaltstack(nullptr, &mine));
    CHECK_EQ(mine.ss_sp, area);
    install(SIGUSR1, look, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(on_stack);
  });
}
