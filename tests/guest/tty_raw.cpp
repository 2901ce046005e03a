// SPDX-License-Identifier: MIT
// Non-canonical mode: VMIN and VTIME in all four combinations, transparent input.
#include "tty.h"

#define FAMILY "tty"

TEST(raw_min_one_returns_what_is_there) {
  Pty pty;
  pty.raw(1, 0);
  pty.type("abc");
  CHECK(Pty::readable(pty.slave, 1000));
  char text[16] = {};
  CHECK_EQ(read(pty.slave, text, 2), 2);
  CHECK_EQ(read(pty.slave, text + 2, 10), 1);
  CHECK_STR(text, "abc");
}

TEST(raw_input_is_transparent) {
  Pty pty;
  pty.raw(1, 0);
  char all[256];
  char back[256] = {};
  for (int i = 0; i < 256; ++i) all[i] = static_cast<char>(i);
  pty.type_bytes(all, 256);
  size_t used = 0;
  while (used < 256) {
    const ssize_t n = read(pty.slave, back + used, 256 - used);
    REQUIRE(n > 0);
    used += static_cast<size_t>(n);
  }
  CHECK(memcmp(all, back, 256) == 0);
  CHECK(!Pty::readable(pty.master, 50));  // no echo
}

TEST(raw_min_blocks_until_enough) {
  Pty pty;
  pty.raw(4, 0);
  const pid_t pid = spawn([&] {
    char text[16] = {};
    CHECK_EQ(read(pty.slave, text, 16), 4);
    CHECK_STR(text, "abcd");
  });
  pty.type("ab");
  wait_asleep(pid);
  CHECK_EQ(waitpid(pid, nullptr, WNOHANG), 0);
  pty.type("cd");
  CHECK_CHILD_OK(pid);
}

TEST(raw_min_larger_than_the_buffer) {
  Pty pty;
  pty.raw(10, 0);
  pty.type("abc");
  CHECK(eventually([&] {
    int n = 0;
    ioctl(pty.slave, FIONREAD, &n);
    return n == 3;
  }));
  char text[4] = {};
  CHECK_EQ(read(pty.slave, text, 3), 3);  // a full buffer ends the read
  CHECK_STR(text, "abc");
}

TEST(raw_zero_min_zero_time_never_waits) {
  Pty pty;
  pty.raw(0, 0);
  char text[16] = {};
  CHECK_EQ(read(pty.slave, text, 16), 0);
  pty.type("x");
  CHECK(Pty::readable(pty.slave, 1000));
  CHECK_EQ(read(pty.slave, text, 16), 1);
  CHECK_EQ(read(pty.slave, text, 16), 0);
}

TEST(raw_zero_min_with_time_waits_for_the_first_byte) {
  Pty pty;
  pty.raw(0, 2);
  char text[16] = {};
  const int64_t start = now_ms();
  CHECK_EQ(read(pty.slave, text, 16), 0);
  CHECK(now_ms() - start >= 180);
  CHECK(now_ms() - start < 5000);
  pty.raw(0, 100);
  const pid_t pid = spawn([&] {
    sleep_ms(50);
    pty.type("y");
  });
  CHECK_EQ(read(pty.slave, text, 16), 1);
  CHECK(now_ms() - start < 9000);
  CHECK_CHILD_OK(pid);
}

TEST(raw_min_with_time_is_an_inter_byte_timer) {
  Pty pty;
  pty.raw(10, 3);
  const pid_t pid = spawn([&] {
    sleep_ms(600);  // the timer has not begun: nothing times out
    pty.type("ab");
  });
  char text[16] = {};
  CHECK_EQ(read(pty.slave, text, 16), 2);
  CHECK_STR(text, "ab");
  CHECK_CHILD_OK(pid);
}

TEST(raw_poll_respects_min) {
  Pty pty;
  pty.raw(3, 0);
  pty.type("ab");
  CHECK(!Pty::readable(pty.slave, 60));
  pty.type("c");
  CHECK(Pty::readable(pty.slave, 1000));
}

TEST(raw_nonblocking_read) {
  Pty pty;
  pty.raw(5, 0);
  must(fcntl(pty.slave, F_SETFL, O_RDWR | O_NONBLOCK));
  char text[16];
  CHECK_ERRNO(read(pty.slave, text, 16), EAGAIN);
  pty.type("ab");
  CHECK(eventually([&] {
    int n = 0;
    ioctl(pty.slave, FIONREAD, &n);
    return n == 2;
  }));
  CHECK_EQ(read(pty.slave, text, 16), 2);  // less than VMIN is given all the same
}

TEST(cbreak_keeps_echo_and_signals) {
  Pty pty;
  pty.local(0, ICANON);
  pty.type("a\177");
  CHECK_STR(pty.line(), "a\177");  // no editing
  CHECK_STR(pty.screen(), "a^?");
}

TEST(raw_read_is_interrupted) {
  Pty pty;
  pty.raw(1, 0);
  struct sigaction action{};
  action.sa_handler = [](int) {};
  must(sigaction(SIGALRM, &action, nullptr));
  const itimerval soon{{0, 50000}, {0, 50000}};
  must(setitimer(ITIMER_REAL, &soon, nullptr));
  char c;
  CHECK_ERRNO(read(pty.slave, &c, 1), EINTR);
}
