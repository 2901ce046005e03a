// SPDX-License-Identifier: MIT
#include "kernel/call/table.h"
#include "kernel/thread/system_statistics.h"

namespace hati {

namespace {
constexpr u64 kPhysicalAddressEnd = u64{1} << 52;  // the architecture's limit
}

Result<u64> call_memory_create(Caller& caller, u64 bytes, MemoryFlags flags) {
  if (flags != MemoryFlags::kNone) return fail(Error::kInvalidArgument);
  return caller.publish(TRY(Memory::create(caller.process.quota(), bytes)));
}

// Memory that the kernel manages is never handed out this way.
Result<u64> call_memory_physical(Caller& caller, Handle resource, u64 address, u64 bytes, CacheMode mode) {
  TRY(caller.check_resource(resource, Rights::kManage));
  if (bytes == 0 || !page_aligned(address) || !page_aligned(bytes) || bytes > kPhysicalAddressEnd || address > kPhysicalAddressEnd - bytes ||
      static_cast<u32>(mode) > static_cast<u32>(CacheMode::kWriteCombining))
    return fail(Error::kInvalidArgument);
  if (overlaps_ram(address, bytes)) return fail(Error::kAccess);
  return caller.publish(TRY(Memory::create_physical(caller.process.quota(), PhysAddr{address}, bytes, mode)));
}

Result<> call_memory_resize(Caller& caller, Handle memory, u64 bytes) {
  return TRY(caller.get<Memory>(memory, Rights::kResize))->resize(bytes);
}

Result<> call_memory_discard(Caller& caller, Handle memory, u64 offset, u64 bytes) {
  return TRY(caller.get<Memory>(memory, Rights::kResize))->discard(offset, bytes);
}

Result<> call_memory_info(Caller& caller, Handle memory, UserOut<MemoryInfo> out) {
  return out.write(caller, TRY(caller.get<Memory>(memory, Rights::kInspect))->info());
}

Result<u64> call_memory_seek(Caller& caller, Handle memory, u64 offset, u32 what) {
  return TRY(caller.get<Memory>(memory, Rights::kRead))->seek(offset, what);
}

}  // namespace hati
