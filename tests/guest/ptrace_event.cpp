// SPDX-License-Identifier: MIT
// ptrace(2): events of fork, clone, exec and exit; threads.
#include <pthread.h>

#include "tracee.h"

#define FAMILY "ptrace"

HELPER(exit_nine) { return 9; }

TEST(exec_without_option_is_a_sigtrap) {
  const pid_t pid = spawn_traced([] { exec_helper("exit_nine"); }, 0);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP);
  CHECK_EQ(info_of(pid).si_code, SI_USER);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_EXITED(wait_report(pid), 9);
}

TEST(exec_event) {
  const pid_t pid = spawn_traced([] { exec_helper("exit_nine"); }, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXEC);
  CHECK_EQ(message_of(pid), pid);
  CHECK_EQ(info_of(pid).si_code, SIGTRAP | PTRACE_EVENT_EXEC << 8);
  CHECK_OK(trace(PTRACE_SYSCALL, pid));
  CHECK_STOP(pid, SIGTRAP | 0x80);  // the end of execve
  CHECK_EQ(registers_of(pid).orig_rax, SYS_execve);
  CHECK_EQ(registers_of(pid).rax, 0);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_EXITED(wait_report(pid), 9);
}

TEST(exit_event) {
  const pid_t pid = spawn_traced([] { _exit(5); }, PTRACE_O_TRACEEXIT);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXIT);
  CHECK_EQ(message_of(pid), 5 << 8);
  CHECK_EQ(registers_of(pid).rdi, 5);  // still there
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_EXITED(wait_report(pid), 5);
}

TEST(exit_event_of_a_killed_process) {
  const pid_t pid = spawn_traced([] { pause(); }, PTRACE_O_TRACEEXIT);
  CHECK_OK(trace(PTRACE_CONT, pid));
  kill(pid, SIGKILL);
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXIT);
  CHECK_EQ(message_of(pid), SIGKILL);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_SIGNALED(wait_report(pid), SIGKILL);
}

static void check_new_child(pid_t pid, int event, bool seized) {
  CHECK_STOP(pid, SIGTRAP, event);
  const auto child = static_cast<pid_t>(message_of(pid));
  CHECK(child > 0);
  if (seized) {
    CHECK_STOP(child, SIGTRAP, kEventStop);
  } else {
    CHECK_STOP(child, SIGSTOP);
  }
  char path[64], text[4096], expected[64];
  snprintf(path, sizeof path, "/proc/%d/status", child);
  read_file(path, text, sizeof text);
  snprintf(expected, sizeof expected, "TracerPid:\t%d\n", getpid());
  CHECK(strstr(text, expected) != nullptr);
  CHECK_OK(trace(PTRACE_CONT, child));
  CHECK_EXITED(wait_report(child), 6);
}

TEST(fork_event) {
  const pid_t pid = spawn_traced([] { CHECK_EXITED(wait_status(spawn([] { _exit(6); })), 6); }, PTRACE_O_TRACEFORK);
  CHECK_OK(trace(PTRACE_CONT, pid));
  check_new_child(pid, PTRACE_EVENT_FORK, false);
  CHECK_OK(trace(PTRACE_CONT, pid));
  const int status = wait_report(pid);  // the parent hears of its child's end, by a signal too
  if (status == stopped_by(SIGCHLD)) {
    finish(pid, SIGCHLD);
  } else {
    CHECK_EXITED(status, 0);
  }
}

TEST(fork_event_of_a_seized_process) {
  Gate go;
  const pid_t pid = spawn([&] {
    go.wait();
    CHECK_EXITED(wait_status(spawn([] { _exit(6); })), 6);
  });
  CHECK_OK(trace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK));
  go.open();
  check_new_child(pid, PTRACE_EVENT_FORK, true);
  CHECK_OK(trace(PTRACE_CONT, pid));
  const int status = wait_report(pid);
  if (status == stopped_by(SIGCHLD)) {
    finish(pid, SIGCHLD);
  } else {
    CHECK_EXITED(status, 0);
  }
}

TEST(vfork_events) {
  const pid_t pid = spawn_traced(
      [] {
        signal(SIGCHLD, SIG_DFL);
        const pid_t child = vfork();
        if (child == 0) _exit(6);
        CHECK_EXITED(wait_status(child), 6);
      },
      PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_VFORK);
  const auto child = static_cast<pid_t>(message_of(pid));
  CHECK_STOP(child, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_OK(trace(PTRACE_CONT, child));
  CHECK_EXITED(wait_report(child), 6);
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_VFORK_DONE);
  CHECK_EQ(message_of(pid), child);
  CHECK_OK(trace(PTRACE_CONT, pid));
  const int status = wait_report(pid);
  if (status == stopped_by(SIGCHLD)) {
    finish(pid, SIGCHLD);
  } else {
    CHECK_EXITED(status, 0);
  }
}

TEST(fork_without_option_is_not_traced) {
  const pid_t pid = spawn_traced([] { CHECK_EXITED(wait_status(spawn([] { _exit(6); })), 6); });
  CHECK_OK(trace(PTRACE_CONT, pid));
  int status = wait_report(pid);
  if (status == stopped_by(SIGCHLD)) {
    CHECK_OK(trace(PTRACE_CONT, pid));
    status = wait_report(pid);
  }
  CHECK_EXITED(status, 0);
}

static void* sleep_in_thread(void*) {
  pause();
  return nullptr;
}
static void* end_at_once(void*) { return nullptr; }

TEST(thread_event_and_exit) {
  const pid_t pid = spawn_traced(
      [] {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, nullptr, end_at_once, nullptr), 0);
        pthread_join(thread, nullptr);
      },
      PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
  const auto thread = static_cast<pid_t>(message_of(pid));
  CHECK(thread != pid);
  CHECK_STOP(thread, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_OK(trace(PTRACE_CONT, thread));
  CHECK_EXITED(wait_report(thread), 0);  // a thread's end is reported like a process's
  CHECK_EXITED(wait_report(pid), 0);
  CHECK_ERRNO(waitpid(thread, nullptr, __WALL), ECHILD);
}

TEST(threads_are_reported_after_exit_group) {
  const pid_t pid = spawn_traced(
      [] {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, nullptr, sleep_in_thread, nullptr), 0);
        sleep_ms(30);
        _exit(4);
      },
      PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
  const auto thread = static_cast<pid_t>(message_of(pid));
  CHECK_STOP(thread, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, thread));
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_EXITED(wait_report(thread), 4);
  CHECK_EXITED(wait_report(pid), 4);
}

static void* exec_in_thread(void*) { exec_helper("exit_nine"); }

TEST(thread_exec_takes_the_leaders_id) {
  const pid_t pid = spawn_traced(
      [] {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, nullptr, exec_in_thread, nullptr), 0);
        pause();
      },
      PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
  const auto thread = static_cast<pid_t>(message_of(pid));
  CHECK_STOP(thread, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_OK(trace(PTRACE_CONT, thread));
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_EXEC);
  CHECK_EQ(message_of(pid), thread);
  CHECK_ERRNO(trace(PTRACE_CONT, thread), ESRCH);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_EXITED(wait_report(pid), 9);
}

static void* seize_by_thread(void* argument) {
  const pid_t pid = *static_cast<pid_t*>(argument);
  CHECK_OK(trace(PTRACE_SEIZE, pid));
  CHECK_OK(trace(PTRACE_INTERRUPT, pid));
  CHECK_STOP(pid, SIGTRAP, kEventStop);
  sleep_ms(500);
  return nullptr;
}

TEST(only_the_tracing_thread_may_ask) {
  pid_t pid = spawn([] { pause(); });
  wait_asleep(pid);
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, nullptr, seize_by_thread, &pid), 0);
  CHECK(eventually([pid] { return process_state(pid) == 't'; }));
  CHECK_ERRNO(trace(PTRACE_CONT, pid), ESRCH);
  pthread_join(thread, nullptr);
  CHECK(eventually([pid] { return process_state(pid) == 'S'; }));  // its tracer ended
  kill_and_reap(pid);
}

TEST(group_stop_of_threads) {
  const pid_t pid = spawn_traced(
      [] {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, nullptr, sleep_in_thread, nullptr), 0);
        pause();
      },
      PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_STOP(pid, SIGTRAP, PTRACE_EVENT_CLONE);
  const auto thread = static_cast<pid_t>(message_of(pid));
  CHECK_STOP(thread, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, thread));
  CHECK_OK(trace(PTRACE_CONT, pid));
  CHECK_OK(syscall(SYS_tgkill, pid, thread, SIGSTOP));
  CHECK_STOP(thread, SIGSTOP);
  CHECK_OK(trace(PTRACE_CONT, thread, 0, SIGSTOP));
  CHECK_STOP(thread, SIGSTOP);
  CHECK_STOP(pid, SIGSTOP);  // the other thread stops, too, without a signal
  siginfo_t info;
  CHECK_ERRNO(trace(PTRACE_GETSIGINFO, pid, 0, &info), EINVAL);
  kill(pid, SIGKILL);
  CHECK_SIGNALED(wait_report(thread), SIGKILL);
  CHECK_SIGNALED(wait_report(pid), SIGKILL);
}

TEST_SLOW(stress_threads_and_kill, 60) {
  for (int round = 0; round < 20; ++round) {
    const pid_t pid = spawn_traced(
        [] {
          for (;;) {
            pthread_t thread;
            if (pthread_create(&thread, nullptr, end_at_once, nullptr) == 0) pthread_join(thread, nullptr);
          }
        },
        PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    CHECK_OK(trace(PTRACE_SYSCALL, pid));
    for (int i = 0; i < 30 + round; ++i) {
      int status;
      const pid_t got = waitpid(-1, &status, __WALL);
      if (!CHECK(got > 0)) break;
      if (WIFSTOPPED(status)) trace(PTRACE_SYSCALL, got);
    }
    kill(pid, SIGKILL);
    int status = 0;
    pid_t got;
    while ((got = waitpid(-1, &status, __WALL)) > 0)
      if (WIFSTOPPED(status)) trace(PTRACE_CONT, got);
    CHECK_EQ(errno, ECHILD);
  }
}
