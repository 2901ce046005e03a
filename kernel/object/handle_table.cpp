// SPDX-License-Identifier: MIT
// Slots of 16 bytes, 256 to a page, 512 pages to a directory. A slot's first word holds the object and the lock bit; its generation
// changes when a handle is closed, so that stale numbers are found out.
#include "kernel/object/handle_table.h"

#include <new>

#include "kernel/object/kernel_pages.h"

namespace hati {

HandleTable::~HandleTable() {
  static_assert(sizeof(Slot) == 16 && sizeof(Page) == kPageSize && sizeof(Directory) == kPageSize);
  clear();
  for (auto& directory : directories_) {
    Directory* table = directory.load(std::memory_order_relaxed);
    if (table == nullptr) break;
    for (auto& page : table->pages)
      if (Page* slots = page.load(std::memory_order_relaxed)) free_charged_page(slots);
    free_charged_page(table);
  }
}

HandleTable::Slot* HandleTable::lock_slot(Handle handle) const {
  const u32 index = handle & kIndexMask;
  Slot* slot = slot_at(index);
  if (slot == nullptr) return nullptr;
  slot->lock();
  Object* object = slot->object();
  if (object != nullptr && slot->generation == handle >> kIndexBits) [[likely]]
    return slot;
  slot->unlock(object);
  return nullptr;
}

Error HandleTable::why_not(Slot& slot, Handle handle, ObjectType type) {
  Object* object = slot.object();
  const bool known = object != nullptr && slot.generation == handle >> kIndexBits;
  const bool right_type = known && object->type() == type;
  slot.unlock(object);
  if (!known) return Error::kBadHandle;
  return right_type ? Error::kNoRight : Error::kWrongType;
}

Result<HandleTable::Entry> HandleTable::get_any(Handle handle, Rights needed) {
  Slot* slot = lock_slot(handle);
  if (slot == nullptr) return fail(Error::kBadHandle);
  Entry entry{Ref<Object>(*slot->object()), static_cast<Rights>(slot->rights_or_next)};
  slot->unlock(entry.object.get());
  if (!has(entry.rights, needed)) return fail(Error::kNoRight);
  return entry;
}

Result<void*> HandleTable::charged_page() {
  return with_charge(quota_, kPageSize, [] { return allocate_kernel_page(); });
}

void HandleTable::free_charged_page(void* page) {
  free_kernel_page(page);
  if (quota_ != nullptr) quota_->uncharge(kPageSize);
}

// One more page of slots, all of them put on the free list.
Result<> HandleTable::grow() {
  if (capacity_ == kHandlesMax) return fail(Error::kNoSpace);
  auto& directory = directories_[capacity_ / (kSlotsPerPage * kPagesPerDirectory)];
  Directory* table = directory.load(std::memory_order_relaxed);
  if (table == nullptr) {
    table = new (TRY(charged_page())) Directory{};
    directory.store(table, std::memory_order_release);
  }
  Page* page = new (TRY(charged_page())) Page{};
  for (u32 i = kSlotsPerPage; i-- > 0;) {
    const u32 index = capacity_ + i;
    if (index == 0) continue;  // handle 0 is never valid
    page->slots[i].rights_or_next = first_free_;
    first_free_ = index;
  }
  table->pages[capacity_ / kSlotsPerPage % kPagesPerDirectory].store(page, std::memory_order_release);
  capacity_ += kSlotsPerPage;
  return {};
}

Result<Handle> HandleTable::insert(HandleValue value) {
  HATI_ASSERT(value);
  Guard guard(lock_);
  if (closed_) return fail(Error::kNoSpace);
  if (first_free_ == 0) TRY(grow());
  const u32 index = first_free_;
  Slot& slot = *slot_at(index);
  slot.lock();
  first_free_ = slot.rights_or_next;
  slot.rights_or_next = static_cast<u32>(value.rights());
  const u32 generation = slot.generation;
  slot.unlock(std::move(value).release());
  count_.fetch_add(1, std::memory_order_relaxed);
  // From here another thread of the process may use or close the handle.
  return index | generation << kIndexBits;
}

HandleValue HandleTable::empty_slot(Slot& slot, u32 index) {
  Object* object = slot.object();
  HandleValue value = HandleValue::adopt(object, static_cast<Rights>(slot.rights_or_next));
  slot.generation = (slot.generation + 1) & ((1u << kGenerationBits) - 1);
  slot.rights_or_next = first_free_;
  first_free_ = index;
  if (object->type() == ObjectType::kRing || object->type() == ObjectType::kChannel) known_epoch_.fetch_add(1, std::memory_order_release);
  slot.unlock(nullptr);
  count_.fetch_sub(1, std::memory_order_relaxed);
  return value;
}

Result<HandleValue> HandleTable::take(Handle handle, Rights needed) {
  Guard guard(lock_);
  Slot* slot = lock_slot(handle);
  if (slot == nullptr) return fail(Error::kBadHandle);
  if (!has(static_cast<Rights>(slot->rights_or_next), needed)) {
    slot->unlock(slot->object());
    return fail(Error::kNoRight);
  }
  return empty_slot(*slot, handle & kIndexMask);
}

Result<> HandleTable::close(Handle handle) {
  TRY(take(handle, Rights::kNone));  // dropped here, without the lock: on_last_handle() may do anything
  return {};
}

bool HandleTable::clear(u32 budget) {
  for (;;) {
    HandleValue value;  // dropped after the lock
    Guard guard(lock_);
    closed_ = true;
    if (clear_next_ >= capacity_) return true;
    if (budget-- == 0) return false;
    const u32 index = clear_next_++;
    Slot& slot = *slot_at(index);
    slot.lock();
    if (slot.object() == nullptr) {
      slot.unlock(nullptr);
    } else {
      value = empty_slot(slot, index);
    }
  }
}

}  // namespace hati
