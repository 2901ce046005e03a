// SPDX-License-Identifier: MIT
// Whoever waits for pages of paged memory, or for memory to become free: a faulting thread, an operation in flight. Like PendingOperation it
// is finished by exactly one: who claims it.
#pragma once

#include <boost/intrusive/list.hpp>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/object/object.h"
#include "kernel/sync/spinlock.h"

namespace hati {

struct PageWaiterTag;
class PageWaiter : public boost::intrusive::list_base_hook<boost::intrusive::tag<PageWaiterTag>,
                                                           boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  // With `lock` held, which guards the list it is about to be put into; `target` (may be null) is kept alive while it waits. From here on
  // others may claim it. False: it does not wait (any more) and must not be touched.
  virtual bool begin_page_wait(Ref<Object> target, Spinlock& lock) = 0;
  // With that lock held: true for exactly one caller, who takes it out of the list and calls end_page_wait().
  virtual bool claim_page_wait() = 0;
  // Without locks. An error is the page's, or why it will not come.
  virtual void end_page_wait(Result<> result) = 0;

  u64 first_page = 0, end_page = 0;  // what it waits for

 protected:
  PageWaiter() = default;
  ~PageWaiter() = default;
};

using PageWaiters = boost::intrusive::list<PageWaiter, boost::intrusive::base_hook<boost::intrusive::list_base_hook<
    boost::intrusive::tag<PageWaiterTag>, boost::intrusive::link_mode<boost::intrusive::auto_unlink>>>, boost::intrusive::constant_time_size<false>>;

// Claimed waiters, on their way out of a lock.
class ReadyWaiters {
 public:
  explicit ReadyWaiters(Result<> result = {}) : result_(result) {}
  ~ReadyWaiters() { finish(); }
  ReadyWaiters(const ReadyWaiters&) = delete;
  ReadyWaiters& operator=(const ReadyWaiters&) = delete;

  // Takes those out of `waiters` that `wanted` accepts and that can be claimed. The list's lock is held.
  template <class F>
  void take(PageWaiters& waiters, F&& wanted) {
    for (auto it = waiters.begin(); it != waiters.end();) {
      PageWaiter& waiter = *it++;
      if (!wanted(waiter) || !waiter.claim_page_wait()) continue;
      waiters.erase(waiters.iterator_to(waiter));
      ready_.push_back(waiter);
    }
  }
  void finish() {
    while (!ready_.empty()) {
      PageWaiter& waiter = ready_.front();
      ready_.pop_front();
      waiter.end_page_wait(result_);
    }
  }

 private:
  PageWaiters ready_;
  Result<> result_;
};

}  // namespace hati
