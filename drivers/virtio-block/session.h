// SPDX-License-Identifier: MIT
// One client's connection: what it attached, its queues. Ends with the channel; requests that are with the device then go on without it.
#pragma once

#include <unordered_map>

#include "drivers/virtio-block/client_queue.h"

namespace hati::virtio_block {

class Session : public AttachedTable, public std::enable_shared_from_this<Session> {
 public:
  static constexpr usize kAttachedMax = 1 << 16;
  static constexpr u32 kQueuesMax = 64;

  Session(Disk& disk, virtio::Pins& pins, std::string name) : disk_(disk), pins_(pins), name_(std::move(name)) {}
  // Serves the channel until the client goes or this is cancelled.
  static Task<void> serve_client(Disk& disk, virtio::Pins& pins, std::string name, Channel channel);

  Task<Result<block::OpenReply>> on(block::OpenRequest request, CallContext& context);
  Task<Result<block::AttachReply>> on(block::AttachRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(block::DetachRequest request, CallContext& context);
  Task<Result<block::CreateQueueReply>> on(block::CreateQueueRequest request, CallContext& context);

  std::shared_ptr<Attached> find(u32 number) override;

 private:
  Disk& disk_;
  virtio::Pins& pins_;
  const std::string name_;
  Scope* queues_scope_ = nullptr;
  u32 queues_ = 0;
  bool open_ = false;

  SpinLock lock_;
  std::unordered_map<u32, std::shared_ptr<Attached>> attached_ HATI_GUARDED_BY(lock_);
  u32 next_number_ HATI_GUARDED_BY(lock_) = 1;
};

}  // namespace hati::virtio_block
