// SPDX-License-Identifier: MIT
// Inodes and superblocks: default answers of operations that a file system does not have, and what all inodes share.
#include "servers/linux/vfs/inode.h"

#include "servers/linux/core/thread.h"
#include "servers/linux/file/pipe.h"
#include "servers/linux/vfs/locks.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

namespace {
std::atomic<u32> next_device{1};  // minor number under major 0
}

FileSystem::FileSystem() : device_(next_device.fetch_add(1, std::memory_order_relaxed)) {}
FileSystem::~FileSystem() = default;

Ref<Dentry> FileSystem::share_root(Ref<Dentry> offered) {
  SpinGuard guard(root_lock_);
  if (!root_dentry_) root_dentry_ = std::move(offered);
  return root_dentry_;
}

void FileSystem::forget_root() {
  Ref<Dentry> root;
  SpinGuard guard(root_lock_);
  std::swap(root, root_dentry_);
}

u32 mode_after_write(u32 mode, Thread* writer) {
  if ((mode & (kModeSetUid | kModeSetGid)) == 0 || writer == nullptr || writer->capable(kCapFsetid)) return mode;
  constexpr u32 kBoth = kModeSetGid | 0010;
  mode &= ~u32{kModeSetUid};
  if ((mode & kBoth) == kBoth) mode &= ~u32{kModeSetGid};
  return mode;
}

Inode::Inode(FileSystem& file_system) : file_system_(file_system) {}
Inode::~Inode() { delete locks_.load(std::memory_order_acquire); }

Inode::Owner Inode::owner() const {
  const Attributes attributes = this->attributes();
  return {attributes.mode, attributes.uid, attributes.gid};
}

Task<SysResult<>> Inode::set_attributes(AttributeChange change) { co_return fail(Errno::kPERM); }
SysResult<Ref<Inode>> Inode::lookup_now(std::string_view name) { return fail(Errno::kNOENT); }
Task<SysResult<Ref<Inode>>> Inode::lookup(std::string name) { co_return lookup_now(name); }
Task<SysResult<Ref<Inode>>> Inode::create(std::string name, NewNode node) { co_return fail(Errno::kACCES); }
Task<SysResult<Ref<Inode>>> Inode::make_directory(std::string name, NewNode node) { co_return fail(Errno::kPERM); }
Task<SysResult<Ref<Inode>>> Inode::make_symbolic_link(std::string name, std::string target, NewNode node) { co_return fail(Errno::kPERM); }
Task<SysResult<>> Inode::link(std::string name, Ref<Inode> target) { co_return fail(Errno::kPERM); }
Task<SysResult<>> Inode::unlink(std::string name, Ref<Inode> target) { co_return fail(Errno::kPERM); }
Task<SysResult<>> Inode::remove_directory(std::string name, Ref<Inode> target) { co_return fail(Errno::kPERM); }
Task<SysResult<>> Inode::rename(std::string name, Ref<Inode> target, Ref<Inode> new_parent, std::string new_name, Ref<Inode> replaced,
                                u32 flags) {
  co_return fail(Errno::kPERM);
}
Task<SysResult<Ref<Inode>>> Inode::make_temporary(NewNode node) { co_return fail(Errno::kOPNOTSUPP); }

SysResult<std::string> Inode::read_link_now(Thread* thread) { return fail(Errno::kINVAL); }
Task<SysResult<std::string>> Inode::read_link(Thread* thread) { co_return read_link_now(thread); }
SysResult<Path> Inode::follow_magic(Thread* thread) { return fail(Errno::kINVAL); }
SysResult<Ref<File>> Inode::open_now(Thread* thread, u32 flags) { return fail(Errno::kNXIO); }
Task<SysResult<Ref<File>>> Inode::open(Thread* thread, u32 flags) { co_return open_now(thread, flags); }
SysResult<> Inode::iterate(File& file, DirectoryEmitter& emitter) { return fail(Errno::kNOTDIR); }

Task<SysResult<std::string>> Inode::get_xattr(std::string name) { co_return fail(Errno::kOPNOTSUPP); }
Task<SysResult<>> Inode::set_xattr(std::string name, std::string value, u32 flags) { co_return fail(Errno::kOPNOTSUPP); }
Task<SysResult<>> Inode::remove_xattr(std::string name) { co_return fail(Errno::kOPNOTSUPP); }
Task<SysResult<std::vector<std::string>>> Inode::list_xattr() { co_return std::vector<std::string>{}; }
SysResult<std::string> Inode::acl(const std::string& name) const { return fail(Errno::kOPNOTSUPP); }
Task<SysResult<>> Inode::set_acl(std::string name, std::string value, bool keep_set_group_id) { co_return fail(Errno::kOPNOTSUPP); }

Ref<Pipe> Inode::fifo() {
  Ref<Pipe> made = Pipe::create();
  SpinGuard guard(lock_);
  if (!fifo_) fifo_ = std::move(made);
  return fifo_;
}

void Inode::set_fifo(Ref<Pipe> pipe) {
  SpinGuard guard(lock_);
  fifo_ = std::move(pipe);
}

FileLocks& Inode::locks() {
  if (FileLocks* locks = locks_if_any()) return *locks;
  auto made = std::make_unique<FileLocks>();
  FileLocks* expected = nullptr;
  if (!locks_.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel)) return *expected;
  return *made.release();
}

Ref<File> Inode::bound_socket() const {
  SpinGuard guard(lock_);
  if (bound_socket_ == nullptr || !bound_socket_->try_ref()) return nullptr;
  return Ref<File>::adopt(bound_socket_);
}

void Inode::set_bound_socket(File* socket) {
  SpinGuard guard(lock_);
  bound_socket_ = socket;
}

SysResult<> Inode::get_write_access() {
  i32 writers = writers_.load(std::memory_order_relaxed);
  do {
    if (writers < 0) return fail(Errno::kTXTBSY);
  } while (!writers_.compare_exchange_weak(writers, writers + 1, std::memory_order_acq_rel));
  return {};
}

void Inode::put_write_access() { writers_.fetch_sub(1, std::memory_order_acq_rel); }

SysResult<> Inode::deny_write_access() {
  i32 writers = writers_.load(std::memory_order_relaxed);
  do {
    if (writers > 0) return fail(Errno::kTXTBSY);
  } while (!writers_.compare_exchange_weak(writers, writers - 1, std::memory_order_acq_rel));
  return {};
}

void Inode::allow_write_access() { writers_.fetch_add(1, std::memory_order_acq_rel); }

}  // namespace hati::linux
