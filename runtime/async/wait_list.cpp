// SPDX-License-Identifier: MIT
#include "runtime/async/wait_list.h"

#include "runtime/check.h"

namespace hati::async {

WaitList::~WaitList() { HATI_CHECK(empty()); }

void WaitList::link_last(WaitLink& link) {
  link.next_ = nullptr;
  link.previous_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = &link;
  last_ = &link;
}

void WaitList::unlink(WaitLink& link) {
  (link.previous_ != nullptr ? link.previous_->next_ : first_) = link.next_;
  (link.next_ != nullptr ? link.next_->previous_ : last_) = link.previous_;
}

void WaitList::add(WaitLink& link) {
  SpinGuard guard(lock_);
  HATI_CHECK(!link.linked_);
  link.linked_ = true;
  link_last(link);
  count_.fetch_add(1, std::memory_order_seq_cst);
}

void WaitList::remove(WaitLink& link) {
  SpinGuard guard(lock_);
  if (!link.linked_) return;
  link.linked_ = false;
  unlink(link);
  count_.fetch_sub(1, std::memory_order_relaxed);
}

u32 WaitList::wake(u32 limit, u64 key) {
  // A full barrier: the condition that the caller has changed is visible before the look at the list (waiters link first, then test).
  if (count_.fetch_add(0, std::memory_order_seq_cst) == 0) return 0;
  SpinGuard guard(lock_);
  u32 counted = 0;
  for (u32 left = count_.load(std::memory_order_relaxed); left > 0 && counted < limit; --left) {
    WaitLink& link = *first_;
    unlink(link);
    link_last(link);
    if (link.callback_(link, key)) ++counted;
  }
  return counted;
}

}  // namespace hati::async
