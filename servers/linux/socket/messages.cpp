// SPDX-License-Identifier: MIT
// sendto(2), recvfrom(2), sendmsg(2), recvmsg(2) and their multiple forms, with descriptors and credentials as control messages (unix(7)).
#include <algorithm>
#include <cstring>

#include "servers/linux/core/calls_file.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/file/io.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/socket/calls.h"

namespace hati::linux {

namespace {

constexpr u64 kControlMax = 20480;
constexpr u64 aligned(u64 bytes) { return (bytes + 7) & ~u64{7}; }

SysResult<std::vector<IoBuffer::Range>> get_ranges(Thread& thread, u64 address, u64 count) {
  if (count > 1024) return fail(Errno::kMSGSIZE);
  std::vector<IoBuffer::Range> ranges(count);
  if (count > 0) TRY(thread.memory().read(address, ranges.data(), count * sizeof(IoBuffer::Range)));
  u64 total = 0;
  for (IoBuffer::Range& range : ranges) {
    if (static_cast<i64>(range.bytes) < 0) return fail(Errno::kINVAL);
    range.bytes = std::min(range.bytes, kTransferMax - total);
    total += range.bytes;
  }
  return ranges;
}

SysResult<> add_control(Thread& thread, const ControlHeader& header, std::span<const u8> data, Ancillary& to) {
  if (header.level != kSolSocket) return {};
  if (header.type == kScmRights) {
    if (data.size() / 4 + to.files.size() > kScmMaxFds) return fail(Errno::kINVAL);
    for (usize i = 0; i + 4 <= data.size(); i += 4) {
      i32 fd;
      std::memcpy(&fd, data.data() + i, 4);
      to.files.push_back(TRY(thread.files().get(Fd{fd})));
    }
    return {};
  }
  if (header.type != kScmCredentials || data.size() != sizeof(UserCredentials)) return fail(Errno::kINVAL);
  UserCredentials given;
  std::memcpy(&given, data.data(), sizeof given);
  const Credentials& own = thread.cred();
  const bool pid_ok = given.pid == thread.process().pid || thread.capable(kCapSysAdmin);
  const bool uid_ok = given.uid == own.uid || given.uid == own.euid || given.uid == own.suid || thread.capable(kCapSetuid);
  const bool gid_ok = given.gid == own.gid || given.gid == own.egid || given.gid == own.sgid || thread.capable(kCapSetgid);
  if (!pid_ok || !uid_ok || !gid_ok) return fail(Errno::kPERM);
  to.credentials = given;
  return {};
}

SysResult<Ancillary> get_control(Thread& thread, const UserMessage& message) {
  Ancillary result;
  result.credentials = credentials_of(thread);
  if (message.control == 0 || message.control_bytes == 0) return result;
  if (message.control_bytes > kControlMax) return fail(Errno::kNOBUFS);
  std::vector<u8> bytes(message.control_bytes);
  TRY(thread.memory().read(message.control, bytes.data(), bytes.size()));
  for (usize at = 0; at + sizeof(ControlHeader) <= bytes.size();) {
    ControlHeader header;
    std::memcpy(&header, bytes.data() + at, sizeof header);
    if (header.bytes < sizeof header || header.bytes > bytes.size() - at) return fail(Errno::kINVAL);
    TRY(add_control(thread, header, std::span(bytes).subspan(at + sizeof header, header.bytes - sizeof header), result));
    at += aligned(header.bytes);
  }
  return result;
}

struct Sending {
  SocketRef socket;
  Ref<UnixEnd> target;  // datagrams to an address
  Ancillary ancillary;
  u32 flags;
};

Task<SysResult<i64>> send_all(Thread& thread, Sending sending, IoBuffer& from) {
  UnixEnd& end = sending.socket.socket->end();
  const bool nonblock = sending.socket.file->nonblocking() || (sending.flags & kMsgDontWait) != 0;
  WaitQueue& queue = sending.target ? sending.target->queue() : end.queue();
  Waiter waiter(&thread);
  if (!nonblock) waiter.add(queue, kPollOut | kPollHup | kPollErr);
  const u64 timeout = end.send_timeout_ns;
  const u64 deadline = timeout != 0 ? monotonic_ns() + timeout : kNever;
  usize done = 0;
  for (;;) {
    const SysResult<usize> sent = end.send(from, sending.ancillary, sending.target.get(), false);
    if (sent) {
      sending.ancillary.files.clear();  // they went with the first bytes
      done += *sent;
      if (!end.is_stream() || from.left() == 0) co_return static_cast<i64>(done);
      continue;
    }
    if (sent.error() == Errno::kPIPE && (sending.flags & kMsgNoSignal) == 0) raise_signal(thread, kSigPipe);
    const bool waits = sent.error() == Errno::kAGAIN && !nonblock;
    if (!waits && done > 0) co_return static_cast<i64>(done);
    if (!waits) co_return fail(sent.error());
    const SysResult<> woken = co_await waiter.wait(deadline);
    if (woken) continue;
    if (done > 0) co_return static_cast<i64>(done);
    co_return fail(woken.error() == Errno::kTIMEDOUT ? Errno::kAGAIN : woken.error());
  }
}

Task<SysResult<i64>> send_message(Thread& thread, Fd fd, UserMessage message, u32 flags) {
  Sending sending{.socket = CO_TRY(socket_of(thread, fd)), .target = nullptr, .ancillary = {}, .flags = flags};
  if ((flags & kMsgOob) != 0) co_return fail(Errno::kOPNOTSUPP);
  UnixEnd& end = sending.socket.socket->end();
  if (message.name != 0 && message.name_bytes > 0) {
    if (end.keeps_connection()) co_return fail(end.connected() ? Errno::kISCONN : Errno::kOPNOTSUPP);
    std::string address = CO_TRY(get_address(thread, UserAddress{message.name}, message.name_bytes));
    sending.target = CO_TRY(co_await socket_target(thread, std::move(address)));
    if (sending.target->type() != end.type()) co_return fail(Errno::kPROTOTYPE);
  }
  sending.ancillary = CO_TRY(get_control(thread, message));
  const auto ranges = CO_TRY(get_ranges(thread, message.vector, message.vector_count));
  IoBuffer from(thread.memory(), ranges);
  co_return co_await send_all(thread, std::move(sending), from);
}

// ---- receiving ----

// Writes control messages into the program's buffer as far as it reaches.
class ControlWriter {
 public:
  ControlWriter(Thread& thread, u64 address, u64 bytes) : thread_(thread), address_(address), room_(address != 0 ? bytes : 0) {}

  SysResult<> add(i32 type, std::span<const u8> data) {
    if (room_ < sizeof(ControlHeader)) {
      truncated = true;
      return {};
    }
    const usize fitting = std::min<u64>(data.size(), room_ - sizeof(ControlHeader));
    truncated |= fitting < data.size();
    const ControlHeader header{sizeof(ControlHeader) + fitting, kSolSocket, type};
    TRY(thread_.memory().put(UserPtr<ControlHeader>{address_}, header));
    TRY(thread_.memory().write(address_ + sizeof header, data.data(), fitting));
    const u64 step = std::min(room_, aligned(header.bytes));
    address_ += step;
    room_ -= step;
    written += step;
    return {};
  }
  usize descriptor_room() const { return room_ < sizeof(ControlHeader) ? 0 : (room_ - sizeof(ControlHeader)) / 4; }

  u64 written = 0;
  bool truncated = false;

 private:
  Thread& thread_;
  u64 address_;
  u64 room_;
};

// Installs received descriptors, as many as the program has room for; the others are closed.
SysResult<> put_files(Thread& thread, std::vector<Ref<File>> files, bool close_on_exec, ControlWriter& control) {
  if (files.empty()) return {};
  std::vector<i32> numbers;
  for (Ref<File>& file : files) {
    if (numbers.size() >= control.descriptor_room()) break;
    const SysResult<Fd> fd = thread.files().allocate(std::move(file), close_on_exec, 0, thread.process().limit(kLimitFiles));
    if (!fd) break;
    numbers.push_back(fd->value);
  }
  control.truncated |= numbers.size() < files.size();
  if (numbers.empty()) return {};
  return control.add(kScmRights, std::span(reinterpret_cast<const u8*>(numbers.data()), numbers.size() * 4));
}

Task<SysResult<UnixEnd::Received>> receive_waiting(Thread& thread, const SocketRef& socket, IoBuffer& to, u32 flags) {
  UnixEnd& end = socket.socket->end();
  if (end.listening() || (end.keeps_connection() && end.is_stream() && !end.connected() && end.poll() == (kPollOut | kPollHup))) co_return fail(Errno::kINVAL);
  const bool nonblock = socket.file->nonblocking() || (flags & kMsgDontWait) != 0;
  Waiter waiter(&thread);
  if (!nonblock) waiter.add(end.queue(), kPollIn | kPollHup | kPollErr | kPollRdHup);
  const u64 timeout = end.receive_timeout_ns;
  const u64 deadline = timeout != 0 ? monotonic_ns() + timeout : kNever;
  UnixEnd::Received all;
  for (;;) {
    SysResult<UnixEnd::Received> part = end.receive(to, flags);
    if (part) {
      const usize before = all.bytes;
      if (before == 0) all = *std::move(part);
      if (before != 0) all.bytes += part->bytes;
      const bool more = (flags & kMsgWaitAll) != 0 && (flags & kMsgPeek) == 0 && end.is_stream() && to.left() > 0 && all.bytes > before;
      if (!more) co_return all;
      continue;
    }
    if (all.bytes > 0 && (part.error() != Errno::kAGAIN || nonblock)) co_return all;
    if (part.error() != Errno::kAGAIN || nonblock) co_return fail(part.error());
    const SysResult<> woken = co_await waiter.wait(deadline);
    if (woken) continue;
    if (all.bytes > 0) co_return all;
    co_return fail(woken.error() == Errno::kTIMEDOUT ? Errno::kAGAIN : woken.error());
  }
}

Task<SysResult<i64>> receive_message(Thread& thread, Fd fd, UserMessage& message, u32 flags) {
  const SocketRef socket = CO_TRY(socket_of(thread, fd));
  if ((flags & kMsgOob) != 0) co_return fail(Errno::kOPNOTSUPP);
  const auto ranges = CO_TRY(get_ranges(thread, message.vector, message.vector_count));
  IoBuffer to(thread.memory(), ranges);
  UnixEnd::Received received = CO_TRY(co_await receive_waiting(thread, socket, to, flags));
  ControlWriter control(thread, message.control, message.control_bytes);
  if (socket.socket->end().pass_credentials && received.has_credentials) {
    const UserCredentials credentials = received.ancillary.credentials;
    CO_TRY(control.add(kScmCredentials, std::span(reinterpret_cast<const u8*>(&credentials), sizeof credentials)));
  }
  CO_TRY(put_files(thread, std::move(received.ancillary.files), (flags & kMsgCloseOnExec) != 0, control));
  message.control_bytes = control.written;
  message.flags = (received.truncated ? kMsgTruncated : 0u) | (control.truncated ? kMsgControlTruncated : 0u) | (flags & kMsgCloseOnExec);
  if (message.name != 0) {
    const usize copied = std::min<usize>(received.source.size(), message.name_bytes);
    CO_TRY(thread.memory().write(message.name, received.source.data(), copied));
    message.name_bytes = static_cast<u32>(received.source.size());
  }
  co_return static_cast<i64>((flags & kMsgTruncated) != 0 ? received.full_bytes : received.bytes);
}

}  // namespace

Task<SysResult<i64>> sys_sendmsg(Thread& thread, Fd fd, UserPtr<const UserMessage> message, u32 flags) {
  const UserMessage given = CO_TRY(thread.memory().get(message));
  co_return co_await send_message(thread, fd, given, flags);
}

Task<SysResult<i64>> sys_recvmsg(Thread& thread, Fd fd, UserPtr<UserMessage> message, u32 flags) {
  UserMessage given = CO_TRY(thread.memory().get(message));
  const i64 bytes = CO_TRY(co_await receive_message(thread, fd, given, flags));
  CO_TRY(thread.memory().put(message, given));
  co_return bytes;
}

Task<SysResult<i64>> sys_sendmmsg(Thread& thread, Fd fd, UserPtr<UserMultiMessage> messages, u32 count, u32 flags) {
  i64 done = 0;
  for (; done < static_cast<i64>(std::min(count, 1024u)); ++done) {
    const UserPtr<UserMultiMessage> place = messages + static_cast<u64>(done);
    UserMultiMessage given = CO_TRY(thread.memory().get(place));
    const SysResult<i64> sent = co_await send_message(thread, fd, given.message, flags);
    if (!sent && done == 0) co_return sent;
    if (!sent) break;
    given.length = static_cast<u32>(*sent);
    CO_TRY(thread.memory().put(place, given));
  }
  co_return done;
}

Task<SysResult<i64>> sys_sendto(Thread& thread, Fd fd, UserAddress from, u64 bytes, u32 flags, UserAddress address, u32 address_bytes) {
  Sending sending{.socket = CO_TRY(socket_of(thread, fd)), .target = nullptr, .ancillary = {}, .flags = flags};
  if ((flags & kMsgOob) != 0) co_return fail(Errno::kOPNOTSUPP);
  UnixEnd& end = sending.socket.socket->end();
  if (address && address_bytes > 0) {
    if (end.keeps_connection()) co_return fail(end.connected() ? Errno::kISCONN : Errno::kOPNOTSUPP);
    std::string name = CO_TRY(get_address(thread, address, address_bytes));
    sending.target = CO_TRY(co_await socket_target(thread, std::move(name)));
    if (sending.target->type() != end.type()) co_return fail(Errno::kPROTOTYPE);
  }
  sending.ancillary.credentials = credentials_of(thread);
  IoBuffer buffer(thread.memory(), from.address, std::min(bytes, kTransferMax));
  co_return co_await send_all(thread, std::move(sending), buffer);
}

Task<SysResult<i64>> sys_recvfrom(Thread& thread, Fd fd, UserAddress to, u64 bytes, u32 flags, UserAddress address, UserPtr<i32> length) {
  const SocketRef socket = CO_TRY(socket_of(thread, fd));
  if ((flags & kMsgOob) != 0) co_return fail(Errno::kOPNOTSUPP);
  IoBuffer buffer(thread.memory(), to.address, std::min(bytes, kTransferMax));
  const UnixEnd::Received received = CO_TRY(co_await receive_waiting(thread, socket, buffer, flags));
  if (address && !received.source.empty()) CO_TRY(put_address(thread, address, length, received.source));
  if (address && received.source.empty()) CO_TRY(thread.memory().put(length, 0));
  co_return static_cast<i64>((flags & kMsgTruncated) != 0 ? received.full_bytes : received.bytes);
}

}  // namespace hati::linux
