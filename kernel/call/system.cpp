// SPDX-License-Identifier: MIT
#include "kernel/arch/arch.h"
#include "kernel/call/table.h"
#include "kernel/debug/log.h"
#include "kernel/ipc/port_range.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/object_cache.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/system_statistics.h"

namespace hati {

namespace {
constexpr u64 kEntropyMax = 256;
constexpr u64 kLogReadPiece = 2048;
}  // namespace

Result<> call_null(Caller&) { return {}; }

Result<> call_log_write(Caller& caller, LogLevel level, u64 text, u64 bytes) {
  if (static_cast<u32>(level) > static_cast<u32>(LogLevel::kDebug)) return fail(Error::kInvalidArgument);
  if (bytes > kLogLineMax) return fail(Error::kTooBig);
  std::array<char, kLogLineMax> line;
  TRY(caller.process.copy_in(text, line.data(), bytes));
  for (char& c : std::span{line}.first(bytes))
    if (static_cast<u8>(c) < ' ' && c != '\t') c = ' ';  // one line, no control sequences
  log_line(level, {line.data(), bytes});
  return {};
}

Result<u64> call_log_read(Caller& caller, Handle resource, u64 buffer, u64 bytes, u64 sequence) {
  TRY(caller.check_resource(resource, Rights::kInspect));
  std::array<char, kLogReadPiece> text;
  const usize count = log_read(sequence, std::span{text}.first(std::min(bytes, kLogReadPiece)));
  TRY(caller.process.copy_out(buffer, text.data(), count));
  return u64{count};
}

Result<u64> call_clock_read(Caller& caller, Clock clock) {
  switch (clock) {
    case Clock::kMonotonic: return arch::now_ns();
    case Clock::kWallOffset: return static_cast<u64>(arch::wall_offset_ns());
    case Clock::kThreadTime: return thread_time_ns(caller.thread);
  }
  return fail(Error::kInvalidArgument);
}

Result<> call_entropy(Caller& caller, u64 buffer, u64 bytes) {
  if (bytes > kEntropyMax) return fail(Error::kTooBig);
  std::array<u64, kEntropyMax / sizeof(u64)> random;
  for (u64& word : random) word = arch::entropy();
  return caller.process.copy_out(buffer, random.data(), bytes);
}

Result<> call_system_info(Caller& caller, UserOut<SystemInfo> out) {
  SystemInfo info{};
  info.memory_total = frames.total_bytes();
  info.memory_free = frames.free_bytes();
  info.memory_kernel = SlabCache::total_bytes();
  info.memory_cache = Memory::total_resident_bytes();
  info.cpu_count = cpu_count();
  info.threads = Process::total_threads();
  info.boot_time_ns = 0;
  info.tsc_hz = arch::tsc_hz();
  info.page_faults = page_fault_count();
  info.has_pcid = arch::features().pcid;
  info.has_fsgsbase = arch::features().fsgsbase;
  for (u32 cpu = 0; cpu < cpu_count(); ++cpu) {
    const CpuScheduler& cs = scheduler_at(cpu);
    info.context_switches += cs.switches.load(std::memory_order_relaxed);
    info.interrupts += cpu_at(cpu).interrupts.load(std::memory_order_relaxed);
    info.idle_ns[cpu] = cs.idle_ns.load(std::memory_order_relaxed);
    if (cpu_at(cpu).current == nullptr) info.idle_ns[cpu] += time_since_account(cpu);
    const u64 online_ns = arch::now_ns() - cs.online_since_ns;
    info.busy_ns[cpu] = online_ns > info.idle_ns[cpu] ? online_ns - info.idle_ns[cpu] : 0;
  }
  const ThreadCounts counts = count_threads();
  info.runnable = counts.runnable;
  info.running = counts.running;
  return out.write(caller, info);
}

Result<> call_platform_info(Caller& caller, Handle resource, UserOut<PlatformInfo> out) {
  TRY(caller.check_resource(resource, Rights::kInspect));
  PlatformInfo info{};
  arch::fill_platform_info(info);
  return out.write(caller, info);
}

Result<> call_power(Caller& caller, Handle resource, PowerAction action, u32 code) {
  TRY(caller.check_resource(resource, Rights::kManage));
  if (static_cast<u32>(action) > static_cast<u32>(PowerAction::kPanic)) return fail(Error::kInvalidArgument);
  arch::power(action, code);
}

}  // namespace hati
