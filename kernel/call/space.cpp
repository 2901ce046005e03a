// SPDX-License-Identifier: MIT
#include "kernel/call/table.h"
#include "kernel/ipc/operations.h"

namespace hati {

Result<u64> call_space_create(Caller& caller, SpaceFlags flags) { return caller.publish(TRY(Process::create(flags, &caller.process))); }

Result<u64> call_space_map(Caller& caller, Handle space, UserIn<MapRequest> user_request) {
  MapRequest request = TRY(user_request.read(caller));
  const auto target = TRY(caller.get_space(space, Rights::kMap));
  if (request.memory == kNoHandle) return target->map(request);
  auto entry = TRY(caller.process.handles().get_any(request.memory, Rights::kMap));
  if (entry.object->type() != ObjectType::kMemory) return fail(Error::kWrongType);
  Protection allowed = Protection::kNone;
  if (has(entry.rights, Rights::kRead)) allowed |= Protection::kRead;
  if (has(entry.rights, Rights::kExecute)) allowed |= Protection::kExecute;
  if (has(entry.rights, Rights::kWrite) || !has(request.flags, MapFlags::kShared)) allowed |= Protection::kWrite;  // private: copy-on-write
  if (!has(allowed, request.protection)) return fail(Error::kNoRight);
  request.max_protection &= static_cast<u32>(allowed);
  return target->map(request, Ref<Memory>::adopt(static_cast<Memory*>(entry.object.release())));
}

Result<> call_space_unmap(Caller& caller, Handle space, u64 address, u64 bytes) {
  return TRY(caller.get_space(space, Rights::kMap))->unmap(address, bytes);
}

Result<> call_space_protect(Caller& caller, Handle space, u64 address, u64 bytes, Protection protection) {
  return TRY(caller.get_space(space, Rights::kMap))->protect(address, bytes, protection);
}

Result<u64> call_space_move(Caller& caller, Handle space, UserIn<MoveRequest> user_request) {
  const MoveRequest request = TRY(user_request.read(caller));
  return TRY(caller.get_space(space, Rights::kMap))->move(request);
}

Result<> call_space_discard(Caller& caller, Handle space, u64 address, u64 bytes) {
  return TRY(caller.get_space(space, Rights::kMap))->discard(address, bytes);
}

Result<> call_space_clone(Caller& caller, Handle source, Handle target) {
  const auto from = TRY(caller.get_space(source, Rights::kManage));
  const auto to = TRY(caller.get_space(target, Rights::kManage));
  if (from == to || from->supervised() != to->supervised()) return fail(Error::kInvalidArgument);
  return from->clone_into(*to);
}

Result<> call_space_clear(Caller& caller, Handle space) {
  if (space == kOwnSpace) return fail(Error::kInvalidArgument);  // it would not find itself again
  return TRY(caller.get_space(space, Rights::kMap))->clear();
}

Result<> call_space_query(Caller& caller, Handle space, u64 address, UserOut<MappingInfo> out) {
  const auto target = TRY(caller.get_space(space, Rights::kInspect));
  const auto info = TRY(target->query(address));
  return out.write(caller, info);
}

Result<> call_space_populate(Caller& caller, Handle space, u64 address, u64 bytes, PopulateFlags flags) {
  if (flags != PopulateFlags::kRead && flags != PopulateFlags::kWrite) return fail(Error::kInvalidArgument);
  return TRY(caller.get_space(space, Rights::kMap))->populate(address, bytes, flags);
}

Result<> call_space_info(Caller& caller, Handle space, UserOut<SpaceInfo> out) {
  return out.write(caller, TRY(caller.get_space(space, Rights::kInspect))->full_info());
}

Result<> call_space_terminate(Caller& caller, Handle space, i32 exit_code) {
  const auto target = TRY(caller.get_space(space, Rights::kManage));
  const bool own = target.get() == &caller.process;
  target->terminate(exit_code, own ? ThreadEnd::kExited : ThreadEnd::kKilled, 0);
  if (own) caller.thread.exit_current(exit_code, ThreadEnd::kExited);
  return {};
}

Result<> call_space_set_trap_ring(Caller& caller, Handle ring_handle, u32 cpu) {
  auto ring = TRY(caller.get<Ring>(ring_handle, Rights::kWait));
  if (cpu >= cpu_count() || &ring->owner() != &caller.process) return fail(Error::kInvalidArgument);
  return caller.process.set_trap_ring(cpu, std::move(ring));
}

Result<> call_space_set_limit(Caller& caller, Handle space, SpaceLimit limit, u64 value) {
  const auto target = TRY(caller.get_space(space, Rights::kManage));
  const Quota& quota = *target->quota();
  const bool raises = (limit == SpaceLimit::kKernelBytes && value > quota.byte_limit()) ||
                      (limit == SpaceLimit::kKernelObjects && value > quota.object_limit());
  if (raises && target.get() == &caller.process) return fail(Error::kNoRight);
  return target->set_limit(limit, value);
}

Result<> call_space_read_crash(Caller& caller, Handle space, UserOut<CrashReport> out) {
  const auto target = TRY(caller.get_space(space, Rights::kInspect));
  const CrashReport* report = target->crash_report();
  if (report == nullptr) return fail(Error::kNotFound);
  return out.write(caller, *report);
}

Result<u64> call_space_inspect(Caller& caller, Handle space, u64 address, u64 buffer, u64 bytes, SpaceInspect what) {
  if (what != SpaceInspect::kRead && what != SpaceInspect::kWrite) return fail(Error::kInvalidArgument);
  const auto target = TRY(caller.get_space(space, Rights::kManage));
  return target->inspect(address, bytes, caller.process, buffer, what == SpaceInspect::kWrite);
}

Result<u64> call_space_residency(Caller& caller, Handle space, u64 address, u64 pages, u64 count) {
  if (count == 0 || count > kResidencyPagesMax) return fail(Error::kInvalidArgument);
  const auto target = TRY(caller.get_space(space, Rights::kInspect));
  std::array<u8, kResidencyPagesMax> present;
  const u64 told = TRY(target->residency(address, std::span{present}.first(count)));
  TRY(caller.process.copy_out(pages, present.data(), told));
  return told;
}

Result<u64> call_copy(Caller& caller, Handle to, u64 to_address, Handle from, u64 from_address, u64 bytes) {
  return copy_between(caller.thread, to, to_address, from, from_address, bytes);
}

Result<u64> call_compare_exchange(Caller& caller, Handle space, u64 address, u32 expected, u32 desired) {
  return TRY(caller.get_space(space, Rights::kManage))->compare_exchange(address, expected, desired);
}

}  // namespace hati
