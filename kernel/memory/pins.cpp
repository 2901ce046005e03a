// SPDX-License-Identifier: MIT
#include "kernel/memory/pins.h"

#include <algorithm>
#include <tuple>

#include "kernel/memory/object_cache.h"

namespace hati {

namespace {

constinit ObjectCache<Dma> dma_cache;
constinit ObjectCache<Pin> pin_cache;

using Key = std::tuple<const Memory*, u64, u64>;
Key key(const Pin& pin) { return {pin.memory.get(), pin.offset, pin.bytes}; }

struct KeyOrder {
  bool operator()(const Key& wanted, const Pin& pin) const { return wanted < key(pin); }
  bool operator()(const Pin& pin, const Key& wanted) const { return key(pin) < wanted; }
};

// Joins what is contiguous. kTooBig: no room in `ranges`.
Result<u32> describe(const PinRequest& request, std::span<const u32> frames, std::span<DmaRange> ranges) {
  u32 count = 0;
  u64 within = request.offset % kPageSize, left = request.bytes;
  for (const u32 frame : frames) {
    const u64 address = (u64{frame} << kPageShift) + within, part = std::min(left, kPageSize - within);
    if (count != 0 && ranges[count - 1].address + ranges[count - 1].bytes == address) {
      ranges[count - 1].bytes += part;
    } else {
      if (count == ranges.size()) return fail(Error::kTooBig);
      ranges[count++] = {address, part};
    }
    left -= part;
    within = 0;
  }
  return count;
}

}  // namespace

Result<Ref<Dma>> Dma::create() { return dma_cache.make(); }
void Dma::release_storage() { dma_cache.destroy(this); }

Pin::~Pin() {
  if (memory) memory->unpin_frames(offset >> kPageShift, frames.as<u32>(), write);
}

bool PinTable::Before::operator()(const Pin& a, const Pin& b) const { return key(a) < key(b); }

PinTable::~PinTable() {
  while (!release_some(~u32{0})) {
  }
}

u64 PinTable::ranges_max(const PinRequest& request) {
  if (request.bytes == 0 || request.bytes > kPinBytesMax || request.offset > Memory::kBytesMax) return 0;
  return (page_ceil(request.offset + request.bytes) - page_floor(request.offset)) >> kPageShift;
}

Result<u32> PinTable::pin(const Ref<Memory>& memory, const Ref<Quota>& quota, const PinRequest& request, bool pager, std::span<DmaRange> ranges) {
  if (request.bytes == 0 || request.offset > Memory::kBytesMax) return fail(Error::kInvalidArgument);
  const u64 pages = ranges_max(request);
  if (pages == 0) return fail(Error::kTooBig);
  Charge charge = TRY(Charge::make(quota, sizeof(Pin) + pages * sizeof(u32), 1));
  KernelBuffer numbers = TRY(KernelBuffer::allocate(pages * sizeof(u32)));
  Pin* pin = TRY(pin_cache.construct());
  Result<u32> count = fail(Error::kNoMemory);
  if (const auto held = memory->pin_frames(request.offset >> kPageShift, numbers.as<u32>(), request.write != 0, pager); !held) {
    count = fail(held.error());
  } else {
    pin->memory = memory;
    pin->offset = request.offset;
    pin->bytes = request.bytes;
    pin->write = request.write != 0 && !pager;
    pin->charge = std::move(charge);
    pin->frames = std::move(numbers);
    count = describe(request, pin->frames.as<u32>(), ranges);
  }
  if (!count) {
    pin_cache.destroy(pin);
    return count;
  }
  Guard guard(lock_);
  pins_.insert(*pin);
  return count;
}

Result<> PinTable::unpin(const Memory& memory, u64 offset, u64 bytes) {
  Pin* found = nullptr;
  {
    Guard guard(lock_);
    const auto it = pins_.find(Key{&memory, offset, bytes}, KeyOrder{});
    if (it == pins_.end()) return fail(Error::kNotFound);
    found = &*it;
    pins_.erase(it);
  }
  pin_cache.destroy(found);
  return {};
}

bool PinTable::release_some(u32 count) {
  for (; count != 0; --count) {
    Pin* first = nullptr;
    {
      Guard guard(lock_);
      if (pins_.empty()) return true;
      first = &*pins_.begin();
      pins_.erase(pins_.begin());
    }
    pin_cache.destroy(first);
  }
  return false;
}

}  // namespace hati
