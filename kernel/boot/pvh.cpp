// SPDX-License-Identifier: MIT
#include "kernel/boot/pvh.h"

#include <algorithm>
#include <array>

#include "kernel/debug/panic.h"
#include "kernel/memory/direct_map.h"

namespace hati {
namespace {

struct StartInfo {
  u32 magic, version, flags, module_count;
  u64 modules, command_line, rsdp;
  u64 memory_map;  // from version 1 on
  u32 memory_map_entries, reserved;
};
static_assert(sizeof(StartInfo) == 56);
struct Module {
  u64 address, bytes, command_line, reserved;
};
struct MapEntry {
  u64 address, bytes;
  u32 type, reserved;
};
static_assert(sizeof(MapEntry) == 24);

constexpr u32 kMagic = 0x336ec578;
constexpr u32 kTypeRam = 1;
constexpr u32 kMapEntriesMax = 512;
constexpr u64 kMappedEnd = u64{4} << 30;  // by the boot page tables
constexpr usize kCommandLineMax = 4096;   // one page for init

constinit std::array<char, kCommandLineMax> command_line{};

template <class T>
const T* low_memory(u64 address, u64 bytes, const char* what) {
  if (address == 0 || address > kMappedEnd || bytes > kMappedEnd - address) panic("boot: the {} is at {:#x}, out of reach", what, address);
  return phys_to_virt<const T>(PhysAddr{address});
}

}  // namespace

void read_pvh_start_info(u32 start_info, PhysRange image, BootInfo& boot) {
  const StartInfo& info = *low_memory<StartInfo>(start_info, sizeof(StartInfo), "start info");
  if (info.magic != kMagic) panic("boot: not started by the PVH protocol (magic {:#x})", info.magic);
  if (info.version < 1 || info.memory_map == 0) panic("boot: the loader gives no memory map (PVH version {})", info.version);

  const u32 entries = std::min(info.memory_map_entries, kMapEntriesMax);
  const auto* map = low_memory<MapEntry>(info.memory_map, entries * sizeof(MapEntry), "memory map");
  for (u32 i = 0; i < entries; ++i)
    if (map[i].type == kTypeRam) boot.memory.add_ram(map[i].address, map[i].bytes);
  for (u32 i = 0; i < entries; ++i)  // whoever says that it is not RAM wins
    if (map[i].type != kTypeRam) boot.memory.reserve({map[i].address, map[i].address + map[i].bytes}, true);
  boot.memory.reserve(image);

  if (info.module_count > 0) {
    const Module& module = *low_memory<Module>(info.modules, sizeof(Module), "module list");
    const PhysRange range{page_floor(module.address), page_ceil(module.address + module.bytes)};
    if (module.bytes > 0 && module.address < range.end && range.end <= MemoryMap::kPhysicalEnd) {
      boot.initrd = range;
      boot.initrd_bytes = module.bytes;
      boot.initrd_offset = module.address - range.begin;
      boot.memory.reserve(range);
    }
  }
  if (info.command_line != 0) {
    const char* text = low_memory<char>(info.command_line, kCommandLineMax, "command line");
    const usize length = std::find(text, text + kCommandLineMax - 1, '\0') - text;
    std::copy_n(text, length, command_line.data());
    boot.command_line_text = {command_line.data(), length};
  }
  boot.command_line = CommandLine::parse(boot.command_line_text);
  boot.rsdp = PhysAddr{info.rsdp};
}

}  // namespace hati
