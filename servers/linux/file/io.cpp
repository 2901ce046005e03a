// SPDX-License-Identifier: MIT
#include "servers/linux/file/io.h"

#include "servers/linux/core/services.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/vfs/notify.h"

namespace hati::linux {

namespace {

constexpr u32 kReadEvents = kPollIn | kPollErr | kPollHup | kPollRdHup | kPollPri;
constexpr u32 kWriteEvents = kPollOut | kPollErr | kPollHup;

}  // namespace

SysResult<usize> read_file_now(Thread& thread, File& file, IoBuffer& to, u32 flags) {
  const bool nonblock = file.nonblocking() || (flags & kRwNoWait) != 0;
  IoContext context{.thread = &thread, .flags = flags, .nonblock = nonblock, .whole = !nonblock};
  SysResult<usize> result = file.read(context, to);
  if (!result && result.error() == Errno::kAGAIN && !context.nonblock) return fail(Errno::kNEEDASYNC);
  if (result && *result > 0) notify_file(file, kNotifyAccess);
  return result;
}

SysResult<usize> write_file_now(Thread& thread, File& file, IoBuffer& from, u32 flags) {
  const bool nonblock = file.nonblocking() || (flags & kRwNoWait) != 0;
  IoContext context{.thread = &thread, .flags = flags, .nonblock = nonblock, .whole = !nonblock && file.writes_everything()};
  SysResult<usize> result = file.write(context, from);
  if (result) {
    if (*result > 0) notify_file(file, kNotifyModify);
    return result;
  }
  if (result.error() == Errno::kAGAIN && !context.nonblock) return fail(Errno::kNEEDASYNC);
  if (result.error() == Errno::kPIPE) raise_signal(thread, kSigPipe);
  return result;
}

Task<SysResult<usize>> read_file(Thread& thread, File& file, IoBuffer& to, u32 flags) {
  IoContext context{.thread = &thread, .flags = flags, .nonblock = file.nonblocking() || (flags & kRwNoWait) != 0};
  Waiter waiter(&thread);
  WaitQueue* queue = file.poll_queue_for(thread);
  if (queue != nullptr && !context.nonblock) waiter.add(*queue, kReadEvents);
  for (;;) {
    const SysResult<usize> result = file.read(context, to);
    if (result && *result > 0) notify_file(file, kNotifyAccess);
    if (!result && result.error() == Errno::kNEEDASYNC) {
      CO_TRY(co_await file.fetch(context.missing));
      context.retry = true;
      continue;
    }
    if (result || result.error() != Errno::kAGAIN || context.nonblock || queue == nullptr) co_return result;
    const SysResult<> woken = co_await waiter.wait(context.deadline);
    context.retry = true;
    context.timed_out = !woken && woken.error() == Errno::kTIMEDOUT;
    if (!woken && !context.timed_out) {
      if (context.done > 0) co_return context.done;
      co_return fail(woken.error());
    }
  }
}

Task<SysResult<usize>> write_file(Thread& thread, File& file, IoBuffer& from, u32 flags) {
  IoContext context{.thread = &thread, .flags = flags, .nonblock = file.nonblocking() || (flags & kRwNoWait) != 0};
  Waiter waiter(&thread);
  WaitQueue* queue = file.poll_queue_for(thread);
  if (queue != nullptr && !context.nonblock) waiter.add(*queue, kWriteEvents);
  const auto partial = [&](Errno error) -> SysResult<usize> {
    if (context.done > 0) return context.done;
    return fail(error);
  };
  for (;;) {
    const SysResult<usize> result = file.write(context, from);
    if (result) {
      context.done += *result;
      if (*result > 0) notify_file(file, kNotifyModify);
      if (!file.writes_everything() || context.nonblock || from.left() == 0) co_return context.done;
      continue;
    }
    if (result.error() == Errno::kNEEDASYNC) {
      if (const SysResult<> fetched = co_await file.fetch(context.missing); !fetched) co_return partial(fetched.error());
      context.retry = true;
      continue;
    }
    if (result.error() == Errno::kPIPE) raise_signal(thread, kSigPipe);
    if (result.error() != Errno::kAGAIN || context.nonblock || queue == nullptr) co_return partial(result.error());
    const SysResult<> woken = co_await waiter.wait(context.deadline);
    context.retry = true;
    context.timed_out = !woken && woken.error() == Errno::kTIMEDOUT;
    if (!woken && !context.timed_out) co_return partial(woken.error());
  }
}

namespace {

// File::read_at() or File::write_at(), and what watchers are told.
struct Transfer {
  SysResult<usize> (File::*step)(IoContext& context, IoBuffer& buffer, u64 offset);
  u32 notice;
};

Task<SysResult<usize>> transfer_at(Thread* thread, File& file, IoBuffer& buffer, u64 offset, u32 flags, Transfer transfer) {
  IoContext context{.thread = thread, .flags = flags};
  for (;;) {
    const SysResult<usize> result = (file.*transfer.step)(context, buffer, offset);
    if (result && *result > 0 && thread != nullptr) notify_file(file, transfer.notice);
    if (result || result.error() != Errno::kNEEDASYNC) co_return result;
    CO_TRY(co_await file.fetch(context.missing));
    context.retry = true;
  }
}

}  // namespace

Task<SysResult<usize>> read_file_at(Thread* thread, File& file, IoBuffer& to, u64 offset, u32 flags) {
  return transfer_at(thread, file, to, offset, flags, {&File::read_at, kNotifyAccess});
}

Task<SysResult<usize>> write_file_at(Thread* thread, File& file, IoBuffer& from, u64 offset, u32 flags) {
  return transfer_at(thread, file, from, offset, flags, {&File::write_at, kNotifyModify});
}

SysResult<usize> SeekableFile::read(IoContext& context, IoBuffer& to) {
  SpinGuard guard(position_lock());
  const usize done = TRY(read_at(context, to, position()));
  set_position(position() + done);
  return done;
}

SysResult<usize> SeekableFile::write(IoContext& context, IoBuffer& from) {
  SpinGuard guard(position_lock());
  if ((flags() & kOpenAppend) != 0 || (context.flags & kRwAppend) != 0) {
    u64 end = position();
    const usize done = TRY(append(context, from, end));
    set_position(end);
    return done;
  }
  const usize done = TRY(write_at(context, from, position()));
  set_position(position() + done);
  return done;
}

SysResult<usize> SeekableFile::append(IoContext& context, IoBuffer& from, u64& position) {
  const u64 end = TRY(size());
  const usize done = TRY(write_at(context, from, end));
  position = end + done;
  return done;
}

SysResult<usize> ContentFile::write_at(IoContext& context, IoBuffer& from, u64 offset) {
  const bool at_end = (flags() & kOpenAppend) != 0 || (context.flags & kRwAppend) != 0;  // pwrite(2), "BUGS": O_APPEND wins
  if (at_end) return append(context, from, offset);
  return write_limited(context, from, offset, false);
}

SysResult<usize> ContentFile::append(IoContext& context, IoBuffer& from, u64& position) {
  u64 offset = TRY(size());
  const usize done = TRY(write_limited(context, from, offset, true));
  position = offset + done;
  return done;
}

SysResult<usize> ContentFile::write_limited(IoContext& context, IoBuffer& from, u64& offset, bool at_end) {
  if (context.thread != nullptr && from.left() > 0) {
    const u64 allowed = TRY(check_file_size(*context.thread, offset, from.left()));
    if (allowed < from.left()) from.limit(allowed);
  }
  return write_content(context, from, offset, at_end);
}

SysResult<u64> SeekableFile::seek_content(u64 offset, u32 whence) {
  const u64 end = TRY(size());
  if (offset >= end) return fail(Errno::kNXIO);
  return whence == 3 ? offset : end;
}

SysResult<i64> SeekableFile::seek(i64 offset, u32 whence) {
  SpinGuard guard(position_lock());
  u64 base = 0;
  switch (whence) {
    case 0: break;
    case 1: base = position(); break;
    case 2: base = TRY(size()); break;
    case 3:
    case 4:
      if (offset < 0) return fail(Errno::kNXIO);
      base = TRY(seek_content(static_cast<u64>(offset), whence));
      offset = 0;
      break;
    default: return fail(Errno::kINVAL);
  }
  i64 result;
  if (__builtin_add_overflow(static_cast<i64>(base), offset, &result) || result < 0) return fail(Errno::kINVAL);
  set_position(static_cast<u64>(result));
  return result;
}

}  // namespace hati::linux
