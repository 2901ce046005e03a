// SPDX-License-Identifier: MIT
// A disk as its users see it. Any worker may call; a request goes to the queue of the worker that makes it. Requests are not cancellable: when one
// returns, the device has let go of the memory. The death of the driver is not an error: requests then wait for the next one.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "protocols/block.h"
#include "protocols/system.h"
#include "runtime/async/mutex.h"
#include "runtime/async/semaphore.h"
#include "servers/block_client/partitions.h"

namespace hati::block {

// Where connections to drivers come from.
class Connector {
 public:
  virtual ~Connector() = default;
  // To instance `instance` of the service; waits while that one restarts. kNotFound: there is none (any more).
  virtual Task<Result<Channel>> connect(u32 instance) = 0;
};

// From init; the manifest lists `block` under connect.
class InitConnector : public Connector {
 public:
  explicit InitConnector(Client<system::SystemProtocol>& init) : init_(init) {}
  Task<Result<Channel>> connect(u32 instance) override;

 private:
  Client<system::SystemProtocol>& init_;
};

// A Memory object that data of a disk goes to or comes from.
class Attachment {
 public:
  explicit Attachment(OwnedHandle memory) : memory_(std::move(memory)) {}

 private:
  friend class Disk;
  const OwnedHandle memory_;
  std::atomic<u32> number_{0};  // of the current connection
};

class Disk {
 public:
  ~Disk();
  // Finds the disk by name. `connector` outlives it. kNotFound.
  static Task<Result<std::unique_ptr<Disk>>> open(Connector& connector, std::string name);
  // Keeps the connection until cancelled; requests wait for it to run. What waits when it ends fails with kIo. Once.
  Task<void> run();

  const OpenReply& info() const { return info_; }

  // `memory` needs kDuplicate, kTransfer, and kRead or kWrite for what is to be done with it. It may be used until detach(), which comes after the last
  // request with it has returned.
  Task<Result<std::shared_ptr<Attachment>>> attach(const OwnedHandle& memory);
  Task<void> detach(std::shared_ptr<Attachment> attachment);

  // Between the disk from `sector` on and the Memory from `offset` on; `bytes` is a multiple of 512, of any size. Errors as QueueCompletion says.
  Task<Result<void>> read(const Attachment& memory, u64 offset, u64 sector, u64 bytes) {
    return transfer(DiskOperation::kRead, memory, offset, sector, bytes);
  }
  Task<Result<void>> write(const Attachment& memory, u64 offset, u64 sector, u64 bytes) {
    return transfer(DiskOperation::kWrite, memory, offset, sector, bytes);
  }
  // Everything that was written before is on the medium.
  Task<Result<void>> flush() { return request({.operation = DiskOperation::kFlush}, nullptr); }
  Task<Result<void>> discard(u64 sector, u64 bytes) {
    return request({.sector = sector, .bytes = bytes, .operation = DiskOperation::kDiscard}, nullptr);
  }
  Task<Result<void>> write_zeroes(u64 sector, u64 bytes) {
    return request({.sector = sector, .bytes = bytes, .operation = DiskOperation::kWriteZeroes}, nullptr);
  }

  // The partition table.
  Task<Result<std::vector<Partition>>> partitions();

 private:
  struct Slot {
    QueueRequest request{};
    const Attachment* memory = nullptr;
    bool waiting = false;
    i32 error = 0;
    async::Signal done;
  };
  struct Queue;
  class Reader;

  explicit Disk(Connector& connector);
  Task<Result<void>> transfer(DiskOperation operation, const Attachment& memory, u64 offset, u64 sector, u64 bytes);
  Task<Result<void>> request(QueueRequest request, const Attachment* memory);

  Task<Result<Client<BlockProtocol>>> connect_to(u32 instance);
  Task<Result<void>> set_up();
  Task<Result<void>> attach_one(Attachment& attachment);
  Task<bool> serve_connection();
  static Task<void> reap(Queue& queue, Scope& connection, std::atomic<bool>& nonsense);
  Task<void> watch(Scope& connection);

  Connector& connector_;
  u32 instance_ = 0;
  OpenReply info_{};
  std::vector<std::unique_ptr<Queue>> queues_;

  async::Mutex control_;  // the connection and the list of attachments
  Client<BlockProtocol> client_;
  bool connected_ = false;
  std::vector<std::shared_ptr<Attachment>> attachments_;
};

// "vda1" and "/dev/vda1" are partition 1 of "vda": {"vda", 1}; {"vda", 0} is the whole disk. An empty name: not one of a disk.
struct DiskName {
  std::string disk;
  u32 partition = 0;
};
DiskName parse_disk_name(std::string_view text);

}  // namespace hati::block
