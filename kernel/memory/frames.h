// SPDX-License-Identifier: MIT
// Physical memory. One Page descriptor per frame (16 bytes, filled in lazily, 2 MiB at a time), a buddy allocator of blocks
// up to 2 MiB under one lock, and in front of it small per-CPU stacks of single frames, one of them for frames that are
// known to be zero. Blocks are owned by whoever allocated them; RAII owners: Frame (here), KernelBuffer (heap.h).
#pragma once

#include <array>
#include <atomic>
#include <span>
#include <utility>

#include "base/annotations.h"
#include "base/bits.h"
#include "base/result.h"
#include "base/types.h"
#include "kernel/boot/memory_map.h"
#include "kernel/cpu/cpu.h"
#include "kernel/memory/direct_map.h"
#include "kernel/sync/spinlock.h"

namespace hati {

inline constexpr u32 kOrderMax = 9;  // 2 MiB

enum class PageState : u8 { kReserved, kFree, kCached, kUsed, kTable, kPrivate, kMemory, kSlab };

// What is known about one frame. Who owns the frame decides what the fields mean.
struct Page {
  std::atomic<u32> references;  // private pages: page tables that refer to it. Of Memory objects: the object and pins. Slabs: first free slot
  u16 live;                     // tables: entries that are not zero. Slabs: objects in use
  u8 order;                     // of the block that begins here
  // Written by the owner without a lock. The allocator looks at the states of a block's neighbours, whoever owns them: only its own lock
  // makes a frame kFree or takes that away, so it can tell a free neighbour from all others.
  std::atomic<PageState> state_now;
  u32 next, previous;           // frame numbers: lists of free blocks, of slabs, of frames waiting for a shootdown

  PageState state() const { return state_now.load(std::memory_order_relaxed); }
  void set_state(PageState state) { state_now.store(state, std::memory_order_relaxed); }
  // Whether the last reference is gone. Whoever has the only one keeps it: others cannot get at the page.
  bool drop_reference() {
    return references.load(std::memory_order_acquire) == 1 || references.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
};
static_assert(sizeof(Page) == 16);

enum class FrameFlags : u32 {
  kNone = 0,
  kZeroed = 1 << 0,
  kServer = 1 << 1,  // for a native process: may use memory that is kept back from programs
  kKernel = 1 << 2,  // for the kernel's own progress: may use everything
};
HATI_FLAGS(FrameFlags)

class Frames {
 public:
  constexpr Frames() = default;
  Frames(const Frames&) = delete;
  Frames& operator=(const Frames&) = delete;

  // Once at boot, on one processor, with the direct map in place: takes over what is free. The Page array comes out of it, too.
  // kNoMemory: no room for the array.
  Result<> initialize(MemoryMap& map);
  // More memory after boot: the initial ram disk, say. Whole pages of RAM that nobody uses.
  void add(PhysRange range);

  // A naturally aligned block of 2^order frames. kNoMemory also when only memory kept back for others is left.
  Result<PhysAddr> allocate(u32 order = 0, FrameFlags flags = FrameFlags::kNone);
  void free(PhysAddr block, u32 order = 0);
  // As free() for a single frame whose contents are zero (a page table that became empty).
  void free_zeroed(PhysAddr frame);

  // The descriptor of a frame of RAM; every frame that allocate() gave out has one.
  Page& page(PhysAddr address) const { return pages_[address.frame()]; }
  PhysAddr address(const Page& page) const { return PhysAddr{static_cast<u64>(&page - pages_) << kPageShift}; }
  // Whether all of the range is RAM (whoever uses it).
  bool is_ram(PhysRange range) const { return ram_.contains(range); }

  // Clears one frame for the pool of zeroed frames, in idle. False: nothing to do.
  bool zero_one_ahead();

  u64 total_bytes() const { return total_frames_ << kPageShift; }
  u64 free_bytes() const;
  // So little is left that allocations for programs fail, or will soon.
  bool low() const { return free_frames_.load(std::memory_order_relaxed) < 2 * reserve_frames_; }
  // Reclaim may stop.
  bool relieved() const { return free_frames_.load(std::memory_order_relaxed) >= 3 * reserve_frames_; }
  // True while 2 MiB pages may be given to programs without starving anybody.
  bool plentiful() const { return free_frames_.load(std::memory_order_relaxed) > plentiful_frames_; }

 private:
  static constexpr u32 kNone = ~u32{0};
  static constexpr u32 kCacheSize = 64;
  static constexpr u32 kBatch = 32;

  struct CpuCache {
    u32 count = 0;
    u32 zeroed_count = 0;
    std::array<u32, kCacheSize> frames{};
    std::array<u32, kCacheSize> zeroed{};
  };

  static constexpr u32 kChunks = static_cast<u32>(MemoryMap::kPhysicalEnd >> (kPageShift + kOrderMax));

  Result<PhysAddr> allocate_single(FrameFlags flags);
  Result<PhysAddr> allocate_block(u32 order, FrameFlags flags);
  bool refill(CpuCache& cache, FrameFlags flags) HATI_EXCLUDES(lock_);
  bool refill_locked(CpuCache& cache, FrameFlags flags) HATI_REQUIRES(lock_);
  void drain(std::array<u32, kCacheSize>& stack, u32& count);
  u64 kept_back(FrameFlags flags) const;
  u32 take_block(u32 order) HATI_REQUIRES(lock_);
  u32 smallest_order() const HATI_REQUIRES(lock_);
  bool open_chunk() HATI_REQUIRES(lock_);
  void open_frames(u32 first, u32 end) HATI_REQUIRES(lock_);
  void give_block(u32 frame, u32 order) HATI_REQUIRES(lock_);
  void push(u32 frame, u32 order) HATI_REQUIRES(lock_);
  void unlink(u32 frame, u32 order) HATI_REQUIRES(lock_);

  Page* pages_ = nullptr;
  u64 page_count_ = 0;
  RangeList ram_;
  u64 total_frames_ = 0;
  u64 reserve_frames_ = 0;
  u64 plentiful_frames_ = 0;
  std::atomic<u64> free_frames_{0};  // in the buddy lists and in chunks not opened yet

  mutable Spinlock lock_;
  std::array<u32, kOrderMax + 1> heads_ HATI_GUARDED_BY(lock_){};
  std::array<PhysRange, RangeList::kRangesMax> ranges_{};  // sorted; constant after initialize
  u32 range_count_ = 0;
  u32 open_range_ HATI_GUARDED_BY(lock_) = 0;  // memory from here on (range, address) has not been given to the lists yet
  u64 open_address_ HATI_GUARDED_BY(lock_) = 0;
  std::array<u64, kChunks / 64> described_ HATI_GUARDED_BY(lock_){};  // chunks whose Page entries are valid

  PerCpu<CpuCache> caches_;
};

// Clears or copies a whole frame through the direct map.
inline void zero_frame(PhysAddr frame) {
  void* to = phys_to_virt(frame);
  u64 count = kPageSize / 8;
  asm volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(0) : "memory");
}
inline void copy_frame(PhysAddr to_frame, PhysAddr from_frame) {
  void* to = phys_to_virt(to_frame);
  const void* from = phys_to_virt(from_frame);
  u64 count = kPageSize / 8;
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

// The machine's memory.
extern constinit Frames frames;

// Called when free memory is low and some more of it has been taken, in the middle of anything. Provided by kernel/ipc: reclaims later.
void memory_is_low();

// Owns one block until released.
class [[nodiscard]] Frame {
 public:
  Frame() = default;
  static Result<Frame> allocate(u32 order = 0, FrameFlags flags = FrameFlags::kNone) {
    return Frame{TRY(frames.allocate(order, flags)), order};
  }
  Frame(Frame&& other) noexcept : address_(other.address_), order_(other.order_), owned_(std::exchange(other.owned_, false)) {}
  Frame& operator=(Frame&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(order_, other.order_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~Frame() {
    if (owned_) frames.free(address_, order_);
  }

  PhysAddr address() const { return address_; }
  // Gives up ownership: the caller must see to frames.free().
  [[nodiscard]] PhysAddr release() {
    owned_ = false;
    return address_;
  }
  explicit operator bool() const { return owned_; }

 private:
  Frame(PhysAddr address, u32 order) : address_(address), order_(order), owned_(true) {}
  PhysAddr address_{};
  u32 order_ = 0;
  bool owned_ = false;
};

}  // namespace hati
