// SPDX-License-Identifier: MIT
#include "servers/linux/socket/unix.h"

#include <algorithm>
#include <map>

#include "servers/linux/file/anonymous.h"
#include "servers/linux/process/process.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

namespace {

SpinLock unix_lock;

std::map<std::string, UnixEnd*>& abstract_names() {
  static std::map<std::string, UnixEnd*> names;
  return names;
}

}  // namespace

UserCredentials credentials_of(Thread& thread) { return {thread.process().pid, thread.cred().euid, thread.cred().egid}; }

void UnixEnd::connect_pair(UnixEnd& first, UnixEnd& second, const UserCredentials& credentials) {
  SpinGuard guard(unix_lock);
  first.peer_ = Ref<UnixEnd>(second);
  second.peer_ = Ref<UnixEnd>(first);
  first.was_connected_ = second.was_connected_ = true;
  first.peer_credentials_ = second.peer_credentials_ = credentials;
}

SysResult<> UnixEnd::bind_abstract(std::string address) {
  SpinGuard guard(unix_lock);
  if (!address_.empty()) return fail(Errno::kINVAL);
  if (!abstract_names().try_emplace(address, this).second) return fail(Errno::kADDRINUSE);
  address_ = std::move(address);
  return {};
}

void UnixEnd::bind_path(std::string address, Ref<Inode> inode, File* file) {
  inode->set_bound_socket(file);
  SpinGuard guard(unix_lock);
  address_ = std::move(address);
  inode_ = std::move(inode);
}

SysResult<Ref<UnixEnd>> UnixEnd::find_abstract(const std::string& address) {
  SpinGuard guard(unix_lock);
  const auto found = abstract_names().find(address);
  if (found == abstract_names().end() || !found->second->try_ref()) return fail(Errno::kCONNREFUSED);
  return Ref<UnixEnd>::adopt(found->second);
}

std::string UnixEnd::address() const {
  SpinGuard guard(unix_lock);
  return address_;
}

std::string UnixEnd::peer_address() const {
  SpinGuard guard(unix_lock);
  return peer_ ? (peer_->address_.empty() ? peer_address_ : peer_->address_) : peer_address_;
}

Ref<UnixEnd> UnixEnd::peer() const {
  SpinGuard guard(unix_lock);
  return peer_;
}

bool UnixEnd::listening() const {
  SpinGuard guard(unix_lock);
  return listening_;
}

UserCredentials UnixEnd::peer_credentials() const {
  SpinGuard guard(unix_lock);
  return peer_credentials_;
}

SysResult<> UnixEnd::listen(u32 backlog, const UserCredentials& credentials) {
  if (!keeps_connection()) return fail(Errno::kOPNOTSUPP);
  {
    SpinGuard guard(unix_lock);
    if (address_.empty() || peer_ || was_connected_) return fail(Errno::kINVAL);
    listening_ = true;
    backlog_limit_ = std::min<u32>(backlog, 4096);
    peer_credentials_ = credentials;
  }
  queue_.wake_all();
  return {};
}

SysResult<> UnixEnd::connect(UnixEnd& target, const UserCredentials& credentials) {
  if (target.type_ != type_) return fail(Errno::kPROTOTYPE);
  if (!keeps_connection()) {
    Ref<UnixEnd> old;
    SpinGuard guard(unix_lock);
    old = std::move(peer_);
    peer_ = Ref<UnixEnd>(target);
    return {};
  }
  {
    Ref<UnixEnd> server = make(type_);
    SpinGuard guard(unix_lock);
    if (peer_ || was_connected_) return fail(Errno::kISCONN);
    if (listening_) return fail(Errno::kINVAL);
    if (!target.listening_) return fail(Errno::kCONNREFUSED);
    if (target.backlog_.size() > target.backlog_limit_) return fail(Errno::kAGAIN);
    server->peer_ = Ref<UnixEnd>(*this);
    server->was_connected_ = was_connected_ = true;
    server->peer_credentials_ = credentials;
    server->peer_address_ = address_;
    server->address_ = target.address_;
    peer_credentials_ = target.peer_credentials_;
    peer_address_ = target.address_;
    peer_ = server;
    target.backlog_.push_back(std::move(server));
  }
  target.queue_.wake(kPollIn | kPollRdNorm);
  return {};
}

SysResult<Ref<UnixEnd>> UnixEnd::accept() {
  Ref<UnixEnd> end;
  {
    SpinGuard guard(unix_lock);
    if (!listening_) return fail(Errno::kINVAL);
    if (backlog_.empty()) return fail(Errno::kAGAIN);
    end = std::move(backlog_.front());
    backlog_.pop_front();
  }
  queue_.wake(kPollOut);  // a connect that waits for room
  return end;
}

SysResult<> UnixEnd::shut_down(u32 how) {
  const Ref<UnixEnd> other = peer();
  if (!other && keeps_connection() && !listening()) return fail(Errno::kNOTCONN);
  const bool reading = how != kShutWrite, writing = how != kShutRead;
  {
    SpinGuard guard(lock_);
    no_more_input_ |= reading;
    no_more_output_ |= writing;
  }
  if (other && keeps_connection()) {
    {
      SpinGuard guard(other->lock_);
      other->no_more_input_ |= writing;
      other->no_more_output_ |= reading;
    }
    other->queue_.wake_all();
  }
  queue_.wake_all();
  return {};
}

void UnixEnd::close() {
  Ref<UnixEnd> other;
  Ref<Inode> inode;
  std::deque<Ref<UnixEnd>> waiting;
  {
    SpinGuard guard(unix_lock);
    other = std::move(peer_);
    if (other && other->peer_.get() == this) other->peer_.reset();
    if (!address_.empty() && !inode_) {
      const auto found = abstract_names().find(address_);
      if (found != abstract_names().end() && found->second == this) abstract_names().erase(found);
    }
    inode = std::move(inode_);
    listening_ = false;
    std::swap(waiting, backlog_);
  }
  if (inode) inode->set_bound_socket(nullptr);
  for (const Ref<UnixEnd>& end : waiting) end->close();
  std::deque<SocketMessage> dropped;
  {
    SpinGuard guard(lock_);
    std::swap(dropped, messages_);
    queued_ = 0;
    no_more_input_ = no_more_output_ = true;
  }
  queue_.wake_all();
  if (!other || !keeps_connection()) return;
  {
    SpinGuard guard(other->lock_);
    other->no_more_input_ = other->no_more_output_ = true;
    // Bytes that nobody read are a reset for the peer.
    if (!dropped.empty()) other->error_.store(static_cast<i32>(Errno::kCONNRESET), std::memory_order_relaxed);
  }
  other->queue_.wake_all();
}

usize UnixEnd::room() const {
  SpinGuard guard(lock_);
  const usize limit = receive_buffer.load(std::memory_order_relaxed);
  return queued_ < limit ? limit - queued_ : 0;
}

// Into this end's queue.
SysResult<usize> UnixEnd::deliver(IoBuffer& from, Ancillary ancillary, std::string source, bool whole) {
  const usize wanted = from.left();
  {
    SpinGuard guard(lock_);
    if (no_more_input_) return fail(keeps_connection() ? Errno::kPIPE : Errno::kCONNREFUSED);
    const usize limit = receive_buffer.load(std::memory_order_relaxed);
    if (!is_stream() && wanted > limit) return fail(Errno::kMSGSIZE);
    const usize free = queued_ < limit ? limit - queued_ : 0;
    if (is_stream()) {
      if (wanted == 0) return 0;
      if (free == 0 || (whole && free < wanted)) return fail(Errno::kAGAIN);
    } else if ((free < wanted && queued_ > 0) || messages_.size() >= 512) {
      return fail(Errno::kAGAIN);
    }
    SocketMessage message;
    message.bytes.resize(is_stream() ? std::min(wanted, free) : wanted);
    if (!message.bytes.empty()) {
      const usize moved = TRY(from.copy_in(message.bytes.data(), message.bytes.size()));
      if (!is_stream() && moved < message.bytes.size()) return fail(Errno::kFAULT);
      message.bytes.resize(moved);
    }
    message.ancillary = std::move(ancillary);
    message.source = std::move(source);
    queued_ += message.bytes.size();
    messages_.push_back(std::move(message));
  }
  queue_.wake(kPollIn | kPollRdNorm);
  return wanted - from.left();
}

SysResult<usize> UnixEnd::send(IoBuffer& from, Ancillary ancillary, UnixEnd* target, bool whole) {
  TRY(take_error());
  {
    SpinGuard guard(lock_);
    if (no_more_output_) return fail(Errno::kPIPE);
  }
  const Ref<UnixEnd> other = target != nullptr ? Ref<UnixEnd>(*target) : peer();
  if (!other) return fail(Errno::kNOTCONN);
  return other->deliver(from, std::move(ancillary), address(), whole);
}

// A stream is read across messages, but not beyond one that carries descriptors.
SysResult<UnixEnd::Received> UnixEnd::receive_stream(IoBuffer& to, u32 flags) {
  Received received;
  const bool peek = (flags & kMsgPeek) != 0;
  for (usize index = 0; index < messages_.size() && to.left() > 0;) {
    SocketMessage& message = messages_[index];
    const bool first = received.bytes == 0;
    if (!first && !message.ancillary.files.empty()) break;
    if (first) {
      received.ancillary.credentials = message.ancillary.credentials;
      received.ancillary.files = peek ? message.ancillary.files : std::move(message.ancillary.files);
      received.has_credentials = true;
      message.ancillary.files.resize(peek ? message.ancillary.files.size() : 0);
    }
    const usize piece = std::min<u64>(message.bytes.size() - message.taken, to.left());
    const SysResult<usize> moved = to.copy_out(message.bytes.data() + message.taken, piece);
    if (!moved) {
      if (received.bytes == 0) return fail(moved.error());
      break;
    }
    received.bytes += *moved;
    if (peek) {
      ++index;
      continue;
    }
    message.taken += *moved;
    queued_ -= *moved;
    if (message.taken == message.bytes.size()) messages_.pop_front();
    if (*moved < piece || !received.ancillary.files.empty()) break;
  }
  received.full_bytes = received.bytes;
  return received;
}

SysResult<UnixEnd::Received> UnixEnd::receive_message(IoBuffer& to, u32 flags) {
  SocketMessage& message = messages_.front();
  Received received;
  const usize piece = std::min<u64>(message.bytes.size(), to.left());
  if (piece > 0) received.bytes = TRY(to.copy_out(message.bytes.data(), piece));
  received.full_bytes = message.bytes.size();
  received.truncated = piece < message.bytes.size();
  received.ancillary = message.ancillary;
  received.has_credentials = true;
  received.source = message.source;
  if ((flags & kMsgPeek) == 0) {
    queued_ -= message.bytes.size();
    messages_.pop_front();
  }
  return received;
}

SysResult<UnixEnd::Received> UnixEnd::receive(IoBuffer& to, u32 flags) {
  SysResult<Received> result;
  {
    SpinGuard guard(lock_);
    if (messages_.empty()) {
      const i32 error = error_.exchange(0, std::memory_order_relaxed);
      if (error != 0) return fail(static_cast<Errno>(error));
      if (no_more_input_) return Received{};
      return fail(Errno::kAGAIN);
    }
    if (is_stream() && to.left() == 0) return Received{};
    result = is_stream() ? receive_stream(to, flags) : receive_message(to, flags);
  }
  if ((flags & kMsgPeek) == 0) {
    if (const Ref<UnixEnd> other = peer()) other->queue_.wake(kPollOut | kPollWrNorm);
    queue_.wake(kPollOut | kPollWrNorm);  // unconnected senders wait here
  }
  return result;
}

usize UnixEnd::readable_bytes() const {
  SpinGuard guard(lock_);
  if (!is_stream() && !messages_.empty()) return messages_.front().bytes.size();
  return queued_;
}

u32 UnixEnd::poll() const {
  Ref<UnixEnd> other;
  {
    SpinGuard guard(unix_lock);
    if (listening_) return backlog_.empty() ? 0 : kPollIn | kPollRdNorm;
    if (keeps_connection() && !was_connected_) return kPollOut | kPollHup;
    other = peer_;
  }
  u32 events = 0;
  {
    SpinGuard guard(lock_);
    if (!messages_.empty()) events |= kPollIn | kPollRdNorm;
    if (no_more_input_) events |= kPollIn | kPollRdNorm | kPollRdHup;
    if (no_more_input_ && no_more_output_) events |= kPollHup;
  }
  if (error_.load(std::memory_order_relaxed) != 0) events |= kPollErr;
  if (!other || other->room() > 0) events |= kPollOut | kPollWrNorm | kPollWrBand;
  return events;
}

SysResult<usize> SocketFile::read(IoContext& context, IoBuffer& to) {
  if (context.timed_out) return fail(Errno::kAGAIN);
  SysResult<UnixEnd::Received> received = end_->receive(to, 0);
  if (received) return received->bytes;
  if (received.error() == Errno::kAGAIN && context.deadline == kNever && end_->receive_timeout_ns != 0)
    context.deadline = monotonic_ns() + end_->receive_timeout_ns;
  return fail(received.error());
}

SysResult<usize> SocketFile::write(IoContext& context, IoBuffer& from) {
  if (context.timed_out) return fail(Errno::kAGAIN);
  Ancillary ancillary;
  if (context.thread != nullptr) ancillary.credentials = credentials_of(*context.thread);
  const SysResult<usize> sent = end_->send(from, std::move(ancillary), nullptr, context.whole);
  if (!sent && sent.error() == Errno::kAGAIN && context.deadline == kNever && end_->send_timeout_ns != 0)
    context.deadline = monotonic_ns() + end_->send_timeout_ns;
  return sent;
}

Task<SysResult<i64>> SocketFile::ioctl(Thread& thread, u32 request, u64 argument) {
  constexpr u32 kFionread = 0x541b, kSiocOutq = 0x5411;
  if (request != kFionread && request != kSiocOutq) co_return fail(Errno::kNOTTY);
  usize bytes = 0;
  if (request == kFionread) {
    if (end_->listening()) co_return fail(Errno::kINVAL);
    bytes = end_->readable_bytes();
  } else if (const Ref<UnixEnd> other = end_->peer()) {
    bytes = other->readable_bytes();
  }
  CO_TRY(thread.memory().put(UserPtr<i32>{argument}, static_cast<i32>(bytes)));
  co_return 0;
}

std::string SocketFile::description() const { return "socket:[" + std::to_string(inode_->attributes().inode) + "]"; }

Ref<File> make_socket_file(Ref<UnixEnd> end, u32 flags) {
  auto file = Ref<File>::adopt(std::make_unique<SocketFile>(std::move(end), kOpenReadWrite | (flags & kOpenNonBlock)).release());
  file->set_location(make_pseudo_inode(PseudoKind::kSocket, kSocket | 0777u), nullptr);
  return file;
}

}  // namespace hati::linux
