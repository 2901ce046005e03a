// SPDX-License-Identifier: MIT
// The kernel log: lines in a ring buffer, copied to the polled console with a time stamp unless `quiet` (then only errors).
// Usable from any kernel code, also with locks held (its own lock is innermost) and before memory is set up.
#pragma once

#include <span>

#include "abi/call.h"
#include "base/format.h"

namespace hati {

// One line without its line break. Longer than kLogLineMax is cut.
void log_line(LogLevel level, std::string_view text);

template <class... Args>
void log(LogLevel level, FormatString<Args...> format, const Args&... args) {
  TextBuffer<256> line;
  format_to(line, format, args...);
  log_line(level, line.view());
}

// Copies text from byte position `sequence` of all text ever logged (or from the oldest kept, if that is gone) and returns the count;
// `sequence` becomes the position behind it. 0 at the end.
usize log_read(u64& sequence, std::span<char> out);

// A UART driver has taken over the serial port: from now on only errors and panics are written there.
void log_release_console();

}  // namespace hati
