// SPDX-License-Identifier: MIT
// Contents of regular files: copies between programs and the node's paged memory; what is missing there is brought in coroutines.
#include <algorithm>

#include "runtime/operation.h"
#include "servers/linux/core/services.h"
#include "servers/linux/fs/remote/inode.h"

namespace hati::linux {

namespace {

constexpr u64 kSizeMax = u64{1} << 44;  // 16 TiB: what ext4's extents of 4 KiB blocks reach
constexpr u64 kRoomMin = 64 << 10;      // so much is set aside at once for a file that grows

// A missing page was brought for this place before, and still nothing can be copied: it is the program's memory that is bad.
bool stuck(const IoContext& context, Missing::What what, u64 offset) {
  return context.retry && context.missing.what == what && context.missing.offset == offset;
}

SysResult<usize> want(IoContext& context, Missing missing) {
  context.missing = missing;
  return fail(Errno::kNEEDASYNC);
}

}  // namespace

Task<SysResult<>> RemoteInode::open_content() {
  Attachments out;
  const auto reply = CO_TRY(co_await remote().ask(file_system::OpenDataRequest{.node = node_}, nullptr, &out));
  if (out.handles.size() != 1) co_return fail(Errno::kIO);
  SpinGuard guard(content_lock_);
  if (memory() != kNoHandle) co_return SysResult<>{};  // another one was quicker
  memory_ = std::move(out.handles[0]);
  room_.store(reply.memory_bytes, std::memory_order_release);
  memory_handle_.store(memory_.get(), std::memory_order_release);
  co_return SysResult<>{};
}

SysResult<usize> RemoteInode::read(IoContext& context, IoBuffer& to, u64 offset) {
  const u64 end = size();
  if (offset >= end || to.left() == 0) return 0;
  const usize bytes = std::min<u64>(to.left(), end - offset);
  if (memory() == kNoHandle) return want(context, {.what = Missing::What::kPages, .offset = offset, .bytes = bytes});
  const IoBuffer::Mark start = to.mark();
  const SysResult<usize> done = to.copy_from_memory(memory(), offset, bytes);
  if (!done && done.error() != Errno::kNEEDASYNC) return done;
  const usize got = done ? *done : 0;
  if (got == bytes) return got;
  const bool no_wait = (context.flags & kRwNoWait) != 0;  // O_NONBLOCK is nothing to regular files
  if (stuck(context, Missing::What::kPages, offset + got) || no_wait) {
    if (got > 0) return got;
    return fail(no_wait ? Errno::kAGAIN : Errno::kFAULT);
  }
  to.rewind(start);  // a read is whole, as long as there is something to read
  return want(context, {.what = Missing::What::kPages, .offset = offset + got, .bytes = bytes - got});
}

SysResult<usize> RemoteInode::write(IoContext& context, IoBuffer& from, u64& offset, bool at_end) {
  SpinGuard guard(content_lock_);
  if (at_end) offset = size();
  u64 bytes = from.left();
  if (bytes == 0) return 0;
  if (offset >= kSizeMax) return fail(Errno::kFBIG);
  bytes = std::min(bytes, kSizeMax - offset);
  if (offset + bytes > room_.load(std::memory_order_acquire)) {
    if (stuck(context, Missing::What::kRoom, offset)) return fail(Errno::kIO);
    return want(context, {.what = Missing::What::kRoom, .write = true, .offset = offset, .bytes = bytes});
  }
  const IoBuffer::Mark start = from.mark();
  const SysResult<usize> done = from.copy_to_memory(memory(), offset, bytes);
  if (!done && done.error() != Errno::kNEEDASYNC) return done;
  const usize put = done ? *done : 0;
  if (put < bytes && !stuck(context, Missing::What::kPages, offset + put)) {
    from.rewind(start);
    return want(context, {.what = Missing::What::kPages, .write = true, .offset = offset + put, .bytes = bytes - put});
  }
  if (put == 0) return fail(Errno::kFAULT);
  changed_now(offset + put > size() ? std::optional(offset + put) : std::nullopt);
  if (const u32 changed = mode_after_write(mode(), context.thread); changed != mode()) {
    mode_.store(changed, std::memory_order_relaxed);
    SpinGuard attributes_guard(lock_);
    unsent_.mode = true;
  }
  return put;
}

void RemoteInode::add_writable_mapping() {
  bool first = false;
  {
    SpinGuard guard(lock_);
    if (writable_mappings_.fetch_add(1, std::memory_order_acq_rel) == 0) {
      MemoryInfo info{};
      if (call::memory_info(memory(), info)) mapped_writes_ = info.mapped_writes;
    }
    first = !std::exchange(listed_, true);
  }
  if (first) remote().note_changed(*this);
}

void RemoteInode::remove_writable_mapping() {
  notice_mapped_writes();
  SpinGuard guard(lock_);
  writable_mappings_.fetch_sub(1, std::memory_order_acq_rel);
}

void RemoteInode::notice_mapped_writes() {
  if (writable_mappings_.load(std::memory_order_acquire) == 0) return;
  {
    SpinGuard guard(lock_);
    MemoryInfo info{};
    if (!call::memory_info(memory(), info) || info.mapped_writes == mapped_writes_) return;
    mapped_writes_ = info.mapped_writes;
  }
  changed_now(std::nullopt);
}

Task<SysResult<>> RemoteInode::fetch(Missing missing) {
  if (memory() == kNoHandle) CO_TRY(co_await open_content());
  if (missing.bytes == 0) co_return SysResult<>{};
  if (missing.what == Missing::What::kRoom) {
    const Mutex::Guard guard_resizing = co_await resizing_.lock();
    const u64 end = missing.offset + missing.bytes;
    // Twice as much each time, within bounds: a growing file asks rarely.
    const u64 ahead = std::clamp<u64>(size(), kRoomMin, u64{8} << 20);
    auto reply = co_await remote().ask(file_system::ReserveRequest{.node = node_, .privileged = 1, .bytes = page_ceil(end + ahead)});
    if (!reply && reply.error() == Errno::kNOSPC)  // just as much as is needed
      reply = co_await remote().ask(file_system::ReserveRequest{.node = node_, .privileged = 1, .bytes = page_ceil(end)});
    if (!reply) co_return fail(reply.error());
    SpinGuard guard(content_lock_);
    room_.store(reply->memory_bytes, std::memory_order_release);
    co_return SysResult<>{};
  }
  const u64 first = page_floor(missing.offset);
  const auto brought = co_await page_in(memory(), first, page_ceil(missing.offset + missing.bytes) - first, missing.write);
  if (!brought && brought.error() == Error::kNoMemory) co_return fail(Errno::kNOMEM);
  if (!brought && brought.error() == Error::kCancelled) co_return fail(Errno::kINTR);
  if (!brought) co_return fail(Errno::kIO);
  co_return SysResult<>{};
}

Task<SysResult<>> RemoteInode::resize(u64 bytes) {
  if (is(kDirectory)) co_return fail(Errno::kISDIR);
  if (!is(kRegular)) co_return fail(Errno::kINVAL);
  if (bytes > kSizeMax) co_return fail(Errno::kFBIG);
  if (memory() == kNoHandle) CO_TRY(co_await open_content());
  const Mutex::Guard guard_resizing = co_await resizing_.lock();
  const u64 tail = bytes % kPageSize;
  if (bytes < size() && tail != 0) {
    // The rest of the last page must read as zeroes when the file grows again, also through mmap.
    static constexpr std::byte kZeroes[kPageSize] = {};
    const auto clear = [&] { return call::copy(memory(), bytes, kOwnSpace, reinterpret_cast<u64>(kZeroes), kPageSize - tail); };
    if (auto cleared = clear(); !cleared && cleared.error() == Error::kNotResident) {
      CO_TRY(co_await fetch({.what = Missing::What::kPages, .write = true, .offset = bytes, .bytes = 1}));
      (void)clear();
    }
  }
  {
    SpinGuard guard(content_lock_);
    if (bytes < size()) room_.store(page_ceil(bytes), std::memory_order_release);
    changed_now(bytes);
  }
  co_return co_await push();
}

Task<SysResult<>> RemoteInode::allocate(u32 mode, u64 offset, u64 bytes) {
  constexpr u32 kKeepSize = 1;
  if (memory() == kNoHandle) CO_TRY(co_await open_content());
  const Mutex::Guard guard_resizing = co_await resizing_.lock();
  CO_TRY(co_await push());
  CO_TRY(co_await remote().ask(
      file_system::AllocateRequest{.node = node_, .flags = mode, .offset = offset, .bytes = bytes, .caller = caller_for(0, 0)}));
  if ((mode & kKeepSize) == 0 && offset + bytes > size()) changed_now(offset + bytes);
  co_return co_await refresh();
}

Task<SysResult<>> RemoteInode::sync(bool data_only) {
  CO_TRY(co_await push());
  CO_TRY(co_await remote().ask(file_system::SyncRequest{.node = node_, .data_only = data_only ? 1u : 0u, .offset = 0, .bytes = 0}));
  co_return co_await refresh();  // how many blocks it has
}

// The kernel takes advice on order for the whole content, not for one open file as Linux does.
void RemoteInode::advise(MemoryAdvice advice, u64 offset, u64 bytes) {
  constexpr u64 kPieceMax = 256 << 10, kAheadMax = 2 << 20;  // what the kernel brings at once; what one call may ask for
  if (memory() == kNoHandle || offset >= size()) return;
  bytes = std::min(bytes, page_ceil(size()) - offset);
  if (advice != MemoryAdvice::kWillNeed) {
    (void)call::memory_advise(memory(), advice, offset, bytes);
    return;
  }
  for (u64 done = 0; done < std::min(bytes, kAheadMax); done += kPieceMax)
    (void)call::memory_advise(memory(), advice, offset + done, std::min(bytes - done, kPieceMax));
}

}  // namespace hati::linux
