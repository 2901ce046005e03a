// SPDX-License-Identifier: MIT
// Input side of the line discipline: what each character does, editing of the line, reading.
#include "servers/linux/tty/line_discipline.h"

#include <algorithm>

#include "abi/linux/signal.h"

namespace hati::linux {

namespace {
constexpr u8 kBell = 7;
bool is_word(u8 c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80; }
}  // namespace

void LineDiscipline::set_termios(const Termios& termios) {
  const bool was_canonical = canonical();
  termios_ = termios;
  if (was_canonical != canonical()) {
    line_ends_.reset();
    if (!canonical() || head_ == tail_) {
      canonical_head_ = tail_;
    } else {  // bytes typed before become one line without an end
      line_ends_.set((head_ - 1) % kBufferSize);
      canonical_head_ = head_;
    }
    literal_next_ = erasing_ = false;
  }
  if (!input(kIxon)) stopped_ = false;
}

usize LineDiscipline::receive(std::span<const u8> bytes, std::string& echo, Effects& effects) {
  usize taken = 0;
  for (u8 c : bytes) {
    if (!has_room()) break;
    receive_one(c, echo, effects);
    ++taken;
  }
  return taken;
}

void LineDiscipline::receive_break(Effects& effects) {
  if (input(kIgnBrk)) return;
  if (input(kBrkInt)) return signal(kSigInt, effects);
  if (input(kParMrk)) {
    put(0377);
    put(0);
  }
  put(0);
}

void LineDiscipline::receive_one(u8 c, std::string& echo, Effects& effects) {
  if (literal_next_) {
    literal_next_ = false;
    return receive_plain(c, echo);
  }
  if (input(kIstrip)) c &= 0x7f;
  if (input(kIucLc) && local(kIexten) && c >= 'A' && c <= 'Z') c = static_cast<u8>(c + 32);
  if (local(kExtProc)) return put(c);
  if (receive_flow(c, effects) == Step::kDone || receive_signal(c, echo, effects) == Step::kDone) return;
  if (c == '\r') {
    if (input(kIgnCr)) return;
    if (input(kIcrNl)) c = '\n';
  } else if (c == '\n' && input(kInlCr)) {
    c = '\r';
  }
  if (canonical() && (receive_editing(c, echo) == Step::kDone || receive_line_end(c, echo) == Step::kDone)) return;
  if (c == '\n' && local(kEcho)) {
    finish_erasing(echo);
    echo_raw('\n', echo);
    return put(c);
  }
  receive_plain(c, echo);
}

LineDiscipline::Step LineDiscipline::receive_flow(u8 c, Effects& effects) {
  if (!input(kIxon)) return Step::kContinue;
  const auto start = [&] {
    if (stopped_) effects.started = true;
    stopped_ = false;
  };
  if (is(c, kVStart)) return start(), Step::kDone;
  if (is(c, kVStop)) {
    effects.stopped = effects.stopped || !stopped_;
    stopped_ = true;
    return Step::kDone;
  }
  if (stopped_ && (input(kIxany) || (local(kIsig) && (is(c, kVIntr) || is(c, kVQuit) || is(c, kVSusp))))) start();
  return Step::kContinue;
}

void LineDiscipline::signal(i32 number, Effects& effects) {
  if (!local(kNoFlsh)) {
    flush_input();
    effects.flush_output = true;
  }
  effects.signals.push_back(number);
}

LineDiscipline::Step LineDiscipline::receive_signal(u8 c, std::string& echo, Effects& effects) {
  if (!local(kIsig)) return Step::kContinue;
  const i32 number = is(c, kVIntr) ? kSigInt : is(c, kVQuit) ? kSigQuit : is(c, kVSusp) ? kSigTstp : 0;
  if (number == 0) return Step::kContinue;
  if (!local(kNoFlsh)) echo.clear();
  signal(number, effects);
  if (local(kEcho)) echo_visible(c, echo);
  return Step::kDone;
}

LineDiscipline::Step LineDiscipline::receive_editing(u8 c, std::string& echo) {
  if (is(c, kVErase) || is(c, kVKill) || (is(c, kVWerase) && local(kIexten))) {
    erase(c, echo);
    return Step::kDone;
  }
  if (is(c, kVLnext) && local(kIexten)) {
    literal_next_ = true;
    if (local(kEcho)) {
      finish_erasing(echo);
      if (local(kEchoCtl)) echo += "^\b";
    }
    return Step::kDone;
  }
  if (is(c, kVReprint) && local(kEcho) && local(kIexten)) {
    reprint(c, echo);
    return Step::kDone;
  }
  return Step::kContinue;
}

void LineDiscipline::reprint(u8 c, std::string& echo) {
  finish_erasing(echo);
  echo_visible(c, echo);
  echo_raw('\n', echo);
  for (u32 i = canonical_head_; i != head_; ++i) echo_visible(at(i), echo);
}

LineDiscipline::Step LineDiscipline::receive_line_end(u8 c, std::string& echo) {
  if (c == '\n') {
    if (local(kEcho) || local(kEchoNl)) {
      finish_erasing(echo);
      echo_raw('\n', echo);
    }
    return put_line_end(c), Step::kDone;
  }
  if (is(c, kVEof)) return put_line_end(0), Step::kDone;
  if (is(c, kVEol) || (is(c, kVEol2) && local(kIexten))) {
    if (local(kEcho)) {
      remember_line_column();
      echo_visible(c, echo);
    }
    return put_line_end(c), Step::kDone;
  }
  return Step::kContinue;
}

void LineDiscipline::receive_plain(u8 c, std::string& echo) {
  if (room() == 0) {  // a canonical line that is full
    if (input(kImaxBel)) echo += static_cast<char>(kBell);
    return;
  }
  if (local(kEcho)) {
    finish_erasing(echo);
    remember_line_column();
    echo_visible(c, echo);
  }
  if (c == 0377 && input(kParMrk)) put(c);
  put(c);
}

void LineDiscipline::put(u8 c) {
  if (room() == 0) return;
  line_ends_.reset(head_ % kBufferSize);
  buffer_[head_++ % kBufferSize] = c;
}

void LineDiscipline::put_line_end(u8 c) {
  // The last place is kept for the end of an overlong line.
  if (head_ - tail_ == kBufferSize) --head_;
  buffer_[head_++ % kBufferSize] = c;
  line_ends_.set((head_ - 1) % kBufferSize);
  canonical_head_ = head_;
}

void LineDiscipline::flush_input() {
  tail_ = canonical_head_ = head_ = 0;
  line_ends_.reset();
  literal_next_ = erasing_ = false;
}

// --- Erasing --------------------------------------------------------------------------------------------------------------------

void LineDiscipline::erase(u8 c, std::string& echo) {
  if (head_ == canonical_head_) return;
  if (is(c, kVErase)) {
    erase_one(echo, false);
  } else if (is(c, kVWerase)) {
    erase_one(echo, true);
  } else if (!local(kEcho)) {
    head_ = canonical_head_;
  } else if (!local(kEchoK) || !local(kEchoKe) || !local(kEchoE)) {
    head_ = canonical_head_;
    finish_erasing(echo);
    echo_visible(c, echo);
    if (local(kEchoK)) echo_raw('\n', echo);
  } else {
    while (head_ != canonical_head_ && erase_one(echo, false)) {
    }
  }
  if (head_ == canonical_head_ && local(kEcho)) finish_erasing(echo);
}

// Takes one character (all bytes of a UTF-8 sequence) or one word off the end of the line.
bool LineDiscipline::erase_one(std::string& echo, bool word) {
  bool seen_word = false, any = false;
  while (head_ != canonical_head_) {
    u32 first = head_;
    do --first;
    while (is_continuation(at(first)) && first != canonical_head_);
    const u8 c = at(first);
    if (is_continuation(c)) break;  // a sequence without its beginning stays
    if (word) {
      if (is_word(c)) {
        seen_word = true;
      } else if (seen_word) {
        break;
      }
    }
    head_ = first;
    any = true;
    if (local(kEcho)) erase_echo(c, echo);
    if (!word) break;
  }
  return any;
}

void LineDiscipline::erase_echo(u8 erased, std::string& echo) {
  if (local(kEchoPrt)) {
    if (!erasing_) {
      echo_raw('\\', echo);
      erasing_ = true;
    }
    echo_visible(erased, echo);
  } else if (!local(kEchoE)) {
    echo_visible(termios_.characters[kVErase], echo);
  } else if (erased == '\t') {
    erase_tab(echo);
  } else {
    const bool control = erased < 32 || erased == 127;
    const u32 width = !control ? 1 : local(kEchoCtl) ? 2 : 0;
    for (u32 i = 0; i < width; ++i) echo += "\b \b";
    column_ -= std::min(column_, width);
  }
}

// How far the cursor goes back depends on what stands before the tab.
void LineDiscipline::erase_tab(std::string& echo) {
  u32 before = line_column_;
  for (u32 i = canonical_head_; i != head_; ++i) {
    const u8 c = at(i);
    if (c == '\t') {
      before += 8 - (before & 7);
    } else if (c < 32 || c == 127) {
      before += local(kEchoCtl) ? 2 : 0;
    } else if (!is_continuation(c)) {
      ++before;
    }
  }
  while (column_ > before) {
    echo += '\b';
    --column_;
  }
}

void LineDiscipline::finish_erasing(std::string& echo) {
  if (!erasing_) return;
  echo_raw('/', echo);
  erasing_ = false;
}

// --- Reading --------------------------------------------------------------------------------------------------------------------

u32 LineDiscipline::input_bytes() const {
  if (!canonical()) return head_ - tail_;
  u32 count = 0;
  for (u32 i = tail_; i != canonical_head_; ++i) count += !(line_ends_[i % kBufferSize] && at(i) == 0);
  return count;
}

usize LineDiscipline::read(std::span<u8> to) {
  usize count = 0;
  if (!canonical()) {
    for (; count < to.size() && tail_ != head_; ++tail_) to[count++] = at(tail_);
    canonical_head_ = tail_;
    return count;
  }
  while (tail_ != canonical_head_) {
    const u8 c = at(tail_);
    const bool end = line_ends_[tail_ % kBufferSize];
    if (end && c == 0) {  // end of file: consumed with the line, never copied
      ++tail_;
      break;
    }
    if (count == to.size()) break;
    to[count++] = c;
    ++tail_;
    if (end) break;
  }
  return count;
}

}  // namespace hati::linux
