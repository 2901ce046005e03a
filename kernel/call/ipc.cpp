// SPDX-License-Identifier: MIT
#include "kernel/call/table.h"
#include "kernel/ipc/channel.h"
#include "kernel/ipc/event.h"
#include "kernel/ipc/interrupt.h"
#include "kernel/ipc/port_range.h"
#include "kernel/ipc/ring.h"

namespace hati {

Result<u64> call_ring_create(Caller& caller, UserInOut<RingRequest> user_request) {
  RingRequest request = TRY(user_request.read(caller));
  HandleValue value(TRY(Ring::create(caller.process, request)), Rights::kAll & ~Rights::kTransfer);  // it is mapped here only
  TRY(user_request.write(caller, request));
  return TRY(caller.process.handles().insert(std::move(value)));
}

Result<> call_channel_create(Caller& caller, UserOut<std::array<Handle, 2>> out) {
  auto pair = TRY(Channel::create(caller.process.quota()));
  HandleTable& table = caller.process.handles();
  std::array<Handle, 2> ends{};
  ends[0] = TRY(table.insert(HandleValue(std::move(pair.first), Rights::kAll)));
  auto second = table.insert(HandleValue(std::move(pair.second), Rights::kAll));
  Result<> result = second ? Result<>{} : fail(second.error());
  if (result) {
    ends[1] = *second;
    result = out.write(caller, ends);
    if (!result) (void)table.close(ends[1]);  // another thread may have closed it: nothing is left to undo then
  }
  if (!result) (void)table.close(ends[0]);
  return result;
}

Result<> call_channel_reply(Caller& caller, Handle channel, u64 transaction, u64 bytes, u64 byte_count, u64 handles, u64 handle_count) {
  if (byte_count > kMessageBytesMax || handle_count > kMessageHandlesMax) return fail(Error::kTooBig);
  return TRY(caller.get<Channel>(channel, Rights::kWrite))->reply(caller.process, transaction, bytes, byte_count, handles, handle_count);
}

Result<u64> call_event_create(Caller& caller) { return caller.create<Event>(); }

Result<> call_event_signal(Caller& caller, Handle event, u64 count) { return TRY(caller.get<Event>(event, Rights::kWrite))->signal(count); }

Result<u64> call_interrupt_create(Caller& caller, Handle resource, u32 gsi, InterruptFlags flags) {
  TRY(caller.check_resource(resource, Rights::kManage));
  return caller.create<Interrupt>(gsi, flags);
}

Result<u64> call_interrupt_create_message(Caller& caller, Handle resource, UserInOut<MessageInterrupt> user_request) {
  TRY(caller.check_resource(resource, Rights::kManage));
  MessageInterrupt request = TRY(user_request.read(caller));
  Ref<Interrupt> interrupt = TRY(Interrupt::create_message(request));
  const u64 handle = TRY(caller.publish(std::move(interrupt)));
  const auto told = user_request.write(caller, request);
  if (!told) {
    (void)caller.process.handles().close(static_cast<Handle>(handle));
    return fail(told.error());
  }
  return handle;
}

Result<> call_interrupt_acknowledge(Caller& caller, Handle interrupt) {
  TRY(caller.get<Interrupt>(interrupt, Rights::kWrite))->acknowledge();
  return {};
}

Result<u64> call_port_range_create(Caller& caller, Handle resource, u64 first, u64 count) {
  TRY(caller.check_resource(resource, Rights::kManage));
  return caller.create<PortRange>(first, count);
}

Result<u64> call_port_read(Caller& caller, Handle range, u64 offset, u64 width) {
  return TRY(caller.get<PortRange>(range, Rights::kRead))->read(offset, width);
}

Result<> call_port_write(Caller& caller, Handle range, u64 offset, u64 width, u64 value) {
  return TRY(caller.get<PortRange>(range, Rights::kWrite))->write(offset, width, value);
}

}  // namespace hati
