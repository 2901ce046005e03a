// SPDX-License-Identifier: MIT
// An open file description: what a descriptor refers to, shared by dup(2) and fork(2). Operations never sleep: one that cannot proceed answers
// kAGAIN, and the callers in file/io.cpp wait for poll_queue() and try again unless O_NONBLOCK is set. So each kind of file
// (pipe, tty, event counter, socket) is written once, for blocking, non-blocking, poll and epoll alike.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/ref.h"
#include "servers/linux/core/user.h"
#include "servers/linux/core/wait.h"

namespace hati::linux {

class Dentry;
class EpollItem;
class FdTable;
class Inode;
class Thread;
class File;
struct Attributes;
struct Path;

// Poll bits: values of poll(2) and epoll(7).
enum PollBits : u32 {
  kPollIn = 0x001,
  kPollPri = 0x002,
  kPollOut = 0x004,
  kPollErr = 0x008,
  kPollHup = 0x010,
  kPollNval = 0x020,
  kPollRdNorm = 0x040,
  kPollRdBand = 0x080,
  kPollWrNorm = 0x100,
  kPollWrBand = 0x200,
  kPollMsg = 0x400,
  kPollRdHup = 0x2000,
};

// open(2) flags of x86-64.
enum OpenFlags : u32 {
  kOpenReadOnly = 0,
  kOpenWriteOnly = 1,
  kOpenReadWrite = 2,
  kOpenAccessMode = 3,
  kOpenCreate = 0100,
  kOpenExclusive = 0200,
  kOpenNoCtty = 0400,
  kOpenTruncate = 01000,
  kOpenAppend = 02000,
  kOpenNonBlock = 04000,
  kOpenDataSync = 010000,
  kOpenAsync = 020000,
  kOpenDirect = 040000,
  kOpenLargeFile = 0100000,
  kOpenDirectory = 0200000,
  kOpenNoFollow = 0400000,
  kOpenNoAccessTime = 01000000,
  kOpenCloseOnExec = 02000000,
  kOpenSync = 04010000,
  kOpenPath = 010000000,
  kOpenTemporary = 020200000,
};

// One step of getdents64: emit() returns false when the caller's buffer is full; the entry is then offered again by the next call.
class DirectoryEmitter {
 public:
  // `type` is a DT_* value (the type bits of the mode, shifted right by 12).
  virtual bool emit(std::string_view name, u64 inode, u8 type, u64 next_offset) = 0;

 protected:
  ~DirectoryEmitter() = default;
};

// What mmap(2) of a file maps.
struct MappableMemory {
  Handle memory = kNoHandle;  // borrowed: valid while the file is referenced
  u64 offset = 0;  // add to the file offset
};

// RWF_* of preadv2(2).
enum ReadWriteFlags : u32 { kRwHighPriority = 1, kRwDataSync = 2, kRwSync = 4, kRwNoWait = 8, kRwAppend = 16 };

// What an operation that answered kNEEDASYNC lacks: File::fetch() gets it, then the operation is tried again.
struct Missing {
  enum class What : u8 { kPages, kRoom, kEntries };
  What what = What::kPages;
  bool write = false;  // pages: to be written to
  u64 offset = 0, bytes = 0;
};

// Arguments common to all I/O operations.
struct IoContext {
  Thread* thread;  // null: the server itself
  u32 flags = 0;  // ReadWriteFlags
  bool nonblock = false;  // the effective O_NONBLOCK
  bool retry = false;  // not the first attempt of this call: it has waited
  bool whole = false;  // all that the call must move at least, or kAGAIN and nothing (set by the path that cannot remember a part)
  // Set by a file that answers kAGAIN: how long to wait before asking again with timed_out set (VTIME, SO_RCVTIMEO).
  u64 deadline = kNever;
  bool timed_out = false;
  usize done = 0;  // bytes moved by earlier attempts of the same call (a read's result counts them)
  Missing missing;  // set by a file that answers kNEEDASYNC; kept for its next attempt
};

class File : public RefCounted<File> {
 public:
  explicit File(u32 open_flags);
  virtual ~File();
  static void destroy(File* file);  // runs on_release(), then deletes

  u32 flags() const { return flags_.load(std::memory_order_relaxed); }
  void set_flags(u32 flags) { flags_.store(flags, std::memory_order_relaxed); }
  bool readable() const { return (flags() & kOpenAccessMode) != kOpenWriteOnly && !is_path_only(); }
  bool writable() const { return (flags() & kOpenAccessMode) != kOpenReadOnly && !is_path_only(); }
  bool nonblocking() const { return (flags() & kOpenNonBlock) != 0; }
  bool is_path_only() const { return (flags() & kOpenPath) != 0; }

  // Sequential I/O at the file's own position (or a stream). Bytes moved; 0 is end of file; kAGAIN if it would wait.
  virtual SysResult<usize> read(IoContext& context, IoBuffer& to) { return fail(Errno::kINVAL); }
  virtual SysResult<usize> write(IoContext& context, IoBuffer& from) { return fail(Errno::kINVAL); }
  // Positioned I/O; kSPIPE for streams.
  virtual SysResult<usize> read_at(IoContext& context, IoBuffer& to, u64 offset) { return fail(Errno::kSPIPE); }
  virtual SysResult<usize> write_at(IoContext& context, IoBuffer& from, u64 offset) { return fail(Errno::kSPIPE); }
  virtual SysResult<i64> seek(i64 offset, u32 whence) { return fail(Errno::kSPIPE); }
  // A blocking write goes on until everything is written (pipes, terminals, stream sockets).
  virtual bool writes_everything() const { return false; }

  // For files whose content lies elsewhere: gets what an operation lacked.
  virtual Task<SysResult<>> fetch(Missing missing) { co_return fail(Errno::kIO); }

  // Ready bits now, and the queue that is woken when they change (null: always ready, never changes: epoll answers EPERM).
  virtual u32 poll() { return kPollIn | kPollOut | kPollRdNorm | kPollWrNorm; }
  virtual WaitQueue* poll_queue() { return nullptr; }
  // The same as the asking thread sees it: a signalfd shows everybody his own signals.
  virtual u32 poll_for(Thread& thread) { return poll(); }
  virtual WaitQueue* poll_queue_for(Thread& thread) { return poll_queue(); }

  // May sleep (drain of a tty, file locks of drivers). Generic requests (FIONBIO, FIOCLEX ...) are handled before this.
  virtual Task<SysResult<i64>> ioctl(Thread& thread, u32 request, u64 argument);
  // Entries from position() on, which advances with each that was taken; the VFS holds the directory still. kNEEDASYNC: fetch() kEntries.
  virtual SysResult<> iterate(DirectoryEmitter& emitter) { return fail(Errno::kNOTDIR); }
  // kNEEDASYNC: fetch() of no bytes.
  virtual SysResult<MappableMemory> mappable(bool shared, bool write) { return fail(Errno::kNODEV); }
  virtual Task<SysResult<>> sync(bool data_only);
  // kNEEDASYNC: by the inode's set_attributes().
  virtual SysResult<> truncate(Thread& thread, u64 size) { return fail(Errno::kINVAL); }
  virtual SysResult<> allocate_now(Thread& thread, u32 mode, u64 offset, u64 bytes) { return fail(Errno::kNODEV); }
  virtual Task<SysResult<>> allocate(Thread& thread, u32 mode, u64 offset, u64 bytes) {
    co_return allocate_now(thread, mode, offset, bytes);
  }
  // F_SETPIPE_SZ, F_ADD_SEALS and the like: commands that fcntl(2) hands to the kind of file.
  virtual SysResult<i64> control(u32 command, u64 argument) { return fail(Errno::kINVAL); }
  // posix_fadvise(2), readahead(2): what is to be expected of the content's pages.
  virtual void advise(MemoryAdvice advice, u64 offset, u64 bytes) {}
  // close(2) of any descriptor that refers to this file, before the reference goes: releases what belongs to `owner` (POSIX locks).
  virtual void on_close(const FdTable& owner);
  // The last reference is gone.
  virtual void on_release() {}
  // What stat(2) of the descriptor tells.
  virtual SysResult<Attributes> attributes() const;
  // Text after "fd -> " in /proc/PID/fd for files without a path ("pipe:[123]", "anon_inode:[eventfd]").
  virtual std::string description() const { return "anon_inode:[unknown]"; }
  // Extra lines for /proc/PID/fdinfo.
  virtual std::string info() const { return {}; }

  // Position of sequential I/O and of directory reading. The lock makes a read and the advance of the position one step.
  SpinLock& position_lock() HATI_RETURN_CAPABILITY(position_lock_) { return position_lock_; }
  u64 position() const { return position_.load(std::memory_order_relaxed); }
  void set_position(u64 position) { position_.store(position, std::memory_order_relaxed); }

  // The file's place in the tree; null for files without one.
  const Path* path() const { return path_.get(); }
  Inode* inode() const { return inode_.get(); }
  void set_location(Ref<Inode> inode, std::unique_ptr<Path> path);
  // This description holds Inode::get_write_access(), given back at the end.
  void set_counts_as_writer();

  virtual class PipeFile* as_pipe() { return nullptr; }
  virtual class EpollFile* as_epoll() { return nullptr; }
  virtual class TerminalFile* as_terminal() { return nullptr; }
  virtual class SocketFile* as_socket() { return nullptr; }
  virtual File* as_signal() { return nullptr; }  // a signalfd
  virtual File* as_inotify() { return nullptr; }

  // Files that count the address spaces they are mapped into (System V shared memory): told of each, with the process that did it.
  virtual bool counts_mappings() const { return false; }
  virtual void on_mapped(i32 pid) {}
  virtual void on_unmapped(i32 pid) {}

  // Owner for SIGIO (F_SETOWN): pid > 0, process group < 0; and the signal to send (F_SETSIG, 0 = SIGIO).
  std::atomic<i32> owner{0};
  std::atomic<i32> owner_signal{0};

  // Items of epoll instances that watch this file; removed when it is released (file/epoll.cpp).
  void add_watcher(EpollItem& item);
  void remove_watcher(EpollItem& item);
  EpollItem* first_watcher() const { return watchers_; }

 protected:
  std::atomic<u32> flags_;
  Ref<Inode> inode_;
  std::unique_ptr<Path> path_;

 private:
  friend class EpollItem;
  std::atomic<u64> position_{0};
  SpinLock position_lock_;
  EpollItem* watchers_ = nullptr;  // guarded by epoll's lock
  bool counted_writer_ = false;
};

}  // namespace hati::linux
