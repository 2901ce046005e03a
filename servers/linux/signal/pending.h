// SPDX-License-Identifier: MIT
// Signals that wait to be taken: sets and queues of threads and processes (signal(7)). Everything here is guarded by SignalProcessState::lock of the
// process, except what only the thread itself touches.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <optional>

#include "abi/linux/signal.h"
#include "runtime/spinlock.h"
#include "servers/linux/core/wait.h"

namespace hati::linux {

// Real users' count of queued signals against RLIMIT_SIGPENDING.
class SignalQuota;

// One set with its queue. Standard signals are pending at most once; real-time signals queue.
class PendingSignals {
 public:
  SignalSet set() const { return set_; }
  bool has(i32 signal) const { return (set_ & signal_bit(signal)) != 0; }
  // A standard signal that is pending already is merged: false.
  bool add(const SignalInfo& info);
  // Only the bit, when the queue is full: the information is lost (SI_USER, pid 0), as on Linux.
  void add_bit(i32 signal) { set_ |= signal_bit(signal); }
  // Takes the lowest signal within `wanted` (synchronous ones first).
  std::optional<SignalInfo> take(SignalSet wanted);
  void remove(SignalSet signals);
  void clear() { remove(~SignalSet{0}); }
  usize queued() const { return queue_.size(); }
  const std::list<SignalInfo>& queue() const { return queue_; }
  // The queued entry of a timer, to count overruns instead of queueing twice.
  SignalInfo* find_timer(i32 signal, i32 timer_id);

 private:
  SignalSet set_ = 0;
  std::list<SignalInfo> queue_;
};

// Signal state of a thread. `mask` is changed by the thread itself under the lock; it may read it without.
struct SignalThreadState {
  std::atomic<SignalSet> mask{0};
  SignalSet saved_mask = 0;            // to restore after the handler or at once (rt_sigsuspend, ppoll)
  bool restore_mask = false;
  SignalSet waiting_for = 0;           // rt_sigtimedwait: these wake although blocked
  PendingSignals pending;
  SignalStack stack;                   // sigaltstack(2)
  bool waits_for_core = false;         // at its end, whole, until the core is written; under the signal lock
  bool past_core = false;              // ends without waiting for a core
};

// Signal state of a process.
struct SignalProcessState {
  mutable SpinLock lock;
  PendingSignals pending;
  WaitQueue arrived;                   // woken (kPollIn) by each new signal: signalfd, rt_sigtimedwait

  // Exit of the whole group (exit_group, fatal signal, exec of one thread).
  bool group_exit = false;
  i32 group_exit_status = 0;           // wait status
  class Thread* group_exec = nullptr;  // exec: all others go, this one stays

  // Group stop: threads that still have to stop; then the parent is told.
  bool stopping = false;               // stop in progress or complete
  u32 stop_remaining = 0;
  i32 stop_signal = 0;
  bool stop_reported = false;          // wait4(WUNTRACED) has taken it
  bool continued_unreported = false;   // wait4(WCONTINUED) may take it
  WaitQueue resumed;                   // SIGCONT or SIGKILL came

  class Thread* core_dumper = nullptr; // writes the core (exec/core_dump.h); the others wait until it is null again
  SignalInfo core_info;                // the signal that ended the process
  WaitQueue core_changed;

  bool unkillable = false;             // init: signals without handler do nothing
};

}  // namespace hati::linux
