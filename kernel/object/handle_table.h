// SPDX-License-Identifier: MIT
// The handles of one process. Part of AddressSpace (`HandleTable& handles()`), dies with it.
// Reading takes no lock of the table: each entry has a lock bit of its own, held for the few instructions that take a
// reference. Making and closing take `lock_`. The table grows page by page to kHandlesMax and never shrinks before clear().
#pragma once

#include <array>
#include <atomic>

#include "abi/object.h"
#include "base/ref.h"
#include "base/result.h"
#include "kernel/debug/panic.h"
#include "kernel/object/object.h"
#include "kernel/sync/spinlock.h"

namespace hati {

inline constexpr u32 kHandlesMax = 1u << 20;

// What a handle says, outside a table: while it travels in a message, or before it is published. Owns one handle count.
class HandleValue {
 public:
  HandleValue() = default;
  HandleValue(Ref<Object> object, Rights rights) : object_(std::move(object)), rights_(rights) {
    if (object_) object_->add_handle();
  }
  HandleValue(HandleValue&& other) noexcept : object_(std::move(other.object_)), rights_(other.rights_) {}
  HandleValue& operator=(HandleValue&& other) noexcept {
    reset();
    object_ = std::move(other.object_);
    rights_ = other.rights_;
    return *this;
  }
  ~HandleValue() { reset(); }

  void reset() {
    if (!object_) return;
    object_->remove_handle();
    object_.reset();
  }
  // For tables: the handle count and the reference go with the pointer, and come back from it.
  [[nodiscard]] Object* release() && { return object_.release(); }
  static HandleValue adopt(Object* object, Rights rights) {
    HandleValue value;
    value.object_ = Ref<Object>::adopt(object);
    value.rights_ = rights;
    return value;
  }

  const Ref<Object>& object() const { return object_; }
  Rights rights() const { return rights_; }
  explicit operator bool() const { return static_cast<bool>(object_); }

 private:
  Ref<Object> object_;
  Rights rights_ = Rights::kNone;
};

class HandleTable {
 public:
  HandleTable() = default;
  // Before the first insert(): what the table's pages are charged to. `quota` outlives the table.
  void set_quota(Quota* quota) { quota_ = quota; }
  ~HandleTable();
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;

  // kNoSpace (full or closed), kNoMemory (also: the quota). On failure the value is dropped, as a close would.
  Result<Handle> insert(HandleValue value) HATI_EXCLUDES(lock_);
  // kBadHandle.
  Result<> close(Handle handle) HATI_EXCLUDES(lock_);
  // Takes the handle out for a transfer. kBadHandle, kNoRight (lacks `needed`: it stays).
  Result<HandleValue> take(Handle handle, Rights needed) HATI_EXCLUDES(lock_);

  struct Entry {
    Ref<Object> object;
    Rights rights;
  };
  // Any type; kBadHandle, kNoRight.
  Result<Entry> get_any(Handle handle, Rights needed);

  // T::kType names the type. kBadHandle, kWrongType, kNoRight.
  template <class T>
  Result<Ref<T>> get(Handle handle, Rights needed) {
    return get_inline<T>(handle, needed);
  }
  template <class T>
  [[gnu::always_inline]] inline Result<Ref<T>> get_inline(Handle handle, Rights needed) {
    Slot* slot = slot_at(handle & kIndexMask);
    if (slot == nullptr) [[unlikely]]
      return fail(Error::kBadHandle);
    slot->lock();
    Object* object = slot->object();
    if (object != nullptr && slot->generation == handle >> kIndexBits && object->type() == T::kType &&
        has(static_cast<Rights>(slot->rights_or_next), needed)) [[likely]] {
      object->ref();
      slot->unlock(object);
      return Ref<T>::adopt(static_cast<T*>(object));
    }
    return fail(why_not(*slot, handle, T::kType));
  }

  // Closes everything and refuses new handles: the process ends. `budget` entries at most; true when nothing is left.
  bool clear(u32 budget = ~u32{0}) HATI_EXCLUDES(lock_);
  // Changes whenever a handle to a ring or a channel is closed or leaves: until then what a thread remembers of them is right.
  u32 known_epoch() const { return known_epoch_.load(std::memory_order_acquire); }
  u32 count() const { return count_.load(std::memory_order_relaxed); }

 private:
  // The first word holds the object and a lock bit. The rest is written with the lock bit held or, in a free slot, with the table's lock.
  struct Slot {
    static constexpr u64 kLockBit = 1;
    std::atomic<u64> word;  // Object* | kLockBit; 0: free
    u32 rights_or_next;  // free: index of the next free slot
    u32 generation;

    void lock() {
      while ((word.fetch_or(kLockBit, std::memory_order_acquire) & kLockBit) != 0) [[unlikely]]
        while ((word.load(std::memory_order_relaxed) & kLockBit) != 0) __builtin_ia32_pause();
    }
    Object* object() const { return reinterpret_cast<Object*>(word.load(std::memory_order_relaxed) & ~kLockBit); }
    void unlock(Object* object) { word.store(reinterpret_cast<u64>(object), std::memory_order_release); }
  };
  static_assert(sizeof(Slot) == 16);
  static constexpr u32 kIndexBits = 20, kGenerationBits = 12;
  static constexpr u32 kSlotsPerPage = 256, kPagesPerDirectory = 512;
  static constexpr u32 kDirectories = kHandlesMax / kSlotsPerPage / kPagesPerDirectory;
  static constexpr u32 kIndexMask = (1u << kIndexBits) - 1;
  struct Page {
    std::array<Slot, kSlotsPerPage> slots;
  };
  struct Directory {
    std::array<std::atomic<Page*>, kPagesPerDirectory> pages;
  };

  // Finds the slot and holds its lock bit, or nullptr if the handle is stale or was never made.
  Slot* lock_slot(Handle handle) const;
  // nullptr: beyond what the table has grown to, or 0.
  Slot* slot_at(u32 index) const {
    Directory* directory = directories_[index / (kSlotsPerPage * kPagesPerDirectory)].load(std::memory_order_acquire);
    if (directory == nullptr) return nullptr;
    Page* page = directory->pages[index / kSlotsPerPage % kPagesPerDirectory].load(std::memory_order_acquire);
    return page == nullptr ? nullptr : &page->slots[index % kSlotsPerPage];
  }
  // For a locked slot that does not satisfy a get(): the reason. Unlocks it.
  static Error why_not(Slot& slot, Handle handle, ObjectType type);
  Result<> grow() HATI_REQUIRES(lock_);
  Result<void*> charged_page() HATI_REQUIRES(lock_);
  void free_charged_page(void* page);
  // Frees a slot that is locked; unlocks it.
  HandleValue empty_slot(Slot& slot, u32 index) HATI_REQUIRES(lock_);

  std::array<std::atomic<Directory*>, kDirectories> directories_{};
  std::atomic<u32> count_{0};
  std::atomic<u32> known_epoch_{0};
  Quota* quota_ = nullptr;
  Spinlock lock_;
  u32 first_free_ HATI_GUARDED_BY(lock_) = 0;  // 0: none
  u32 capacity_ HATI_GUARDED_BY(lock_) = 0;  // slots made so far
  u32 clear_next_ HATI_GUARDED_BY(lock_) = 0;
  bool closed_ HATI_GUARDED_BY(lock_) = false;
};

}  // namespace hati
