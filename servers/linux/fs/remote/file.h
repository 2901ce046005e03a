// SPDX-License-Identifier: MIT
// Open files and directories of a remote file system.
#pragma once

#include "servers/linux/fs/remote/inode.h"
#include "servers/linux/vfs/directory_file.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

class RemoteFile final : public ContentFile {
 public:
  static Ref<File> make(RemoteInode& inode, u32 flags) { return Ref<File>::adopt(std::make_unique<RemoteFile>(inode, flags).release()); }
  RemoteFile(RemoteInode& inode, u32 flags) : ContentFile(flags), node_(Ref<RemoteInode>(inode)) {}

  void on_release() override;
  SysResult<usize> read_at(IoContext& context, IoBuffer& to, u64 offset) override;
  Task<SysResult<>> fetch(Missing missing) override { return node_->fetch(missing); }
  SysResult<MappableMemory> mappable(bool shared, bool write) override;
  Task<SysResult<>> sync(bool data_only) override { return node_->sync(data_only); }
  void advise(MemoryAdvice advice, u64 offset, u64 bytes) override { node_->advise(advice, offset, bytes); }
  SysResult<> truncate(Thread& thread, u64 size) override { return fail(Errno::kNEEDASYNC); }
  Task<SysResult<>> allocate(Thread& thread, u32 mode, u64 offset, u64 bytes) override { return node_->allocate(mode, offset, bytes); }
  std::string description() const override { return {}; }

 protected:
  SysResult<u64> size() override { return node_->size(); }
  SysResult<usize> write_content(IoContext& context, IoBuffer& from, u64& offset, bool at_end) override {
    return node_->write(context, from, offset, at_end);
  }

 private:
  const Ref<RemoteInode> node_;
  std::atomic<bool> mapped_writable_{false};  // some time; a mapping refers to its description
};

// Entries come in pieces; what was fetched is good until the directory is read from another place.
class RemoteDirectory final : public DirectoryFile {
 public:
  static Ref<File> make(RemoteInode& inode, u32 flags) {
    return Ref<File>::adopt(std::make_unique<RemoteDirectory>(inode, flags).release());
  }
  RemoteDirectory(RemoteInode& inode, u32 flags) : DirectoryFile(flags), node_(Ref<RemoteInode>(inode)) {}

  SysResult<i64> seek(i64 offset, u32 whence) override;
  SysResult<> iterate(DirectoryEmitter& emitter) override;
  Task<SysResult<>> fetch(Missing missing) override;
  Task<SysResult<>> sync(bool data_only) override { return node_->sync(data_only); }

 private:
  struct Entry {
    std::string name;
    u64 node, position, next;  // it stands at `position`
    u8 type;
  };
  const Ref<RemoteInode> node_;
  SpinLock lock_;
  std::vector<Entry> entries_ HATI_GUARDED_BY(lock_);
  u64 end_ HATI_GUARDED_BY(lock_) = ~u64{0};  // behind the last entry of all, if it was reached
};

}  // namespace hati::linux
