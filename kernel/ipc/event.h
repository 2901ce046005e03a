// SPDX-License-Identifier: MIT
// A counter that can be waited for. A wait takes the whole count.
#pragma once

#include "kernel/ipc/pending.h"

namespace hati {

class Event final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kEvent;

  static Result<Ref<Event>> create();

  // Adds to the count and completes the oldest wait. kNoSpace: the count would pass 2^63-1.
  Result<> signal(u64 count) HATI_EXCLUDES(lock_);
  // kEventWait.
  Result<> wait(PendingOperation& operation) HATI_EXCLUDES(lock_);

  Event() : Object(kType) {}

 private:
  void release_storage() override;

  Spinlock lock_;
  u64 count_ HATI_GUARDED_BY(lock_) = 0;
  TargetList waiters_ HATI_GUARDED_BY(lock_);
};

}  // namespace hati
