// SPDX-License-Identifier: MIT
// System V shared memory (shmget(2)): segments, and their attachments as files behind mappings.
#pragma once

#include "runtime/handle.h"
#include "servers/linux/file/file.h"
#include "servers/linux/ipc/namespace.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

// Fields but `memory`, `bytes` and `inode` are guarded by IpcLocks::shm.
struct SharedSegment : RefCounted<SharedSegment>, IpcObject {
  static void destroy(SharedSegment* segment) { delete segment; }
  Memory memory;
  u64 bytes = 0;
  Ref<Inode> inode;
  i64 attach_time = 0, detach_time = 0, change_time = 0;
  Pid creator = 0, last = 0;
  u32 attached = 0;  // address spaces times attachments
};

// What one shmat(2) maps. Each address space that has it mapped counts as one attachment.
class SharedAttachment final : public File {
 public:
  SharedAttachment(Ref<IpcNamespace> space, Ref<SharedSegment> segment, u32 flags);
  SysResult<MappableMemory> mappable(bool shared, bool write) override;
  void on_mapped(Pid pid) override;
  void on_unmapped(Pid pid) override;
  bool counts_mappings() const override { return true; }
  std::string description() const override;
  SharedSegment& segment() const { return *segment_; }

 private:
  const Ref<IpcNamespace> space_;
  const Ref<SharedSegment> segment_;
};

}  // namespace hati::linux
