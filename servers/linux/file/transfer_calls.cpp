// SPDX-License-Identifier: MIT
// Calls that move bytes between descriptors, and those about storage: sendfile(2), copy_file_range(2), splice(2), tee(2), vmsplice(2), fallocate(2), fsync(2),
// sync(2), posix_fadvise(2), sync_file_range(2), readahead(2).
#include <array>

#include "servers/linux/core/calls_file.h"
#include "servers/linux/core/services.h"
#include "servers/linux/file/io.h"
#include "servers/linux/file/pipe.h"
#include "servers/linux/vfs/notify.h"

namespace hati::linux {

namespace {

constexpr usize kPiece = 65536;

// One end of a transfer: at an offset of its own, or at the file's position.
struct End {
  Ref<File> file;
  bool has_offset = false;
  u64 offset = 0;
};

SysResult<End> end_of(Thread& thread, Fd fd, UserPtr<i64> offset, bool writing) {
  End end{.file = TRY(thread.files().get(fd))};
  if (writing ? !end.file->writable() : !end.file->readable()) return fail(Errno::kBADF);
  if (!offset) return end;
  if (end.file->as_pipe() != nullptr || end.file->as_socket() != nullptr || end.file->as_terminal() != nullptr) return fail(Errno::kSPIPE);
  const i64 value = TRY(thread.memory().get(offset));
  if (value < 0) return fail(Errno::kINVAL);
  end.has_offset = true;
  end.offset = static_cast<u64>(value);
  return end;
}

SysResult<> put_offset(Thread& thread, UserPtr<i64> to, const End& end) {
  if (!end.has_offset) return {};
  return thread.memory().put(to, static_cast<i64>(end.offset));
}

Task<SysResult<usize>> read_piece(Thread& thread, End& from, std::span<u8> to) {
  IoBuffer buffer(to);
  if (!from.has_offset) co_return co_await read_file(thread, *from.file, buffer);
  const SysResult<usize> done = co_await read_file_at(&thread, *from.file, buffer, from.offset);
  if (done) from.offset += *done;
  co_return done;
}

Task<SysResult<usize>> write_piece(Thread& thread, End& to, std::span<u8> from) {
  IoBuffer buffer(from);
  if (!to.has_offset) co_return co_await write_file(thread, *to.file, buffer);
  const SysResult<usize> done = co_await write_file_at(&thread, *to.file, buffer, to.offset);
  if (done) to.offset += *done;
  co_return done;
}

// Takes back bytes that were read but could not be written.
void put_back(End& from, usize bytes) {
  if (from.has_offset) {
    from.offset -= bytes;
  } else {
    (void)from.file->seek(-static_cast<i64>(bytes), 1);
  }
}

Task<SysResult<usize>> transfer(Thread& thread, End& from, End& to, u64 count) {
  std::vector<u8> piece(std::min<u64>(count, kPiece));
  usize done = 0;
  while (done < count) {
    const SysResult<usize> got = co_await read_piece(thread, from, std::span(piece).first(std::min<u64>(count - done, piece.size())));
    if (!got || *got == 0) {
      if (!got && done == 0) co_return got;
      break;
    }
    const SysResult<usize> put = co_await write_piece(thread, to, std::span(piece).first(*got));
    const usize written = put ? *put : 0;
    if (written < *got) put_back(from, *got - written);
    done += written;
    if (!put && done == 0) co_return put;
    if (written < *got) break;
  }
  co_return done;
}

SysResult<i64> as_result(const SysResult<usize>& result) {
  if (!result) return fail(result.error());
  return static_cast<i64>(*result);
}

}  // namespace

Task<SysResult<i64>> sys_sendfile(Thread& thread, Fd out, Fd in, UserPtr<i64> offset, u64 count) {
  End from = CO_TRY(end_of(thread, in, offset, false));
  End to = CO_TRY(end_of(thread, out, {}, true));
  if ((to.file->flags() & kOpenAppend) != 0) co_return fail(Errno::kINVAL);
  if (from.file->inode() == nullptr || from.file->inode()->is(kDirectory)) co_return fail(Errno::kINVAL);
  // Only what can be sought: bytes of a stream could be lost on the way.
  if (from.file->as_pipe() != nullptr || from.file->as_socket() != nullptr || from.file->as_terminal() != nullptr)
    co_return fail(Errno::kINVAL);
  const SysResult<usize> done = co_await transfer(thread, from, to, std::min(count, kTransferMax));
  CO_TRY(put_offset(thread, offset, from));
  co_return as_result(done);
}

Task<SysResult<i64>> sys_copy_file_range(Thread& thread, Fd in, UserPtr<i64> in_offset, Fd out, UserPtr<i64> out_offset, u64 count,
                                         u32 flags) {
  if (flags != 0) co_return fail(Errno::kINVAL);
  End from = CO_TRY(end_of(thread, in, in_offset, false));
  End to = CO_TRY(end_of(thread, out, out_offset, true));
  for (const End* end : {&from, &to}) {
    if (end->file->inode() == nullptr) co_return fail(Errno::kINVAL);
    if (end->file->inode()->is(kDirectory)) co_return fail(Errno::kISDIR);
    if (!end->file->inode()->is(kRegular)) co_return fail(Errno::kINVAL);
  }
  if ((to.file->flags() & kOpenAppend) != 0) co_return fail(Errno::kBADF);
  if (from.file->inode() == to.file->inode()) {
    const u64 source = from.has_offset ? from.offset : from.file->position(), target = to.has_offset ? to.offset : to.file->position();
    if (source < target + count && target < source + count) co_return fail(Errno::kINVAL);
  }
  const SysResult<usize> done = co_await transfer(thread, from, to, std::min(count, kTransferMax));
  CO_TRY(put_offset(thread, in_offset, from));
  CO_TRY(put_offset(thread, out_offset, to));
  co_return as_result(done);
}

namespace {

enum SpliceFlags : u32 { kSpliceMove = 1, kSpliceNonBlock = 2, kSpliceMore = 4, kSpliceGift = 8, kSpliceAll = 15 };

Task<SysResult<>> wait_for(Thread& thread, Pipe& pipe, u32 events, bool nonblock) {
  if (nonblock) co_return fail(Errno::kAGAIN);
  Waiter waiter(&thread);
  waiter.add(pipe.queue(), events | kPollHup | kPollErr);
  const bool ready = (events & kPollIn) != 0 ? pipe.used() > 0 || pipe.writers() == 0 : pipe.room() > 0 || pipe.readers() == 0;
  if (ready) co_return SysResult<>{};
  co_return co_await waiter.wait();
}

// Out of a pipe: only what was written elsewhere is consumed.
Task<SysResult<usize>> splice_from_pipe(Thread& thread, Pipe& pipe, End& to, u64 count, bool nonblock) {
  while (pipe.used() == 0) {
    if (pipe.writers() == 0) co_return 0;
    CO_TRY(co_await wait_for(thread, pipe, kPollIn, nonblock));
  }
  std::vector<u8> piece(std::min<u64>(count, kPiece));
  const usize got = pipe.peek(piece);
  const usize written = CO_TRY(co_await write_piece(thread, to, std::span(piece).first(got)));
  pipe.consume(written);
  co_return written;
}

Task<SysResult<usize>> splice_to_pipe(Thread& thread, End& from, Pipe& pipe, u64 count, bool nonblock) {
  while (pipe.room() == 0 && pipe.readers() > 0) CO_TRY(co_await wait_for(thread, pipe, kPollOut, nonblock));
  std::vector<u8> piece(std::min<u64>({count, kPiece, std::max<usize>(pipe.room(), 1)}));
  const usize got = CO_TRY(co_await read_piece(thread, from, piece));
  if (got == 0) co_return 0;
  End to{.file = nullptr};
  IoBuffer buffer(std::span(piece).first(got));
  co_return pipe.write(buffer, false);
}

}  // namespace

Task<SysResult<i64>> sys_splice(Thread& thread, Fd in, UserPtr<i64> in_offset, Fd out, UserPtr<i64> out_offset, u64 count, u32 flags) {
  if ((flags & ~u32{kSpliceAll}) != 0) co_return fail(Errno::kINVAL);
  if (count == 0) co_return 0;
  End from = CO_TRY(end_of(thread, in, in_offset, false));
  End to = CO_TRY(end_of(thread, out, out_offset, true));
  PipeFile* source = from.file->as_pipe();
  PipeFile* target = to.file->as_pipe();
  if (source == nullptr && target == nullptr) co_return fail(Errno::kINVAL);
  if ((source != nullptr && in_offset) || (target != nullptr && out_offset)) co_return fail(Errno::kSPIPE);
  if (source != nullptr && target != nullptr && &source->pipe() == &target->pipe()) co_return fail(Errno::kINVAL);
  if (target == nullptr && (to.file->flags() & kOpenAppend) != 0) co_return fail(Errno::kINVAL);
  const bool nonblock = (flags & kSpliceNonBlock) != 0;
  SysResult<usize> done;
  if (source != nullptr) {
    done = co_await splice_from_pipe(thread, source->pipe(), to, std::min(count, kTransferMax), nonblock || from.file->nonblocking());
  } else {
    done = co_await splice_to_pipe(thread, from, target->pipe(), std::min(count, kTransferMax), nonblock || to.file->nonblocking());
  }
  CO_TRY(put_offset(thread, in_offset, from));
  CO_TRY(put_offset(thread, out_offset, to));
  co_return as_result(done);
}

Task<SysResult<i64>> sys_tee(Thread& thread, Fd in, Fd out, u64 count, u32 flags) {
  if ((flags & ~u32{kSpliceAll}) != 0) co_return fail(Errno::kINVAL);
  if (count == 0) co_return 0;
  const End from = CO_TRY(end_of(thread, in, {}, false));
  const End to = CO_TRY(end_of(thread, out, {}, true));
  if (from.file->as_pipe() == nullptr || to.file->as_pipe() == nullptr) co_return fail(Errno::kINVAL);
  Pipe& source = from.file->as_pipe()->pipe();
  Pipe& target = to.file->as_pipe()->pipe();
  if (&source == &target) co_return fail(Errno::kINVAL);
  const bool nonblock = (flags & kSpliceNonBlock) != 0;
  while (source.used() == 0) {
    if (source.writers() == 0) co_return 0;
    CO_TRY(co_await wait_for(thread, source, kPollIn, nonblock));
  }
  while (target.room() == 0 && target.readers() > 0) CO_TRY(co_await wait_for(thread, target, kPollOut, nonblock));
  std::vector<u8> piece(std::min<u64>({count, kPiece, std::max<usize>(target.room(), 1)}));
  const usize got = source.peek(piece);
  IoBuffer buffer(std::span(piece).first(got));
  co_return as_result(target.write(buffer, false));
}

// Into a pipe it is writev(2), out of it readv(2): pages are copied, which SPLICE_F_GIFT allows.
Task<SysResult<i64>> sys_vmsplice(Thread& thread, Fd fd, UserAddress vector, u64 count, u32 flags) {
  if ((flags & ~u32{kSpliceAll}) != 0) co_return fail(Errno::kINVAL);
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->as_pipe() == nullptr) co_return fail(Errno::kBADF);
  if (count > 1024) co_return fail(Errno::kINVAL);
  const auto ranges = CO_TRY(thread.memory().get_array(vector.as<const IoBuffer::Range>(), count, 1024));
  IoBuffer buffer(thread.memory(), ranges);
  const u32 how = (flags & kSpliceNonBlock) != 0 ? u32{kRwNoWait} : 0u;
  if (file->writable()) co_return as_result(co_await write_file(thread, *file, buffer, how));
  co_return as_result(co_await read_file(thread, *file, buffer, how));
}

Task<SysResult<i64>> sys_fallocate(Thread& thread, Fd fd, u32 mode, i64 offset, i64 bytes) {
  if (offset < 0 || bytes <= 0) co_return fail(Errno::kINVAL);
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (!file->writable()) co_return fail(Errno::kBADF);
  if ((mode & ~0x7fu) != 0) co_return fail(Errno::kOPNOTSUPP);
  if ((mode & 2) != 0 && (mode & 1) == 0) co_return fail(Errno::kOPNOTSUPP);
  if (file->as_pipe() != nullptr) co_return fail(Errno::kSPIPE);
  if (file->inode() != nullptr && file->inode()->is(kDirectory)) co_return fail(Errno::kISDIR);
  if (mode == 0) CO_TRY(check_file_size(thread, static_cast<u64>(offset) + static_cast<u64>(bytes) - 1, 1));
  CO_TRY(co_await file->allocate(thread, mode, static_cast<u64>(offset), static_cast<u64>(bytes)));
  notify_file(*file, kNotifyModify);
  co_return 0;
}

namespace {

Task<SysResult<i64>> sync_file(Thread& thread, Fd fd, bool data_only) {
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->is_path_only()) co_return fail(Errno::kBADF);
  CO_TRY(co_await file->sync(data_only));
  co_return 0;
}

}  // namespace

Task<SysResult<i64>> sys_fsync(Thread& thread, Fd fd) { return sync_file(thread, fd, false); }
Task<SysResult<i64>> sys_fdatasync(Thread& thread, Fd fd) { return sync_file(thread, fd, true); }

Task<SysResult<i64>> sys_sync(Thread& thread) {
  co_await vfs_sync_all(thread.world());
  co_return 0;
}

Task<SysResult<i64>> sys_syncfs(Thread& thread, Fd fd) {
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->is_path_only()) co_return fail(Errno::kBADF);
  if (file->inode() != nullptr) CO_TRY(co_await file->inode()->file_system().sync());
  co_return 0;
}

SysResult<i64> sys_fadvise64(Thread& thread, Fd fd, i64 offset, i64 bytes, u32 advice) {
  const Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only()) return fail(Errno::kBADF);
  if (file->as_pipe() != nullptr) return fail(Errno::kSPIPE);
  if (bytes < 0 || advice > 5) return fail(Errno::kINVAL);
  const u64 from = static_cast<u64>(std::max<i64>(offset, 0)), count = bytes == 0 ? ~u64{0} : static_cast<u64>(bytes);
  switch (advice) {
    case 0: file->advise(MemoryAdvice::kNormal, from, count); break;
    case 1: file->advise(MemoryAdvice::kRandom, from, count); break;
    case 2: file->advise(MemoryAdvice::kSequential, from, count); break;
    case 3: file->advise(MemoryAdvice::kWillNeed, from, count); break;
    case 4: file->advise(MemoryAdvice::kDontNeed, from, count); break;
    default: break;  // POSIX_FADV_NOREUSE: Linux does nothing either
  }
  return 0;
}

SysResult<i64> sys_readahead(Thread& thread, Fd fd, i64 offset, u64 bytes) {
  const Ref<File> file = TRY(thread.files().get(fd));
  if (!file->readable()) return fail(Errno::kBADF);
  if (file->inode() == nullptr || !file->inode()->is(kRegular)) return fail(Errno::kINVAL);
  file->advise(MemoryAdvice::kWillNeed, static_cast<u64>(std::max<i64>(offset, 0)), bytes);
  return 0;
}

SysResult<i64> sys_sync_file_range(Thread& thread, Fd fd, i64 offset, i64 bytes, u32 flags) {
  if ((flags & ~7u) != 0 || offset < 0 || bytes < 0) return fail(Errno::kINVAL);
  const Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only()) return fail(Errno::kBADF);
  if (file->as_pipe() != nullptr || file->inode() == nullptr) return fail(Errno::kSPIPE);
  return 0;
}

}  // namespace hati::linux
