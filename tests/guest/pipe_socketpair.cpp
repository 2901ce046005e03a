// SPDX-License-Identifier: MIT
// Connected pairs of local stream sockets, as far as a shell's children use them.
#include "test.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FAMILY "pipe"

TEST(socketpair_carries_both_ways) {
  int fds[2];
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  CHECK_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
  char text[16] = {};
  CHECK_EQ(write(fds[0], "ping", 4), 4);
  CHECK_EQ(read(fds[1], text, 16), 4);
  CHECK_STR(text, "ping");
  CHECK_EQ(send(fds[1], "pong", 4, 0), 4);
  int n = 0;
  CHECK_OK(ioctl(fds[0], FIONREAD, &n));
  CHECK_EQ(n, 4);
  CHECK_EQ(recv(fds[0], text, 2, MSG_PEEK), 2);
  CHECK_EQ(recv(fds[0], text, 16, 0), 4);
  CHECK_STR(text, "pong");
  struct stat st{};
  CHECK_OK(fstat(fds[0], &st));
  CHECK(S_ISSOCK(st.st_mode));
  CHECK_ERRNO(lseek(fds[0], 0, SEEK_CUR), ESPIPE);
}

TEST(socketpair_nonblocking_and_end_of_file) {
  int fds[2];
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
  char text[16];
  CHECK_ERRNO(read(fds[0], text, 1), EAGAIN);
  must(write(fds[1], "x", 1));
  close(fds[1]);
  CHECK_EQ(read(fds[0], text, 1), 1);
  CHECK_EQ(read(fds[0], text, 1), 0);
  signal(SIGPIPE, SIG_IGN);
  CHECK_ERRNO(write(fds[0], "x", 1), EPIPE);
  CHECK_ERRNO(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
  pollfd p{fds[0], POLLIN | POLLOUT, 0};
  CHECK_EQ(poll(&p, 1, 0), 1);
  CHECK_EQ(p.revents & (POLLIN | POLLHUP), POLLIN | POLLHUP);
}

TEST(socketpair_broken_raises_sigpipe) {
  int fds[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
  close(fds[1]);
  CHECK_SIGNALED(wait_status(spawn([&] { write(fds[0], "x", 1); })), SIGPIPE);
  CHECK_EXITED(wait_status(spawn([&] { _exit(send(fds[0], "x", 1, MSG_NOSIGNAL) == -1 ? 3 : 4); })), 3);
}

TEST(socketpair_shutdown) {
  int fds[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
  CHECK_OK(shutdown(fds[0], SHUT_WR));
  char c;
  CHECK_EQ(read(fds[1], &c, 1), 0);
  CHECK_EQ(write(fds[1], "x", 1), 1);  // the other direction still works
  CHECK_EQ(read(fds[0], &c, 1), 1);
  CHECK_ERRNO(shutdown(fds[0], 9), EINVAL);
  CHECK_ERRNO(shutdown(99, SHUT_RD), EBADF);
  int pipes[2];
  must(pipe(pipes));
  CHECK_ERRNO(shutdown(pipes[0], SHUT_RD), ENOTSOCK);
}

TEST(socketpair_errors) {
  int fds[2];
  CHECK_ERRNO(socketpair(AF_UNIX, 99, 0, fds), EINVAL);
  CHECK_ERRNO(socketpair(250, SOCK_STREAM, 0, fds), EAFNOSUPPORT);
  CHECK_ERRNO(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8), EFAULT);
  CHECK_ERRNO(fcntl(3, F_GETFD), EBADF);
}

TEST(socketpair_between_processes) {
  int fds[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
  const pid_t pid = spawn([&] {
    close(fds[0]);
    char text[16] = {};
    CHECK_EQ(read(fds[1], text, 16), 5);
    CHECK_EQ(write(fds[1], "reply", 5), 5);
  });
  close(fds[1]);
  CHECK_EQ(write(fds[0], "hello", 5), 5);
  char text[16] = {};
  CHECK_EQ(read(fds[0], text, 16), 5);
  CHECK_STR(text, "reply");
  CHECK_EQ(read(fds[0], text, 16), 0);
  CHECK_CHILD_OK(pid);
}
