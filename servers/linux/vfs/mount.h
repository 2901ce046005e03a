// SPDX-License-Identifier: MIT
// Mounts: which file system lies on which dentry. One tree of mounts (namespace); all links between mounts are guarded by MountTree's lock.
#pragma once

#include <string>
#include <vector>

#include "base/ref.h"
#include "runtime/spinlock.h"
#include "servers/linux/vfs/dentry.h"

namespace hati::linux {

struct Path;

enum MountFlags : u32 {
  kMountReadOnly = 1, kMountNoSuid = 2, kMountNoDev = 4, kMountNoExec = 8, kMountSynchronous = 16, kMountRemount = 32, kMountMandatoryLock = 64,
  kMountDirSync = 128, kMountNoSymFollow = 256, kMountNoAccessTime = 1024, kMountNoDirAccessTime = 2048, kMountBind = 4096, kMountMove = 8192,
  kMountRecursive = 16384, kMountSilent = 32768, kMountUnbindable = 1 << 17, kMountPrivate = 1 << 18, kMountSlave = 1 << 19, kMountShared = 1 << 20,
  kMountRelativeTime = 1 << 21, kMountStrictTime = 1 << 24, kMountLazyTime = 1 << 25, kMountKernel = 1 << 22,
};
enum UnmountFlags : u32 { kUnmountForce = 1, kUnmountDetach = 2, kUnmountExpire = 4, kUnmountNoFollow = 8 };

class Mount : public RefCounted<Mount> {
 public:
  Mount(Ref<FileSystem> file_system, Ref<Dentry> root, std::string source, u32 flags);
  ~Mount();
  static void destroy(Mount* mount) { delete mount; }

  FileSystem& file_system() const { return *file_system_; }
  const Ref<Dentry>& root() const { return root_; }
  const std::string& source() const { return source_; }
  i32 id() const { return id_; }
  u32 flags() const { return flags_.load(std::memory_order_relaxed); }
  void set_flags(u32 flags) { flags_.store(flags, std::memory_order_relaxed); }
  bool read_only() const { return (flags() & kMountReadOnly) != 0 || file_system_->read_only.load(std::memory_order_relaxed); }

 private:
  friend class MountTree;
  const Ref<FileSystem> file_system_;
  const Ref<Dentry> root_;
  const std::string source_;
  const i32 id_;
  std::atomic<u32> flags_;

  // MountTree's lock.
  Mount* parent_ = nullptr;
  Ref<Dentry> point_;
  std::vector<Ref<Mount>> children_;
  i32 peer_group_ = 0;   // shared
  i32 master_group_ = 0; // slave of
  bool unbindable_ = false;
  bool attached_ = false;
  bool expiry_mark_ = false;
};

// One line of /proc/PID/mountinfo.
struct MountRecord {
  Ref<Mount> mount;
  i32 id, parent_id;
  i32 peer_group, master_group;
  bool unbindable;
};

class MountTree {
 public:
  static MountTree& instance();

  // The first mount of all.
  void set_root(Ref<Mount> mount);
  Path root() const;

  // What is mounted on `path` (the topmost), or nothing.
  Path cross(Path path) const;
  // One step up from the root of a mount: the mount point in the parent; false at the top.
  bool step_out(Path& path) const;

  // mount(2) of a new file system. kBUSY if the same file system is there already.
  SysResult<> attach(Ref<Mount> mount, const Path& at);
  SysResult<> detach(const Path& path, u32 flags);
  SysResult<> bind(const Path& source, const Path& at, bool recursive);
  SysResult<> move(const Path& source, const Path& at);
  SysResult<> set_propagation(const Path& path, u32 type, bool recursive);
  SysResult<> pivot(const Path& new_root, const Path& put_old, const Path& old_root);

  std::vector<MountRecord> list() const;
  bool is_attached(const Mount& mount) const;
  // Counts changes: poll of /proc/PID/mounts.
  u64 generation() const { return generation_.load(std::memory_order_relaxed); }
  WaitQueue& changed() { return changed_; }

 private:
  Mount* topmost_on(const Mount* parent, const Dentry* point) const HATI_REQUIRES(lock_);
  void link(Mount& parent, Ref<Dentry> point, Ref<Mount> child) HATI_REQUIRES(lock_);
  Ref<Mount> unlink(Mount& child) HATI_REQUIRES(lock_);
  Ref<Mount> copy_tree(Mount& from, Ref<Dentry> root, bool recursive) HATI_REQUIRES(lock_);
  void detach_subtree(Mount& mount, std::vector<Ref<Mount>>& dropped) HATI_REQUIRES(lock_);
  void mark_attached(Mount& mount) HATI_REQUIRES(lock_);
  void change_propagation(Mount& mount, u32 type, bool recursive) HATI_REQUIRES(lock_);
  static bool below(const Dentry& dentry, const Dentry& ancestor);
  void collect(Mount& mount, std::vector<MountRecord>& records) const HATI_REQUIRES(lock_);
  void note_change();

  mutable SpinLock lock_;
  Ref<Mount> root_ HATI_GUARDED_BY(lock_);
  i32 next_group_ HATI_GUARDED_BY(lock_) = 1;
  std::atomic<u64> generation_{1};
  WaitQueue changed_;
};

// A mount outside the tree for pipes, sockets and anonymous files: gives magic links a place to lead to.
Path detached_path(Ref<Inode> inode, std::string text);

}  // namespace hati::linux
