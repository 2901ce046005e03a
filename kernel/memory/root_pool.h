// SPDX-License-Identifier: MIT
// Root tables that are ready for use: the kernel's half filled in, the lower half empty. A process that ends leaves its root to the next
// one,
// which saves clearing and copying a page per fork.
#pragma once

#include <array>

#include "base/result.h"
#include "kernel/memory/frames.h"
#include "kernel/sync/spinlock.h"

namespace hati {

class RootPool {
 public:
  // kNoMemory.
  Result<PhysAddr> take(FrameFlags flags) HATI_EXCLUDES(lock_);
  // The lower half is all zero.
  void give(PhysAddr root) HATI_EXCLUDES(lock_);

 private:
  static constexpr u32 kKept = 16;
  Spinlock lock_;
  std::array<PhysAddr, kKept> roots_ HATI_GUARDED_BY(lock_){};
  u32 count_ HATI_GUARDED_BY(lock_) = 0;
};

extern constinit RootPool root_pool;

}  // namespace hati
