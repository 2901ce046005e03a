// SPDX-License-Identifier: MIT
// stat and its relatives, timestamps, access checks, statfs.
#include "test.h"

#include <sys/statfs.h>
#include <sys/sysmacros.h>

#define FAMILY "file"

TEST(stat_kinds) {
  struct stat st{};
  must(mkdir("d", 0711));
  CHECK_OK(stat("d", &st));
  CHECK_EQ(st.st_mode, S_IFDIR | 0711);
  CHECK_EQ(st.st_nlink, 2);
  must(mkdir("d/e", 0755));
  CHECK_OK(stat("d", &st));
  CHECK_EQ(st.st_nlink, 3);
  must(symlink("d", "link"));
  CHECK_OK(lstat("link", &st));
  CHECK_EQ(st.st_mode, S_IFLNK | 0777);
  CHECK_EQ(st.st_size, 1);
  CHECK_OK(stat("link", &st));
  CHECK(S_ISDIR(st.st_mode));
  must(mkfifo("p", 0600));
  CHECK_OK(stat("p", &st));
  CHECK_EQ(st.st_mode, S_IFIFO | 0600);
  CHECK_OK(stat("/dev/null", &st));
  CHECK(S_ISCHR(st.st_mode));
  CHECK_EQ(major(st.st_rdev), 1);
  CHECK_EQ(minor(st.st_rdev), 3);
  int fds[2];
  must(pipe(fds));
  CHECK_OK(fstat(fds[0], &st));
  CHECK_EQ(st.st_mode, S_IFIFO | 0600);
}

TEST(stat_inode_identity) {
  write_file("a", "x");
  write_file("b", "x");
  must(link("a", "c"));
  struct stat a{};
  struct stat b{};
  struct stat c{};
  CHECK_OK(stat("a", &a));
  CHECK_OK(stat("b", &b));
  CHECK_OK(stat("c", &c));
  CHECK(a.st_ino == c.st_ino && a.st_dev == c.st_dev);
  CHECK(a.st_ino != b.st_ino && a.st_dev == b.st_dev);
  CHECK_EQ(a.st_nlink, 2);
  struct stat proc{};
  if (stat("/proc", &proc) == 0) CHECK(proc.st_dev != a.st_dev);
}

TEST(stat_errors) {
  struct stat st{};
  CHECK_ERRNO(stat("missing", &st), ENOENT);
  CHECK_ERRNO(stat("", &st), ENOENT);
  write_file("f", "");
  CHECK_ERRNO(stat("f/x", &st), ENOTDIR);
  CHECK_ERRNO(stat("f/", &st), ENOTDIR);
  CHECK_ERRNO(fstat(99, &st), EBADF);
  CHECK_ERRNO(syscall(SYS_stat, "f", 8), EFAULT);
  CHECK_ERRNO(syscall(SYS_stat, 8, &st), EFAULT);
  must(symlink("gone", "dangling"));
  CHECK_ERRNO(stat("dangling", &st), ENOENT);
  CHECK_OK(lstat("dangling", &st));
}

TEST(fstatat_flags) {
  must(mkdir("d", 0755));
  write_file("d/f", "12345");
  must(symlink("f", "d/link"));
  const int directory = must(open("d", O_RDONLY));
  struct stat st{};
  CHECK_OK(fstatat(directory, "f", &st, 0));
  CHECK_EQ(st.st_size, 5);
  CHECK_OK(fstatat(directory, "link", &st, AT_SYMLINK_NOFOLLOW));
  CHECK(S_ISLNK(st.st_mode));
  CHECK_OK(fstatat(directory, "", &st, AT_EMPTY_PATH));
  CHECK(S_ISDIR(st.st_mode));
  CHECK_OK(syscall(SYS_newfstatat, AT_FDCWD, "", &st, AT_EMPTY_PATH));
  CHECK(S_ISDIR(st.st_mode));
  CHECK_ERRNO(fstatat(directory, "", &st, 0), ENOENT);
  CHECK_ERRNO(fstatat(directory, "f", &st, 0x10000), EINVAL);
  CHECK_ERRNO(fstatat(99, "f", &st, 0), EBADF);
}

TEST(statx_fields) {
  write_file("f", "12345", 0604);
  struct statx x{};
  struct stat st{};
  CHECK_OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x));
  must(stat("f", &st));
  CHECK_EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
  CHECK_EQ(x.stx_mode, S_IFREG | 0604);
  CHECK_EQ(x.stx_size, 5);
  CHECK_EQ(x.stx_ino, st.st_ino);
  CHECK_EQ(x.stx_nlink, 1);
  CHECK_EQ(makedev(x.stx_dev_major, x.stx_dev_minor), st.st_dev);
  CHECK_EQ(x.stx_mtime.tv_sec, st.st_mtim.tv_sec);
  CHECK_EQ(x.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
  CHECK_EQ(x.stx_blksize, st.st_blksize);
  const int fd = must(open("f", O_RDONLY));
  CHECK_OK(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
  CHECK_EQ(x.stx_size, 5);
  CHECK_OK(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &x));
  CHECK_ERRNO(statx(AT_FDCWD, "f", 0, 0x80000000, &x), EINVAL);
  CHECK_ERRNO(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &x), EINVAL);
  CHECK_ERRNO(statx(AT_FDCWD, "missing", 0, 0, &x), ENOENT);
  CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, "f", 0, STATX_SIZE, 8), EFAULT);
}

static int64_t ns(const timespec& t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }

TEST(timestamps_follow_operations) {
  write_file("f", "abc");
  struct stat first{};
  struct stat second{};
  must(stat("f", &first));
  const int64_t now = now_ns(CLOCK_REALTIME);
  CHECK(ns(first.st_mtim) <= now + 50000000 && ns(first.st_mtim) > now - 5000000000);
  sleep_ms(30);
  const int fd = must(open("f", O_WRONLY));
  must(write(fd, "x", 1));
  must(stat("f", &second));
  CHECK(ns(second.st_mtim) > ns(first.st_mtim));
  CHECK(ns(second.st_ctim) > ns(first.st_ctim));
  sleep_ms(30);
  must(chmod("f", 0600));
  must(stat("f", &first));
  CHECK_EQ(ns(first.st_mtim), ns(second.st_mtim));  // chmod changes the ctime only
  CHECK(ns(first.st_ctim) > ns(second.st_ctim));
}

TEST(directory_times_follow_entries) {
  must(mkdir("d", 0755));
  struct stat before{};
  struct stat after{};
  must(stat("d", &before));
  sleep_ms(30);
  write_file("d/f", "");
  must(stat("d", &after));
  CHECK(ns(after.st_mtim) > ns(before.st_mtim));
  sleep_ms(30);
  must(unlink("d/f"));
  must(stat("d", &before));
  CHECK(ns(before.st_mtim) > ns(after.st_mtim));
}

TEST(utimensat_sets_times) {
  write_file("f", "abc");
  const timespec times[2] = {{1000, 5}, {2000, 999999999}};
  CHECK_OK(utimensat(AT_FDCWD, "f", times, 0));
  struct stat st{};
  must(stat("f", &st));
  CHECK_EQ(st.st_atim.tv_sec, 1000);
  CHECK_EQ(st.st_atim.tv_nsec, 5);
  CHECK_EQ(st.st_mtim.tv_sec, 2000);
  CHECK_EQ(st.st_mtim.tv_nsec, 999999999);
  const timespec omit[2] = {{0, UTIME_OMIT}, {3000, 0}};
  CHECK_OK(utimensat(AT_FDCWD, "f", omit, 0));
  must(stat("f", &st));
  CHECK_EQ(st.st_atim.tv_sec, 1000);
  CHECK_EQ(st.st_mtim.tv_sec, 3000);
  const timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  CHECK_OK(utimensat(AT_FDCWD, "f", now, 0));
  must(stat("f", &st));
  CHECK(st.st_atim.tv_sec >= time(nullptr) - 5);
  CHECK_EQ(st.st_mtim.tv_sec, 3000);
  const int fd = must(open("f", O_RDONLY));
  CHECK_OK(futimens(fd, times));
  CHECK_OK(utimensat(AT_FDCWD, "f", nullptr, 0));
  const timespec bad[2] = {{0, 1000000000}, {0, 0}};
  CHECK_ERRNO(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
  CHECK_ERRNO(utimensat(AT_FDCWD, "missing", times, 0), ENOENT);
  must(symlink("f", "link"));
  CHECK_OK(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
  must(lstat("link", &st));
  CHECK_EQ(st.st_mtim.tv_sec, 2000);
  must(stat("f", &st));
  CHECK(st.st_mtim.tv_sec > 3000);
}

TEST(access_as_root) {
  write_file("f", "", 0);
  CHECK_OK(access("f", F_OK));
  CHECK_OK(access("f", R_OK | W_OK));
  CHECK_ERRNO(access("f", X_OK), EACCES);  // nobody may execute it
  CHECK_OK(access(".", X_OK));
  CHECK_ERRNO(access("missing", F_OK), ENOENT);
  CHECK_ERRNO(access("f", 8), EINVAL);
  CHECK_ERRNO(access("f/x", F_OK), ENOTDIR);
  CHECK_OK(faccessat(AT_FDCWD, "f", R_OK, 0));
  CHECK_ERRNO(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x4000), EINVAL);
  CHECK_OK(syscall(SYS_faccessat2, AT_FDCWD, "", F_OK, AT_EMPTY_PATH));
}

TEST(access_uses_real_ids) {
  write_file("f", "", 0600);
  IN_CHILD([] {
    must(setresuid(1000, 0, 0));
    CHECK_ERRNO(access("f", R_OK), EACCES);
    CHECK_OK(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
    CHECK_OK(open("f", O_RDONLY));
  });
}

TEST(statfs_types) {
  struct statfs fs{};
  CHECK_OK(statfs(".", &fs));
  CHECK_EQ(fs.f_type, 0x01021994);  // tmpfs
  CHECK_EQ(fs.f_bsize, 4096);
  CHECK_EQ(fs.f_namelen, 255);
  CHECK(fs.f_bfree <= fs.f_blocks);
  if (exists("/proc/self")) {
    CHECK_OK(statfs("/proc", &fs));
    CHECK_EQ(fs.f_type, 0x9fa0);
  }
  int fds[2];
  must(pipe(fds));
  CHECK_OK(fstatfs(fds[0], &fs));
  CHECK_EQ(fs.f_type, 0x50495045);
  CHECK_ERRNO(statfs("missing", &fs), ENOENT);
  CHECK_ERRNO(fstatfs(99, &fs), EBADF);
  CHECK_ERRNO(syscall(SYS_statfs, ".", 8), EFAULT);
}
