// SPDX-License-Identifier: MIT
// Pseudo-terminal pairs.
#include "servers/linux/tty/pty.h"

#include <algorithm>

#include "servers/linux/core/services.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/vfs/device.h"

namespace hati::linux {

namespace {
constexpr u32 kSlaveMajor = 136;
}

Pty::Pty(World& world, u32 number)
    : Terminal(world, make_device(kSlaveMajor + (number >> 8), number & 0xff), "pts/" + std::to_string(number)), number_(number) {
  // No modem line to drop: unlike a serial line, a pty starts without HUPCL.
  SpinGuard guard(lock_);
  Termios settings = discipline_.termios();
  settings.control &= ~u32{kHupCl};
  discipline_.set_termios(settings);
}

void Pty::send(std::string_view bytes) {
  if (output_.size() + bytes.size() <= 2 * kOutputMax) output_ += bytes;  // echo that nobody reads is dropped in the end
}

void Pty::discard_output() {
  output_.clear();
  if (packet_mode_) packet_status_ |= kPacketFlushWrite;
}

void Pty::flow_changed(bool stopped) {
  if (packet_mode_) packet_status_ = static_cast<u8>((packet_status_ & ~(kPacketStop | kPacketStart)) | (stopped ? kPacketStop : kPacketStart));
}

void Pty::set_packet_mode(bool on) {
  SpinGuard guard(lock_);
  packet_mode_ = on;
  packet_status_ = 0;
}

bool Pty::packet_mode() const {
  SpinGuard guard(lock_);
  return packet_mode_;
}

Task<SysResult<>> Pty::drain(Thread& thread) { co_return SysResult<>{}; }

SysResult<usize> Pty::master_read(IoBuffer& to) {
  std::string bytes;
  {
    SpinGuard guard(lock_);
    usize room = std::min<usize>(to.left(), 4096);
    if (room == 0) return 0;
    if (packet_mode_ && packet_status_ != 0) {
      bytes.push_back(static_cast<char>(std::exchange(packet_status_, 0)));
    } else if (output_.empty()) {
      return fail(slave_was_open_ && slave_opens_ == 0 ? Errno::kIO : Errno::kAGAIN);
    } else {
      if (packet_mode_) {
        bytes.push_back(kPacketData);
        --room;
      }
      const usize count = std::min(room, output_.size());
      bytes.append(output_, 0, count);
      output_.erase(0, count);
    }
  }
  queue().wake_all(kPollOut | kPollWrNorm);
  return to.copy_out(bytes.data(), bytes.size());
}

void Pty::push_input(std::span<const u8> bytes) {
  {
    SpinGuard guard(lock_);
    if (!carry_.empty()) {
      carry_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return;
    }
  }
  const usize taken = input(bytes);
  if (taken == bytes.size()) return;
  SpinGuard guard(lock_);
  carry_.append(reinterpret_cast<const char*>(bytes.data()) + taken, bytes.size() - taken);
}

bool Pty::takes_input() const {
  SpinGuard guard(lock_);
  return carry_.empty() && discipline_.has_room();
}

void Pty::input_consumed() {
  std::string carried;
  {
    SpinGuard guard(lock_);
    carried = std::exchange(carry_, {});
  }
  if (!carried.empty()) push_input({reinterpret_cast<const u8*>(carried.data()), carried.size()});
  master_queue_.wake_all(kPollOut | kPollWrNorm);
}

u32 Pty::master_poll() {
  SpinGuard guard(lock_);
  u32 bits = 0;
  if (!output_.empty()) bits |= kPollIn | kPollRdNorm;
  if (packet_mode_ && packet_status_ != 0) bits |= kPollPri | kPollIn | kPollRdNorm;
  if (carry_.empty() && discipline_.has_room()) bits |= kPollOut | kPollWrNorm;
  if (slave_was_open_ && slave_opens_ == 0) bits |= kPollHup;
  return bits;
}

void Pty::file_opened() {
  SpinGuard guard(lock_);
  ++slave_opens_;
  slave_was_open_ = true;
}

void Pty::file_closed() {
  {
    SpinGuard guard(lock_);
    --slave_opens_;
  }
  master_queue_.wake_all();
}

void Pty::master_closed() {
  master_open = false;
  PtyTable::get().remove(number_);
  hang_up();
}

SysResult<usize> PtyMaster::write(IoContext& context, IoBuffer& from) {
  std::array<u8, 512> chunk;
  usize written = 0;
  while (from.left() > 0 && pty_->takes_input()) {
    auto copied = from.copy_in(chunk.data(), std::min<usize>(from.left(), chunk.size()));
    if (!copied) {
      if (written > 0) break;
      return copied;
    }
    pty_->push_input({chunk.data(), *copied});
    written += *copied;
  }
  if (written == 0 && from.left() > 0) return fail(Errno::kAGAIN);
  return written;
}

namespace {

// A descriptor for the other side, whatever the program's view of /dev.
Task<SysResult<i64>> open_peer(Thread& thread, Ref<Pty> pty, u32 flags) {
  if (pty->locked) co_return fail(Errno::kIO);
  const std::string path = "/dev/" + pty->name();
  auto file = CO_TRY(co_await open_file(thread, -100, path, flags & ~static_cast<u32>(kOpenCreate | kOpenExclusive | kOpenTruncate), 0));
  const Fd fd = CO_TRY(thread.files().allocate(std::move(file), (flags & kOpenCloseOnExec) != 0, 0, thread.process().limit(kLimitFiles)));
  co_return fd.value;
}

SysResult<i64> send_to_foreground(Pty& pty, u64 signal) {
  if (signal < 1 || signal > kSignalCount) return fail(Errno::kINVAL);
  pty.signal_foreground(static_cast<i32>(signal));
  return 0;
}

}  // namespace

Task<SysResult<i64>> PtyMaster::ioctl(Thread& thread, u32 request, u64 argument) {
  const UserMemory memory = thread.memory();
  switch (request) {
    case kTiocGptn: CO_TRY(memory.put(UserPtr<u32>{argument}, pty_->number())); co_return 0;
    case kTiocSptlck: pty_->locked = CO_TRY(memory.get(UserPtr<i32>{argument})) != 0; co_return 0;
    case kTiocGptlck: CO_TRY(memory.put(UserPtr<i32>{argument}, i32{pty_->locked})); co_return 0;
    case kTiocPkt: pty_->set_packet_mode(CO_TRY(memory.get(UserPtr<i32>{argument})) != 0); co_return 0;
    case kTiocGpkt: CO_TRY(memory.put(UserPtr<i32>{argument}, i32{pty_->packet_mode()})); co_return 0;
    case kTiocSig: co_return send_to_foreground(*pty_, argument);
    case kTiocInq: CO_TRY(memory.put(UserPtr<i32>{argument}, static_cast<i32>(pty_->master_input_bytes()))); co_return 0;
    case kTiocGptpeer: co_return co_await open_peer(thread, pty_, static_cast<u32>(argument));
    case kTiocSctty: case kTiocNotty: co_return fail(request == kTiocSctty ? Errno::kIO : Errno::kNOTTY);
    default: co_return co_await terminal_ioctl(thread, pty_, request, argument, false);
  }
}

// --- All pairs --------------------------------------------------------------------------------------------------------------------

PtyTable& PtyTable::get() {
  static PtyTable table;
  return table;
}

SysResult<Ref<Pty>> PtyTable::create(World& world) {
  SpinGuard guard(lock_);
  u32 number = 0;
  for (const auto& [used, pty] : pairs_) {
    if (used != number) break;
    ++number;
  }
  if (number >= kMax) return fail(Errno::kNOSPC);
  auto pty = Ref<Pty>::adopt(std::make_unique<Pty>(world, number).release());
  pairs_.emplace(number, pty);
  return pty;
}

Ref<Pty> PtyTable::find(u32 number) const {
  SpinGuard guard(lock_);
  const auto found = pairs_.find(number);
  return found == pairs_.end() ? Ref<Pty>() : found->second;
}

void PtyTable::remove(u32 number) {
  Ref<Pty> removed;  // goes after the lock
  SpinGuard guard(lock_);
  const auto found = pairs_.find(number);
  if (found == pairs_.end()) return;
  removed = std::move(found->second);
  pairs_.erase(found);
}

std::vector<u32> PtyTable::numbers() const {
  SpinGuard guard(lock_);
  std::vector<u32> result;
  for (const auto& [number, pty] : pairs_) result.push_back(number);
  return result;
}

}  // namespace hati::linux
