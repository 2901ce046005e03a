// SPDX-License-Identifier: MIT
// Output side of the line discipline: OPOST processing, the cursor's column, echo.
#include "servers/linux/tty/line_discipline.h"

namespace hati::linux {

void LineDiscipline::process_output(std::span<const u8> bytes, std::string& to) {
  if ((termios_.output & kOpost) == 0) {
    to.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return;
  }
  for (u8 c : bytes) output_one(c, to);
}

void LineDiscipline::output_one(u8 c, std::string& to) {
  const u32 flags = termios_.output;
  switch (c) {
    case '\n':
      if ((flags & kOnlRet) != 0) column_ = 0;
      if ((flags & kOnlCr) != 0) {
        to += '\r';
        column_ = line_column_ = 0;
      }
      break;
    case '\r':
      if ((flags & kOnoCr) != 0 && column_ == 0) return;
      if ((flags & kOcrNl) != 0) {
        c = '\n';
        if ((flags & kOnlRet) == 0) break;
      }
      column_ = line_column_ = 0;
      break;
    case '\t': {
      const u32 spaces = 8 - (column_ & 7);
      column_ += spaces;
      if ((flags & kTabDelay) == kXtabs) {
        to.append(spaces, ' ');
        return;
      }
      break;
    }
    case '\b':
      if (column_ > 0) --column_;
      break;
    default:
      if (c < 32 || c == 127) break;
      if ((flags & kOlcuc) != 0 && c >= 'a' && c <= 'z') c = static_cast<u8>(c - 32);
      if (!is_continuation(c)) ++column_;
  }
  to += static_cast<char>(c);
}

void LineDiscipline::echo_raw(u8 c, std::string& to) { process_output({&c, 1}, to); }

void LineDiscipline::echo_visible(u8 c, std::string& to) {
  if (local(kEchoCtl) && (c < 32 || c == 127) && c != '\t') {
    to += '^';
    to += static_cast<char>(c ^ 0100);
    column_ += 2;
  } else {
    echo_raw(c, to);
  }
}

void LineDiscipline::remember_line_column() {
  if (canonical_head_ == head_) line_column_ = column_;
}

}  // namespace hati::linux
