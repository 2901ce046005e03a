// SPDX-License-Identifier: MIT
// kcmp(2): do two processes share a kernel object? The order of different objects is that of their addresses, scrambled with a number that nobody knows.
#include "runtime/call.h"
#include "servers/linux/core/trace.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/process/process.h"
#include "servers/linux/ptrace/calls.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {
namespace {

u64 scramble(const void* object) {
  static const std::array<u64, 2> secret = [] {
    std::array<u64, 2> numbers{};
    (void)call::entropy({reinterpret_cast<u8*>(numbers.data()), sizeof numbers});
    numbers[1] |= 1;
    return numbers;
  }();
  return (reinterpret_cast<u64>(object) ^ secret[0]) * secret[1];
}

i64 compare(const void* a, const void* b) {
  const u64 first = scramble(a), second = scramble(b);
  return first == second ? 0 : first < second ? 1 : 2;
}

SysResult<Ref<File>> file_of(const Thread& thread, u64 fd) {
  const Ref<FdTable> files = thread.get_files();
  if (!files || fd > 0x7fff'ffff) return fail(Errno::kBADF);
  auto file = files->get(Fd{static_cast<i32>(fd)});
  if (!file) return fail(Errno::kBADF);
  return *std::move(file);
}

}  // namespace

SysResult<i64> sys_kcmp(Thread& thread, i32 first, i32 second, i32 type, u64 a, u64 b) {
  const Ref<Thread> one = thread.world().processes().find_thread(first), two = thread.world().processes().find_thread(second);
  if (!one || !two) return fail(Errno::kSRCH);
  if (!may_access(thread, *one, AccessMode::kRead, true) || !may_access(thread, *two, AccessMode::kRead, true)) return fail(Errno::kPERM);
  switch (type) {
    case kKcmpFile: {
      const Ref<File> left = TRY(file_of(*one, a)), right = TRY(file_of(*two, b));
      return compare(left.get(), right.get());
    }
    case kKcmpVm: return compare(one->get_mm().get(), two->get_mm().get());
    case kKcmpFiles: return compare(one->get_files().get(), two->get_files().get());
    case kKcmpFs: return compare(one->get_fs().get(), two->get_fs().get());
    case kKcmpSighand: return compare(one->process().actions.get(), two->process().actions.get());
    case kKcmpIo: return 0;  // nobody has an I/O context of his own
    case kKcmpSysvSem: return 0;  // nor undo lists
    case kKcmpEpollTarget: note_unknown_option(thread, "kcmp", static_cast<u64>(type)); return fail(Errno::kINVAL);
    default: return fail(Errno::kINVAL);
  }
}

}  // namespace hati::linux
