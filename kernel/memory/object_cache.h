// SPDX-License-Identifier: MIT
// Memory for kernel objects: one cache of equal slots per type, slabs of one or more frames, a short list of free slots
// per CPU in front. A cache is a constinit global beside its type:
//   constinit ObjectCache<Event> event_cache;
//   Result<Ref<Event>> Event::create() { return event_cache.make(...); }
//   void Event::release_storage() { event_cache.destroy(this); }      // runs the destructor
#pragma once

#include <array>
#include <memory>
#include <new>
#include <utility>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/memory/frames.h"
#include "kernel/sync/spinlock.h"

namespace hati {

// The part that does not depend on the type. Slots are at least 16 bytes and naturally aligned to 16 (64 from 64 bytes on).
class SlabCache {
 public:
  constexpr SlabCache(u32 bytes, u32 align) : slot_bytes_(slot_size(bytes, align)), order_(order_for(slot_bytes_)) {}
  SlabCache(const SlabCache&) = delete;
  SlabCache& operator=(const SlabCache&) = delete;

  // kNoMemory. The memory is not initialised.
  Result<void*> allocate();
  void free(void* slot);

  u32 slot_bytes() const { return slot_bytes_; }
  // Bytes of frames held by all caches.
  static u64 total_bytes() { return total_bytes_.load(std::memory_order_relaxed); }

 private:
  struct FreeSlot {
    FreeSlot* next;
  };
  struct CpuFront {
    FreeSlot* first = nullptr;
    u32 count = 0;
  };
  static constexpr u32 kFrontMax = 32;
  static constexpr u32 kNone = ~u32{0};

  static constexpr u32 slot_size(u32 bytes, u32 align) {
    u32 unit = align < 16 ? 16 : align;
    return (bytes + unit - 1) / unit * unit;
  }
  static constexpr u32 order_for(u32 slot) {
    u32 order = 0;
    while ((kPageSize << order) < u64{slot} * (order < 3 ? 4 : 1)) ++order;
    return order;
  }
  u32 slots_per_slab() const { return static_cast<u32>((kPageSize << order_) / slot_bytes_); }

  Result<> refill(CpuFront& front);
  void drain(CpuFront& front);
  Result<> add_slab() HATI_REQUIRES(lock_);
  void return_slot(FreeSlot* slot) HATI_REQUIRES(lock_);
  void link(u32 frame) HATI_REQUIRES(lock_);
  void unlink(u32 frame) HATI_REQUIRES(lock_);

  const u32 slot_bytes_;
  const u32 order_;
  Spinlock lock_;
  u32 partial_ HATI_GUARDED_BY(lock_) = kNone;  // slabs with free slots
  u32 empty_slabs_ HATI_GUARDED_BY(lock_) = 0;
  PerCpu<CpuFront> fronts_;
  static std::atomic<u64> total_bytes_;
};

template <class T>
class ObjectCache {
 public:
  constexpr ObjectCache() = default;

  // A new object with one reference, held by the result.
  template <class... Args>
  Result<Ref<T>> make(Args&&... args) {
    return Ref<T>::adopt(TRY(construct(std::forward<Args>(args)...)));
  }

  // For types without a reference count: the caller owns the object and must destroy() it.
  template <class... Args>
  Result<T*> construct(Args&&... args) {
    void* memory = TRY(slab_.allocate());
    return std::construct_at(static_cast<T*>(memory), std::forward<Args>(args)...);
  }

  // Runs the destructor and takes the memory back.
  void destroy(T* object) {
    std::destroy_at(object);
    slab_.free(object);
  }

  // Bytes to charge for one object.
  static constexpr u64 kObjectBytes = sizeof(T);

 private:
  SlabCache slab_{sizeof(T), alignof(T)};
};

// Owns an object of a cache without reference count: `CachePointer<Message, message_cache>`.
template <class T, ObjectCache<T>& kCache>
struct CacheDeleter {
  void operator()(T* object) const { kCache.destroy(object); }
};
template <class T, ObjectCache<T>& kCache>
using CachePointer = std::unique_ptr<T, CacheDeleter<T, kCache>>;

}  // namespace hati
