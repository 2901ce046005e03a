// SPDX-License-Identifier: MIT
// A Path is a place in the tree as a program sees it: a dentry within a mount; and what turns names into paths. The walk itself is vfs/walk.h,
// the cache vfs/dentry.h, mounts vfs/mount.h.
#pragma once

#include <memory>
#include <string>

#include "base/ref.h"
#include "runtime/spinlock.h"
#include "servers/linux/vfs/dentry.h"
#include "servers/linux/vfs/inode.h"
#include "servers/linux/vfs/mount.h"

namespace hati::linux {

class Mount;

struct Path {
  Ref<Mount> mount;
  Ref<Dentry> dentry;
  Inode* inode() const { return dentry->inode(); }
  explicit operator bool() const { return static_cast<bool>(dentry); }
  bool operator==(const Path& other) const { return mount == other.mount && dentry == other.dentry; }
};

inline constexpr i32 kAtFdCwd = -100;

// How to walk. AT_* flags convert in one place (vfs/at_flags.h).
enum WalkFlags : u32 {
  kWalkFollow = 1,      // follow a symbolic link in the last component
  kWalkParent = 2,      // stop at the parent directory; the last component is returned as text
  kWalkDirectory = 4,   // the result must be a directory
  kWalkEmpty = 8,       // AT_EMPTY_PATH
  kWalkNoMagic = 16,
};

struct ParentAndName {
  Path parent;
  std::string name;  // last component; empty, "." or ".." if the path ends so
  bool trailing_slash = false;
};

// The starting point: the thread's root and working directory, or the directory of `dirfd` (AT_FDCWD = -100).
// The plain forms answer kNEEDASYNC where a file system has to be waited for.
SysResult<Path> walk_now(Thread& thread, i32 dirfd, std::string_view path, u32 flags);
Task<SysResult<Path>> walk(Thread& thread, i32 dirfd, std::string path, u32 flags);
Task<SysResult<ParentAndName>> walk_parent(Thread& thread, i32 dirfd, std::string path, u32 flags);
// open(2) in full: walk, create, truncate, permissions, devices, fifos.
SysResult<Ref<File>> open_file_now(Thread& thread, i32 dirfd, std::string_view path, u32 open_flags, u32 mode);
Task<SysResult<Ref<File>>> open_file(Thread& thread, i32 dirfd, std::string path, u32 open_flags, u32 mode);
// For exec: opened for reading with execute permission checked; kACCES if it is no regular file or the mount is noexec.
// flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW of execveat(2).
Task<SysResult<Ref<File>>> open_executable(Thread& thread, i32 dirfd, std::string path, u32 flags);

// Text of a path relative to `root`; " (deleted)" is appended where it was unlinked; "(unreachable)" is put before it if it is not below root. For
// getcwd and /proc.
std::string path_text(const Path& path, const Path& root);
// As shown in /proc/PID/fd, maps, exe: the path, or the file's description.
std::string file_text(const File& file, const Path& root);
bool is_unlinked(const Path& path);

enum Access : u32 { kAccessExecute = 1, kAccessWrite = 2, kAccessRead = 4 };
// Mode bits, capabilities DAC_OVERRIDE / DAC_READ_SEARCH, read-only mounts (kROFS).
SysResult<> check_permission(const Credentials& credentials, const Path& path, u32 access);
SysResult<> check_permission(const Credentials& credentials, const Inode& inode, u32 access);

// What clone(CLONE_FS) shares: root, working directory, umask.
class FsContext : public RefCounted<FsContext> {
 public:
  FsContext(Path root, Path cwd, u32 umask);
  ~FsContext();
  static void destroy(FsContext* context) { delete context; }
  Ref<FsContext> copy() const;

  Path root() const;
  Path cwd() const;
  void set_root(Path path);
  void set_cwd(Path path);
  u32 umask() const { return umask_.load(std::memory_order_relaxed); }
  u32 exchange_umask(u32 value) { return umask_.exchange(value & 0777, std::memory_order_relaxed); }

 private:
  mutable SpinLock lock_;
  Path root_ HATI_GUARDED_BY(lock_);
  Path cwd_ HATI_GUARDED_BY(lock_);
  std::atomic<u32> umask_;
  // The list of all contexts (vfs/path.cpp), guarded by its lock.
  friend void replace_roots(const Path& from, const Path& to);
  FsContext* next_ = nullptr;
  FsContext** link_ = nullptr;
};

}  // namespace hati::linux
