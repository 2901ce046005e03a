// SPDX-License-Identifier: MIT
// An open file description: what a descriptor refers to, shared by dup(2) and fork(2). Operations never sleep: one that cannot proceed answers
// kAGAIN, and the callers in file/io.cpp wait for poll_queue() and try again unless O_NONBLOCK is set. So each kind of file
// (pipe, tty, event counter, socket) is written once, for blocking, non-blocking, poll and epoll alike.
#pragma once

#include <atomic>
#include <string>

#include "base/ref.h"
#include "servers/linux/core/user.h"
#include "servers/linux/core/wait.h"

namespace hati::linux {

class Dentry;
class Inode;
class Thread;
class File;
struct Path;

// Poll bits: values of poll(2) and epoll(7).
enum PollBits : u32 {
  kPollIn = 0x001, kPollPri = 0x002, kPollOut = 0x004, kPollErr = 0x008, kPollHup = 0x010, kPollNval = 0x020,
  kPollRdNorm = 0x040, kPollRdBand = 0x080, kPollWrNorm = 0x100, kPollWrBand = 0x200, kPollMsg = 0x400, kPollRdHup = 0x2000,
};

// open(2) flags of x86-64.
enum OpenFlags : u32 {
  kOpenReadOnly = 0, kOpenWriteOnly = 1, kOpenReadWrite = 2, kOpenAccessMode = 3, kOpenCreate = 0100, kOpenExclusive = 0200, kOpenNoCtty = 0400,
  kOpenTruncate = 01000, kOpenAppend = 02000, kOpenNonBlock = 04000, kOpenDataSync = 010000, kOpenAsync = 020000, kOpenDirect = 040000,
  kOpenLargeFile = 0100000, kOpenDirectory = 0200000, kOpenNoFollow = 0400000, kOpenNoAccessTime = 01000000, kOpenCloseOnExec = 02000000,
  kOpenSync = 04010000, kOpenPath = 010000000, kOpenTemporary = 020200000,
};

// One step of getdents64: emit() returns false when the caller's buffer is full; the entry is then offered again by the next call.
class DirectoryEmitter {
 public:
  virtual bool emit(std::string_view name, u64 inode, u8 type, u64 next_offset) = 0;

 protected:
  ~DirectoryEmitter() = default;
};

// What mmap(2) of a file maps.
struct MappableMemory {
  Handle memory = kNoHandle;  // borrowed: valid while the file is referenced
  u64 offset = 0;             // add to the file offset
};

// Arguments common to all I/O operations.
struct IoContext {
  Thread& thread;
  u32 flags = 0;      // RWF_* of preadv2(2)
  bool nonblock = false;  // the effective O_NONBLOCK
};

class File : public RefCounted<File> {
 public:
  explicit File(u32 open_flags) : flags_(open_flags) {}
  virtual ~File() = default;
  static void destroy(File* file);  // runs on_release(), then deletes

  u32 flags() const { return flags_.load(std::memory_order_relaxed); }
  void set_flags(u32 flags) { flags_.store(flags, std::memory_order_relaxed); }
  bool readable() const { return (flags() & kOpenAccessMode) != kOpenWriteOnly && !(flags() & kOpenPath); }
  bool writable() const { return (flags() & kOpenAccessMode) != kOpenReadOnly && !(flags() & kOpenPath); }

  // Sequential I/O at the file's own position (or a stream). Bytes moved; 0 is end of file; kAGAIN if it would wait.
  virtual SysResult<usize> read(IoContext& context, IoBuffer& to) { return fail(Errno::kINVAL); }
  virtual SysResult<usize> write(IoContext& context, IoBuffer& from) { return fail(Errno::kINVAL); }
  // Positioned I/O; kSPIPE for streams.
  virtual SysResult<usize> read_at(IoContext& context, IoBuffer& to, u64 offset) { return fail(Errno::kSPIPE); }
  virtual SysResult<usize> write_at(IoContext& context, IoBuffer& from, u64 offset) { return fail(Errno::kSPIPE); }
  virtual SysResult<i64> seek(i64 offset, u32 whence) { return fail(Errno::kSPIPE); }

  // Ready bits now, and the queue that is woken when they change (null: always ready, never changes: epoll answers EPERM).
  virtual u32 poll() { return kPollIn | kPollOut | kPollRdNorm | kPollWrNorm; }
  virtual WaitQueue* poll_queue() { return nullptr; }

  // May sleep (drain of a tty, file locks of drivers).
  virtual Task<SysResult<i64>> ioctl(Thread& thread, u32 request, u64 argument);
  virtual SysResult<> iterate(DirectoryEmitter& emitter) { return fail(Errno::kNOTDIR); }
  virtual SysResult<MappableMemory> mappable(bool shared, bool write) { return fail(Errno::kNODEV); }
  virtual Task<SysResult<>> sync(bool data_only);
  virtual SysResult<> truncate(Thread& thread, u64 size) { return fail(Errno::kINVAL); }
  virtual SysResult<> allocate(Thread& thread, u32 mode, u64 offset, u64 bytes) { return fail(Errno::kOPNOTSUPP); }
  // close(2) of any descriptor that refers to this file (flush, release of POSIX locks): before the reference goes.
  virtual void on_close(Thread& thread) {}
  // The last reference is gone.
  virtual void on_release() {}
  // Text after "fd -> " in /proc/PID/fd for files without a path ("pipe:[123]", "anon_inode:[eventfd]").
  virtual std::string description() const { return "anon_inode:[unknown]"; }
  // Extra lines for /proc/PID/fdinfo.
  virtual std::string info() const { return {}; }

  // The file's place in the tree: set by open(2), null for anonymous files until they get a pseudo inode (every file has an inode for fstat).
  const Path* path() const { return path_.get(); }
  Inode* inode() const { return inode_.get(); }
  void set_location(Ref<Inode> inode, std::unique_ptr<Path> path);

  // Owner for SIGIO (F_SETOWN): pid > 0, process group < 0.
  std::atomic<i32> owner{0};

 protected:
  std::atomic<u32> flags_;
  Ref<Inode> inode_;
  std::unique_ptr<Path> path_;
};

}  // namespace hati::linux
