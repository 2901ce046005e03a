// SPDX-License-Identifier: MIT
// Making and destroying spaces, look-up of mappings, removing translations, information.
#include "kernel/memory/address_space.h"

#include <algorithm>
#include <cstring>

#include "kernel/memory/mapping_cache.h"
#include "kernel/memory/root_pool.h"
#include "kernel/memory/zero_frame.h"

namespace hati {

constinit ObjectCache<Mapping> mapping_cache;

namespace {
constexpr u32 kServerSlot = level_index(kServerBase, kRootLevel);
}

Result<PhysAddr> TableAccess::allocate() {
  const PhysAddr table = TRY(with_charge(state_->quota, kPageSize, [&] { return frames.allocate(0, flags_ | FrameFlags::kZeroed); }));
  frames.page(table).set_state(PageState::kTable);
  state_->bytes += kPageSize;
  return table;
}

void TableAccess::retire(PhysAddr table) {
  state_->bytes -= kPageSize;
  if (state_->quota != nullptr) state_->quota->uncharge(kPageSize);
  for (TableState::Known& known : state_->known)
    if (known.table == table) known = {};
  batch_->table(table);
}

Result<> AddressSpace::initialize(AddressSpace* supervisor) {
  context.root = TRY(root_pool.take(frame_flags()));
  Guard guard(lock_);
  tables_.bytes = kPageSize;  // the root: whoever made the process paid for it
  tables_.quota = quota_.get();
  handles_.set_quota(quota_.get());
  u64* root = phys_to_virt<u64>(context.root);
  if (attached()) {
    // The table below must exist before any space shares it, and stays when it is empty.
    FlushBatch batch(context, ticket_);
    Table pages = table(batch);
    const auto below = TRY(pages.make(kServerBase, kRootLevel - 1));
    ++frames.page(below.table).live;
  } else if (supervised() && supervisor != nullptr && supervisor->attached()) {
    root[kServerSlot] = phys_to_virt<u64>(supervisor->context.root)[kServerSlot];
    context.attached_server = &supervisor->context;
    supervisor_ = Ref<AddressSpace>(*supervisor);
  }
  return {};
}

AddressSpace::~AddressSpace() {
  if (context.root.value == 0) return;
  while (!teardown_piece()) shootdown.on_interrupt();
  u64* slot = phys_to_virt<u64>(context.root) + kServerSlot;
  if (attached() && *slot != 0) {
    const PhysAddr below = Pte::frame(*slot);
    frames.page(context.root).live = 0;
    frames.free_zeroed(below);
    if (quota_) quota_->uncharge(kPageSize);
  }
  *slot = 0;
  root_pool.give(context.root);
}

Mapping* AddressSpace::find_from(u64 address) {
  const auto it = mappings_.upper_bound(address, AddressKey{});
  return it == mappings_.end() ? nullptr : &*it;
}

Mapping* AddressSpace::find(u64 address) {
  if (recent_ != nullptr && address >= recent_->start && address < recent_->end) return recent_;
  Mapping* mapping = find_from(address);
  if (mapping == nullptr || mapping->start > address) return nullptr;
  recent_ = mapping;
  return mapping;
}

Mapping* AddressSpace::next(Mapping& mapping) {
  auto it = mappings_.iterator_to(mapping);
  return ++it == mappings_.end() ? nullptr : &*it;
}

Mapping* AddressSpace::previous(Mapping& mapping) {
  auto it = mappings_.iterator_to(mapping);
  return it == mappings_.begin() ? nullptr : &*--it;
}

void AddressSpace::count_private(u64 pages) {
  private_pages_ += pages;
  peak_pages_ = std::max(peak_pages_, private_pages_ + shared_pages_);
}

// Gives up what one entry refers to; the entry becomes 0.
u64 AddressSpace::release_entry(u64 address, u64 entry, u32 level, FlushBatch& batch) {
  const PhysAddr frame = Pte::frame(entry);
  if (Pte::Present::is_set(entry)) batch.page(address);
  if (level != 0) {
    batch.frame(frame, kOrderMax);
    private_pages_ -= kTableEntries;
  } else if (Pte::Private::is_set(entry)) {
    Page& page = frames.page(frame);
    // Whoever is the only one to refer to it stays so: references are added only by owners.
    bool last = page.references.load(std::memory_order_acquire) == 1;
    if (!last) {
      batch.before_release();
      last = page.references.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }
    if (last) batch.frame(frame);
    --private_pages_;
  } else if (frame != zero_page()) {
    --shared_pages_;
  }
  return 0;
}

void AddressSpace::remove_pages(u64 start, u64 end, FlushBatch& batch) {
  table(batch).update(start, end, [&](u64 address, u64 entry, u32 level) HATI_NO_THREAD_SAFETY_ANALYSIS {
    return release_entry(address, entry, level, batch);
  });
}

u64 AddressSpace::remove_some(u64 start, u64 end, FlushBatch& batch, u64& budget) {
  while (start < end && budget != 0) {
    const auto slot = table(batch).find(start);
    const u64 step = std::max(level_bytes(slot.level), kLargePageSize);
    const u64 stop = std::min(end, (start & ~(step - 1)) + step);
    if (slot.entry != 0 || slot.level == 0) {
      const u64 before = private_pages_ + shared_pages_;
      remove_pages(start, stop, batch);
      budget -= std::min(budget, before - private_pages_ - shared_pages_);
    }
    budget -= std::min<u64>(budget, 1);
    start = stop;
  }
  return start;
}

Result<> AddressSpace::clear() {
  u64 budget = kPagesPerPiece;
  Guard guard(lock_);
  FlushBatch batch(context, ticket_);
  cloning_ = false;
  while (!mappings_.empty()) {
    Mapping& mapping = *mappings_.begin();
    const u64 reached = remove_some(mapping.start, mapping.end, batch, budget);
    if (reached != mapping.end) {
      virtual_bytes_ -= reached - mapping.start;
      mapping.offset += reached - mapping.start;
      mapping.start = reached;
      return fail(Error{kRestart});
    }
    erase(mapping);
  }
  search_from_ = 0;
  peak_pages_ = 0;
  // Tables that were made for pages that then could not be had.
  if (tables_.bytes > kPageSize * (attached() ? 2 : 1)) remove_pages(first_address(), end_address(), batch);
  return {};
}

bool AddressSpace::teardown_piece() {
  if (!clear()) return false;
  return shootdown.evict(context);
}

void AddressSpace::visit_memory_pages(Memory& memory, u64 first, u64 end, Memory::Visit how, FlushTicket* ticket) {
  Guard guard(lock_);
  FlushBatch batch(context, ticket_);
  while (Mapping* mapping = memory.take_mapping_of(*this)) {
    const u64 mapped_first = mapping->offset >> kPageShift;
    const u64 low = std::max(first, mapped_first), high = std::min(end, mapped_first + (mapping->bytes() >> kPageShift));
    if (low >= high) continue;
    const u64 start = mapping->start + ((low - mapped_first) << kPageShift);
    table(batch).update(start, start + ((high - low) << kPageShift), [&](u64 address, u64 entry, u32 level) HATI_NO_THREAD_SAFETY_ANALYSIS {
      if (Pte::Private::is_set(entry) && how != Memory::Visit::kDropAll) return entry;
      if (how != Memory::Visit::kProtect) return release_entry(address, entry, level, batch);
      if (Pte::Write::is_set(entry)) batch.page(address);
      return entry & ~Pte::Write::kMask;
    });
  }
  batch.submit();
  if (ticket != nullptr) shootdown.join(*ticket, ticket_);
}

Result<MappingInfo> AddressSpace::query(u64 address) {
  Guard guard(lock_);
  Mapping* mapping = find_from(address);
  if (mapping == nullptr) return fail(Error::kNotFound);
  MappingInfo info{.address = mapping->start,
                   .bytes = mapping->bytes(),
                   .protection = mapping->protection,
                   .flags = mapping->flags,
                   .memory_koid = mapping->memory ? mapping->memory->koid() : 0,
                   .offset = mapping->offset,
                   .tag = mapping->tag,
                   .resident_bytes = 0,
                   .private_bytes = 0,
                   .max_protection = static_cast<u32>(mapping->max_protection),
                   .reserved = 0,
                   .dirty_bytes = 0};
  FlushBatch batch(context, ticket_);
  table(batch).visit(mapping->start, mapping->end, [&](u64, u64 entry, u32 level) {
    const bool mine = Pte::Private::is_set(entry);
    if (!mine && Pte::frame(entry) == zero_page()) return true;
    info.resident_bytes += level_bytes(level);
    if (mine) info.private_bytes += level_bytes(level);
    if (Pte::Dirty::is_set(entry)) info.dirty_bytes += level_bytes(level);
    return true;
  });
  return info;
}

SpaceInfo AddressSpace::info() {
  Guard guard(lock_);
  return {.virtual_bytes = virtual_bytes_,
          .resident_bytes = (private_pages_ + shared_pages_) << kPageShift,
          .private_bytes = private_pages_ << kPageShift,
          .shared_bytes = shared_pages_ << kPageShift,
          .page_table_bytes = tables_.bytes,
          .peak_resident_bytes = peak_pages_ << kPageShift,
          .minor_faults = faults_,
          .major_faults = major_faults_.load(std::memory_order_relaxed),
          .threads = 0,
          .handles = handles_.count()};
}

Result<> AddressSpace::set_limit(SpaceLimit limit, u64 value) {
  Guard guard(lock_);
  switch (limit) {
    case SpaceLimit::kVirtual: virtual_limit_ = value; return {};
    case SpaceLimit::kResident: resident_limit_pages_ = value == ~u64{0} ? value : value >> kPageShift; return {};
    case SpaceLimit::kKernelBytes: quota_->set_byte_limit(value); return {};
    case SpaceLimit::kKernelObjects: quota_->set_object_limit(value); return {};
  }
  return fail(Error::kInvalidArgument);
}

Result<> AddressSpace::discard(u64 address, u64 bytes) {
  if (!page_aligned(address) || !in_range(address, bytes)) return fail(Error::kInvalidArgument);
  const u64 end = page_ceil(address + bytes);
  u64 budget = kPagesPerPiece;
  Guard guard(lock_);
  FlushBatch batch(context, ticket_);
  TRY(split_large(address));
  TRY(split_large(end));
  bool hole = false;
  u64 reached = address;
  for (Mapping* mapping = find_from(address); mapping != nullptr && mapping->start < end; mapping = next(*mapping)) {
    hole = hole || mapping->start > reached;
    const u64 stop = std::min(end, mapping->end);
    reached = remove_some(std::max(address, mapping->start), stop, batch, budget);
    if (reached != stop) return fail(Error{kRestart});
  }
  return hole || reached < end ? fail(Error::kBadAddress) : Result<>{};
}

}  // namespace hati
