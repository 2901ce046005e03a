// SPDX-License-Identifier: MIT
// When a busy CPU gives a thread to another busy one. It looks at the end of a time slice, when it has a tick anyway: a CPU with one thread is
// never disturbed. A thread is given away if that makes the two loads more equal. Where the numbers cannot be equal (three threads, two CPUs)
// the odd one goes round: whoever has had the most lately shares from now on, so that in the long run all get the same.
// Portable: no locks, no clock of its own.
#pragma once

#include "base/types.h"
#include "kernel/thread/run_queue.h"

namespace hati {

inline constexpr u64 kBalanceNs = 24'000'000;  // a CPU gives away one thread in so long at most
inline constexpr u64 kShareWindowNs = 400'000'000;  // what "lately" means

enum class Balance : u8 {
  kStay,
  kMove,  // the loads become more equal
  kRotate,  // they change places: only worth it for the thread that has had the most
};

// Loads are sums of weights, running threads included; `mine` includes the thread of `weight` that would go to the CPU with `theirs`.
constexpr Balance balance(u64 mine, u64 theirs, u32 weight) {
  if (mine < theirs + weight) return Balance::kStay;
  const u64 gain = mine - theirs - weight;
  return gain > weight / 16 ? Balance::kMove : Balance::kRotate;
}

// Run time lately, for comparison between threads: a window that begins some time ago and is halved when it gets long.
class RecentShare {
 public:
  // `ran_ns`: the thread's whole run time. Run time per time and weight, in 1/1024.
  u64 rate(u64 ran_ns, u32 weight, u64 now_ns) const {
    const u64 window = now_ns - start_ns_ + 1;
    return (ran_ns - ran_before_ns_) * kNiceZeroWeight / (window / 1024 + 1) * kNiceZeroWeight / weight;
  }
  void update(u64 ran_ns, u64 now_ns) {
    const u64 window = now_ns - start_ns_;
    if (window <= kShareWindowNs) return;
    // As if the rate had been the same all the time.
    const u64 kept = (ran_ns - ran_before_ns_) / 1024 * (kShareWindowNs / 2) / (window / 1024);
    ran_before_ns_ = ran_ns - kept;
    start_ns_ = now_ns - kShareWindowNs / 2;
  }

 private:
  u64 start_ns_ = 0, ran_before_ns_ = 0;
};

}  // namespace hati
