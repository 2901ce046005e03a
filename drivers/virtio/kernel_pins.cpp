// SPDX-License-Identifier: MIT
#include "drivers/virtio/kernel_pins.h"

#include <array>

namespace hati::virtio {
namespace {

constexpr u64 kPieceBytes = 1 << 20;

}  // namespace

// The kernel refuses what needs more ranges than it is offered, so the room is for the worst case: no two pages next to each other.
Result<void> KernelPins::pin(Handle memory, u64 offset, u64 bytes, bool device_writes, std::vector<Run>& runs) {
  if (bytes == 0 || bytes > kPieceBytes) return fail(Error::kTooBig);
  if (offset > ~u64{0} - bytes) return fail(Error::kInvalidArgument);
  std::array<DmaRange, kPieceBytes / kPageSize + 1> ranges;
  const PinRequest request{.offset = offset,
                           .bytes = bytes,
                           .ranges = reinterpret_cast<u64>(ranges.data()),
                           .capacity = static_cast<u32>(ranges.size()),
                           .write = device_writes ? 1u : 0u};
  const auto count = call::memory_pin(memory, dma_.get(), request);
  if (!count) return fail(count.error() == Error::kBadAddress ? Error::kInvalidArgument : count.error());
  for (const DmaRange& range : std::span(ranges).first(*count)) runs.push_back({range.address, range.bytes});
  return {};
}

}  // namespace hati::virtio
