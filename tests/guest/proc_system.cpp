// SPDX-License-Identifier: MIT
// The files of /proc about the whole system, as ps, top, free, uptime and mount read them.
#include "test.h"

#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define FAMILY "proc"

static char text[65536];

static const char* slurp(const char* path) {
  text[0] = '\0';
  if (read_file(path, text, sizeof text) < 0) fail(__FILE__, __LINE__, "cannot read %s: %s", path, strerror(errno));
  return text;
}

static long kilobytes(const char* name) {
  slurp("/proc/meminfo");
  const char* line = strstr(text, name);
  return line != nullptr ? atol(line + strlen(name) + 1) : -1;
}

TEST(meminfo_agrees_with_sysinfo) {
  struct sysinfo info{};
  must(sysinfo(&info));
  const long total = static_cast<long>(info.totalram * info.mem_unit / 1024);
  CHECK_EQ(kilobytes("MemTotal"), total);
  const long free = kilobytes("MemFree");
  CHECK(free > 0 && free < total);
  const long available = kilobytes("MemAvailable");
  CHECK(available > 0 && available <= total);
  for (const char* name : (const char*[]){"Buffers", "Cached", "SwapTotal", "SwapFree", "Shmem", "SReclaimable"})
    CHECK(kilobytes(name) >= 0);
  CHECK(strstr(slurp("/proc/meminfo"), " kB\n") != nullptr);
}

TEST(meminfo_free_follows_use) {
  const long before = kilobytes("MemFree");
  char* memory = map_pages(4096);  // 16 MiB
  for (int i = 0; i < 4096; ++i) memory[i * kPage] = 1;
  const long after = kilobytes("MemFree");
  CHECK(before - after > 10000);
  must(munmap(memory, 4096 * kPage));
  CHECK(eventually([&] { return kilobytes("MemFree") - after > 8000; }));
}

TEST(stat_file) {
  slurp("/proc/stat");
  long user = 0;
  long nice = 0;
  long system = 0;
  long idle = 0;
  CHECK_EQ(sscanf(text, "cpu %ld %ld %ld %ld", &user, &nice, &system, &idle), 4);
  CHECK(user + system + idle > 0);
  CHECK(strstr(text, "\ncpu0 ") != nullptr);
  CHECK(strstr(text, "\nctxt ") != nullptr);
  CHECK(strstr(text, "\nprocs_running ") != nullptr);
  const char* btime = strstr(text, "\nbtime ");
  REQUIRE(btime != nullptr);
  const long boot = atol(btime + 7);
  const long expected = time(nullptr) - now_ns(CLOCK_BOOTTIME) / 1000000000;
  CHECK(boot >= expected - 3 && boot <= expected + 3);
  const char* forks = strstr(text, "\nprocesses ");
  REQUIRE(forks != nullptr);
  const long count = atol(forks + 11);
  IN_CHILD([] {});
  slurp("/proc/stat");
  CHECK(atol(strstr(text, "\nprocesses ") + 11) > count);
  int lines = 0;
  for (const char* p = text; (p = strstr(p, "\ncpu")) != nullptr; ++p) ++lines;
  CHECK_EQ(lines, sysconf(_SC_NPROCESSORS_ONLN));
}

TEST(stat_idle_and_busy_time_move) {
  const auto read_times = [](long* busy, long* idle) {
    long f[4] = {};
    sscanf(slurp("/proc/stat"), "cpu %ld %ld %ld %ld", f, f + 1, f + 2, f + 3);
    *busy = f[0] + f[1] + f[2];
    *idle = f[3];
  };
  long busy[3];
  long idle[3];
  read_times(&busy[0], &idle[0]);
  sleep_ms(400);
  read_times(&busy[1], &idle[1]);
  CHECK(idle[1] - idle[0] >= 15);
  // Work until it has been counted: ticks get lost when the machine below is busy.
  const int64_t start = now_ms();
  do {
    const int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 200000000;
    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end) {
    }
    read_times(&busy[2], &idle[2]);
  } while (busy[2] - busy[1] < 15 && now_ms() - start < 12000);
  CHECK(busy[2] - busy[1] >= 15);
}

TEST(uptime_and_loadavg) {
  double up = -1;
  double idle = -1;
  CHECK_EQ(sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle), 2);
  const double now = static_cast<double>(now_ns(CLOCK_BOOTTIME)) / 1e9;
  CHECK(up <= now + 0.1 && up > now - 5);
  CHECK(idle >= 0);
  double load[3];
  int running = 0;
  int total = 0;
  int last = 0;
  CHECK_EQ(sscanf(slurp("/proc/loadavg"), "%lf %lf %lf %d/%d %d", load, load + 1, load + 2, &running, &total, &last), 6);
  CHECK(running >= 1);
  CHECK(total >= 2);
  CHECK(last > 0);
}

TEST(version_and_cpuinfo) {
  utsname name{};
  must(uname(&name));
  slurp("/proc/version");
  CHECK(strncmp(text, "Linux version ", 14) == 0);
  CHECK(strncmp(text + 14, name.release, strlen(name.release)) == 0);
  slurp("/proc/cpuinfo");
  CHECK(strncmp(text, "processor\t: 0\n", 14) == 0);
  CHECK(strstr(text, "\nvendor_id\t: ") != nullptr);
  CHECK(strstr(text, "\nmodel name\t: ") != nullptr);
  CHECK(strstr(text, "\nflags\t\t: ") != nullptr);
  CHECK(strstr(text, " sse2 ") != nullptr);
  int count = 0;
  for (const char* p = text; (p = strstr(p, "processor\t: ")) != nullptr; ++p) ++count;
  CHECK_EQ(count, sysconf(_SC_NPROCESSORS_ONLN));
}

TEST(filesystems_and_cmdline) {
  slurp("/proc/filesystems");
  for (const char* name : (const char*[]){"nodev\tproc\n", "nodev\ttmpfs\n", "nodev\tdevtmpfs\n", "nodev\tdevpts\n"}) {
    if (strstr(text, name) == nullptr) fail(__FILE__, __LINE__, "no line %s", name);
  }
  slurp("/proc/cmdline");
  CHECK(strlen(text) > 1 && text[strlen(text) - 1] == '\n');
}

static const char* setting(const char* name) {
  static char path[128];
  snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
  slurp(path);
  if (char* end = strchr(text, '\n')) *end = '\0';
  return text;
}

TEST(sys_kernel_files_agree_with_uname) {
  utsname name{};
  must(uname(&name));
  CHECK_STR(setting("ostype"), name.sysname);
  CHECK_STR(setting("osrelease"), name.release);
  CHECK_STR(setting("version"), name.version);
  CHECK_STR(setting("hostname"), name.nodename);
  CHECK(atoi(setting("pid_max")) >= 1000);
  CHECK(atoi(setting("cap_last_cap")) >= 36);
  CHECK(atoi(setting("ngroups_max")) == 65536);
}

TEST(sys_kernel_hostname_is_writable) {
  utsname name{};
  must(uname(&name));
  const int fd = must(open("/proc/sys/kernel/hostname", O_WRONLY));
  CHECK_EQ(write(fd, "by-proc\n", 8), 8);
  utsname changed{};
  must(uname(&changed));
  CHECK_STR(changed.nodename, "by-proc");
  must(sethostname(name.nodename, strlen(name.nodename)));
  IN_CHILD([] {
    drop_privileges();
    CHECK_ERRNO(open("/proc/sys/kernel/hostname", O_WRONLY), EACCES);
  });
}

TEST(mounts_follow_mount_and_umount) {
  must(mkdir("m", 0755));
  char directory[256];
  char expected[400];
  REQUIRE(getcwd(directory, sizeof directory) != nullptr);
  must(mount("my-source", "m", "tmpfs", MS_NOSUID | MS_NODEV, "size=100k"));
  snprintf(expected, sizeof expected, "my-source %s/m tmpfs rw,nosuid,nodev,", directory);
  CHECK(strstr(slurp("/proc/mounts"), expected) != nullptr);
  must(mount(nullptr, "m", nullptr, MS_REMOUNT | MS_RDONLY, nullptr));
  snprintf(expected, sizeof expected, "my-source %s/m tmpfs ro,", directory);
  CHECK(strstr(slurp("/proc/mounts"), expected) != nullptr);
  must(umount("m"));
  CHECK(strstr(slurp("/proc/mounts"), "my-source") == nullptr);
}

TEST(thread_self_and_self_links) {
  char target[64] = {};
  char expected[64];
  CHECK(readlink("/proc/thread-self", target, sizeof target - 1) > 0);
  snprintf(expected, sizeof expected, "%d/task/%d", getpid(), getpid());
  CHECK_STR(target, expected);
  const int fd = must(open("/proc", O_RDONLY));
  IN_CHILD([fd] {
    char mine[64] = {};
    CHECK(readlinkat(fd, "self", mine, sizeof mine - 1) > 0);  // the reader decides, not the opener
    CHECK_EQ(atoi(mine), getpid());
  });
}

TEST(kernel_log_can_be_read) {
  enum { kReadAll = 3, kClear = 5, kBufferSize = 10 };
  REQUIRE(klogctl(kBufferSize, nullptr, 0) > 0);
  const int bytes = must(klogctl(kReadAll, text, sizeof text));
  REQUIRE(bytes > 100);
  CHECK(memchr(text, '\n', bytes) != nullptr);
  CHECK_EQ(klogctl(kReadAll, text, 100) <= 100, true);
  CHECK_ERRNO(klogctl(kReadAll, nullptr, 100), EINVAL);
  CHECK_ERRNO(klogctl(kReadAll, text, -1), EINVAL);
  CHECK_ERRNO(klogctl(77, text, 100), EINVAL);
  IN_CHILD([] {
    drop_privileges();
    CHECK_ERRNO(klogctl(kClear, nullptr, 0), EPERM);
  });
}

TEST(kmsg_gives_one_record_for_each_read) {
  const int fd = must(open("/dev/kmsg", O_RDWR | O_NONBLOCK));
  const ssize_t bytes = must(read(fd, text, sizeof text - 1));
  text[bytes] = '\0';
  int priority = -1;
  unsigned long long sequence = 0, micros = 0;
  CHECK_EQ(sscanf(text, "%d,%llu,%llu,", &priority, &sequence, &micros), 3);
  CHECK(strchr(text, ';') != nullptr && text[bytes - 1] == '\n');
  must(lseek(fd, 0, SEEK_END));
  must(write(fd, "<6>a line from a test of the log\n", 33));
  bool found = false;
  while (!found) {
    const ssize_t got = read(fd, text, sizeof text - 1);
    if (got < 0) break;
    text[got] = '\0';
    found = strstr(text, "a line from a test of the log\n") != nullptr;
  }
  CHECK(found);
}
