// SPDX-License-Identifier: MIT
#include "servers/block_client/queue.h"

#include <cstring>

#include "runtime/log.h"
#include "runtime/operation.h"

namespace hati::block {
namespace {

constexpr QueueLayout kLayout{64};

}  // namespace

void Disk::Queue::put(u32 number) {
  static_assert(kLayout.entries == kEntries);
  Slot& slot = slots[number];
  slot.request.word = number;
  slot.request.memory = slot.memory != nullptr ? slot.memory->number_.load(std::memory_order_relaxed) : 0;
  std::memcpy(shared.as<>() + kLayout.requests() + (submit_tail % kEntries) * sizeof(QueueRequest), &slot.request, sizeof(QueueRequest));
  header().submit_tail.store(++submit_tail, std::memory_order_release);
}

// The lock is held: the rings may go any time after it.
void Disk::Queue::ring_doorbell() {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the index before the other side's wish
  if (header().driver_waits.load(std::memory_order_relaxed) != 0 && header().driver_waits.exchange(0, std::memory_order_relaxed) != 0)
    (void)submitted.signal();
}

Task<i32> Disk::Queue::request(QueueRequest request, const Attachment* memory) {
  if (!co_await room.acquire()) co_return static_cast<i32>(Error::kCancelled);
  Slot* slot = nullptr;
  u32 number = 0;
  bool is_dead = false;
  {
    SpinGuard guard(lock);
    number = free.back();
    free.pop_back();
    slot = &slots[number];
    slot->request = request;
    slot->memory = memory;
    slot->error = 0;
    is_dead = dead;
    slot->waiting = !dead;
    if (connected && !dead) {
      put(number);
      ring_doorbell();
    }
  }
  if (!is_dead) co_await slot->done.wait();
  const i32 error = is_dead ? static_cast<i32>(Error::kIo) : slot->error;
  {
    SpinGuard guard(lock);
    free.push_back(number);
  }
  room.release();
  co_return error;
}

Result<void> Disk::Queue::connect(std::span<OwnedHandle> handles, u32 entries) {
  if (handles.size() != 3 || entries != kEntries) return fail(Error::kBadData);
  const Memory memory(handles[0].release());
  const MemoryInfo info = TRY(memory.memory_info());
  if (info.bytes < kLayout.bytes()) return fail(Error::kBadData);
  shared = TRY(memory.map(0, kLayout.bytes(), Protection::kRead | Protection::kWrite));
  submitted = KernelEvent(handles[1].release());
  completed = KernelEvent(handles[2].release());
  return {};
}

void Disk::Queue::resume() {
  SpinGuard guard(lock);
  submit_tail = 0;
  connected = true;
  bool any = false;
  for (u32 i = 0; i < kEntries; ++i)
    if (slots[i].waiting) put(i), any = true;
  if (any) ring_doorbell();
}

void Disk::Queue::disconnect() {
  SpinGuard guard(lock);
  connected = false;
}

bool Disk::Queue::take_completed(u32& head) {
  for (;;) {
    const u32 waiting = header().complete_tail.load(std::memory_order_acquire) - head;
    if (waiting == 0) return true;
    if (waiting > kEntries) return false;
    QueueCompletion completion{};
    std::memcpy(&completion, shared.as<>() + kLayout.completions() + (head % kEntries) * sizeof(completion), sizeof(completion));
    header().complete_head.store(++head, std::memory_order_release);
    SpinGuard guard(lock);
    if (completion.word >= kEntries || !slots[completion.word].waiting || completion.error < 0) return false;
    Slot& slot = slots[completion.word];
    slot.waiting = false;
    slot.error = completion.error;
    slot.done.set();
    // From here on the waiter may run and use the slot again, after the lock.
  }
}

Task<bool> Disk::Queue::reap() {
  for (u32 head = 0;;) {
    if (!take_completed(head)) {
      log_error("the driver of a disk has answered nonsense");
      co_return false;
    }
    header().client_waits.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (header().complete_tail.load(std::memory_order_acquire) != head) {
      header().client_waits.store(0, std::memory_order_relaxed);
      continue;
    }
    if (!co_await event_wait(completed.get())) co_return true;
  }
}

void Disk::Queue::give_up() {
  SpinGuard guard(lock);
  dead = true;
  connected = false;
  for (Slot& slot : slots) {
    if (!slot.waiting) continue;
    slot.waiting = false;
    slot.error = static_cast<i32>(Error::kIo);
    slot.done.set();
  }
}

}  // namespace hati::block
