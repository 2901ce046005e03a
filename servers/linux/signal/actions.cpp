// SPDX-License-Identifier: MIT
// Signal actions (signal/actions.h); default actions after signal(7).
#include "servers/linux/signal/actions.h"

namespace hati::linux {

DefaultAction default_action(i32 signal) {
  switch (signal) {
    case kSigChld: case kSigUrg: case kSigWinch: return DefaultAction::kIgnore;
    case kSigCont: return DefaultAction::kContinue;
    case kSigStop: case kSigTstp: case kSigTtin: case kSigTtou: return DefaultAction::kStop;
    case kSigQuit: case kSigIll: case kSigTrap: case kSigAbrt: case kSigBus: case kSigFpe: case kSigSegv: case kSigXcpu: case kSigXfsz: case kSigSys:
      return DefaultAction::kCore;
    default: return DefaultAction::kTerminate;
  }
}

Ref<SignalActions> SignalActions::copy() const {
  auto result = Ref<SignalActions>::adopt(new SignalActions);
  SpinGuard guard(lock_);
  SpinGuard other(result->lock_);
  result->actions_ = actions_;
  return result;
}

SignalAction SignalActions::get(i32 signal) const {
  SpinGuard guard(lock_);
  return actions_[signal - 1];
}

void SignalActions::set(i32 signal, const SignalAction& action) { (void)exchange(signal, action); }

SignalAction SignalActions::exchange(i32 signal, const SignalAction& action) {
  SpinGuard guard(lock_);
  return std::exchange(actions_[signal - 1], action);
}

void SignalActions::reset_handlers() {
  SpinGuard guard(lock_);
  for (SignalAction& action : actions_) {
    const u64 kept = action.handler == kSigIgnore ? kSigIgnore : kSigDefault;
    action = SignalAction{.handler = kept};
  }
}

bool SignalActions::ignores(i32 signal) const {
  const u64 handler = get(signal).handler;
  return handler == kSigIgnore || (handler == kSigDefault && (default_action(signal) == DefaultAction::kIgnore || signal == kSigCont));
}

SignalSet SignalActions::ignored() const {
  SpinGuard guard(lock_);
  SignalSet result = 0;
  for (i32 signal = 1; signal <= kSignalCount; ++signal)
    if (actions_[signal - 1].handler == kSigIgnore) result |= signal_bit(signal);
  return result;
}

SignalSet SignalActions::caught() const {
  SpinGuard guard(lock_);
  SignalSet result = 0;
  for (i32 signal = 1; signal <= kSignalCount; ++signal)
    if (actions_[signal - 1].handler > kSigIgnore) result |= signal_bit(signal);
  return result;
}

}  // namespace hati::linux
