// SPDX-License-Identifier: MIT
// The memory devices, device nodes, and the ioctl errors of things that are no terminals.
#include "test.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

#define FAMILY "file"

TEST(dev_null) {
  const int fd = must(open("/dev/null", O_RDWR));
  char data[100] = {};
  CHECK_EQ(read(fd, data, sizeof data), 0);
  CHECK_EQ(write(fd, data, sizeof data), 100);
  CHECK_EQ(lseek(fd, 50, SEEK_SET), 0);
  CHECK_OK(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0600));
  CHECK_ERRNO((mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, fd, 0)), ENODEV);
  pollfd p{fd, POLLIN | POLLOUT, 0};
  CHECK_EQ(poll(&p, 1, 0), 1);
  CHECK_EQ(p.revents, POLLIN | POLLOUT);
}

TEST(dev_zero) {
  const int fd = must(open("/dev/zero", O_RDWR));
  char data[5000];
  memset(data, 1, sizeof data);
  CHECK_EQ(read(fd, data, sizeof data), 5000);
  for (const char c : data) REQUIRE(c == 0);
  CHECK_EQ(write(fd, data, 10), 10);
  auto* memory = static_cast<char*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  REQUIRE(memory != MAP_FAILED);
  CHECK_EQ(memory[100], 0);
  memory[100] = 1;
  char* bad = map_pages(2);
  munmap(bad + kPage, kPage);
  CHECK_EQ(read(fd, bad, 2 * kPage), kPage);
}

TEST(dev_full) {
  const int fd = must(open("/dev/full", O_RDWR));
  char c = 1;
  CHECK_EQ(read(fd, &c, 1), 1);
  CHECK_EQ(c, 0);
  CHECK_ERRNO(write(fd, &c, 1), ENOSPC);
}

TEST(dev_random_and_urandom) {
  for (const char* path : (const char*[]){"/dev/random", "/dev/urandom"}) {
    const int fd = must(open(path, O_RDWR));
    unsigned char a[64] = {};
    unsigned char b[64] = {};
    CHECK_EQ(read(fd, a, sizeof a), 64);
    CHECK_EQ(read(fd, b, sizeof b), 64);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK_EQ(write(fd, a, sizeof a), 64);
  }
}

TEST(dev_nodes_have_their_numbers) {
  const struct {
    const char* path;
    unsigned major, minor;
    mode_t mode;
  } nodes[] = {{"/dev/null", 1, 3, 0666},    {"/dev/zero", 1, 5, 0666}, {"/dev/full", 1, 7, 0666}, {"/dev/random", 1, 8, 0666},
               {"/dev/urandom", 1, 9, 0666}, {"/dev/tty", 5, 0, 0666},  {"/dev/ptmx", 5, 2, 0666}, {"/dev/console", 5, 1, 0600}};
  for (const auto& node : nodes) {
    struct stat st{};
    CHECK_OK(stat(node.path, &st));
    CHECK(S_ISCHR(st.st_mode));
    CHECK_EQ(major(st.st_rdev), node.major);
    CHECK_EQ(minor(st.st_rdev), node.minor);
    CHECK_EQ(st.st_mode & 0600, 0600);
  }
}

TEST(mknod_makes_devices_fifos_and_files) {
  CHECK_OK(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
  const int fd = CHECK_OK(open("null", O_RDWR));
  CHECK_EQ(write(fd, "x", 1), 1);
  char c;
  CHECK_EQ(read(fd, &c, 1), 0);
  CHECK_OK(mknod("file", S_IFREG | 0600, 0));
  CHECK_OK(mknod("plain", 0600, 0));
  struct stat st{};
  must(stat("plain", &st));
  CHECK(S_ISREG(st.st_mode));
  CHECK_OK(mknodat(AT_FDCWD, "fifo", S_IFIFO | 0600, 0));
  must(stat("fifo", &st));
  CHECK(S_ISFIFO(st.st_mode));
  CHECK_ERRNO(mknod("file", S_IFREG | 0600, 0), EEXIST);
  CHECK_ERRNO(mknod("d", S_IFDIR | 0700, 0), EPERM);
  CHECK_ERRNO(mknod("missing/x", S_IFIFO | 0600, 0), ENOENT);
  CHECK_OK(mknod("nodriver", S_IFCHR | 0600, makedev(240, 77)));
  CHECK_ERRNO(open("nodriver", O_RDONLY), ENXIO);
}

TEST(terminal_calls_on_other_files_are_enotty) {
  write_file("f", "");
  int fds[2];
  must(pipe(fds));
  const int kinds[] = {must(open("f", O_RDWR)), must(open("/dev/null", O_RDWR)), fds[0], must(open(".", O_RDONLY))};
  for (const int fd : kinds) {
    termios settings;
    winsize size;
    pid_t group;
    CHECK_ERRNO(ioctl(fd, TCGETS, &settings), ENOTTY);
    CHECK_ERRNO(ioctl(fd, TIOCGWINSZ, &size), ENOTTY);
    CHECK_ERRNO(ioctl(fd, TIOCGPGRP, &group), ENOTTY);
    CHECK_EQ(isatty(fd), 0);
  }
  CHECK_ERRNO(ioctl(99, TCGETS, nullptr), EBADF);
}

TEST(fionread_on_a_file) {
  write_file("f", "12345");
  const int fd = must(open("f", O_RDONLY));
  int n = -1;
  CHECK_OK(ioctl(fd, FIONREAD, &n));
  CHECK_EQ(n, 5);
  lseek(fd, 2, SEEK_SET);
  CHECK_OK(ioctl(fd, FIONREAD, &n));
  CHECK_EQ(n, 3);
}

TEST(dev_tty_without_terminal_is_enxio) { CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO); }

TEST(dev_fd_and_stdin_links) {
  char target[64] = {};
  write_file("f", "abc");
  const int fd = must(open("f", O_RDONLY));
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  lseek(fd, 2, SEEK_SET);
  const int again = CHECK_OK(open(path, O_RDONLY));  // a new description of the same file
  CHECK_EQ(lseek(again, 0, SEEK_CUR), 0);
  CHECK(readlink(path, target, sizeof target - 1) > 0);
  CHECK_STR(strrchr(target, '/'), "/f");
}
