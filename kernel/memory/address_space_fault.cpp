// SPDX-License-Identifier: MIT
// Page faults. The order of the cases is the order of their frequency: a page that is missing in anonymous memory comes first.
#include <algorithm>

#include "kernel/memory/address_space.h"
#include "kernel/memory/zero_frame.h"

namespace hati {

namespace {

constexpr u64 kSeen = Pte::Accessed::kMask;  // set by the kernel, which saves the processor a locked update
constexpr u64 kWritten = Pte::Accessed::kMask | Pte::Dirty::kMask;
constexpr u64 kAroundPages = 16;  // pages of a Memory object that one read fault maps

FaultResult fault_of(Error error) {
  switch (error) {
    case Error::kNotFound: return FaultResult::kBeyondEnd;
    case Error::kNotResident: return FaultResult::kNotResident;
    default: return FaultResult::kNoMemory;
  }
}

u64 cache_bits(const Memory* memory) {
  if (memory == nullptr) return 0;
  const u64 device = memory->device() ? Pte::Device::kMask : 0;
  switch (memory->cache_mode()) {
    case CacheMode::kWriteBack: return device;
    case CacheMode::kUncached: return device | Pte::CacheDisable::kMask | Pte::WriteThrough::kMask;
    case CacheMode::kWriteCombining: return device | Pte::WriteThrough::kMask;  // PAT entry 1, see kernel/arch
  }
  return device;
}

}  // namespace

// All bits but the address and Private.
u64 AddressSpace::entry_bits(const Mapping& mapping, bool writable) const {
  u64 bits = kSeen | cache_bits(mapping.memory.get());
  if (!attached()) bits |= Pte::User::kMask;
  if (mapping.protection != Protection::kNone) bits |= Pte::Present::kMask;
  if (!has(mapping.protection, Protection::kExecute)) bits |= Pte::NoExecute::kMask;
  if (writable && has(mapping.protection, Protection::kWrite)) bits |= Pte::Write::kMask;
  return bits;
}

FaultResult AddressSpace::handle_fault(u64 address, u64 bits) {
  // While another processor may still write to a page through a translation that a fork took away, the page is not copied: the access is
  // tried again, and interrupts are served in between.
  if ((bits & kFaultWrite) != 0 && fork_ticket_.cpus.load(std::memory_order_acquire) != 0 && shootdown.pending(fork_ticket_)) [[unlikely]]
    return FaultResult::kResolved;
  Guard guard(lock_);
  ++faults_;
  return resolve(address, (bits & kFaultWrite) != 0, (bits & kFaultFetch) != 0);
}

FaultResult AddressSpace::resolve(u64 address, bool write, bool fetch) {
  Mapping* mapping = find(address);
  if (mapping == nullptr) [[unlikely]] {
    mapping = grow_down(address);
    if (mapping == nullptr) return FaultResult::kUnmapped;
  }
  const Protection needed = write ? Protection::kWrite : fetch ? Protection::kExecute : Protection::kNone;
  if (!has(mapping->protection, needed) || mapping->protection == Protection::kNone) return FaultResult::kAccess;
  FlushBatch batch(context, ticket_);
  return resolve_page(*mapping, page_floor(address), write, batch);
}

// The next mapping above, if it grows down and there is room. The gap to what is below stays.
Mapping* AddressSpace::grow_down(u64 address) {
  Mapping* mapping = find_from(address);
  if (mapping == nullptr || !has(mapping->flags, MapFlags::kGrowsDown)) return nullptr;
  const u64 start = page_floor(address);
  if (start < first_address() || mapping->end - start > mapping->grow_limit) return nullptr;
  const Mapping* below = previous(*mapping);
  if (below != nullptr && below->protection != Protection::kNone && below->end > start - std::min(start, kStackGap)) return nullptr;
  if (below != nullptr && below->end > start) return nullptr;
  const u64 more = mapping->start - start;
  if (more > virtual_limit_ || virtual_bytes_ > virtual_limit_ - more) return nullptr;
  mapping->start = start;
  virtual_bytes_ += more;
  return mapping;
}

FaultResult AddressSpace::resolve_page(Mapping& mapping, u64 page, bool write, FlushBatch& batch) {
  Table pages = table(batch);
  auto slot = walk(pages, page);
  if (slot.entry != 0) return resolve_present(mapping, page, slot, write, batch);
  if (slot.level != 0) [[unlikely]] {
    if (write && slot.level == 1 && !mapping.memory && try_large(mapping, page, slot, batch)) return FaultResult::kResolved;
    const auto made = pages.extend(page, slot);
    if (!made) return FaultResult::kNoMemory;
    slot = *made;
  }
  return resolve_missing(mapping, page, slot, write, batch);
}

FaultResult AddressSpace::resolve_missing(Mapping& mapping, u64 page, Table::Slot& slot, bool write, FlushBatch& batch) {
  if (mapping.memory) return resolve_memory(mapping, page, slot, write, batch);
  if (!write) {
    table(batch).set(slot, zero_page().value | entry_bits(mapping, false));
    return FaultResult::kResolved;
  }
  const auto frame = frames.allocate(0, frame_flags() | FrameFlags::kZeroed);
  if (!frame) return FaultResult::kNoMemory;
  return set_private(mapping, slot, *frame, batch);
}

// Takes over a frame that nobody else knows: counted, entered, writable.
FaultResult AddressSpace::set_private(Mapping& mapping, Table::Slot& slot, PhysAddr frame, FlushBatch& batch) {
  if (private_pages_ >= resident_limit_pages_ && !Pte::Private::is_set(slot.entry)) [[unlikely]] {
    frames.free(frame);
    return FaultResult::kNoMemory;
  }
  Page& page = frames.page(frame);
  page.references.store(1, std::memory_order_relaxed);
  page.set_state(PageState::kPrivate);
  count_private(1);
  u64 bits = entry_bits(mapping, true) | kWritten | Pte::Private::kMask;
  bits &= ~(Pte::Device::kMask | Pte::CacheDisable::kMask | Pte::WriteThrough::kMask);
  table(batch).set(slot, frame.value | bits);
  return FaultResult::kResolved;
}

// There is an entry. If it permits the access, another processor was faster or the translation was stale.
FaultResult AddressSpace::resolve_present(Mapping& mapping, u64 page, Table::Slot& slot, bool write, FlushBatch& batch) {
  const u64 entry = slot.entry;
  if (!write || Pte::Write::is_set(entry)) return FaultResult::kResolved;
  const PhysAddr frame = Pte::frame(entry);
  if (mapping.shared()) return resolve_memory(mapping, page, slot, write, batch);
  const bool counted = Pte::Private::is_set(entry);
  if (counted && frames.page(frame).references.load(std::memory_order_acquire) == 1) {
    // More rights: no other processor needs to know. A debugger writes where the mapping does not permit it: the page stays as it is protected.
    table(batch).set(slot, entry | (entry_bits(mapping, true) & Pte::Write::kMask) | kWritten);
    return FaultResult::kResolved;
  }
  // A copy. A page of a Memory object stays where it is as long as this space's lock is held (see Memory::invalidate).
  if (Pte::Device::is_set(entry)) return FaultResult::kAccess;
  const bool zero = frame == zero_page();
  const auto copy = frames.allocate(0, frame_flags() | (zero ? FrameFlags::kZeroed : FrameFlags::kNone));
  if (!copy) return FaultResult::kNoMemory;
  if (!zero) copy_frame(*copy, frame);
  const FaultResult result = set_private(mapping, slot, *copy, batch);
  if (result != FaultResult::kResolved) return result;
  release_entry(page, entry, 0, batch);
  return result;
}

FaultResult AddressSpace::resolve_memory(Mapping& mapping, u64 page, Table::Slot& slot, bool write, FlushBatch& batch) {
  Memory& memory = *mapping.memory;
  const u64 index = (mapping.offset + (page - mapping.start)) >> kPageShift;
  if (write && !mapping.shared()) {
    if (memory.device()) return FaultResult::kAccess;
    const auto copy = frames.allocate(0, frame_flags());
    if (!copy) return FaultResult::kNoMemory;
    const auto found = memory.with_page(index, PageUse::kRead, [&](Memory::PageView view) { copy_frame(*copy, view.frame); });
    if (found) return set_private(mapping, slot, *copy, batch);
    frames.free(*copy);
    return fault_of(found.error());
  }
  // A hole gets its page now, though only read: the zero frame in its place would hide what others write to the object later. A shared page
  // that may be written is entered as such at once, unless it has a pager, which wants to know which pages are.
  const auto enter = [&](Memory::PageView view) HATI_NO_THREAD_SAFETY_ANALYSIS {
    if (slot.entry == 0) ++shared_pages_;
    table(batch).set(slot, view.frame.value | entry_bits(mapping, mapping.shared() && view.writable) | (write ? kWritten : kSeen));
  };
  const auto found = memory.with_page(index, write ? PageUse::kMapWrite : PageUse::kMapRead, enter);
  if (!found) return fault_of(found.error());
  if (!write) enter_around(mapping, page, slot);
  return FaultResult::kResolved;
}

// After a read fault, the neighbours that the object has and that lie in the same page table.
void AddressSpace::enter_around(Mapping& mapping, u64 page, const Table::Slot& slot) {
  const u64 window = page & ~(kAroundPages * kPageSize - 1);
  const u64 start = std::max(window, mapping.start), end = std::min(window + kAroundPages * kPageSize, mapping.end);
  u64* entries = phys_to_virt<u64>(slot.table);
  const u64 bits = entry_bits(mapping, mapping.shared());
  u32 count = 0;
  mapping.memory->for_present((mapping.offset + (start - mapping.start)) >> kPageShift, (end - start) >> kPageShift,
                              [&](u64 i, PhysAddr frame, bool writable) {
                                u64& entry = entries[level_index(start + (i << kPageShift), 0)];
                                if (entry != 0) return;
                                entry = frame.value | (writable ? bits : bits & ~Pte::Write::kMask);
                                ++count;
                              });
  frames.page(slot.table).live += count;
  shared_pages_ += count;
}

// A 2 MiB page where a program walks through large memory: the page next to this 2 MiB region, below or above, is its own already.
bool AddressSpace::try_large(Mapping& mapping, u64 page, Table::Slot& slot, FlushBatch& batch) {
  const u64 start = page & ~(kLargePageSize - 1);
  if (start < mapping.start + kPageSize || start + kLargePageSize > mapping.end || !frames.plentiful()) return false;
  if (private_pages_ + kTableEntries > resident_limit_pages_) return false;
  Table pages = table(batch);
  const bool below = Pte::Private::is_set(pages.find(start - kPageSize).entry);
  const bool above = start + kLargePageSize < mapping.end && Pte::Private::is_set(pages.find(start + kLargePageSize).entry);
  if (!below && !above) return false;
  const auto block = frames.allocate(kOrderMax, frame_flags() | FrameFlags::kZeroed);
  if (!block) return false;
  frames.page(*block).set_state(PageState::kPrivate);
  count_private(kTableEntries);
  pages.set(slot, block->value | entry_bits(mapping, true) | kWritten | Pte::Private::kMask | Pte::Large::kMask);
  return true;
}

Result<PagedMemory::Bring> AddressSpace::wait_for_page(u64 address, u64 bytes, PagedMemory::Access access, PageWaiter* waiter) {
  Ref<Memory> memory;
  u64 first = 0, count = 0;
  {
    Guard guard(lock_);
    const Mapping* mapping = find(address);
    if (mapping == nullptr || !mapping->memory || mapping->memory->paged() == nullptr) return PagedMemory::Bring::kReady;
    memory = mapping->memory;
    first = (mapping->offset + (address - mapping->start)) >> kPageShift;
    if (access == PagedMemory::Access::kWrite && !mapping->shared()) access = PagedMemory::Access::kFault;
    count = (page_ceil(address % kPageSize + std::min(bytes, mapping->end - address))) >> kPageShift;
  }
  return memory->paged()->bring(first, count, access, waiter);
}

}  // namespace hati
