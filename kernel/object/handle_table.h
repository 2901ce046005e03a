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
  ~HandleTable();
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;

  // kNoSpace (full or closed), kNoMemory. On failure the value is dropped, as a close would.
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
    Object* object = TRY(get_raw(handle, T::kType, needed));
    return Ref<T>::adopt(static_cast<T*>(object));
  }

  // Closes everything and refuses new handles: the process ends. `budget` entries at most; true when nothing is left.
  bool clear(u32 budget = ~u32{0}) HATI_EXCLUDES(lock_);
  u32 count() const { return count_.load(std::memory_order_relaxed); }

 private:
  struct Slot;  // 16 bytes
  static constexpr u32 kIndexBits = 20, kGenerationBits = 12;
  static constexpr u32 kSlotsPerPage = 256, kPagesPerDirectory = 512;
  static constexpr u32 kDirectories = kHandlesMax / kSlotsPerPage / kPagesPerDirectory;
  struct Page;
  struct Directory;

  // Finds the slot and holds its lock bit, or nullptr if the handle is stale or was never made.
  Slot* lock_slot(Handle handle) const;
  Slot* slot_at(u32 index) const;
  Result<> grow() HATI_REQUIRES(lock_);
  // Frees a slot that is locked; unlocks it.
  HandleValue empty_slot(Slot& slot, u32 index) HATI_REQUIRES(lock_);
  Result<Object*> get_raw(Handle handle, ObjectType type, Rights needed);  // with a reference

  std::array<std::atomic<Directory*>, kDirectories> directories_{};
  std::atomic<u32> count_{0};
  Spinlock lock_;
  u32 first_free_ HATI_GUARDED_BY(lock_) = 0;  // 0: none
  u32 capacity_ HATI_GUARDED_BY(lock_) = 0;    // slots made so far
  u32 clear_next_ HATI_GUARDED_BY(lock_) = 0;
  bool closed_ HATI_GUARDED_BY(lock_) = false;
};

}  // namespace hati
