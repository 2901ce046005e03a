// SPDX-License-Identifier: MIT
// What the page cache does beside requests: hints at old dirty pages from a timer, which runs only while there are any, and reclaim as
// deferred work of the processor that found memory low.
#include "kernel/arch/arch.h"
#include "kernel/cpu/cpu.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/page_cache.h"
#include "kernel/object/deferred.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/timer.h"

namespace hati {

namespace {

class WriteBackTimer final : public Timer {
 public:
  void arm(u64 deadline_ns) {
    if (!armed_.exchange(true, std::memory_order_acq_rel)) add_timer(*this, deadline_ns);
  }

 private:
  bool claim_expiry() override { return true; }
  void expired() override {
    armed_.store(false, std::memory_order_release);
    if (const u64 next_ns = page_cache.write_back_old(arch::now_ns()); next_ns != kNever) arm(next_ns);
  }
  std::atomic<bool> armed_{false};
};

class Reclaimer final : public Deferred {
 public:
  void start() {
    if (!std::exchange(queued_, true)) defer(*this);
  }

 private:
  static constexpr u32 kPiecesAtOnce = 2;
  bool run_deferred() override {
    for (u32 i = 0; i < kPiecesAtOnce; ++i) {
      if (frames.relieved() || page_cache.exhausted()) {
        queued_ = false;
        if (!frames.relieved()) page_cache.write_back_some();
        return true;
      }
      page_cache.reclaim_piece();
    }
    return false;
  }
  bool queued_ = false;
};

WriteBackTimer write_back_timer;
PerCpu<Reclaimer> reclaimers;

}  // namespace

u64 page_cache_now_ns() { return arch::now_ns(); }
void page_cache_arm(u64 deadline_ns) { write_back_timer.arm(deadline_ns); }
void memory_is_low() { reclaimers.local().start(); }

}  // namespace hati
