// SPDX-License-Identifier: MIT
// What a thread needs to trace and to be traced (ptrace(2)). `tracer` and `tracees` change under the processes lock and, for the traced thread, the signal lock
// of its process together; either suffices to read them. Everything about stops is under that signal lock, except what is said to be the thread's own.
#pragma once

#include <atomic>
#include <list>

#include "abi/linux/ptrace.h"
#include "abi/linux/signal.h"
#include "base/ref.h"
#include "servers/linux/core/wait.h"
#include "servers/linux/process/credentials.h"

namespace hati::linux {

class Thread;

struct TraceState {
  std::list<Ref<Thread>> tracees;  // processes lock
  Thread* tracer = nullptr;
  Ref<const Credentials> tracer_credentials;  // as they were at the attachment
  std::atomic<bool> traced{false};  // tracer != nullptr: a quick look without a lock
  bool seized = false;
  u32 options = 0;  // PtraceOptions

  std::atomic<bool> stopped{false};  // in a ptrace stop: its registers lie still
  bool frozen = false;  // the tracer is at work on it: it stays where it is, even if it is killed
  bool listening = false;  // PTRACE_LISTEN: stopped, but not at the tracer's disposal
  bool dead = false;  // a thread (not the leader) that ended; its tracer has not waited for it yet
  i32 code = 0;  // what wait4 is to report, 0 once it has; when it goes on: the signal to deliver
  i32 exit_status = 0;  // of a dead thread
  bool has_info = false;
  SignalInfo info;  // of the stop
  u64 message = 0;  // PTRACE_GETEVENTMSG
  bool trap_wanted = false;  // PTRACE_INTERRUPT and the like: stop as soon as possible (with kWorkTrap)
  bool uncounted_stop = false;  // a pending group stop that the process does not wait for: it has been counted already
  WaitQueue changed;  // it may go on

  // How it goes on; read by the thread itself while it is not stopped.
  bool calls = false;  // stop at system calls
  bool emulate = false;  // stop before system calls, which are not carried out
  bool step = false;  // stop after one instruction

  // The thread's own, and its tracer's while it is stopped.
  i64 original_rax = -1;  // number of the system call that the thread is in, -1: none
  u64 debug_status = 0;  // DR6 as the tracer sees it
};

}  // namespace hati::linux
