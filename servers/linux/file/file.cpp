// SPDX-License-Identifier: MIT
// Open file descriptions: what all kinds share.
#include "servers/linux/file/file.h"

#include "servers/linux/file/epoll.h"
#include "servers/linux/vfs/locks.h"
#include "servers/linux/vfs/notify.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

File::File(u32 open_flags) : flags_(open_flags) {}
File::~File() = default;

void File::destroy(File* file) {
  if (file->watchers_ != nullptr) forget_watched_file(*file);
  file->on_release();
  if (file->inode_) {
    if (!file->is_path_only()) notify_file(*file, file->writable() ? kNotifyCloseWrite : kNotifyCloseNoWrite);
    if (file->inode_->open_files.fetch_sub(1, std::memory_order_acq_rel) == 1) notify_if_gone(*file->inode_);
    if (file->counted_writer_) file->inode_->put_write_access();
    if (FileLocks* locks = file->inode_->locks_if_any()) locks->release_description(*file);
  }
  delete file;
}

void File::set_location(Ref<Inode> inode, std::unique_ptr<Path> path) {
  inode_ = std::move(inode);
  inode_->open_files.fetch_add(1, std::memory_order_relaxed);
  path_ = std::move(path);
}

void File::set_counts_as_writer() { counted_writer_ = true; }

Task<SysResult<i64>> File::ioctl(Thread& thread, u32 request, u64 argument) { co_return fail(Errno::kNOTTY); }

Task<SysResult<>> File::sync(bool data_only) { co_return fail(Errno::kINVAL); }

void File::on_close(const FdTable& table) {
  if (!inode_) return;
  if (FileLocks* locks = inode_->locks_if_any()) locks->release_owner(table);
}

SysResult<Attributes> File::attributes() const {
  if (!inode_) return fail(Errno::kBADF);
  Attributes result = inode_->attributes();
  result.device = inode_->file_system().device();
  return result;
}

}  // namespace hati::linux
