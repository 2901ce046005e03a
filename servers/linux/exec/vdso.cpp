// SPDX-License-Identifier: MIT
// Mapping the vDSO and its data into a program. The image (vdso/) lies in one Memory object that all programs map.
#include "servers/linux/exec/load.h"
#include "servers/linux/memory/map.h"
#include "servers/linux/time/vvar.h"

extern "C" const hati::u8 hati_vdso_start[], hati_vdso_end[];

namespace hati::linux {
namespace {

constexpr u64 kVvarBytes = 2 * kPageSize;

u64 image_bytes() { return static_cast<u64>(hati_vdso_end - hati_vdso_start); }

// The image as a Memory object; made at the first exec, which is that of init.
const Memory& vdso_memory() {
  static const Memory memory = [] {
    auto made = Memory::create(image_bytes());
    if (!made) return Memory();
    const auto copied = call::copy(made->get(), 0, kOwnSpace, reinterpret_cast<u64>(hati_vdso_start), image_bytes());
    return copied && *copied == image_bytes() ? std::move(*made) : Memory();
  }();
  return memory;
}

SysResult<> map_vvar(Mm& mm, u64 address, Handle memory) {
  MapRequest request{};
  request.address = address;
  request.bytes = kPageSize;
  request.protection = Protection::kRead;
  request.max_protection = static_cast<u32>(Protection::kRead);
  request.flags = MapFlags::kFixed | MapFlags::kShared;
  request.memory = memory;
  request.tag = kTagVvar;
  TRY(map_anonymous(mm, request));
  return {};
}

}  // namespace

SysResult<u64> map_vdso(Mm& mm) {
  const Memory& image = vdso_memory();
  if (!image || vvar_clock() == kNoHandle || vvar_wall() == kNoHandle) return u64{0};
  // A free place for all of it, found by a reservation that the real mappings replace.
  MapRequest request{};
  request.bytes = kVvarBytes + page_ceil(image_bytes());
  request.search_top = mm.layout.mmap_top;
  const u64 place = TRY(map_anonymous(mm, request));
  TRY(map_vvar(mm, place, vvar_clock()));
  TRY(map_vvar(mm, place + kPageSize, vvar_wall()));
  request.address = place + kVvarBytes;
  request.bytes = page_ceil(image_bytes());
  request.protection = Protection::kRead | Protection::kExecute;
  request.max_protection = static_cast<u32>(Protection::kRead | Protection::kWrite | Protection::kExecute);
  request.flags = MapFlags::kFixed;  // private: a debugger may put breakpoints into it
  request.memory = image.get();
  request.tag = kTagVdso;
  return TRY(map_anonymous(mm, request));
}

}  // namespace hati::linux
