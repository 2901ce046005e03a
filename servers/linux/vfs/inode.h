// SPDX-License-Identifier: MIT
// Inodes: what file systems implement. Operations on the name space are coroutines, since a file system may live in another process; those of
// tmpfs and procfs finish at once. Attributes are guarded by the inode's own lock; a directory's operations are serialised by its
// async mutex, taken by the VFS (parents before children, lower inode number first for rename).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/ref.h"
#include "runtime/async/mutex.h"
#include "runtime/spinlock.h"
#include "servers/linux/file/file.h"

namespace hati::linux {

class FileSystem;  // one mounted instance: a superblock
class Credentials;

enum FileType : u32 { kFifo = 0010000, kCharacterDevice = 0020000, kDirectory = 0040000, kBlockDevice = 0060000, kRegular = 0100000, kSymbolicLink = 0120000, kSocket = 0140000, kTypeMask = 0170000 };

struct Timespec {
  i64 seconds = 0;
  i64 nanoseconds = 0;
};

// What stat(2) tells; also the in-memory attributes of an inode.
struct Attributes {
  u64 inode = 0;
  u32 mode = 0;  // type and permissions
  u32 links = 1;
  u32 uid = 0, gid = 0;
  u64 device_number = 0;  // st_rdev: makedev(3) encoding of Linux
  u64 size = 0;
  u64 blocks = 0;  // of 512 bytes
  u32 block_size = 4096;
  Timespec access, modify, change, birth;
};

// Fields that setattr changes: chmod, chown, utimensat, truncate.
struct AttributeChange {
  enum Bits : u32 { kMode = 1, kUid = 2, kGid = 4, kSize = 8, kAccess = 16, kModify = 32 };
  u32 bits = 0;
  u32 mode = 0, uid = 0, gid = 0;
  u64 size = 0;
  Timespec access, modify;
};

class Inode : public RefCounted<Inode> {
 public:
  explicit Inode(FileSystem& file_system) : file_system_(file_system) {}
  virtual ~Inode() = default;
  static void destroy(Inode* inode) { delete inode; }

  FileSystem& file_system() const { return file_system_; }
  u32 type() const { return mode() & kTypeMask; }
  bool is(FileType wanted) const { return type() == wanted; }
  virtual u32 mode() const = 0;
  virtual Attributes attributes() const = 0;
  virtual Task<SysResult<>> set_attributes(const AttributeChange change) = 0;

  // Directories. `name` is one component, neither empty nor "." or "..". The VFS has checked permissions and that names do not exist.
  virtual Task<SysResult<Ref<Inode>>> lookup(std::string name);  // kNOENT
  virtual Task<SysResult<Ref<Inode>>> create(std::string name, u32 mode, u32 uid, u32 gid, u64 device_number);  // any type but link and directory
  virtual Task<SysResult<Ref<Inode>>> make_directory(std::string name, u32 mode, u32 uid, u32 gid);
  virtual Task<SysResult<Ref<Inode>>> make_symbolic_link(std::string name, std::string target, u32 uid, u32 gid);
  virtual Task<SysResult<>> link(std::string name, Ref<Inode> target);
  virtual Task<SysResult<>> unlink(std::string name, Ref<Inode> target);
  virtual Task<SysResult<>> remove_directory(std::string name, Ref<Inode> target);
  virtual Task<SysResult<>> rename(std::string name, Ref<Inode> target, Ref<Inode> new_parent, std::string new_name, Ref<Inode> replaced, u32 flags);
  virtual Task<SysResult<Ref<Inode>>> make_temporary(u32 mode, u32 uid, u32 gid);  // O_TMPFILE

  virtual Task<SysResult<std::string>> read_link(Thread& thread);
  // procfs "magic" links lead straight to a place: set instead of text.
  virtual Task<SysResult<std::unique_ptr<Path>>> follow(Thread& thread);

  // A new open file description. Devices, fifos and sockets are dispatched by the VFS before this.
  virtual Task<SysResult<Ref<File>>> open(Thread& thread, u32 flags) = 0;

  // Whether dentries of this directory may be cached (false: procfs, whose names come and go).
  virtual bool cacheable() const { return true; }

  Mutex& mutex() { return mutex_; }

 private:
  FileSystem& file_system_;
  Mutex mutex_;
};

// A superblock.
class FileSystem : public RefCounted<FileSystem> {
 public:
  virtual ~FileSystem() = default;
  static void destroy(FileSystem* file_system) { delete file_system; }

  virtual const char* type_name() const = 0;
  virtual Ref<Inode> root() = 0;
  virtual std::string options() const { return {}; }  // for /proc/mounts, after rw/ro
  struct Statistics {
    u64 magic = 0, block_size = 4096, blocks = 0, blocks_free = 0, inodes = 0, inodes_free = 0, name_max = 255;
  };
  virtual Statistics statistics() = 0;
  virtual SysResult<> remount(std::string_view options) { return {}; }

  u32 device() const { return device_; }  // st_dev: anonymous device number, unique per superblock

 protected:
  FileSystem();

 private:
  u32 device_;
};

}  // namespace hati::linux
