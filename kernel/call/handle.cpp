// SPDX-License-Identifier: MIT
#include "kernel/call/table.h"

namespace hati {

Result<> call_handle_close(Caller& caller, Handle handle) { return caller.process.handles().close(handle); }

Result<u64> call_handle_duplicate(Caller& caller, Handle handle, Rights rights) {
  auto entry = TRY(caller.process.handles().get_any(handle, Rights::kDuplicate));
  if (!has(entry.rights, rights)) return fail(Error::kNoRight);
  return caller.publish(std::move(entry.object), rights);
}

Result<> call_handle_info(Caller& caller, Handle handle, UserOut<HandleInfo> out) {
  const auto entry = TRY(caller.process.handles().get_any(handle, Rights::kNone));
  return out.write(caller, {entry.object->type(), entry.rights, entry.object->koid()});
}

Result<u64> call_handle_give(Caller& caller, Handle space, Handle handle, Rights rights) {
  const auto target = TRY(caller.get_space(space, Rights::kManage));
  auto entry = TRY(caller.process.handles().get_any(handle, Rights::kTransfer));
  if (!has(entry.rights, rights)) return fail(Error::kNoRight);
  return TRY(target->handles().insert(HandleValue(std::move(entry.object), rights)));
}

}  // namespace hati
