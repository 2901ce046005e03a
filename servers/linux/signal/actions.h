// SPDX-License-Identifier: MIT
// What a process does on each signal: sigaction(2) state, shared by clone(CLONE_SIGHAND). Own lock, the innermost of the signal locks.
#pragma once

#include <array>

#include "abi/linux/signal.h"
#include "base/ref.h"
#include "runtime/spinlock.h"

namespace hati::linux {

enum class DefaultAction : u8 { kTerminate, kCore, kIgnore, kStop, kContinue };
DefaultAction default_action(i32 signal);

class SignalActions : public RefCounted<SignalActions> {
 public:
  static void destroy(SignalActions* actions) { delete actions; }
  Ref<SignalActions> copy() const;  // fork

  SignalAction get(i32 signal) const HATI_EXCLUDES(lock_);
  void set(i32 signal, const SignalAction& action) HATI_EXCLUDES(lock_);
  SignalAction exchange(i32 signal, const SignalAction& action) HATI_EXCLUDES(lock_);
  // exec: handlers go back to the default; CLONE_CLEAR_SIGHAND too. Ignored signals stay ignored.
  void reset_handlers() HATI_EXCLUDES(lock_);

  // Explicitly ignored, or by default.
  bool ignores(i32 signal) const HATI_EXCLUDES(lock_);
  // All signals whose action is SIG_IGN or a handler, for /proc/PID/status.
  SignalSet ignored() const HATI_EXCLUDES(lock_);
  SignalSet caught() const HATI_EXCLUDES(lock_);

 private:
  mutable SpinLock lock_;
  std::array<SignalAction, kSignalCount> actions_ HATI_GUARDED_BY(lock_) = {};
};

}  // namespace hati::linux
