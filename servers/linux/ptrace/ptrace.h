// SPDX-License-Identifier: MIT
// Being traced: what the life of a thread (core, process, signal, exec) asks of ptrace. The tracer's side is ptrace(2) itself, in request.cpp. A thread whose
// system calls or steps are reported carries kWorkTrace all the time, which leads run() to traced_round(): untraced threads pay nothing.
#pragma once

#include <vector>

#include "abi/linux/process.h"
#include "servers/linux/process/exit.h"
#include "servers/linux/process/process.h"

namespace hati::linux {

struct TraceStop {
  i32 code;  // as wait4 reports it: signal | event << 8
  i32 why = kCldTrapped;  // si_code of the tracer's SIGCHLD
  const SignalInfo* info = nullptr;  // for PTRACE_GETSIGINFO
  u64 message = 0;  // for PTRACE_GETEVENTMSG
};
// Stops the calling thread until its tracer lets it go on; the signal that the tracer gives it, 0 for none. Without a tracer, or with a fatal signal
// pending, it does not stop and returns the code.
Task<i32> trace_stop(Thread& thread, TraceStop stop);
// The end of a system call of a thread with kWorkTrace: tells the tracer if it has asked for calls or steps.
Task<> trace_call_end(Thread& thread, u64 number);
// PTRACE_EVENT_*: stops if the tracer has asked for that event.
Task<> trace_event(Thread& thread, i32 event, u64 message);
bool trace_event_enabled(const Thread& thread, i32 event);
// After execve: the event or, for a tracer that has not asked for it, a SIGTRAP. `old_tid`: before the thread became the leader.
Task<> trace_exec(Thread& thread, Tid old_tid);
// A traced thread with kWorkStop or kWorkTrap: the group stop or PTRACE_INTERRUPT.
Task<> trace_trap(Thread& thread);
// deliver_signals() of a traced thread: each signal is shown to the tracer first.
Task<> deliver_signals_traced(Thread& thread);

// The event of clone(2) with these arguments, 0 if the tracer has not asked for it.
i32 clone_event(const Thread& parent, const CloneArguments& arguments);
// The child of a traced thread is traced, too, if the tracer wants it (or CLONE_PTRACE says so). Before the child runs.
void trace_inherit(Thread& parent, Thread& child, const CloneArguments& arguments) HATI_REQUIRES(ProcessTable::lock);

// ---- exit and wait ----

// The tracer ends: its tracees go on untraced.
void trace_release_all(Thread& tracer, ExitNotices& notices) HATI_REQUIRES(ProcessTable::lock);
// A thread that is not the leader ended: true if its tracer will wait for it, so that its id stays taken.
bool trace_thread_ended(Thread& thread) HATI_REQUIRES(ProcessTable::lock);
// Tells the tracer of such a thread, without the signal lock.
void trace_announce_thread(Thread& thread, ExitNotices& notices) HATI_REQUIRES(ProcessTable::lock);
// The process's leader is traced by somebody else than its parent's threads.
bool traced_by_other(const Process& process) HATI_REQUIRES(ProcessTable::lock);
// Ends the tracing of a thread that is gone (its id is free afterwards) or whose object leaves its process. The reference is to be dropped without locks.
Ref<Thread> trace_forget(Thread& thread) HATI_REQUIRES(ProcessTable::lock);
// Tells the tracer of a zombie process that it is one.
void trace_announce(Process& zombie) HATI_REQUIRES(ProcessTable::lock);

// ---- signals ----

// SIGCONT came or another stop signal: seized threads trap again. With the signal lock of the thread's process.
void trace_group_changed(Thread& thread);

// ---- permission ----

enum class AccessMode : u8 { kRead, kAttach };
// __ptrace_may_access(): same user and no more capabilities, or CAP_SYS_PTRACE. With `real`: the caller's real ids count (system calls), else those for file
// access (procfs).
bool may_access(const Thread& caller, Thread& target, AccessMode mode, bool real);

// execve: a set-user-ID program under a tracer that could not have traced it runs without its privileges.
bool trace_permits_set_id(const Thread& thread);

// ---- memory ----

// A debugger's copies: whatever the mappings permit. Up to the first bad address; kIO if that is the first.
SysResult<usize> debug_read(UserMemory memory, u64 address, void* to, usize bytes);
SysResult<usize> debug_write(UserMemory memory, u64 address, const void* from, usize bytes);

}  // namespace hati::linux
