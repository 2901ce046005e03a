// SPDX-License-Identifier: MIT
// Pseudo-terminals: making them, their default settings, both ends, hang-up, window size.
#include "tty.h"

#include <sys/sysmacros.h>

#define FAMILY "tty"

TEST(ptmx_gives_a_pair) {
  Pty pty;
  CHECK_EQ(isatty(pty.slave), 1);
  CHECK_EQ(isatty(pty.master), 1);
  struct stat st{};
  CHECK_OK(fstat(pty.slave, &st));
  CHECK(S_ISCHR(st.st_mode));
  CHECK_EQ(major(st.st_rdev), 136);
  CHECK_EQ(minor(st.st_rdev), pty.number);
  Pty second;
  CHECK(second.number != pty.number);
  CHECK_EQ(write(pty.slave, "out", 3), 3);
  CHECK_STR(pty.screen(), "out");
  pty.type("in\n");
  CHECK_STR(pty.line(), "in\n");
  CHECK_STR(second.screen(), "");
}

TEST(pts_is_locked_until_unlocked) {
  const int master = must(open("/dev/ptmx", O_RDWR | O_NOCTTY));
  int number = -1;
  must(ioctl(master, TIOCGPTN, &number));
  char path[32];
  snprintf(path, sizeof path, "/dev/pts/%d", number);
  int locked = -1;
  CHECK_OK(ioctl(master, TIOCGPTLCK, &locked));
  CHECK_EQ(locked, 1);
  CHECK_ERRNO(open(path, O_RDWR | O_NOCTTY), EIO);
  int zero = 0;
  CHECK_OK(ioctl(master, TIOCSPTLCK, &zero));
  CHECK_OK(open(path, O_RDWR | O_NOCTTY));
  close(master);
}

TEST(tiocgptpeer_opens_the_other_end) {
  const int master = must(open("/dev/ptmx", O_RDWR | O_NOCTTY));
  int zero = 0;
  must(ioctl(master, TIOCSPTLCK, &zero));
  const int slave = CHECK_OK(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  CHECK_EQ(isatty(slave), 1);
  CHECK_EQ(fcntl(slave, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(write(slave, "x", 1), 1);
  int number;
  CHECK_ERRNO(ioctl(slave, TIOCGPTN, &number), ENOTTY);
}

TEST(default_settings) {
  Pty pty;
  const termios t = pty.settings();
  CHECK_EQ(t.c_iflag, ICRNL | IXON);
  CHECK_EQ(t.c_oflag, OPOST | ONLCR);
  CHECK_EQ(t.c_cflag, B38400 | CS8 | CREAD);
  CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
  CHECK_EQ(t.c_cc[VINTR], 3);
  CHECK_EQ(t.c_cc[VQUIT], 28);
  CHECK_EQ(t.c_cc[VERASE], 127);
  CHECK_EQ(t.c_cc[VKILL], 21);
  CHECK_EQ(t.c_cc[VEOF], 4);
  CHECK_EQ(t.c_cc[VTIME], 0);
  CHECK_EQ(t.c_cc[VMIN], 1);
  CHECK_EQ(t.c_cc[VSTART], 17);
  CHECK_EQ(t.c_cc[VSTOP], 19);
  CHECK_EQ(t.c_cc[VSUSP], 26);
  CHECK_EQ(t.c_cc[VEOL], 0);
  CHECK_EQ(t.c_cc[VREPRINT], 18);
  CHECK_EQ(t.c_cc[VWERASE], 23);
  CHECK_EQ(t.c_cc[VLNEXT], 22);
}

TEST(settings_are_shared_by_both_ends) {
  Pty pty;
  pty.local(0, ECHO);
  termios t{};
  CHECK_OK(ioctl(pty.master, TCGETS, &t));
  CHECK_EQ(t.c_lflag & ECHO, 0);
  t.c_lflag |= ECHO;
  CHECK_OK(ioctl(pty.master, TCSETS, &t));
  CHECK_EQ(pty.settings().c_lflag & ECHO, ECHO);
  CHECK_ERRNO(ioctl(pty.slave, TCGETS, 8), EFAULT);
  CHECK_ERRNO(ioctl(pty.slave, TCSETS, 8), EFAULT);
  CHECK_ERRNO(ioctl(pty.slave, 0x54ff, 0), ENOTTY);
}

TEST(window_size) {
  Pty pty;
  winsize size{};
  CHECK_OK(ioctl(pty.slave, TIOCGWINSZ, &size));
  CHECK_EQ(size.ws_row, 0);
  size = {24, 80, 0, 0};
  CHECK_OK(ioctl(pty.master, TIOCSWINSZ, &size));
  winsize seen{};
  CHECK_OK(ioctl(pty.slave, TIOCGWINSZ, &seen));
  CHECK_EQ(seen.ws_row, 24);
  CHECK_EQ(seen.ws_col, 80);
  size.ws_col = 132;
  CHECK_OK(ioctl(pty.slave, TIOCSWINSZ, &size));
  CHECK_OK(ioctl(pty.master, TIOCGWINSZ, &seen));
  CHECK_EQ(seen.ws_col, 132);
}

TEST(master_reads_eio_when_all_slaves_are_closed) {
  Pty pty;
  must(write(pty.slave, "last", 4));
  close(pty.slave);
  char text[16] = {};
  CHECK_EQ(read(pty.master, text, sizeof text), 4);  // what was written before comes first
  CHECK_ERRNO(read(pty.master, text, 1), EIO);
  pollfd p{pty.master, POLLIN, 0};
  CHECK_EQ(poll(&p, 1, 0), 1);
  CHECK_EQ(p.revents & POLLHUP, POLLHUP);
  pty.slave = must(open(pty.path, O_RDWR | O_NOCTTY));  // and it may be opened again
  must(write(pty.slave, "again", 5));
  CHECK_EQ(read(pty.master, text, sizeof text), 5);
}

TEST(slave_is_hung_up_when_the_master_closes) {
  Pty pty;
  close(pty.master);
  char c;
  CHECK_EQ(read(pty.slave, &c, 1), 0);
  CHECK_ERRNO(write(pty.slave, &c, 1), EIO);
  termios t;
  CHECK_ERRNO(ioctl(pty.slave, TCGETS, &t), EIO);
  pollfd p{pty.slave, POLLIN | POLLOUT, 0};
  CHECK_EQ(poll(&p, 1, 0), 1);
  CHECK_EQ(p.revents & POLLHUP, POLLHUP);
  CHECK_ERRNO(open(pty.path, O_RDWR | O_NOCTTY), ENOENT);  // the name is gone too
}

TEST(hangup_wakes_a_blocked_reader) {
  Pty pty;
  const pid_t pid = spawn([&] {
    close(pty.master);
    char c;
    const ssize_t n = read(pty.slave, &c, 1);
    CHECK(n == 0 || (n == -1 && errno == EIO));  // which one depends on how far the hang-up has got
    CHECK_EQ(read(pty.slave, &c, 1), 0);
  });
  close(pty.slave);
  wait_asleep(pid);
  close(pty.master);
  CHECK_CHILD_OK(pid);
}

TEST(devpts_lists_terminals) {
  Pty pty;
  CHECK(exists(pty.path));
  struct stat st{};
  CHECK_OK(stat(pty.path, &st));
  CHECK_EQ(st.st_uid, getuid());
  CHECK_EQ(st.st_mode & 0600, 0600);
  char link[64] = {};
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", pty.slave);
  CHECK(readlink(path, link, sizeof link - 1) > 0);
  CHECK_STR(link, pty.path);
}

TEST(nonblocking_terminal) {
  Pty pty;
  char c;
  must(fcntl(pty.slave, F_SETFL, O_RDWR | O_NONBLOCK));
  CHECK_ERRNO(read(pty.slave, &c, 1), EAGAIN);
  must(fcntl(pty.master, F_SETFL, O_RDWR | O_NONBLOCK));
  CHECK_ERRNO(read(pty.master, &c, 1), EAGAIN);
  pty.type("unfinished");
  CHECK_ERRNO(read(pty.slave, &c, 1), EAGAIN);  // no whole line yet
  CHECK_ERRNO(lseek(pty.slave, 0, SEEK_CUR), ESPIPE);
}

TEST(large_output_blocks_and_arrives_whole) {
  Pty pty;
  pty.raw(1, 0);
  constexpr int kTotal = 50000;
  const pid_t pid = spawn([&] {
    close(pty.master);
    static char data[kTotal];
    for (int i = 0; i < kTotal; ++i) data[i] = static_cast<char>('a' + i % 26);
    for (int done = 0; done < kTotal;) done += static_cast<int>(must(write(pty.slave, data + done, kTotal - done)));
  });
  int at = 0;
  char text[3000];
  while (at < kTotal) {
    const ssize_t n = read(pty.master, text, sizeof text);
    REQUIRE(n > 0);
    for (ssize_t i = 0; i < n; ++i, ++at) REQUIRE(text[i] == 'a' + at % 26);
  }
  CHECK_CHILD_OK(pid);
}
