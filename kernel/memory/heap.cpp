// SPDX-License-Identifier: MIT
// KernelBuffer's memory: slabs of 64 to 2048 bytes, larger ones as blocks of frames.
#include "kernel/memory/heap.h"

#include <bit>

#include "kernel/memory/object_cache.h"

namespace hati {

namespace {

constexpr u32 kSmallestShift = 6, kLargestShift = 11;

constinit SlabCache heap64{64, 16}, heap128{128, 16}, heap256{256, 16}, heap512{512, 16}, heap1024{1024, 16}, heap2048{2048, 16};
constexpr SlabCache* kSlabs[] = {&heap64, &heap128, &heap256, &heap512, &heap1024, &heap2048};

u32 size_shift(usize bytes) {
  const u32 shift = static_cast<u32>(std::bit_width(bytes - 1));
  return shift < kSmallestShift ? kSmallestShift : shift;
}

u32 block_order(usize bytes) {
  const u32 shift = size_shift(bytes);
  return shift <= kPageShift ? 0 : shift - static_cast<u32>(kPageShift);
}

}  // namespace

Result<KernelBuffer> KernelBuffer::allocate(usize bytes) {
  KernelBuffer buffer;
  if (bytes == 0) return buffer;
  if (bytes > kLargePageSize) return fail(Error::kTooBig);
  const u32 shift = size_shift(bytes);
  void* memory = shift <= kLargestShift ? TRY(kSlabs[shift - kSmallestShift]->allocate())
                                        : phys_to_virt(TRY(frames.allocate(block_order(bytes), FrameFlags::kServer)));
  buffer.data_ = static_cast<u8*>(memory);
  buffer.bytes_ = bytes;
  return buffer;
}

void KernelBuffer::reset() {
  if (data_ == nullptr) return;
  const u32 shift = size_shift(bytes_);
  if (shift <= kLargestShift)
    kSlabs[shift - kSmallestShift]->free(data_);
  else
    frames.free(virt_to_phys(data_), block_order(bytes_));
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace hati
