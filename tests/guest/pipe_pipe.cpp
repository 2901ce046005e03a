// SPDX-License-Identifier: MIT
// Pipes: transfer, blocking, end of file, broken pipes, atomic writes, capacity.
#include "test.h"

#include <limits.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define FAMILY "pipe"

TEST(pipe_carries_bytes_in_order) {
  int fds[2];
  CHECK_OK(pipe(fds));
  CHECK_EQ(fds[0], 3);
  CHECK_EQ(fds[1], 4);
  char text[16] = {};
  CHECK_EQ(write(fds[1], "abc", 3), 3);
  CHECK_EQ(write(fds[1], "def", 3), 3);
  CHECK_EQ(read(fds[0], text, 4), 4);
  CHECK_STR(text, "abcd");
  CHECK_EQ(read(fds[0], text, 16), 2);
  CHECK_ERRNO(read(fds[1], text, 1), EBADF);
  CHECK_ERRNO(write(fds[0], text, 1), EBADF);
}

TEST(pipe_errors) {
  int fds[2];
  CHECK_ERRNO(syscall(SYS_pipe, 8), EFAULT);
  CHECK_ERRNO(fcntl(3, F_GETFD), EBADF);  // nothing was left open
  CHECK_ERRNO(pipe2(fds, O_APPEND), EINVAL);
  CHECK_OK(pipe2(fds, O_CLOEXEC | O_NONBLOCK));
  CHECK_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
  CHECK_EQ(fcntl(fds[1], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

TEST(pipe_end_of_file_after_last_writer) {
  int fds[2];
  must(pipe(fds));
  const int copy = dup(fds[1]);
  must(write(fds[1], "x", 1));
  close(fds[1]);
  char c;
  CHECK_EQ(read(fds[0], &c, 1), 1);
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  CHECK_ERRNO(read(fds[0], &c, 1), EAGAIN);
  close(copy);
  CHECK_EQ(read(fds[0], &c, 1), 0);
  CHECK_EQ(read(fds[0], &c, 1), 0);
}

TEST(pipe_without_reader_is_broken) {
  int fds[2];
  must(pipe(fds));
  close(fds[0]);
  IN_CHILD([&] {
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(fds[1], "x", 1), EPIPE);
    CHECK_EQ(write(fds[1], "", 0), 0);
  });
  const pid_t pid = spawn([&] { write(fds[1], "x", 1); });
  CHECK_SIGNALED(wait_status(pid), SIGPIPE);
}

TEST(pipe_nonblocking) {
  int fds[2];
  must(pipe2(fds, O_NONBLOCK));
  static char data[65536];
  char c;
  CHECK_ERRNO(read(fds[0], &c, 1), EAGAIN);
  CHECK_EQ(write(fds[1], data, sizeof data), 65536);
  CHECK_ERRNO(write(fds[1], &c, 1), EAGAIN);
  CHECK_EQ(read(fds[0], data, 4096), 4096);
  CHECK_EQ(write(fds[1], data, 4096), 4096);
}

TEST(pipe_nonblocking_partial_write) {
  int fds[2];
  must(pipe2(fds, O_NONBLOCK));
  static char data[100000];
  CHECK_EQ(write(fds[1], data, sizeof data), 65536);
  CHECK_EQ(read(fds[0], data, 4096), 4096);
  CHECK_EQ(write(fds[1], data, 5000), 4096);  // more than PIPE_BUF may be split
  CHECK_EQ(read(fds[0], data, 100), 100);
  CHECK_ERRNO(write(fds[1], data, 4096), EAGAIN);  // up to PIPE_BUF may not
}

TEST(pipe_blocking_write_waits_for_room) {
  int fds[2];
  must(pipe(fds));
  constexpr int kTotal = 300000;
  const pid_t pid = spawn([&] {
    auto* data = static_cast<unsigned char*>(malloc(kTotal));
    for (int i = 0; i < kTotal; ++i) data[i] = static_cast<unsigned char>(i * 7 + i / 251);
    CHECK_EQ(write(fds[1], data, kTotal), kTotal);
  });
  close(fds[1]);
  unsigned char buffer[7777];
  int at = 0;
  ssize_t n;
  while ((n = read(fds[0], buffer, sizeof buffer)) > 0) {
    for (ssize_t i = 0; i < n; ++i, ++at) REQUIRE(buffer[i] == static_cast<unsigned char>(at * 7 + at / 251));
  }
  CHECK_EQ(at, kTotal);
  CHECK_CHILD_OK(pid);
}

TEST(pipe_blocking_read_waits_for_data) {
  int fds[2];
  must(pipe(fds));
  const pid_t pid = spawn([&] {
    char text[8] = {};
    CHECK_EQ(read(fds[0], text, 8), 4);
    CHECK_STR(text, "data");
  });
  wait_asleep(pid);
  CHECK_EQ(write(fds[1], "data", 4), 4);
  CHECK_CHILD_OK(pid);
}

TEST(pipe_small_writes_are_atomic) {
  int fds[2];
  must(pipe(fds));
  constexpr int kWriters = 4;
  constexpr int kRounds = 60;
  pid_t pids[kWriters];
  for (int w = 0; w < kWriters; ++w) {
    pids[w] = spawn([&] {
      char block[PIPE_BUF];
      memset(block, 'a' + w, sizeof block);
      for (int i = 0; i < kRounds; ++i) CHECK_EQ(write(fds[1], block, sizeof block), PIPE_BUF);
    });
  }
  close(fds[1]);
  char block[PIPE_BUF];
  int blocks = 0;
  for (;;) {
    size_t have = 0;
    ssize_t n = 0;
    while (have < sizeof block && (n = read(fds[0], block + have, sizeof block - have)) > 0) have += static_cast<size_t>(n);
    if (have == 0) break;
    REQUIRE(have == sizeof block);
    for (const char c : block) REQUIRE(c == block[0]);
    ++blocks;
  }
  CHECK_EQ(blocks, kWriters * kRounds);
  for (const pid_t pid : pids) CHECK_CHILD_OK(pid);
}

TEST(pipe_capacity) {
  int fds[2];
  must(pipe2(fds, O_NONBLOCK));
  CHECK_EQ(fcntl(fds[0], F_GETPIPE_SZ), 65536);
  CHECK_EQ(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
  CHECK_EQ(fcntl(fds[0], F_GETPIPE_SZ), 4096);
  static char data[262144];
  CHECK_EQ(write(fds[1], data, 8192), 4096);
  CHECK_EQ(fcntl(fds[1], F_SETPIPE_SZ, 5000), 8192);  // rounded up to pages
  CHECK_EQ(fcntl(fds[1], F_SETPIPE_SZ, 262144), 262144);
  CHECK_EQ(read(fds[0], data, sizeof data), 4096);  // what was inside stays
  CHECK_EQ(write(fds[1], data, sizeof data), 262144);
  CHECK_ERRNO(fcntl(fds[1], F_SETPIPE_SZ, 4096), EBUSY);
  write_file("f", "");
  const int file = must(open("f", O_RDWR));
  CHECK_ERRNO(fcntl(file, F_GETPIPE_SZ), EBADF);
}

TEST(pipe_fionread) {
  int fds[2];
  must(pipe(fds));
  int n = -1;
  CHECK_OK(ioctl(fds[0], FIONREAD, &n));
  CHECK_EQ(n, 0);
  must(write(fds[1], "12345", 5));
  must(write(fds[1], "678", 3));
  CHECK_OK(ioctl(fds[0], FIONREAD, &n));
  CHECK_EQ(n, 8);
  CHECK_ERRNO(ioctl(fds[0], FIONREAD, 8), EFAULT);
}

TEST(pipe_vectors) {
  int fds[2];
  must(pipe(fds));
  char a[] = "ab";
  char b[] = "cde";
  const iovec out[] = {{a, 2}, {b, 3}};
  CHECK_EQ(writev(fds[1], out, 2), 5);
  char x[4] = {};
  char y[4] = {};
  const iovec in[] = {{x, 3}, {y, 3}};
  CHECK_EQ(readv(fds[0], in, 2), 5);
  CHECK_STR(x, "abc");
  CHECK_STR(y, "de");
}

TEST(pipe_bad_buffers) {
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(syscall(SYS_write, fds[1], 8, 4), EFAULT);
  must(write(fds[1], "abcd", 4));
  CHECK_ERRNO(syscall(SYS_read, fds[0], 8, 4), EFAULT);
  char text[8] = {};
  CHECK_EQ(read(fds[0], text, 8), 4);  // a failed read takes nothing out
  CHECK_STR(text, "abcd");
}

TEST(pipe_broken_while_writing) {
  int fds[2];
  must(pipe(fds));
  const pid_t pid = spawn([&] {
    close(fds[0]);
    signal(SIGPIPE, SIG_IGN);
    static char data[200000];
    CHECK_EQ(write(fds[1], data, sizeof data), 65536);  // what was written before the reader left
    CHECK_ERRNO(write(fds[1], data, 1), EPIPE);
  });
  wait_asleep(pid);
  close(fds[0]);
  CHECK_CHILD_OK(pid);
}

TEST(pipe_reopened_through_proc) {
  int fds[2];
  must(pipe(fds));
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fds[1]);
  const int writer = CHECK_OK(open(path, O_WRONLY));
  CHECK_EQ(write(writer, "x", 1), 1);
  char c = 0;
  CHECK_EQ(read(fds[0], &c, 1), 1);
  CHECK_EQ(c, 'x');
  char target[64] = {};
  CHECK(readlink(path, target, sizeof target - 1) > 0);
  CHECK(strncmp(target, "pipe:[", 6) == 0);
}

TEST(pipe_ping_pong) {
  int there[2];
  int back[2];
  must(pipe(there));
  must(pipe(back));
  const pid_t pid = spawn([&] {
    close(there[1]);
    close(back[0]);
    int value;
    while (read(there[0], &value, sizeof value) == sizeof value) {
      ++value;
      must(write(back[1], &value, sizeof value));
    }
  });
  close(there[0]);
  close(back[1]);
  int value = 0;
  for (int i = 0; i < 500; ++i) {
    must(write(there[1], &value, sizeof value));
    REQUIRE(read(back[0], &value, sizeof value) == sizeof value);
  }
  CHECK_EQ(value, 500);
  close(there[1]);
  CHECK_CHILD_OK(pid);
}

TEST(pipe_chain_of_processes) {
  constexpr int kLength = 10;
  int first[2];
  must(pipe(first));
  int in = first[0];
  pid_t pids[kLength];
  for (auto& pid : pids) {
    int fds[2];
    must(pipe(fds));
    pid = spawn([&] {
      close(first[1]);
      close(fds[0]);
      char c;
      while (read(in, &c, 1) == 1) {
        ++c;
        must(write(fds[1], &c, 1));
      }
    });
    close(in);
    close(fds[1]);
    in = fds[0];
  }
  must(write(first[1], "AB", 2));
  close(first[1]);
  char text[8] = {};
  CHECK_EQ(read(in, text, 1) + read(in, text + 1, 4), 2);
  CHECK_STR(text, "KL");
  CHECK_EQ(read(in, text, 1), 0);
  for (const pid_t pid : pids) CHECK_CHILD_OK(pid);
}
