// SPDX-License-Identifier: MIT
// Which pages of a range are in memory.
#include <algorithm>

#include "kernel/memory/address_space.h"

namespace hati {

Result<u64> AddressSpace::residency(u64 address, std::span<u8> pages) {
  const u64 end = address + (pages.size() << kPageShift);
  if (!page_aligned(address) || !in_range(address, end - address)) return fail(Error::kInvalidArgument);
  std::ranges::fill(pages, u8{0});
  Guard guard(lock_);
  FlushBatch batch(context, ticket_);
  u64 at = address;
  while (at < end) {
    const Mapping* mapping = find(at);
    if (mapping == nullptr) break;
    const u64 stop = std::min(end, mapping->end);
    // What the tables hold; they also hold pages that may not be accessed now.
    table(batch).visit(at, stop, [&](u64 page, u64, u32 level) {
      const u64 first = std::max(page & ~(level_bytes(level) - 1), at),
                last = std::min((page & ~(level_bytes(level) - 1)) + level_bytes(level), stop);
      std::ranges::fill(pages.subspan((first - address) >> kPageShift, (last - first) >> kPageShift), u8{1});
      return true;
    });
    // What others have brought in and this space has not touched yet.
    if (mapping->memory)
      mapping->memory->for_resident((mapping->offset + (at - mapping->start)) >> kPageShift, (stop - at) >> kPageShift,
                                    [&](u64 i) { pages[((at - address) >> kPageShift) + i] = 1; });
    at = stop;
  }
  if (at == address) return fail(Error::kBadAddress);
  return (at - address) >> kPageShift;
}

}  // namespace hati
