// SPDX-License-Identifier: MIT
// Log lines: `log_info("mounted {} with {} blocks", name, count)`. They go to the kernel's log with the server's name in front.
// Formats as base/format.h: {} and {:x}. Lines longer than kLogLineMax are cut.
#pragma once

#include <string_view>

#include "abi/call.h"
#include "base/format.h"

namespace hati {

// The prefix of this process's lines; set once at start-up (init passes it as argv[0]). `name` is copied.
void log_set_name(std::string_view name);
// Lines above this level are dropped before they are formatted. Default kInfo.
void log_set_level(LogLevel level);
bool log_enabled(LogLevel level);
// One line, without formatting.
void log_line(LogLevel level, std::string_view text);

namespace log_detail {
void log_formatted(LogLevel level, std::string_view format, std::span<const FormatArgument> arguments);
}

template <class... Args>
void log(LogLevel level, FormatString<Args...> format, const Args&... args) {
  if (!log_enabled(level)) return;
  const std::array<FormatArgument, sizeof...(Args)> list{format_detail::make_argument<std::decay_t<const Args&>>(args)...};
  log_detail::log_formatted(level, format.text, std::span<const FormatArgument>(list.data(), list.size()));
}
template <class... Args>
void log_error(FormatString<Args...> format, const Args&... args) {
  log<Args...>(LogLevel::kError, format, args...);
}
template <class... Args>
void log_warning(FormatString<Args...> format, const Args&... args) {
  log<Args...>(LogLevel::kWarning, format, args...);
}
template <class... Args>
void log_info(FormatString<Args...> format, const Args&... args) {
  log<Args...>(LogLevel::kInfo, format, args...);
}
template <class... Args>
void log_debug(FormatString<Args...> format, const Args&... args) {
  log<Args...>(LogLevel::kDebug, format, args...);
}

}  // namespace hati
