// SPDX-License-Identifier: MIT
#include "drivers/virtio/queue.h"

#include <atomic>
#include <bit>

namespace hati::virtio {
namespace {

// Fields that the device reads or writes meanwhile.
u16 load(u16& field, std::memory_order order) { return std::atomic_ref<u16>(field).load(order); }
void store(u16& field, u16 value, std::memory_order order) { std::atomic_ref<u16>(field).store(value, order); }

// 2.7.10: whether moving an index from `old` to `now` passes `event`.
bool passes(u16 event, u16 now, u16 old) { return static_cast<u16>(now - event - 1) < static_cast<u16>(now - old); }

constexpr u32 kAvailableHeader = 2, kUsedHeaderBytes = 4;  // in words of 16 bits; in bytes
constexpr u64 kTableBytes = SplitQueue::kIndirectEntries * sizeof(Descriptor);
static_assert(kPageSize % kTableBytes == 0);

}  // namespace

Result<SplitQueue> SplitQueue::create(u16 size, u64 features, DmaAllocator& allocator) {
  if (!std::has_single_bit(size) || size > kSizeMax) return fail(Error::kInvalidArgument);
  SplitQueue queue;
  queue.size_ = size;
  queue.indirect_ = (features & kFeatureIndirect) != 0;
  queue.event_index_ = (features & kFeatureEventIndex) != 0;
  const u64 available = size * sizeof(Descriptor);
  const u64 used = (available + (kAvailableHeader + size + 1) * sizeof(u16) + 3) / 4 * 4;
  const u64 available_event = used + kUsedHeaderBytes + size * sizeof(UsedElement);
  static_assert(kSizeMax * (sizeof(Descriptor) + sizeof(u16) + sizeof(UsedElement)) + 16 <= kPageSize);
  queue.rings_ = TRY(allocator.allocate(kPageSize));
  if (queue.indirect_) queue.tables_ = TRY(allocator.allocate(page_ceil(size * kTableBytes)));
  const u64 base = TRY(queue.rings_->address(0));
  queue.addresses_ = {base, base + available, base + used};
  std::byte* const memory = queue.rings_->data();
  queue.descriptors_ = reinterpret_cast<Descriptor*>(memory);
  queue.available_ = reinterpret_cast<u16*>(memory + available);
  queue.used_header_ = reinterpret_cast<u16*>(memory + used);
  queue.used_ring_ = reinterpret_cast<UsedElement*>(memory + used + kUsedHeaderBytes);
  queue.available_event_ = reinterpret_cast<u16*>(memory + available_event);
  queue.slots_.resize(size);
  queue.next_.assign(size, kNone);
  for (u16 i = 0; i < size; ++i) queue.slots_[i] = {static_cast<u16>(i + 1 < size ? i + 1 : kNone), 0, false};
  queue.free_ = 0;
  queue.free_count_ = size;
  return queue;
}

std::optional<u16> SplitQueue::reserve() {
  if (free_ == kNone) return std::nullopt;
  const u16 request = free_;
  free_ = slots_[request].next_free;
  --free_count_;
  slots_[request] = {kNone, 0, true};
  return request;
}

void SplitQueue::cancel(u16 request) { release(request); }

void SplitQueue::release(u16 request) {
  for (u16 at = request; at != kNone;) {
    const u16 next = std::exchange(next_[at], kNone);
    slots_[at] = {free_, 0, false};
    free_ = at;
    ++free_count_;
    at = next;
  }
}

Result<void> SplitQueue::submit(u16 request, std::span<const Segment> segments) {
  if (segments.empty() || segments.size() > segments_max()) return fail(Error::kTooBig);
  TRY(indirect_ ? submit_indirect(request, segments) : submit_direct(request, segments));
  make_available(request);
  return {};
}

Result<void> SplitQueue::submit_indirect(u16 request, std::span<const Segment> segments) {
  const u64 offset = request * kTableBytes;
  const u64 address = TRY(tables_->address(offset));
  auto* const table = reinterpret_cast<Descriptor*>(tables_->data() + offset);
  for (usize i = 0; i < segments.size(); ++i) {
    table[i] = describe(segments[i]);
    if (i + 1 == segments.size()) break;
    table[i].flags |= kDescriptorNext;
    table[i].next = static_cast<u16>(i + 1);
  }
  descriptors_[request] = {address, static_cast<u32>(segments.size() * sizeof(Descriptor)), kDescriptorIndirect, 0};
  return {};
}

Result<void> SplitQueue::submit_direct(u16 request, std::span<const Segment> segments) {
  if (segments.size() - 1 > free_count_) return fail(Error::kWouldBlock);
  u16 at = request;
  for (usize i = 0; i < segments.size(); ++i) {
    Descriptor descriptor = describe(segments[i]);
    if (i + 1 < segments.size()) {
      const u16 next = *reserve();  // there are enough, see above
      next_[at] = next;
      descriptor.flags |= kDescriptorNext;
      descriptor.next = next;
    }
    descriptors_[at] = descriptor;
    at = next_[at];
  }
  return {};
}

void SplitQueue::make_available(u16 request) {
  slots_[request].chain = 1;
  ++in_flight_;
  store(available_[kAvailableHeader + submitted_ % size_], request, std::memory_order_relaxed);
  ++submitted_;
}

bool SplitQueue::publish() {
  if (submitted_ == published_) return false;
  const u16 before = published_;
  published_ = submitted_;
  store(available_[1], published_, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // 2.7.13.4.1: the index before the device's wish
  if (event_index_) return passes(load(*available_event_, std::memory_order_relaxed), published_, before);
  return (load(used_header_[0], std::memory_order_relaxed) & kUsedNoNotify) == 0;
}

Result<std::optional<SplitQueue::Used>> SplitQueue::take_used() {
  const u16 index = load(used_header_[1], std::memory_order_acquire);
  const u16 waiting = static_cast<u16>(index - used_);
  if (waiting == 0) return std::nullopt;
  if (waiting > in_flight_) return fail(Error::kIo);
  UsedElement& shared = used_ring_[used_ % size_];
  const u32 id = std::atomic_ref<u32>(shared.id).load(std::memory_order_relaxed);
  const u32 bytes = std::atomic_ref<u32>(shared.bytes).load(std::memory_order_relaxed);
  if (id >= size_ || slots_[id].chain == 0) return fail(Error::kIo);
  ++used_;
  --in_flight_;
  release(static_cast<u16>(id));
  return Used{static_cast<u16>(id), bytes};
}

bool SplitQueue::arm() {
  if (event_index_) store(available_[kAvailableHeader + size_], used_, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // 2.7.7.1: the wish before another look
  return load(used_header_[1], std::memory_order_acquire) == used_;
}

}  // namespace hati::virtio
