// SPDX-License-Identifier: MIT
// The end: registers, backtrace, last log lines on the console, all processors stopped, then what `panic=` says.
// HATI_ASSERT is for what the kernel itself guarantees, never for what user space controls.
#pragma once

#include "base/format.h"

namespace hati {

[[noreturn]] void panic_text(std::string_view message);

template <class... Args>
[[noreturn]] void panic(FormatString<Args...> format, const Args&... args) {
  TextBuffer<256> message;
  format_to(message, format, args...);
  panic_text(message.view());
}

[[noreturn]] void assertion_failed(const char* expression, const char* file, u32 line);

}  // namespace hati

#define HATI_ASSERT(condition)                                       \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::hati::assertion_failed(#condition, __FILE_NAME__, __LINE__); \
  } while (false)
