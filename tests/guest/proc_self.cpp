// SPDX-License-Identifier: MIT
// /proc/PID: each file against what the system calls say.
#include "test.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define FAMILY "proc"

static char text[65536];

static const char* slurp(const char* path) {
  if (read_file(path, text, sizeof text) < 0) fail(__FILE__, __LINE__, "cannot read %s: %s", path, strerror(errno));
  return text;
}

// The value after "NAME:" in a file of such lines; "" when missing.
static const char* field(const char* path, const char* name) {
  static char value[256];
  value[0] = '\0';
  slurp(path);
  char key[64];
  snprintf(key, sizeof key, "%s:", name);
  for (char* line = strtok(text, "\n"); line != nullptr; line = strtok(nullptr, "\n")) {
    if (strncmp(line, key, strlen(key)) != 0) continue;
    const char* v = line + strlen(key);
    while (*v == ' ' || *v == '\t') ++v;
    snprintf(value, sizeof value, "%s", v);
  }
  return value;
}

TEST(stat_fields) {
  prctl(PR_SET_NAME, "odd )( name");
  slurp("/proc/self/stat");
  CHECK_EQ(atoi(text), getpid());
  CHECK(strstr(text, "(odd )( name) R ") != nullptr);
  long f[50] = {};
  const char* rest = strrchr(text, ')') + 4;  // after the state
  int count = 0;
  for (char* word = strtok(const_cast<char*>(rest), " \n"); word != nullptr && count < 50; word = strtok(nullptr, " \n")) {
    f[count++] = static_cast<long>(strtoul(word, nullptr, 10));
    if (word[0] == '-') f[count - 1] = atol(word);
  }
  CHECK_EQ(count, 49);  // fields 4 to 52
  CHECK_EQ(f[0], getppid());
  CHECK_EQ(f[1], getpgrp());
  CHECK_EQ(f[2], getsid(0));
  CHECK_EQ(f[3], 0);    // no terminal
  CHECK_EQ(f[4], -1);
  CHECK_EQ(f[14], 20);  // priority
  CHECK_EQ(f[15], 0);   // nice
  CHECK_EQ(f[16], 1);   // threads
  CHECK(f[19] > 100000);  // virtual size in bytes
  CHECK(f[20] > 0);       // resident pages
  const uintptr_t code = reinterpret_cast<uintptr_t>(&slurp);
  CHECK(static_cast<uintptr_t>(f[22]) <= code && code < static_cast<uintptr_t>(f[23]));
  int local = 0;
  CHECK(static_cast<uintptr_t>(f[24]) > reinterpret_cast<uintptr_t>(&local));  // start of the stack
}

TEST(stat_start_time_and_cpu_time) {
  const int64_t boot_ticks = now_ns(CLOCK_BOOTTIME) / 10000000;
  const pid_t pid = spawn([] {
    const int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 150000000;
    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end) {
    }
    for (;;) pause();
  });
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  long utime = 0;
  long stime = 0;
  long start = 0;
  CHECK(eventually([&] {
    slurp(path);
    sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %*d %*d %*d %*d %*d %*d %ld", &utime, &stime, &start);
    return utime + stime >= 12;
  }));
  CHECK(start >= boot_ticks - 1 && start <= boot_ticks + 500);
  must(kill(pid, SIGKILL));
  wait_status(pid);
}

TEST(stat_states) {
  const pid_t sleeper = spawn([] {
    for (;;) pause();
  });
  CHECK(eventually([&] { return process_state(sleeper) == 'S'; }));
  must(kill(sleeper, SIGSTOP));
  int status;
  must(waitpid(sleeper, &status, WUNTRACED));
  CHECK(eventually([&] { return process_state(sleeper) == 'T'; }));
  must(kill(sleeper, SIGKILL));
  CHECK(eventually([&] { return process_state(sleeper) == 'Z'; }));
  wait_status(sleeper);
  CHECK_EQ(process_state(sleeper), 0);
  const pid_t busy = spawn([] {
    for (;;) asm volatile("");
  });
  CHECK(eventually([&] { return process_state(busy) == 'R'; }));
  must(kill(busy, SIGKILL));
  wait_status(busy);
}

TEST(status_fields) {
  const char* path = "/proc/self/status";
  char expected[64];
  prctl(PR_SET_NAME, "namely");
  CHECK_STR(field(path, "Name"), "namely");
  CHECK_STR(field(path, "State"), "R (running)");
  CHECK_EQ(atoi(field(path, "Tgid")), getpid());
  CHECK_EQ(atoi(field(path, "Pid")), getpid());
  CHECK_EQ(atoi(field(path, "PPid")), getppid());
  snprintf(expected, sizeof expected, "%d\t%d\t%d\t%d", 0, 0, 0, 0);
  CHECK_STR(field(path, "Uid"), expected);
  CHECK_STR(field(path, "Gid"), expected);
  CHECK_EQ(atoi(field(path, "Threads")), 1);
  CHECK(atol(field(path, "VmSize")) > 100);
  CHECK(strstr(field(path, "VmRSS"), " kB") != nullptr);
  umask(027);
  CHECK_STR(field(path, "Umask"), "0027");
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, [](int) {});
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  must(sigprocmask(SIG_BLOCK, &set, nullptr));
  CHECK_EQ(strtoul(field(path, "SigIgn"), nullptr, 16), 1UL << (SIGUSR1 - 1));
  CHECK_EQ(strtoul(field(path, "SigCgt"), nullptr, 16), 1UL << (SIGUSR2 - 1));
  CHECK_EQ(strtoul(field(path, "SigBlk"), nullptr, 16), 1UL << (SIGHUP - 1));
  must(kill(getpid(), SIGHUP));
  CHECK_EQ(strtoul(field(path, "ShdPnd"), nullptr, 16), 1UL << (SIGHUP - 1));
  IN_CHILD([path] {
    must(setresgid(1, 2, 3));
    must(setresuid(4, 5, 6));
    CHECK_STR(field(path, "Uid"), "4\t5\t6\t5");
    CHECK_STR(field(path, "Gid"), "1\t2\t3\t2");
  });
}

TEST(statm_agrees_with_growth) {
  long before[2];
  long after[2];
  sscanf(slurp("/proc/self/statm"), "%ld %ld", &before[0], &before[1]);
  char* memory = map_pages(1000);
  for (int i = 0; i < 500; ++i) memory[i * kPage] = 1;
  long f[7] = {};
  CHECK_EQ(sscanf(slurp("/proc/self/statm"), "%ld %ld %ld %ld %ld %ld %ld", f, f + 1, f + 2, f + 3, f + 4, f + 5, f + 6), 7);
  after[0] = f[0];
  after[1] = f[1];
  CHECK(after[0] - before[0] >= 1000 && after[0] - before[0] < 1100);
  CHECK(after[1] - before[1] >= 400 && after[1] - before[1] < 1100);  // there may be a page of 2 MiB among them
}

HELPER(show_cmdline) {
  const long n = read_file("/proc/self/cmdline", text, sizeof text);
  const char expected[] = "helper\0--helper\0show_cmdline\0two words\0";
  CHECK_EQ(n, sizeof expected - 1 + 0);
  CHECK(memcmp(text, expected, sizeof expected - 1) == 0);
  const long e = read_file("/proc/self/environ", text, sizeof text);
  CHECK_EQ(e, 8);
  CHECK(memcmp(text, "A=1\0B=2", 8) == 0);
  CHECK(argc == 2);
  return failures();
}

TEST(cmdline_and_environ) {
  const char* argv[] = {"helper", "--helper", "show_cmdline", "two words", nullptr};
  const char* envp[] = {"A=1", "B=2", nullptr};
  IN_CHILD([&] { must(execve(self(), const_cast<char**>(argv), const_cast<char**>(envp))); });
  const pid_t pid = spawn([] { _exit(0); });
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
  CHECK_EQ(read_file(path, text, sizeof text), 0);  // a zombie has none
  CHECK_CHILD_OK(pid);
  CHECK_EQ(read_file(path, text, sizeof text), -1);
}

TEST(comm_is_readable_and_writable) {
  prctl(PR_SET_NAME, "abc");
  CHECK_STR(slurp("/proc/self/comm"), "abc\n");
  const int fd = must(open("/proc/self/comm", O_WRONLY));
  CHECK_EQ(write(fd, "renamed\n", 8), 8);
  char name[16];
  prctl(PR_GET_NAME, name);
  CHECK(strncmp(name, "renamed", 7) == 0);
}

static void check_link(const char* path, const char* expected) {
  char target[512] = {};
  if (readlink(path, target, sizeof target - 1) < 0) fail(__FILE__, __LINE__, "readlink(%s): %s", path, strerror(errno));
  CHECK_STR(target, expected);
}

TEST(links_exe_cwd_root) {
  char directory[256];
  REQUIRE(getcwd(directory, sizeof directory) != nullptr);
  check_link("/proc/self/exe", self());
  check_link("/proc/self/cwd", directory);
  check_link("/proc/self/root", "/");
  char number[16];
  snprintf(number, sizeof number, "%d", getpid());
  check_link("/proc/self", number);
  struct stat a{};
  struct stat b{};
  must(stat("/proc/self/exe", &a));
  must(stat(self(), &b));
  CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
  must(stat("/proc/self/cwd", &a));
  must(stat(".", &b));
  CHECK_EQ(a.st_ino, b.st_ino);
  write_file("x", "through cwd");
  CHECK_STR(slurp("/proc/self/cwd/x"), "through cwd");
  must(mkdir("d", 0755));
  must(chdir("d"));
  must(rmdir("../d"));
  char target[512] = {};
  CHECK(readlink("/proc/self/cwd", target, sizeof target - 1) > 0);
  CHECK(strstr(target, "/d (deleted)") != nullptr);
}

TEST(fd_directory) {
  write_file("f", "abc");
  const int fd = must(open("f", O_RDONLY));
  char path[64];
  char target[512] = {};
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  CHECK(readlink(path, target, sizeof target - 1) > 0);
  CHECK_STR(strrchr(target, '/'), "/f");
  must(unlink("f"));
  memset(target, 0, sizeof target);
  CHECK(readlink(path, target, sizeof target - 1) > 0);
  CHECK(strstr(target, "/f (deleted)") != nullptr);
  CHECK_STR(slurp(path), "abc");  // can still be opened
  int seen = 0;
  DIR* directory = opendir("/proc/self/fd");
  REQUIRE(directory != nullptr);
  while (const dirent* e = readdir(directory)) {
    if (e->d_name[0] == '.') continue;
    CHECK_OK(fcntl(atoi(e->d_name), F_GETFD));
    ++seen;
  }
  closedir(directory);
  CHECK(seen >= 5);
  close(fd);
  CHECK_ERRNO(readlink(path, target, sizeof target), ENOENT);
  struct stat st{};
  CHECK_OK(lstat("/proc/self/fd/0", &st));
  CHECK(S_ISLNK(st.st_mode));
}

TEST(limits_file) {
  const rlimit limit{111, 222};
  must(setrlimit(RLIMIT_NOFILE, &limit));
  slurp("/proc/self/limits");
  CHECK(strncmp(text, "Limit                     Soft Limit           Hard Limit           Units", 73) == 0);
  const char* line = strstr(text, "Max open files");
  REQUIRE(line != nullptr);
  int soft = 0;
  int hard = 0;
  CHECK_EQ(sscanf(line, "Max open files %d %d files", &soft, &hard), 2);
  CHECK_EQ(soft, 111);
  CHECK_EQ(hard, 222);
  CHECK(strstr(text, "Max cpu time              unlimited") != nullptr);
}

TEST(mounts_files) {
  slurp("/proc/self/mounts");
  CHECK(strstr(text, " /proc proc ") != nullptr);
  slurp("/proc/mounts");
  CHECK(strstr(text, " /proc proc ") != nullptr);
  slurp("/proc/self/mountinfo");
  CHECK(strstr(text, " - proc ") != nullptr);
    // ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS … - TYPE SOURCE OPTIONS
  int id = 0;
  int parent = 0;
  unsigned device[2];
  char root[64];
  char point[256];
  CHECK_EQ(sscanf(text, "%d %d %u:%u %63s %255s", &id, &parent, &device[0], &device[1], root, point), 6);
}

TEST(other_processes_are_visible) {
  CHECK_STR(field("/proc/1/status", "Pid"), "1");
  CHECK(atoi(slurp("/proc/1/stat")) == 1);
  bool found_self = false;
  bool found_init = false;
  DIR* directory = opendir("/proc");
  REQUIRE(directory != nullptr);
  while (const dirent* e = readdir(directory)) {
    found_self |= atoi(e->d_name) == getpid();
    found_init |= strcmp(e->d_name, "1") == 0;
  }
  closedir(directory);
  CHECK(found_self && found_init);
  CHECK_ERRNO(access("/proc/99999999", F_OK), ENOENT);
  CHECK_ERRNO(mkdir("/proc/x", 0755), ENOENT);
  CHECK_ERRNO(open("/proc/x", O_CREAT | O_WRONLY, 0600), ENOENT);
}

TEST(foreign_process_is_protected) {
  const pid_t pid = spawn([] {
    for (;;) pause();
  });
  IN_CHILD([&] {
    drop_privileges();
    char path[64];
    char target[64];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    CHECK_ERRNO(readlink(path, target, sizeof target), EACCES);
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    CHECK_ERRNO(open(path, O_RDONLY), EACCES);
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    CHECK_ERRNO(open(path, O_RDONLY), EACCES);
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    CHECK_OK(open(path, O_RDONLY));  // this one is for everybody
  });
  must(kill(pid, SIGKILL));
  wait_status(pid);
}

TEST(held_file_of_a_dead_process_is_esrch) {
  const pid_t pid = spawn([] {
    for (;;) pause();
  });
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int fd = must(open(path, O_RDONLY));
  must(kill(pid, SIGKILL));
  wait_status(pid);
  char c;
  CHECK_ERRNO(read(fd, &c, 1), ESRCH);
}

TEST(small_reads_see_the_whole_file) {
  char whole[8192];
  char pieces[8192];
  const long size = read_file("/proc/self/limits", whole, sizeof whole);
  const int fd = must(open("/proc/self/limits", O_RDONLY));
  long used = 0;
  ssize_t n;
  while ((n = read(fd, pieces + used, 7)) > 0) used += n;
  CHECK_EQ(used, size);
  CHECK(memcmp(whole, pieces, static_cast<size_t>(size)) == 0);
  CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
  CHECK_EQ(read(fd, pieces, 5), 5);
  CHECK(memcmp(whole, pieces, 5) == 0);
  char at[5];
  CHECK_EQ(pread(fd, at, 5, 10), 5);
  CHECK(memcmp(at, whole + 10, 5) == 0);
}
