// SPDX-License-Identifier: MIT
// Event: stays set until reset; setting it releases everybody who waits.
#pragma once

#include "runtime/async/wait_list.h"

namespace hati::async {

class Event {
 public:
  void set() {
    set_.store(true, std::memory_order_seq_cst);
    waiters_.wake_all();
  }
  void reset() { set_.store(false, std::memory_order_seq_cst); }
  bool is_set() const { return set_.load(std::memory_order_seq_cst); }
  // kCancelled, kTimedOut.
  Task<Result<void>> wait(u64 deadline_ns = kNever);

 private:
  std::atomic<bool> set_{false};
  WaitList waiters_;
};

}  // namespace hati::async
