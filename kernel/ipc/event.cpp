// SPDX-License-Identifier: MIT
#include "kernel/ipc/event.h"

#include <utility>

#include "kernel/ipc/operations.h"
#include "kernel/memory/object_cache.h"
#include "kernel/thread/process.h"

namespace hati {

namespace {

constinit ObjectCache<Event> event_cache;
constexpr u64 kCountMax = ~u64{0} >> 1;

}  // namespace

Result<Ref<Event>> Event::create() { return event_cache.make(); }

void Event::release_storage() { event_cache.destroy(this); }

Result<> Event::signal(u64 count) {
  PendingOperation* waiter = nullptr;
  u64 total = 0;
  {
    Guard guard(lock_);
    if (count > kCountMax - count_) return fail(Error::kNoSpace);
    count_ += count;
    if (count_ == 0) return {};
    waiter = claim_first(waiters_);
    if (waiter != nullptr) total = std::exchange(count_, 0);
  }
  if (waiter != nullptr) waiter->finish(static_cast<i64>(total));
  return {};
}

Result<> Event::wait(PendingOperation& operation) {
  u64 total = 0;
  {
    Guard guard(lock_);
    if (count_ == 0) {
      operation.target = Ref<Object>(*this);
      operation.target_lock = &lock_;
      TRY(operation.track());
      waiters_.push_back(operation);
      return {};
    }
    total = std::exchange(count_, 0);
  }
  operation.finish_untracked(static_cast<i64>(total));
  return {};
}

Result<> start_event_wait(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<Event> event = TRY(thread.process().handles().get<Event>(submission.handle, Rights::kWait));
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  return event->wait(*operation);
}

}  // namespace hati
