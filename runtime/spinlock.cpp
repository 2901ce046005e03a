// SPDX-License-Identifier: MIT
// The slow path of SpinLock.
#include "runtime/spinlock.h"

#include "runtime/call.h"

namespace hati {

void SpinLock::lock_slow() {
  constexpr int kSpins = 64;
  for (;;) {
    for (int i = 0; i < kSpins; ++i) {
      if (!locked_.load(std::memory_order_relaxed) && !locked_.exchange(true, std::memory_order_acquire)) return;
      __builtin_ia32_pause();
    }
    // The holder may wait for this processor.
    call::thread_yield();
  }
}

}  // namespace hati
