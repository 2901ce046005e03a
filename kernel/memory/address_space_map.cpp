// SPDX-License-Identifier: MIT
// The tree of mappings: map, unmap, protect, where to find room, cutting and joining.
#include <algorithm>

#include "kernel/memory/mapping_cache.h"
#include "kernel/memory/zero_frame.h"

namespace hati {

namespace {

constexpr u64 kFourGigabytes = u64{1} << 32;
constexpr u64 kPopulateMax = u64{16} << 20;  // what map() resolves ahead; the rest is resolved by faults
constexpr Protection kAllProtection = Protection::kRead | Protection::kWrite | Protection::kExecute;
constexpr MapFlags kAllFlags = static_cast<MapFlags>((1 << 8) - 1);
// Flags that stay with the mapping.
constexpr MapFlags kKeptFlags = MapFlags::kShared | MapFlags::kGrowsDown | MapFlags::kDontFork | MapFlags::kWipeOnFork;

bool subset(Protection part, Protection whole) { return (part & ~whole) == Protection::kNone; }

}  // namespace

Result<> AddressSpace::check(const MapRequest& request, const Memory* memory) const {
  const auto max = static_cast<Protection>(request.max_protection);
  if (!page_aligned(request.address) || !page_aligned(request.offset) || request.bytes == 0) return fail(Error::kInvalidArgument);
  if (request.bytes > end_address() - first_address()) return fail(Error::kNoSpace);
  if (!subset(request.protection, max) || !subset(max, kAllProtection)) return fail(Error::kInvalidArgument);
  if ((request.flags & ~kAllFlags) != MapFlags::kNone) return fail(Error::kInvalidArgument);
  if (has(request.flags, MapFlags::kFixed) && has(request.flags, MapFlags::kNoReplace)) return fail(Error::kInvalidArgument);
  if (memory == nullptr) return has(request.flags, MapFlags::kShared) ? fail(Error::kInvalidArgument) : Result<>{};
  if (request.offset > Memory::kBytesMax - page_ceil(request.bytes)) return fail(Error::kInvalidArgument);
  const bool stack = has(request.flags, MapFlags::kGrowsDown);
  return stack ? fail(Error::kInvalidArgument) : Result<>{};
}

Result<u64> AddressSpace::map(const MapRequest& request, Ref<Memory> memory) {
  TRY(check(request, memory.get()));
  const u64 bytes = page_ceil(request.bytes);
  const bool fixed = has(request.flags, MapFlags::kFixed);
  Guard guard(lock_);
  const u64 start = TRY(place(request));
  FlushBatch batch(context, ticket_);
  if (fixed) TRY(clear_range(start, start + bytes, batch));
  if (bytes > virtual_limit_ || virtual_bytes_ > virtual_limit_ - bytes) return fail(Error::kNoSpace);
  Mapping* mapping = TRY(make_mapping(start, start + bytes, nullptr));
  mapping->protection = request.protection;
  mapping->max_protection = static_cast<Protection>(request.max_protection);
  mapping->flags = request.flags & kKeptFlags;
  mapping->memory = std::move(memory);
  mapping->offset = request.offset;
  mapping->tag = request.tag;
  mapping->grow_limit = request.grow_limit;
  insert(*mapping);
  merge(*mapping);
  if (has(request.flags, MapFlags::kPopulate) && request.protection != Protection::kNone) {
    const bool write = has(request.protection, Protection::kWrite);
    for (u64 page = start; page < start + std::min(bytes, kPopulateMax); page += kPageSize)
      if (resolve(page, write, false) != FaultResult::kResolved) break;
  }
  return start;
}

// Where a request goes; what is in the way of a fixed one is still there.
Result<u64> AddressSpace::place(const MapRequest& request) {
  const u64 bytes = page_ceil(request.bytes);
  const bool exact = has(request.flags, MapFlags::kFixed) || has(request.flags, MapFlags::kNoReplace);
  if (exact) {
    if (!in_range(request.address, bytes)) return fail(Error::kInvalidArgument);
    if (has(request.flags, MapFlags::kNoReplace) && !is_free(request.address, request.address + bytes)) return fail(Error::kExists);
    return request.address;
  }
  u64 top = request.search_top == 0 ? end_address() : std::min(page_floor(request.search_top), end_address());
  if (has(request.flags, MapFlags::kBelow4G)) top = std::min(top, kFourGigabytes);
  if (request.address != 0 && in_range(request.address, bytes) && request.address + bytes <= end_address() &&
      is_free(request.address, request.address + bytes))
    return request.address;
  return find_free(bytes, top);
}

bool AddressSpace::is_free(u64 start, u64 end) {
  const Mapping* mapping = find_from(start);
  return mapping == nullptr || mapping->start >= end;
}

// Top down. Remembers how far it looked, so that a series of requests does not look at the same mappings again and again.
Result<u64> AddressSpace::find_free(u64 bytes, u64 top) {
  u64 skipped = 0;
  if (top != search_top_) {
    search_top_ = top;
    search_from_ = 0;
  } else if (search_from_ != 0 && bytes > search_skipped_) {
    top = search_from_;
    skipped = search_skipped_;
  }
  Mapping* above = top == 0 ? nullptr : find_from(top - 1);
  if (above != nullptr) top = std::min(top, above->start);
  auto it = above != nullptr ? mappings_.iterator_to(*above) : mappings_.end();
  for (;;) {
    if (above != nullptr && has(above->flags, MapFlags::kGrowsDown) && above->start - first_address() > kStackGap)
      top = std::min(top, above->start - kStackGap);
    const bool none = it == mappings_.begin();
    const u64 bottom = none ? first_address() : std::prev(it)->end;
    if (top >= bottom && top - bottom >= bytes) {
      search_from_ = top - bytes;
      search_skipped_ = skipped;
      return top - bytes;
    }
    if (none) return fail(Error::kNoSpace);
    if (top > bottom) skipped = std::max(skipped, top - bottom);
    --it;
    above = &*it;
    top = above->start;
  }
}

// A new mapping, in no tree yet; with the attributes of `like`.
Result<Mapping*> AddressSpace::make_mapping(u64 start, u64 end, const Mapping* like) {
  if (mapping_count_ >= kMappingsMax) return fail(Error::kNoMemory);
  Mapping* mapping = TRY(with_charge(quota_.get(), sizeof(Mapping), [] { return mapping_cache.construct(); }));
  mapping->space = this;
  mapping->start = start;
  mapping->end = end;
  if (like == nullptr) return mapping;
  mapping->protection = like->protection;
  mapping->max_protection = like->max_protection;
  mapping->flags = like->flags;
  mapping->memory = like->memory;
  mapping->offset = like->offset + (start - like->start);
  mapping->tag = like->tag;
  mapping->grow_limit = like->grow_limit;
  return mapping;
}

void AddressSpace::insert(Mapping& mapping) {
  mappings_.insert(mapping);
  if (mapping.memory) mapping.memory->add_mapping(mapping);
  ++mapping_count_;
  virtual_bytes_ += mapping.bytes();
}

// Takes a mapping out and destroys it. Its translations are gone or belong to another by now.
void AddressSpace::erase(Mapping& mapping) {
  if (mapping.memory) mapping.memory->remove_mapping(mapping);
  mappings_.erase(mappings_.iterator_to(mapping));
  --mapping_count_;
  virtual_bytes_ -= mapping.bytes();
  if (recent_ == &mapping) recent_ = nullptr;
  // The room may serve the next search.
  if (search_from_ != 0 && mapping.end > search_from_) search_from_ = 0;
  mapping_cache.destroy(&mapping);
  if (quota_) quota_->uncharge(sizeof(Mapping));
}

Result<> AddressSpace::split_large(u64 address) {
  if (address % kLargePageSize == 0) return {};
  FlushBatch batch(context, ticket_);
  Table pages = table(batch);
  auto slot = pages.find(address);
  if (slot.level != 1 || slot.entry == 0) return {};
  const PhysAddr block = Pte::frame(slot.entry);
  // Each page gets its own count before it can be seen as a page.
  for (u64 i = 0; i < kTableEntries; ++i) {
    Page& page = frames.page(block + i * kPageSize);
    page.references.store(1, std::memory_order_relaxed);
    page.set_state(PageState::kPrivate);
    page.order = 0;
  }
  TRY(pages.split(slot));
  batch.page(address);
  return {};
}

Result<> AddressSpace::cut(u64 address) {
  TRY(split_large(address));
  Mapping* mapping = find(address);
  if (mapping == nullptr || mapping->start == address) return {};
  Mapping* upper = TRY(make_mapping(address, mapping->end, mapping));
  virtual_bytes_ -= upper->bytes();
  mapping->end = address;
  insert(*upper);
  return {};
}

// Joins two neighbours if they are alike. `right` is gone then.
bool AddressSpace::join(Mapping& left, Mapping& right) {
  if (left.end != right.start || left.protection != right.protection || left.max_protection != right.max_protection ||
      left.flags != right.flags || left.memory != right.memory || left.tag != right.tag || left.grow_limit != right.grow_limit)
    return false;
  if (left.memory && left.offset + left.bytes() != right.offset) return false;
  const u64 bytes = right.bytes(), end = right.end, search_from = search_from_;
  erase(right);
  search_from_ = search_from;
  left.end = end;
  virtual_bytes_ += bytes;
  if (left.memory) left.memory->visit_again(left);
  return true;
}

// `mapping` may be gone afterwards.
void AddressSpace::merge(Mapping& mapping) {
  Mapping* left = previous(mapping);
  Mapping* right = next(mapping);
  if (right != nullptr) join(mapping, *right);
  if (left != nullptr) join(*left, mapping);
}

// Removes whatever is in the range. All that can fail is done before anything is changed; a long range is done in pieces.
Result<> AddressSpace::clear_range(u64 start, u64 end, FlushBatch& batch) {
  TRY(cut(start));
  TRY(cut(end));
  u64 budget = kPagesPerPiece;
  while (Mapping* mapping = find_from(start)) {
    if (mapping->start >= end) break;
    const u64 reached = remove_some(mapping->start, mapping->end, batch, budget);
    if (reached != mapping->end) return fail(Error{kRestart});
    erase(*mapping);
  }
  return {};
}

Result<> AddressSpace::unmap(u64 address, u64 bytes) {
  if (!page_aligned(address) || bytes == 0 || !in_range(address, bytes)) return fail(Error::kInvalidArgument);
  Guard guard(lock_);
  FlushBatch batch(context, ticket_);
  return clear_range(address, page_ceil(address + bytes), batch);
}

Result<> AddressSpace::protect(u64 address, u64 bytes, Protection protection) {
  if (!page_aligned(address) || !in_range(address, bytes) || !subset(protection, kAllProtection)) return fail(Error::kInvalidArgument);
  const u64 end = page_ceil(address + bytes);
  Guard guard(lock_);
  FlushBatch batch(context, ticket_);
  while (address < end) {
    Mapping* mapping = find(address);
    if (mapping == nullptr) return fail(Error::kBadAddress);
    if (!subset(protection, mapping->max_protection)) return fail(Error::kAccess);
    const u64 stop = std::min(end, mapping->end);
    if (mapping->protection != protection) {
      TRY(cut(address));
      TRY(cut(stop));
      mapping = find(address);
      protect_mapping(*mapping, protection, batch);
      merge(*mapping);
    }
    address = stop;
  }
  return {};
}

void AddressSpace::protect_mapping(Mapping& mapping, Protection protection, FlushBatch& batch) {
  mapping.protection = protection;
  const u64 rights = Pte::Present::kMask | Pte::Write::kMask | Pte::NoExecute::kMask;
  const u64 most = entry_bits(mapping, true) & rights;
  table(batch).update(mapping.start, mapping.end, [&](u64 address, u64 entry, u32 level) HATI_NO_THREAD_SAFETY_ANALYSIS {
    u64 allowed = most;
    // Write access comes back at once only where a fault would grant it without copying or making a page.
    const bool sole =
        level != 0 || (Pte::Private::is_set(entry) && frames.page(Pte::frame(entry)).references.load(std::memory_order_acquire) == 1);
    const bool shared_page = mapping.shared() && Pte::frame(entry) != zero_page() && mapping.memory->paged() == nullptr;
    if (!sole && !shared_page) allowed &= ~Pte::Write::kMask;
    const u64 changed = (entry & ~rights) | allowed;
    const u64 lost = (entry & ~changed & (Pte::Present::kMask | Pte::Write::kMask)) | (changed & ~entry & Pte::NoExecute::kMask);
    if (lost != 0 && Pte::Present::is_set(entry)) batch.page(address);
    return changed;
  });
}

Result<> AddressSpace::populate(u64 address, u64 bytes, PopulateFlags flags) {
  if (!page_aligned(address) || !in_range(address, bytes)) return fail(Error::kInvalidArgument);
  const bool write = flags == PopulateFlags::kWrite;
  u32 budget = kPagesPerPiece / 4;
  Guard guard(lock_);
  for (u64 page = address; page < address + bytes; page += kPageSize) {
    FlushBatch batch(context, ticket_);
    const auto slot = table(batch).find(page);
    if (Pte::Present::is_set(slot.entry) && (!write || Pte::Write::is_set(slot.entry))) continue;
    if (budget-- == 0) return fail(Error{kRestart});
    switch (resolve(page, write, false)) {
      case FaultResult::kResolved: break;
      case FaultResult::kUnmapped:
      case FaultResult::kBeyondEnd: return fail(Error::kBadAddress);
      case FaultResult::kAccess: return fail(Error::kAccess);
      case FaultResult::kNoMemory: return fail(Error::kNoMemory);
      case FaultResult::kNotResident: return fail(Error::kNotResident);
    }
  }
  return {};
}

}  // namespace hati
