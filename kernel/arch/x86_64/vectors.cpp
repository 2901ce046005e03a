// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/vectors.h"

namespace hati::arch {

Result<u32> VectorTable::take(const Use& use) {
  Guard guard(lock_);
  for (u32 i = 0; i < kCount; ++i) {
    if (uses_[i].target != nullptr) continue;
    uses_[i] = use;
    ++in_use_;
    return kVectorDeviceFirst + i;
  }
  return fail(Error::kNoSpace);
}

void VectorTable::give_back(u32 vector) {
  if (!is_device(vector)) return;
  Guard guard(lock_);
  Use& use = uses_[vector - kVectorDeviceFirst];
  if (use.target != nullptr) --in_use_;
  use = {};
}

VectorTable::Use VectorTable::lookup(u32 vector) const {
  if (!is_device(vector)) return {};
  Guard guard(lock_);
  return uses_[vector - kVectorDeviceFirst];
}

u32 VectorTable::vector_of(u32 gsi) const {
  Guard guard(lock_);
  for (u32 i = 0; i < kCount; ++i)
    if (uses_[i].target != nullptr && uses_[i].gsi == gsi) return kVectorDeviceFirst + i;
  return 0;
}

u32 VectorTable::in_use() const {
  Guard guard(lock_);
  return in_use_;
}

Result<u32> choose_message_cpu(std::span<const MessageTarget> cpus, u32 wanted) {
  const auto usable = [&](u32 i) { return cpus[i].reachable && cpus[i].in_use < VectorTable::kCount; };
  if (wanted < cpus.size() && usable(wanted)) return wanted;
  u32 best = static_cast<u32>(cpus.size());
  for (u32 i = 0; i < cpus.size(); ++i)
    if (usable(i) && (best == cpus.size() || cpus[i].in_use < cpus[best].in_use)) best = i;
  if (best == cpus.size()) return fail(Error::kNoSpace);
  return best;
}

}  // namespace hati::arch
