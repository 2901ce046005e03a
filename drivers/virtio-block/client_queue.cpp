// SPDX-License-Identifier: MIT
#include "drivers/virtio-block/client_queue.h"

#include <bit>
#include <cstring>

#include "runtime/log.h"

namespace hati::virtio_block {

using block::QueueCompletion;
using block::QueueRequest;

Result<std::shared_ptr<ClientQueue>> ClientQueue::create(Disk& disk, virtio::Pins& pins, u32 entries, u32 lane) {
  if (!std::has_single_bit(entries) || entries > block::kQueueEntriesMax) return fail(Error::kInvalidArgument);
  std::shared_ptr<ClientQueue> queue(new ClientQueue(disk, pins, entries, lane));
  // Ours, so that the client cannot shrink it under our feet.
  queue->memory_ = TRY(Memory::create(page_ceil(queue->layout_.bytes())));
  queue->shared_ = TRY(queue->memory_.map(0, queue->layout_.bytes(), Protection::kRead | Protection::kWrite));
  queue->submitted_ = TRY(KernelEvent::create());
  queue->completed_ = TRY(KernelEvent::create());
  SpinGuard guard(queue->lock_);
  for (u32 i = entries; i-- > 0;) queue->free_.push_back(i);
  return queue;
}

Result<ClientQueue::Ends> ClientQueue::ends() const {
  constexpr Rights kTravel = Rights::kTransfer | Rights::kInspect;
  return Ends{TRY(memory_.duplicate(kTravel | Rights::kRead | Rights::kWrite | Rights::kMap)),
              TRY(submitted_.duplicate(kTravel | Rights::kWrite)), TRY(completed_.duplicate(kTravel | Rights::kWait))};
}

Result<bool> ClientQueue::has_next() {
  const u32 waiting = header().submit_tail.load(std::memory_order_acquire) - submit_head_;
  if (waiting > layout_.entries) return fail(Error::kBadData);
  SpinGuard guard(lock_);
  const u32 unread = complete_tail_ - header().complete_head.load(std::memory_order_acquire);
  if (unread > layout_.entries) return fail(Error::kBadData);
  const u32 in_flight = layout_.entries - static_cast<u32>(free_.size());
  return waiting != 0 && in_flight + unread < layout_.entries;
}

QueueRequest ClientQueue::next() {
  QueueRequest request{};
  std::memcpy(&request, shared_.as<>() + layout_.requests() + (submit_head_ % layout_.entries) * sizeof(QueueRequest), sizeof(request));
  header().submit_head.store(++submit_head_, std::memory_order_release);
  return request;
}

// The job, with its data pinned. 0 or an Error.
i32 ClientQueue::prepare(Slot& slot, const QueueRequest& request, AttachedTable& attached) {
  if (static_cast<u32>(request.operation) > static_cast<u32>(DiskOperation::kWriteZeroes)) return static_cast<i32>(Error::kNotSupported);
  slot.operation = request.operation;
  slot.sector = request.sector;
  slot.bytes = request.bytes;
  slot.offset = request.offset;
  slot.done = &on_done;
  if (const i32 refused = disk_.check(slot); refused != 0) return refused;
  const bool reads = request.operation == DiskOperation::kRead;
  if (!reads && request.operation != DiskOperation::kWrite) return 0;
  if (request.offset % block::kSectorBytes != 0) return static_cast<i32>(Error::kInvalidArgument);
  auto memory = attached.find(request.memory);
  if (!memory) return static_cast<i32>(Error::kNotFound);
  if (auto pinned = pins_.pin(memory->memory.get(), slot.offset, slot.bytes, reads, slot.runs); !pinned) {
    slot.runs.clear();
    return static_cast<i32>(pinned.error());
  }
  slot.memory = std::move(memory);
  return 0;
}

Task<void> ClientQueue::start(QueueRequest request, AttachedTable& attached) {
  u32 number = 0;
  {
    SpinGuard guard(lock_);
    number = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[number];
  slot.word = request.word;
  slot.queue = shared_from_this();
  if (const i32 refused = prepare(slot, request, attached); refused != 0) {
    finish(slot, refused);
  } else {
    co_await disk_.start(lane_, slot);
  }
}

void ClientQueue::on_done(Job& job, i32 error) {
  auto& slot = static_cast<Slot&>(job);
  slot.queue->finish(slot, error);
}

void ClientQueue::finish(Slot& slot, i32 error) {
  const auto self = std::move(slot.queue);
  if (slot.memory) pins_.unpin(slot.memory->memory.get(), slot.offset, slot.bytes);
  slot.memory.reset();
  slot.runs.clear();
  const QueueCompletion completion{slot.word, error, 0};
  {
    SpinGuard guard(lock_);
    free_.push_back(static_cast<u32>(&slot - slots_.data()));
    std::memcpy(shared_.as<>() + layout_.completions() + (complete_tail_ % layout_.entries) * sizeof(completion), &completion,
                sizeof(completion));
    header().complete_tail.store(++complete_tail_, std::memory_order_release);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the index before the other side's wish
  if (header().client_waits.load(std::memory_order_relaxed) != 0 && header().client_waits.exchange(0, std::memory_order_relaxed) != 0)
    (void)completed_.signal();
}

Task<void> ClientQueue::serve(std::shared_ptr<ClientQueue> queue, std::shared_ptr<AttachedTable> attached) {
  co_await queue->run(*attached);  // the coroutine's own references: it may start after everybody else has let go
}

Task<void> ClientQueue::run(AttachedTable& attached) {
  for (;;) {
    Result<bool> more = has_next();
    for (; more && *more; more = has_next()) co_await start(next(), attached);
    disk_.kick(lane_);
    if (!more) {
      log_warning("a client's queue makes no sense any more and is closed");
      co_return;
    }
    header().driver_waits.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (more = has_next(); !more || *more) {
      header().driver_waits.store(0, std::memory_order_relaxed);
      continue;
    }
    if (!co_await event_wait(submitted_.get())) co_return;
  }
}

}  // namespace hati::virtio_block
