// SPDX-License-Identifier: MIT
// What a session finds around it in the running system: disks by name, and the kernel's page cache.
#pragma once

#include <set>
#include <string>

#include "servers/ext4/service/session.h"
#include "servers/ext4/system/disk.h"

namespace hati::ext4 {

// Which disks are mounted: a partition once, and a whole disk only while none of its partitions is. Outlives all sessions.
class MountedDisks {
 public:
  // False: it is in use.
  bool take(const block::DiskName& name);
  void put(const block::DiskName& name);

 private:
  SpinLock lock_;
  std::set<std::pair<std::string, u32>> names_ HATI_GUARDED_BY(lock_);
};

// Of one session.
class SystemSurroundings final : public Surroundings {
 public:
  SystemSurroundings(block::Connector& connector, Scope& keeper, MountedDisks& mounted)
      : connector_(connector), keeper_(keeper), mounted_(mounted) {}
  Task<Result<std::unique_ptr<BlockDevice>>> open_disk(std::string name) override;
  // For the disk that was opened last.
  Result<std::unique_ptr<PageStore>> make_pages() override;
  Piece client_piece(const OwnedHandle& memory, u64 offset, u64 bytes) override {
    return {.memory = memory.get(), .offset = offset, .size = bytes};
  }

 private:
  block::Connector& connector_;
  Scope& keeper_;
  MountedDisks& mounted_;
  std::weak_ptr<DiskConnection> connection_;
};

}  // namespace hati::ext4
