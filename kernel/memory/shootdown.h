// SPDX-License-Identifier: MIT
// Translations of other processors. A change that takes rights away is queued for the processors that may hold the old translation; the
// sender goes on. Frames that became free are held until the last of them has flushed. Every request has a sequence number; a FlushTicket
// says up to which number which processors must have flushed. A space that is loaded only here costs nothing of this.
// One lock for all requests; it is innermost but for the lock of Frames.
#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>

#include "base/types.h"
#include "kernel/arch/arch.h"
#include "kernel/sync/spinlock.h"

namespace hati {

// Frames on their way to the allocator, linked through their Page.
class FrameList {
 public:
  void push(PhysAddr frame, u32 order = 0);
  void append(FrameList& other);  // empties the other
  void free_all();
  bool empty() const { return first_ == kNone; }
  u32 count() const { return count_; }

 private:
  static constexpr u32 kNone = ~u32{0};
  u32 first_ = kNone, last_ = kNone;
  u32 count_ = 0;
};

// What must have been flushed: the processors `cpus` up to `sequence`. Grows under the lock of Shootdown; done parts are dropped by whoever
// sees them done.
struct FlushTicket {
  std::atomic<u64> sequence{0};
  std::atomic<u64> cpus{0};
};

// Collects what one operation on a page table takes away; submit() (at the latest the destructor) sees to flushing and freeing.
// Filled and submitted with the space's lock held.
class FlushBatch {
 public:
  FlushBatch(arch::SpaceContext& space, FlushTicket& ticket) : space_(space), ticket_(ticket) {}
  ~FlushBatch() { submit(); }
  FlushBatch(const FlushBatch&) = delete;
  FlushBatch& operator=(const FlushBatch&) = delete;

  // The translation of a page was removed or lost rights.
  void page(u64 address) {
    if (page_count_ < kPagesMax) pages_[page_count_] = address;
    ++page_count_;
  }
  // Tables were removed, or large pages changed: everything of this space is flushed.
  void everything() { page_count_ = kPagesMax + 1; }
  // An empty table: unlinked, but processors may have cached the way through it.
  void table(PhysAddr frame) {
    frames_.push(frame);
    if (page_count_ == 0) everything();
  }
  // Freed after the flush.
  void frame(PhysAddr frame, u32 order = 0) { frames_.push(frame, order); }
  void frames(FrameList& list) { frames_.append(list); }

  // To be called before a count of a frame that others share is given up: until submit() nobody frees such a frame at once.
  void before_release() {
    if (!announced_) announce();
  }
  void submit();

  static constexpr u32 kPagesMax = 32;

 private:
  friend class Shootdown;
  arch::SpaceContext& space_;
  FlushTicket& ticket_;
  void announce();

  FrameList frames_;
  u32 page_count_ = 0;
  bool announced_ = false;
  std::array<u64, kPagesMax> pages_;
};

// Something to be told when a ticket's flushes are done. Embedded in a thread.
class FlushWaiter : public boost::intrusive::list_base_hook<> {
 public:
  // On any processor, without locks; the waiter is not queued any more.
  virtual void flushed() = 0;

 protected:
  FlushWaiter() = default;
  ~FlushWaiter() = default;

 private:
  friend class Shootdown;
  u64 sequence_ = 0;
  u64 cpus_ = 0;
  bool queued_ = false;
};

class Shootdown {
 public:
  Shootdown() = default;

  // Ipi::kShootdown arrived: flushes, acknowledges, frees, tells waiters.
  void on_interrupt() HATI_EXCLUDES(lock_);
  // Flush the processors `cpus` (not this one) for the batch and hold its frames. The ticket then covers this, too.
  void request(FlushBatch& batch, u64 cpus) HATI_EXCLUDES(lock_);
  // This processor goes idle, with whatever space is loaded, or stops being so, before it runs a thread. Requests do not wake an idle
  // processor: it counts as flushed and flushes everything when it leaves idle.
  void enter_idle() { idle_[this_cpu().id].store(kIdle, std::memory_order_seq_cst); }
  void leave_idle() {
    if (idle_[this_cpu().id].exchange(kBusy, std::memory_order_seq_cst) == kIdleFlush) arch::invalidate_all();
  }

  // Makes all processors load something else than this space, in which no thread runs any more. True when none has it loaded; else
  // call again later.
  bool evict(arch::SpaceContext& space) HATI_EXCLUDES(lock_);
  // Frees frames, after all flushes that were requested until now: a processor may still reach one through what was taken from another
  // space, or from a mapping that is gone.
  void free(FrameList& list) HATI_EXCLUDES(lock_);
  bool pending(FlushTicket& ticket) HATI_EXCLUDES(lock_);
  // What `other` waits for is awaited by `ticket`, too (a clone waits for its source's flushes).
  void join(FlushTicket& ticket, const FlushTicket& other) HATI_EXCLUDES(lock_);
  // Queues the waiter, or returns false if there is nothing to wait for.
  bool wait(FlushTicket& ticket, FlushWaiter& waiter) HATI_EXCLUDES(lock_);
  // Takes a waiter out, if it is queued. False: flushed() was or is about to be called.
  bool cancel(FlushWaiter& waiter) HATI_EXCLUDES(lock_);

 private:
  friend class FlushBatch;
  struct Batch {
    u64 sequence = 0;
    u64 cpus = 0;  // not acknowledged; 0: this entry is unused
    FrameList frames;
    u32 page_count = 0;
    std::array<u64, FlushBatch::kPagesMax> pages{};
  };
  static constexpr u32 kBatches = 64;
  using Waiters = boost::intrusive::list<FlushWaiter, boost::intrusive::constant_time_size<false>>;

  bool done(u64 sequence, u64 cpus) const;
  u64 remaining(const FlushTicket& ticket) const HATI_REQUIRES(lock_);
  enum : u8 { kBusy, kIdle, kIdleFlush };

  static void send(u64 cpus);
  u64 without_idle(u64 cpus);
  u64 owing_cpus() const HATI_REQUIRES(lock_);
  Batch& batch_for(u64 cpus) HATI_REQUIRES(lock_);
  void flush_for(u64 bit) HATI_REQUIRES(lock_);
  void take_done_waiters(Waiters& out) HATI_REQUIRES(lock_);

  std::atomic<u32> announced_{0};  // batches between before_release() and submit()
  std::atomic<u32> outstanding_{0};  // entries of batches_ in use; written under lock_

  Spinlock lock_;
  u64 sequence_ HATI_GUARDED_BY(lock_) = 0;
  std::array<Batch, kBatches> batches_ HATI_GUARDED_BY(lock_){};
  arch::SpaceContext* evicted_ HATI_GUARDED_BY(lock_) = nullptr;  // one at a time
  Waiters waiters_ HATI_GUARDED_BY(lock_);
  std::array<std::atomic<u8>, kCpusMax> idle_{};
  std::array<std::atomic<u64>, kCpusMax> acknowledged_{};  // each processor has flushed up to this
};

extern Shootdown shootdown;

}  // namespace hati
