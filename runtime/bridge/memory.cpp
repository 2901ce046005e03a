// SPDX-License-Identifier: MIT
// Anonymous memory for malloc, thread stacks and the C library's start-up. The heap (brk) is one mapping, reserved at first
// use; pages come on demand.
#include <sys/mman.h>

#include "runtime/bridge/bridge.h"
#include "runtime/call.h"

namespace hati::bridge {

namespace {

constexpr u64 kHeapBytes = u64{1} << 30;
// Start-up is single-threaded and afterwards malloc's main-arena lock covers brk.
u64 heap_start, heap_break;

constexpr auto kAccessible = static_cast<u32>(Protection::kRead | Protection::kWrite);

bool valid_protection(u64 protection) { return (protection & ~u64{PROT_READ | PROT_WRITE}) == 0; }

}  // namespace

i64 sys_mmap(const Frame& f) {
  const u64 flags = f.r10;
  if ((flags & MAP_ANONYMOUS) == 0) return -ENODEV;
  if (f.rsi == 0 || !valid_protection(f.rdx)) return -EINVAL;
  if (f.rsi > kServerEnd - kServerBase) return -ENOMEM;
  MapRequest request{.address = f.rdi, .bytes = page_ceil(f.rsi), .protection = static_cast<Protection>(f.rdx), .max_protection = kAccessible};
  if (flags & MAP_FIXED) request.flags |= MapFlags::kFixed;
  if (flags & MAP_POPULATE) request.flags |= MapFlags::kPopulate;
  return to_linux(call::space_map(kOwnSpace, request));
}

i64 sys_munmap(const Frame& f) { return to_linux(call::space_unmap(kOwnSpace, f.rdi, page_ceil(f.rsi))); }

i64 sys_mprotect(const Frame& f) {
  if (!valid_protection(f.rdx)) return -EINVAL;
  return to_linux(call::space_protect(kOwnSpace, f.rdi, page_ceil(f.rsi), static_cast<Protection>(f.rdx)));
}

i64 sys_mremap(const Frame& f) {
  if ((f.r10 & ~u64{MREMAP_MAYMOVE}) != 0) return -EINVAL;
  const MoveRequest request{.address = f.rdi, .old_bytes = page_ceil(f.rsi), .new_bytes = page_ceil(f.rdx), .may_move = (f.r10 & MREMAP_MAYMOVE) != 0};
  return to_linux(call::space_move(kOwnSpace, request));
}

i64 sys_madvise(const Frame& f) {
  if (f.rdx == MADV_DONTNEED || f.rdx == MADV_FREE) return to_linux(call::space_discard(kOwnSpace, f.rdi, page_ceil(f.rsi)));
  return -EINVAL;  // other advice is not taken; the C library ignores that
}

i64 sys_brk(const Frame& f) {
  if (heap_start == 0) {
    const MapRequest request{.bytes = kHeapBytes, .protection = Protection::kRead | Protection::kWrite, .max_protection = kAccessible};
    const auto mapped = call::space_map(kOwnSpace, request);
    if (!mapped) return 0;
    heap_start = heap_break = *mapped;
  }
  if (f.rdi < heap_start || f.rdi > heap_start + kHeapBytes) return static_cast<i64>(heap_break);
  // What is given up must read as zero if it comes back.
  if (const u64 keep = page_ceil(f.rdi), end = page_ceil(heap_break); keep < end) (void)call::space_discard(kOwnSpace, keep, end - keep);
  heap_break = f.rdi;
  return static_cast<i64>(heap_break);
}

}  // namespace hati::bridge
