// SPDX-License-Identifier: MIT
// mmap(2), munmap(2), mprotect(2), mremap(2), brk(2): the checks are Linux's, the work is the kernel's.
#include "abi/linux/memory.h"
#include "servers/linux/core/trace.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/memory/calls.h"
#include "servers/linux/memory/map.h"
#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

constexpr u32 kAllProtection = static_cast<u32>(Protection::kRead | Protection::kWrite | Protection::kExecute);

class MappingInProgress {
 public:
  explicit MappingInProgress(Mm& mm) : mm_(mm) { mm_.begin_mapping(); }
  ~MappingInProgress() { mm_.end_mapping(); }
  MappingInProgress(const MappingInProgress&) = delete;
  MappingInProgress& operator=(const MappingInProgress&) = delete;

 private:
  Mm& mm_;
};

bool overflows(u64 address, u64 bytes) { return address + bytes < address; }

}  // namespace

Protection to_protection(u64 p) {
  auto result = static_cast<Protection>(p & (kProtRead | kProtWrite | kProtExecute));
  if (result != Protection::kNone) result |= Protection::kRead;
  return result;
}

Errno map_error(Error error) {
  switch (error) {
    case Error::kExists: return Errno::kEXIST;
    case Error::kInvalidArgument: return Errno::kINVAL;
    case Error::kAccess:
    case Error::kNoRight: return Errno::kACCES;
    default: return Errno::kNOMEM;
  }
}

SysResult<u64> map_anonymous(Mm& mm, MapRequest request) {
  const auto address = mm.space().map(request);
  if (!address) return fail(map_error(address.error()));
  return *address;
}

SysResult<u64> map_file(Mm& mm, File& file, MapRequest request, bool shared) {
  const bool write = has(static_cast<Protection>(request.max_protection), Protection::kWrite);
  const MappableMemory memory = TRY(file.mappable(shared, shared && write));
  const MappingInProgress in_progress(mm);
  request.memory = memory.memory;
  request.offset += memory.offset;
  request.tag = mm.tag_for(Ref(file));
  if (shared) request.flags |= MapFlags::kShared;
  return map_anonymous(mm, request);
}

namespace {

// Bytes that count against RLIMIT_DATA: private writable mappings.
u64 data_bytes(const Mm& mm) {
  u64 sum = 0;
  for_each_mapping(mm, kProgramBase, kProgramEnd - kProgramBase, [&](const MappingInfo& info, u64 from, u64 to) {
    if (has(info.protection, Protection::kWrite) && !has(info.flags, MapFlags::kShared) && info.tag != kTagStack) sum += to - from;
  });
  return sum;
}

SysResult<> check_data_limit(Thread& thread, u64 more) {
  const u64 limit = thread.process().limit(kLimitData);
  if (limit != kUnlimited && data_bytes(thread.mm()) + more > limit) return fail(Errno::kNOMEM);
  return {};
}

// The flags and the place.
SysResult<MapRequest> map_request(Thread& thread, u64 address, u64 bytes, u64 protection, u64 flags) {
  MapRequest request{};
  request.bytes = bytes;
  request.protection = to_protection(protection);
  request.max_protection = kAllProtection;
  request.search_top = thread.mm().layout.mmap_top;
  if ((flags & kMapFixedNoReplace) == kMapFixedNoReplace) {
    request.flags |= MapFlags::kNoReplace;
  } else if ((flags & kMapFixed) != 0) {
    request.flags |= MapFlags::kFixed;
  } else {
    address = page_floor(address);
    if (address != 0 && address < kMinimumMapAddress) address = kMinimumMapAddress;
    if (address > kProgramEnd - bytes) address = 0;
  }
  if (request.flags != MapFlags::kNone) {
    if (!page_aligned(address)) return fail(Errno::kINVAL);
    if (address > kProgramEnd || bytes > kProgramEnd - address) return fail(Errno::kNOMEM);
    if (address < kProgramBase || (address < kMinimumMapAddress && !thread.capable(kCapSysRawio))) return fail(Errno::kPERM);
  }
  if ((flags & kMapGrowsDown) != 0) {
    request.flags |= MapFlags::kGrowsDown;
    request.grow_limit = page_floor(std::min(thread.process().limit(kLimitStack), u64{1} << 40));
  }
  if ((flags & kMap32Bit) != 0) request.flags |= MapFlags::kBelow4G;
  if ((flags & (kMapPopulate | kMapLocked)) != 0 || thread.mm().lock_future.load(std::memory_order_relaxed))
    request.flags |= MapFlags::kPopulate;
  request.address = address;
  return request;
}

SysResult<> check_file(const File& file, u64 protection, bool shared, MapRequest& request) {
  if (!file.readable()) return fail(Errno::kACCES);
  if (shared && !file.writable()) {
    if ((protection & kProtWrite) != 0) return fail(Errno::kACCES);
    request.max_protection &= ~static_cast<u32>(Protection::kWrite);
  }
  return {};
}

SysResult<u64> map_shared_anonymous(Mm& mm, MapRequest request) {
  const Memory memory = TRY(from_native(Memory::create(request.bytes)));
  request.memory = memory.get();
  request.flags |= MapFlags::kShared;
  request.tag = kTagSharedAnonymous;
  return map_anonymous(mm, request);
}

SysResult<bool> is_shared(u64 flags) {
  switch (flags & kMapType) {
    case kMapShared: return true;
    case kMapPrivate: return false;
    case kMapSharedValidate:
      if ((flags & ~u64{kMapKnown}) != 0) return fail(Errno::kOPNOTSUPP);
      return true;
    default: return fail(Errno::kINVAL);
  }
}

}  // namespace

SysResult<i64> sys_mmap_now(Thread& thread, u64 address, u64 bytes, u64 protection, u64 flags, Fd fd, u64 offset) {
  if (!page_aligned(offset)) return fail(Errno::kINVAL);
  const bool anonymous = (flags & kMapAnonymous) != 0;
  Ref<File> file;
  if (!anonymous) file = TRY(thread.files().get(fd));
  if (file && file->is_path_only()) return fail(Errno::kBADF);
  if (bytes == 0) return fail(Errno::kINVAL);
  bytes = page_ceil(bytes);
  if (bytes == 0 || bytes > kProgramEnd) return fail(Errno::kNOMEM);
  if (!anonymous && overflows(offset, bytes)) return fail(Errno::kOVERFLOW);
  if ((flags & kMapHugeTlb) != 0) return fail(anonymous ? Errno::kNOMEM : Errno::kINVAL);  // no huge page is reserved
  MapRequest request = TRY(map_request(thread, address, bytes, protection, flags));
  const bool shared = TRY(is_shared(flags));
  if (!shared && (protection & kProtWrite) != 0) TRY(check_data_limit(thread, bytes));

  Mm& mm = thread.mm();
  if (has(request.flags, MapFlags::kFixed)) mm.fork_ranges().remove(request.address, request.address + bytes);
  if (file) {
    TRY(check_file(*file, protection, shared, request));
    request.offset = offset;
    return static_cast<i64>(TRY(map_file(mm, *file, request, shared)));
  }
  if (shared) return static_cast<i64>(TRY(map_shared_anonymous(mm, request)));
  return static_cast<i64>(TRY(map_anonymous(mm, request)));
}

// The content has to be asked for first.
Task<SysResult<i64>> sys_mmap(Thread& thread, u64 address, u64 bytes, u64 protection, u64 flags, Fd fd, u64 offset) {
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  CO_TRY(co_await file->fetch({}));
  co_return sys_mmap_now(thread, address, bytes, protection, flags, fd, offset);
}

SysResult<i64> sys_munmap(Thread& thread, u64 address, u64 bytes) {
  if (!page_aligned(address) || bytes == 0 || address >= kProgramEnd || bytes > kProgramEnd - address) return fail(Errno::kINVAL);
  const auto done = thread.mm().space().unmap(address, page_ceil(bytes));
  if (!done && done.error() != Error::kNotFound && done.error() != Error::kBadAddress) return fail(map_error(done.error()));
  thread.mm().fork_ranges().remove(address, address + page_ceil(bytes));
  thread.mm().forget_unmapped_files();
  return 0;
}

SysResult<i64> sys_mprotect(Thread& thread, u64 address, u64 bytes, u64 protection) {
  constexpr u64 kSemaphore = 8, kGrowsDown = 0x01000000, kGrowsUp = 0x02000000;
  const u64 growth = protection & (kGrowsDown | kGrowsUp);
  protection &= ~(kGrowsDown | kGrowsUp);
  if (growth == (kGrowsDown | kGrowsUp) || !page_aligned(address)) return fail(Errno::kINVAL);
  if (bytes == 0) return 0;
  bytes = page_ceil(bytes);
  if (overflows(address, bytes) || bytes == 0) return fail(Errno::kNOMEM);
  if ((protection & ~(kProtRead | kProtWrite | kProtExecute | kSemaphore)) != 0) return fail(Errno::kINVAL);
  if (address >= kProgramEnd || bytes > kProgramEnd - address) return fail(Errno::kNOMEM);
  const auto done = thread.mm().space().protect(address, bytes, to_protection(protection));
  if (done) return 0;
  return fail(done.error() == Error::kAccess || done.error() == Error::kNoRight ? Errno::kACCES : Errno::kNOMEM);
}

SysResult<i64> sys_mremap(Thread& thread, u64 address, u64 old_bytes, u64 new_bytes, u64 flags, u64 new_address) {
  if ((flags & ~(kRemapMayMove | kRemapFixed | kRemapDontUnmap)) != 0) return fail(Errno::kINVAL);
  const bool fixed = (flags & kRemapFixed) != 0;
  const bool keep_old = (flags & kRemapDontUnmap) != 0;
  if ((fixed || keep_old) && (flags & kRemapMayMove) == 0) return fail(Errno::kINVAL);
  if (keep_old && old_bytes != new_bytes) return fail(Errno::kINVAL);
  if (!page_aligned(address)) return fail(Errno::kINVAL);
  old_bytes = page_ceil(old_bytes);
  new_bytes = page_ceil(new_bytes);
  if (new_bytes == 0) return fail(Errno::kINVAL);
  if (fixed) {
    if (!page_aligned(new_address) || new_bytes > kProgramEnd || new_address > kProgramEnd - new_bytes) return fail(Errno::kINVAL);
    if (address + old_bytes > new_address && new_address + new_bytes > address) return fail(Errno::kINVAL);
    if (new_address < kMinimumMapAddress) return fail(Errno::kPERM);
  }
  const auto info = thread.mm().space().query(address);
  if (!info || info->address > address) return fail(Errno::kFAULT);
  if (old_bytes == 0) {
    note_unknown_option(thread, "mremap of 0 bytes", flags);
    return fail(Errno::kINVAL);
  }
  if (old_bytes > info->address + info->bytes - address) return fail(Errno::kFAULT);
  if (new_bytes > old_bytes && !has(info->flags, MapFlags::kShared) && has(info->protection, Protection::kWrite))
    TRY(check_data_limit(thread, new_bytes - old_bytes));
  const MoveRequest request{.address = address,
                            .old_bytes = old_bytes,
                            .new_bytes = new_bytes,
                            .new_address = fixed ? new_address : 0,
                            .flags = fixed ? MapFlags::kFixed : MapFlags::kNone,
                            .may_move = (flags & kRemapMayMove) != 0 ? 1u : 0u,
                            .keep_old = keep_old ? 1u : 0u,
                            .reserved = 0};
  const auto moved = thread.mm().space().move(request);
  if (!moved)
    return fail(moved.error() == Error::kBadAddress || moved.error() == Error::kNotFound ? Errno::kFAULT : map_error(moved.error()));
  thread.mm().forget_unmapped_files();
  return static_cast<i64>(*moved);
}

SysResult<i64> sys_brk(Thread& thread, u64 end) {
  Mm& mm = thread.mm();
  const u64 limit = thread.process().limit(kLimitData);
  SpinGuard guard(mm.brk_lock);
  Mm::Layout& layout = mm.layout;
  const auto unchanged = static_cast<i64>(layout.brk);
  if (end < layout.brk_start || end >= layout.mmap_top) return unchanged;
  if (limit != kUnlimited && end - layout.brk_start + (layout.data_end - layout.data_start) > limit) return unchanged;
  const u64 old_top = page_ceil(layout.brk);
  const u64 new_top = page_ceil(end);
  if (new_top > old_top) {
    MapRequest request{};
    request.address = old_top;
    request.bytes = new_top - old_top;
    request.protection = Protection::kRead | Protection::kWrite;
    request.max_protection = kAllProtection;
    request.flags = MapFlags::kNoReplace;
    request.tag = kTagHeap;
    if (!mm.space().map(request)) return unchanged;
  } else if (new_top < old_top && !mm.space().unmap(new_top, old_top - new_top)) {
    return unchanged;
  }
  layout.brk = end;
  return static_cast<i64>(end);
}

}  // namespace hati::linux
