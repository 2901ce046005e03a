// SPDX-License-Identifier: MIT
// A disk, or a partition of one, as the library sees it, over the client of the block driver. Data of files moves between the device and their
// Memory objects without a copy; what the library holds in its own memory goes through a window that is mapped here.
#pragma once

#include <map>

#include "runtime/async/event.h"
#include "runtime/async/semaphore.h"
#include "runtime/scope.h"
#include "runtime/spinlock.h"
#include "servers/block_client/disk.h"
#include "servers/ext4/device/block_device.h"

namespace hati::ext4 {

// The connection to a disk. Shared by the device, by the files whose memory it knows, and by the task that keeps it up.
class DiskConnection {
 public:
  explicit DiskConnection(std::unique_ptr<block::Disk> disk) : disk_(std::move(disk)) {}
  block::Disk& disk() { return *disk_; }

  // Keeps the connection up until close() or cancelled; what was forgotten is detached meanwhile.
  static Task<void> keep(std::shared_ptr<DiskConnection> self);
  void close();

  // The memory of a file: attached with its first transfer, until forget(), which comes before its handle is closed and after its last
  // transfer.
  void remember(Handle memory);
  void forget(Handle memory);

  // kIo and the like: as block::Disk. `memory` is remembered, or attached for this transfer alone.
  Task<Result<void>> transfer(bool write, Handle memory, u64 offset, u64 sector, u64 bytes);

 private:
  using AttachmentRef = std::shared_ptr<block::Attachment>;
  Task<Result<AttachmentRef>> attach(Handle memory);

  const std::unique_ptr<block::Disk> disk_;
  async::Event work_;
  SpinLock lock_;
  std::map<Handle, AttachmentRef> remembered_ HATI_GUARDED_BY(lock_);  // null: not attached yet
  std::vector<AttachmentRef> forgotten_ HATI_GUARDED_BY(lock_);
  bool closed_ HATI_GUARDED_BY(lock_) = false;
};

class DiskDevice final : public BlockDevice {
 public:
  // `connector` and `keeper`, where the connection is kept up, outlive it. kNotFound: no such disk or partition.
  static Task<Result<std::unique_ptr<DiskDevice>>> open(block::Connector& connector, Scope& keeper, block::DiskName name);
  ~DiskDevice() override;

  u64 bytes() const override { return sectors_ * block::kSectorBytes; }
  bool read_only() const override { return (connection_->disk().info().flags & block::kDiskReadOnly) != 0; }
  Task<Result<void>> read(u64 offset, Piece to) override { return transfer(false, offset, to); }
  Task<Result<void>> write(u64 offset, Piece from) override { return transfer(true, offset, from); }
  Task<Result<void>> flush() override;
  Task<Result<void>> discard(u64 offset, u64 bytes) override;
  Result<void> clear(Piece piece) override;

  const std::shared_ptr<DiskConnection>& connection() const { return connection_; }

 private:
  static constexpr u64 kSlotBytes = 128 << 10;
  static constexpr u32 kSlots = 8;

  explicit DiskDevice(std::shared_ptr<DiskConnection> connection) : connection_(std::move(connection)) {}
  Task<Result<void>> find(u32 partition);
  Result<void> make_window();
  bool inside(u64 offset, u64 size) const {
    return offset <= bytes() && size <= bytes() - offset && (offset | size) % block::kSectorBytes == 0;
  }
  Task<Result<void>> transfer(bool write, u64 offset, Piece piece);
  // Through the window, at most kSlotBytes.
  Task<Result<void>> move(bool write, u64 sector, std::span<std::byte> bytes);

  const std::shared_ptr<DiskConnection> connection_;
  u64 first_sector_ = 0, sectors_ = 0;
  Memory window_memory_;
  Mapping window_;
  async::Semaphore free_slots_{kSlots};
  SpinLock lock_;
  u32 used_slots_ HATI_GUARDED_BY(lock_) = 0;  // one bit each
};

}  // namespace hati::ext4
