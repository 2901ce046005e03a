// SPDX-License-Identifier: MIT
#include "kernel/memory/memory.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernel/memory/address_space.h"
#include "kernel/memory/object_cache.h"
#include "kernel/memory/paged_memory.h"
#include "kernel/memory/zero_frame.h"

namespace hati {

constinit std::atomic<u64> Memory::total_pages_{0};

namespace {
constinit ObjectCache<Memory> memory_cache;
}

Memory::Memory(Kind kind, Charge charge, Ref<Quota> quota, u64 bytes)
    : Object(kType), kind_(kind), charge_(std::move(charge)), quota_(std::move(quota)), bytes_(bytes) {}

Memory::~Memory() {
  if (kind_ != Kind::kContiguous) return;
  FrameList list;
  list.push(base_, order_);
  shootdown.free(list);
}

void Memory::release_storage() {
  if (!run_deferred()) defer(*this);
}

bool Memory::run_deferred() {
  FrameList list;
  bool all;
  {
    Guard guard(pages_lock_);
    all = take_pages(0, ~u64{0});
    list.append(doomed_);
  }
  shootdown.free(list);
  if (!all) return false;
  memory_cache.destroy(this);
  return true;
}

Result<Ref<Memory>> Memory::create(Ref<Quota> quota, u64 bytes) {
  if (bytes > kBytesMax) return fail(Error::kInvalidArgument);
  Charge charge = TRY(Charge::make(quota, sizeof(Memory), 1));
  return memory_cache.make(Kind::kAnonymous, std::move(charge), std::move(quota), page_ceil(bytes));
}

Result<Ref<Memory>> Memory::create_physical(Ref<Quota> quota, PhysAddr base, u64 bytes, CacheMode mode) {
  constexpr u64 kPhysicalEnd = u64{1} << 52;
  if (!page_aligned(base.value) || bytes == 0 || bytes > kPhysicalEnd || base.value > kPhysicalEnd - page_ceil(bytes))
    return fail(Error::kInvalidArgument);
  Charge charge = TRY(Charge::make(quota, sizeof(Memory), 1));
  Ref<Memory> memory = TRY(memory_cache.make(Kind::kPhysical, std::move(charge), std::move(quota), page_ceil(bytes)));
  memory->base_ = base;
  memory->cache_mode_ = mode;
  memory->device_ = !frames.is_ram({base.value, base.value + page_ceil(bytes)});
  return memory;
}

Result<Ref<Memory>> Memory::create_contiguous(Ref<Quota> quota, u64 bytes) {
  if (bytes == 0 || bytes > kLargePageSize) return fail(Error::kInvalidArgument);
  const u32 order = static_cast<u32>(std::bit_width(page_ceil(bytes) / kPageSize - 1));
  Charge charge = TRY(Charge::make(quota, sizeof(Memory) + (kPageSize << order), 1));
  Frame block = TRY(Frame::allocate(order, FrameFlags::kZeroed | FrameFlags::kServer));
  Ref<Memory> memory = TRY(memory_cache.make(Kind::kContiguous, std::move(charge), std::move(quota), page_ceil(bytes)));
  memory->base_ = block.release();
  memory->order_ = static_cast<u8>(order);
  return memory;
}

Result<Memory::PageView> Memory::page(u64 index, PageUse use) {
  if (index >= bytes() >> kPageShift) return fail(Error::kNotFound);
  if (kind_ != Kind::kAnonymous) return kind_ == Kind::kPaged ? paged_page(index, use) : PageView{base_ + (index << kPageShift)};
  if (const PhysAddr found = pages_.find(index); found.value != 0) return PageView{found};
  if (use == PageUse::kRead) return PageView{zero_page()};
  Charge charge = TRY(Charge::make(quota_, kPageSize, 0));
  Frame frame = TRY(Frame::allocate(0, FrameFlags::kZeroed));
  TRY(pages_.insert(index, frame.address()));
  Page& made = frames.page(frame.address());
  made.references.store(1, std::memory_order_relaxed);
  made.set_state(PageState::kMemory);
  total_pages_.fetch_add(1, std::memory_order_relaxed);
  charge.keep();
  return PageView{frame.release()};
}

PagedMemory* Memory::paged() { return kind_ == Kind::kPaged ? static_cast<PagedMemory*>(this) : nullptr; }

Result<Memory::PageView> Memory::page_for_pager(u64 index, bool write) {
  if (kind_ == Kind::kPaged && index < bytes() >> kPageShift) return paged_page_for_pager(index);
  return page(index, write ? PageUse::kWrite : PageUse::kRead);
}

Result<Memory::PageView> Memory::paged_page(u64 index, PageUse use) { return paged()->use_page(index, use); }
Result<Memory::PageView> Memory::paged_page_for_pager(u64 index) { return paged()->pager_page(index); }
Result<> Memory::paged_pin(u64 first, std::span<u32> numbers, bool write, bool pager) { return paged()->pin_pages(first, numbers, write, pager); }
bool Memory::paged_enter(u64 index, PhysAddr& frame, bool& writable) { return paged()->enter_mapped(index, frame, writable); }

bool Memory::paged_resident(u64 index) { return paged()->is_resident(index); }

bool Memory::resident(u64 index) {
  switch (kind_) {
    case Kind::kAnonymous: return pages_.find(index).value != 0;
    case Kind::kPaged: return paged_resident(index);
    case Kind::kPhysical:
    case Kind::kContiguous: return true;
  }
  return true;
}

void Memory::after_paged_use() { paged()->after_use(); }

bool Memory::take_pages(u64 first, u64 end) {
  u32 count = 0;
  bool all = false;
  while (count < kPagesPerPiece) {
    const auto index = pages_.next(first);
    if (!index || *index >= end) {
      all = true;
      break;
    }
    doomed_.push(pages_.remove(*index));
    ++count;
    first = *index;
  }
  if (count != 0) more_doomed_ = true;
  total_pages_.fetch_sub(count, std::memory_order_relaxed);
  if (quota_) quota_->uncharge(u64{count} << kPageShift);
  return all;
}

Result<> Memory::resize(u64 new_bytes) {
  if (PagedMemory* own = paged()) return own->paged_resize(new_bytes);
  if (kind_ != Kind::kAnonymous) return fail(Error::kNotSupported);
  if (new_bytes > kBytesMax) return fail(Error::kInvalidArgument);
  new_bytes = page_ceil(new_bytes);
  bool all;
  {
    Guard guard(pages_lock_);
    const u64 kept = std::min(new_bytes, bytes());
    all = take_pages(kept >> kPageShift, ~u64{0});
    if (kept < bytes() || !all) {
      doomed_range_ = {std::min(doomed_range_.first, kept >> kPageShift), ~u64{0} >> kPageShift};
      shrunk_ = more_doomed_ = true;
    }
    bytes_.store(all ? new_bytes : kept, std::memory_order_release);
  }
  TRY(invalidate());
  return all ? Result<>{} : fail(Error{kRestart});
}

Result<> Memory::discard(u64 offset, u64 bytes) {
  if (PagedMemory* own = paged()) return own->paged_discard(offset, bytes);
  if (kind_ != Kind::kAnonymous) return fail(Error::kNotSupported);
  if (offset > kBytesMax || bytes > kBytesMax - offset) return fail(Error::kInvalidArgument);
  const u64 first = page_ceil(offset), end = page_floor(offset + bytes);
  bool all = true;
  {
    Guard guard(pages_lock_);
    const u64 tail = std::max(first, end);
    clear_part(offset, std::min(bytes, first - offset));
    if (offset + bytes > tail) clear_part(tail, offset + bytes - tail);
    if (first < end) {
      all = take_pages(first >> kPageShift, end >> kPageShift);
      doomed_range_ = {std::min(doomed_range_.first, first >> kPageShift), std::max(doomed_range_.end, end >> kPageShift)};
    }
  }
  TRY(invalidate());
  return all ? Result<>{} : fail(Error{kRestart});
}

// Within one page.
void Memory::clear_part(u64 offset, u64 bytes) {
  if (bytes == 0) return;
  const PhysAddr frame{page_floor(pages_.find(offset >> kPageShift).value)};  // without the bits of a paged object
  if (frame.value != 0) std::memset(phys_to_virt<u8>(frame) + offset % kPageSize, 0, bytes);
}

Result<u64> Memory::seek(u64 offset, u32 what) const {
  if (what > 1) return fail(Error::kInvalidArgument);
  Guard guard(pages_lock_);
  if (offset >= bytes()) return fail(Error::kNotFound);
  const u64 index = offset >> kPageShift;
  u64 found = index;
  if (kind_ == Kind::kAnonymous || kind_ == Kind::kPaged)
    found = what == 0 ? TRY(pages_.next(index)) : pages_.next_hole(index);
  else if (what == 1)
    return bytes();
  if (what == 0 && found << kPageShift >= bytes()) return fail(Error::kNotFound);
  return std::min(bytes(), std::max(offset, found << kPageShift));
}

MemoryInfo Memory::info() const {
  Guard guard(pages_lock_);
  const bool sparse = kind_ == Kind::kAnonymous || kind_ == Kind::kPaged;
  MemoryInfo info{};
  info.bytes = bytes();
  info.resident_bytes = sparse ? pages_.count() << kPageShift : kind_ == Kind::kContiguous ? bytes() : 0;
  info.koid = koid();
  if (kind_ == Kind::kPaged) static_cast<const PagedMemory*>(this)->fill_info(info);
  return info;
}

Result<u64> Memory::read(u64 offset, void* to, u64 bytes, bool pager) {
  u64 done = 0;
  while (done < bytes) {
    const u64 part = std::min(bytes - done, kPageSize - (offset + done) % kPageSize);
    const auto copied = with_bytes(offset + done, false, pager, [&](const u8* from) { std::memcpy(static_cast<u8*>(to) + done, from, part); });
    if (!copied && copied.error() != Error::kNotFound && done == 0) return fail(copied.error());
    if (!copied) break;
    done += part;
  }
  return done;
}

Result<u64> Memory::write(u64 offset, const void* from, u64 bytes, bool pager) {
  u64 done = 0;
  while (done < bytes) {
    const u64 part = std::min(bytes - done, kPageSize - (offset + done) % kPageSize);
    const auto copied = with_bytes(offset + done, true, pager, [&](u8* to) { std::memcpy(to, static_cast<const u8*>(from) + done, part); });
    if (!copied && copied.error() != Error::kNotFound && done == 0) return fail(copied.error());
    if (!copied) break;
    done += part;
  }
  return done;
}

Result<> Memory::pin_frames(u64 first, std::span<u32> numbers, bool write, bool pager) {
  if (device_) return fail(Error::kNotSupported);
  Guard guard(pages_lock_);
  const u64 end = bytes() >> kPageShift;
  if (first >= end || numbers.size() > end - first) return fail(Error::kBadAddress);
  if (kind_ == Kind::kPaged) {
    TRY(paged_pin(first, numbers, write, pager));
  } else {
    const u64 before = pages_.count();
    for (usize i = 0; i < numbers.size(); ++i) {
      if (pages_.count() - before > kMadePerPiece) return fail(Error{kRestart});
      numbers[i] = static_cast<u32>(TRY(page(first + i, PageUse::kWrite)).frame.frame());
    }
    if (kind_ != Kind::kAnonymous) return {};
  }
  for (const u32 number : numbers) frames.page(PhysAddr{u64{number} << kPageShift}).references.fetch_add(1, std::memory_order_relaxed);
  return {};
}

void Memory::unpin_frames(u64 first, std::span<const u32> numbers, bool write) {
  if (kind_ != Kind::kAnonymous && kind_ != Kind::kPaged) return;
  if (PagedMemory* own = paged(); own != nullptr && write) own->note_written(first, numbers);
  for (const u32 number : numbers) {
    const PhysAddr frame{u64{number} << kPageShift};
    if (frames.page(frame).drop_reference()) frames.free(frame);  // the object gave it up meanwhile, and all flushes are done
  }
  if (kind_ == Kind::kPaged) page_cache.something_changed();
}

void Memory::add_mapping(Mapping& mapping) {
  Guard guard(mappings_lock_);
  mapping.epoch = 0;
  mappings_.push_front(mapping);
}

void Memory::visit_again(Mapping& mapping) {
  Guard guard(mappings_lock_);
  mapping.epoch = 0;
  mappings_.splice(mappings_.begin(), mappings_, mappings_.iterator_to(mapping));
}

void Memory::remove_mapping(Mapping& mapping) {
  Guard guard(mappings_lock_);
  mappings_.erase(mappings_.iterator_to(mapping));
}

Result<> Memory::invalidate() {
  Range range;
  bool shrunk, again;
  {
    Guard guard(pages_lock_);
    if (invalidating_) return fail(Error{kRestart});
    if (doomed_range_.first >= doomed_range_.end) return {};
    invalidating_ = true;
    again = std::exchange(more_doomed_, false);
    range = doomed_range_;
    shrunk = shrunk_;
  }
  if (again) {
    Guard guard(mappings_lock_);
    ++epoch_;
  }
  const bool all = visit_mappings(range, shrunk ? Visit::kDropAll : Visit::kDrop, nullptr);
  FrameList list;
  {
    Guard guard(pages_lock_);
    invalidating_ = false;
    if (!all || more_doomed_) return fail(Error{kRestart});
    list.append(doomed_);
    doomed_range_ = {};
    shrunk_ = false;
  }
  shootdown.free(list);
  return {};
}

bool Memory::visit_mappings(Range range, Visit how, FlushTicket* ticket) {
  for (u32 visits = 0; visits < kVisitsPerPiece; ++visits) {
    const Ref<AddressSpace> space = space_to_visit();
    if (!space) return true;
    space->visit_memory_pages(*this, range.first, range.end, how, ticket);
  }
  return false;
}

// Spaces that are being destroyed are passed over: nothing runs in them any more.
Ref<AddressSpace> Memory::space_to_visit() {
  Guard guard(mappings_lock_);
  while (!mappings_.empty() && mappings_.front().epoch != epoch_) {
    Mapping& mapping = mappings_.front();
    if (mapping.space->try_ref()) return Ref<AddressSpace>::adopt(mapping.space);
    mapping.epoch = epoch_;
    mappings_.splice(mappings_.end(), mappings_, mappings_.begin());
  }
  return nullptr;
}

Mapping* Memory::take_mapping_of(const AddressSpace& space) {
  Guard guard(mappings_lock_);
  if (mappings_.empty()) return nullptr;
  Mapping& mapping = mappings_.front();
  if (mapping.epoch == epoch_ || mapping.space != &space) return nullptr;
  mapping.epoch = epoch_;
  mappings_.splice(mappings_.end(), mappings_, mappings_.begin());
  return &mapping;
}

}  // namespace hati
