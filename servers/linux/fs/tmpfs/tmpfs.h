// SPDX-License-Identifier: MIT
// tmpfs(5): files in memory. Contents are kernel Memory objects, made by the first write, so that mmap shares them with read and write. A directory is a
// map from names to inodes with stable positions for readdir. Also the root file system (initramfs), devtmpfs, /dev/shm, memfd.
#pragma once

#include <map>
#include <string>
#include <unordered_map>

#include "runtime/handle.h"
#include "servers/linux/file/io.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux {

struct TmpfsOptions {
  u64 size = 0;  // bytes; 0: half of the memory
  u64 inodes = 0;  // 0: one per 2 pages of memory
  u32 mode = 01777;
  u32 uid = 0, gid = 0;
  bool size_given = false, inodes_given = false, mode_given = false;
};
// "size=64k,mode=755": k, m, g, % of memory. kINVAL for what tmpfs does not know.
SysResult<TmpfsOptions> parse_tmpfs_options(std::string_view text, TmpfsOptions options);

class TmpfsInode;

class Tmpfs final : public FileSystem {
 public:
  Tmpfs(const char* type_name, const TmpfsOptions& options);
  static SysResult<Ref<FileSystem>> mount(std::string_view options);

  const char* type_name() const override { return type_name_; }
  Ref<Inode> root() override;
  std::string options() const override;
  Statistics statistics() override;
  SysResult<> remount(std::string_view options) override;
  void shut_down() override;

  // Takes up to `pages`; how many there were.
  u64 charge_pages(u64 pages);
  void discharge_pages(u64 pages) { pages_.fetch_sub(pages, std::memory_order_relaxed); }
  SysResult<> charge_inode();
  void discharge_inode() { inodes_.fetch_sub(1, std::memory_order_relaxed); }
  u64 next_inode() { return next_inode_.fetch_add(1, std::memory_order_relaxed); }
  u64 pages_free() const {
    const u64 limit = page_limit_.load(std::memory_order_relaxed), used = pages();
    return limit > used ? limit - used : 0;
  }
  u64 pages() const { return pages_.load(std::memory_order_relaxed); }

 private:
  const char* const type_name_;
  mutable SpinLock lock_;
  TmpfsOptions options_ HATI_GUARDED_BY(lock_);
  std::atomic<u64> page_limit_, inode_limit_;
  std::atomic<u64> pages_{0}, inodes_{0}, next_inode_{1};
  Ref<TmpfsInode> root_;
};

class TmpfsInode final : public Inode {
 public:
  TmpfsInode(Tmpfs& owner, const NewNode& node);
  ~TmpfsInode() override;

  Tmpfs& tmpfs() const { return static_cast<Tmpfs&>(file_system()); }
  u32 mode() const override { return mode_.load(std::memory_order_relaxed); }
  Attributes attributes() const override;
  Owner owner() const override;
  Task<SysResult<>> set_attributes(AttributeChange change) override;
  void touch_access() override;

  SysResult<Ref<Inode>> lookup_now(std::string_view name) override;
  Task<SysResult<Ref<Inode>>> create(std::string name, NewNode node) override;
  Task<SysResult<Ref<Inode>>> make_directory(std::string name, NewNode node) override;
  Task<SysResult<Ref<Inode>>> make_symbolic_link(std::string name, std::string target, NewNode node) override;
  Task<SysResult<>> link(std::string name, Ref<Inode> target) override;
  Task<SysResult<>> unlink(std::string name, Ref<Inode> target) override;
  Task<SysResult<>> remove_directory(std::string name, Ref<Inode> target) override;
  Task<SysResult<>> rename(std::string name, Ref<Inode> target, Ref<Inode> new_parent, std::string new_name, Ref<Inode> replaced,
                           u32 flags) override;
  Task<SysResult<Ref<Inode>>> make_temporary(NewNode node) override;
  SysResult<std::string> read_link_now(Thread* thread) override;
  SysResult<Ref<File>> open_now(Thread* thread, u32 flags) override;
  Task<SysResult<std::string>> get_xattr(std::string name) override;
  Task<SysResult<>> set_xattr(std::string name, std::string value, u32 flags) override;
  Task<SysResult<>> remove_xattr(std::string name) override;
  Task<SysResult<std::vector<std::string>>> list_xattr() override;
  SysResult<std::string> acl(const std::string& name) const override;
  Task<SysResult<>> set_acl(std::string name, std::string value, bool keep_set_group_id) override;

  // The same without coroutines, for unpacking an initramfs.
  SysResult<Ref<TmpfsInode>> add(std::string_view name, const NewNode& node, std::string target = {});
  SysResult<> add_link(std::string_view name, Ref<TmpfsInode> target);
  void remove_now(std::string_view name);
  Ref<TmpfsInode> child(std::string_view name) const;
  void set_times(Timespec time);
  void set_owner_and_mode(const NewNode& node);
  void drop_link();
  u64 number() const { return number_; }

  // Contents of regular files.
  u64 size() const { return size_.load(std::memory_order_relaxed); }
  SysResult<usize> read(IoBuffer& to, u64 offset);
  SysResult<usize> write(IoContext& context, IoBuffer& from, u64& offset, bool at_end);
  SysResult<> resize(u64 bytes);
  SysResult<> allocate(u32 mode, u64 offset, u64 bytes);
  SysResult<MappableMemory> mappable();
  SysResult<u64> seek_content(u64 offset, u32 whence);
  SysResult<> iterate(File& file, DirectoryEmitter& emitter) override;
  // memfd seals.
  SysResult<i64> add_seals(u32 seals);
  u32 seals() const { return seals_.load(std::memory_order_relaxed); }
  void allow_sealing() { seals_.store(0, std::memory_order_relaxed); }
  Handle memory_handle() const { return handle_.load(std::memory_order_acquire); }
  // Drops everything below (the file system goes).
  void clear();

 private:
  struct Entry {
    Ref<TmpfsInode> inode;
    u64 position;
  };
  SysResult<Ref<TmpfsInode>> make(std::string_view name, const NewNode& node, std::string target) HATI_EXCLUDES(lock_);
  bool empty() const;
  void set_parent_number(u64 number);
  void change_parent(TmpfsInode& from, TmpfsInode& to);
  SysResult<> insert(std::string_view name, Ref<TmpfsInode> inode) HATI_EXCLUDES(lock_);
  Ref<TmpfsInode> erase(std::string_view name) HATI_EXCLUDES(lock_);
  void count_links(i32 change) HATI_EXCLUDES(lock_);
  u64 reach(u64 bytes) const HATI_REQUIRES(lock_);
  SysResult<> make_room(u64 end) HATI_REQUIRES(lock_);
  SysResult<u64> charge_for(u64 offset, u64 bytes) HATI_REQUIRES(lock_);
  void zero_tail(u64 from) HATI_REQUIRES(lock_);
  SysResult<> resize_locked(u64 bytes) HATI_REQUIRES(lock_);
  void recount_pages() HATI_REQUIRES(lock_);
  u64 resident_pages() const HATI_REQUIRES(lock_);
  void touch_change() HATI_REQUIRES(lock_);
  // POSIX access lists (attributes.cpp).
  void change_access_list(u32 mode) HATI_REQUIRES(lock_);
  void inherit_access_list(TmpfsInode& child) const HATI_EXCLUDES(lock_);

  mutable SpinLock lock_;
  u64 number_ = 0;
  std::atomic<u32> mode_;
  std::atomic<u64> size_{0};
  std::atomic<u32> seals_{1};  // F_SEAL_SEAL: only a memfd that allows it can be sealed
  Attributes attributes_ HATI_GUARDED_BY(lock_);
  Memory memory_ HATI_GUARDED_BY(lock_);  // regular files
  std::atomic<Handle> handle_{kNoHandle};  // of memory_, for readers
  std::atomic<u64> memory_bytes_{0};  // size of memory_; changed under lock_
  u64 charged_ HATI_GUARDED_BY(lock_) = 0;  // pages
  bool sparse_ HATI_GUARDED_BY(lock_) = false;  // pages must be counted by the kernel
  std::string target_;  // symbolic links; constant
  std::map<std::string, std::string> xattrs_ HATI_GUARDED_BY(lock_);
  // Directories.
  std::map<std::string, Entry, std::less<>> entries_ HATI_GUARDED_BY(lock_);
  std::map<u64, std::map<std::string, Entry, std::less<>>::iterator> order_ HATI_GUARDED_BY(lock_);
  u64 next_position_ HATI_GUARDED_BY(lock_) = 3;  // after "." and ".."
  u64 parent_number_ HATI_GUARDED_BY(lock_) = 0;
};

// Whether some process has the memory mapped shared and may write to it. The kernel knows mappings, the server does not count them: a rare question.
bool mapped_writable(Handle memory);

// memfd_create(2), shared anonymous memory: an inode without a name.
Ref<TmpfsInode> make_memory_inode(u32 mode, u32 uid, u32 gid);
Ref<File> open_tmpfs_file(TmpfsInode& inode, u32 flags, std::string description);

}  // namespace hati::linux
