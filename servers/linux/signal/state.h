// SPDX-License-Identifier: MIT
// Group-wide signal state, for process/ and signal/ only: stops, continuation, exit of a whole process. The functions named *_locked need
// SignalProcessState::lock of the process.
#pragma once

#include "servers/linux/process/process.h"

namespace hati::linux {

// All threads of the process end; the wait status is `status` unless an exit was under way already.
void begin_group_exit(Process& process, i32 status);
void begin_group_exit_locked(Process& process, i32 status) HATI_REQUIRES(process.signals.lock);
// The stop signals' default action: every thread stops; the last one tells the parent.
void begin_group_stop(Process& process, i32 signal);
// A thread that has kWorkStop: sleeps until the process is continued or killed.
Task<> stop_thread(Thread& thread);
// A thread that will never stop any more (it exits) counts as stopped.
void leave_group_stop(Thread& thread);

// Takes a signal that must be acted upon and acts: sets up a handler's frame, stops, ends the process, decides about restart.
void deliver_signals(Thread& thread);
// Its parts, for a thread whose tracer sees each signal first: the next one, whatever is done about it; the action; the decision about restart at the end.
std::optional<SignalInfo> dequeue_signal(Thread& thread);
void act_on_signal(Thread& thread, const SignalInfo& info);
void finish_delivery(Thread& thread);
// The frame of a handler on the program's stack; false if the stack is bad.
bool push_signal_frame(Thread& thread, const SignalInfo& info, const SignalAction& action, SignalSet mask);
// What an interrupted call does now. `handler`: one will run with these flags; null: none.
void resolve_restart(Thread& thread, const SignalAction* handler);

// Tells the parent that a child stopped, continued, … (`code`: CLD_*), and wakes its wait4. Takes the processes lock.
void notify_parent_of_stop(Process& process, i32 code, i32 status);
SignalInfo child_info(Process& child, i32 code, i32 status);

// Whether the processor's state is larger than the legacy area, and its features (XCR0).
u64 extended_features();
// The extended state of a fresh thread.
void reset_extended_state(ThreadPage& page);
// The least stack that a handler's frame needs (AT_MINSIGSTKSZ).
u64 signal_frame_bytes();

}  // namespace hati::linux
