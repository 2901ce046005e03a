// SPDX-License-Identifier: MIT
// The rings that one client shares with the driver (protocols/block.h), and the requests it has going. The client may write anything into the rings
// at any time: each request is copied once and then checked; indices that make no sense end the queue, and nothing else.
#pragma once

#include <memory>
#include <vector>

#include "drivers/virtio-block/disk.h"

namespace hati::virtio_block {

// A Memory object that a client attached; held by requests in flight, too.
struct Attached {
  OwnedHandle memory;
};

// Where a queue finds what its client attached.
class AttachedTable {
 public:
  virtual ~AttachedTable() = default;
  virtual std::shared_ptr<Attached> find(u32 number) = 0;
};

class ClientQueue : public std::enable_shared_from_this<ClientQueue> {
 public:
  // What the client gets.
  struct Ends {
    OwnedHandle memory, submitted, completed;
  };
  // kInvalidArgument: not a number of entries.
  static Result<std::shared_ptr<ClientQueue>> create(Disk& disk, virtio::Pins& pins, u32 entries, u32 lane);
  Result<Ends> ends() const;

  // Carries requests to the disk until cancelled or until the client breaks the rules. On the lane's worker. Requests in flight go on
  // afterwards and keep the queue alive; nobody hears of their end.
  static Task<void> serve(std::shared_ptr<ClientQueue> queue, std::shared_ptr<AttachedTable> attached);

 private:
  struct Slot : Job {
    u64 word = 0;
    u64 offset = 0;
    std::shared_ptr<Attached> memory;  // pinned, if there are runs
    std::shared_ptr<ClientQueue> queue;  // while in flight
  };

  ClientQueue(Disk& disk, virtio::Pins& pins, u32 entries, u32 lane)
      : disk_(disk), pins_(pins), layout_{entries}, lane_(lane), slots_(entries) {}
  Task<void> run(AttachedTable& attached);
  // Whether there is a request that may be started. kBadData: the client's indices are impossible.
  Result<bool> has_next();
  block::QueueRequest next();
  Task<void> start(block::QueueRequest request, AttachedTable& attached);
  i32 prepare(Slot& slot, const block::QueueRequest& request, AttachedTable& attached);
  static void on_done(Job& job, i32 error);
  void finish(Slot& slot, i32 error);
  block::QueueHeader& header() const { return *shared_.as<block::QueueHeader>(); }

  Disk& disk_;
  virtio::Pins& pins_;
  const block::QueueLayout layout_;
  const u32 lane_;
  Memory memory_;
  Mapping shared_;
  KernelEvent submitted_, completed_;
  u32 submit_head_ = 0;  // run() only

  SpinLock lock_;
  std::vector<Slot> slots_;
  std::vector<u32> free_ HATI_GUARDED_BY(lock_);
  u32 complete_tail_ HATI_GUARDED_BY(lock_) = 0;
};

}  // namespace hati::virtio_block
