// SPDX-License-Identifier: MIT
#include "kernel/ipc/pager.h"

#include "kernel/call/table.h"

namespace hati {

namespace {

// Keeps the object and says that it has a pager. kNotSupported: it has none.
Result<Ref<Memory>> get_paged(Caller& caller, Handle handle, Rights needed) {
  auto memory = TRY(caller.get<Memory>(handle, needed));
  if (memory->paged() == nullptr) return fail(Error::kNotSupported);
  return memory;
}

}  // namespace

Result<u64> call_pager_create(Caller& caller) { return caller.publish(TRY(Pager::create())); }

Result<u64> call_memory_create_paged(Caller& caller, UserIn<PagedMemoryRequest> user_request) {
  const PagedMemoryRequest request = TRY(user_request.read(caller));
  if (request.reserved != 0) return fail(Error::kInvalidArgument);
  const auto pager = TRY(caller.get<Pager>(request.pager, Rights::kManage));
  const auto memory = TRY(PagedMemory::create(caller.process.quota(), Ref<Object>(*pager), *pager, request.bytes, request.key));
  TRY(pager->adopt(*memory));
  return caller.publish(memory);
}

Result<> call_memory_page_in_done(Caller& caller, Handle handle, u64 offset, u64 bytes, u32 error) {
  return TRY(get_paged(caller, handle, Rights::kManage))->paged()->page_in_done(offset, bytes, error);
}

Result<> call_memory_take_dirty(Caller& caller, Handle handle, u64 from, UserOut<DirtyRange> out) {
  const auto memory = TRY(get_paged(caller, handle, Rights::kManage));
  TRY(out.write(caller, {0, 0}));  // before anything is taken that could not be told
  const DirtyRange range = TRY(memory->paged()->take_dirty(from));
  auto told = out.write(caller, range);
  if (!told) (void)memory->paged()->cleaned(range.offset, range.bytes, static_cast<u32>(told.error()));  // dirty again
  return told;
}

Result<> call_memory_cleaned(Caller& caller, Handle handle, u64 offset, u64 bytes, u32 error) {
  return TRY(get_paged(caller, handle, Rights::kManage))->paged()->cleaned(offset, bytes, error);
}

Result<> call_memory_advise(Caller& caller, Handle handle, MemoryAdvice advice, u64 offset, u64 bytes) {
  const auto memory = TRY(caller.get<Memory>(handle, Rights::kRead));
  return memory->paged() == nullptr ? Result<>{} : memory->paged()->advise(advice, offset, bytes);
}

}  // namespace hati
