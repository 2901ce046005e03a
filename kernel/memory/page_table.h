// SPDX-License-Identifier: MIT
// Four-level page tables (SDM volume 3, 4.5). The algorithms see memory only through an access policy, so that host tests can record every
// store and replay the states in between: a walk at any moment finds a page's old or its new translation, never a third.
// No lock: the space that owns the table has one. Leaf entries that are not present but not zero keep a page that may not be accessed now.
// Tables that become empty are handed to the policy, which frees them after a flush.
#pragma once

#include "abi/call.h"
#include "base/bits.h"
#include "base/result.h"
#include "base/types.h"

namespace hati {

struct Pte : Register<u64> {
  using Present = Field<0, 1>;
  using Write = Field<1, 1>;
  using User = Field<2, 1>;
  using WriteThrough = Field<3, 1>;
  using CacheDisable = Field<4, 1>;
  using Accessed = Field<5, 1>;
  using Dirty = Field<6, 1>;
  using Large = Field<7, 1>;    // in a page directory
  using Private = Field<9, 1>;  // software: the frame is counted in Page::references for this entry
  using Device = Field<10, 1>;  // software: not RAM, not in the direct map
  using Address = Field<12, 40>;
  using NoExecute = Field<63, 1>;

  static constexpr PhysAddr frame(u64 entry) { return PhysAddr{entry & Address::kMask}; }
  static constexpr u64 kTable = Present::kMask | Write::kMask | User::kMask;
};

inline constexpr u32 kTableEntries = 512;
inline constexpr u32 kRootLevel = 3;  // levels: 0 page table, 1 page directory, 2 directory pointers, 3 PML4

// Bytes that one entry of a table of this level covers.
constexpr u64 level_bytes(u32 level) { return kPageSize << (9 * level); }
constexpr u32 level_index(u64 address, u32 level) { return static_cast<u32>(address >> (kPageShift + 9 * level)) & (kTableEntries - 1); }

// The policy: u64 load(PhysAddr table, u32 index); void store(PhysAddr, u32, u64); Result<PhysAddr> allocate() a zeroed table;
// void retire(PhysAddr); u16& live(PhysAddr) the number of entries in use, kept by this class.
template <class Access>
class PageTable {
 public:
  // The place of one leaf entry, or where the walk ended.
  struct Slot {
    PhysAddr table;
    u32 index;
    u32 level;  // 0: a page's entry. 1: a large page's, or the table below is missing; above: missing
    u64 entry;
  };

  PageTable(PhysAddr root, Access access) : root_(root), access_(access) {}

  // Where a walk for the address ends. Makes nothing.
  Slot find(u64 address) {
    PhysAddr table = root_;
    for (u32 level = kRootLevel;; --level) {
      const u32 index = level_index(address, level);
      const u64 entry = access_.load(table, index);
      if (level == 0 || !Pte::Present::is_set(entry) || (level == 1 && Pte::Large::is_set(entry))) return {table, index, level, entry};
      table = Pte::frame(entry);
    }
  }

  // The slot for a page (level 0) or a large page (level 1), tables made as needed. At level 0 a large page in the way is returned as it
  // is.
  Result<Slot> make(u64 address, u32 level = 0) {
    Slot slot = find(address);
    return extend(address, slot, level);
  }

  // Continues a find() down to `level`.
  Result<Slot> extend(u64 address, Slot slot, u32 level = 0) {
    while (slot.level > level && slot.entry == 0) {
      const PhysAddr table = TRY(access_.allocate());
      set(slot, table.value | Pte::kTable);
      slot = {table, level_index(address, slot.level - 1), slot.level - 1, 0};
    }
    return slot;
  }

  // Changes one entry; from here on other processors may use it.
  void set(Slot& slot, u64 entry) {
    if (slot.entry == 0) ++access_.live(slot.table);
    if (entry == 0) --access_.live(slot.table);
    access_.store(slot.table, slot.index, entry);
    slot.entry = entry;
  }

  // Replaces a large page by a table of 512 pages with the same translations.
  Result<> split(Slot& slot) {
    const PhysAddr table = TRY(access_.allocate());
    const u64 small = slot.entry & ~Pte::Large::kMask;
    for (u32 i = 0; i < kTableEntries; ++i) access_.store(table, i, small + i * kPageSize);
    access_.live(table) = kTableEntries;
    access_.store(slot.table, slot.index, table.value | Pte::kTable);
    return {};
  }

  // Calls f(address, entry, level) for every leaf entry that is not zero in [start, end) and stores what it returns, if it differs.
  // Large pages must not stick out of the range, unless f leaves them alone. Tables that become empty are retired.
  template <class F>
  void update(u64 start, u64 end, F&& f) {
    if (start < end) update_table(root_, kRootLevel, start, end, f);
  }

  // As update(), without changing anything: f(address, entry, level) returns false to stop.
  template <class F>
  void visit(u64 start, u64 end, F&& f) {
    if (start < end) visit_table(root_, kRootLevel, start, end, f);
  }

  // The first entry in use, or `stop`.
  u32 skip_empty(PhysAddr table, u32 index, u32 stop) const {
    if (index >= stop || access_.load(table, index) != 0) return index;
    while (index + 4 <= stop && (access_.load(table, index) | access_.load(table, index + 1) | access_.load(table, index + 2) |
                                 access_.load(table, index + 3)) == 0)
      index += 4;
    while (index < stop && access_.load(table, index) == 0) ++index;
    return index;
  }

  PhysAddr root() const { return root_; }
  Access& access() { return access_; }

 private:
  template <class F>
  void update_table(PhysAddr table, u32 level, u64 start, u64 end, F& f) {
    if (level == 0) return update_pages(table, start, end, f);
    const u64 step = level_bytes(level);
    u32 index = level_index(start, level);
    for (u64 address = start; address < end; address = (address & ~(step - 1)) + step, ++index) {
      const u64 entry = access_.load(table, index);
      if (entry == 0) continue;
      u64 changed = 0;
      if (level == 1 && Pte::Large::is_set(entry)) {
        changed = f(address, entry, level);
        if (changed != entry) set_entry(table, index, entry, changed);
        continue;
      }
      const u64 next = (address & ~(step - 1)) + step;
      const PhysAddr below = Pte::frame(entry);
      update_table(below, level - 1, address, end < next ? end : next, f);
      if (access_.live(below) != 0) continue;
      set_entry(table, index, entry, changed);
      access_.retire(below);
    }
  }

  // Most entries of a page table are empty: they are passed over in groups.
  template <class F>
  void update_pages(PhysAddr table, u64 start, u64 end, F& f) {
    u32 index = level_index(start, 0);
    const u32 count = static_cast<u32>((end - start + kPageSize - 1) >> kPageShift);
    const u64 base = start - (u64{index} << kPageShift);
    for (const u32 stop = index + count; index < stop; ++index) {
      index = skip_empty(table, index, stop);
      if (index == stop) return;
      const u64 entry = access_.load(table, index);
      const u64 changed = f(base + (u64{index} << kPageShift), entry, 0);
      if (changed != entry) set_entry(table, index, entry, changed);
    }
  }

  void set_entry(PhysAddr table, u32 index, u64 before, u64 after) {
    Slot slot{table, index, 0, before};
    set(slot, after);
  }

  template <class F>
  bool visit_table(PhysAddr table, u32 level, u64 start, u64 end, F& f) {
    const u64 step = level_bytes(level);
    u32 index = level_index(start, level);
    for (u64 address = start; address < end; address = (address & ~(step - 1)) + step, ++index) {
      const u64 entry = access_.load(table, index);
      if (entry == 0) continue;
      if (level == 0 || (level == 1 && Pte::Large::is_set(entry))) {
        if (!f(address, entry, level)) return false;
        continue;
      }
      const u64 next = (address & ~(step - 1)) + step;
      if (!visit_table(Pte::frame(entry), level - 1, address, end < next ? end : next, f)) return false;
    }
    return true;
  }

  PhysAddr root_;
  Access access_;
};

}  // namespace hati
