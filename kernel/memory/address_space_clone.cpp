// SPDX-License-Identifier: MIT
// kSpaceClone: one pass over the source's mappings and page tables. A private page becomes read-only and counted once more; a page of a
// Memory object is entered as it is. The target continues where it stopped if the work is done in pieces.
#include <algorithm>

#include "kernel/memory/mapping_cache.h"
#include "kernel/memory/zero_frame.h"

namespace hati {

Result<> AddressSpace::clone_into(AddressSpace& target) {
  if (&target == this || target.flags_ != flags_) return fail(Error::kInvalidArgument);
  Guard guard(lock_);
  Guard target_guard(target.lock_);
  if (!target.mappings_.empty() && !target.cloning_) return fail(Error::kBusy);
  if (!target.cloning_) {
    target.cloning_ = true;
    target.clone_next_ = 0;
    target.virtual_limit_ = virtual_limit_;
    target.resident_limit_pages_ = resident_limit_pages_;
  }
  FlushBatch batch(context, ticket_);
  u64 budget = kPagesPerPiece * 4;
  Result<> result{};
  for (Mapping* mapping = find_from(target.clone_next_); result && mapping != nullptr; mapping = next(*mapping)) {
    if (!has(mapping->flags, MapFlags::kDontFork)) result = clone_mapping(*mapping, target, batch, budget);
    if (result) target.clone_next_ = mapping->end;
  }
  batch.submit();
  shootdown.join(target.ticket_, ticket_);
  shootdown.join(fork_ticket_, ticket_);
  if (result || result.error() != kRestart) target.cloning_ = false;
  target.peak_pages_ = target.private_pages_ + target.shared_pages_;
  return result;
}

Result<> AddressSpace::clone_mapping(Mapping& mapping, AddressSpace& target, FlushBatch& batch, u64& budget) {
  Mapping* last = target.mappings_.empty() ? nullptr : &*target.mappings_.rbegin();
  if (last == nullptr || last->end <= mapping.start) {
    Mapping* copy = TRY(target.make_mapping(mapping.start, mapping.end, &mapping));
    target.mappings_.push_back(*copy);
    if (copy->memory) copy->memory->add_mapping(*copy);
    ++target.mapping_count_;
    target.virtual_bytes_ += copy->bytes();
  } else if (last->memory) {
    // Carried on. Somebody who takes pages from all mappings may have been at the copy but not at the source meanwhile.
    last->memory->visit_again(*last);
  }
  if (has(mapping.flags, MapFlags::kWipeOnFork)) return {};
  return clone_pages(mapping, target, batch, budget);
}

Result<> AddressSpace::clone_pages(Mapping& mapping, AddressSpace& target, FlushBatch& batch, u64& budget) {
  Table pages = table(batch);
  for (u64 at = std::max(mapping.start, target.clone_next_); at < mapping.end;) {
    const auto slot = pages.find(at);
    const u64 step = std::max(level_bytes(slot.level), kLargePageSize);
    const u64 stop = std::min(mapping.end, (at & ~(step - 1)) + step);
    if (slot.level == 1 && slot.entry != 0) {
      TRY(split_large((at & ~(kLargePageSize - 1)) + kPageSize));
      continue;
    }
    if (slot.level == 0) {
      if (budget < kTableEntries) return fail(Error{kRestart});
      budget -= TRY(clone_table(mapping, target, slot.table, at, stop, batch));
      target.clone_next_ = stop;
    }
    at = stop;
  }
  return {};
}

// The part of one page table from `start` to `end`. Returns the number of entries in use.
Result<u32> AddressSpace::clone_table(Mapping& mapping, AddressSpace& target, PhysAddr source, u64 start, u64 end, FlushBatch& batch) {
  const u64 lost = mapping.shared() ? 0 : Pte::Write::kMask;
  const Table pages = table(batch);
  const u32 stop = level_index(start, 0) + static_cast<u32>((end - start) >> kPageShift);
  u32 index = pages.skip_empty(source, level_index(start, 0), stop);
  if (index == stop) return 0;
  const PhysAddr copy = TRY(target.table(batch).make(start)).table;
  volatile u64* from = phys_to_virt<volatile u64>(source);
  u64* to = phys_to_virt<u64>(copy);
  const u64 base = start & ~(kLargePageSize - 1);
  u32 count = 0, privates = 0, zeroes = 0;
  do {
    u64 entry = from[index];
    if (Pte::Private::is_set(entry)) {
      frames.page(Pte::frame(entry)).references.fetch_add(1, std::memory_order_relaxed);
      ++privates;
    } else if (Pte::frame(entry) == zero_page()) {
      ++zeroes;
    }
    if ((entry & lost) != 0) {
      entry &= ~lost;
      from[index] = entry;
      batch.page(base + (u64{index} << kPageShift));
    }
    to[index] = entry;
    ++count;
    index = pages.skip_empty(source, index + 1, stop);
  } while (index != stop);
  frames.page(copy).live += static_cast<u16>(count);
  target.private_pages_ += privates;
  target.shared_pages_ += count - privates - zeroes;
  return count;
}

}  // namespace hati
