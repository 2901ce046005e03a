// SPDX-License-Identifier: MIT
// The vocabulary of the guest tests: registration, checks, and a few helpers for child processes.
// A failed CHECK is printed, fails the test and lets it go on; a failed REQUIRE or must() ends the
// process. Every test runs in a process of its own (a session leader in an empty working directory,
// with only descriptors 0-2 open and default signal actions); see runner.cpp.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace test {

struct Test {
  Test(const char* name, void (*run)(), unsigned limit_s);
  const char* name;
  void (*run)();
  unsigned limit_s;
  Test* next = nullptr;
};

// A second program inside this binary: run by execve(self(), {"x", "--helper", NAME, ...}).
struct Helper {
  Helper(const char* name, int (*run)(int argc, char** argv));
  const char* name;
  int (*run)(int argc, char** argv);
  Helper* next = nullptr;
};

constexpr unsigned kLimitSeconds = 20;
constexpr int kExitSkipped = 77;

// Values given on the command line, for the fuzzers and stress tests.
struct Options {
  long fuzz_calls = 4000;
  long fuzz_workers = 4;
  unsigned long seed = 0;  // 0: take one from the clock and print it
};
extern Options options;

// Absolute path of this binary.
const char* self();
// Directory that holds the helper programs (the one of this binary).
const char* program(const char* name);

// Number of failed checks in this process.
int failures();
void reset_failures();
void fail(const char* file, int line, const char* format, ...) __attribute__((format(printf, 3, 4)));
[[noreturn]] void skip(const char* format, ...) __attribute__((format(printf, 1, 2)));
void print(const char* format, ...) __attribute__((format(printf, 1, 2)));

struct Text {
  char data[160];
};

template <class T>
Text describe(const T& value) {
  Text text;
  if constexpr (__is_same(__decay(T), const char*) || __is_same(__decay(T), char*)) {
    snprintf(text.data, sizeof text.data, "\"%s\"", static_cast<const char*>(value));
  } else if constexpr (__is_pointer(__decay(T)) || __is_same(T, decltype(nullptr))) {
    snprintf(text.data, sizeof text.data, "%p", (const void*)value);
  } else {
    const auto number = static_cast<long long>(value);
    snprintf(text.data, sizeof text.data, number > 255 || number < -4095 ? "%lld (%#llx)" : "%lld", number,
             static_cast<unsigned long long>(number));
  }
  return text;
}

template <class A, class B>
bool same(const A& a, const B& b) {
  if constexpr (__is_pointer(__decay(A)) || __is_pointer(__decay(B))) {
    return (const void*)a == (const void*)b;
  } else {
    return static_cast<long long>(a) == static_cast<long long>(b);
  }
}

template <class A, class B>
bool check_eq(const A& a, const B& b, const char* text, const char* file, int line) {
  if (same(a, b)) return true;
  fail(file, line, "%s: got %s, expected %s", text, describe(a).data, describe(b).data);
  return false;
}

bool check_true(bool condition, const char* text, const char* file, int line);
bool check_errno(long result, int expected, const char* text, const char* file, int line);
bool check_str(const char* a, const char* b, const char* text, const char* file, int line);
void report_error(const char* text, const char* file, int line);

template <class T>
T check_ok(T result, const char* text, const char* file, int line) {
  if (result == -1) report_error(text, file, line);
  return result;
}

template <class T>
T must_ok(T result, const char* text, const char* file, int line) {
  if (check_ok(result, text, file, line) == -1) _exit(1);
  return result;
}

#define TEST_IN(family, name, seconds)                                           \
  static void test_##name();                                                     \
  static ::test::Test registered_##name(family "/" #name, test_##name, seconds); \
  static void test_##name()
// A test NAME of the family that the file names with `#define FAMILY "..."`.
#define TEST(name) TEST_IN(FAMILY, name, ::test::kLimitSeconds)
#define TEST_SLOW(name, seconds) TEST_IN(FAMILY, name, seconds)
#define HELPER(name)                                               \
  static int helper_##name(int argc, char** argv);                 \
  static ::test::Helper helper_entry_##name(#name, helper_##name); \
  static int helper_##name([[maybe_unused]] int argc, [[maybe_unused]] char** argv)

#define CHECK(condition) ::test::check_true(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
// Integers, enumerations and pointers; the second is the expected value.
#define CHECK_EQ(a, b) ::test::check_eq(a, b, #a, __FILE__, __LINE__)
#define CHECK_STR(a, b) ::test::check_str(a, b, #a, __FILE__, __LINE__)
// The expression must return -1 with this errno.
#define CHECK_ERRNO(expression, error) (errno = 0, ::test::check_errno((long)(expression), error, #expression, __FILE__, __LINE__))
// The expression must not return -1; the value is handed on.
#define CHECK_OK(expression) ::test::check_ok((expression), #expression, __FILE__, __LINE__)
#define REQUIRE(condition)                                         \
  do {                                                             \
    if (!(condition)) {                                            \
      ::test::fail(__FILE__, __LINE__, "%s is false", #condition); \
      _exit(1);                                                    \
    }                                                              \
  } while (0)
// As CHECK_OK, but the process cannot go on without it.
#define must(expression) ::test::must_ok((expression), #expression, __FILE__, __LINE__)

// ---- time -------------------------------------------------------------------------------------

int64_t now_ns(clockid_t clock = CLOCK_MONOTONIC);
inline int64_t now_ms() { return now_ns() / 1000000; }
void sleep_ms(long ms);

// Waits at most five seconds for something that is sure to become true.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    sleep_ms(5);
  }
  return false;
}

// ---- processes --------------------------------------------------------------------------------

// Forks; the child runs `body` and exits with 1 if a check in it failed.
template <class Body>
pid_t spawn(Body body) {
  const pid_t pid = static_cast<pid_t>(must(fork()));
  if (pid == 0) {
    reset_failures();
    body();
    _exit(failures() > 0 ? 1 : 0);
  }
  return pid;
}

// Waits for the end of a child; repeats after EINTR.
int wait_status(pid_t pid);
bool check_exited(int status, int code, const char* file, int line);
bool check_signaled(int status, int signal, const char* file, int line);
bool check_stopped(int status, int signal, const char* file, int line);
#define CHECK_EXITED(status, code) ::test::check_exited(status, code, __FILE__, __LINE__)
#define CHECK_SIGNALED(status, sig) ::test::check_signaled(status, sig, __FILE__, __LINE__)
#define CHECK_STOPPED(status, sig) ::test::check_stopped(status, sig, __FILE__, __LINE__)
#define CHECK_CHILD_OK(pid) CHECK_EXITED(::test::wait_status(pid), 0)
#define IN_CHILD(...) CHECK_CHILD_OK(::test::spawn(__VA_ARGS__))

// Waits (at most half a second) until /proc says that the process sleeps; without /proc just waits
// a little. For "it blocks" tests only: correctness must not depend on it.
void wait_asleep(pid_t pid);
// State letter of a process in /proc/PID/stat, or 0.
char process_state(pid_t pid);
// Runs one of the HELPERs of this binary in place of this process.
[[noreturn]] void exec_helper(const char* name, const char* a = nullptr, const char* b = nullptr);

// A one-way signal between processes made of a pipe.
class Gate {
 public:
  Gate();
  void open() const;    // lets one wait() through
  void wait() const;    // ends the process when the other side is gone
  int read_fd() const { return fds_[0]; }
  int write_fd() const { return fds_[1]; }
  void close() const;

 private:
  int fds_[2];
};

// ---- files ------------------------------------------------------------------------------------

// Creates or replaces a file with this text.
void write_file(const char* path, const char* text, mode_t mode = 0644);
// Reads at most size-1 bytes and terminates them; -1 when the file cannot be opened.
long read_file(const char* path, char* buffer, size_t size);
bool exists(const char* path);
// Becomes an unprivileged user (1000:1000, no supplementary groups).
void drop_privileges();

// ---- faults -----------------------------------------------------------------------------------

struct Fault {
  int signal;  // 0: none
  int code;
  uintptr_t address;
  uintptr_t rip;
  long trap;
  long error;
};
// Calls body(argument) and catches SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP on an alternate stack.
Fault catch_fault(void (*body)(void*), void* argument = nullptr);

constexpr size_t kPage = 4096;
// Anonymous private read-write pages.
char* map_pages(size_t count, int protection = PROT_READ | PROT_WRITE);

}  // namespace test

using namespace test;  // NOLINT: every source file here is one test program's part
