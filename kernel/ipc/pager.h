// SPDX-License-Identifier: MIT
// A pager's end of its paged objects: which of them have requests, and the operations that wait for one. It ends with the last handle to it:
// nobody will answer then, and all objects are told.
#pragma once

#include "kernel/ipc/pending.h"
#include "kernel/memory/paged_memory.h"
#include "kernel/object/deferred.h"

namespace hati {

class Pager final : public Object, public PageSource, private Deferred {
 public:
  static constexpr ObjectType kType = ObjectType::kPager;

  static Result<Ref<Pager>> create();

  // A new object. kPeerClosed: the pager is gone.
  Result<> adopt(PagedMemory& memory) HATI_EXCLUDES(lock_);
  // kPagerWait.
  Result<> wait(PendingOperation& operation) HATI_EXCLUDES(lock_);

  void work_ready(PagedMemory& memory) override HATI_EXCLUDES(lock_);
  void forget(PagedMemory& memory) override HATI_EXCLUDES(lock_);

  Pager() : Object(kType) {}

 private:
  using Objects = boost::intrusive::list<PagedMemory, boost::intrusive::base_hook<PagerHook>, boost::intrusive::constant_time_size<false>>;
  using Queue = boost::intrusive::list<PagedMemory, boost::intrusive::base_hook<PagerQueueHook>, boost::intrusive::constant_time_size<false>>;

  void on_last_handle() override;
  void release_storage() override;
  bool run_deferred() override;
  void serve() HATI_EXCLUDES(lock_);
  PendingOperation* take_waiter() HATI_EXCLUDES(lock_);
  Ref<PagedMemory> next_to_tell() HATI_EXCLUDES(lock_);

  Spinlock lock_;  // a Memory's pages_lock_ is taken inside
  bool dead_ HATI_GUARDED_BY(lock_) = false;
  Objects objects_ HATI_GUARDED_BY(lock_);
  Objects told_ HATI_GUARDED_BY(lock_);  // know that the pager is gone
  Queue queue_ HATI_GUARDED_BY(lock_);   // with requests
  TargetList waiters_ HATI_GUARDED_BY(lock_);
  Ref<PagedMemory> telling_;             // of run_deferred()
};

}  // namespace hati
