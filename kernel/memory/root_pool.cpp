// SPDX-License-Identifier: MIT
#include "kernel/memory/root_pool.h"

#include <cstring>

#include "kernel/arch/arch.h"
#include "kernel/memory/page_table.h"

namespace hati {

constinit RootPool root_pool;

Result<PhysAddr> RootPool::take(FrameFlags flags) {
  {
    Guard guard(lock_);
    if (count_ != 0) return roots_[--count_];
  }
  const PhysAddr root = TRY(frames.allocate(0, flags | FrameFlags::kZeroed));
  frames.page(root).set_state(PageState::kUsed);
  constexpr u32 kHalf = kTableEntries / 2;
  std::memcpy(phys_to_virt<u64>(root) + kHalf, phys_to_virt<u64>(arch::kernel_root()) + kHalf, kHalf * sizeof(u64));
  return root;
}

void RootPool::give(PhysAddr root) {
  {
    Guard guard(lock_);
    if (count_ < kKept) {
      roots_[count_++] = root;
      return;
    }
  }
  frames.free(root);
}

}  // namespace hati
