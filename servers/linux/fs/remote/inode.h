// SPDX-License-Identifier: MIT
// A node of a remote file system. lock_ guards what is known of it; content_lock_ keeps writers and changes of the size apart.
#pragma once

#include <optional>

#include "servers/linux/file/io.h"
#include "servers/linux/fs/remote/file_system.h"

namespace hati::linux {

class RemoteInode final : public Inode {
 public:
  RemoteInode(RemoteFileSystem& owner, const file_system::Attributes& attributes);
  ~RemoteInode() override;

  RemoteFileSystem& remote() const { return static_cast<RemoteFileSystem&>(file_system()); }
  u32 node() const { return node_; }

  u32 mode() const override { return mode_.load(std::memory_order_relaxed); }
  Attributes attributes() const override;
  Owner owner() const override;
  Task<SysResult<>> set_attributes(AttributeChange change) override;
  void touch_access() override;

  SysResult<Ref<Inode>> lookup_now(std::string_view name) override { return fail(Errno::kNEEDASYNC); }
  Task<SysResult<Ref<Inode>>> lookup(std::string name) override;
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
  Task<SysResult<std::string>> read_link(Thread* thread) override;
  SysResult<Ref<File>> open_now(Thread* thread, u32 flags) override;

  // attributes.cpp
  Task<SysResult<std::string>> get_xattr(std::string name) override;
  Task<SysResult<>> set_xattr(std::string name, std::string value, u32 flags) override;
  Task<SysResult<>> remove_xattr(std::string name) override;
  Task<SysResult<std::vector<std::string>>> list_xattr() override;
  SysResult<std::string> acl(const std::string& name) const override;
  Task<SysResult<>> set_acl(std::string name, std::string value, bool keep_set_group_id) override;

  // Contents of regular files (content.cpp). fetch() opens them, with the first access: many files are only created, or only looked at.
  u64 size() const { return size_.load(std::memory_order_acquire); }
  SysResult<usize> read(IoContext& context, IoBuffer& to, u64 offset);
  SysResult<usize> write(IoContext& context, IoBuffer& from, u64& offset, bool at_end);
  Task<SysResult<>> fetch(Missing missing);
  Task<SysResult<>> allocate(u32 mode, u64 offset, u64 bytes);
  Task<SysResult<>> sync(bool data_only);
  void advise(MemoryAdvice advice, u64 offset, u64 bytes);
  Handle memory() const { return memory_handle_.load(std::memory_order_acquire); }
  // Descriptions through which programs have the content mapped for writing.
  void add_writable_mapping();
  void remove_writable_mapping();

  // Sends what the server does not know yet.
  Task<SysResult<>> push();

 private:
  friend class RemoteFileSystem;
  // Sizes and times that are known here first.
  struct Unsent {
    bool size = false, modify = false, access = false, mode = false;
    bool any() const { return size || modify || access || mode; }
  };
  // POSIX lists as in getxattr(2); empty: there is none.
  struct Lists {
    std::string access, inheritable;
    std::string& of(const std::string& name);
  };
  // Asks for the lists before anybody's permissions are checked by them; nothing is asked where there can be none.
  Task<> learn_lists(bool has_xattrs);
  Task<SysResult<>> learn_lists_locked();
  void keep_lists(Lists lists);
  Task<SysResult<std::string>> get_list(std::string name);
  Task<SysResult<>> change_list_mode();
  Task<SysResult<Ref<Inode>>> make(std::string name, std::string target, NewNode node);
  Task<SysResult<>> remove(std::string name, bool is_directory, Ref<Inode> target);
  Task<SysResult<>> refresh();
  Task<SysResult<>> open_content();
  Task<SysResult<>> resize(u64 bytes);
  void learn(const file_system::Attributes& attributes);
  // What was written through mappings since the last time counts as written now: the kernel counts, but tells nobody.
  void notice_mapped_writes() HATI_EXCLUDES(lock_);
  // A write or truncation now; with `size`, that is the new one.
  void changed_now(std::optional<u64> size) HATI_EXCLUDES(lock_);
  file_system::SetAttributesRequest unsent_request() HATI_REQUIRES(lock_);

  const u32 node_;
  std::atomic<u32> mode_;
  std::atomic<u64> size_;  // this side's once the content was opened: the server learns it from here; changed under lock_
  mutable SpinLock lock_;
  hati::linux::Attributes attributes_ HATI_GUARDED_BY(lock_);  // but for size_ and mode_
  Unsent unsent_ HATI_GUARDED_BY(lock_);
  bool listed_ HATI_GUARDED_BY(lock_) = false;  // among the file system's changed ones
  std::atomic<u32> writable_mappings_{0};       // changed under lock_
  u64 mapped_writes_ HATI_GUARDED_BY(lock_) = 0;  // of the Memory, as last noticed
  u64 references_ HATI_GUARDED_BY(lock_) = 0;   // that the server counts for this client
  std::string target_ HATI_GUARDED_BY(lock_);   // of a symbolic link, once read
  std::optional<Lists> lists_ HATI_GUARDED_BY(lock_);

  Mutex changing_;  // of the lists, and of the mode with them: one change after the other
  Mutex resizing_;  // of the Memory and the blocks set aside: one request after the other
  SpinLock content_lock_;
  OwnedHandle memory_;  // set once
  std::atomic<Handle> memory_handle_{kNoHandle};
  std::atomic<u64> room_{0};  // how far the server has set blocks and the Memory's length aside
};

}  // namespace hati::linux
