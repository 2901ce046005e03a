// SPDX-License-Identifier: MIT
// An address space with its handle table: a process. Mappings lie in a tree; the upper layer of private pages is the page table itself
// (entries with Pte::Private own a count of their frame), so a fork is one pass over the tables. Below it lies a Memory object or nothing.
// `lock_` guards mappings and page table. Order: a fork's source before its target; else two spaces by address; then Memory's locks, then
// Shootdown's, then those of the allocators. copy() between two spaces never holds two.
#pragma once

#include <boost/intrusive/set.hpp>

#include "abi/call.h"
#include "abi/thread.h"
#include "kernel/arch/arch.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/page_table.h"
#include "kernel/memory/paged_memory.h"
#include "kernel/memory/pins.h"
#include "kernel/memory/quota.h"
#include "kernel/memory/restart.h"
#include "kernel/memory/shootdown.h"
#include "kernel/object/handle_table.h"
#include "kernel/object/object.h"

namespace hati {

class Process;

enum class FaultResult : u8 {
  kResolved,    // run on (also for stale translations)
  kUnmapped,    // no mapping there
  kAccess,      // a mapping that does not permit it
  kBeyondEnd,   // beyond the end of the memory object
  kNoMemory,
  kNotResident,  // the page must be brought by its pager first: wait_for_page()
};

// One mapping. Owned by its space, guarded by the space's lock, except the part that its Memory guards.
struct Mapping : boost::intrusive::set_base_hook<boost::intrusive::optimize_size<true>>, MemoryHook {
  AddressSpace* space = nullptr;
  u64 start = 0, end = 0;
  Protection protection = Protection::kNone, max_protection = Protection::kNone;
  MapFlags flags = MapFlags::kNone;
  Ref<Memory> memory;
  u64 offset = 0;  // into memory, of start
  u64 tag = 0;
  u64 grow_limit = 0;
  u64 epoch = 0;  // guarded by Memory::mappings_lock_

  bool shared() const { return has(flags, MapFlags::kShared); }
  u64 bytes() const { return end - start; }
};

// What a space knows of its tables: their size, and the page tables that were used last, which saves most walks.
struct TableState {
  struct Known {
    u64 region = ~u64{0};  // address / 2 MiB that `table` translates
    PhysAddr table{};
  };
  static constexpr u64 kKnown = 4;
  u64 bytes = 0;
  Quota* quota = nullptr;  // of the space, or none
  std::array<Known, kKnown> known{};
  Known& known_for(u64 address) { return known[address / kLargePageSize % kKnown]; }
};

// Page-table memory of a space: through the direct map, charged to the space's quota. The kernel's half and a supervisor's slot
// are not counted in Page::live of a root.
class TableAccess {
 public:
  TableAccess(FlushBatch* batch, FrameFlags flags, TableState* state) : batch_(batch), state_(state), flags_(flags) {}
  u64 load(PhysAddr table, u32 index) const { return *entry(table, index); }
  void store(PhysAddr table, u32 index, u64 value) { *entry(table, index) = value; }
  u16& live(PhysAddr table) const { return frames.page(table).live; }
  Result<PhysAddr> allocate();
  void retire(PhysAddr table);

 private:
  static volatile u64* entry(PhysAddr table, u32 index) { return phys_to_virt<volatile u64>(table) + index; }
  FlushBatch* batch_;
  TableState* state_;
  FrameFlags flags_;
};

class AddressSpace : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kAddressSpace;

  // Implemented in kernel/thread, which derives the class that holds the Process: see the protected part. `supervisor`: for kSupervised.
  static Result<Ref<AddressSpace>> create(SpaceFlags flags, AddressSpace* supervisor, Ref<Quota> quota);
  Process& process() const { return *process_; }

  // `request.memory` is ignored: the object comes as a reference (null: anonymous). Rights have been checked and are in max_protection.
  // kInvalidArgument, kNoSpace (no free range, limit of address space), kExists, kNoMemory, kRestart.
  Result<u64> map(const MapRequest& request, Ref<Memory> memory = nullptr) HATI_EXCLUDES(lock_);
  Result<> unmap(u64 address, u64 bytes) HATI_EXCLUDES(lock_);
  // kBadAddress at a hole, kAccess beyond max_protection.
  Result<> protect(u64 address, u64 bytes, Protection protection) HATI_EXCLUDES(lock_);
  Result<u64> move(const MoveRequest& request) HATI_EXCLUDES(lock_);
  Result<> discard(u64 address, u64 bytes) HATI_EXCLUDES(lock_);
  // `target` must be empty: kBusy. kRestart: call again, `target` then continues.
  Result<> clone_into(AddressSpace& target) HATI_NO_THREAD_SAFETY_ANALYSIS;
  // Unmaps everything; kRestart while there is more.
  Result<> clear() HATI_EXCLUDES(lock_);
  // For deferred teardown: a piece of clear(); true when the space is empty.
  bool teardown_piece() HATI_EXCLUDES(lock_);
  Result<MappingInfo> query(u64 address) HATI_EXCLUDES(lock_);
  // Which pages from `address` on are in memory, as Call::kSpaceResidency tells it. kInvalidArgument, kBadAddress.
  Result<u64> residency(u64 address, std::span<u8> pages) HATI_EXCLUDES(lock_);
  Result<> populate(u64 address, u64 bytes, PopulateFlags flags) HATI_EXCLUDES(lock_);
  // All but `threads`.
  SpaceInfo info() HATI_EXCLUDES(lock_);
  Result<> set_limit(SpaceLimit limit, u64 value) HATI_EXCLUDES(lock_);

  // `bits`: kFaultWrite, kFaultFetch of the processor's error code; the others do not matter.
  FaultResult handle_fault(u64 address, u64 bits) HATI_EXCLUDES(lock_);

  // User memory, faulted in as needed, with the rights of the mapping. All or an error (what came before is copied): kBadAddress (no
  // mapping, beyond the end of its object), kAccess, kNoMemory. At most kCopyBytesMax: kTooBig.
  static constexpr u64 kCopyBytesMax = 256 * 1024;
  Result<> copy_in(u64 user, void* to, usize bytes) HATI_EXCLUDES(lock_);
  Result<> copy_out(u64 user, const void* from, usize bytes) HATI_EXCLUDES(lock_);
  // The same for a few bytes of a native process, where it is simple: else false and nothing has happened. In small_copy.h.
  bool copy_in_small(u64 user, void* to, u64 bytes) HATI_EXCLUDES(lock_);
  bool copy_out_small(u64 user, const void* from, u64 bytes) HATI_EXCLUDES(lock_);
  template <class T>
  Result<T> read(u64 user) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    TRY(copy_in(user, &value, sizeof value));
    return value;
  }
  template <class T>
  Result<> write(u64 user, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return copy_out(user, &value, sizeof value);
  }
  // Up to the first bad byte: the count, or the error if it is the first byte.
  Result<u64> copy_in_some(u64 user, void* to, usize bytes) HATI_EXCLUDES(lock_);
  Result<u64> copy_out_some(u64 user, const void* from, usize bytes) HATI_EXCLUDES(lock_);

  // One end of a copy between spaces and memory objects: exactly one pointer is set.
  struct CopyEnd {
    AddressSpace* space = nullptr;
    Memory* memory = nullptr;
    u64 address = 0;
    bool pager = false;  // the memory's pager copies
  };
  // Returns the bytes copied: all, or up to a bad address, at most kCopyBytesMax. Nothing at all: kBadAddress, kAccess, kNoMemory,
  // kNotResident.
  static Result<u64> copy(CopyEnd to, CopyEnd from, u64 bytes);

  // A debugger's copy between this space and its own: the mappings' protection does not matter, see Call::kSpaceInspect. At most kSpaceInspectMax.
  Result<u64> inspect(u64 address, u64 bytes, AddressSpace& debugger, u64 buffer, bool write) HATI_EXCLUDES(lock_);

  // The old value, also if it differed. kInvalidArgument (not aligned), kBadAddress, kAccess, kNoMemory.
  Result<u32> compare_exchange(u64 address, u32 expected, u32 desired) HATI_EXCLUDES(lock_);

  // After kNotResident: the page at `address`, and the rest of [address, address + bytes) as far as its mapping goes, is asked for. As
  // PagedMemory::bring(); kReady, too, if nothing there comes from a pager.
  Result<PagedMemory::Bring> wait_for_page(u64 address, u64 bytes, PagedMemory::Access access, PageWaiter* waiter) HATI_EXCLUDES(lock_);
  void count_major_fault() { major_faults_.fetch_add(1, std::memory_order_relaxed); }

  // What a futex is: the same for all who share the word.
  struct FutexKey {
    const void* object;
    u64 offset;
    bool operator==(const FutexKey&) const = default;
  };
  Result<FutexKey> futex_key(u64 address) HATI_EXCLUDES(lock_);

  // Whether processors may still use translations that were taken away: a supervised thread is not resumed before (see contracts.md).
  bool flush_pending() { return ticket_.cpus.load(std::memory_order_acquire) != 0 && shootdown.pending(ticket_); }
  // Queues the waiter, or returns false if nothing is pending any more.
  bool wait_for_flush(FlushWaiter& waiter) { return shootdown.wait(ticket_, waiter); }

  PhysAddr root() const { return context.root; }
  HandleTable& handles() { return handles_; }
  PinTable& pins() { return pins_; }
  const Ref<Quota>& quota() const { return quota_; }
  SpaceFlags flags() const { return flags_; }
  bool supervised() const { return has(flags_, SpaceFlags::kSupervised); }
  bool attached() const { return has(flags_, SpaceFlags::kAttached); }
  u64 first_address() const { return supervised() ? kProgramBase : kServerBase; }
  u64 end_address() const { return supervised() ? kProgramEnd : kServerEnd; }

  arch::SpaceContext context;

 protected:
  // Process (kernel/thread) derives from it, lives in an ObjectCache of its own (release_storage) and calls initialize() before anybody
  // else sees it. `process` is only stored.
  AddressSpace(SpaceFlags flags, Ref<Quota> quota, Process* process)
      : Object(kType), flags_(flags), quota_(std::move(quota)), process_(process) {}
  // Root table. `supervisor`: of a supervised space; if it is attached, its slot is shared. kNoMemory.
  Result<> initialize(AddressSpace* supervisor);
  // The space must be empty (teardown_piece) or is emptied here, however long that takes.
  ~AddressSpace() override;

 private:
  friend class Memory;
  struct Order {
    bool operator()(const Mapping& a, const Mapping& b) const { return a.start < b.start; }
  };
  struct AddressKey {  // finds the first mapping that ends above an address
    bool operator()(u64 address, const Mapping& mapping) const { return address < mapping.end; }
    bool operator()(const Mapping& mapping, u64 address) const { return mapping.end <= address; }
  };
  using Mappings = boost::intrusive::set<Mapping, boost::intrusive::compare<Order>, boost::intrusive::constant_time_size<false>>;
  using Table = PageTable<TableAccess>;
  static constexpr u32 kMappingsMax = 1u << 17;
  static constexpr u64 kStackGap = 256 * kPageSize;  // kept free below a mapping that grows down
  static constexpr u32 kPagesPerPiece = 2048;

  // address_space.cpp
  Table table(FlushBatch& batch) HATI_REQUIRES(lock_) { return Table(context.root, TableAccess(&batch, frame_flags(), &tables_)); }
  // As Table::find().
  Table::Slot walk(Table& pages, u64 address) HATI_REQUIRES(lock_) {
    TableState::Known& known = tables_.known_for(address);
    if (known.region == address / kLargePageSize) {
      const u32 index = level_index(address, 0);
      return {known.table, index, 0, pages.access().load(known.table, index)};
    }
    const auto slot = pages.find(address);
    if (slot.level == 0) known = {address / kLargePageSize, slot.table};
    return slot;
  }
  FrameFlags frame_flags() const { return supervised() ? FrameFlags::kNone : FrameFlags::kServer; }
  bool in_range(u64 address, u64 bytes) const {
    return address >= first_address() && address < end_address() && bytes <= end_address() - address;
  }
  Mapping* find(u64 address) HATI_REQUIRES(lock_);  // that contains the address, or nullptr
  Mapping* find_from(u64 address) HATI_REQUIRES(lock_);  // the first that ends above it, or nullptr
  Mapping* next(Mapping& mapping) HATI_REQUIRES(lock_);
  Mapping* previous(Mapping& mapping) HATI_REQUIRES(lock_);
  // Removes translations; large pages at the ends have been split. Returns where it stopped because `budget` pages are done, or `end`.
  void remove_pages(u64 start, u64 end, FlushBatch& batch) HATI_REQUIRES(lock_);
  u64 remove_some(u64 start, u64 end, FlushBatch& batch, u64& budget) HATI_REQUIRES(lock_);
  u64 release_entry(u64 address, u64 entry, u32 level, FlushBatch& batch) HATI_REQUIRES(lock_);
  void visit_memory_pages(Memory& memory, u64 first, u64 end, Memory::Visit how, FlushTicket* ticket) HATI_EXCLUDES(lock_);
  void count_private(u64 pages) HATI_REQUIRES(lock_);

  // address_space_map.cpp
  Result<Mapping*> make_mapping(u64 start, u64 end, const Mapping* like) HATI_REQUIRES(lock_);
  void insert(Mapping& mapping) HATI_REQUIRES(lock_);
  void erase(Mapping& mapping) HATI_REQUIRES(lock_);
  Result<> cut(u64 address) HATI_REQUIRES(lock_);  // a mapping begins here or none contains it
  Result<> split_large(u64 address) HATI_REQUIRES(lock_);  // no large page contains the address in its middle
  void merge(Mapping& mapping) HATI_REQUIRES(lock_);
  bool join(Mapping& left, Mapping& right) HATI_REQUIRES(lock_);
  bool is_free(u64 start, u64 end) HATI_REQUIRES(lock_);
  Result<u64> find_free(u64 bytes, u64 top) HATI_REQUIRES(lock_);
  Result<u64> place(const MapRequest& request) HATI_REQUIRES(lock_);
  Result<> check(const MapRequest& request, const Memory* memory) const;
  Result<> clear_range(u64 start, u64 end, FlushBatch& batch) HATI_REQUIRES(lock_);
  void protect_mapping(Mapping& mapping, Protection protection, FlushBatch& batch) HATI_REQUIRES(lock_);

  // address_space_move.cpp
  bool can_grow(const Mapping& mapping, u64 end) HATI_REQUIRES(lock_);
  Result<u64> move_away(const MoveRequest& request, FlushBatch& batch) HATI_REQUIRES(lock_);
  Result<> prepare_tables(u64 from, u64 to, u64 bytes, FlushBatch& batch) HATI_REQUIRES(lock_);
  void move_pages(u64 from, u64 to, u64 bytes, FlushBatch& batch) HATI_REQUIRES(lock_);

  // address_space_clone.cpp
  Result<> clone_mapping(Mapping& mapping, AddressSpace& target, FlushBatch& batch, u64& budget) HATI_NO_THREAD_SAFETY_ANALYSIS;
  Result<u32> clone_table(Mapping& mapping, AddressSpace& target, PhysAddr source, u64 start, u64 end,
                          FlushBatch& batch) HATI_NO_THREAD_SAFETY_ANALYSIS;
  Result<> clone_pages(Mapping& mapping, AddressSpace& target, FlushBatch& batch, u64& budget) HATI_NO_THREAD_SAFETY_ANALYSIS;

  // address_space_fault.cpp
  u64 entry_bits(const Mapping& mapping, bool writable) const;
  FaultResult resolve(u64 address, bool write, bool fetch) HATI_REQUIRES(lock_);
  FaultResult resolve_page(Mapping& mapping, u64 page, bool write, FlushBatch& batch) HATI_REQUIRES(lock_);
  FaultResult resolve_present(Mapping& mapping, u64 page, Table::Slot& slot, bool write, FlushBatch& batch) HATI_REQUIRES(lock_);
  FaultResult resolve_missing(Mapping& mapping, u64 page, Table::Slot& slot, bool write, FlushBatch& batch) HATI_REQUIRES(lock_);
  FaultResult resolve_memory(Mapping& mapping, u64 page, Table::Slot& slot, bool write, FlushBatch& batch) HATI_REQUIRES(lock_);
  FaultResult set_private(Mapping& mapping, Table::Slot& slot, PhysAddr frame, FlushBatch& batch) HATI_REQUIRES(lock_);
  void enter_around(Mapping& mapping, u64 page, const Table::Slot& slot) HATI_REQUIRES(lock_);
  bool try_large(Mapping& mapping, u64 page, Table::Slot& slot, FlushBatch& batch) HATI_REQUIRES(lock_);
  Mapping* grow_down(u64 address) HATI_REQUIRES(lock_);

  // small_copy.h
  u8* known_bytes(u64 user, u64 bytes, u64 needed) HATI_REQUIRES(lock_);

  // address_space_copy.cpp
  // The byte at `address` in the direct map, faulted in.
  Result<u8*> reach(u64 address, bool write) HATI_REQUIRES(lock_);
  Result<u8*> reach_slowly(u64 address, bool write) HATI_REQUIRES(lock_);
  // The same whatever the mapping's protection says. A page to be written is this space's own then.
  Result<u8*> reach_unprotected(u64 address, bool write) HATI_REQUIRES(lock_);
  Result<u64> copy_with(Memory& memory, u64 offset, bool pager, u64 user, u64 bytes, bool to_space) HATI_EXCLUDES(lock_);
  static Result<u64> copy_between(AddressSpace& to_space, u64 to, AddressSpace& from_space, u64 from,
                                  u64 bytes) HATI_NO_THREAD_SAFETY_ANALYSIS;

  const SpaceFlags flags_;
  const Ref<Quota> quota_;
  Process* const process_;
  Ref<AddressSpace> supervisor_;  // whose tables are in slot 255
  HandleTable handles_;
  PinTable pins_;
  FlushTicket ticket_;
  FlushTicket fork_ticket_;  // flushes after which no processor can write to what a fork shares

  Spinlock lock_;
  Mappings mappings_ HATI_GUARDED_BY(lock_);
  Mapping* recent_ HATI_GUARDED_BY(lock_) = nullptr;  // the last one that find() returned
  u32 mapping_count_ HATI_GUARDED_BY(lock_) = 0;
  bool cloning_ HATI_GUARDED_BY(lock_) = false;  // a clone_into() this space has been begun
  u64 clone_next_ HATI_GUARDED_BY(lock_) = 0;  // it continues here
  u64 search_top_ HATI_GUARDED_BY(lock_) = 0;  // of the last search
  u64 search_from_ HATI_GUARDED_BY(lock_) = 0;  // between here and search_top_ no free range is larger than search_skipped_; 0: not known
  u64 search_skipped_ HATI_GUARDED_BY(lock_) = 0;
  u64 virtual_bytes_ HATI_GUARDED_BY(lock_) = 0;
  u64 private_pages_ HATI_GUARDED_BY(lock_) = 0;
  u64 shared_pages_ HATI_GUARDED_BY(lock_) = 0;  // pages of Memory objects
  u64 peak_pages_ HATI_GUARDED_BY(lock_) = 0;
  TableState tables_ HATI_GUARDED_BY(lock_);
  u64 faults_ HATI_GUARDED_BY(lock_) = 0;
  std::atomic<u64> major_faults_{0};
  u64 virtual_limit_ HATI_GUARDED_BY(lock_) = ~u64{0};
  u64 resident_limit_pages_ HATI_GUARDED_BY(lock_) = ~u64{0};
};

}  // namespace hati
