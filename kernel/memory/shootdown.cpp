// SPDX-License-Identifier: MIT
// A processor acknowledges by flushing with lock_ held: whatever was requested before it took the lock had changed its page tables
// before, so
// the flush covers it, and requests made later have larger numbers. When all entries of `batches_` are in use, a request joins the newest.
#include "kernel/memory/shootdown.h"

#include <algorithm>
#include <bit>

#include "kernel/memory/frames.h"

namespace hati {

Shootdown shootdown;

void FrameList::push(PhysAddr frame, u32 order) {
  Page& page = hati::frames.page(frame);
  page.order = static_cast<u8>(order);
  page.next = kNone;
  const auto number = static_cast<u32>(frame.frame());
  if (first_ == kNone)
    first_ = number;
  else
    hati::frames.page(PhysAddr{u64{last_} << kPageShift}).next = number;
  last_ = number;
  ++count_;
}

void FrameList::append(FrameList& other) {
  if (other.empty()) return;
  if (first_ == kNone)
    first_ = other.first_;
  else
    hati::frames.page(PhysAddr{u64{last_} << kPageShift}).next = other.first_;
  last_ = other.last_;
  count_ += other.count_;
  other = FrameList{};
}

void FrameList::free_all() {
  u32 number = first_;
  first_ = last_ = kNone;
  count_ = 0;
  while (number != kNone) {
    const PhysAddr frame{u64{number} << kPageShift};
    Page& page = hati::frames.page(frame);
    number = page.next;
    if (page.state() == PageState::kMemory && !page.drop_reference()) continue;  // pinned: the last pin frees it
    if (page.state() == PageState::kTable)
      hati::frames.free_zeroed(frame);
    else
      hati::frames.free(frame, page.order);
  }
}

void FlushBatch::announce() {
  const u64 self = u64{1} << this_cpu().id;
  if ((space_.active_cpus.load(std::memory_order_relaxed) & ~self) == 0) return;
  announced_ = true;
  shootdown.announced_.fetch_add(1, std::memory_order_seq_cst);
}

void FlushBatch::submit() {
  if (page_count_ != 0) {
    // The page tables were written before; whoever sets its bit later loads them afresh.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const u64 self = u64{1} << this_cpu().id;
    const u64 active = space_.active_cpus.load(std::memory_order_relaxed);
    if ((active & self) != 0) {
      if (page_count_ > kPagesMax)
        arch::invalidate_all();
      else
        for (u32 i = 0; i < page_count_; ++i) arch::invalidate_page(pages_[i]);
    }
    if ((active & ~self) != 0) [[unlikely]] {
      if (const u64 cpus = shootdown.without_idle(active & ~self); cpus != 0) shootdown.request(*this, cpus);
    }
    page_count_ = 0;
  }
  if (announced_) {
    announced_ = false;
    shootdown.announced_.fetch_sub(1, std::memory_order_seq_cst);
  }
  if (!frames_.empty()) shootdown.free(frames_);
}

// Those of `cpus` that are not idle; the others will flush before they run a thread.
u64 Shootdown::without_idle(u64 cpus) {
  u64 busy = 0;
  for (; cpus != 0; cpus &= cpus - 1) {
    std::atomic<u8>& state = idle_[std::countr_zero(cpus)];
    u8 expected = kIdle;
    if (state.compare_exchange_strong(expected, kIdleFlush, std::memory_order_seq_cst) || expected == kIdleFlush) continue;
    busy |= cpus & -cpus;
  }
  return busy;
}

void Shootdown::free(FrameList& list) {
  const bool announced = announced_.load(std::memory_order_seq_cst) != 0;  // first: an announced batch becomes an outstanding one
  if (!announced && outstanding_.load(std::memory_order_seq_cst) == 0) [[likely]]
    return list.free_all();
  u64 cpus = 0, asked = 0;
  {
    Guard guard(lock_);
    asked = cpus = owing_cpus();
    // Whom the announced ones concern is not known yet; their page tables are changed already.
    if (announced) cpus |= (cpu_count() == 64 ? ~u64{0} : (u64{1} << cpu_count()) - 1) & ~(u64{1} << this_cpu().id);
    cpus = without_idle(cpus & ~asked) | asked;
    if (cpus != 0) {
      Batch& place = batch_for(cpus);
      place.frames.append(list);
      if (announced) place.page_count = FlushBatch::kPagesMax + 1;
    }
  }
  list.free_all();
  send(cpus & ~asked);
}

// Processors whose interrupt is on its way: they will see later requests, too, and need no second one.
u64 Shootdown::owing_cpus() const {
  u64 cpus = 0;
  for (const Batch& batch : batches_) cpus |= batch.cpus;
  return cpus;
}

// An entry for a new request to `cpus`: a free one, else the newest is widened.
Shootdown::Batch& Shootdown::batch_for(u64 cpus) {
  Batch* place = &batches_[0];
  for (Batch& candidate : batches_) {
    if (candidate.cpus == 0) {
      place = &candidate;
      break;
    }
    if (candidate.sequence > place->sequence) place = &candidate;
  }
  if (place->cpus == 0) {
    outstanding_.fetch_add(1, std::memory_order_seq_cst);
    place->page_count = 0;
  } else {
    place->page_count = FlushBatch::kPagesMax + 1;
  }
  place->sequence = ++sequence_;
  place->cpus |= cpus;
  return *place;
}

void Shootdown::request(FlushBatch& batch, u64 cpus) {
  u64 asked;
  {
    Guard guard(lock_);
    asked = owing_cpus();
    Batch& place = batch_for(cpus);
    place.frames.append(batch.frames_);
    if (place.page_count == 0 && batch.page_count_ <= FlushBatch::kPagesMax) {
      place.page_count = batch.page_count_;
      place.pages = batch.pages_;
    } else {
      place.page_count = FlushBatch::kPagesMax + 1;
    }
    // Processors that still owe an older flush will see this request, too, when they come for it.
    const u64 owing = remaining(batch.ticket_);
    batch.ticket_.sequence.store(place.sequence, std::memory_order_relaxed);
    batch.ticket_.cpus.store(owing | cpus, std::memory_order_release);
  }
  send(cpus & ~asked);
}

bool Shootdown::evict(arch::SpaceContext& space) {
  arch::leave_space(this_cpu(), space);
  const u64 cpus = space.active_cpus.load(std::memory_order_acquire);
  {
    Guard guard(lock_);
    if (cpus == 0) {
      if (evicted_ == &space) evicted_ = nullptr;
      return true;
    }
    if (evicted_ != nullptr) return false;
    evicted_ = &space;
  }
  send(cpus & ~(u64{1} << this_cpu().id));
  return false;
}

void Shootdown::send(u64 cpus) {
  for (; cpus != 0; cpus &= cpus - 1) arch::send_ipi(static_cast<u32>(std::countr_zero(cpus)), arch::Ipi::kShootdown);
}

void Shootdown::flush_for(u64 bit) {
  u32 pages = 0;
  for (const Batch& batch : batches_)
    if ((batch.cpus & bit) != 0) pages += batch.page_count;
  if (pages == 0) return;
  if (pages > FlushBatch::kPagesMax) {
    arch::invalidate_all();
    return;
  }
  for (const Batch& batch : batches_) {
    if ((batch.cpus & bit) == 0) continue;
    for (u32 i = 0; i < batch.page_count; ++i) arch::invalidate_page(batch.pages[i]);
  }
}

void Shootdown::on_interrupt() {
  const u32 cpu = this_cpu().id;
  const u64 bit = u64{1} << cpu;
  FrameList done_frames;
  Waiters ready;
  {
    Guard guard(lock_);
    flush_for(bit);
    if (evicted_ != nullptr) arch::leave_space(this_cpu(), *evicted_);
    acknowledged_[cpu].store(sequence_, std::memory_order_release);
    for (Batch& batch : batches_) {
      if ((batch.cpus & bit) == 0) continue;
      batch.cpus &= ~bit;
      if (batch.cpus != 0) continue;
      outstanding_.fetch_sub(1, std::memory_order_seq_cst);
      done_frames.append(batch.frames);
    }
    take_done_waiters(ready);
  }
  done_frames.free_all();
  while (!ready.empty()) {
    FlushWaiter& waiter = ready.front();
    ready.pop_front();
    waiter.flushed();
  }
}

bool Shootdown::done(u64 sequence, u64 cpus) const {
  for (; cpus != 0; cpus &= cpus - 1)
    if (acknowledged_[std::countr_zero(cpus)].load(std::memory_order_acquire) < sequence) return false;
  return true;
}

// The processors of a ticket that have not acknowledged it.
u64 Shootdown::remaining(const FlushTicket& ticket) const {
  const u64 sequence = ticket.sequence.load(std::memory_order_relaxed);
  u64 owing = 0;
  for (u64 cpus = ticket.cpus.load(std::memory_order_relaxed); cpus != 0; cpus &= cpus - 1)
    if (acknowledged_[std::countr_zero(cpus)].load(std::memory_order_acquire) < sequence) owing |= cpus & -cpus;
  return owing;
}

bool Shootdown::pending(FlushTicket& ticket) {
  if (ticket.cpus.load(std::memory_order_acquire) == 0) return false;
  Guard guard(lock_);
  const u64 owing = remaining(ticket);
  ticket.cpus.store(owing, std::memory_order_release);
  return owing != 0;
}

void Shootdown::join(FlushTicket& ticket, const FlushTicket& other) {
  if (other.cpus.load(std::memory_order_acquire) == 0) return;
  Guard guard(lock_);
  const u64 owing = remaining(ticket) | remaining(other);
  const u64 sequence = std::max(ticket.sequence.load(std::memory_order_relaxed), other.sequence.load(std::memory_order_relaxed));
  ticket.sequence.store(sequence, std::memory_order_relaxed);
  ticket.cpus.store(owing, std::memory_order_release);
}

bool Shootdown::wait(FlushTicket& ticket, FlushWaiter& waiter) {
  Guard guard(lock_);
  const u64 owing = remaining(ticket);
  ticket.cpus.store(owing, std::memory_order_release);
  if (owing == 0) return false;
  waiter.sequence_ = ticket.sequence.load(std::memory_order_relaxed);
  waiter.cpus_ = owing;
  waiter.queued_ = true;
  waiters_.push_back(waiter);
  return true;
}

bool Shootdown::cancel(FlushWaiter& waiter) {
  Guard guard(lock_);
  if (!waiter.queued_) return false;
  waiter.queued_ = false;
  waiters_.erase(waiters_.iterator_to(waiter));
  return true;
}

void Shootdown::take_done_waiters(Waiters& out) {
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    FlushWaiter& waiter = *it;
    ++it;
    if (!done(waiter.sequence_, waiter.cpus_)) continue;
    waiters_.erase(waiters_.iterator_to(waiter));
    waiter.queued_ = false;
    out.push_back(waiter);
  }
}

}  // namespace hati
