// SPDX-License-Identifier: MIT
#include "servers/linux/file/pipe.h"

#include <algorithm>
#include <cstring>

#include "servers/linux/core/thread.h"
#include "servers/linux/file/anonymous.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

namespace {

// A copy that met a bad address counts in whole pages only: as with Linux's page buffers, a small piece moves as a whole or not at all.
usize whole_pieces(const SysResult<usize>& moved, usize wanted) {
  if (!moved) return 0;
  return *moved < wanted ? *moved / kPageSize * kPageSize : *moved;
}

}  // namespace

Ref<Pipe> Pipe::create() { return Ref<Pipe>::adopt(std::make_unique<Pipe>().release()); }

// Room for `bytes` more in the ring's memory: grows by doubling, contents straightened.
SysResult<> Pipe::reserve(usize bytes) {
  if (used_ == 0) head_ = 0;
  if (used_ + bytes <= ring_bytes_) return {};
  usize grown = std::max<usize>(ring_bytes_, kPageSize);
  while (grown < used_ + bytes) grown *= 2;
  std::unique_ptr<u8[]> ring(new (std::nothrow) u8[grown]);
  if (ring == nullptr) return fail(Errno::kNOMEM);
  const usize first = std::min(used_, ring_bytes_ - head_);
  if (used_ > 0) {
    std::memcpy(ring.get(), ring_.get() + head_, first);
    std::memcpy(ring.get() + first, ring_.get(), used_ - first);
  }
  ring_ = std::move(ring);
  ring_bytes_ = grown;
  head_ = 0;
  return {};
}

SysResult<usize> Pipe::read(IoBuffer& to) {
  usize done = 0;
  bool had_no_room = false;
  {
    SpinGuard guard(lock_);
    if (to.left() == 0) return 0;
    if (used_ == 0) {
      if (writers_ == 0) return 0;
      return fail(Errno::kAGAIN);
    }
    had_no_room = room_locked() < kPipeAtomic;
    while (used_ > 0 && to.left() > 0) {
      const usize piece = std::min({used_, ring_bytes_ - head_, static_cast<usize>(to.left())});
      const usize moved = whole_pieces(to.copy_out(ring_.get() + head_, piece), piece);
      if (moved == 0 && done == 0) return fail(Errno::kFAULT);
      done += moved;
      used_ -= moved;
      head_ = (head_ + moved) & (ring_bytes_ - 1);
      if (moved < piece) break;
    }
  }
  if (had_no_room) queue_.wake(kPollOut | kPollWrNorm);
  return done;
}

SysResult<usize> Pipe::write(IoBuffer& from, bool whole) {
  usize done = 0;
  {
    SpinGuard guard(lock_);
    const usize wanted = from.left();
    if (wanted == 0) return 0;
    if (readers_ == 0) return fail(Errno::kPIPE);
    const usize room = room_locked();
    if (room == 0 || ((whole || wanted <= kPipeAtomic) && room < wanted)) return fail(Errno::kAGAIN);
    const usize bytes = std::min(wanted, room);
    TRY(reserve(bytes));
    while (done < bytes) {
      const usize tail = (head_ + used_) & (ring_bytes_ - 1);
      const usize piece = std::min(bytes - done, ring_bytes_ - tail);
      const usize moved = whole_pieces(from.copy_in(ring_.get() + tail, piece), piece);
      if (moved == 0 && done == 0) return fail(Errno::kFAULT);
      done += moved;
      used_ += moved;
      if (moved < piece) break;
    }
  }
  queue_.wake(kPollIn | kPollRdNorm);  // also if there was something: edge-triggered watchers count writes
  return done;
}

usize Pipe::peek(std::span<u8> to, usize skip) const {
  SpinGuard guard(lock_);
  if (skip >= used_) return 0;
  const usize bytes = std::min(to.size(), used_ - skip);
  for (usize done = 0; done < bytes;) {
    const usize at = (head_ + skip + done) & (ring_bytes_ - 1);
    const usize piece = std::min(bytes - done, ring_bytes_ - at);
    std::memcpy(to.data() + done, ring_.get() + at, piece);
    done += piece;
  }
  return bytes;
}

void Pipe::consume(usize bytes) {
  {
    SpinGuard guard(lock_);
    bytes = std::min(bytes, used_);
    if (bytes == 0) return;
    used_ -= bytes;
    head_ = (head_ + bytes) & (ring_bytes_ - 1);
  }
  queue_.wake(kPollOut | kPollWrNorm);
}

u32 Pipe::poll(bool reader, bool writer, u32 writers_seen) const {
  SpinGuard guard(lock_);
  u32 events = 0;
  if (reader) {
    if (used_ > 0) events |= kPollIn | kPollRdNorm;
    if (writers_ == 0 && writer_opens_ != writers_seen) events |= kPollHup;
  }
  if (writer) {
    if (room_locked() >= kPipeAtomic) events |= kPollOut | kPollWrNorm;
    if (readers_ == 0) events |= kPollErr;
  }
  return events;
}

usize Pipe::used() const {
  SpinGuard guard(lock_);
  return used_;
}

usize Pipe::room() const {
  SpinGuard guard(lock_);
  return room_locked();
}

usize Pipe::capacity() const {
  SpinGuard guard(lock_);
  return capacity_;
}

SysResult<usize> Pipe::set_capacity(usize bytes) {
  usize rounded = kPageSize;
  while (rounded < bytes) rounded *= 2;
  {
    SpinGuard guard(lock_);
    if (rounded < used_) return fail(Errno::kBUSY);
    capacity_ = rounded;
  }
  queue_.wake(kPollOut | kPollWrNorm);
  return rounded;
}

void Pipe::open_end(bool reader, bool writer) {
  {
    SpinGuard guard(lock_);
    if (reader) ++readers_, ++reader_opens_;
    if (writer) ++writers_, ++writer_opens_;
  }
  queue_.wake_all(kPollIn | kPollOut);
}

void Pipe::close_end(bool reader, bool writer) {
  {
    SpinGuard guard(lock_);
    if (reader) --readers_;
    if (writer) --writers_;
    if (readers_ == 0 && writers_ == 0) {  // a FIFO forgets what nobody read
      ring_.reset();
      ring_bytes_ = head_ = used_ = 0;
    }
  }
  queue_.wake_all(kPollIn | kPollOut | kPollHup | kPollErr | kPollRdNorm | kPollWrNorm);
}

u32 Pipe::readers() const {
  SpinGuard guard(lock_);
  return readers_;
}

u32 Pipe::writers() const {
  SpinGuard guard(lock_);
  return writers_;
}

u32 Pipe::reader_opens() const {
  SpinGuard guard(lock_);
  return reader_opens_;
}

u32 Pipe::writer_opens() const {
  SpinGuard guard(lock_);
  return writer_opens_;
}

PipeFile::PipeFile(Ref<Pipe> pipe, u32 flags)
    : File(flags), pipe_(std::move(pipe)), writers_seen_(pipe_->writers() > 0 ? ~0u : pipe_->writer_opens()) {
  pipe_->open_end(readable(), writable());
}

void PipeFile::on_release() { pipe_->close_end(readable(), writable()); }

SysResult<usize> PipeFile::read(IoContext& context, IoBuffer& to) { return pipe_->read(to); }
SysResult<usize> PipeFile::write(IoContext& context, IoBuffer& from) { return pipe_->write(from, context.whole); }
u32 PipeFile::poll() { return pipe_->poll(readable(), writable(), writers_seen_); }

Task<SysResult<i64>> PipeFile::ioctl(Thread& thread, u32 request, u64 argument) {
  constexpr u32 kFionread = 0x541b;
  if (request != kFionread) co_return fail(Errno::kNOTTY);
  CO_TRY(thread.memory().put(UserPtr<i32>{argument}, static_cast<i32>(pipe_->used())));
  co_return 0;
}

SysResult<i64> PipeFile::control(u32 command, u64 argument) {
  constexpr u32 kSetPipeSize = 1031, kGetPipeSize = 1032;
  if (command == kGetPipeSize) return static_cast<i64>(pipe_->capacity());
  if (command != kSetPipeSize) return fail(Errno::kINVAL);
  if (argument > (1u << 31)) return fail(Errno::kINVAL);
  if (argument > kPipeCapacityMax) return fail(Errno::kPERM);
  return static_cast<i64>(TRY(pipe_->set_capacity(argument)));
}

std::string PipeFile::description() const { return "pipe:[" + std::to_string(inode_->attributes().inode) + "]"; }

PipeEnds make_pipe(u32 flags) {
  auto pipe = Pipe::create();
  Ref<Inode> inode = make_pseudo_inode(PseudoKind::kPipe, kFifo | 0600);
  inode->set_fifo(pipe);
  const u32 status = flags & (kOpenNonBlock | kOpenDirect);
  PipeEnds ends;
  ends.reader = Ref<File>::adopt(std::make_unique<PipeFile>(pipe, kOpenReadOnly | status).release());
  ends.writer = Ref<File>::adopt(std::make_unique<PipeFile>(pipe, kOpenWriteOnly | status).release());
  ends.reader->set_location(inode, nullptr);
  ends.writer->set_location(inode, nullptr);
  return ends;
}

namespace {

Ref<File> fifo_file(Pipe& pipe, u32 flags) {
  return Ref<File>::adopt(std::make_unique<PipeFile>(Ref<Pipe>(pipe), flags & ~kOpenCreate).release());
}

}  // namespace

SysResult<Ref<File>> open_fifo_now(Inode& inode, u32 flags) {
  const Ref<Pipe> pipe = inode.fifo();
  // A pipe without a name, reached through /proc/PID/fd, has had its other end.
  if (std::string_view(inode.file_system().type_name()) == "pipefs") return fifo_file(*pipe, flags);
  switch (flags & kOpenAccessMode) {
    case kOpenReadWrite: return fifo_file(*pipe, flags);
    case kOpenReadOnly:
      if (pipe->writers() == 0 && (flags & kOpenNonBlock) == 0) return fail(Errno::kNEEDASYNC);
      return fifo_file(*pipe, flags);
    default:
      if (pipe->readers() == 0) return fail((flags & kOpenNonBlock) != 0 ? Errno::kNXIO : Errno::kNEEDASYNC);
      return fifo_file(*pipe, flags);
  }
}

Task<SysResult<Ref<File>>> open_fifo(Thread& thread, Ref<Inode> inode, u32 flags) {
  SysResult<Ref<File>> opened = open_fifo_now(*inode, flags);
  if (opened || opened.error() != Errno::kNEEDASYNC) co_return opened;
  const Ref<Pipe> pipe = inode->fifo();
  const bool reader = (flags & kOpenAccessMode) == kOpenReadOnly;
  Waiter waiter(&thread);
  waiter.add(pipe->queue());
  // Being there, even before the open has succeeded, is what the other end waits for.
  const u32 seen = reader ? pipe->writer_opens() : pipe->reader_opens();
  Ref<File> file = fifo_file(*pipe, flags);
  while ((reader ? pipe->writer_opens() : pipe->reader_opens()) == seen && (reader ? pipe->writers() : pipe->readers()) == 0)
    CO_TRY(co_await waiter.wait());
  co_return file;
}

}  // namespace hati::linux
