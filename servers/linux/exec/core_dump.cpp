// SPDX-License-Identifier: MIT
// Writing core files (exec/core_dump.h).
#include "servers/linux/exec/core_dump.h"

#include <algorithm>

#include "runtime/log.h"
#include "servers/linux/core/namespaces.h"
#include "servers/linux/exec/core_image.h"
#include "servers/linux/file/io.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/state.h"
#include "servers/linux/vfs/inode.h"
#include "servers/linux/vfs/node.h"

namespace hati::linux {
namespace {

constexpr usize kChunk = 64 * 1024;
constexpr i32 kAtFdCwd = -100;
constexpr i32 kCoreFlag = 0x80;

CoreFacts facts_of(Thread& thread, i32 signal) {
  CoreFacts facts{.pid = thread.process().pid, .tid = thread.tid(), .uid = thread.cred().uid, .gid = thread.cred().gid, .signal = signal};
  facts.time_s = realtime_ns() / 1'000'000'000;
  facts.limit = thread.process().limit(kLimitCore);
  facts.host = uts_of(thread).names().node;
  facts.comm = thread.comm();
  const Ref<File> executable = thread.mm().executable;
  facts.exe = executable ? file_text(*executable, thread.fs().root()) : thread.comm() + " (path unknown)";
  return facts;
}

// A file of one's own with one name only: nobody shall be made to write into another file.
SysResult<> check_target(const Thread& thread, const File& file) {
  const Attributes attributes = TRY(file.attributes());
  if (file.inode() == nullptr || !file.inode()->is(kRegular) || attributes.links != 1 || attributes.uid != thread.cred().fsuid)
    return fail(Errno::kPERM);
  return {};
}

// Writes at a position, up to the limit of core files.
struct CoreWriter {
  Thread& thread;
  File& file;
  u64 limit;
  u64 end = 0;  // of what was written

  Task<SysResult<>> write(std::span<u8> bytes, u64 offset) {
    if (offset >= limit) co_return fail(Errno::kFBIG);
    const bool cut = bytes.size() > limit - offset;
    if (cut) bytes = bytes.first(limit - offset);
    while (!bytes.empty()) {
      IoBuffer buffer(bytes);
      const usize done = CO_TRY(co_await write_file_at(&thread, file, buffer, offset));
      if (done == 0) co_return fail(Errno::kIO);
      bytes = bytes.subspan(done);
      offset += done;
      end = std::max(end, offset);
    }
    co_return cut ? fail(Errno::kFBIG) : SysResult<>{};
  }
  Task<SysResult<>> write_segment(CoreSegment segment);
};

bool all_zero(std::span<const u8> bytes) {
  return std::ranges::all_of(bytes, [](u8 byte) { return byte == 0; });
}

// Pages of zeroes stay holes of the file.
Task<SysResult<>> CoreWriter::write_segment(CoreSegment segment) {
  std::vector<u8> buffer(std::min<u64>(segment.bytes, kChunk));
  for (u64 done = 0; done < segment.bytes;) {
    if (thread.kill_pending()) co_return fail(Errno::kINTR);
    const u64 part = std::min<u64>(segment.bytes - done, buffer.size());
    const usize got = debug_read(thread.memory(), segment.address + done, buffer.data(), part).value_or(0);
    for (usize at = 0; at < got; at += kPageSize) {
      const std::span<u8> page = std::span(buffer).subspan(at, std::min<usize>(kPageSize, got - at));
      if (!all_zero(page)) CO_TRY(co_await write(page, segment.offset + done + at));
    }
    done += got < part ? (got & ~(kPageSize - 1)) + kPageSize : part;  // an unreadable page is left out
  }
  co_return SysResult<>{};
}

Task<SysResult<>> write_core(Thread& thread, SignalInfo signal, Ref<File> file, u64 limit) {
  CoreImage image = CO_TRY(build_core(thread, signal));
  CoreWriter out{.thread = thread, .file = *file, .limit = limit};
  CO_TRY(co_await out.write(image.head, 0));
  for (const CoreSegment& segment : image.segments) CO_TRY(co_await out.write_segment(segment));
  const u64 end = image.segments.empty() ? image.head.size() : image.segments.back().offset + image.segments.back().bytes;
  u8 zero = 0;
  if (out.end < end) CO_TRY(co_await out.write(std::span(&zero, 1), end - 1));
  co_return SysResult<>{};
}

Task<SysResult<>> dump(Thread& thread, SignalInfo signal) {
  const u64 limit = thread.process().limit(kLimitCore);
  const std::string pattern = core_pattern();
  if (pattern.empty() || limit < kPageSize) co_return fail(Errno::kFBIG);
  if (pattern[0] == '|') {
    log_warning("core dump of {} to a pipe is not supported: {}", thread.comm(), pattern);
    co_return fail(Errno::kNOSYS);
  }
  std::string name = expand_core_pattern(pattern, facts_of(thread, signal.signal), core_uses_pid());
  // What has that name goes: a link, too, whoever made it, is not followed.
  (void)co_await unlink_file(thread, kAtFdCwd, name);
  constexpr u32 kFlags = kOpenCreate | kOpenExclusive | kOpenReadWrite | kOpenNoFollow | kOpenLargeFile;
  const Ref<File> file = CO_TRY(co_await open_file(thread, kAtFdCwd, std::move(name), kFlags, 0600));
  CO_TRY(check_target(thread, *file));
  co_return co_await write_core(thread, signal, file, limit);
}

// Whether no other thread is left that has neither come here nor gone beyond.
bool others_are_ready(const Thread& dumper) {
  SpinGuard guard(dumper.process().signals.lock);
  for (const Ref<Thread>& thread : dumper.process().threads)
    if (thread.get() != &dumper && !thread->signals.waits_for_core && !thread->signals.past_core) return false;
  return true;
}

Task<> write_when_ready(Thread& thread, SignalInfo signal) {
  SignalProcessState& state = thread.process().signals;
  {
    SpinGuard guard(state.lock);
    thread.clear_work(kWorkExit);  // another SIGKILL ends the dump
  }
  bool killed = false;
  {
    Waiter waiter(thread, Waiter::kKillable);
    waiter.add(state.core_changed);
    waiter.add(thread.process().child_events);
    while (!killed && !others_are_ready(thread)) killed = !co_await waiter.wait();
  }
  const SysResult<> done = killed ? fail(Errno::kINTR) : co_await dump(thread, signal);
  SpinGuard guard(state.lock);
  // A core that the limit cut is a core.
  if (done || done.error() == Errno::kFBIG) state.group_exit_status |= kCoreFlag;
  state.core_dumper = nullptr;
  state.core_changed.wake_all();
  thread.set_work(kWorkExit);
}

}  // namespace

void begin_core_dump(Thread& thread, const SignalInfo& info) {
  Process& process = thread.process();
  const bool wanted = process.limit(kLimitCore) != 0 && process.dumpable.load(std::memory_order_relaxed);
  SpinGuard guard(process.signals.lock);
  if (process.signals.group_exit || process.signals.group_exec != nullptr) return begin_group_exit_locked(process, info.signal);
  if (wanted) {
    process.signals.core_dumper = &thread;
    process.signals.core_info = info;
  }
  begin_group_exit_locked(process, info.signal);
}

Task<> take_part_in_core_dump(Thread& thread) {
  SignalProcessState& state = thread.process().signals;
  Thread* dumper = nullptr;
  SignalInfo signal;
  {
    SpinGuard guard(state.lock);
    dumper = state.core_dumper;
    signal = state.core_info;
    if (dumper != &thread) {
      (dumper != nullptr ? thread.signals.waits_for_core : thread.signals.past_core) = true;
      state.core_changed.wake_all();
    }
  }
  if (dumper == nullptr) co_return;
  if (dumper == &thread) co_return co_await write_when_ready(thread, signal);
  Waiter waiter(thread, Waiter::kUninterruptible);
  waiter.add(state.core_changed);
  for (;;) {
    {
      SpinGuard guard(state.lock);
      if (state.core_dumper == nullptr) break;
    }
    (void)co_await waiter.wait();
  }
}

}  // namespace hati::linux
