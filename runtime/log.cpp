// SPDX-License-Identifier: MIT
// Log lines to the kernel.
#include "runtime/log.h"

#include <atomic>
#include <cstring>

#include "runtime/call.h"

namespace hati {

namespace {

constinit std::atomic<LogLevel> log_level{LogLevel::kInfo};
// Written once before other threads exist.
constinit char name[32] = "";
constinit usize name_bytes = 0;

}  // namespace

void log_set_name(std::string_view text) {
  name_bytes = std::min(text.size(), sizeof(name));
  std::memcpy(name, text.data(), name_bytes);
}

void log_set_level(LogLevel level) { log_level.store(level, std::memory_order_relaxed); }

bool log_enabled(LogLevel level) { return level <= log_level.load(std::memory_order_relaxed); }

void log_line(LogLevel level, std::string_view text) { log_detail::log_formatted(level, "{}", std::array{format_detail::make_argument(text)}); }

void log_detail::log_formatted(LogLevel level, std::string_view format, std::span<const FormatArgument> arguments) {
  if (!log_enabled(level)) return;
  TextBuffer<512> line;
  if (name_bytes != 0) {
    line.write({name, name_bytes});
    line.write(": ");
  }
  format_arguments(line, format, arguments);
  (void)call::log_write(level, line.view());
}

}  // namespace hati
