// SPDX-License-Identifier: MIT
// A pseudo-terminal for the tests of terminals: `master` is the keyboard and screen, `slave` the line.
#pragma once

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "test.h"

struct Pty {
  int master = -1;
  int slave = -1;
  int number = -1;
  char path[32];

    // Not the controlling terminal of anybody.
  Pty() {
    master = must(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    int unlock = 0;
    must(ioctl(master, TIOCSPTLCK, &unlock));
    must(ioctl(master, TIOCGPTN, &number));
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    slave = must(open(path, O_RDWR | O_NOCTTY));
  }

  termios settings() const {
    termios t{};
    must(ioctl(slave, TCGETS, &t));
    return t;
  }
  void set(const termios& t) const { must(ioctl(slave, TCSETS, &t)); }

    // Changes flags: sets and clears bits of c_lflag, c_iflag and c_oflag.
  void local(tcflag_t on, tcflag_t off) const {
    termios t = settings();
    t.c_lflag = (t.c_lflag & ~off) | on;
    set(t);
  }
  void input(tcflag_t on, tcflag_t off) const {
    termios t = settings();
    t.c_iflag = (t.c_iflag & ~off) | on;
    set(t);
  }
  void output(tcflag_t on, tcflag_t off) const {
    termios t = settings();
    t.c_oflag = (t.c_oflag & ~off) | on;
    set(t);
  }
  void raw(unsigned char minimum, unsigned char time) const {
    termios t = settings();
    t.c_lflag = 0;
    t.c_iflag = 0;
    t.c_oflag = 0;
    t.c_cc[VMIN] = minimum;
    t.c_cc[VTIME] = time;
    set(t);
  }

  void type(const char* text) const { must(write(master, text, strlen(text))); }
  void type_bytes(const char* text, size_t size) const { must(write(master, text, size)); }

  static bool readable(int fd, int timeout_ms = 0) {
    pollfd p{fd, POLLIN, 0};
    return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLIN) != 0;
  }

    // What the program would read now: one read, or "" when it would wait.
  const char* line() const { return take(slave, 1000); }
  const char* line_now() const { return take(slave, 100); }
    // Everything on the screen: waits until it has come to rest.
  const char* screen() const {
    static char text[8192];
    size_t used = 0;
    while (used + 1 < sizeof text && readable(master, used == 0 ? 1000 : 60)) {
      const ssize_t n = read(master, text + used, sizeof text - 1 - used);
      if (n <= 0) break;
      used += static_cast<size_t>(n);
    }
    text[used] = '\0';
    return text;
  }

 private:
  static const char* take(int fd, int timeout_ms) {
    static char text[8192];
    text[0] = '\0';
    if (!readable(fd, timeout_ms)) return text;
    const ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
  }
};
