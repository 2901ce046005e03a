// SPDX-License-Identifier: MIT
// kSpaceMove: growing and shrinking in place, moving elsewhere (mremap(2)).
#include <algorithm>

#include "kernel/memory/mapping_cache.h"

namespace hati {

Result<u64> AddressSpace::move(const MoveRequest& request) {
  const bool fixed = has(request.flags, MapFlags::kFixed);
  const bool flags_known = (request.flags & ~MapFlags::kFixed) == MapFlags::kNone && request.reserved == 0;
  if (!flags_known || !page_aligned(request.address) || request.new_bytes == 0) return fail(Error::kInvalidArgument);
  if (request.old_bytes > kServerEnd || request.new_bytes > kServerEnd) return fail(Error::kInvalidArgument);
  MoveRequest wanted = request;
  wanted.old_bytes = page_ceil(request.old_bytes);
  wanted.new_bytes = page_ceil(request.new_bytes);
  if (!in_range(wanted.address, wanted.old_bytes)) return fail(Error::kInvalidArgument);
  if (fixed) {
    if (!page_aligned(wanted.new_address) || !in_range(wanted.new_address, wanted.new_bytes)) return fail(Error::kInvalidArgument);
    if (wanted.new_address < wanted.address + wanted.old_bytes && wanted.address < wanted.new_address + wanted.new_bytes)
      return fail(Error::kInvalidArgument);
  }

  Guard guard(lock_);
  FlushBatch batch(context, ticket_);
  Mapping* mapping = find(wanted.address);
  if (mapping == nullptr || wanted.old_bytes > mapping->end - wanted.address) return fail(Error::kBadAddress);
  if (wanted.old_bytes == 0 && !mapping->shared()) return fail(Error::kInvalidArgument);
  if (wanted.keep_old != 0 && (mapping->memory || wanted.old_bytes != wanted.new_bytes)) return fail(Error::kInvalidArgument);
  if (fixed || wanted.keep_old != 0) return move_away(wanted, batch);

  const u64 old_end = wanted.address + wanted.old_bytes, new_end = wanted.address + wanted.new_bytes;
  if (wanted.old_bytes != 0 && wanted.new_bytes <= wanted.old_bytes) {
    if (new_end != old_end) TRY(clear_range(new_end, old_end, batch));
    return wanted.address;
  }
  if (wanted.old_bytes != 0 && mapping->end == old_end && can_grow(*mapping, new_end)) {
    virtual_bytes_ += new_end - old_end;
    mapping->end = new_end;
    merge(*mapping);
    return wanted.address;
  }
  if (wanted.may_move == 0) return fail(Error::kNoSpace);
  return move_away(wanted, batch);
}

bool AddressSpace::can_grow(const Mapping& mapping, u64 end) {
  const u64 more = end - mapping.end;
  if (end > end_address() || !is_free(mapping.end, end)) return false;
  if (mapping.memory && mapping.offset > Memory::kBytesMax - (end - mapping.start)) return false;
  return more <= virtual_limit_ && virtual_bytes_ <= virtual_limit_ - more;
}

// Everything that can fail comes first; then the pages change places.
Result<u64> AddressSpace::move_away(const MoveRequest& request, FlushBatch& batch) {
  const bool keep = request.keep_old != 0 || request.old_bytes == 0;
  const u64 moved = std::min(request.old_bytes, request.new_bytes), old_end = request.address + request.old_bytes;
  const u64 more = keep ? request.new_bytes : request.new_bytes - std::min(request.new_bytes, request.old_bytes);
  if (more > virtual_limit_ || virtual_bytes_ > virtual_limit_ - more) return fail(Error::kNoSpace);
  u64 to = request.new_address;
  if (has(request.flags, MapFlags::kFixed))
    TRY(clear_range(to, to + request.new_bytes, batch));
  else
    to = TRY(find_free(request.new_bytes, search_top_ > request.address ? search_top_ : end_address()));
  if (!keep) {
    TRY(cut(request.address));
    TRY(cut(old_end));
  }
  Mapping* old = find(request.address);
  TRY(prepare_tables(request.address, to, moved, batch));
  Mapping* mapping = TRY(make_mapping(to, to + request.new_bytes, old));
  mapping->offset = old->offset + (request.address - old->start);
  insert(*mapping);
  move_pages(request.address, to, moved, batch);
  if (!keep) {
    // What is beyond the new size goes; the rest is empty by now. Before the new mapping may be merged: the old one can be its neighbour.
    remove_pages(request.address, old_end, batch);
    erase(*find(request.address));
  }
  merge(*mapping);
  return to;
}

// Makes a table for every page that is there, and no page is large.
Result<> AddressSpace::prepare_tables(u64 from, u64 to, u64 bytes, FlushBatch& batch) {
  Table pages = table(batch);
  for (u64 at = from; at < from + bytes;) {
    const auto slot = pages.find(at);
    if (slot.level == 1 && slot.entry != 0) {
      TRY(split_large((at & ~(kLargePageSize - 1)) + kPageSize));
      continue;
    }
    if (slot.level == 0) {
      const u64 end = std::min((at & ~(kLargePageSize - 1)) + kLargePageSize, from + bytes);
      TRY(pages.make(to + (at - from)));
      TRY(pages.make(to + (end - from) - kPageSize));
    }
    const u64 step = std::max(level_bytes(slot.level), kLargePageSize);
    at = (at & ~(step - 1)) + step;
  }
  return {};
}

void AddressSpace::move_pages(u64 from, u64 to, u64 bytes, FlushBatch& batch) {
  Table pages = table(batch);
  Table target = table(batch);
  pages.update(from, from + bytes, [&](u64 address, u64 entry, u32) HATI_NO_THREAD_SAFETY_ANALYSIS -> u64 {
    auto slot = target.find(to + (address - from));
    target.set(slot, entry);
    if (Pte::Present::is_set(entry)) batch.page(address);
    return 0;
  });
}

}  // namespace hati
