// SPDX-License-Identifier: MIT
// A Memory object whose pages come from a pager: the page cache of a file. The tree's words carry a page's state beside its frame:
//   busy      the pager fills it; nobody else sees it. Not delivered: the pager has not been asked yet.
//   dirty     differs from what the pager has. Only then may a mapping have write access, and it gets that by writing only.
//   cleaning  the pager writes it. It may become dirty meanwhile.
// Everything is guarded by Memory's pages_lock_. Taking rights away from mappings is a sweep: one at a time, in pieces; whoever finds one
// under way carries it on before his own. See docs/decisions/0005-paged-memory.md.
#pragma once

#include "kernel/memory/memory.h"
#include "kernel/memory/page_cache.h"
#include "kernel/memory/page_waiter.h"
#include "kernel/memory/restart.h"

namespace hati {

// What a paged object asks of its pager; implemented in kernel/ipc.
class PageSource {
 public:
  // There is something for take_request(). No lock of a Memory is held; a space's may be.
  virtual void work_ready(PagedMemory& memory) = 0;
  // The object goes: nothing refers to it any more.
  virtual void forget(PagedMemory& memory) = 0;

 protected:
  ~PageSource() = default;
};

struct PagerTag;
struct PagerQueueTag;
using PagerHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<PagerTag>, boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
using PagerQueueHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<PagerQueueTag>, boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class PagedMemory final : public Memory, public CachedHook, public DirtyHook, public PagerHook, public PagerQueueHook {
 public:
  static constexpr u32 kWindowMax = 64;  // pages that one request brings at most

  // `pager` keeps `source` alive. kInvalidArgument, kNoMemory.
  static Result<Ref<PagedMemory>> create(Ref<Quota> quota, Ref<Object> pager, PageSource& source, u64 bytes, u64 key);

  // --- For its pager.
  struct Request {
    PagerRequest kind = PagerRequest::kPageIn;
    u64 first = 0;
    u32 count = 0;
  };
  // Calls accept() if there is a request, with the pages locked; if that returns true the request is taken. False: there was none, or it
  // was not accepted.
  template <class F>
  bool take_request(Request& request, F&& accept) HATI_EXCLUDES(pages_lock_) {
    Guard guard(pages_lock_);
    if (!find_request(request) || !accept()) return false;
    deliver(request);
    return true;
  }
  bool has_request() HATI_EXCLUDES(pages_lock_);
  // As the calls. `error` 0: the pages are filled.
  Result<> page_in_done(u64 offset, u64 bytes, u32 error) HATI_EXCLUDES(pages_lock_);
  Result<DirtyRange> take_dirty(u64 from) HATI_EXCLUDES(pages_lock_);
  Result<> cleaned(u64 offset, u64 bytes, u32 error) HATI_EXCLUDES(pages_lock_);
  // From now on nothing is brought. kRestart: there is more to do.
  Result<> pager_died() HATI_EXCLUDES(pages_lock_);
  const Ref<Object>& pager() const { return pager_; }
  u64 key() const { return key_; }

  // --- For whoever needs pages.
  enum class Bring : u8 { kReady, kWaits, kGone };
  enum class Access : u8 { kRead, kWrite, kFault };
  // Sees to it that [first, first + count), as far as the object goes and at most kWindowMax pages, come. kReady: nothing is missing
  // (any more). kWaits: `waiter` is told (may be null: nobody waits). kPeerClosed, kNoMemory.
  Result<Bring> bring(u64 first, u64 count, Access access, PageWaiter* waiter) HATI_EXCLUDES(pages_lock_);
  void forget(PageWaiter& waiter) HATI_EXCLUDES(pages_lock_);
  Result<> advise(MemoryAdvice advice, u64 offset, u64 bytes) HATI_EXCLUDES(pages_lock_);

  // --- For Memory and AddressSpace, under the names there.
  Result<PageView> use_page(u64 index, PageUse use) HATI_REQUIRES(pages_lock_);
  Result<> paged_resize(u64 bytes) HATI_EXCLUDES(pages_lock_);
  Result<> paged_discard(u64 offset, u64 bytes) HATI_EXCLUDES(pages_lock_);
  void fill_info(MemoryInfo& info) const HATI_REQUIRES(pages_lock_);
  // The pager writes to pages that are busy, and without making them dirty.
  Result<PageView> pager_page(u64 index) HATI_REQUIRES(pages_lock_);
  // The page is there, and not on its way from the pager.
  bool is_resident(u64 index) HATI_REQUIRES(pages_lock_) {
    const u64* word = pages_.slot(index);
    return word != nullptr && (*word & kBusy) == 0;
  }
  bool enter_mapped(u64 index, PhysAddr& frame, bool& writable) HATI_REQUIRES(pages_lock_);
  Result<> pin_pages(u64 first, std::span<u32> numbers, bool write, bool pager) HATI_REQUIRES(pages_lock_);
  void note_written(u64 first, std::span<const u32> numbers) HATI_EXCLUDES(pages_lock_);  // before they are unpinned
  // After pages_lock_ was let go: asks the pager for what use_page() found worth reading ahead.
  void after_use() {
    if (ahead_ready_.load(std::memory_order_relaxed)) [[unlikely]]
      ask_pager();
  }

  // --- For the page cache.
  struct Reclaimed {
    u64 freed = 0, looked_at = 0;
    bool at_end = false;
  };
  // A piece of second chance from where the last one stopped.
  Reclaimed reclaim() HATI_EXCLUDES(pages_lock_);
  void hint_write_back() HATI_EXCLUDES(pages_lock_);
  u64 dirty_since_ns = 0;   // guarded by the page cache
  bool in_dirty_list = false;

  PagedMemory(Charge charge, Ref<Quota> quota, Ref<Object> pager, PageSource& source, u64 bytes, u64 key);
  ~PagedMemory() override;

 private:
  // Below the frame in the tree's words.
  static constexpr u64 kDirty = 1, kCleaning = 2, kBusy = 4, kUndelivered = 8, kForWrite = 16, kReferenced = 32, kMapped = 64, kAhead = 128;
  static constexpr u64 kFlags = kPageSize - 1;
  static constexpr u32 kPagesPerPiece = 1024;
  static constexpr u32 kReclaimLook = 128;
  static constexpr u32 kErrorMax = 4095;
  static PhysAddr frame_of(u64 word) { return PhysAddr{word & ~kFlags}; }
  static bool pinned(u64 word) { return frames.page(frame_of(word)).references.load(std::memory_order_acquire) > 1; }

  u64 end_page() const { return bytes() >> kPageShift; }
  bool find_request(Request& request) HATI_REQUIRES(pages_lock_);
  void deliver(const Request& request) HATI_REQUIRES(pages_lock_);
  void ask_pager() HATI_EXCLUDES(pages_lock_);
  bool any_busy(u64 first, u64 end) HATI_REQUIRES(pages_lock_);

  // paged_bring.cpp
  Result<> add_busy(u64 index, bool write) HATI_REQUIRES(pages_lock_);
  u64 add_window(u64 first, u64 end, bool write, Result<>& result) HATI_REQUIRES(pages_lock_);
  struct Window {
    u64 first, end;  // what to bring
    u64 trigger;     // use of this page starts the next window; ~0: none
  };
  Window plan(u64 first, u64 end, Access access) HATI_REQUIRES(pages_lock_);
  void read_ahead() HATI_REQUIRES(pages_lock_);

  // paged_memory.cpp
  void set_dirty(u64 index, u64& word) HATI_REQUIRES(pages_lock_);
  void clear_dirty(u64 index, u64& word) HATI_REQUIRES(pages_lock_);
  void clear_cleaning(u64& word) HATI_REQUIRES(pages_lock_);
  void clear_busy(u64 index, u64& word) HATI_REQUIRES(pages_lock_);
  void dirty_changed(bool was_dirty) HATI_REQUIRES(pages_lock_);
  void take_out(u64 index, u64 word, FrameList& list) HATI_REQUIRES(pages_lock_);
  bool take_some(u64 first, u64 end, FrameList& list) HATI_REQUIRES(pages_lock_);

  // paged_sweep.cpp
  void begin_sweep(Range range, Visit how) HATI_REQUIRES(pages_lock_);
  Result<> run_sweep() HATI_EXCLUDES(pages_lock_);
  Result<> drop_range(u64 first, u64 end, Visit how, u64 new_bytes) HATI_EXCLUDES(pages_lock_);
  Result<> mark_cleaning(u64 from) HATI_REQUIRES(pages_lock_);
  bool swept() HATI_EXCLUDES(pages_lock_);
  Result<> drop_clean(u64 first, u64 end) HATI_EXCLUDES(pages_lock_);
  u64 look_at(u64 index, u64& word, FrameList& list, Range& unmap, bool force) HATI_REQUIRES(pages_lock_);

  void release_storage() override;
  bool run_deferred() override;

  const Ref<Object> pager_;
  PageSource& source_;
  const u64 key_;
  std::atomic<bool> ahead_ready_{false};
  FlushTicket sweep_ticket_;

  bool dead_ HATI_GUARDED_BY(pages_lock_) = false;
  bool hint_ HATI_GUARDED_BY(pages_lock_) = false;  // a kWriteBack has yet to be delivered
  PageWaiters waiters_ HATI_GUARDED_BY(pages_lock_);
  u64 undelivered_ HATI_GUARDED_BY(pages_lock_) = 0;
  u64 dirty_ HATI_GUARDED_BY(pages_lock_) = 0;
  u64 cleaning_ HATI_GUARDED_BY(pages_lock_) = 0;
  u64 request_cursor_ HATI_GUARDED_BY(pages_lock_) = 0;
  u32 write_error_ HATI_GUARDED_BY(pages_lock_) = 0, write_errors_ HATI_GUARDED_BY(pages_lock_) = 0;
  u64 mapped_writes_ HATI_GUARDED_BY(pages_lock_) = 0;

  MemoryAdvice advice_ HATI_GUARDED_BY(pages_lock_) = MemoryAdvice::kNormal;
  u32 window_ HATI_GUARDED_BY(pages_lock_) = 0;       // pages of the last read-ahead
  u64 ahead_next_ HATI_GUARDED_BY(pages_lock_) = 0;   // where it ended

  struct {
    Range range;
    Visit how = Visit::kDrop;
    bool active = false, fresh = false;
  } sweep_ HATI_GUARDED_BY(pages_lock_);
  struct {
    u64 from = 0;
    Range range;
    bool active = false;
  } taking_ HATI_GUARDED_BY(pages_lock_);
  u64 reclaim_next_ HATI_GUARDED_BY(pages_lock_) = 0;
};

}  // namespace hati
