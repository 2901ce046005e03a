// SPDX-License-Identifier: MIT
// read(2), write(2) and their relatives, lseek(2).
#include <array>

#include "servers/linux/core/calls_file.h"
#include "servers/linux/file/io.h"
#include "servers/linux/vfs/notify.h"

namespace hati::linux {

namespace {

constexpr u64 kVectorMax = 1024;  // IOV_MAX
constexpr u32 kKnownFlags = kRwHighPriority | kRwDataSync | kRwSync | kRwNoWait | kRwAppend;

SysResult<Ref<File>> readable_file(Thread& thread, Fd fd) {
  Ref<File> file = TRY(thread.files().get(fd));
  if (!file->readable()) return fail(Errno::kBADF);
  return file;
}

SysResult<Ref<File>> writable_file(Thread& thread, Fd fd) {
  Ref<File> file = TRY(thread.files().get(fd));
  if (!file->writable()) return fail(Errno::kBADF);
  return file;
}

// The ranges of an iovec array, cut to kTransferMax in all.
SysResult<std::vector<IoBuffer::Range>> get_ranges(Thread& thread, UserAddress vector, u64 count) {
  if (count > kVectorMax) return fail(Errno::kINVAL);
  std::vector<IoBuffer::Range> ranges(count);
  if (count > 0) TRY(thread.memory().read(vector.address, ranges.data(), count * sizeof(IoBuffer::Range)));
  u64 total = 0;
  for (IoBuffer::Range& range : ranges) {
    if (static_cast<i64>(range.bytes) < 0) return fail(Errno::kINVAL);
    range.bytes = std::min(range.bytes, kTransferMax - total);
    total += range.bytes;
  }
  return ranges;
}

u64 cut(u64 bytes) { return std::min(bytes, kTransferMax); }

SysResult<i64> as_result(SysResult<usize> result) {
  if (!result) return fail(result.error());
  return static_cast<i64>(*result);
}

}  // namespace

SysResult<i64> sys_read_now(Thread& thread, Fd fd, UserAddress to, u64 bytes) {
  const Ref<File> file = TRY(readable_file(thread, fd));
  IoBuffer buffer(thread.memory(), to.address, cut(bytes));
  return as_result(read_file_now(thread, *file, buffer));
}

Task<SysResult<i64>> sys_read(Thread& thread, Fd fd, UserAddress to, u64 bytes) {
  const Ref<File> file = CO_TRY(readable_file(thread, fd));
  IoBuffer buffer(thread.memory(), to.address, cut(bytes));
  co_return as_result(co_await read_file(thread, *file, buffer));
}

SysResult<i64> sys_write_now(Thread& thread, Fd fd, UserAddress from, u64 bytes) {
  const Ref<File> file = TRY(writable_file(thread, fd));
  IoBuffer buffer(thread.memory(), from.address, cut(bytes));
  return as_result(write_file_now(thread, *file, buffer));
}

Task<SysResult<i64>> sys_write(Thread& thread, Fd fd, UserAddress from, u64 bytes) {
  const Ref<File> file = CO_TRY(writable_file(thread, fd));
  IoBuffer buffer(thread.memory(), from.address, cut(bytes));
  co_return as_result(co_await write_file(thread, *file, buffer));
}

SysResult<i64> sys_readv_now(Thread& thread, Fd fd, UserAddress vector, u64 count) {
  const Ref<File> file = TRY(readable_file(thread, fd));
  const auto ranges = TRY(get_ranges(thread, vector, count));
  IoBuffer buffer(thread.memory(), ranges);
  return as_result(read_file_now(thread, *file, buffer));
}

Task<SysResult<i64>> sys_readv(Thread& thread, Fd fd, UserAddress vector, u64 count) {
  const Ref<File> file = CO_TRY(readable_file(thread, fd));
  const auto ranges = CO_TRY(get_ranges(thread, vector, count));
  IoBuffer buffer(thread.memory(), ranges);
  co_return as_result(co_await read_file(thread, *file, buffer));
}

SysResult<i64> sys_writev_now(Thread& thread, Fd fd, UserAddress vector, u64 count) {
  const Ref<File> file = TRY(writable_file(thread, fd));
  const auto ranges = TRY(get_ranges(thread, vector, count));
  IoBuffer buffer(thread.memory(), ranges);
  return as_result(write_file_now(thread, *file, buffer));
}

Task<SysResult<i64>> sys_writev(Thread& thread, Fd fd, UserAddress vector, u64 count) {
  const Ref<File> file = CO_TRY(writable_file(thread, fd));
  const auto ranges = CO_TRY(get_ranges(thread, vector, count));
  IoBuffer buffer(thread.memory(), ranges);
  co_return as_result(co_await write_file(thread, *file, buffer));
}

namespace {

// Where the bytes of a positioned call come from or go to.
struct Positioned {
  Ref<File> file;
  u64 offset;
};

SysResult<Positioned> positioned(Thread& thread, Fd fd, i64 offset, bool write) {
  if (offset < 0) return fail(Errno::kINVAL);
  return Positioned{TRY(write ? writable_file(thread, fd) : readable_file(thread, fd)), static_cast<u64>(offset)};
}

SysResult<i64> read_positioned_now(Thread& thread, Fd fd, IoBuffer& buffer, i64 offset) {
  const Positioned at = TRY(positioned(thread, fd, offset, false));
  IoContext context{.thread = &thread, .nonblock = at.file->nonblocking()};
  const SysResult<usize> done = at.file->read_at(context, buffer, at.offset);
  if (done && *done > 0) notify_file(*at.file, kNotifyAccess);
  return as_result(done);
}

SysResult<i64> write_positioned_now(Thread& thread, Fd fd, IoBuffer& buffer, i64 offset) {
  const Positioned at = TRY(positioned(thread, fd, offset, true));
  IoContext context{.thread = &thread, .nonblock = at.file->nonblocking()};
  const SysResult<usize> done = at.file->write_at(context, buffer, at.offset);
  if (done && *done > 0) notify_file(*at.file, kNotifyModify);
  return as_result(done);
}

Task<SysResult<i64>> read_positioned(Thread& thread, Fd fd, IoBuffer& buffer, i64 offset, u32 flags) {
  const Positioned at = CO_TRY(positioned(thread, fd, offset, false));
  co_return as_result(co_await read_file_at(&thread, *at.file, buffer, at.offset, flags));
}

Task<SysResult<i64>> write_positioned(Thread& thread, Fd fd, IoBuffer& buffer, i64 offset, u32 flags) {
  const Positioned at = CO_TRY(positioned(thread, fd, offset, true));
  co_return as_result(co_await write_file_at(&thread, *at.file, buffer, at.offset, flags));
}

}  // namespace

SysResult<i64> sys_pread64_now(Thread& thread, Fd fd, UserAddress to, u64 bytes, i64 offset) {
  IoBuffer buffer(thread.memory(), to.address, cut(bytes));
  return read_positioned_now(thread, fd, buffer, offset);
}

Task<SysResult<i64>> sys_pread64(Thread& thread, Fd fd, UserAddress to, u64 bytes, i64 offset) {
  IoBuffer buffer(thread.memory(), to.address, cut(bytes));
  co_return co_await read_positioned(thread, fd, buffer, offset, 0);
}

SysResult<i64> sys_pwrite64_now(Thread& thread, Fd fd, UserAddress from, u64 bytes, i64 offset) {
  IoBuffer buffer(thread.memory(), from.address, cut(bytes));
  return write_positioned_now(thread, fd, buffer, offset);
}

Task<SysResult<i64>> sys_pwrite64(Thread& thread, Fd fd, UserAddress from, u64 bytes, i64 offset) {
  IoBuffer buffer(thread.memory(), from.address, cut(bytes));
  co_return co_await write_positioned(thread, fd, buffer, offset, 0);
}

Task<SysResult<i64>> sys_preadv(Thread& thread, Fd fd, UserAddress vector, u64 count, i64 offset) {
  if (offset < 0) co_return fail(Errno::kINVAL);
  const auto ranges = CO_TRY(get_ranges(thread, vector, count));
  IoBuffer buffer(thread.memory(), ranges);
  co_return co_await read_positioned(thread, fd, buffer, offset, 0);
}

Task<SysResult<i64>> sys_pwritev(Thread& thread, Fd fd, UserAddress vector, u64 count, i64 offset) {
  if (offset < 0) co_return fail(Errno::kINVAL);
  const auto ranges = CO_TRY(get_ranges(thread, vector, count));
  IoBuffer buffer(thread.memory(), ranges);
  co_return co_await write_positioned(thread, fd, buffer, offset, 0);
}

// The high half of the offset (fifth argument) is unused on 64-bit machines. Offset -1: the file's own position.
Task<SysResult<i64>> sys_preadv2(Thread& thread, Fd fd, UserAddress vector, u64 count, i64 offset, u64, u32 flags) {
  if ((flags & ~kKnownFlags) != 0) co_return fail(Errno::kOPNOTSUPP);
  const auto ranges = CO_TRY(get_ranges(thread, vector, count));
  IoBuffer buffer(thread.memory(), ranges);
  if (offset != -1) co_return co_await read_positioned(thread, fd, buffer, offset, flags);
  const Ref<File> file = CO_TRY(readable_file(thread, fd));
  co_return as_result(co_await read_file(thread, *file, buffer, flags));
}

Task<SysResult<i64>> sys_pwritev2(Thread& thread, Fd fd, UserAddress vector, u64 count, i64 offset, u64, u32 flags) {
  if ((flags & ~kKnownFlags) != 0) co_return fail(Errno::kOPNOTSUPP);
  const auto ranges = CO_TRY(get_ranges(thread, vector, count));
  IoBuffer buffer(thread.memory(), ranges);
  if (offset != -1) co_return co_await write_positioned(thread, fd, buffer, offset, flags);
  const Ref<File> file = CO_TRY(writable_file(thread, fd));
  co_return as_result(co_await write_file(thread, *file, buffer, flags));
}

SysResult<i64> sys_lseek(Thread& thread, Fd fd, i64 offset, u32 whence) {
  const Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only()) return fail(Errno::kBADF);
  if (whence > 4) return fail(Errno::kINVAL);
  return file->seek(offset, whence);
}

}  // namespace hati::linux
