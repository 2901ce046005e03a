// SPDX-License-Identifier: MIT
// Reading, writing and settings of a terminal.
#include "servers/linux/tty/terminal.h"

#include <algorithm>

#include "servers/linux/core/world.h"
#include "servers/linux/signal/send.h"

namespace hati::linux {

namespace {
constexpr u64 kTenthSecond = 100'000'000;
constexpr usize kChunk = 1024;
}  // namespace

Terminal::Terminal(World& world, u64 device, std::string name) : world_(world), device_(device), name_(std::move(name)) {}

// VMIN and VTIME as termios(3) describes the four cases. kAGAIN: not yet; 0: the time is over, give what is there.
SysResult<usize> Terminal::wait_for_input(IoContext& context, usize wanted) {
  context.deadline = kNever;
  if (discipline_.canonical()) {
    if (discipline_.readable(1)) return 1;
    return fail(Errno::kAGAIN);
  }
  const usize available = discipline_.available();
  const usize minimum = std::min<usize>(discipline_.minimum(), wanted);
  const u64 time = discipline_.time() * kTenthSecond;
  if (available >= std::max<usize>(minimum, 1)) return available;
  if (minimum == 0 && time == 0) return available;
  if (context.nonblock) return available > 0 ? SysResult<usize>(available) : fail(Errno::kAGAIN);
  if (time == 0) return fail(Errno::kAGAIN);
  if (minimum > 0 && available == 0) return fail(Errno::kAGAIN);  // the timer starts with the first byte
  const u64 now = monotonic_ns();
  if (!context.retry) read_started_ = now;
  const u64 deadline = (minimum > 0 ? last_input_ : read_started_) + time;
  if (now >= deadline) return available;
  context.deadline = deadline;
  return fail(Errno::kAGAIN);
}

SysResult<usize> Terminal::read(IoContext& context, IoBuffer& to) {
  std::array<u8, LineDiscipline::kBufferSize> buffer;
  usize count = 0;
  {
    SpinGuard guard(lock_);
    const usize wanted = std::min<usize>(to.left(), buffer.size());
    if (wanted == 0) return 0;
    TRY(wait_for_input(context, wanted));
    count = discipline_.read({buffer.data(), wanted});
  }
  input_consumed();
  if (count == 0) return 0;
  return to.copy_out(buffer.data(), count);
}

SysResult<usize> Terminal::write(IoContext& context, IoBuffer& from) {
  std::array<u8, kChunk> chunk;
  usize written = 0;
  while (from.left() > 0) {
    usize room = 0;
    {
      SpinGuard guard(lock_);
      // A tab may become eight columns, a newline two bytes.
      if (!discipline_.output_stopped()) room = output_room() / 8;
    }
    if (room == 0) break;
    // The copy may fault, so it happens outside the lock; writers that race for the room may exceed it by a chunk each.
    auto copied = from.copy_in(chunk.data(), std::min({from.left(), room, kChunk}));
    if (!copied) {
      if (written > 0) break;
      return copied;
    }
    std::string processed;
    {
      SpinGuard guard(lock_);
      discipline_.process_output({chunk.data(), *copied}, processed);
      send(processed);
    }
    written += *copied;
    output_ready();
  }
  if (written == 0 && from.left() > 0) return fail(Errno::kAGAIN);
  return written;
}

u32 Terminal::poll() {
  SpinGuard guard(lock_);
  u32 bits = 0;
  const usize wanted = discipline_.time() == 0 && discipline_.minimum() > 0 ? discipline_.minimum() : 1;
  if (discipline_.readable(wanted)) bits |= kPollIn | kPollRdNorm;
  if (!discipline_.output_stopped() && output_room() >= 256) bits |= kPollOut | kPollWrNorm;
  return bits;
}

usize Terminal::input(std::span<const u8> bytes) {
  std::string echo;
  LineDiscipline::Effects effects;
  usize taken = 0;
  {
    SpinGuard guard(lock_);
    taken = discipline_.receive(bytes, echo, effects);
    last_input_ = monotonic_ns();
    finish_input(echo, effects);
  }
  act(effects);
  return taken;
}

void Terminal::input_break() {
  std::string echo;
  LineDiscipline::Effects effects;
  {
    SpinGuard guard(lock_);
    discipline_.receive_break(effects);
    finish_input(echo, effects);
  }
  act(effects);
}

void Terminal::finish_input(std::string& echo, LineDiscipline::Effects& effects) {
  if (effects.flush_output) discard_output();
  if (effects.stopped) flow_changed(true);
  if (effects.started) flow_changed(false);
  if (!echo.empty()) send(echo);
}

void Terminal::act(const LineDiscipline::Effects& effects) {
  for (i32 signal : effects.signals) signal_foreground(signal);
  queue_.wake_all(kPollIn | kPollRdNorm | (effects.started ? kPollOut | kPollWrNorm : 0u));
  output_ready();
}

bool Terminal::has_input_room() const {
  SpinGuard guard(lock_);
  return discipline_.has_room();
}

Termios Terminal::termios() const {
  SpinGuard guard(lock_);
  return discipline_.termios();
}

void Terminal::set_termios(const Termios& termios) {
  {
    SpinGuard guard(lock_);
    const bool stopped = discipline_.output_stopped();
    discipline_.set_termios(termios);
    if (stopped && !discipline_.output_stopped()) flow_changed(false);
  }
  queue_.wake_all();  // what readers wait for may have changed
  output_ready();
}

WindowSize Terminal::window_size() const {
  SpinGuard guard(lock_);
  return size_;
}

void Terminal::set_window_size(WindowSize size) {
  {
    SpinGuard guard(lock_);
    if (size_ == size) return;
    size_ = size;
  }
  signal_foreground(kSigWinch);
}

u32 Terminal::input_bytes() const {
  SpinGuard guard(lock_);
  return discipline_.input_bytes();
}

u32 Terminal::output_bytes() const {
  SpinGuard guard(lock_);
  return static_cast<u32>(output_pending());
}

void Terminal::flush_input() {
  {
    SpinGuard guard(lock_);
    discipline_.flush_input();
  }
  input_consumed();
}

void Terminal::flush_output() {
  {
    SpinGuard guard(lock_);
    discard_output();
  }
  queue_.wake_all(kPollOut | kPollWrNorm);
}

void Terminal::set_flow(bool stopped) {
  {
    SpinGuard guard(lock_);
    if (discipline_.output_stopped() == stopped) return;
    discipline_.set_output_stopped(stopped);
    flow_changed(stopped);
  }
  if (!stopped) queue_.wake_all(kPollOut | kPollWrNorm);
  output_ready();
}

void Terminal::send_flow_character(bool stop) {
  {
    SpinGuard guard(lock_);
    const u8 c = discipline_.termios().characters[stop ? kVStop : kVStart];
    if (c == 0) return;
    const char text[] = {static_cast<char>(c)};
    send({text, 1});
  }
  output_ready();
}

Task<SysResult<>> Terminal::drain(Thread& thread) {
  Waiter waiter(thread);
  waiter.add(queue_, kPollOut);
  while (output_bytes() > 0) CO_TRY(co_await waiter.wait());
  co_return SysResult<>{};
}

// --- The file ---------------------------------------------------------------------------------------------------------------------

TerminalFile::TerminalFile(Ref<Terminal> terminal, u32 flags, bool as_console)
    : File(flags), terminal_(std::move(terminal)), generation_(terminal_->generation()), console_(as_console) {
  terminal_->file_opened();
}

SysResult<usize> TerminalFile::read(IoContext& context, IoBuffer& to) {
  if (hung_up()) return context.retry ? SysResult<usize>(fail(Errno::kIO)) : 0;
  if (!console_ && context.thread != nullptr) TRY(terminal_->check_background(*context.thread, kSigTtin));
  return terminal_->read(context, to);
}

SysResult<usize> TerminalFile::write(IoContext& context, IoBuffer& from) {
  if (hung_up()) return fail(Errno::kIO);
  if (!console_ && context.thread != nullptr && (terminal_->termios().local & kTostop) != 0)
    TRY(terminal_->check_background(*context.thread, kSigTtou));
  return terminal_->write(context, from);
}

u32 TerminalFile::poll() {
  if (hung_up()) return kPollIn | kPollOut | kPollErr | kPollHup | kPollRdNorm | kPollWrNorm;
  return terminal_->poll();
}

}  // namespace hati::linux
