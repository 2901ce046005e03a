// SPDX-License-Identifier: MIT
// Job control: foreground and background groups, SIGTTIN, SIGTTOU, ^Z, orphaned groups.
#include "tty.h"

#define FAMILY "tty"

// A "shell": leader of a session on the pseudo-terminal, ignoring the signals that shells ignore.
template <class Body>
static pid_t shell(const Pty& pty, Body body) {
  return spawn([&] {
    close(pty.master);
    must(setsid());
    must(ioctl(pty.slave, TIOCSCTTY, 0));
    signal(SIGTTOU, SIG_IGN);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTSTP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    body();
  });
}

// A job of the shell in a group of its own, with default signals.
template <class Body>
static pid_t job(Body body) {
  const pid_t pid = spawn([&] {
    must(setpgid(0, 0));
    for (const int s : (const int[]){SIGTTOU, SIGTTIN, SIGTSTP, SIGINT}) signal(s, SIG_DFL);
    body();
  });
  setpgid(pid, pid);
  return pid;
}

static void check_job_stops(pid_t pid, int signal) {
  int status = 0;
  CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
  CHECK_STOPPED(status, signal);
}

TEST(tcsetpgrp_moves_the_foreground) {
  Pty pty;
  CHECK_CHILD_OK(shell(pty, [&] {
    Gate gate;
    const pid_t pid = job([&] { gate.wait(); });
    CHECK_OK(tcsetpgrp(pty.slave, pid));
    CHECK_EQ(tcgetpgrp(pty.slave), pid);
    CHECK_OK(tcsetpgrp(pty.slave, getpgrp()));  // SIGTTOU is ignored: allowed from the background
    CHECK_EQ(tcgetpgrp(pty.slave), getpgrp());
    CHECK_ERRNO(tcsetpgrp(pty.slave, -1), EINVAL);
    CHECK_ERRNO(tcsetpgrp(pty.slave, 0x3ffffff), ESRCH);
    CHECK_ERRNO(tcsetpgrp(pty.slave, getppid()), EPERM);  // a group of another session
    gate.open();
    CHECK_CHILD_OK(pid);
  }));
  pid_t group = getpgrp();
  CHECK_ERRNO(ioctl(pty.slave, TIOCSPGRP, &group), ENOTTY);  // not our terminal
  CHECK_ERRNO(ioctl(pty.slave, TIOCGPGRP, &group), ENOTTY);
}

TEST(background_read_stops_with_sigttin) {
  Pty pty;
  const pid_t pid = shell(pty, [&] {
    const pid_t reader = job([&] {
      char text[16] = {};
      CHECK_EQ(read(pty.slave, text, 16), 3);
      CHECK_STR(text, "hi\n");
    });
    check_job_stops(reader, SIGTTIN);
    must(tcsetpgrp(pty.slave, reader));
    must(kill(-reader, SIGCONT));
    CHECK_CHILD_OK(reader);
  });
  pty.type("hi\n");
  CHECK_CHILD_OK(pid);
}

TEST(background_read_with_sigttin_ignored_is_eio) {
  Pty pty;
  CHECK_CHILD_OK(shell(pty, [&] {
    CHECK_CHILD_OK(job([&] {
      char c;
      signal(SIGTTIN, SIG_IGN);
      CHECK_ERRNO(read(pty.slave, &c, 1), EIO);
      signal(SIGTTIN, SIG_DFL);
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGTTIN);
      must(sigprocmask(SIG_BLOCK, &set, nullptr));
      CHECK_ERRNO(read(pty.slave, &c, 1), EIO);
    }));
  }));
}

TEST(background_read_handler_gets_eintr) {
  Pty pty;
  CHECK_CHILD_OK(shell(pty, [&] {
    CHECK_CHILD_OK(job([&] {
      static volatile sig_atomic_t got;
      struct sigaction action{};
      action.sa_handler = [](int) { got = got + 1; };
      must(sigaction(SIGTTIN, &action, nullptr));
      char c;
      CHECK_ERRNO(read(pty.slave, &c, 1), EINTR);
      CHECK_EQ(got, 1);
    }));
  }));
}

TEST(background_write_is_allowed_without_tostop) {
  Pty pty;
  CHECK_CHILD_OK(shell(pty, [&] { CHECK_CHILD_OK(job([&] { CHECK_EQ(write(pty.slave, "bg", 2), 2); })); }));
  CHECK_STR(pty.screen(), "bg");
}

TEST(background_write_with_tostop_stops) {
  Pty pty;
  pty.local(TOSTOP, 0);
  CHECK_CHILD_OK(shell(pty, [&] {
    const pid_t writer = job([&] { CHECK_EQ(write(pty.slave, "bg", 2), 2); });
    check_job_stops(writer, SIGTTOU);
    must(tcsetpgrp(pty.slave, writer));
    must(kill(-writer, SIGCONT));
    CHECK_CHILD_OK(writer);
    CHECK_CHILD_OK(job([&] {
      signal(SIGTTOU, SIG_IGN);
      CHECK_EQ(write(pty.slave, "ok", 2), 2);  // ignored: the write goes through
    }));
  }));
  CHECK_STR(pty.screen(), "bgok");
}

TEST(background_settings_change_stops) {
  Pty pty;
  CHECK_CHILD_OK(shell(pty, [&] {
    const pid_t changer = job([&] {
      termios t = pty.settings();  // looking is allowed
      must(tcsetattr(pty.slave, TCSADRAIN, &t));
    });
    check_job_stops(changer, SIGTTOU);
    must(tcsetpgrp(pty.slave, changer));
    must(kill(-changer, SIGCONT));
    CHECK_CHILD_OK(changer);
    const pid_t grabber = job([&] { must(tcsetpgrp(pty.slave, getpgrp())); });
    check_job_stops(grabber, SIGTTOU);
    must(kill(-grabber, SIGKILL));
    wait_status(grabber);
  }));
}

TEST(suspend_character_stops_the_foreground) {
  Pty pty;
  Gate ready;
  const pid_t pid = shell(pty, [&] {
    const pid_t sleeper = job([&] {
      ready.open();
      for (;;) pause();
    });
    must(tcsetpgrp(pty.slave, sleeper));
    ready.open();
    check_job_stops(sleeper, SIGTSTP);
    must(tcsetpgrp(pty.slave, getpgrp()));
    must(kill(-sleeper, SIGCONT));
    must(kill(-sleeper, SIGTERM));
    CHECK_SIGNALED(wait_status(sleeper), SIGTERM);
  });
  ready.wait();
  ready.wait();
  pty.type("\032");
  CHECK_CHILD_OK(pid);
}

TEST(interrupt_spares_the_background) {
  Pty pty;
  Gate ready;
  const pid_t pid = shell(pty, [&] {
    const pid_t background = job([&] {
      ready.open();
      for (;;) pause();
    });
    const pid_t foreground = job([&] {
      ready.open();
      for (;;) pause();
    });
    must(tcsetpgrp(pty.slave, foreground));
    ready.open();
    CHECK_SIGNALED(wait_status(foreground), SIGINT);
    CHECK_EQ(waitpid(background, nullptr, WNOHANG), 0);
    must(kill(background, SIGKILL));
    wait_status(background);
  });
  for (int i = 0; i < 3; ++i) ready.wait();
  pty.type("\003");
  CHECK_CHILD_OK(pid);
}

TEST(orphaned_group_reads_eio) {
  Pty pty;
  int result[2];
  must(pipe(result));
  const pid_t pid = shell(pty, [&] {
    Gate orphaned;
        // The middle process dies, so that the job's group has no parent left in the session.
    CHECK_CHILD_OK(spawn([&] {
      const pid_t middle = getpid();
      job([&] {
        while (getppid() == middle) sleep_ms(5);
        char c;
        errno = 0;
        const int error = read(pty.slave, &c, 1) == -1 ? errno : 0;
        must(write(result[1], &error, sizeof error));
      });
    }));
    int error = 0;
    CHECK_EQ(read(result[0], &error, sizeof error), sizeof error);
    CHECK_EQ(error, EIO);
  });
  CHECK_CHILD_OK(pid);
}

TEST(newly_orphaned_stopped_group_gets_hup_and_cont) {
  Pty pty;
  int result[2];
  must(pipe(result));
  CHECK_CHILD_OK(shell(pty, [&] {
    Gate ready;
    CHECK_CHILD_OK(spawn([&] {
      const pid_t stopped = job([&] {
        static volatile sig_atomic_t hup;
        static volatile sig_atomic_t cont;
        signal(SIGHUP, [](int) { hup = 1; });
        signal(SIGCONT, [](int) { cont = 1; });
        raise(SIGSTOP);
        while (hup == 0 || cont == 0) sleep_ms(5);
        const int both = hup + cont;
        must(write(result[1], &both, sizeof both));
      });
      int status;
      must(waitpid(stopped, &status, WUNTRACED));
    }));  // its exit orphans the stopped group
    int both = 0;
    CHECK_EQ(read(result[0], &both, sizeof both), sizeof both);
    CHECK_EQ(both, 2);
  }));
}

TEST(shell_style_pipeline_in_the_foreground) {
  Pty pty;
  pty.local(0, ECHO);
  const pid_t pid = shell(pty, [&] {
    int fds[2];
    must(pipe(fds));
    const pid_t first = job([&] {
      close(fds[0]);
      char text[64];
      ssize_t n;
      while ((n = read(pty.slave, text, sizeof text)) > 0) must(write(fds[1], text, static_cast<size_t>(n)));
    });
    const pid_t second = spawn([&] {
      must(setpgid(0, first));
      close(fds[1]);
      char c;
      while (read(fds[0], &c, 1) == 1) {
        c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
        must(write(pty.slave, &c, 1));
      }
    });
    setpgid(second, first);
    must(tcsetpgrp(pty.slave, first));
    kill(-first, SIGCONT);
    close(fds[0]);
    close(fds[1]);
    int status;
    for (int i = 0; i < 2; ++i) {
      pid_t got;
      while ((got = waitpid(-first, &status, WUNTRACED)) > 0 && WIFSTOPPED(status)) kill(-first, SIGCONT);
      CHECK(got == first || got == second);
      CHECK_EXITED(status, 0);
    }
    must(tcsetpgrp(pty.slave, getpgrp()));
  });
  pty.type("hello\n");
  CHECK_STR(pty.screen(), "HELLO\r\n");
  pty.type("\004");
  CHECK_CHILD_OK(pid);
}
