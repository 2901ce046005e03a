// SPDX-License-Identifier: MIT
#include "kernel/debug/log.h"

#include "kernel/arch/arch.h"
#include "kernel/debug/log_buffer.h"
#include "kernel/debug/log_control.h"
#include "kernel/debug/serial_console.h"
#include "kernel/sync/spinlock.h"

namespace hati {
namespace {

constinit std::array<char, 4096> first_storage{};
constinit Spinlock log_lock;
constinit LogBuffer buffer HATI_GUARDED_BY(log_lock){first_storage};
constinit std::atomic<bool> errors_only{false};

constexpr u64 kNsPerSecond = 1'000'000'000;

}  // namespace

void log_line(LogLevel level, std::string_view text) {
  const u64 now = arch::now_ns();
  TextBuffer<32> stamp;
  format_to(stamp, "[{:5}.{:06}] ", now / kNsPerSecond, now % kNsPerSecond / 1000);
  text = text.substr(0, kLogLineMax);
  Guard guard(log_lock);
  buffer.append(stamp.view());
  buffer.append(text);
  buffer.append("\n");
  if (errors_only.load(std::memory_order_relaxed) && level != LogLevel::kError) return;
  if (level == LogLevel::kDebug) return;
  serial_write(stamp.view());
  serial_write(text);
  serial_write("\n");
}

usize log_read(u64& sequence, std::span<char> out) {
  Guard guard(log_lock);
  return buffer.read(sequence, out);
}

void log_release_console() { errors_only.store(true, std::memory_order_relaxed); }

void log_configure(const CommandLine& line) { errors_only.store(line.quiet, std::memory_order_relaxed); }

void log_use_storage(std::span<char> storage) {
  Guard guard(log_lock);
  buffer.move_to(storage);
}

void log_dump_tail(usize lines) HATI_NO_THREAD_SAFETY_ANALYSIS {
  // The lock may be held by the processor that panics: other processors are stopped, so reading without it is safe enough.
  char chunk[128];
  for (u64 position = buffer.tail(lines);;) {
    const usize count = buffer.read(position, chunk);
    if (count == 0) return;
    serial_write({chunk, count});
  }
}

}  // namespace hati
