// SPDX-License-Identifier: MIT
// The lower layer of a mapping: pages that handles and any number of mappings share. Anonymous (zero-filled, sparse, up to 2^63 bytes),
// physical (devices, the initial ram disk), contiguous (made by the kernel for what it shares with user space: rings, thread pages) or paged
// (filled and cleaned by a pager: paged_memory.h, which derives from this class). The frequent case, anonymous, is told by one comparison.
// `pages_lock_` guards the pages and the size and is taken inside a space's lock; `mappings_lock_` guards the list of mappings and is
// taken inside a space's lock, too, but never together with pages_lock_. To take pages away, pages go first, then each space is visited
// (its lock alone), then the frames are freed: a mapping made in between cannot find the pages any more.
#pragma once

#include <boost/intrusive/list.hpp>
#include <span>

#include "abi/call.h"
#include "base/ref.h"
#include "base/result.h"
#include "kernel/memory/direct_map.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/page_tree.h"
#include "kernel/memory/quota.h"
#include "kernel/memory/shootdown.h"
#include "kernel/object/deferred.h"
#include "kernel/object/object.h"
#include "kernel/sync/spinlock.h"

namespace hati {

class AddressSpace;
class PagedMemory;
struct Mapping;
struct MemoryTag;
using MemoryHook = boost::intrusive::list_base_hook<boost::intrusive::tag<MemoryTag>>;

// What a page is wanted for. All but kRead make it, if it is a hole of anonymous memory.
enum class PageUse : u8 { kRead, kWrite, kMapRead, kMapWrite };

class Memory : public Object, protected Deferred {
 public:
  static constexpr ObjectType kType = ObjectType::kMemory;
  static constexpr u64 kBytesMax = u64{1} << 63;

  // Zero-filled, pages on demand. Sizes are rounded up to pages. Pages are charged to `quota` (may be null) as they appear.
  static Result<Ref<Memory>> create(Ref<Quota> quota, u64 bytes);
  // Physical addresses, page aligned. The caller has checked that user space may have them. RAM or a device; never freed.
  static Result<Ref<Memory>> create_physical(Ref<Quota> quota, PhysAddr base, u64 bytes, CacheMode mode);
  // Kernel and user space share it: one block of zeroed frames, at most 2 MiB, present at once; cannot be resized or discarded.
  static Result<Ref<Memory>> create_contiguous(Ref<Quota> quota, u64 bytes);

  // create_contiguous only: the kernel's view, valid as long as the object lives.
  template <class T = u8>
  T* data() const {
    return phys_to_virt<T>(base_);
  }

  // Shrinking drops pages and unmaps them everywhere. kRestart: call again with the same arguments. kNotSupported: not anonymous.
  Result<> resize(u64 bytes);
  // Whole pages inside [offset, offset + bytes) become holes, the rest is cleared. kRestart, kNotSupported.
  Result<> discard(u64 offset, u64 bytes);
  // The next offset >= `offset` with data (what = 0) or in a hole (1; the end counts as one). kNotFound, kInvalidArgument.
  Result<u64> seek(u64 offset, u32 what) const;
  MemoryInfo info() const;

  // Copies at most to the end. Returns the bytes copied: fewer only at the end or where the next page cannot be had; that is an error at the
  // first byte: kNoMemory, kNotResident, kNotSupported (a device). `pager`: see Access.
  Result<u64> read(u64 offset, void* to, u64 bytes, bool pager = false);
  Result<u64> write(u64 offset, const void* from, u64 bytes, bool pager = false);
  // Calls use(u8*) with the byte at `offset` in the direct map, good to the end of its page, with the pages locked. As read() and write();
  // kNotFound beyond the end.
  template <class F>
  Result<> with_bytes(u64 offset, bool write, bool pager, F&& use) HATI_EXCLUDES(pages_lock_) {
    if (device_) return fail(Error::kNotSupported);
    {
      Guard guard(pages_lock_);
      const PageView view = TRY(pager ? page_for_pager(offset >> kPageShift, write) : page(offset >> kPageShift, write ? PageUse::kWrite : PageUse::kRead));
      use(phys_to_virt<u8>(view.frame) + offset % kPageSize);
    }
    if (kind_ == Kind::kPaged) [[unlikely]] after_paged_use();
    return {};
  }

  u64 bytes() const { return bytes_.load(std::memory_order_acquire); }
  CacheMode cache_mode() const { return cache_mode_; }
  // Not RAM: the kernel cannot copy to and from it.
  bool device() const { return device_; }
  // Pages of all anonymous Memory objects, for SystemInfo::memory_cache.
  static u64 total_resident_bytes() { return total_pages_.load(std::memory_order_relaxed) << kPageShift; }

  // Pages [first, first + numbers.size()) stay where they are until unpin_frames(), also if they leave the object before. Numbers of frames.
  // kBadAddress (beyond the end), kNotSupported (not RAM), kNoMemory, kNotResident (paged: absent, or busy unless for its `pager`); kRestart
  // while pages are being made. `write`: somebody writes to them until they are unpinned.
  Result<> pin_frames(u64 first, std::span<u32> numbers, bool write, bool pager) HATI_EXCLUDES(pages_lock_);
  void unpin_frames(u64 first, std::span<const u32> numbers, bool write) HATI_EXCLUDES(pages_lock_);

  // nullptr: it has no pager.
  PagedMemory* paged();

  // For AddressSpace. `index`: page number; kNotFound beyond the end. A hole is the zero frame if `make` is false: for reading only, not
  // for
  // mapping.
  struct PageView {
    PhysAddr frame;
    bool writable = true;  // a shared mapping may have write access
  };
  // Calls `use(PageView)` with the pages locked, so that the page cannot go away while it is being mapped or copied.
  template <class F>
  Result<> with_page(u64 index, PageUse wanted, F&& use) HATI_EXCLUDES(pages_lock_) {
    {
      Guard guard(pages_lock_);
      use(TRY(page(index, wanted)));
    }
    if (kind_ == Kind::kPaged) [[unlikely]] after_paged_use();
    return {};
  }
  // Calls f(i, frame, writable) for the pages first + i, i < count, that exist, for mappings.
  template <class F>
  void for_present(u64 first, u64 count, F&& f) HATI_EXCLUDES(pages_lock_) {
    Guard guard(pages_lock_);
    const u64 end = bytes() >> kPageShift;
    for (u64 i = 0; i < count && first + i < end; ++i) {
      PhysAddr frame = base_ + ((first + i) << kPageShift);
      bool writable = true;
      if (kind_ == Kind::kAnonymous)
        frame = pages_.find(first + i);
      else if (kind_ == Kind::kPaged && !paged_enter(first + i, frame, writable))
        continue;
      if (frame.value != 0) f(i, frame, writable);
    }
  }
  // Calls f(i) for the pages first + i, i < count, that are in memory; that does not count as a use.
  template <class F>
  void for_resident(u64 first, u64 count, F&& f) HATI_EXCLUDES(pages_lock_) {
    Guard guard(pages_lock_);
    const u64 end = bytes() >> kPageShift;
    for (u64 i = 0; i < count && first + i < end; ++i)
      if (resident(first + i)) f(i);
  }
  void add_mapping(Mapping& mapping) HATI_EXCLUDES(mappings_lock_);
  void remove_mapping(Mapping& mapping) HATI_EXCLUDES(mappings_lock_);

  // The mapping has grown by pages that a visit under way may have missed.
  void visit_again(Mapping& mapping) HATI_EXCLUDES(mappings_lock_);

  enum class Kind : u8 { kAnonymous, kPhysical, kContiguous, kPaged };
  // What a visit to all mappings does to the pages of a range.
  enum class Visit : u8 {
    kDrop,     // removes their translations
    kDropAll,  // private copies, too
    kProtect,  // takes write access
  };
  Memory(Kind kind, Charge charge, Ref<Quota> quota, u64 bytes);
  ~Memory() override;

 protected:
  friend class AddressSpace;
  struct Range {
    u64 first = ~u64{0}, end = 0;  // page numbers
  };
  static constexpr u32 kPagesPerPiece = 2048;
  static constexpr u32 kVisitsPerPiece = 16;
  static constexpr u32 kMadePerPiece = 128;

  Result<PageView> page(u64 index, PageUse use) HATI_REQUIRES(pages_lock_);
  bool resident(u64 index) HATI_REQUIRES(pages_lock_);
  Result<PageView> page_for_pager(u64 index, bool write) HATI_REQUIRES(pages_lock_);
  // To paged_memory.h; the analysis does not see that it is the same lock.
  Result<PageView> paged_page(u64 index, PageUse use) HATI_REQUIRES(pages_lock_) HATI_NO_THREAD_SAFETY_ANALYSIS;
  Result<PageView> paged_page_for_pager(u64 index) HATI_REQUIRES(pages_lock_) HATI_NO_THREAD_SAFETY_ANALYSIS;
  bool paged_resident(u64 index) HATI_REQUIRES(pages_lock_) HATI_NO_THREAD_SAFETY_ANALYSIS;
  bool paged_enter(u64 index, PhysAddr& frame, bool& writable) HATI_REQUIRES(pages_lock_) HATI_NO_THREAD_SAFETY_ANALYSIS;
  Result<> paged_pin(u64 first, std::span<u32> numbers, bool write, bool pager) HATI_REQUIRES(pages_lock_) HATI_NO_THREAD_SAFETY_ANALYSIS;
  void after_paged_use() HATI_EXCLUDES(pages_lock_);
  // Moves pages to doomed_; false: there are more.
  bool take_pages(u64 first, u64 end) HATI_REQUIRES(pages_lock_);
  void clear_part(u64 offset, u64 bytes) HATI_REQUIRES(pages_lock_);
  // Unmaps what is doomed everywhere, then frees it. kRestart.
  Result<> invalidate() HATI_EXCLUDES(pages_lock_, mappings_lock_);
  // Some mappings that have not been visited since epoch_ changed; true when none is left. `ticket` (may be null) then covers the flushes.
  bool visit_mappings(Range range, Visit how, FlushTicket* ticket) HATI_EXCLUDES(mappings_lock_);
  Ref<AddressSpace> space_to_visit() HATI_EXCLUDES(mappings_lock_);
  // For the space whose lock is held: its next mapping that has to be visited, if it is at the front.
  Mapping* take_mapping_of(const AddressSpace& space) HATI_EXCLUDES(mappings_lock_);
  // Frees the pages in pieces, then the object.
  void release_storage() override;
  bool run_deferred() override;

  const Kind kind_;
  CacheMode cache_mode_ = CacheMode::kWriteBack;
  bool device_ = false;
  u8 order_ = 0;  // kContiguous
  PhysAddr base_{};  // kPhysical, kContiguous
  Charge charge_;
  Ref<Quota> quota_;
  std::atomic<u64> bytes_;  // written under pages_lock_

  mutable Spinlock pages_lock_;
  PageTree pages_ HATI_GUARDED_BY(pages_lock_);
  FrameList doomed_ HATI_GUARDED_BY(pages_lock_);  // out of the tree, perhaps still mapped
  Range doomed_range_ HATI_GUARDED_BY(pages_lock_);
  bool shrunk_ HATI_GUARDED_BY(pages_lock_) = false;  // private copies in that range must go, too
  bool more_doomed_ HATI_GUARDED_BY(pages_lock_) = false;  // something was added: all mappings must be visited (again)
  bool invalidating_ HATI_GUARDED_BY(pages_lock_) = false;  // somebody is in invalidate()

  Spinlock mappings_lock_;
  boost::intrusive::list<Mapping, boost::intrusive::base_hook<MemoryHook>> mappings_ HATI_GUARDED_BY(mappings_lock_);
  u64 epoch_ HATI_GUARDED_BY(mappings_lock_) = 0;  // mappings with an older one have yet to be visited; they come first in the list

  static std::atomic<u64> total_pages_;
};

}  // namespace hati
