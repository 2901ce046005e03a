// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernel/call/table.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/pins.h"
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

namespace {

// The size and the holes of a file are its pager's business.
Result<Ref<Memory>> get_resizable(Caller& caller, Handle handle) {
  auto entry = TRY(caller.process.handles().get_any(handle, Rights::kResize));
  if (entry.object->type() != ObjectType::kMemory) return fail(Error::kWrongType);
  auto memory = Ref<Memory>::adopt(static_cast<Memory*>(entry.object.release()));
  if (memory->paged() != nullptr && !has(entry.rights, Rights::kManage)) return fail(Error::kNoRight);
  return memory;
}

}  // namespace

Result<> call_memory_resize(Caller& caller, Handle memory, u64 bytes) { return TRY(get_resizable(caller, memory))->resize(bytes); }

Result<> call_memory_discard(Caller& caller, Handle memory, u64 offset, u64 bytes) {
  return TRY(get_resizable(caller, memory))->discard(offset, bytes);
}

Result<> call_memory_info(Caller& caller, Handle memory, UserOut<MemoryInfo> out) {
  return out.write(caller, TRY(caller.get<Memory>(memory, Rights::kInspect))->info());
}

Result<u64> call_memory_seek(Caller& caller, Handle memory, u64 offset, u32 what) {
  return TRY(caller.get<Memory>(memory, Rights::kRead))->seek(offset, what);
}

Result<u64> call_dma_create(Caller& caller, Handle resource) {
  TRY(caller.check_resource(resource, Rights::kManage));
  return caller.publish(TRY(Dma::create()));
}

Result<u64> call_memory_pin(Caller& caller, Handle handle, Handle dma, UserIn<PinRequest> user_request) {
  const PinRequest request = TRY(user_request.read(caller));
  if (request.write > 1) return fail(Error::kInvalidArgument);
  if (const auto right = caller.get<Dma>(dma, Rights::kManage); !right) return fail(right.error());
  auto entry = TRY(caller.process.handles().get_any(handle, request.write != 0 ? Rights::kRead | Rights::kWrite : Rights::kRead));
  if (entry.object->type() != ObjectType::kMemory) return fail(Error::kWrongType);
  const bool pager = has(entry.rights, Rights::kManage);
  const auto memory = Ref<Memory>::adopt(static_cast<Memory*>(entry.object.release()));
  const u64 most = std::min<u64>(request.capacity, PinTable::ranges_max(request));
  KernelBuffer ranges = TRY(KernelBuffer::allocate(most * sizeof(DmaRange)));
  const u32 count = TRY(caller.process.pins().pin(memory, caller.process.quota(), request, pager, ranges.as<DmaRange>()));
  const auto told = caller.process.copy_out(request.ranges, ranges.data(), count * sizeof(DmaRange));
  if (told) return count;
  (void)caller.process.pins().unpin(*memory, request.offset, request.bytes);  // another thread may have done it
  return fail(told.error());
}

Result<> call_memory_unpin(Caller& caller, Handle handle, u64 offset, u64 bytes) {
  const auto memory = TRY(caller.get<Memory>(handle, Rights::kRead));
  return caller.process.pins().unpin(*memory, offset, bytes);
}

}  // namespace hati
