// SPDX-License-Identifier: MIT
// Contents of regular files. The Memory object, once made, stays until the inode goes and is always as large as the file, in whole pages: so an
// access through mmap beyond the end is SIGBUS. Writers hold lock_ over the copy; readers do not need it.
#include <algorithm>

#include "runtime/call.h"
#include "servers/linux/fs/tmpfs/tmpfs.h"
#include "servers/linux/vfs/directory_file.h"

namespace hati::linux {

namespace {

enum Seals : u32 { kSealSeal = 1, kSealShrink = 2, kSealGrow = 4, kSealWrite = 8, kSealFutureWrite = 16, kSealsAll = 31 };
constexpr u64 kSizeMax = 0x7fff'ffff'ffff'f000;

u64 pages_for(u64 bytes) { return page_ceil(bytes) / kPageSize; }

}  // namespace

u64 TmpfsInode::resident_pages() const {
  MemoryInfo info{};
  if (!memory_ || !call::memory_info(memory_.get(), info)) return 0;
  return info.resident_bytes / kPageSize;
}

void TmpfsInode::recount_pages() {
  const u64 now = resident_pages();
  if (now < charged_) tmpfs().discharge_pages(charged_ - now);
  if (now > charged_) {
    const u64 granted = tmpfs().charge_pages(now - charged_);
    charged_ += granted;
    return;
  }
  charged_ = now;
}

// How far the Memory object reaches for a file of `bytes`: holes for which the file system has no pages are left out, so that touching
// them through mmap is SIGBUS.
u64 TmpfsInode::reach(u64 bytes) const {
  const u64 wanted = page_ceil(bytes), have = memory_bytes_;
  if (wanted <= have) return wanted;
  const u64 room = tmpfs().pages_free();
  return (wanted - have) / kPageSize <= room ? wanted : have + room * kPageSize;
}

SysResult<> TmpfsInode::make_room(u64 end) {
  const u64 bytes = page_ceil(end);
  if (!memory_) {
    memory_ = TRY(from_native(Memory::create(bytes)));
    memory_bytes_ = bytes;
    handle_.store(memory_.get(), std::memory_order_release);
  } else if (bytes > memory_bytes_) {
    TRY(from_native(memory_.resize(bytes)));
    memory_bytes_ = bytes;
  }
  return {};
}

// How many of `bytes` at `offset` the file system has pages for. Files without holes are counted by size, others by asking the kernel.
SysResult<u64> TmpfsInode::charge_for(u64 offset, u64 bytes) {
  const u64 end = offset + bytes;
  if (offset > page_ceil(size())) sparse_ = true;
  if (sparse_) {
    const u64 wanted = pages_for(end) - offset / kPageSize;
    const u64 granted = tmpfs().charge_pages(wanted);
    tmpfs().discharge_pages(granted);
    if (granted == wanted) return bytes;
    const u64 reachable = page_floor(offset) + granted * kPageSize;
    if (reachable <= offset) return fail(Errno::kNOSPC);
    return std::min(bytes, reachable - offset);
  }
  const u64 needed = pages_for(end);
  if (needed <= charged_) return bytes;
  charged_ += tmpfs().charge_pages(needed - charged_);
  const u64 reachable = charged_ * kPageSize;
  if (reachable <= offset) return fail(Errno::kNOSPC);
  return std::min(bytes, reachable - offset);
}

SysResult<usize> TmpfsInode::read(IoBuffer& to, u64 offset) {
  const u64 end = size();
  if (offset >= end || to.left() == 0) return 0;
  const usize bytes = std::min(to.left(), end - offset);
  const Handle memory = handle_.load(std::memory_order_acquire);
  const u64 reached = memory_bytes_;
  if (memory == kNoHandle || offset >= reached) return to.fill_zero(bytes);
  return to.copy_from_memory(memory, offset, std::min(bytes, reached - offset));
}

SysResult<usize> TmpfsInode::write(IoContext& context, IoBuffer& from, u64& offset, bool at_end) {
  SpinGuard guard(lock_);
  if (at_end) offset = size();
  u64 bytes = from.left();
  if (bytes == 0) return 0;
  if (offset >= kSizeMax) return fail(Errno::kFBIG);
  bytes = std::min(bytes, kSizeMax - offset);
  if ((seals() & (kSealWrite | kSealFutureWrite)) != 0) return fail(Errno::kPERM);
  if ((seals() & kSealGrow) != 0 && offset + bytes > size()) {
    if (offset >= size()) return fail(Errno::kPERM);
    bytes = size() - offset;
  }
  bytes = TRY(charge_for(offset, bytes));
  TRY(make_room(std::max(offset + bytes, reach(size()))));
  const SysResult<usize> done = from.copy_to_memory(memory_.get(), offset, bytes);
  if (done && offset + *done > size()) size_.store(offset + *done, std::memory_order_relaxed);
  if (page_ceil(size()) < memory_bytes_) {  // a bad address cut the copy short
    (void)memory_.resize(page_ceil(size()));
    memory_bytes_ = page_ceil(size());
    sparse_ = true;
  }
  if (sparse_) recount_pages();
  touch_change();
  if (const u32 changed = mode_after_write(mode(), context.thread); changed != mode()) mode_.store(changed, std::memory_order_relaxed);
  return done;
}

// The rest of the last page must read as zeroes when the file grows again.
void TmpfsInode::zero_tail(u64 from) {
  const u64 end = std::min(page_ceil(from), memory_bytes_.load(std::memory_order_relaxed));
  if (!memory_ || from >= end) return;
  static constexpr std::byte kZeroes[kPageSize] = {};
  u64 data = 0;
  if (const auto found = call::memory_seek(memory_.get(), page_floor(from), call::Seek::kData); found) {
    data = *found;
  } else {
    return;
  }
  if (data >= end) return;  // a hole
  (void)memory_.write(from, std::span(kZeroes, end - from));
}

SysResult<> TmpfsInode::resize_locked(u64 bytes) {
  if (bytes > kSizeMax) return fail(Errno::kFBIG);
  const u64 old = size();
  if (bytes < old && (seals() & kSealShrink) != 0) return fail(Errno::kPERM);
  if (bytes > old && (seals() & kSealGrow) != 0) return fail(Errno::kPERM);
  if (bytes < old) {
    size_.store(bytes, std::memory_order_relaxed);
    if (memory_ && page_ceil(bytes) < memory_bytes_) {
      TRY(from_native(memory_.resize(page_ceil(bytes))));
      memory_bytes_ = page_ceil(bytes);
    }
    zero_tail(bytes);
    if (sparse_) {
      recount_pages();
    } else if (pages_for(bytes) < charged_) {
      tmpfs().discharge_pages(charged_ - pages_for(bytes));
      charged_ = pages_for(bytes);
    }
  } else if (bytes > old) {
    if (page_ceil(bytes) != page_ceil(old)) sparse_ = true;
    if (memory_) TRY(make_room(reach(bytes)));
    size_.store(bytes, std::memory_order_relaxed);
  }
  return {};
}

SysResult<> TmpfsInode::resize(u64 bytes) {
  if (is(kDirectory)) return fail(Errno::kISDIR);
  if (!is(kRegular)) return fail(Errno::kINVAL);
  SpinGuard guard(lock_);
  TRY(resize_locked(bytes));
  touch_change();
  return {};
}

// fallocate(2): mode 0, KEEP_SIZE (1), PUNCH_HOLE (2), ZERO_RANGE (16).
SysResult<> TmpfsInode::allocate(u32 mode, u64 offset, u64 bytes) {
  constexpr u32 kKeepSize = 1, kPunchHole = 2;
  if ((mode & ~(kKeepSize | kPunchHole)) != 0) return fail(Errno::kOPNOTSUPP);
  SpinGuard guard(lock_);
  u64 end;
  if (__builtin_add_overflow(offset, bytes, &end) || end > kSizeMax) return fail(Errno::kFBIG);
  if ((mode & kPunchHole) != 0) {
    if ((seals() & (kSealWrite | kSealFutureWrite)) != 0) return fail(Errno::kPERM);
    end = std::min({end, page_ceil(size()), memory_bytes_.load(std::memory_order_relaxed)});
    if (!memory_ || offset >= end) return {};
    sparse_ = true;
    static constexpr std::byte kZeroes[kPageSize] = {};
    const u64 first = page_ceil(offset), last = page_floor(end);
    if (first > offset) (void)memory_.write(offset, std::span(kZeroes, std::min(first, end) - offset));
    if (last > first) TRY(from_native(memory_.discard(first, last - first)));
    if (end > last && last >= first) (void)memory_.write(last, std::span(kZeroes, end - last));
    recount_pages();
    touch_change();
    return {};
  }
  if ((seals() & kSealGrow) != 0 && end > size()) return fail(Errno::kPERM);
  const u64 granted = TRY(charge_for(offset, bytes));
  if (granted < bytes) return fail(Errno::kNOSPC);
  if ((mode & kKeepSize) == 0 && end > size()) {
    TRY(make_room(end));
    size_.store(end, std::memory_order_relaxed);
  }
  touch_change();
  return {};
}

SysResult<MappableMemory> TmpfsInode::mappable() {
  SpinGuard guard(lock_);
  TRY(make_room(reach(size())));
  return MappableMemory{memory_.get(), 0};
}

SysResult<u64> TmpfsInode::seek_content(u64 offset, u32 whence) {
  const u64 end = size();
  if (offset >= end) return fail(Errno::kNXIO);
  const Handle memory = handle_.load(std::memory_order_acquire);
  if (memory == kNoHandle || offset >= memory_bytes_) {
    if (whence == 3) return fail(Errno::kNXIO);
    return offset;
  }
  const auto found = call::memory_seek(memory, offset, whence == 3 ? call::Seek::kData : call::Seek::kHole);
  if (!found) {
    if (whence == 3) return fail(Errno::kNXIO);
    return end;
  }
  if (whence == 3 && *found >= end) return fail(Errno::kNXIO);
  return std::min(*found, end);
}

SysResult<i64> TmpfsInode::add_seals(u32 seals) {
  if ((seals & ~u32{kSealsAll}) != 0) return fail(Errno::kINVAL);
  SpinGuard guard(lock_);
  if ((this->seals() & kSealSeal) != 0) return fail(Errno::kPERM);
  seals_.fetch_or(seals, std::memory_order_relaxed);
  return 0;
}

namespace {

class TmpfsFile final : public ContentFile {
 public:
  TmpfsFile(TmpfsInode& inode, u32 flags, std::string text) : ContentFile(flags), node_(Ref<TmpfsInode>(inode)), text_(std::move(text)) {}

  SysResult<usize> read_at(IoContext& context, IoBuffer& to, u64 offset) override {
    const SysResult<usize> done = node_->read(to, offset);
    if ((flags() & kOpenNoAccessTime) == 0) node_->touch_access();
    return done;
  }
  SysResult<MappableMemory> mappable(bool shared, bool write) override {
    if (shared && write && (node_->seals() & (kSealWrite | kSealFutureWrite)) != 0) return fail(Errno::kPERM);
    return node_->mappable();
  }
  Task<SysResult<>> sync(bool data_only) override { co_return SysResult<>{}; }
  SysResult<> truncate(Thread& thread, u64 size) override { return node_->resize(size); }
  SysResult<> allocate_now(Thread& thread, u32 mode, u64 offset, u64 bytes) override { return node_->allocate(mode, offset, bytes); }
  SysResult<i64> control(u32 command, u64 argument) override {
    constexpr u32 kAddSeals = 1033, kGetSeals = 1034;
    if (command == kGetSeals) return i64{node_->seals()};
    if (command != kAddSeals) return fail(Errno::kINVAL);
    if (!writable()) return fail(Errno::kPERM);
    if ((argument & kSealWrite) != 0 && mapped_writable(node_->memory_handle())) return fail(Errno::kBUSY);
    return node_->add_seals(static_cast<u32>(argument));
  }
  std::string description() const override { return text_; }

 protected:
  SysResult<u64> size() override { return node_->size(); }
  SysResult<usize> write_content(IoContext& context, IoBuffer& from, u64& offset, bool at_end) override {
    return node_->write(context, from, offset, at_end);
  }
  SysResult<u64> seek_content(u64 offset, u32 whence) override { return node_->seek_content(offset, whence); }

 private:
  const Ref<TmpfsInode> node_;
  const std::string text_;
};

}  // namespace

Ref<File> open_tmpfs_file(TmpfsInode& inode, u32 flags, std::string description) {
  return Ref<File>::adopt(std::make_unique<TmpfsFile>(inode, flags, std::move(description)).release());
}

SysResult<Ref<File>> TmpfsInode::open_now(Thread* thread, u32 flags) {
  if (is(kDirectory)) return DirectoryFile::make(flags);
  if (!is(kRegular)) return fail(Errno::kNXIO);
  return open_tmpfs_file(*this, flags, {});
}

}  // namespace hati::linux
