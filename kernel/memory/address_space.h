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

// Page-table memory of a space: through the direct map; tables are charged to nobody but counted.
class TableAccess {
 public:
  TableAccess(FlushBatch* batch, FrameFlags flags, u64* bytes) : batch_(batch), bytes_(bytes), flags_(flags) {}
  u64 load(PhysAddr table, u32 index) const { return *entry(table, index); }
  void store(PhysAddr table, u32 index, u64 value) { *entry(table, index) = value; }
  u16& live(PhysAddr table) const { return frames.page(table).live; }
  Result<PhysAddr> allocate();
  void retire(PhysAddr table);

 private:
  static volatile u64* entry(PhysAddr table, u32 index) { return phys_to_virt<volatile u64>(table) + index; }
  FlushBatch* batch_;
  u64* bytes_;
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
  };
  // Returns the bytes copied: all, or up to a bad address, at most kCopyBytesMax. Nothing at all: kBadAddress, kAccess, kNoMemory.
  static Result<u64> copy(CopyEnd to, CopyEnd from, u64 bytes);

  // The old value, also if it differed. kInvalidArgument (not aligned), kBadAddress, kAccess, kNoMemory.
  Result<u32> compare_exchange(u64 address, u32 expected, u32 desired) HATI_EXCLUDES(lock_);

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
  const Ref<Quota>& quota() const { return quota_; }
  SpaceFlags flags() const { return flags_; }
  bool supervised() const { return has(flags_, SpaceFlags::kSupervised); }
  bool attached() const { return has(flags_, SpaceFlags::kAttached); }
  u64 first_address() const { return supervised() ? kProgramBase : kServerBase; }
  u64 end_address() const { return supervised() ? kProgramEnd : kServerEnd; }

  arch::SpaceContext context;

 protected:
  // class ProcessSpace final : public AddressSpace (kernel/thread) has the Process as a member, passes its address here (it is only stored),
  // lives in an ObjectCache of its own (release_storage) and calls initialize() before anybody else sees it.
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
  using Mappings = boost::intrusive::set<Mapping, boost::intrusive::compare<Order>, boost::intrusive::constant_time_size<false>>;
  using Table = PageTable<TableAccess>;

  const SpaceFlags flags_;
  const Ref<Quota> quota_;
  Process* const process_;
  HandleTable handles_;
  FlushTicket ticket_;
  // to be continued by the implementation
  Spinlock lock_;
  Mappings mappings_ HATI_GUARDED_BY(lock_);
};

}  // namespace hati
