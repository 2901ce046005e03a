// SPDX-License-Identifier: MIT
// madvise(2), mincore(2), msync(2), mlock(2) and relatives. There is no swap: locking means having the pages present.
#include <algorithm>
#include <array>
#include <set>

#include "abi/linux/memory.h"
#include "runtime/call.h"
#include "servers/linux/core/trace.h"
#include "servers/linux/memory/calls.h"
#include "servers/linux/memory/map.h"
#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

SysResult<> check_range(u64 address, u64& bytes) {
  if (!page_aligned(address)) return fail(Errno::kINVAL);
  const u64 rounded = page_ceil(bytes);
  if ((bytes != 0 && rounded == 0) || address + rounded < address) return fail(Errno::kINVAL);
  bytes = rounded;
  return {};
}

bool private_anonymous(const MappingInfo& info) { return info.memory_koid == 0 && !has(info.flags, MapFlags::kShared); }

// The kernel copies everything; fork then takes these ranges away again.
SysResult<i64> advise_fork(Mm& mm, u64 address, u64 bytes, i32 advice) {
  TRY(check_range(address, bytes));
  if (bytes == 0) return 0;
  if (address >= kProgramEnd || bytes > kProgramEnd - address) return fail(Errno::kNOMEM);
  bool fits = true;
  const bool whole = for_each_mapping(mm, address, bytes, [&](const MappingInfo& info, u64, u64) {
    if (advice == kAdviceWipeOnFork && !private_anonymous(info)) fits = false;
  });
  if (!fits) return fail(Errno::kINVAL);
  if (!whole) return fail(Errno::kNOMEM);
  ForkRanges& ranges = mm.fork_ranges();
  switch (advice) {
    case kAdviceDontFork: ranges.add(address, address + bytes, ForkRanges::kDontFork); break;
    case kAdviceDoFork: ranges.remove(address, address + bytes, ForkRanges::kDontFork); break;
    case kAdviceWipeOnFork: ranges.add(address, address + bytes, ForkRanges::kWipe); break;
    case kAdviceDontDump: ranges.add(address, address + bytes, ForkRanges::kDontDump); break;
    case kAdviceDoDump: ranges.remove(address, address + bytes, ForkRanges::kDontDump); break;
    default: ranges.remove(address, address + bytes, ForkRanges::kWipe); break;
  }
  return 0;
}

}  // namespace

SysResult<i64> sys_madvise(Thread& thread, u64 address, u64 bytes, i32 advice) {
  const Mm& mm = thread.mm();
  enum class Act { kNone, kDiscard, kFree, kPopulateRead, kPopulateWrite } act = Act::kNone;
  switch (advice) {
    case kAdviceNormal:
    case kAdviceRandom:
    case kAdviceSequential:
    case kAdviceWillNeed:
    case kAdviceHugePage:
    case kAdviceNoHugePage:
    case kAdviceCold:
    case kAdvicePageOut: break;  // hints, or what is the case anyway
    case kAdviceDontDump:
    case kAdviceDoDump:
    case kAdviceDontFork:
    case kAdviceDoFork:
    case kAdviceWipeOnFork:
    case kAdviceKeepOnFork: return advise_fork(thread.mm(), address, bytes, advice);
    case kAdviceDontNeed: act = Act::kDiscard; break;
    case kAdviceFree: act = Act::kFree; break;
    case kAdvicePopulateRead: act = Act::kPopulateRead; break;
    case kAdvicePopulateWrite: act = Act::kPopulateWrite; break;
    default: note_unknown_option(thread, "madvise", static_cast<u32>(advice)); return fail(Errno::kINVAL);
  }
  TRY(check_range(address, bytes));
  if (bytes == 0) return 0;
  if (address >= kProgramEnd || bytes > kProgramEnd - address) return fail(Errno::kNOMEM);
  SysResult<> result;
  const bool whole = for_each_mapping(mm, address, bytes, [&](const MappingInfo& info, u64 from, u64 to) {
    if (!result) return;
    if (act == Act::kFree && !private_anonymous(info)) {
      result = fail(Errno::kINVAL);
    } else if (act == Act::kDiscard || act == Act::kFree) {
      if (!mm.space().discard(from, to - from)) result = fail(Errno::kINVAL);
    } else if (act != Act::kNone) {
      if (!mm.space().populate(from, to - from, act == Act::kPopulateWrite ? PopulateFlags::kWrite : PopulateFlags::kRead))
        result = fail(Errno::kFAULT);
    }
  });
  if (!result) return fail(result.error());
  if (!whole) return fail(Errno::kNOMEM);
  return 0;
}

SysResult<i64> sys_mincore(Thread& thread, u64 address, u64 bytes, UserAddress vector) {
  if (!page_aligned(address)) return fail(Errno::kINVAL);
  bytes = page_ceil(bytes);
  if (address >= kProgramEnd || bytes > kProgramEnd - address) return fail(Errno::kNOMEM);
  std::array<u8, kResidencyPagesMax> pages;
  for (u64 done = 0; done < bytes / kPageSize;) {
    const u64 count = std::min<u64>(bytes / kPageSize - done, pages.size());
    const auto told = call::space_residency(thread.mm().space().get(), address + done * kPageSize, pages.data(), count);
    if (!told) return fail(Errno::kNOMEM);
    TRY(thread.memory().write(vector.address + done, pages.data(), *told));
    done += *told;
  }
  return 0;
}

Task<SysResult<i64>> sys_msync(Thread& thread, u64 address, u64 bytes, i32 flags) {
  if ((flags & ~(kSyncAsync | kSyncInvalidate | kSyncSync)) != 0 || !page_aligned(address)) co_return fail(Errno::kINVAL);
  if ((flags & kSyncAsync) != 0 && (flags & kSyncSync) != 0) co_return fail(Errno::kINVAL);
  const u64 rounded = page_ceil(bytes);
  if (address + rounded < address || (bytes != 0 && rounded == 0)) co_return fail(Errno::kNOMEM);
  if (rounded == 0) co_return 0;
  std::vector<Ref<File>> files;
  const bool whole = for_each_mapping(thread.mm(), address, rounded, [&](const MappingInfo& info, u64, u64) {
    if (!has(info.flags, MapFlags::kShared)) return;
    if (Ref<File> file = thread.mm().file_of_tag(info.tag)) files.push_back(std::move(file));
  });
  if ((flags & kSyncSync) != 0)
    for (const Ref<File>& file : files) CO_TRY(co_await file->sync(true));
  if (!whole) co_return fail(Errno::kNOMEM);
  co_return 0;
}

namespace {

SysResult<> lock_range(Thread& thread, u64 address, u64 bytes, bool populate) {
  const u64 start = page_floor(address);
  const u64 length = page_ceil(bytes + (address - start));
  if (start + length < start) return fail(Errno::kINVAL);
  const u64 limit = thread.process().limit(kLimitMemlock);
  if (!thread.capable(kCapIpcLock)) {
    if (limit == 0) return fail(Errno::kPERM);
    if (thread.mm().locked_bytes.load(std::memory_order_relaxed) + length > limit) return fail(Errno::kNOMEM);
  }
  if (start >= kProgramEnd || length > kProgramEnd - start) return fail(Errno::kNOMEM);
  const Mm& mm = thread.mm();
  const bool whole = for_each_mapping(mm, start, length, [&](const MappingInfo& info, u64 from, u64 to) {
    if (populate && info.protection != Protection::kNone)
      (void)mm.space().populate(from, to - from, has(info.protection, Protection::kWrite) ? PopulateFlags::kWrite : PopulateFlags::kRead);
  });
  if (!whole) return fail(Errno::kNOMEM);
  thread.mm().locked_bytes.fetch_add(length, std::memory_order_relaxed);
  return {};
}

}  // namespace

SysResult<i64> sys_mlock(Thread& thread, u64 address, u64 bytes) {
  TRY(lock_range(thread, address, bytes, true));
  return 0;
}

SysResult<i64> sys_mlock2(Thread& thread, u64 address, u64 bytes, u32 flags) {
  constexpr u32 kOnFault = 1;
  if ((flags & ~kOnFault) != 0) return fail(Errno::kINVAL);
  TRY(lock_range(thread, address, bytes, (flags & kOnFault) == 0));
  return 0;
}

SysResult<i64> sys_munlock(Thread& thread, u64 address, u64 bytes) {
  const u64 start = page_floor(address);
  const u64 length = page_ceil(bytes + (address - start));
  if (start + length < start) return fail(Errno::kINVAL);
  if (start >= kProgramEnd || length > kProgramEnd - start) return fail(Errno::kNOMEM);
  if (!for_each_mapping(thread.mm(), start, length, [](const MappingInfo&, u64, u64) {})) return fail(Errno::kNOMEM);
  std::atomic<u64>& locked = thread.mm().locked_bytes;
  locked.fetch_sub(std::min(locked.load(std::memory_order_relaxed), length), std::memory_order_relaxed);
  return 0;
}

SysResult<i64> sys_mlockall(Thread& thread, u32 flags) {
  enum { kCurrent = 1, kFuture = 2, kOnFault = 4 };
  if (flags == 0 || flags == kOnFault || (flags & ~u32{kCurrent | kFuture | kOnFault}) != 0) return fail(Errno::kINVAL);
  Mm& mm = thread.mm();
  if (!thread.capable(kCapIpcLock)) {
    const u64 limit = thread.process().limit(kLimitMemlock);
    if (limit == 0) return fail(Errno::kPERM);
    const auto info = mm.space().space_info();
    if ((flags & kCurrent) != 0 && info && info->virtual_bytes > limit) return fail(Errno::kNOMEM);
  }
  mm.lock_future.store((flags & kFuture) != 0 && (flags & kOnFault) == 0, std::memory_order_relaxed);
  return 0;
}

SysResult<i64> sys_munlockall(Thread& thread) {
  thread.mm().lock_future.store(false, std::memory_order_relaxed);
  thread.mm().locked_bytes.store(0, std::memory_order_relaxed);
  return 0;
}

}  // namespace hati::linux
