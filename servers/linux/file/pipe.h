// SPDX-License-Identifier: MIT
// Pipes and FIFOs (pipe(7)): a byte ring that grows up to the pipe's capacity. Shared by its ends (PipeFile), which count readers and writers;
// a FIFO's inode keeps it between opens.
#pragma once

#include <memory>

#include "base/ref.h"
#include "runtime/spinlock.h"
#include "servers/linux/file/file.h"

namespace hati::linux {

inline constexpr usize kPipeAtomic = 4096;  // PIPE_BUF
inline constexpr usize kPipeCapacity = 65536;
inline constexpr usize kPipeCapacityMax = 1 << 20;  // /proc/sys/fs/pipe-max-size

class Pipe : public RefCounted<Pipe> {
 public:
  static Ref<Pipe> create();
  static void destroy(Pipe* pipe) { delete pipe; }

  // kAGAIN: empty with writers (or never opened for writing by blocking rules). 0: end of file.
  SysResult<usize> read(IoBuffer& to) HATI_EXCLUDES(lock_);
  // kPIPE without readers, kAGAIN if nothing (or, up to kPipeAtomic bytes, not all) fits. `whole`: all or kAGAIN.
  SysResult<usize> write(IoBuffer& from, bool whole) HATI_EXCLUDES(lock_);
  // tee(2), splice(2): bytes are looked at, consume() takes them.
  usize peek(std::span<u8> to, usize skip = 0) const HATI_EXCLUDES(lock_);
  void consume(usize bytes) HATI_EXCLUDES(lock_);

  u32 poll(bool reader, bool writer, u32 writers_seen) const HATI_EXCLUDES(lock_);
  usize used() const HATI_EXCLUDES(lock_);
  usize room() const HATI_EXCLUDES(lock_);
  usize capacity() const HATI_EXCLUDES(lock_);
  // F_SETPIPE_SZ: rounded up; kBUSY if more is in it.
  SysResult<usize> set_capacity(usize bytes) HATI_EXCLUDES(lock_);

  void open_end(bool reader, bool writer) HATI_EXCLUDES(lock_);
  void close_end(bool reader, bool writer) HATI_EXCLUDES(lock_);
  u32 readers() const HATI_EXCLUDES(lock_);
  u32 writers() const HATI_EXCLUDES(lock_);
  // How often an end was ever opened: open(2) of a FIFO waits for this to change.
  u32 reader_opens() const HATI_EXCLUDES(lock_);
  u32 writer_opens() const HATI_EXCLUDES(lock_);

  WaitQueue& queue() { return queue_; }

 private:
  SysResult<> reserve(usize bytes) HATI_REQUIRES(lock_);
  usize room_locked() const HATI_REQUIRES(lock_) { return capacity_ - used_; }

  mutable SpinLock lock_;
  std::unique_ptr<u8[]> ring_ HATI_GUARDED_BY(lock_);
  usize ring_bytes_ HATI_GUARDED_BY(lock_) = 0;  // allocated
  usize head_ HATI_GUARDED_BY(lock_) = 0;  // first byte to read
  usize used_ HATI_GUARDED_BY(lock_) = 0;
  usize capacity_ HATI_GUARDED_BY(lock_) = kPipeCapacity;
  u32 readers_ HATI_GUARDED_BY(lock_) = 0, writers_ HATI_GUARDED_BY(lock_) = 0;
  u32 reader_opens_ HATI_GUARDED_BY(lock_) = 0, writer_opens_ HATI_GUARDED_BY(lock_) = 0;
  WaitQueue queue_;
};

class PipeFile final : public File {
 public:
  PipeFile(Ref<Pipe> pipe, u32 flags);
  Pipe& pipe() const { return *pipe_; }

  SysResult<usize> read(IoContext& context, IoBuffer& to) override;
  SysResult<usize> write(IoContext& context, IoBuffer& from) override;
  bool writes_everything() const override { return true; }
  u32 poll() override;
  WaitQueue* poll_queue() override { return &pipe_->queue(); }
  Task<SysResult<i64>> ioctl(Thread& thread, u32 request, u64 argument) override;
  SysResult<i64> control(u32 command, u64 argument) override;
  void on_release() override;
  std::string description() const override;
  PipeFile* as_pipe() override { return this; }

 private:
  const Ref<Pipe> pipe_;
  const u32 writers_seen_;  // POLLHUP only after a writer has been there
};

// The ends of a new pipe with their pseudo inode. flags: kOpenNonBlock.
struct PipeEnds {
  Ref<File> reader, writer;
};
PipeEnds make_pipe(u32 flags);

// open(2) of a FIFO: waits for the other end unless O_NONBLOCK or O_RDWR (fifo(7)).
SysResult<Ref<File>> open_fifo_now(Inode& inode, u32 flags);
Task<SysResult<Ref<File>>> open_fifo(Thread& thread, Ref<Inode> inode, u32 flags);

}  // namespace hati::linux
