// SPDX-License-Identifier: MIT
// mount and umount: tmpfs, bind, remounting read-only, busy mounts, errors.
#include "test.h"

#include <sys/mount.h>

#define FAMILY "file"

TEST(mount_tmpfs_hides_and_unhides) {
  must(mkdir("m", 0755));
  write_file("m/under", "");
  struct stat before{};
  struct stat after{};
  must(stat("m", &before));
  CHECK_OK(mount("tmpfs", "m", "tmpfs", 0, nullptr));
  CHECK(!exists("m/under"));
  must(stat("m", &after));
  CHECK(before.st_dev != after.st_dev);
  write_file("m/over", "");
  CHECK_ERRNO(rename("m/over", "x"), EXDEV);
  CHECK_ERRNO(link("m/over", "x"), EXDEV);
  CHECK_ERRNO(rmdir("m"), EBUSY);
  must(stat("m/..", &after));
  struct stat here{};
  must(stat(".", &here));
  CHECK_EQ(after.st_ino, here.st_ino);
  CHECK_OK(umount("m"));
  CHECK(exists("m/under"));
  CHECK(!exists("m/over"));
  CHECK_ERRNO(umount("m"), EINVAL);
}

TEST(mount_busy) {
  must(mkdir("m", 0755));
  must(mount("tmpfs", "m", "tmpfs", 0, nullptr));
  const int fd = must(open("m/f", O_CREAT | O_RDWR, 0600));
  CHECK_ERRNO(umount("m"), EBUSY);
  close(fd);
  const pid_t pid = spawn([] {
    must(chdir("m"));
    pause();
  });
  wait_asleep(pid);
  CHECK_ERRNO(umount("m"), EBUSY);
  kill(pid, SIGKILL);
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
  CHECK_OK(umount("m"));
}

TEST(mount_lazy_umount) {
  must(mkdir("m", 0755));
  must(mount("tmpfs", "m", "tmpfs", 0, nullptr));
  const int fd = must(open("m/f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(umount2("m", MNT_DETACH));
  CHECK(!exists("m/f"));
  CHECK_EQ(write(fd, "x", 1), 1);  // still there for those who hold it
}

TEST(mount_bind) {
  must(mkdir("a", 0755));
  must(mkdir("b", 0755));
  write_file("a/f", "text");
  CHECK_OK(mount("a", "b", nullptr, MS_BIND, nullptr));
  struct stat one{};
  struct stat two{};
  must(stat("a/f", &one));
  CHECK_OK(stat("b/f", &two));
  CHECK(one.st_ino == two.st_ino && one.st_dev == two.st_dev);
  write_file("b/g", "");
  CHECK(exists("a/g"));
  CHECK_ERRNO(rename("a/g", "b/h"), EXDEV);  // different mounts of one file system
  CHECK_OK(umount("b"));
  CHECK(!exists("b/f"));
  write_file("file", "");
  CHECK_OK(mount("a/f", "file", nullptr, MS_BIND, nullptr));
  char text[8];
  CHECK_EQ(read_file("file", text, sizeof text), 4);
  CHECK_ERRNO(unlink("file"), EBUSY);
  CHECK_OK(umount("file"));
  CHECK_ERRNO(mount("a/f", "b", nullptr, MS_BIND, nullptr), ENOTDIR);
  CHECK_ERRNO(mount("missing", "b", nullptr, MS_BIND, nullptr), ENOENT);
}

TEST(mount_read_only) {
  must(mkdir("m", 0755));
  must(mount("tmpfs", "m", "tmpfs", 0, nullptr));
  write_file("m/f", "text");
  CHECK_OK(mount(nullptr, "m", nullptr, MS_REMOUNT | MS_RDONLY, nullptr));
  CHECK_ERRNO(open("m/f", O_WRONLY), EROFS);
  CHECK_ERRNO(open("m/new", O_WRONLY | O_CREAT, 0600), EROFS);
  CHECK_OK(open("m/f", O_RDONLY));
  CHECK_ERRNO(unlink("m/f"), EROFS);
  CHECK_ERRNO(mkdir("m/d", 0755), EROFS);
  CHECK_ERRNO(chmod("m/f", 0600), EROFS);
  CHECK_ERRNO(access("m/f", W_OK), EROFS);
  CHECK_ERRNO(rename("m/f", "m/g"), EROFS);
  CHECK_ERRNO(truncate("m/f", 0), EROFS);
  CHECK_OK(mount(nullptr, "m", nullptr, MS_REMOUNT, nullptr));
  CHECK_OK(unlink("m/f"));
  CHECK_OK(umount2("m", MNT_DETACH));
}

TEST(mount_tmpfs_options) {
  must(mkdir("m", 0755));
  CHECK_OK(mount("tmpfs", "m", "tmpfs", 0, "size=64k,mode=0751,uid=5,gid=6"));
  struct stat st{};
  must(stat("m", &st));
  CHECK_EQ(st.st_mode & 07777, 0751);
  CHECK_EQ(st.st_uid, 5);
  CHECK_EQ(st.st_gid, 6);
  const int fd = must(open("m/f", O_CREAT | O_RDWR, 0600));
  static char data[128 * 1024];
  memset(data, 'x', sizeof data);
  CHECK_EQ(write(fd, data, sizeof data), 64 * 1024);  // up to the size
  CHECK_ERRNO(write(fd, data, 1), ENOSPC);
  must(ftruncate(fd, 0));
  CHECK_EQ(pwrite(fd, data, kPage, 0), kPage);
  close(fd);
  CHECK_OK(umount("m"));
  CHECK_ERRNO(mount("tmpfs", "m", "tmpfs", 0, "nonsense=1"), EINVAL);
}

TEST(mount_stacks) {
  must(mkdir("m", 0755));
  must(mount("tmpfs", "m", "tmpfs", 0, nullptr));
  write_file("m/first", "");
  must(mount("tmpfs", "m", "tmpfs", 0, nullptr));
  CHECK(!exists("m/first"));
  CHECK_OK(umount("m"));
  CHECK(exists("m/first"));
  CHECK_OK(umount("m"));
}

TEST(mount_errors) {
  must(mkdir("m", 0755));
  CHECK_ERRNO(mount("x", "m", "nosuchfs", 0, nullptr), ENODEV);
  CHECK_ERRNO(mount("x", "missing", "tmpfs", 0, nullptr), ENOENT);
  write_file("f", "");
  CHECK_ERRNO(mount("x", "f", "tmpfs", 0, nullptr), ENOTDIR);
  CHECK_ERRNO(mount("x", "m", nullptr, 0, nullptr), EINVAL);
  CHECK_ERRNO(umount("m"), EINVAL);
  CHECK_ERRNO(umount("missing"), ENOENT);
  CHECK_ERRNO(umount2("m", 0x1000), EINVAL);
  CHECK_ERRNO(syscall(SYS_mount, "x", 8, "tmpfs", 0, nullptr), EFAULT);
  CHECK_ERRNO(syscall(SYS_umount2, 8, 0), EFAULT);
}

TEST(mount_proc_and_devpts) {
  must(mkdir("p", 0755));
  CHECK_OK(mount("proc", "p", "proc", 0, nullptr));
  CHECK_OK(access("p/self/stat", F_OK));
  CHECK_OK(umount("p"));
  must(mkdir("d", 0755));
  CHECK_OK(mount("devtmpfs", "d", "devtmpfs", 0, nullptr));
  CHECK_OK(access("d/null", F_OK));
  CHECK_OK(access("d/zero", F_OK));
  CHECK_OK(access("d/tty", F_OK));
  CHECK_OK(umount("d"));
}
