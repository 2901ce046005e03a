// SPDX-License-Identifier: MIT
// The kernel's own page tables: image (writable or executable, never both), direct map of RAM, devices, kernel stacks with guard pages.
// Built once from the early allocator; PML4 slots 256..511 are then shared by all spaces. No lock: one processor runs.
#include <algorithm>
#include <cstring>

#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/direct_map.h"

extern "C" const hati::u8 text_begin[], text_end[], rodata_end[], bss_end[], image_end[];

namespace hati::arch {

const u64 kKernelStackSize = 16384;

namespace {

constexpr u64 kPresent = 1 << 0, kWritable = 1 << 1, kWriteThrough = 1 << 3, kUncached = 1 << 4, kLarge = 1 << 7, kGlobal = 1 << 8;
constexpr u64 kNoExecute = u64{1} << 63;
constexpr u64 kAddressMask = 0x000f'ffff'ffff'f000;
constexpr u64 kTableLimit = u64{4} << 30;  // reachable while the boot page tables are loaded
constexpr u64 kDeviceWindow = u64{1} << 30;
constexpr u64 kStackBase = kDeviceMapBase + kDeviceWindow;
constexpr u64 kStackSlot = 65536;  // a stack at the top, the rest of the slot is its guard

constinit u64 root = 0;
constinit MemoryMap* early_memory = nullptr;
constinit u64 next_device = kDeviceMapBase;

u64* table_at(u64 physical) { return phys_to_virt<u64>(PhysAddr{physical}); }

u64 new_table() {
  const auto page = early_memory->allocate(kPageSize, kPageSize, kTableLimit);
  if (!page) panic("boot: no memory for page tables");
  std::memset(phys_to_virt<>(*page), 0, kPageSize);
  return page->value;
}

// The largest page that fits at both addresses: 12, 21 or 30.
u32 page_shift(u64 virt, u64 phys, u64 bytes) {
  for (u32 shift : {30u, 21u}) {
    const u64 size = u64{1} << shift;
    if (shift == 30 && !features().gigabyte_pages) continue;
    if ((virt | phys) % size == 0 && bytes >= size) return shift;
  }
  return kPageShift;
}

void map(u64 virt, u64 phys, u64 bytes, u64 flags) {
  while (bytes > 0) {
    const u32 shift = page_shift(virt, phys, bytes);
    u64* table = table_at(root);
    for (u32 level = 39; level > shift; level -= 9) {
      u64& entry = table[virt >> level & 511];
      if ((entry & kPresent) == 0) entry = new_table() | kPresent | kWritable;
      table = table_at(entry & kAddressMask);
    }
    table[virt >> shift & 511] = phys | flags | kPresent | kGlobal | (shift > kPageShift ? kLarge : 0);
    const u64 size = u64{1} << shift;
    virt += size;
    phys += size;
    bytes -= size;
  }
}

u64 image_physical(const u8* symbol) { return reinterpret_cast<u64>(symbol) - kKernelImageBase; }

void map_image() {
  const auto part = [](const u8* begin, const u8* end, u64 flags) {
    map(reinterpret_cast<u64>(begin), image_physical(begin), static_cast<u64>(end - begin), flags);
  };
  part(text_begin, text_end, 0);
  part(text_end, rodata_end, kNoExecute);
  part(rodata_end, bss_end, kNoExecute | kWritable);
  part(bss_end, image_end, kNoExecute);
}

// The direct map must not be a way around the image's write protection.
void map_ram(const PhysRange& ram) {
  const u64 fixed_begin = image_physical(text_begin), fixed_end = image_physical(rodata_end);
  const auto part = [](u64 begin, u64 end, u64 flags) {
    if (begin < end) map(kDirectMapBase + begin, begin, end - begin, flags | kNoExecute);
  };
  part(ram.begin, std::min(ram.end, fixed_begin), kWritable);
  part(std::max(ram.begin, fixed_begin), std::min(ram.end, fixed_end), 0);
  part(std::max(ram.begin, fixed_end), ram.end, kWritable);
}

}  // namespace

void build_page_tables(BootInfo& boot) {
  early_memory = &boot.memory;
  root = new_table();
  map_image();
  for (const PhysRange& ram : boot.memory.ram()) map_ram(ram);
}

void load_kernel_tables() { write_cr3(root); }

PhysAddr kernel_root() { return PhysAddr{root}; }

void* map_device(PhysAddr address, u64 bytes) {
  const u64 begin = page_floor(address.value), size = page_ceil(address.value + bytes) - begin;
  const u64 virt = next_device;
  next_device += size + kPageSize;
  HATI_ASSERT(next_device < kStackBase);
  map(virt, begin, size, kNoExecute | kWritable | kUncached | kWriteThrough);
  return reinterpret_cast<void*>(virt + (address.value - begin));
}

u64 map_kernel_stack(u32 cpu, MemoryMap& memory) {
  const auto place = memory.allocate(kKernelStackSize, kPageSize, kTableLimit);
  if (!place) panic("boot: no memory for the stack of CPU {}", cpu);
  const u64 top = kStackBase + (cpu + 1) * kStackSlot;
  map(top - kKernelStackSize, place->value, kKernelStackSize, kNoExecute | kWritable);
  return top;
}

bool in_stack_guard(u64 address) {
  return address >= kStackBase && address < kStackBase + kCpusMax * kStackSlot && address % kStackSlot < kStackSlot - kKernelStackSize;
}

bool is_mapped(u64 address) {
  if (!is_canonical(address) || static_cast<i64>(address) >= 0 || root == 0) return address >= kKernelImageBase;
  const u64* table = table_at(root);
  for (u32 level = 39;; level -= 9) {
    const u64 entry = table[address >> level & 511];
    if ((entry & kPresent) == 0) return false;
    if (level == kPageShift || (entry & kLarge) != 0) return true;
    table = table_at(entry & kAddressMask);
  }
}

void load_root(PhysAddr address) { write_cr3(address.value); }
void invalidate_page(u64 address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }
void invalidate_all() { write_cr3(read_cr3()); }
u64 fault_address() { return read_cr2(); }
u64 page_table_root() { return read_cr3(); }

void leave_space(Cpu& cpu, SpaceContext& space) {
  if (cpu.space == &space) load_space(cpu, space.attached_server);  // a worker of the server may be what runs here
}

}  // namespace hati::arch
