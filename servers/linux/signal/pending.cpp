// SPDX-License-Identifier: MIT
// Pending signals (signal/pending.h).
#include "servers/linux/signal/pending.h"

#include <bit>

namespace hati::linux {

bool PendingSignals::add(const SignalInfo& info) {
  if (info.signal < kSigRtMin && has(info.signal)) return false;
  set_ |= signal_bit(info.signal);
  queue_.push_back(info);
  return true;
}

std::optional<SignalInfo> PendingSignals::take(SignalSet wanted) {
  const SignalSet candidates = set_ & wanted;
  if (candidates == 0) return std::nullopt;
  const SignalSet first = (candidates & kSynchronousSignals) != 0 ? candidates & kSynchronousSignals : candidates;
  const i32 signal = std::countr_zero(first) + 1;

  std::optional<SignalInfo> result;
  bool more = false;
  for (auto entry = queue_.begin(); entry != queue_.end();) {
    if (entry->signal != signal) {
      ++entry;
    } else if (!result) {
      result = *entry;
      entry = queue_.erase(entry);
    } else {
      more = true;
      break;
    }
  }
  if (!more) set_ &= ~signal_bit(signal);
  if (!result) result = SignalInfo{.signal = signal, .code = kSiUser};  // its information did not fit into the queue
  return result;
}

void PendingSignals::remove(SignalSet signals) {
  if ((set_ & signals) == 0) return;
  set_ &= ~signals;
  std::erase_if(queue_, [signals](const SignalInfo& info) { return (signal_bit(info.signal) & signals) != 0; });
}

SignalInfo* PendingSignals::find_timer(i32 signal, i32 timer_id) {
  if (!has(signal)) return nullptr;
  for (SignalInfo& info : queue_)
    if (info.signal == signal && info.code == kSiTimer && info.timer_id() == timer_id) return &info;
  return nullptr;
}

}  // namespace hati::linux
