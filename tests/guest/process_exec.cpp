// SPDX-License-Identifier: MIT
// execve: what the new program gets (arguments, environment, auxiliary vector), what it keeps and
// loses, scripts, and the errors. The ELF image itself is the subject of process_image.cpp.
#include "test.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define FAMILY "process"

template <class... Words>
static pid_t run(Words... words) {
  const char* argv[] = {"helper", "--helper", words..., nullptr};
  return spawn([&] {
    execv(self(), const_cast<char**>(argv));
    _exit(126);
  });
}

HELPER(check_arguments) {
  CHECK_EQ(argc, 4);
  CHECK_STR(argv[1], "");
  CHECK_STR(argv[2], "two words");
  CHECK_EQ(strlen(argv[3]), 100000u);
  CHECK(argv[4] == nullptr);
  CHECK_STR(getenv("ONE") ?: "(null)", "1");
  CHECK_STR(getenv("EMPTY") ?: "(null)", "");
  CHECK(getenv("HOME_NOT_SET") == nullptr);
  int count = 0;
  while (environ[count] != nullptr) ++count;
  CHECK_EQ(count, 2);
  return failures();
}

TEST(execve_passes_arguments_and_environment) {
  char* longest = static_cast<char*>(malloc(100001));
  memset(longest, 'x', 100000);
  longest[100000] = '\0';
  const char* argv[] = {"h", "--helper", "check_arguments", "", "two words", longest, nullptr};
  const char* envp[] = {"ONE=1", "EMPTY=", nullptr};
  IN_CHILD([&] { must(execve(self(), const_cast<char**>(argv), const_cast<char**>(envp))); });
}

HELPER(check_auxv) {
  CHECK_EQ(getauxval(AT_PAGESZ), 4096);
  CHECK_EQ(getauxval(AT_CLKTCK), 100);
  CHECK_EQ(getauxval(AT_UID), getuid());
  CHECK_EQ(getauxval(AT_EUID), geteuid());
  CHECK_EQ(getauxval(AT_GID), getgid());
  CHECK_EQ(getauxval(AT_EGID), getegid());
  CHECK_EQ(getauxval(AT_SECURE), 0);
  CHECK_STR(reinterpret_cast<const char*>(getauxval(AT_EXECFN)), self());
  CHECK_STR(reinterpret_cast<const char*>(getauxval(AT_PLATFORM)) ?: "", "x86_64");
  CHECK(getauxval(AT_RANDOM) != 0);
  const auto* headers = reinterpret_cast<const Elf64_Phdr*>(getauxval(AT_PHDR));
  CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
  bool entry_inside = false;
  for (unsigned i = 0; i < getauxval(AT_PHNUM); ++i) {
    const auto entry = getauxval(AT_ENTRY);
    if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_X) != 0) {
      entry_inside |= entry >= headers[i].p_vaddr && entry < headers[i].p_vaddr + headers[i].p_memsz;
    }
  }
  CHECK(entry_inside);
  CHECK(getauxval(AT_SYSINFO_EHDR) != 0);
  return failures();
}

TEST(execve_auxiliary_vector) { CHECK_CHILD_OK(run("check_auxv")); }

HELPER(print_random) { return static_cast<int>(write(atoi(argv[1]), reinterpret_cast<void*>(getauxval(AT_RANDOM)), 16)) - 16; }

TEST(execve_at_random_differs) {
  int fds[2];
  char bytes[2][16];
  must(pipe(fds));
  char number[8];
  snprintf(number, sizeof number, "%d", fds[1]);
  for (auto& one : bytes) {
    CHECK_CHILD_OK(run("print_random", number));
    CHECK_EQ(read(fds[0], one, 16), 16);
  }
  CHECK(memcmp(bytes[0], bytes[1], 16) != 0);
}

HELPER(check_descriptors) {
  const int kept = atoi(argv[1]);
  const int closed = atoi(argv[2]);
  CHECK_OK(fcntl(kept, F_GETFD));
  CHECK_ERRNO(fcntl(closed, F_GETFD), EBADF);
  return failures();
}

TEST(execve_closes_cloexec_descriptors) {
  const int kept = must(open("/dev/null", O_RDONLY));
  const int closed = must(open("/dev/null", O_RDONLY | O_CLOEXEC));
  char a[8];
  char b[8];
  snprintf(a, sizeof a, "%d", kept);
  snprintf(b, sizeof b, "%d", closed);
  CHECK_CHILD_OK(run("check_descriptors", a, b));
  CHECK_OK(fcntl(closed, F_GETFD));  // the parent's own is untouched
}

HELPER(check_signals_after_exec) {
  struct sigaction action{};
  sigaction(SIGUSR1, nullptr, &action);
  CHECK(action.sa_handler == SIG_DFL);
  CHECK_EQ(action.sa_flags & SA_ONSTACK, 0);
  sigaction(SIGUSR2, nullptr, &action);
  CHECK(action.sa_handler == SIG_IGN);
  sigset_t set;
  sigprocmask(SIG_BLOCK, nullptr, &set);
  CHECK_EQ(sigismember(&set, SIGHUP), 1);
  CHECK_EQ(sigismember(&set, SIGTERM), 0);
  sigpending(&set);
  CHECK_EQ(sigismember(&set, SIGHUP), 1);  // pending signals survive
  stack_t stack{};
  sigaltstack(nullptr, &stack);
  CHECK_EQ(stack.ss_flags, SS_DISABLE);
  return failures();
}

TEST(execve_resets_handlers_keeps_ignored_mask_pending) {
  IN_CHILD([] {
    static char stack[16384];
    const stack_t alternate{stack, 0, sizeof stack};
    must(sigaltstack(&alternate, nullptr));
    signal(SIGUSR1, [](int) {});
    signal(SIGUSR2, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    must(sigprocmask(SIG_BLOCK, &set, nullptr));
    raise(SIGHUP);
    exec_helper("check_signals_after_exec");
  });
}

HELPER(check_identity) {
  CHECK_EQ(getpid(), atoi(argv[1]));
  CHECK_EQ(getppid(), atoi(argv[2]));
  CHECK(alarm(0) > 0);  // timers of alarm() survive
  char directory[256];
  CHECK(getcwd(directory, sizeof directory) != nullptr);
  CHECK_STR(directory, "/");
  CHECK_EQ(umask(0), 0123);
  rlimit limit{};
  CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
  CHECK_EQ(limit.rlim_cur, 300);
  return failures();
}

TEST(execve_keeps_identity_directory_umask_limits_alarm) {
  IN_CHILD([] {
    char a[16];
    char b[16];
    snprintf(a, sizeof a, "%d", getpid());
    snprintf(b, sizeof b, "%d", getppid());
    must(chdir("/"));
    umask(0123);
    alarm(1000);
    const rlimit limit{300, 400};
    must(setrlimit(RLIMIT_NOFILE, &limit));
    exec_helper("check_identity", a, b);
  });
}

HELPER(check_name) {
  char name[17] = {};
  CHECK_OK(prctl(PR_GET_NAME, name));
  CHECK_STR(name, argv[1]);
  return failures();
}

TEST(execve_sets_the_thread_name) {
  IN_CHILD([] {
    must(prctl(PR_SET_NAME, "before"));
    must(symlink(self(), "a-name-longer-than-15"));
    const char* argv[] = {"zero", "--helper", "check_name", "a-name-longer-t", nullptr};
    must(execv("a-name-longer-than-15", const_cast<char**>(argv)));
  });
}

static int exec_errno(const char* path) {
  const char* argv[] = {"x", nullptr};
  const pid_t pid = spawn([&] {
    execv(path, const_cast<char**>(argv));
    _exit(errno);
  });
  const int status = wait_status(pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(execve_path_errors) {
  write_file("plain", "#!/bin/sh\n", 0644);
  must(mkdir("dir", 0755));
  must(symlink("loop", "loop"));
  must(symlink("nowhere", "dangling"));
  char longname[300];
  memset(longname, 'n', 299);
  longname[299] = '\0';
  CHECK_EQ(exec_errno("missing"), ENOENT);
  CHECK_EQ(exec_errno(""), ENOENT);
  CHECK_EQ(exec_errno("dangling"), ENOENT);
  CHECK_EQ(exec_errno("plain"), EACCES);  // no execute bit, not even for root
  CHECK_EQ(exec_errno("plain/x"), ENOTDIR);
  CHECK_EQ(exec_errno("dir"), EACCES);
  CHECK_EQ(exec_errno("/dev/null"), EACCES);
  CHECK_EQ(exec_errno("loop"), ELOOP);
  CHECK_EQ(exec_errno(longname), ENAMETOOLONG);
  CHECK_ERRNO(syscall(SYS_execve, nullptr, nullptr, nullptr), EFAULT);
  CHECK_ERRNO(execve(self(), reinterpret_cast<char**>(8), nullptr), EFAULT);
  const char* bad[] = {"x", reinterpret_cast<const char*>(16), nullptr};
  CHECK_ERRNO(execve(self(), const_cast<char**>(bad), nullptr), EFAULT);
}

TEST(execve_file_open_for_writing_is_busy) {
  write_file("script", "#!/bin/true\n", 0755);
  const int fd = must(open("script", O_WRONLY));
  CHECK_EQ(exec_errno("./script"), ETXTBSY);
  close(fd);
}

TEST(execve_argument_list_too_long) {
  const size_t size = 140 * 1024;  // one string may have at most 128 KiB
  char* big = static_cast<char*>(malloc(size));
  memset(big, 'a', size);
  big[size - 1] = '\0';
  const char* argv[] = {"x", big, nullptr};
  CHECK_ERRNO(execve(self(), const_cast<char**>(argv), environ), E2BIG);
  big[100000] = '\0';
  const char* many[101];
  for (int i = 0; i < 100; ++i) many[i] = big;  // 10 MB: more than 6 MiB whatever the stack limit
  many[100] = nullptr;
  CHECK_ERRNO(execve(self(), const_cast<char**>(many), environ), E2BIG);
}

HELPER(print_arguments) {
  for (int i = 0; i < argc; ++i) print("%s|", argv[i]);
  return 0;
}

// Runs a program with its output in `out`.
static int output_of(const char* path, const char* argument, char* out, size_t size) {
  int fds[2];
  must(pipe(fds));
  const pid_t pid = spawn([&] {
    must(dup2(fds[1], STDOUT_FILENO));
    const char* argv[] = {"argv0-is-lost", argument, nullptr};
    execv(path, const_cast<char**>(argv));
    _exit(errno);
  });
  close(fds[1]);
  size_t used = 0;
  ssize_t n;
  while (used + 1 < size && (n = read(fds[0], out + used, size - 1 - used)) > 0) {
    used += static_cast<size_t>(n);
  }
  out[used] = '\0';
  close(fds[0]);
  const int status = wait_status(pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

HELPER(interpreter) {
  for (int i = 1; i < argc; ++i) print("%s|", argv[i]);
  return 0;
}

TEST(script_passes_interpreter_argument_and_path) {
  char text[700];
  char out[700];
    // argv becomes: INTERPRETER, "--helper", PATH, ARGUMENT...; so PATH is taken as the helper's name.
  must(symlink(self(), "itp"));
  snprintf(text, sizeof text, "#!itp --helper\nignored\n");
  write_file("print_arguments", text, 0755);
  CHECK_EQ(output_of("print_arguments", "arg", out, sizeof out), 0);
  CHECK_STR(out, "print_arguments|arg|");
  snprintf(text, sizeof text, "#! \t itp  --helper \t \nignored\n");
  write_file("print_arguments", text, 0755);
  CHECK_EQ(output_of("print_arguments", "arg", out, sizeof out), 0);
  CHECK_STR(out, "print_arguments|arg|");
}

TEST(script_of_a_script) {
  char text[700];
  char out[700];
  must(symlink(self(), "itp"));
  snprintf(text, sizeof text, "#!itp --helper\n");
  write_file("print_arguments", text, 0755);
  write_file("outer", "#!print_arguments option\n", 0755);
  CHECK_EQ(output_of("./outer", "last", out, sizeof out), 0);
  CHECK_STR(out, "print_arguments|option|./outer|last|");
}

TEST(script_errors) {
  write_file("none", "#!/nonexistent/interpreter\n", 0755);
  CHECK_EQ(exec_errno("./none"), ENOENT);
  write_file("empty", "#!\n", 0755);
  CHECK_EQ(exec_errno("./empty"), ENOEXEC);
  write_file("blank", "#!   \n", 0755);
  CHECK_EQ(exec_errno("./blank"), ENOEXEC);
  write_file("text", "echo hello\n", 0755);
  CHECK_EQ(exec_errno("./text"), ENOEXEC);
  write_file("nothing", "", 0755);
  CHECK_EQ(exec_errno("./nothing"), ENOEXEC);
  write_file("self", "#!./self\n", 0755);
  CHECK_EQ(exec_errno("./self"), ELOOP);  // too many nested interpreters
  write_file("plain", "", 0644);
  write_file("bad", "#!./plain\n", 0755);
  CHECK_EQ(exec_errno("./bad"), EACCES);
}

TEST(execve_empty_argv_gets_an_empty_string) {
    // Since Linux 5.18 argc is never 0; for a script that empty string is what the path replaces.
  char out[64];
  int fds[2];
  must(pipe(fds));
  const char* script = "#!itp --helper\n";
  must(symlink(self(), "itp"));
  write_file("print_arguments", script, 0755);
  const pid_t pid = spawn([&] {
    must(dup2(fds[1], STDOUT_FILENO));
    const char* argv[] = {nullptr};
    execv("print_arguments", const_cast<char**>(argv));
  });
  close(fds[1]);
  const ssize_t n = read(fds[0], out, sizeof out - 1);
  out[n > 0 ? n : 0] = '\0';
  CHECK_STR(out, "print_arguments|");
  CHECK_CHILD_OK(pid);
}

TEST(fexecve_through_proc_fd) {
  const int fd = must(open(self(), O_RDONLY | O_CLOEXEC));
  IN_CHILD([&] {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const char* argv[] = {"x", "--helper", "interpreter", nullptr};
    must(execv(path, const_cast<char**>(argv)));
  });
}
