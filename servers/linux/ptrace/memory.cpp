// SPDX-License-Identifier: MIT
// A debugger's way to the memory of another program, and process_vm_readv(2), process_vm_writev(2).
#include <algorithm>

#include "runtime/call.h"
#include "servers/linux/core/page_in.h"
#include "servers/linux/ptrace/calls.h"
#include "servers/linux/ptrace/ptrace.h"

namespace hati::linux {
namespace {

constexpr u64 kRangesMax = 1024;  // UIO_MAXIOV

SysResult<usize> inspect(UserMemory memory, u64 address, void* buffer, usize bytes, SpaceInspect what) {
  usize done = 0;
  u64 brought = ~u64{0};  // from a disk, for which position
  while (done < bytes) {
    const auto moved = call::space_inspect(memory.space(), address + done, static_cast<u8*>(buffer) + done, bytes - done, what);
    if (!moved && moved.error() == Error::kNotResident && brought != done) {
      brought = done;
      if (bring_pages(memory.space(), address + done, 1, what == SpaceInspect::kWrite)) continue;
    }
    if (!moved || *moved == 0) break;
    done += *moved;
  }
  if (done == 0 && bytes != 0) return fail(Errno::kIO);
  return done;
}

SysResult<std::vector<KernelIovec>> get_ranges(Thread& thread, u64 address, u64 count) {
  if (count > kRangesMax) return fail(Errno::kINVAL);
  auto ranges = TRY(thread.memory().get_array(UserPtr<const KernelIovec>{address}, count, kRangesMax));
  for (const KernelIovec& range : ranges)
    if (static_cast<i64>(range.length) < 0) return fail(Errno::kINVAL);
  return ranges;
}

struct Cursor {
  std::span<const KernelIovec> ranges;
  u64 position = 0;
  // The rest of the first range that is not used up.
  KernelIovec front() {
    while (!ranges.empty() && position == ranges.front().length) {
      ranges = ranges.subspan(1);
      position = 0;
    }
    if (ranges.empty()) return {};
    return {ranges.front().base + position, ranges.front().length - position};
  }
};

SysResult<i64> transfer(Thread& thread, i32 pid, std::array<u64, 4> where, u64 flags, bool write) {
  if (flags != 0) return fail(Errno::kINVAL);
  const auto local = TRY(get_ranges(thread, where[0], where[1]));
  const auto remote = TRY(get_ranges(thread, where[2], where[3]));
  u64 local_bytes = 0, remote_bytes = 0;
  for (const KernelIovec& range : local) local_bytes += range.length;
  for (const KernelIovec& range : remote) remote_bytes += range.length;
  if (local_bytes == 0 || remote_bytes == 0) return 0;
  const Ref<Thread> target = thread.world().processes().find_thread(pid);
  if (!target) return fail(Errno::kSRCH);
  if (!may_access(thread, *target, AccessMode::kAttach, true)) return fail(Errno::kPERM);
  const Ref<Mm> mm = target->get_mm();
  if (!mm) return fail(Errno::kSRCH);

  Cursor here{local}, there{remote};
  i64 total = 0;
  for (;;) {
    const KernelIovec mine = here.front(), theirs = there.front();
    const u64 bytes = std::min(mine.length, theirs.length);
    if (bytes == 0) break;
    if (mine.base >= kProgramEnd || theirs.base >= kProgramEnd) return total > 0 ? SysResult<i64>(total) : fail(Errno::kFAULT);
    const Handle own = thread.mm().space().get(), other = mm->space().get();
    const auto moved =
        write ? call::copy(other, theirs.base, own, mine.base, bytes) : call::copy(own, mine.base, other, theirs.base, bytes);
    if (!moved || *moved == 0) return total > 0 ? SysResult<i64>(total) : fail(Errno::kFAULT);
    here.position += *moved;
    there.position += *moved;
    total += static_cast<i64>(*moved);
  }
  return total;
}

}  // namespace

SysResult<usize> debug_read(UserMemory memory, u64 address, void* to, usize bytes) {
  return inspect(memory, address, to, bytes, SpaceInspect::kRead);
}

SysResult<usize> debug_write(UserMemory memory, u64 address, const void* from, usize bytes) {
  return inspect(memory, address, const_cast<void*>(from), bytes, SpaceInspect::kWrite);
}

SysResult<i64> sys_process_vm_readv(Thread& thread, i32 pid, u64 local, u64 local_count, u64 remote, u64 remote_count, u64 flags) {
  return transfer(thread, pid, {local, local_count, remote, remote_count}, flags, false);
}

SysResult<i64> sys_process_vm_writev(Thread& thread, i32 pid, u64 local, u64 local_count, u64 remote, u64 remote_count, u64 flags) {
  return transfer(thread, pid, {local, local_count, remote, remote_count}, flags, true);
}

}  // namespace hati::linux
