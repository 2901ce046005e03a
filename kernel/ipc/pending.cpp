// SPDX-License-Identifier: MIT
#include "kernel/ipc/pending.h"

#include "kernel/ipc/pending_inline.h"
#include "kernel/ipc/ring.h"
#include "kernel/memory/object_cache.h"
#include "kernel/thread/scheduler.h"

namespace hati {

namespace {

constinit ObjectCache<PendingOperation> operation_cache;

}  // namespace

Result<PendingOperation*> PendingOperation::construct() { return operation_cache.construct(); }
void PendingOperation::destroy() { operation_cache.destroy(this); }

Result<PendingOperation*> PendingOperation::make(Ring& ring, const Submission& submission) {
  return make_inline(ring, submission.operation, submission.flags, submission.user_data);
}
void PendingOperation::release() { release_inline(); }

Result<> PendingOperation::track(u64 deadline_ns) {
  auto tracked = ring_->track(*this, deadline_ns);
  if (!tracked) release();
  return tracked;
}

void PendingOperation::unlink() {
  TimerQueue::remove(*this);
  if (target_lock != nullptr) {
    Guard guard(*target_lock);
    if (TargetHook::is_linked()) TargetHook::unlink();
    if (PageWaiter::is_linked()) PageWaiter::unlink();
  }
  ring_->untrack(*this);
}

void PendingOperation::finish(i64 result, u64 value0, u64 value1) {
  unlink();
  finish_untracked(result, value0, value1);
}

void PendingOperation::finish_untracked(i64 result, u64 value0, u64 value1) {
  if (result >= 0 && (flags_ & kSubmitQuiet) != 0) return release();
  const Ref<Ring> ring{*ring_};
  if (!ring->complete({user_data(), result, {value0, value1}}, *this)) release();
}

bool PendingOperation::begin_page_wait(Ref<Object> wanted, Spinlock& lock) {
  target = std::move(wanted);
  target_lock = &lock;
  return track().has_value();
}

bool PendingOperation::claim_page_wait() {
  if (!claim()) return false;
  target_lock = nullptr;  // it is being taken out of the list
  return true;
}

void PendingOperation::end_page_wait(Result<> result) { finish(result ? 0 : -static_cast<i64>(result.error())); }

// kTimeout itself, and any operation whose deadline came.
void PendingOperation::expired() { finish(Error::kTimedOut); }

}  // namespace hati
