// SPDX-License-Identifier: MIT
// uname(2), sysinfo(2), getrandom(2), syslog(2), unshare(2).
#include <algorithm>
#include <cstring>

#include "servers/linux/core/namespaces.h"
#include "servers/linux/core/trace.h"
#include "servers/linux/core/version.h"
#include "servers/linux/ipc/sem.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/exit.h"
#include "servers/linux/process/namespaces.h"
#include "servers/linux/process/process.h"
#include "servers/linux/process/random.h"

namespace hati::linux {
namespace {

constexpr usize kNameMax = 64;

void put_text(char (&field)[65], std::string_view text) {
  std::memset(field, 0, sizeof field);
  text.copy(field, kNameMax);
}

SysResult<std::string> read_name(Thread& thread, UserPtr<const char> name, i64 length) {
  if (!thread.capable(kCapSysAdmin)) return fail(Errno::kPERM);
  if (length < 0 || length > static_cast<i64>(kNameMax)) return fail(Errno::kINVAL);
  std::string text(static_cast<usize>(length), 0);
  TRY(thread.memory().read(name.address, text.data(), text.size()));
  return text;
}

}  // namespace

SysResult<i64> sys_uname(Thread& thread, UserPtr<KernelUtsname> to) {
  const UtsNames names = uts_of(thread).names();
  KernelUtsname uts;
  put_text(uts.system, "Linux");
  put_text(uts.node, names.node);
  put_text(uts.release, kRelease);
  put_text(uts.version, kVersion);
  put_text(uts.machine, "x86_64");
  put_text(uts.domain, names.domain);
  TRY(thread.memory().put(to, uts));
  return 0;
}

SysResult<i64> sys_sethostname(Thread& thread, UserPtr<const char> name, i64 length) {
  uts_of(thread).set_node(TRY(read_name(thread, name, length)));
  return 0;
}

SysResult<i64> sys_setdomainname(Thread& thread, UserPtr<const char> name, i64 length) {
  uts_of(thread).set_domain(TRY(read_name(thread, name, length)));
  return 0;
}

SysResult<i64> sys_sysinfo(Thread& thread, UserPtr<KernelSysinfo> to) {
  SystemInfo native{};
  TRY(from_native(call::system_info(native)));
  KernelSysinfo info{};
  info.uptime = static_cast<i64>(monotonic_ns() / kNsPerSecond);
  for (int i = 0; i < 3; ++i) info.loads[i] = thread.world().load[i].load(std::memory_order_relaxed);
  info.total_ram = native.memory_total;
  info.free_ram = native.memory_free;
  info.buffer_ram = 0;
  info.processes = static_cast<u16>(std::min<u32>(thread.world().processes().thread_count(), 0xffff));
  info.unit = 1;
  TRY(thread.memory().put(to, info));
  return 0;
}

SysResult<i64> sys_getrandom(Thread& thread, UserAddress buffer, u64 bytes, u32 flags) {
  enum { kNonBlock = 1, kRandom = 2, kInsecure = 4 };
  if ((flags & ~u32{kNonBlock | kRandom | kInsecure}) != 0 || (flags & (kRandom | kInsecure)) == (kRandom | kInsecure))
    return fail(Errno::kINVAL);
  bytes = std::min<u64>(bytes, 0x7fff'f000);
  u64 done = 0;
  while (done < bytes) {
    u8 block[1024];
    const usize part = std::min<u64>(bytes - done, sizeof block);
    fill_random({block, part});
    const auto written = thread.memory().write_some(buffer.address + done, block, part);
    if (!written && done == 0) return fail(written.error());
    if (written) done += *written;
    if (!written || *written < part) break;
    if (done < bytes && thread.signal_pending()) break;
  }
  return static_cast<i64>(done);
}

namespace {

enum LogAction : i32 { kClose, kOpen, kRead, kReadAll, kReadClear, kClear, kConsoleOff, kConsoleOn, kConsoleLevel, kUnread, kBufferSize };
constexpr i64 kLogBufferSize = 256 * 1024;
std::atomic<u64> log_cleared_at{0};  // position behind the last SYSLOG_ACTION_CLEAR
std::atomic<u64> log_read_at{0};

// The log from byte position `from` on, at most the last `limit` bytes.
SysResult<std::string> read_log(World& world, u64 from, usize limit, u64* end = nullptr) {
  std::string text;
  char block[4096];
  u64 position = from;
  for (;;) {
    const auto got = call::log_read(world.kernel_log.get(), block, position);
    if (!got) return fail(to_errno(got.error()));
    if (*got == 0) break;
    text.append(block, *got);
    position += *got;
  }
  if (end != nullptr) *end = position;
  if (text.size() > limit) text.erase(0, text.size() - limit);
  return text;
}

}  // namespace

SysResult<i64> sys_syslog(Thread& thread, i32 type, UserAddress buffer, i32 bytes) {
  World& world = thread.world();
  if (type < kClose || type > kBufferSize) return fail(Errno::kINVAL);
  const bool privileged = thread.capable(kCapSyslog) || thread.capable(kCapSysAdmin);
  if (type != kReadAll && type != kBufferSize && !privileged) return fail(Errno::kPERM);
  if (type == kRead || type == kReadAll || type == kReadClear) {
    if (!buffer || bytes < 0) return fail(Errno::kINVAL);
    if (bytes == 0) return 0;
  }
  switch (type) {
    case kRead: {
      u64 end = 0;
      std::string text = TRY(read_log(world, log_read_at.load(), kLogBufferSize, &end));
      if (text.empty()) return fail(Errno::kAGAIN);
      text.resize(std::min<usize>(text.size(), static_cast<usize>(bytes)));
      TRY(thread.memory().write(buffer.address, text.data(), text.size()));
      log_read_at.fetch_add(text.size());
      return static_cast<i64>(text.size());
    }
    case kReadAll:
    case kReadClear: {
      u64 end = 0;
      const std::string text = TRY(read_log(world, log_cleared_at.load(), static_cast<usize>(bytes), &end));
      TRY(thread.memory().write(buffer.address, text.data(), text.size()));
      if (type == kReadClear) log_cleared_at.store(end);
      return static_cast<i64>(text.size());
    }
    case kClear: {
      u64 end = 0;
      TRY(read_log(world, log_cleared_at.load(), 0, &end));
      log_cleared_at.store(end);
      return 0;
    }
    case kConsoleLevel: return bytes < 1 || bytes > 8 ? fail(Errno::kINVAL) : SysResult<i64>(0);
    case kUnread: return static_cast<i64>(TRY(read_log(world, log_read_at.load(), kLogBufferSize)).size());
    case kBufferSize: return kLogBufferSize;
    default: return 0;
  }
}

SysResult<i64> sys_unshare(Thread& thread, u64 flags) {
  constexpr u64 kKnown = kCloneThread | kCloneFs | kCloneNewNs | kCloneSighand | kCloneVm | kCloneFiles | kCloneSysvSem | kCloneNamespaces;
  if ((flags & ~kKnown) != 0) return fail(Errno::kINVAL);
  if ((flags & kCloneNamespaces) != 0) {
    if ((flags & kCloneNewUser) == 0 && !thread.capable(kCapSysAdmin)) return fail(Errno::kPERM);
    if ((flags & kCloneNamespaces & ~kNamespacesKnown) != 0) {
      note_unknown_option(thread, "unshare", flags);
      return fail(Errno::kINVAL);
    }
  }
  if ((flags & (kCloneThread | kCloneSighand | kCloneVm)) != 0 && thread.process().live.load() > 1) return fail(Errno::kINVAL);
  unshare_parts(thread, (flags & kCloneFs) != 0, (flags & kCloneFiles) != 0);
  if ((flags & (kCloneSysvSem | kCloneNewIpc)) != 0) thread.semaphore_undo.reset();
  enter_new_namespaces(thread, flags);
  return 0;
}

}  // namespace hati::linux
