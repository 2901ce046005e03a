// SPDX-License-Identifier: MIT
// Controlling terminals: acquiring, losing, signals from the keyboard, hang-up.
#include "tty.h"

#define FAMILY "tty"

// Runs `body(pty)` as leader of a new session whose controlling terminal is the pseudo-terminal.
template <class Body>
static pid_t session(const Pty& pty, Body body) {
  return spawn([&] {
    close(pty.master);
    must(setsid());
    must(ioctl(pty.slave, TIOCSCTTY, 0));
    body();
  });
}

TEST(tiocsctty_acquires) {
  Pty pty;
  CHECK_CHILD_OK(session(pty, [&] {
    CHECK_EQ(tcgetsid(pty.slave), getpid());
    CHECK_EQ(tcgetpgrp(pty.slave), getpid());
    const int tty = CHECK_OK(open("/dev/tty", O_RDWR));
    CHECK_EQ(write(tty, "x", 1), 1);
    CHECK_OK(ioctl(pty.slave, TIOCSCTTY, 0));  // again: nothing to do
  }));
  CHECK_STR(pty.screen(), "x");
}

TEST(open_acquires_unless_noctty) {
  Pty pty;
  IN_CHILD([&] {
    must(setsid());
    close(must(open(pty.path, O_RDWR | O_NOCTTY)));
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    close(must(open(pty.path, O_RDWR)));
    CHECK_OK(open("/dev/tty", O_RDWR));
  });
}

TEST(tiocsctty_errors) {
  Pty pty;
  Pty other;
  IN_CHILD([&] { CHECK_ERRNO(ioctl(pty.slave, TIOCSCTTY, 0), EPERM); });  // not a session leader
  Gate ready;
  Gate finish;
  const pid_t owner = session(pty, [&] {
    CHECK_ERRNO(ioctl(other.slave, TIOCSCTTY, 0), EPERM);  // has one already
    ready.open();
    finish.wait();
  });
  ready.wait();
  IN_CHILD([&] {
    must(setsid());
    CHECK_ERRNO(ioctl(pty.slave, TIOCSCTTY, 0), EPERM);  // another session's
    pid_t group = 0;
    CHECK_ERRNO(ioctl(pty.slave, TIOCGPGRP, &group), ENOTTY);
  });
  finish.open();
  CHECK_CHILD_OK(owner);
}

TEST(tiocnotty_gives_up) {
  Pty pty;
  CHECK_CHILD_OK(session(pty, [&] {
    const pid_t member = spawn([&] {
      CHECK_OK(ioctl(pty.slave, TIOCNOTTY));  // for this process only
      CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    });
    CHECK_CHILD_OK(member);
    CHECK_OK(open("/dev/tty", O_RDWR));
    signal(SIGHUP, SIG_IGN);
    CHECK_OK(ioctl(pty.slave, TIOCNOTTY));
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    CHECK_ERRNO(ioctl(pty.slave, TIOCNOTTY), ENOTTY);
  }));
}

TEST(setsid_loses_the_terminal) {
  Pty pty;
  CHECK_CHILD_OK(session(pty, [&] {
    IN_CHILD([] {
      CHECK_OK(open("/dev/tty", O_RDWR));
      must(setsid());
      CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    });
  }));
}

TEST(interrupt_and_quit_reach_the_foreground_group) {
  Pty pty;
  Gate ready;
  const pid_t pid = session(pty, [&] {
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    pid_t members[2];
    for (int i = 0; i < 2; ++i) {
      members[i] = spawn([&, i] {
        signal(i == 0 ? SIGINT : SIGQUIT, SIG_DFL);
        ready.open();
        for (;;) pause();
      });
    }
    CHECK_SIGNALED(wait_status(members[0]), SIGINT);
    CHECK_SIGNALED(wait_status(members[1]), SIGQUIT);
  });
  ready.wait();
  ready.wait();
  pty.type("\003");
  CHECK(strcmp(pty.screen(), "^C") == 0);
  pty.type("\034");
  CHECK_CHILD_OK(pid);
}

TEST(interrupt_siginfo_and_blocked_read) {
  Pty pty;
  Gate ready;
  const pid_t pid = session(pty, [&] {
    static volatile sig_atomic_t code;
    struct sigaction action{};
    action.sa_sigaction = [](int, siginfo_t* info, void*) { code = info->si_code; };
    action.sa_flags = SA_SIGINFO;
    must(sigaction(SIGINT, &action, nullptr));
    ready.open();
    char c;
    CHECK_ERRNO(read(pty.slave, &c, 1), EINTR);
    CHECK_EQ(code, SI_KERNEL);
  });
  ready.wait();
  wait_asleep(pid);
  pty.type("\003");
  CHECK_CHILD_OK(pid);
}

TEST(interrupt_flushes_typed_input) {
  Pty pty;
  Gate ready;
  const pid_t pid = session(pty, [&] {
    signal(SIGINT, [](int) {});
    struct sigaction action{};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    must(sigaction(SIGINT, &action, nullptr));
    ready.open();
    char text[32] = {};
    CHECK(read(pty.slave, text, sizeof text) > 0);
    CHECK_STR(text, "second\n");
  });
  ready.wait();
  pty.type("first");
  pty.type("\003");
  pty.type("second\n");
  CHECK_CHILD_OK(pid);
}

TEST(window_change_is_signalled) {
  Pty pty;
  Gate ready;
  const pid_t pid = session(pty, [&] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    must(sigprocmask(SIG_BLOCK, &set, nullptr));
    ready.open();
    CHECK_EQ(sigwaitinfo(&set, nullptr), SIGWINCH);
    winsize size{};
    must(ioctl(pty.slave, TIOCGWINSZ, &size));
    CHECK_EQ(size.ws_col, 99);
  });
  ready.wait();
  const winsize size{33, 99, 0, 0};
  must(ioctl(pty.master, TIOCSWINSZ, &size));
  CHECK_CHILD_OK(pid);
}

TEST(same_window_size_is_not_signalled) {
  Pty pty;
  winsize size{10, 10, 0, 0};
  must(ioctl(pty.master, TIOCSWINSZ, &size));
  Gate ready;
  Gate done;
  const pid_t pid = session(pty, [&] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    must(sigprocmask(SIG_BLOCK, &set, nullptr));
    ready.open();
    done.wait();
    sigset_t pending;
    must(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGWINCH), 0);
  });
  ready.wait();
  must(ioctl(pty.master, TIOCSWINSZ, &size));
  done.open();
  CHECK_CHILD_OK(pid);
}

TEST(hangup_signals_the_session_leader) {
  Pty pty;
  Gate ready;
  const pid_t pid = session(pty, [&] {
    static volatile sig_atomic_t hups;
    static volatile sig_atomic_t conts;
    signal(SIGHUP, [](int) { hups = 1; });
    signal(SIGCONT, [](int) { conts = 1; });
    ready.open();
    while (hups == 0 || conts == 0) sleep_ms(5);
    char c;
    CHECK_EQ(read(pty.slave, &c, 1), 0);
    CHECK_ERRNO(write(pty.slave, "x", 1), EIO);
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
  });
  close(pty.slave);
  ready.wait();
  close(pty.master);
  CHECK_CHILD_OK(pid);
}

TEST(hangup_without_handler_kills_the_leader) {
  Pty pty;
  Gate ready;
  const pid_t pid = session(pty, [&] {
    ready.open();
    for (;;) pause();
  });
  close(pty.slave);
  ready.wait();
  close(pty.master);
  CHECK_SIGNALED(wait_status(pid), SIGHUP);
}

TEST(exit_of_the_leader_hangs_up_the_foreground) {
  Pty pty;
  Gate ready;
  int result[2];
  must(pipe(result));
  const pid_t pid = session(pty, [&] {
    spawn([&] {
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGHUP);
      must(sigprocmask(SIG_BLOCK, &set, nullptr));
      ready.open();
      siginfo_t info{};
      const int got = sigwaitinfo(&set, &info);
      must(write(result[1], &got, sizeof got));
    });
    ready.wait();
  });
  close(pty.slave);
  CHECK_CHILD_OK(pid);
  int got = 0;
  CHECK_EQ(read(result[0], &got, sizeof got), sizeof got);
  CHECK_EQ(got, SIGHUP);
}

TEST(terminal_is_free_after_its_session) {
  Pty pty;
  CHECK_CHILD_OK(session(pty, [] {}));
  CHECK_CHILD_OK(session(pty, [&] { CHECK_EQ(tcgetsid(pty.slave), getpid()); }));
}

TEST(proc_stat_names_the_terminal) {
  Pty pty;
  CHECK_CHILD_OK(session(pty, [&] {
    char text[512];
    REQUIRE(read_file("/proc/self/stat", text, sizeof text) > 0);
    int ppid = 0;
    int group = 0;
    int leader = 0;
    int terminal = 0;
    int foreground = 0;
    const char* rest = strrchr(text, ')');
    CHECK_EQ(sscanf(rest, ") %*c %d %d %d %d %d", &ppid, &group, &leader, &terminal, &foreground), 5);
    CHECK_EQ(ppid, getppid());
    CHECK_EQ(group, getpid());
    CHECK_EQ(leader, getpid());
    CHECK_EQ(terminal, (136 << 8) | pty.number);
    CHECK_EQ(foreground, getpid());
  }));
}
