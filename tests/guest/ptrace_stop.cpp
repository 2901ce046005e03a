// SPDX-License-Identifier: MIT
// ptrace(2): attaching, detaching, signals, group stops.
#include "tracee.h"

#define FAMILY "ptrace"

static void wait_forever() {
  for (;;) pause();
}

TEST(traceme_stops_at_signals) {
  const pid_t pid = spawn_traced([] { raise(SIGUSR1); });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGUSR1);
  const siginfo_t info = info_of(pid);
  CHECK_EQ(info.si_signo, SIGUSR1);
  CHECK_EQ(info.si_code, SI_TKILL);
  CHECK_EQ(info.si_pid, pid);
  finish(pid);  // the signal is dropped
}

TEST(traceme_twice) {
  IN_CHILD([] {
    must(trace(PTRACE_TRACEME, 0));
    CHECK_ERRNO(trace(PTRACE_TRACEME, 0), EPERM);
  });
}

TEST(signal_is_delivered_when_passed_on) {
  const pid_t pid = spawn_traced([] { raise(SIGTERM); });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTERM);
  CHECK_OK(trace(PTRACE_CONT, pid, 0, SIGTERM));
  CHECK_SIGNALED(wait_report(pid), SIGTERM);
}

static volatile sig_atomic_t caught, caught_pid;
static void note(int signal, siginfo_t* info, void*) {
  caught = signal;
  caught_pid = info->si_pid;
}
static void catch_signal(int signal) {
  struct sigaction action{};
  action.sa_sigaction = note;
  action.sa_flags = SA_SIGINFO;
  must(sigaction(signal, &action, nullptr));
}

TEST(signal_is_replaced) {
  const pid_t tracer = getpid();
  const pid_t pid = spawn_traced([tracer] {
    catch_signal(SIGUSR2);
    raise(SIGUSR1);
    CHECK_EQ(caught, SIGUSR2);
    CHECK_EQ(caught_pid, tracer);
  });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGUSR1);
  finish(pid, SIGUSR2);
}

TEST(siginfo_is_replaced) {
  const pid_t pid = spawn_traced([] {
    catch_signal(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EQ(caught, SIGUSR1);
    CHECK_EQ(caught_pid, 4711);
  });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGUSR1);
  siginfo_t info = info_of(pid);
  info.si_pid = 4711;
  CHECK_OK(trace(PTRACE_SETSIGINFO, pid, 0, &info));
  finish(pid, SIGUSR1);
}

TEST(ignored_signals_are_shown) {
  const pid_t pid = spawn_traced([] {
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    raise(SIGWINCH);
  });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGUSR1);
  CHECK_OK(trace(PTRACE_CONT, pid, 0, SIGUSR1));
  CHECK_STOP(pid, SIGWINCH);
  finish(pid, SIGWINCH);
}

TEST(fatal_default_is_shown_first) {
  const pid_t pid = spawn_traced([] { *(volatile int*)nullptr = 1; });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGSEGV);
  const siginfo_t info = info_of(pid);
  CHECK_EQ(info.si_code, SEGV_MAPERR);
  CHECK_EQ(info.si_addr, nullptr);
  CHECK_OK(trace(PTRACE_CONT, pid, 0, SIGSEGV));
  const int status = wait_report(pid);
  CHECK(WIFSIGNALED(status));
  CHECK_EQ(WTERMSIG(status), SIGSEGV);
}

TEST(sigkill_is_not_shown) {
  const pid_t pid = spawn_traced(wait_forever);
  CHECK_OK(trace(PTRACE_CONT, pid));
  kill(pid, SIGKILL);
  CHECK_SIGNALED(wait_report(pid), SIGKILL);
}

TEST(sigkill_ends_a_stop) {
  const pid_t pid = spawn_traced(wait_forever);
  kill(pid, SIGKILL);
  CHECK_SIGNALED(wait_report(pid), SIGKILL);
  CHECK_ERRNO(trace(PTRACE_CONT, pid), ESRCH);
}

TEST(ptrace_kill_ends_it) {
  const pid_t pid = spawn_traced(wait_forever);
  CHECK_OK(trace(PTRACE_KILL, pid));
  CHECK_SIGNALED(wait_report(pid), SIGKILL);
}

TEST(attach_and_detach) {
  const pid_t pid = spawn(wait_forever);
  wait_asleep(pid);
  CHECK_OK(trace(PTRACE_ATTACH, pid));
  CHECK_STOP(pid, SIGSTOP);
  CHECK_EQ(process_state(pid), 't');
  CHECK_ERRNO(trace(PTRACE_ATTACH, pid), EPERM);
  CHECK_OK(trace(PTRACE_DETACH, pid));
  CHECK_ERRNO(trace(PTRACE_CONT, pid), ESRCH);
  wait_asleep(pid);
  CHECK_EQ(process_state(pid), 'S');
  kill(pid, SIGTERM);
  CHECK_SIGNALED(wait_status(pid), SIGTERM);
}

TEST(detach_with_signal) {
  const pid_t pid = spawn(wait_forever);
  CHECK_OK(trace(PTRACE_ATTACH, pid));
  CHECK_STOP(pid, SIGSTOP);
  CHECK_OK(trace(PTRACE_DETACH, pid, 0, SIGTERM));
  CHECK_SIGNALED(wait_status(pid), SIGTERM);
}

TEST(bad_requests) {
  const pid_t pid = spawn_traced(wait_forever);
  CHECK_ERRNO(trace(9999, pid), EIO);
  CHECK_ERRNO(trace(PTRACE_CONT, pid, 0, 65), EIO);
  CHECK_ERRNO(trace(PTRACE_SETOPTIONS, pid, 0, 1ul << 30), EINVAL);
  CHECK_ERRNO(trace(PTRACE_INTERRUPT, pid), EIO);  // not seized
  CHECK_ERRNO(trace(PTRACE_LISTEN, pid), EIO);
  CHECK_ERRNO(trace(PTRACE_CONT, 0x7fffff), ESRCH);
  CHECK_ERRNO(trace(PTRACE_ATTACH, getpid()), EPERM);
  CHECK_ERRNO(trace(PTRACE_SEIZE, pid, 1), EIO);
  CHECK_OK(trace(PTRACE_CONT, pid));
  wait_asleep(pid);
  CHECK_ERRNO(trace(PTRACE_CONT, pid), ESRCH);  // it runs
  CHECK_ERRNO(trace(PTRACE_PEEKUSER, pid), ESRCH);
  kill_and_reap(pid);
}

TEST(attach_needs_permission) {
  const pid_t other = spawn(wait_forever);
  IN_CHILD([other] {
    drop_privileges();
    CHECK_ERRNO(trace(PTRACE_ATTACH, other), EPERM);
    CHECK_ERRNO(trace(PTRACE_SEIZE, other), EPERM);
    const pid_t own = spawn(wait_forever);
    CHECK_ERRNO(trace(PTRACE_ATTACH, own), EPERM);  // made by a process that is not dumpable since it changed its ids
    kill(own, SIGKILL);
    wait_status(own);
  });
  kill_and_reap(other);
}

TEST(seize_does_not_stop) {
  const pid_t pid = spawn(wait_forever);
  wait_asleep(pid);
  CHECK_OK(trace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD));
  CHECK_EQ(waitpid(pid, nullptr, WNOHANG | __WALL), 0);
  CHECK_OK(trace(PTRACE_INTERRUPT, pid));
  CHECK_STOP(pid, SIGTRAP, kEventStop);
  CHECK_EQ(info_of(pid).si_code, SIGTRAP | kEventStop << 8);
  CHECK_OK(trace(PTRACE_CONT, pid));
  kill(pid, SIGTERM);
  CHECK_STOP(pid, SIGTERM);
  CHECK_OK(trace(PTRACE_CONT, pid, 0, SIGTERM));
  CHECK_SIGNALED(wait_report(pid), SIGTERM);
}

TEST(interrupted_call_goes_on) {
  Gate gate;
  const pid_t pid = spawn([&] { gate.wait(); });
  wait_asleep(pid);
  CHECK_OK(trace(PTRACE_SEIZE, pid));
  for (int i = 0; i < 3; ++i) {
    CHECK_OK(trace(PTRACE_INTERRUPT, pid));
    CHECK_STOP(pid, SIGTRAP, kEventStop);
    const user_regs_struct registers = registers_of(pid);
    CHECK_EQ(registers.orig_rax, SYS_read);
    CHECK_EQ((long)registers.rax, -512);  // ERESTARTSYS
    CHECK_OK(trace(PTRACE_CONT, pid));
    wait_asleep(pid);
  }
  gate.open();
  CHECK_EXITED(wait_report(pid), 0);
}

TEST(interrupted_sleep_goes_on) {
  const pid_t pid = spawn([] {
    const int64_t start = now_ms();
    const timespec time{0, 300'000'000};
    CHECK_OK(nanosleep(&time, nullptr));
    CHECK(now_ms() - start >= 299);
  });
  wait_asleep(pid);
  CHECK_OK(trace(PTRACE_ATTACH, pid));
  CHECK_STOP(pid, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_EXITED(wait_report(pid), 0);
}

TEST(group_stop_of_attached) {
  const pid_t pid = spawn_traced(wait_forever);
  CHECK_OK(trace(PTRACE_CONT, pid));
  kill(pid, SIGSTOP);
  CHECK_STOP(pid, SIGSTOP);  // the signal
  info_of(pid);
  CHECK_OK(trace(PTRACE_CONT, pid, 0, SIGSTOP));
  CHECK_STOP(pid, SIGSTOP);  // the stop itself
  siginfo_t info;
  CHECK_ERRNO(trace(PTRACE_GETSIGINFO, pid, 0, &info), EINVAL);
  CHECK_OK(trace(PTRACE_CONT, pid));  // which the tracer may overrule
  wait_asleep(pid);
  CHECK_EQ(process_state(pid), 'S');
  kill_and_reap(pid);
}

TEST(group_stop_of_seized_and_listen) {
  const pid_t pid = spawn(wait_forever);
  CHECK_OK(trace(PTRACE_SEIZE, pid));
  kill(pid, SIGSTOP);
  CHECK_STOP(pid, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, pid, 0, SIGSTOP));
  CHECK_STOP(pid, SIGSTOP, kEventStop);
  CHECK_OK(trace(PTRACE_LISTEN, pid));
  CHECK_ERRNO(trace(PTRACE_CONT, pid), ESRCH);  // not at the tracer's disposal
  CHECK_EQ(waitpid(pid, nullptr, WNOHANG | __WALL), 0);
  kill(pid, SIGCONT);
  CHECK_STOP(pid, SIGTRAP, kEventStop);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGCONT);
  CHECK_OK(trace(PTRACE_CONT, pid, 0, SIGCONT));
  kill_and_reap(pid);
}

TEST(listening_is_interrupted) {
  const pid_t pid = spawn(wait_forever);
  CHECK_OK(trace(PTRACE_SEIZE, pid));
  kill(pid, SIGSTOP);
  CHECK_STOP(pid, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, pid, 0, SIGSTOP));
  CHECK_STOP(pid, SIGSTOP, kEventStop);
  CHECK_OK(trace(PTRACE_LISTEN, pid));
  CHECK_OK(trace(PTRACE_INTERRUPT, pid));
  CHECK_STOP(pid, SIGSTOP, kEventStop);
  kill_and_reap(pid);
}

TEST(detach_leaves_a_stopped_process_stopped) {
  const pid_t pid = spawn(wait_forever);
  CHECK_OK(trace(PTRACE_SEIZE, pid));
  kill(pid, SIGSTOP);
  CHECK_STOP(pid, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, pid, 0, SIGSTOP));
  CHECK_STOP(pid, SIGSTOP, kEventStop);
  CHECK_OK(trace(PTRACE_DETACH, pid));
  CHECK(eventually([pid] { return process_state(pid) == 'T'; }));
  kill(pid, SIGCONT);
  CHECK(eventually([pid] { return process_state(pid) == 'S'; }));
  kill_and_reap(pid);
}

TEST(attach_to_a_stopped_process) {
  const pid_t pid = spawn(wait_forever);
  kill(pid, SIGSTOP);
  int status;
  CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
  CHECK_OK(trace(PTRACE_ATTACH, pid));
  CHECK_STOP(pid, SIGSTOP);
  CHECK_EQ(process_state(pid), 't');
  kill_and_reap(pid);
}

TEST(tracer_death_lets_go) {
  const pid_t pid = spawn(wait_forever);
  IN_CHILD([pid] {
    CHECK_OK(trace(PTRACE_ATTACH, pid));
    CHECK_STOP(pid, SIGSTOP);
  });
  CHECK(eventually([pid] { return process_state(pid) == 'S'; }));
  CHECK_EQ(waitpid(pid, nullptr, WNOHANG), 0);
  kill_and_reap(pid);
}

TEST(tracer_death_kills_with_exitkill) {
  const pid_t pid = spawn(wait_forever);
  IN_CHILD([pid] { CHECK_OK(trace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL)); });
  CHECK_SIGNALED(wait_status(pid), SIGKILL);
}

TEST(parent_hears_after_the_tracer) {
  Gate ready, end;
  const pid_t pid = spawn([&] {
    end.wait();
    _exit(7);
  });
  const pid_t tracer = spawn([&] {
    CHECK_OK(trace(PTRACE_SEIZE, pid));
    ready.open();
    CHECK_EXITED(wait_report(pid), 7);
    sleep_ms(50);
  });
  ready.wait();
  CHECK_EQ(waitpid(pid, nullptr, WNOHANG), 0);
  end.open();
  CHECK_EXITED(wait_status(pid), 7);
  CHECK_CHILD_OK(tracer);
}

TEST(status_names_the_tracer) {
  const pid_t pid = spawn_traced(wait_forever);
  char path[64], text[4096], expected[64];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  read_file(path, text, sizeof text);
  snprintf(expected, sizeof expected, "\nTracerPid:\t%d\n", getpid());
  CHECK(strstr(text, expected) != nullptr);
  CHECK(strstr(text, "State:\tt (tracing stop)") != nullptr);
  kill_and_reap(pid);
}

TEST(sigchld_tells_of_stops) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const pid_t pid = spawn_traced(wait_forever);
  siginfo_t info{};
  CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
  CHECK_EQ(info.si_code, CLD_TRAPPED);
  CHECK_EQ(info.si_pid, pid);
  CHECK_EQ(info.si_status, SIGSTOP);
  kill_and_reap(pid);
}

TEST(waitid_reports_traps) {
  const pid_t pid = spawn([] {
    must(trace(PTRACE_TRACEME, 0));
    raise(SIGUSR1);
  });
  siginfo_t info{};
  CHECK_OK(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
  CHECK_EQ(info.si_code, CLD_TRAPPED);
  CHECK_EQ(info.si_status, SIGUSR1);
  CHECK_OK(waitid(P_PID, pid, &info, WSTOPPED));
  info.si_pid = -1;
  CHECK_OK(waitid(P_PID, pid, &info, WSTOPPED | WNOHANG));
  CHECK_EQ(info.si_pid, 0);
  finish(pid);
}

TEST(sigmask_and_pending) {
  const pid_t pid = spawn_traced([] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    catch_signal(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR2);
    CHECK_EQ(caught, SIGUSR1);
  });
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGUSR2);
  unsigned long mask = 0;
  CHECK_OK(trace(PTRACE_GETSIGMASK, pid, 8, &mask));
  CHECK_EQ(mask, 1ul << (SIGUSR1 - 1));
  CHECK_ERRNO(trace(PTRACE_GETSIGMASK, pid, 4, &mask), EINVAL);
  __ptrace_peeksiginfo_args request{};
  request.nr = 4;
  siginfo_t infos[4];
  CHECK_EQ(trace(PTRACE_PEEKSIGINFO, pid, (unsigned long)&request, infos), 1);
  CHECK_EQ(infos[0].si_signo, SIGUSR1);
  request.off = 1;
  CHECK_EQ(trace(PTRACE_PEEKSIGINFO, pid, (unsigned long)&request, infos), 0);
  request.off = 0;
  request.flags = PTRACE_PEEKSIGINFO_SHARED;
  CHECK_EQ(trace(PTRACE_PEEKSIGINFO, pid, (unsigned long)&request, infos), 0);
  mask = 0;
  CHECK_OK(trace(PTRACE_SETSIGMASK, pid, 8, &mask));
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGUSR1);
  finish(pid, SIGUSR1);
}
