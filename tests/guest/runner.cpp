// SPDX-License-Identifier: MIT
// Runs the registered tests, each in a child with a time limit, and prints one line for each.
// As PID 1 it first mounts what the tests need, reaps orphans, and powers the machine off at the end.
// Usage: run-all [--here] [--list] [--fuzz-calls=N] [--fuzz-workers=N] [--seed=N] [--limit-scale=N] [PATTERN | !PATTERN]...
// A pattern is a shell glob on `family/test`; a word without `*` also selects all that begin with it.
#include "runner.h"

#include <dirent.h>
#include <fnmatch.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <termios.h>

#include "test.h"

namespace test {

namespace {

Test* first_test = nullptr;
Test** last_test = &first_test;
Helper* first_helper = nullptr;
char self_path[512];

const char* patterns[64];
int pattern_count = 0;
unsigned limit_scale = 1;
bool list_only = false;
bool here = false;

volatile pid_t running = 0;
volatile sig_atomic_t timed_out = 0;

struct Totals {
  int passed, failed, skipped;
} totals;

void on_alarm(int) {
  timed_out = 1;
  if (running > 0) {
    kill(-running, SIGKILL);
    kill(running, SIGKILL);
  }
  alarm(2);  // again, in case the child had not yet become a group leader
}

// `tty` is a family, `tty/echo` the beginning of names, `*/fork*` a glob.
bool matches(const char* pattern, const char* name) {
  if (fnmatch(pattern, name, 0) == 0) return true;
  const size_t length = strlen(pattern);
  return strncmp(pattern, name, length) == 0 && (strchr(pattern, '/') != nullptr || name[length] == '/');
}

bool selected(const char* name) {
  bool any_positive = false;
  bool chosen = false;
  for (int i = 0; i < pattern_count; ++i) {
    if (patterns[i][0] == '!') {
      if (matches(patterns[i] + 1, name)) return false;
      continue;
    }
    any_positive = true;
    chosen = chosen || matches(patterns[i], name);
  }
  return chosen || !any_positive;
}

void remove_tree(int parent, const char* name) {
  if (unlinkat(parent, name, 0) == 0) return;
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* directory = fd == -1 ? nullptr : fdopendir(fd);
  if (directory == nullptr) return;
  for (int pass = 0; pass < 2; ++pass) {
    while (const dirent* entry = readdir(directory)) {
      if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
        remove_tree(fd, entry->d_name);
      }
    }
    rewinddir(directory);
  }
  closedir(directory);
  unlinkat(parent, name, AT_REMOVEDIR);
}

[[noreturn]] void become(const Test& test, const char* directory, int report_fd) {
  setsid();
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  alarm(0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(report_fd, kReportFd);
  for (int fd = 3; fd < 64; ++fd) close(fd);
  const int null = open("/dev/null", O_RDONLY);
  if (null >= 0 && null != STDIN_FILENO) {
    dup2(null, STDIN_FILENO);
    close(null);
  }
  umask(022);
  if (chdir(directory) != 0) print("# chdir(%s): %s\n", directory, strerror(errno));
  test.run();
  _exit(failures() > 0 ? 1 : 0);
}

// Ends what the test left behind, so that the next one starts alone.
void sweep(pid_t group) {
  kill(-group, SIGKILL);
  for (int i = 0; i < 100; ++i) {
    const pid_t pid = waitpid(-1, nullptr, WNOHANG);
    if (pid == -1) return;
    if (pid > 0) continue;
    if (i == 20 && getpid() == 1) kill(-1, SIGKILL);
    sleep_ms(2);
  }
}

void judge(const Test& test, int status, const char* reason, int64_t ms) {
  if (timed_out == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    ++totals.passed;
    if (ms > 1000) {
      print("ok %s  # %lld ms\n", test.name, static_cast<long long>(ms));
    } else {
      print("ok %s\n", test.name);
    }
    return;
  }
  if (timed_out == 0 && WIFEXITED(status) && WEXITSTATUS(status) == kExitSkipped) {
    ++totals.skipped;
    print("skip %s: %s\n", test.name, reason);
    return;
  }
  ++totals.failed;
  if (timed_out != 0) {
    print("not ok %s: timed out after %lld ms%s%s\n", test.name, static_cast<long long>(ms), *reason != '\0' ? "; " : "", reason);
  } else if (WIFSIGNALED(status)) {
    print("not ok %s: killed by signal %d%s%s\n", test.name, WTERMSIG(status), *reason != '\0' ? "; " : "", reason);
  } else {
    print("not ok %s: %s\n", test.name, *reason != '\0' ? reason : "exited with a failure");
  }
}

void read_report(int fd, char* reason, size_t size) {
  const ssize_t n = read(fd, reason, size - 1);
  reason[n > 0 ? n : 0] = '\0';
  if (char* end = strchr(reason, '\n')) *end = '\0';
}

void run_test(const Test& test) {
  static int number = 0;
  char directory[64];
  char reason[500];
  int report[2] = {-1, -1};
  snprintf(directory, sizeof directory, "/tmp/guest-%d.%d", getpid(), ++number);
  mkdir(directory, 0777);
  chmod(directory, 0777);
  if (pipe2(report, O_CLOEXEC | O_NONBLOCK) != 0) print("# runner: pipe2: %s\n", strerror(errno));
  const int64_t start = now_ms();
  timed_out = 0;
  const pid_t pid = fork();
  if (pid == 0) become(test, directory, report[1]);
  running = pid;
  alarm(test.limit_s * limit_scale);
  int status = -1;
  pid_t ended;
  while ((ended = waitpid(-1, &status, 0)) != pid) {
    if (ended == -1 && errno != EINTR) break;
  }
  alarm(0);
  running = 0;
  sweep(pid);
  read_report(report[0], reason, sizeof reason);
  judge(test, status, reason, now_ms() - start);
  close(report[0]);
  close(report[1]);
  remove_tree(AT_FDCWD, directory);
}

void mount_on(const char* type, const char* path, const char* data) {
  mkdir(path, 0755);
  if (mount(type, path, type, 0, data) != 0 && errno != EBUSY) {
    print("# runner: mount %s on %s: %s\n", type, path, strerror(errno));
  }
}

void prepare_as_init() {
  mount_on("proc", "/proc", nullptr);
  if (!exists("/dev/ptmx")) mount_on("devtmpfs", "/dev", nullptr);
  mount_on("tmpfs", "/tmp", "mode=1777");
  if (!exists("/dev/pts/ptmx")) mount_on("devpts", "/dev/pts", "mode=620,ptmxmode=666");
  setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
}

void find_self(const char* argv0) {
  const ssize_t n = readlink("/proc/self/exe", self_path, sizeof self_path - 1);
  if (n > 0) {
    self_path[n] = '\0';
  } else {
    snprintf(self_path, sizeof self_path, "%s", argv0);
  }
}

void parse_option(const char* word) {
  if (strcmp(word, "--list") == 0) {
    list_only = true;
  } else if (strcmp(word, "--here") == 0) {
    here = true;
  } else if (strncmp(word, "--fuzz-calls=", 13) == 0) {
    options.fuzz_calls = atol(word + 13);
  } else if (strncmp(word, "--fuzz-workers=", 15) == 0) {
    options.fuzz_workers = atol(word + 15);
  } else if (strncmp(word, "--seed=", 7) == 0) {
    options.seed = strtoul(word + 7, nullptr, 0);
  } else if (strncmp(word, "--limit-scale=", 14) == 0) {
    limit_scale = static_cast<unsigned>(atoi(word + 14));
  } else if (word[0] != '-' && pattern_count < 64) {
    patterns[pattern_count++] = word;
  }
}

int run_helper(int argc, char** argv) {
  for (const Helper* helper = first_helper; helper != nullptr; helper = helper->next) {
    if (strcmp(helper->name, argv[2]) == 0) {
      reset_failures();
      return helper->run(argc - 2, argv + 2);
    }
  }
  return 127;
}

void run_selected() {
  for (Test* test = first_test; test != nullptr; test = test->next) {
    if (!selected(test->name)) continue;
    if (list_only) {
      print("%s\n", test->name);
    } else {
      run_test(*test);
    }
  }
}

}  // namespace

Test::Test(const char* name_, void (*run_)(), unsigned limit) : name(name_), run(run_), limit_s(limit) {
  *last_test = this;
  last_test = &next;
}

Helper::Helper(const char* name_, int (*run_)(int, char**)) : name(name_), run(run_) {
  next = first_helper;
  first_helper = this;
}

const char* self() { return self_path; }

const char* program(const char* name) {
  static char path[600];
  const char* slash = strrchr(self_path, '/');
  const int directory = slash != nullptr ? static_cast<int>(slash - self_path) : 0;
  snprintf(path, sizeof path, "%.*s/%s", directory, self_path, name);
  return path;
}

static int run(int argc, char** argv) {
  const bool init = getpid() == 1;
  if (init) prepare_as_init();
  find_self(argv[0]);
  if (argc >= 3 && strcmp(argv[1], "--helper") == 0) return run_helper(argc, argv);
  for (int i = 1; i < argc; ++i) parse_option(argv[i]);
  if (!init && !here && !list_only) {
    print(
        "These tests set the clock and the host's name, use up memory and kill processes: they are for a machine\n"
        "of their own (rdinit=/tests/run-all). Use --here to run them nevertheless.\n");
    return 2;
  }
  if (!init) prctl(PR_SET_CHILD_SUBREAPER, 1);
  struct sigaction action{};
  action.sa_handler = on_alarm;
  sigaction(SIGALRM, &action, nullptr);
  run_selected();
  if (!list_only) {
    print("tests: %d passed, %d failed, %d skipped\n", totals.passed, totals.failed, totals.skipped);
  }
  if (init) {
    tcdrain(STDOUT_FILENO);
    sync();
    reboot(RB_POWER_OFF);
    for (;;) pause();
  }
  return totals.failed == 0 ? 0 : 1;
}

}  // namespace test

int main(int argc, char** argv) { return test::run(argc, argv); }
