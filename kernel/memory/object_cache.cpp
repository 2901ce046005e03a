// SPDX-License-Identifier: MIT
// Slabs: naturally aligned blocks of frames, so that a slot finds its slab by masking its address. The Page of the slab's first frame holds
// the count of used slots (live), the first free slot (references: offset in units of 16 bytes, plus one) and the links.
#include "kernel/memory/object_cache.h"

#include "kernel/debug/panic.h"

namespace hati {

constinit std::atomic<u64> SlabCache::total_bytes_{0};

namespace {
constexpr u32 kSlotUnit = 16;
}

Result<void*> SlabCache::allocate() {
  CpuFront& front = fronts_.local();
  if (front.first == nullptr) [[unlikely]]
    TRY(refill(front));
  FreeSlot* slot = front.first;
  front.first = slot->next;
  --front.count;
  return slot;
}

void SlabCache::free(void* memory) {
  CpuFront& front = fronts_.local();
  auto* slot = static_cast<FreeSlot*>(memory);
  slot->next = front.first;
  front.first = slot;
  if (++front.count >= kFrontMax) [[unlikely]]
    drain(front);
}

Result<> SlabCache::refill(CpuFront& front) {
  Guard guard(lock_);
  if (partial_ == kNone) TRY(add_slab());
  while (front.count < kFrontMax / 2 && partial_ != kNone) {
    const u32 frame = partial_;
    const PhysAddr base{u64{frame} << kPageShift};
    Page& page = frames.page(base);
    if (page.live == 0) --empty_slabs_;
    u32 next = page.references.load(std::memory_order_relaxed);
    while (next != 0 && front.count < kFrontMax / 2) {
      auto* slot = phys_to_virt<FreeSlot>(base + u64{next - 1} * kSlotUnit);
      next = slot->next == nullptr ? 0 : static_cast<u32>((virt_to_phys(slot->next).value - base.value) / kSlotUnit) + 1;
      slot->next = front.first;
      front.first = slot;
      ++front.count;
      ++page.live;
    }
    page.references.store(next, std::memory_order_relaxed);
    if (next == 0) unlink(frame);
  }
  return {};
}

void SlabCache::drain(CpuFront& front) {
  Guard guard(lock_);
  while (front.count > kFrontMax / 2) {
    FreeSlot* slot = front.first;
    front.first = slot->next;
    --front.count;
    return_slot(slot);
  }
}

Result<> SlabCache::add_slab() {
  const PhysAddr base = TRY(frames.allocate(order_, FrameFlags::kServer));
  Page& page = frames.page(base);
  page.set_state(PageState::kSlab);
  page.live = 0;
  FreeSlot* next = nullptr;
  for (u32 i = slots_per_slab(); i-- != 0;) {
    auto* slot = phys_to_virt<FreeSlot>(base + u64{i} * slot_bytes_);
    slot->next = next;
    next = slot;
  }
  page.references.store(1, std::memory_order_relaxed);
  link(static_cast<u32>(base.frame()));
  ++empty_slabs_;
  total_bytes_.fetch_add(kPageSize << order_, std::memory_order_relaxed);
  return {};
}

// One empty slab is kept, so that a cache that swings around a boundary does not pay each time.
void SlabCache::return_slot(FreeSlot* slot) {
  const PhysAddr base{virt_to_phys(slot).value & ~((kPageSize << order_) - 1)};
  Page& page = frames.page(base);
  HATI_ASSERT(page.state() == PageState::kSlab && page.live != 0);
  const u32 first = page.references.load(std::memory_order_relaxed);
  slot->next = first == 0 ? nullptr : phys_to_virt<FreeSlot>(base + u64{first - 1} * kSlotUnit);
  page.references.store(static_cast<u32>((virt_to_phys(slot).value - base.value) / kSlotUnit) + 1, std::memory_order_relaxed);
  if (first == 0) link(static_cast<u32>(base.frame()));
  if (--page.live != 0) return;
  if (empty_slabs_ == 0) {
    ++empty_slabs_;
    return;
  }
  unlink(static_cast<u32>(base.frame()));
  frames.free(base, order_);
  total_bytes_.fetch_sub(kPageSize << order_, std::memory_order_relaxed);
}

void SlabCache::link(u32 frame) {
  Page& page = frames.page(PhysAddr{u64{frame} << kPageShift});
  page.previous = kNone;
  page.next = partial_;
  if (partial_ != kNone) frames.page(PhysAddr{u64{partial_} << kPageShift}).previous = frame;
  partial_ = frame;
}

void SlabCache::unlink(u32 frame) {
  Page& page = frames.page(PhysAddr{u64{frame} << kPageShift});
  if (page.previous == kNone)
    partial_ = page.next;
  else
    frames.page(PhysAddr{u64{page.previous} << kPageShift}).next = page.next;
  if (page.next != kNone) frames.page(PhysAddr{u64{page.next} << kPageShift}).previous = page.previous;
}

}  // namespace hati
