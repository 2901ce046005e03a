// SPDX-License-Identifier: MIT
// Many in, or one alone: input and output of a file's data against truncation. Who waits alone keeps newcomers out.
#pragma once

#include <utility>

#include "runtime/async/mutex.h"
#include "runtime/async/wait_list.h"
#include "servers/ext4/errors.h"

namespace hati::ext4 {

class Gate {
 public:
  class [[nodiscard]] Inside {
   public:
    explicit Inside(Gate& gate) : gate_(&gate) {}
    Inside(Inside&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Inside& operator=(Inside&&) = delete;
    ~Inside() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    Gate* gate_;
  };

  Task<Inside> enter() {
    auto door = co_await door_.lock();
    inside_.fetch_add(1, std::memory_order_seq_cst);
    co_return Inside(*this);
  }
  // kInterrupted.
  Async<Mutex::Guard> enter_alone() {
    auto door = co_await door_.lock();
    async::WaitEntry entry(empty_);
    while (inside_.load(std::memory_order_seq_cst) != 0) {
      if (auto waited = co_await entry.wait(); !waited) co_return failed(Errno::kInterrupted);
    }
    co_return door;
  }

 private:
  void leave() {
    if (inside_.fetch_sub(1, std::memory_order_seq_cst) == 1) empty_.wake_all();
  }

  Mutex door_;
  std::atomic<u32> inside_{0};
  async::WaitList empty_;
};

}  // namespace hati::ext4
