// SPDX-License-Identifier: MIT
// Mapping the vDSO (vdso/vdso.h).
#include "servers/linux/vdso/vdso.h"

#include <algorithm>
#include <span>

#include "servers/linux/process/random.h"
#include "servers/linux/time/vvar.h"
#include "servers/linux/vdso/page.h"

extern "C" {
[[gnu::visibility("hidden")]] extern const std::byte hati_vdso_start[];
[[gnu::visibility("hidden")]] extern const std::byte hati_vdso_end[];
}

namespace hati::linux {
namespace {

constexpr u64 kSpread = u64{1} << 21;  // how far above the stack it may lie
constexpr int kAttempts = 8;

Memory image;  // written by create_vdso() only

u64 image_bytes() { return page_ceil(static_cast<u64>(hati_vdso_end - hati_vdso_start)); }

// Keeps the place for all pages: an inaccessible mapping, which the real ones replace.
Result<u64> reserve(const Mm& mm, u64 bytes) {
  MapRequest request{.bytes = bytes, .protection = Protection::kNone, .flags = MapFlags::kNoReplace, .tag = kTagVdso};
  const u64 stack = mm.layout.stack_start;
  const u64 first = page_ceil(std::min(stack, kProgramEnd)) + kPageSize;
  if (stack != 0 && first + bytes < kProgramEnd) {
    const u64 places = (std::min(kSpread, kProgramEnd - first - bytes) >> kPageShift) + 1;
    for (int i = 0; i < kAttempts; ++i) {
      request.address = first + (random_u64() % places << kPageShift);
      if (const auto address = mm.space().map(request)) return address;
    }
  }
  request.address = 0;
  request.flags = MapFlags::kNone;
  request.search_top = mm.layout.mmap_top;
  return mm.space().map(request);
}

Result<void> map_parts(const Space& space, u64 address) {
  MapRequest request{.address = address, .bytes = kPageSize, .protection = Protection::kRead, .flags = MapFlags::kFixed | MapFlags::kShared,
                     .memory = vvar_clock(), .max_protection = static_cast<u32>(Protection::kRead), .tag = kTagVvar};
  TRY(space.map(request));
  request.address += kPageSize;
  request.memory = vvar_wall();
  TRY(space.map(request));
  request.address += kPageSize;
  request.bytes = image_bytes();
  request.memory = image.get();
  request.tag = kTagVdso;
  // Private: a debugger may put breakpoints into it.
  request.flags = MapFlags::kFixed;
  request.protection = Protection::kRead | Protection::kExecute;
  request.max_protection = static_cast<u32>(Protection::kRead | Protection::kWrite | Protection::kExecute);
  TRY(space.map(request));
  return {};
}

}  // namespace

Result<void> create_vdso() {
  static_assert(kVvarPages == 2);
  if (vvar_clock() == kNoHandle) return {};
  Memory memory = TRY(Memory::create(image_bytes()));
  TRY(memory.write(0, std::span(hati_vdso_start, hati_vdso_end)));
  image = std::move(memory);
  return {};
}

SysResult<u64> map_vdso(Mm& mm) {
  if (!image) return 0;
  const u64 bytes = kVvarPages * kPageSize + image_bytes();
  const u64 address = TRY(from_native(reserve(mm, bytes)));
  if (const auto mapped = map_parts(mm.space(), address); !mapped) {
    (void)mm.space().unmap(address, bytes);
    return fail(to_errno(mapped.error()));
  }
  mm.layout.vdso = address + kVvarPages * kPageSize;
  return mm.layout.vdso;
}

}  // namespace hati::linux
