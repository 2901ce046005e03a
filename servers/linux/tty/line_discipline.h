// SPDX-License-Identifier: MIT
// The N_TTY line discipline: canonical editing, echo, signal characters, flow control characters, output processing (termios(3), and the
// behaviour of Linux's drivers/tty/n_tty.c as observed). Portable and without locks: the Terminal that owns it holds its own lock around every call.
// Characters come in through receive(), lines go out through read(); echo and processed output are appended to a sink.
#pragma once

#include <array>
#include <bitset>
#include <span>
#include <string>
#include <vector>

#include "abi/linux/termios.h"

namespace hati::linux {

class LineDiscipline {
 public:
  static constexpr u32 kBufferSize = 4096;

  const Termios& termios() const { return termios_; }
  // New settings; pending input changes between "one finished line" and "bytes" as on Linux.
  void set_termios(const Termios& termios);

  // What a piece of input led to, besides echo and buffered characters.
  struct Effects {
    std::vector<i32> signals;    // for the foreground process group, in order
    bool flush_output = false;   // a signal character discards pending output
    bool stopped = false, started = false;  // output flow changed
  };
  // Takes as many bytes as there is room for and returns how many. Echo is appended to `echo`.
  usize receive(std::span<const u8> bytes, std::string& echo, Effects& effects);
  // A break condition on a serial line.
  void receive_break(Effects& effects);

  // Output as write(2) gives it, processed by OPOST. Returns the bytes consumed: all of them.
  void process_output(std::span<const u8> bytes, std::string& to);

  // Whether read() of `wanted` bytes has something to give without regard to VTIME: a line, or `minimum` bytes.
  bool readable(usize minimum) const { return canonical() ? canonical_head_ != tail_ : available() >= minimum; }
  // At most one line in canonical mode. An end-of-file character at the front is consumed and gives 0.
  usize read(std::span<u8> to);
  // Bytes that FIONREAD reports.
  u32 input_bytes() const;
  u32 available() const { return canonical() ? canonical_head_ - tail_ : head_ - tail_; }
  bool has_room() const { return room() > 0 || discards(); }

  void flush_input();
  bool output_stopped() const { return stopped_; }
  void set_output_stopped(bool stopped) { stopped_ = stopped; }

  bool canonical() const { return (termios_.local & kIcanon) != 0; }
  u8 minimum() const { return termios_.characters[kVMin]; }
  u8 time() const { return termios_.characters[kVTime]; }

 private:
  enum class Step { kDone, kContinue };

  bool local(u32 flag) const { return (termios_.local & flag) != 0; }
  bool input(u32 flag) const { return (termios_.input & flag) != 0; }
  // A control character is disabled by the value 0.
  bool is(u8 c, ControlCharacter which) const { return termios_.characters[which] == c && c != 0; }
  u32 room() const { return head_ - tail_ < kBufferSize - 1 ? kBufferSize - 1 - (head_ - tail_) : 0; }
  // A canonical line that is too long: further characters are lost, so that its end can still come.
  bool discards() const { return canonical() && canonical_head_ == tail_; }

  void receive_one(u8 c, std::string& echo, Effects& effects);
  Step receive_flow(u8 c, Effects& effects);
  Step receive_signal(u8 c, std::string& echo, Effects& effects);
  Step receive_editing(u8 c, std::string& echo);
  Step receive_line_end(u8 c, std::string& echo);
  void receive_plain(u8 c, std::string& echo);
  void reprint(u8 c, std::string& echo);
  void erase(u8 c, std::string& echo);
  bool erase_one(std::string& echo, bool word);
  void erase_echo(u8 erased, std::string& echo);
  void erase_tab(std::string& echo);
  void finish_erasing(std::string& echo);
  void signal(i32 number, Effects& effects);

  void put(u8 c);
  void put_line_end(u8 c);
  u8 at(u32 position) const { return buffer_[position % kBufferSize]; }
  bool is_continuation(u8 c) const { return input(kIutf8) && (c & 0xc0) == 0x80; }

  void echo_raw(u8 c, std::string& to);      // through output processing
  void echo_visible(u8 c, std::string& to);  // control characters as ^X
  void output_one(u8 c, std::string& to);
  void remember_line_column();

  Termios termios_ = standard_termios();
  std::array<u8, kBufferSize> buffer_;
  std::bitset<kBufferSize> line_ends_;
  // Free-running positions: [tail_, canonical_head_) are complete lines, up to head_ the line being edited.
  u32 tail_ = 0, canonical_head_ = 0, head_ = 0;
  u32 column_ = 0, line_column_ = 0;  // of the cursor; where the line being edited began
  bool literal_next_ = false, erasing_ = false, stopped_ = false;
};

}  // namespace hati::linux
