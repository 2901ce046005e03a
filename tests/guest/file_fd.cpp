// SPDX-License-Identifier: MIT
// Descriptors: dup and friends, fcntl, close_range, close-on-exec.
#include "test.h"

#include <sys/ioctl.h>

#define FAMILY "file"

// O_LARGEFILE as the kernel keeps it for files that 64-bit programs open.
constexpr int kLargeFile = 0100000;

TEST(dup_shares_the_description) {
  write_file("f", "abcdef");
  const int a = must(open("f", O_RDWR | O_CLOEXEC));
  const int b = CHECK_OK(dup(a));
  CHECK_EQ(fcntl(b, F_GETFD), 0);  // close-on-exec belongs to the descriptor and is off
  CHECK_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
  char c;
  CHECK_EQ(read(a, &c, 1), 1);
  CHECK_EQ(lseek(b, 0, SEEK_CUR), 1);
  must(fcntl(b, F_SETFL, O_APPEND));
  CHECK_EQ(fcntl(a, F_GETFL) & O_APPEND, O_APPEND);
  CHECK_OK(close(a));
  CHECK_EQ(read(b, &c, 1), 1);
  CHECK_EQ(c, 'b');
  CHECK_ERRNO(dup(99), EBADF);
  CHECK_ERRNO(dup(-1), EBADF);
}

TEST(dup2_replaces) {
  const int a = must(open("/dev/null", O_RDONLY));
  const int b = must(open("/dev/zero", O_RDONLY));
  CHECK_EQ(dup2(a, b), b);
  char c;
  CHECK_EQ(read(b, &c, 1), 0);  // now it is /dev/null
  CHECK_EQ(dup2(a, 50), 50);
  CHECK_EQ(dup2(a, a), a);
  CHECK_ERRNO(dup2(99, 99), EBADF);
  CHECK_ERRNO(dup2(99, b), EBADF);
  CHECK_EQ(read(b, &c, 1), 0);  // a failed dup2 closes nothing
  CHECK_ERRNO(dup2(a, -1), EBADF);
  CHECK_ERRNO(dup2(a, 1 << 30), EBADF);
}

TEST(dup3_flags) {
  const int a = must(open("/dev/null", O_RDONLY));
  CHECK_EQ(dup3(a, 20, O_CLOEXEC), 20);
  CHECK_EQ(fcntl(20, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(dup3(a, 20, 0), 20);
  CHECK_EQ(fcntl(20, F_GETFD), 0);
  CHECK_ERRNO(dup3(a, a, 0), EINVAL);
  CHECK_ERRNO(dup3(a, 21, O_APPEND), EINVAL);
  CHECK_ERRNO(dup3(99, 21, 0), EBADF);
}

TEST(fcntl_dupfd) {
  const int a = must(open("/dev/null", O_RDONLY));
  CHECK_EQ(fcntl(a, F_DUPFD, 10), 10);
  CHECK_EQ(fcntl(a, F_DUPFD, 10), 11);
  CHECK_EQ(fcntl(a, F_DUPFD_CLOEXEC, 10), 12);
  CHECK_EQ(fcntl(12, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(fcntl(11, F_GETFD), 0);
  CHECK_ERRNO(fcntl(a, F_DUPFD, -1), EINVAL);
  CHECK_ERRNO(fcntl(99, F_DUPFD, 0), EBADF);
}

TEST(fcntl_descriptor_flags) {
  const int fd = must(open("/dev/null", O_RDONLY));
  CHECK_EQ(fcntl(fd, F_GETFD), 0);
  CHECK_OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
  CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  CHECK_OK(fcntl(fd, F_SETFD, 0));
  CHECK_EQ(fcntl(fd, F_GETFD), 0);
  CHECK_OK(ioctl(fd, FIOCLEX));
  CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  CHECK_OK(ioctl(fd, FIONCLEX));
  CHECK_EQ(fcntl(fd, F_GETFD), 0);
  CHECK_ERRNO(fcntl(99, F_GETFD), EBADF);
  CHECK_ERRNO(fcntl(fd, 9999), EINVAL);
}

TEST(fcntl_status_flags) {
  const int fd = must(open("f", O_CREAT | O_RDWR | O_TRUNC | O_EXCL | O_NONBLOCK, 0600));
  CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK | kLargeFile);
  CHECK_OK(fcntl(fd, F_SETFL, O_APPEND));
  CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_APPEND | kLargeFile);
  CHECK_OK(fcntl(fd, F_SETFL, O_WRONLY | O_CREAT));  // access mode and creation flags are ignored
  CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | kLargeFile);
  int on = 1;
  CHECK_OK(ioctl(fd, FIONBIO, &on));
  CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

TEST(pipe_status_flags) {
  int fds[2];
  must(pipe2(fds, O_NONBLOCK));
  CHECK_EQ(fcntl(fds[0], F_GETFL), O_RDONLY | O_NONBLOCK);
  CHECK_EQ(fcntl(fds[1], F_GETFL), O_WRONLY | O_NONBLOCK);
}

TEST(close_twice_is_ebadf) {
  const int fd = must(open("/dev/null", O_RDONLY));
  CHECK_OK(close(fd));
  CHECK_ERRNO(close(fd), EBADF);
  CHECK_ERRNO(close(-1), EBADF);
  CHECK_ERRNO(close(1 << 20), EBADF);
}

static long range(unsigned first, unsigned last, unsigned flags) { return syscall(SYS_close_range, first, last, flags); }

TEST(close_range_closes) {
  for (int i = 3; i < 10; ++i) must(dup2(0, i));
  CHECK_OK(range(4, 6, 0));
  CHECK_OK(fcntl(3, F_GETFD));
  for (int i = 4; i <= 6; ++i) CHECK_ERRNO(fcntl(i, F_GETFD), EBADF);
  CHECK_OK(fcntl(7, F_GETFD));
  CHECK_ERRNO(range(6, 5, 0), EINVAL);
  CHECK_ERRNO(range(3, 4, 0x100), EINVAL);
  IN_CHILD([] {
    CHECK_OK(range(3, ~0u, 0));
    CHECK_ERRNO(fcntl(9, F_GETFD), EBADF);
    CHECK_OK(fcntl(1, F_GETFD));
  });
  CHECK_OK(fcntl(9, F_GETFD));
}

TEST(close_range_cloexec) {
  for (int i = 3; i < 6; ++i) must(dup2(0, i));
  CHECK_OK(range(4, 100, 1 << 2));  // CLOSE_RANGE_CLOEXEC
  CHECK_EQ(fcntl(3, F_GETFD), 0);
  CHECK_EQ(fcntl(4, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(fcntl(5, F_GETFD), FD_CLOEXEC);
}

TEST(many_descriptors) {
  int last = -1;
  for (int i = 0; i < 200; ++i) last = must(open("/dev/null", O_RDONLY));
  CHECK_EQ(last, 202);
  for (int i = 3; i <= 202; i += 2) CHECK_OK(close(i));
  CHECK_EQ(open("/dev/null", O_RDONLY), 3);
  CHECK_EQ(open("/dev/null", O_RDONLY), 5);
}

TEST(fcntl_owner) {
  int fds[2];
  must(pipe(fds));
  CHECK_EQ(fcntl(fds[0], F_GETOWN), 0);
  CHECK_OK(fcntl(fds[0], F_SETOWN, getpid()));
  CHECK_EQ(fcntl(fds[0], F_GETOWN), getpid());
}
