// SPDX-License-Identifier: MIT
// Helpers declared in test.h: checks and their report, child processes, files, faults.
// Text goes out with write(2) only, so that it works in any forked child and in signal handlers.
#include "test.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/ucontext.h>

#include "runner.h"

namespace test {

Options options;

namespace {
int failure_count = 0;

void write_all(int fd, const char* text, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, text, size);
    if (n <= 0) return;
    text += n;
    size -= static_cast<size_t>(n);
  }
}

const char* base_name(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}
}  // namespace

int failures() { return failure_count; }
void reset_failures() { failure_count = 0; }

void print(const char* format, ...) {
  char line[600];
  va_list arguments;
  va_start(arguments, format);
  const int n = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const size_t size = n < 0 ? 0 : static_cast<size_t>(n);
  write_all(STDOUT_FILENO, line, size < sizeof line ? size : sizeof line - 1);
}

// The report descriptor carries the first failure to the runner, which puts it in its "not ok" line.
static void report(const char* text) {
  const int saved = errno;
  write_all(kReportFd, text, strlen(text));
  errno = saved;
}

void fail(const char* file, int line, const char* format, ...) {
  char text[400];
  char whole[500];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  snprintf(whole, sizeof whole, "%s:%d: %s\n", base_name(file), line, text);
  if (failure_count++ >= 20) return;
  print("# %s", whole);
  report(whole);
}

void skip(const char* format, ...) {
  char text[300];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  report(text);
  _exit(kExitSkipped);
}

bool check_true(bool condition, const char* text, const char* file, int line) {
  if (!condition) fail(file, line, "%s is false", text);
  return condition;
}

bool check_errno(long result, int expected, const char* text, const char* file, int line) {
  const int got = errno;
  if (result == -1 && got == expected) return true;
  if (result == -1) {
    fail(file, line, "%s: got %s, expected %s", text, strerrorname_np(got) ?: "?", strerrorname_np(expected));
  } else {
    fail(file, line, "%s: returned %ld, expected %s", text, result, strerrorname_np(expected));
  }
  return false;
}

bool check_str(const char* a, const char* b, const char* text, const char* file, int line) {
  if (strcmp(a, b) == 0) return true;
  fail(file, line, "%s: got \"%.120s\", expected \"%.120s\"", text, a, b);
  return false;
}

void report_error(const char* text, const char* file, int line) { fail(file, line, "%s failed: %s", text, strerrorname_np(errno) ?: "?"); }

int64_t now_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void sleep_ms(long ms) {
  timespec left{ms / 1000, (ms % 1000) * 1000000};
  while (nanosleep(&left, &left) == -1 && errno == EINTR) {
  }
}

int wait_status(pid_t pid) {
  int status = -1;
  while (waitpid(pid, &status, 0) == -1) {
    if (errno != EINTR) {
      fail(__FILE__, __LINE__, "waitpid(%d): %s", pid, strerrorname_np(errno));
      return -1;
    }
  }
  return status;
}

bool check_exited(int status, int code, const char* file, int line) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == code) return true;
  if (WIFSIGNALED(status)) {
    fail(file, line, "child was killed by signal %d, expected exit %d", WTERMSIG(status), code);
  } else {
    fail(file, line, "child's status is %#x, expected exit %d", status, code);
  }
  return false;
}

bool check_signaled(int status, int signal, const char* file, int line) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == signal) return true;
  fail(file, line, "child's status is %#x, expected death by signal %d", status, signal);
  return false;
}

bool check_stopped(int status, int signal, const char* file, int line) {
  if (WIFSTOPPED(status) && WSTOPSIG(status) == signal) return true;
  fail(file, line, "child's status is %#x, expected a stop by signal %d", status, signal);
  return false;
}

char process_state(pid_t pid) {
  char path[64];
  char text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  if (read_file(path, text, sizeof text) <= 0) return 0;
  const char* paren = strrchr(text, ')');
  return paren != nullptr && paren[1] == ' ' ? paren[2] : 0;
}

void wait_asleep(pid_t pid) {
  for (int i = 0; i < 100; ++i) {
    const char state = process_state(pid);
    if (state == 'S') return;
    if (state == 0) break;
    sleep_ms(5);
  }
  sleep_ms(50);
}

void exec_helper(const char* name, const char* a, const char* b) {
  const char* argv[] = {"helper", "--helper", name, a, b, nullptr};
  execv(self(), const_cast<char**>(argv));
  fail(__FILE__, __LINE__, "execv(%s): %s", self(), strerrorname_np(errno));
  _exit(1);
}

Gate::Gate() { must(pipe(fds_)); }
void Gate::open() const { must(::write(fds_[1], "x", 1)); }
void Gate::wait() const {
  char byte;
  ssize_t n;
  while ((n = ::read(fds_[0], &byte, 1)) == -1 && errno == EINTR) {
  }
  if (n != 1) {
    fail(__FILE__, __LINE__, "gate: read returned %zd", n);
    _exit(1);
  }
}
void Gate::close() const {
  ::close(fds_[0]);
  ::close(fds_[1]);
}

void write_file(const char* path, const char* text, mode_t mode) {
  const int fd = static_cast<int>(must(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)));
  if (*text != '\0') must(write(fd, text, strlen(text)));
  must(fchmod(fd, mode));
  close(fd);
}

long read_file(const char* path, char* buffer, size_t size) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return -1;
  size_t used = 0;
  while (used + 1 < size) {
    const ssize_t n = read(fd, buffer + used, size - 1 - used);
    if (n <= 0) break;
    used += static_cast<size_t>(n);
  }
  buffer[used] = '\0';
  close(fd);
  return static_cast<long>(used);
}

bool exists(const char* path) {
  struct stat unused;
  return lstat(path, &unused) == 0;
}

void drop_privileges() {
  must(setgroups(0, nullptr));
  must(setresgid(1000, 1000, 1000));
  must(setresuid(1000, 1000, 1000));
}

namespace {
sigjmp_buf fault_return;
Fault fault;

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  fault = {signal,
           info->si_code,
           reinterpret_cast<uintptr_t>(info->si_addr),
           static_cast<uintptr_t>(registers[REG_RIP]),
           static_cast<long>(registers[REG_TRAPNO]),
           static_cast<long>(registers[REG_ERR])};
  siglongjmp(fault_return, 1);
}
}  // namespace

Fault catch_fault(void (*body)(void*), void* argument) {
  static char stack[65536];
  const stack_t alternate{stack, 0, sizeof stack};
  must(sigaltstack(&alternate, nullptr));
  struct sigaction action{};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (const int signal : kSignals) must(sigaction(signal, &action, nullptr));
  fault = {};
  if (sigsetjmp(fault_return, 1) == 0) body(argument);
  for (const int signal : kSignals) ::signal(signal, SIG_DFL);
  const stack_t disabled{nullptr, SS_DISABLE, 0};
  must(sigaltstack(&disabled, nullptr));
  return fault;
}

char* map_pages(size_t count, int protection) {
  void* p = mmap(nullptr, count * kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(p != MAP_FAILED);
  return static_cast<char*>(p);
}

}  // namespace test
