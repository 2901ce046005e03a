// SPDX-License-Identifier: MIT
// Every system call with every absurd pointer: the answer is an error, never a crash of anything.
#include "test.h"

#include <poll.h>
#include <sys/uio.h>

#define FAMILY "hostile"

namespace {

// A call and which of its arguments are pointers (bit i: argument i). `fixed` holds the others.
struct Call {
  const char* name;
  long number;
  unsigned pointers;
  long fixed[6];
};

// The pointers in these calls are always looked at when the other arguments are as given, so that all
// absurd ones must give EFAULT. 3 and 4 are the ends of a pipe that holds data, 5 is a file, 6 a terminal's master.
constexpr Call kCalls[] = {
    {"read", SYS_read, 2, {3, 0, 64}},
    {"write", SYS_write, 2, {4, 0, 64}},
    {"open", SYS_open, 1, {0, O_RDONLY}},
    {"openat", SYS_openat, 2, {AT_FDCWD, 0, O_RDONLY}},
    {"creat", SYS_creat, 1, {0, 0600}},
    {"stat", SYS_stat, 1, {0, 0}},
    {"fstat", SYS_fstat, 2, {5, 0}},
    {"lstat", SYS_lstat, 1, {0, 0}},
    {"newfstatat", SYS_newfstatat, 2, {AT_FDCWD, 0, 0, 0}},
    {"statx", SYS_statx, 2, {AT_FDCWD, 0, 0, 0xfff, 0}},
    {"poll", SYS_poll, 1, {0, 2, 0}},
    {"pread64", SYS_pread64, 2, {5, 0, 64, 0}},
    {"pwrite64", SYS_pwrite64, 2, {5, 0, 64, 0}},
    {"readv", SYS_readv, 2, {5, 0, 2}},
    {"writev", SYS_writev, 2, {5, 0, 2}},
    {"access", SYS_access, 1, {0, 0}},
    {"pipe", SYS_pipe, 1, {0}},
    {"pipe2", SYS_pipe2, 1, {0, 0}},
    {"nanosleep", SYS_nanosleep, 1, {0, 0}},
    {"getitimer", SYS_getitimer, 2, {0, 0}},
    {"clock_gettime", SYS_clock_gettime, 2, {1, 0}},
    {"uname", SYS_uname, 1, {0}},
    {"getcwd", SYS_getcwd, 1, {0, 4096}},
    {"chdir", SYS_chdir, 1, {0}},
    {"rename", SYS_rename, 1, {0, 0}},
    {"mkdir", SYS_mkdir, 1, {0, 0755}},
    {"rmdir", SYS_rmdir, 1, {0}},
    {"link", SYS_link, 1, {0, 0}},
    {"unlink", SYS_unlink, 1, {0}},
    {"symlink", SYS_symlink, 1, {0, 0}},
    {"readlink", SYS_readlink, 1, {0, 0, 10}},
    {"chmod", SYS_chmod, 1, {0, 0600}},
    {"chown", SYS_chown, 1, {0, 0, 0}},
    {"truncate", SYS_truncate, 1, {0, 0}},
    {"statfs", SYS_statfs, 1, {0, 0}},
    {"fstatfs", SYS_fstatfs, 2, {5, 0}},
    {"getdents64", SYS_getdents64, 2, {7, 0, 4096}},
    {"sysinfo", SYS_sysinfo, 1, {0}},
    {"getresuid", SYS_getresuid, 7, {0, 0, 0}},
    {"rt_sigpending", SYS_rt_sigpending, 1, {0, 8}},
    {"rt_sigsuspend", SYS_rt_sigsuspend, 1, {0, 8}},
    {"prlimit64", SYS_prlimit64, 8, {0, 7, 0, 0}},
    {"getrusage", SYS_getrusage, 2, {0, 0}},
    {"times", SYS_times, 1, {0}},
    {"gettimeofday", SYS_gettimeofday, 1, {0, 0}},
    {"getrandom", SYS_getrandom, 1, {0, 64, 0}},
    {"mknodat", SYS_mknodat, 2, {AT_FDCWD, 0, S_IFIFO | 0600, 0}},
    {"execve", SYS_execve, 1, {0, 0, 0}},
    {"mount", SYS_mount, 2, {0, 0, 0, 0, 0}},
    {"umount2", SYS_umount2, 1, {0, 0}},
    {"chroot", SYS_chroot, 1, {0}},
    {"sethostname", SYS_sethostname, 1, {0, 10}},
    {"capget", SYS_capget, 1, {0, 0}},
    {"clone3", SYS_clone3, 1, {0, 88}},
    {"memfd_create", SYS_memfd_create, 1, {0, 0}},
    {"ioctl TCGETS", SYS_ioctl, 4, {6, 0x5401, 0}},
    {"ioctl TIOCSWINSZ", SYS_ioctl, 4, {6, 0x5414, 0}},
    {"ioctl FIONREAD", SYS_ioctl, 4, {3, 0x541b, 0}},
    {"fcntl F_GETLK", SYS_fcntl, 4, {5, 5, 0}},
    {"sched_getparam", SYS_sched_getparam, 2, {0, 0}},
    {"socketpair", SYS_socketpair, 8, {1, 1, 0, 0}},
    {"copy_file_range", SYS_copy_file_range, 2, {5, 0, 5, 0, 10, 0}},
    {"getgroups", SYS_getgroups, 2, {65536, 0}},
    {"prctl PR_GET_NAME", SYS_prctl, 2, {16, 0}},
    {"faccessat2", SYS_faccessat2, 2, {AT_FDCWD, 0, 0, 0}},
    {"epoll_ctl", SYS_epoll_ctl, 8, {8, 1, 3, 0}},
};

void prepare_descriptors() {
  int fds[2];
  must(pipe(fds));
  static char data[1000];
  must(write(fds[1], data, sizeof data));
  must(open("file", O_CREAT | O_RDWR, 0600));
  must(write(5, data, sizeof data));
  must(lseek(5, 0, SEEK_SET));
  must(open("/dev/ptmx", O_RDWR | O_NOCTTY));
  must(open(".", O_RDONLY));
  REQUIRE(syscall(SYS_epoll_create1, 0) == 8);
  must(setgid(0));
  const gid_t groups[] = {1, 2};
  must(syscall(SYS_setgroups, 2, groups));
}

// Every absurd address must be refused. NULL is left out where it has a meaning.
void check_all(const char* what, long address) {
  for (const Call& call : kCalls) {
    long a[6];
    for (int i = 0; i < 6; ++i) a[i] = (call.pointers >> i) & 1 ? address : call.fixed[i];
    errno = 0;
    const long result = syscall(call.number, a[0], a[1], a[2], a[3], a[4], a[5]);
    const int error = errno;
    const bool null_is_fine =
        address == 0 && (call.number == SYS_prlimit64 || call.number == SYS_copy_file_range || call.number == SYS_sched_getparam ||
                         call.number == SYS_gettimeofday || call.number == SYS_times);
    if (null_is_fine) continue;
    const bool other_error = call.number == SYS_sched_getparam || call.number == SYS_copy_file_range;
    if (result != -1 || (error != EFAULT && !(other_error && error == EINVAL))) {
      fail(__FILE__, __LINE__, "%s with %s pointer: returned %ld, errno %s", call.name, what, result, strerrorname_np(error) ?: "0");
    }
  }
}

}  // namespace

TEST(pointers_null) {
  prepare_descriptors();
  check_all("a null", 0);
}

TEST(pointers_low_and_unmapped) {
  prepare_descriptors();
  check_all("a low", 8);
  char* gone = map_pages(1);
  must(munmap(gone, kPage));
  check_all("an unmapped", reinterpret_cast<long>(gone));
  check_all("an unaligned unmapped", reinterpret_cast<long>(gone) + 3);
}

TEST(pointers_into_the_kernel) {
  prepare_descriptors();
  check_all("a kernel", static_cast<long>(0xffffffff81000000));
  check_all("a kernel", static_cast<long>(0xffff888000000000));
  check_all("a kernel", static_cast<long>(0xffffffffff600000));
  check_all("the first kernel", static_cast<long>(0xffff800000000000));
  check_all("a non-canonical", 0x0080000000000000);
  check_all("a non-canonical", static_cast<long>(0xff00000000000000));
}

TEST(pointers_at_the_very_top) {
  prepare_descriptors();
  check_all("a wrapping", -1);
  check_all("a wrapping", -8);
  check_all("a wrapping", -4096);
}

TEST(pointers_into_protected_pages) {
  prepare_descriptors();
  char* none = map_pages(1, PROT_NONE);
  check_all("a PROT_NONE", reinterpret_cast<long>(none));
}

TEST(outputs_into_read_only_memory) {
  char* page = map_pages(1);
  must(mprotect(page, kPage, PROT_READ));
  const auto p = reinterpret_cast<long>(page);
  int fds[2];
  must(pipe(fds));
  must(write(fds[1], "x", 1));
  CHECK_ERRNO(syscall(SYS_read, fds[0], p, 1), EFAULT);
  CHECK_ERRNO(syscall(SYS_fstat, fds[0], p), EFAULT);
  CHECK_ERRNO(syscall(SYS_pipe, p), EFAULT);
  CHECK_ERRNO(syscall(SYS_uname, p), EFAULT);
  CHECK_ERRNO(syscall(SYS_getcwd, p, 4096), EFAULT);
  CHECK_ERRNO(syscall(SYS_clock_gettime, 1, p), EFAULT);
  CHECK_ERRNO(syscall(SYS_sysinfo, p), EFAULT);
  CHECK_ERRNO(syscall(SYS_getrandom, p, 10, 0), EFAULT);
  CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 0, 0, p, 8), EFAULT);
  CHECK_ERRNO(syscall(SYS_prlimit64, 0, 7, 0, p), EFAULT);
  const pid_t pid = spawn([] {});
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
  CHECK_ERRNO(syscall(SYS_wait4, pid, p, 0, 0), EFAULT);
}

TEST(half_mapped_structures) {
  char* pages = map_pages(2);
  must(munmap(pages + kPage, kPage));
  for (const size_t inside : (const size_t[]){1, 3, 7, 8, 15}) {
    const auto p = reinterpret_cast<long>(pages + kPage - inside);
    CHECK_ERRNO(syscall(SYS_fstat, 1, p), EFAULT);
    CHECK_ERRNO(syscall(SYS_uname, p), EFAULT);
    CHECK_ERRNO(syscall(SYS_sysinfo, p), EFAULT);
    CHECK_ERRNO(syscall(SYS_clock_gettime, 1, p), EFAULT);
    CHECK_ERRNO(syscall(SYS_nanosleep, p, 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_getrusage, 0, p), EFAULT);
    CHECK_ERRNO(syscall(SYS_prlimit64, 0, 7, 0, p), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, p, 0, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_writev, 1, p, 1), EFAULT);
    CHECK_ERRNO(syscall(SYS_clone3, p, 88), EFAULT);
  }
  memset(pages, 'a', kPage);
  CHECK_ERRNO(syscall(SYS_open, pages + kPage - 5, O_RDONLY), EFAULT);  // a name without an end
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(write(fds[1], pages + kPage - 5, 10), EFAULT);  // a pipe takes all of a small piece or nothing
  must(write(fds[1], "0123456789", 10));
  CHECK_ERRNO(read(fds[0], pages + kPage - 3, 10), EFAULT);
  CHECK_EQ(read(fds[0], pages, 20), 10);
}

TEST(lengths_that_wrap) {
  prepare_descriptors();
  char* page = map_pages(2);
  must(munmap(page + kPage, kPage));
  // Whether a length is refused or cut short is not laid down; it must not reach beyond the page.
  CHECK(syscall(SYS_write, 4, page, -1L) <= static_cast<long>(kPage));
  CHECK_ERRNO(syscall(SYS_write, 5, 0xffff800000000000, -1L), EFAULT);
  CHECK_ERRNO(syscall(SYS_poll, page, -1L, 0), EINVAL);
  const iovec wrapping[] = {{page, ~0UL / 2}, {page, ~0UL / 2}};
  CHECK(syscall(SYS_readv, 5, wrapping, 2) <= static_cast<long>(2 * kPage));
  CHECK(syscall(SYS_getrandom, 0x10, -1L, 0) == -1);
  CHECK(syscall(SYS_mmap, 0, -1L, 3, 0x22, -1, 0) == -1);
  CHECK(syscall(SYS_mremap, page, -1L, -1L, 1, 0) == -1);
  CHECK(syscall(SYS_munmap, 0x1000, -4096L) == -1);
  CHECK(syscall(SYS_mprotect, 0x7fffffff0000, -4096L, 0) == -1);
  CHECK(syscall(SYS_ftruncate, 5, -1L) == -1);
  CHECK(syscall(SYS_lseek, 5, INT64_MIN, SEEK_SET) == -1);
}

TEST(every_number_with_absurd_arguments) {
    // All numbers up to 460 with the same nonsense in every argument, in a child each group of ten, since a few end
    // the process by their nature (exit, and a stop or kill of itself).
  for (const long value : (const long[]){0, -1, 8, static_cast<long>(0xffff800000000000)}) {
    for (long first = 0; first < 460; first += 10) {
      const pid_t pid = spawn([first, value] {
        drop_privileges();
        alarm(2);
        for (long n = first; n < first + 10; ++n) {
          const bool left_out = n == SYS_exit || n == SYS_exit_group || n == SYS_pause || n == SYS_vfork || n == SYS_fork ||
                                n == SYS_kill || n == SYS_rt_sigreturn || n == SYS_alarm || n == SYS_clone || n == SYS_reboot ||
                                n == SYS_vhangup || n == SYS_rt_sigsuspend;
          if (!left_out) syscall(n, value, value, value, value, value, value);
        }
      });
      wait_status(pid);
    }
  }
  CHECK_EXITED(wait_status(spawn([] { _exit(5); })), 5);
}
