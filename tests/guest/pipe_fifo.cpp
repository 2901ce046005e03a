// SPDX-License-Identifier: MIT
// FIFOs: when open waits, and that they behave like pipes afterwards.
#include "test.h"

#include <poll.h>

#define FAMILY "pipe"

TEST(fifo_open_waits_for_the_other_end) {
  must(mkfifo("p", 0600));
  const pid_t pid = spawn([] {
    const int fd = must(open("p", O_WRONLY));
    CHECK_EQ(write(fd, "hello", 5), 5);
  });
  wait_asleep(pid);
  const int fd = must(open("p", O_RDONLY));
  char text[8] = {};
  CHECK_EQ(read(fd, text, 8), 5);
  CHECK_STR(text, "hello");
  CHECK_CHILD_OK(pid);
  CHECK_EQ(read(fd, text, 8), 0);
}

TEST(fifo_reader_waits_for_a_writer) {
  must(mkfifo("p", 0600));
  const pid_t pid = spawn([] {
    const int fd = must(open("p", O_RDONLY));
    char c;
    CHECK_EQ(read(fd, &c, 1), 0);
  });
  wait_asleep(pid);
  int status;
  CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
  close(must(open("p", O_WRONLY)));
  CHECK_CHILD_OK(pid);
}

TEST(fifo_nonblocking_open) {
  must(mkfifo("p", 0600));
  CHECK_ERRNO(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
  const int reader = CHECK_OK(open("p", O_RDONLY | O_NONBLOCK));
  char c;
  CHECK_EQ(read(reader, &c, 1), 0);  // no writer yet: end of file, not EAGAIN
  const int writer = CHECK_OK(open("p", O_WRONLY | O_NONBLOCK));
  CHECK_ERRNO(read(reader, &c, 1), EAGAIN);
  CHECK_EQ(write(writer, "x", 1), 1);
  CHECK_EQ(read(reader, &c, 1), 1);
  close(writer);
  CHECK_EQ(read(reader, &c, 1), 0);
  const int again = CHECK_OK(open("p", O_WRONLY));
  CHECK_EQ(write(again, "y", 1), 1);
  CHECK_EQ(read(reader, &c, 1), 1);
}

TEST(fifo_read_write_open_never_waits) {
  must(mkfifo("p", 0600));
  const int fd = CHECK_OK(open("p", O_RDWR));
  char c = 0;
  CHECK_EQ(write(fd, "z", 1), 1);
  CHECK_EQ(read(fd, &c, 1), 1);
  CHECK_EQ(c, 'z');
}

TEST(fifo_open_is_interrupted_by_a_signal) {
  must(mkfifo("p", 0600));
  struct sigaction action{};
  action.sa_handler = [](int) {};
  must(sigaction(SIGALRM, &action, nullptr));
  const itimerval soon{{0, 50000}, {0, 50000}};
  must(setitimer(ITIMER_REAL, &soon, nullptr));
  CHECK_ERRNO(open("p", O_RDONLY), EINTR);
  CHECK_ERRNO(open("p", O_WRONLY), EINTR);
}

TEST(fifo_data_is_dropped_when_all_have_closed) {
  must(mkfifo("p", 0600));
  const int fd = must(open("p", O_RDWR));
  must(write(fd, "lost", 4));
  close(fd);
  const int reader = must(open("p", O_RDONLY | O_NONBLOCK));
  char c;
  CHECK_EQ(read(reader, &c, 1), 0);
}

TEST(fifo_poll_without_writer) {
  must(mkfifo("p", 0600));
  const int reader = must(open("p", O_RDONLY | O_NONBLOCK));
  pollfd p{reader, POLLIN, 0};
  CHECK_EQ(poll(&p, 1, 0), 0);  // nobody has ever written: no POLLHUP
  close(must(open("p", O_WRONLY | O_NONBLOCK)));
  CHECK_EQ(poll(&p, 1, 0), 1);
  CHECK_EQ(p.revents, POLLHUP);
}
