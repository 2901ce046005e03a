// SPDX-License-Identifier: MIT
// Which device interrupt a vector of one processor means. Each processor has a table of its own, so the same number may serve another device
// elsewhere. A table has its own lock; nothing here touches hardware, so it is tested on the host.
#pragma once

#include <array>
#include <span>

#include "base/result.h"
#include "base/types.h"
#include "kernel/arch/vector_numbers.h"
#include "kernel/sync/spinlock.h"

namespace hati {
class Interrupt;
}

namespace hati::arch {

class VectorTable {
 public:
  static constexpr u32 kCount = kVectorDeviceLast - kVectorDeviceFirst + 1;
  static constexpr u32 kNoLine = ~0u;  // a message

  struct Use {
    Interrupt* target = nullptr;  // null: the vector is free
    u32 gsi = kNoLine;
    bool level = false;
  };

  // A free vector now has this use. kNoSpace.
  Result<u32> take(const Use& use) HATI_EXCLUDES(lock_);
  void give_back(u32 vector) HATI_EXCLUDES(lock_);
  // Free also for numbers that are no device's.
  Use lookup(u32 vector) const HATI_EXCLUDES(lock_);
  // The vector of a line, 0 if it has none.
  u32 vector_of(u32 gsi) const HATI_EXCLUDES(lock_);
  u32 in_use() const HATI_EXCLUDES(lock_);

 private:
  static bool is_device(u32 vector) { return vector >= kVectorDeviceFirst && vector <= kVectorDeviceLast; }

  mutable Spinlock lock_;
  std::array<Use, kCount> uses_ HATI_GUARDED_BY(lock_){};
  u32 in_use_ HATI_GUARDED_BY(lock_) = 0;
};

// A processor as a destination of messages.
struct MessageTarget {
  u32 in_use;  // vectors taken
  bool reachable;  // a message can name it
};
// `wanted` if it is one of them, reachable and not full; else the one with most room. kNoSpace: none has any.
Result<u32> choose_message_cpu(std::span<const MessageTarget> cpus, u32 wanted);

}  // namespace hati::arch
