// SPDX-License-Identifier: MIT
// Inodes: what file systems implement. Operations on the name space are coroutines, since a file system may live in another process; those that
// finish at once also have a plain form (…_now) for the fast paths. Attributes are guarded by the inode's own lock; a directory's
// operations are serialised by its async mutex, taken by the VFS (parents before children; two directories in order of address).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ref.h"
#include "runtime/async/mutex.h"
#include "runtime/spinlock.h"
#include "servers/linux/file/file.h"

namespace hati::linux {

class Credentials;
class Dentry;
class FileLocks;
class NotifyWatch;
class FileSystem;  // one mounted instance: a superblock
class Pipe;

enum FileType : u32 {
  kFifo = 0010000,
  kCharacterDevice = 0020000,
  kDirectory = 0040000,
  kBlockDevice = 0060000,
  kRegular = 0100000,
  kSymbolicLink = 0120000,
  kSocket = 0140000,
  kTypeMask = 0170000
};
enum ModeBits : u32 { kModeSetUid = 04000, kModeSetGid = 02000, kModeSticky = 01000, kModePermissions = 07777 };

struct Timespec {
  i64 seconds = 0;
  i64 nanoseconds = 0;
};
// The wall clock now (time/ sets its offset).
Timespec wall_time_now();

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
  u32 device = 0;  // st_dev; filled in by the VFS
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

// A new node: mode with type, owner as fsuid/fsgid and setgid directories demand.
struct NewNode {
  u32 mode = 0;
  u32 uid = 0, gid = 0;
  u64 device_number = 0;
};

enum RenameFlags : u32 { kRenameNoReplace = 1, kRenameExchange = 2, kRenameWhiteout = 4 };
enum XattrFlags : u32 { kXattrCreate = 1, kXattrReplace = 2 };

// The mode of a regular file after a write: set-user-ID goes, and set-group-ID where the group may execute, except for who may keep them
// (CAP_FSETID; null: the server itself).
u32 mode_after_write(u32 mode, Thread* writer);

class Inode : public RefCounted<Inode> {
 public:
  explicit Inode(FileSystem& file_system);
  virtual ~Inode();
  static void destroy(Inode* inode) { delete inode; }

  FileSystem& file_system() const { return *file_system_; }
  u32 type() const { return mode() & kTypeMask; }
  bool is(FileType wanted) const { return type() == wanted; }
  virtual u32 mode() const = 0;  // changes only in its permission bits
  virtual Attributes attributes() const = 0;
  // What permission checks need; cheap.
  struct Owner {
    u32 mode, uid, gid;
  };
  virtual Owner owner() const;
  virtual Task<SysResult<>> set_attributes(AttributeChange change);  // kPERM
  virtual void touch_access() {}  // a read happened

  // Directories. `name` is one component, neither empty nor "." or "..". The VFS has checked permissions and that names do not exist.
  virtual SysResult<Ref<Inode>> lookup_now(std::string_view name);  // kNEEDASYNC: only lookup() can tell; kNOENT
  virtual Task<SysResult<Ref<Inode>>> lookup(std::string name);
  virtual Task<SysResult<Ref<Inode>>> create(std::string name, NewNode node);  // any type but link and directory
  virtual Task<SysResult<Ref<Inode>>> make_directory(std::string name, NewNode node);
  virtual Task<SysResult<Ref<Inode>>> make_symbolic_link(std::string name, std::string target, NewNode node);
  virtual Task<SysResult<>> link(std::string name, Ref<Inode> target);
  virtual Task<SysResult<>> unlink(std::string name, Ref<Inode> target);
  virtual Task<SysResult<>> remove_directory(std::string name, Ref<Inode> target);
  // replaced: what has the new name already, or null. kRenameExchange swaps the two.
  virtual Task<SysResult<>> rename(std::string name, Ref<Inode> target, Ref<Inode> new_parent, std::string new_name, Ref<Inode> replaced,
                                   u32 flags);
  virtual Task<SysResult<Ref<Inode>>> make_temporary(NewNode node);  // O_TMPFILE; kOPNOTSUPP

  virtual SysResult<std::string> read_link_now(Thread* thread);  // kINVAL: no symbolic link
  virtual Task<SysResult<std::string>> read_link(Thread* thread);
  // procfs "magic" links lead straight to a place instead of through text.
  virtual bool is_magic_link() const { return false; }
  virtual SysResult<Path> follow_magic(Thread* thread);

  // A new open file description. Devices, fifos and sockets are dispatched by the VFS before this.
  virtual SysResult<Ref<File>> open_now(Thread* thread, u32 flags);  // kNEEDASYNC: only open() can
  virtual Task<SysResult<Ref<File>>> open(Thread* thread, u32 flags);

  // Directories: entries from file.position() on, "." and ".." included, for DirectoryFile.
  virtual SysResult<> iterate(File& file, DirectoryEmitter& emitter);

  // Extended attributes but for POSIX access lists; kOPNOTSUPP where there are none.
  virtual Task<SysResult<std::string>> get_xattr(std::string name);  // kNODATA
  virtual Task<SysResult<>> set_xattr(std::string name, std::string value, u32 flags);
  virtual Task<SysResult<>> remove_xattr(std::string name);
  virtual Task<SysResult<std::vector<std::string>>> list_xattr();  // access lists, too
  // Access lists (vfs/acl.h), as the values of kAclAccess and kAclDefault. They are known without waiting, since permission checks need them.
  virtual SysResult<std::string> acl(const std::string& name) const;  // kNODATA; kOPNOTSUPP: the file system has no lists
  // Replaces one, or removes it (`value` is empty), and changes the mode with it. The value was checked.
  virtual Task<SysResult<>> set_acl(std::string name, std::string value, bool keep_set_group_id);

  // Whether dentries of this directory may be cached (false: procfs, whose names come and go).
  virtual bool cacheable() const { return true; }

  Mutex& mutex() { return mutex_; }

  // What all kinds of inodes may have attached, made on first use.
  Ref<Pipe> fifo();  // kFifo
  void set_fifo(Ref<Pipe> pipe);
  FileLocks& locks();
  FileLocks* locks_if_any() const { return locks_.load(std::memory_order_acquire); }
  // A bound unix socket listens here (socket/unix.cpp).
  Ref<File> bound_socket() const;
  void set_bound_socket(File* socket);

  // ETXTBSY: the number of writers, negative while executed.
  SysResult<> get_write_access();
  void put_write_access();
  SysResult<> deny_write_access();
  void allow_write_access();

  // For vfs/notify.h: descriptions that refer to it, and who watches it (guarded by NotifyLock).
  std::atomic<u32> open_files{0};
  NotifyWatch* first_watch = nullptr;

 private:
  Ref<FileSystem> file_system_;
  Mutex mutex_;
  std::atomic<FileLocks*> locks_{nullptr};
  std::atomic<i32> writers_{0};
  mutable SpinLock lock_;
  Ref<Pipe> fifo_ HATI_GUARDED_BY(lock_);
  File* bound_socket_ HATI_GUARDED_BY(lock_) = nullptr;
};

// A superblock.
class FileSystem : public RefCounted<FileSystem> {
 public:
  virtual ~FileSystem();
  static void destroy(FileSystem* file_system) { delete file_system; }

  virtual const char* type_name() const = 0;
  virtual Ref<Inode> root() = 0;
  virtual std::string options() const { return {}; }  // for /proc/mounts, after rw/ro: ",size=64k"
  struct Statistics {
    static constexpr u64 kSameAsFree = ~u64{0};
    u64 magic = 0, block_size = 4096, blocks = 0, blocks_free = 0, inodes = 0, inodes_free = 0, name_max = 255;
    u64 blocks_available = kSameAsFree;  // to others than root
  };
  virtual Statistics statistics() = 0;
  // Before statistics(), which tells what was learned here.
  virtual Task<SysResult<>> ask_statistics() { co_return SysResult<>{}; }
  // syncfs(2).
  virtual Task<SysResult<>> sync() { co_return SysResult<>{}; }
  // umount(2) of the last mount, after shut_down(): everything is where it belongs when it returns.
  virtual Task<SysResult<>> finish() { co_return SysResult<>{}; }
  // mount(2) with MS_REMOUNT: from read-only to writable or back.
  virtual Task<SysResult<>> change_read_only(bool wanted) { co_return SysResult<>{}; }
  virtual SysResult<> remount(std::string_view options) { return {}; }
  // The dentry of the root: the first one offered.
  Ref<Dentry> share_root(Ref<Dentry> offered);
  void forget_root();
  // What is reachable only through cycles or names goes when the last mount does.
  virtual void shut_down() {}

  u32 device() const { return device_; }  // st_dev: anonymous device number, unique per superblock
  std::atomic<bool> read_only{false};
  std::atomic<u32> mounts{0};

 protected:
  FileSystem();

 private:
  u32 device_;
  SpinLock root_lock_;
  Ref<Dentry> root_dentry_ HATI_GUARDED_BY(root_lock_);
};

}  // namespace hati::linux
