// SPDX-License-Identifier: MIT
// Sending signals: the one door for kill(2), terminals, timers, faults, children. All take the locks they need; the caller holds none of them.
#pragma once

#include "servers/linux/core/thread.h"
#include "servers/linux/process/process.h"

namespace hati::linux {

SignalInfo kernel_signal(i32 signal);                          // si_code SI_KERNEL
SignalInfo user_signal(const Thread& sender, i32 signal);      // SI_USER with pid and uid

// To a process: any thread that does not block it. kAGAIN if a real-time signal exceeds RLIMIT_SIGPENDING.
SysResult<> send_signal(Process& process, const SignalInfo& info);
// To one thread.
SysResult<> send_signal(Thread& thread, const SignalInfo& info);
// To all members of a process group (terminals): no permission check.
void send_signal(World& world, ProcessGroup& group, const SignalInfo& info);
// SIGKILL or the like to everybody but init and, optionally, one process.
void send_to_all(World& world, const SignalInfo& info, const Process* except);
// Raised by the thread's own instruction: cannot be blocked or ignored (then it kills).
void force_signal(Thread& thread, SignalInfo info);
// SIGPIPE, SIGXFSZ … of the calling thread.
void raise_signal(Thread& thread, i32 signal);

// signalfd(2), rt_sigtimedwait(2): takes the first pending signal within `wanted`, of the thread or its process.
std::optional<SignalInfo> take_signal(Thread& thread, SignalSet wanted);
// Pending for the thread: its own and its process's.
SignalSet pending_signals(Thread& thread);
// poll(2) of a signalfd: process().signals.arrived is woken with kPollIn whenever a signal arrives.

// Whether `sender` may signal `target` (kill(2)).
bool may_signal(const Thread& sender, Process& target, i32 signal);
// Terminal access from the background: true if `signal` (SIGTTIN, SIGTTOU) is blocked or ignored by the thread.
bool signal_blocked_or_ignored(Thread& thread, i32 signal);
// Sets the thread's mask (SIGKILL and SIGSTOP are left out) and looks for signals that it frees.
void set_signal_mask(Thread& thread, SignalSet mask);
// For ppoll, pselect, rt_sigsuspend, epoll_pwait: `mask` until the call has ended; the old one comes back after a handler has run, or at once
// through restore_signal_mask() if the call ended without a signal.
void set_temporary_mask(Thread& thread, SignalSet mask);
void restore_signal_mask(Thread& thread);

}  // namespace hati::linux
