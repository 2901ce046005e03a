// SPDX-License-Identifier: MIT
#include "drivers/virtio-block/session.h"

#include <cstring>

#include "runtime/executor.h"

namespace hati::virtio_block {

Task<void> Session::serve_client(Disk& disk, virtio::Pins& pins, std::string name, Channel channel) {
  const auto session = std::make_shared<Session>(disk, pins, std::move(name));
  Scope queues(co_await current_cancel());
  session->queues_scope_ = &queues;
  co_await serve<block::BlockProtocol>(std::move(channel), *session);
  queues.cancel();
  co_await queues.join();
}

Task<Result<block::OpenReply>> Session::on(block::OpenRequest request, CallContext&) {
  const std::string wanted(request.name, strnlen(request.name, sizeof(request.name)));
  if (!wanted.empty() && wanted != name_) co_return fail(Error::kNotFound);
  open_ = true;
  const Geometry& geometry = disk_.geometry();
  block::OpenReply reply{.name = {},
                         .sectors = geometry.sectors,
                         .block_bytes = geometry.block_bytes,
                         .flags = geometry.flags,
                         .queues = disk_.lanes(),
                         .bytes_max = static_cast<u32>(Disk::kBytesMax)};
  std::strncpy(reply.name, name_.c_str(), sizeof(reply.name) - 1);
  co_return reply;
}

Task<Result<block::AttachReply>> Session::on(block::AttachRequest, CallContext& context) {
  if (context.in.handles.size() != 1) co_return fail(Error::kBadData);
  if (!open_) co_return fail(Error::kBusy);
  const HandleInfo info = CO_TRY(context.in.handles[0].info());
  if (info.type != ObjectType::kMemory) co_return fail(Error::kWrongType);
  auto attached = std::make_shared<Attached>(std::move(context.in.handles[0]));
  SpinGuard guard(lock_);
  if (attached_.size() >= kAttachedMax) co_return fail(Error::kNoSpace);
  u32 number = next_number_++;
  while (number == 0 || attached_.contains(number)) number = next_number_++;
  attached_.emplace(number, std::move(attached));
  co_return block::AttachReply{number, 0};
}

Task<Result<EmptyReply>> Session::on(block::DetachRequest request, CallContext&) {
  std::shared_ptr<Attached> gone;  // closed after the lock
  {
    SpinGuard guard(lock_);
    const auto found = attached_.find(request.memory);
    if (found == attached_.end()) co_return fail(Error::kNotFound);
    gone = std::move(found->second);
    attached_.erase(found);
  }
  co_return EmptyReply{};
}

Task<Result<block::CreateQueueReply>> Session::on(block::CreateQueueRequest request, CallContext& context) {
  if (!open_) co_return fail(Error::kBusy);
  if (queues_ >= kQueuesMax) co_return fail(Error::kNoSpace);
  const u32 lane = request.cpu % disk_.lanes();
  const auto queue = CO_TRY(ClientQueue::create(disk_, pins_, request.entries, lane));
  auto ends = CO_TRY(queue->ends());
  ++queues_;
  Worker& worker = Runtime::worker(lane % Runtime::worker_count());
  queues_scope_->start_on(worker, ClientQueue::serve(queue, shared_from_this()));
  context.out.handles.push_back(std::move(ends.memory));
  context.out.handles.push_back(std::move(ends.submitted));
  context.out.handles.push_back(std::move(ends.completed));
  co_return block::CreateQueueReply{request.entries, lane};
}

std::shared_ptr<Attached> Session::find(u32 number) {
  SpinGuard guard(lock_);
  const auto found = attached_.find(number);
  return found == attached_.end() ? nullptr : found->second;
}

}  // namespace hati::virtio_block
