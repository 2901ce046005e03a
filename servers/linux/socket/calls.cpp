// SPDX-License-Identifier: MIT
// Calls that make, name and connect sockets: socket(2), socketpair(2), bind(2), listen(2), connect(2), accept(2), shutdown(2), getsockname(2).
#include "servers/linux/socket/calls.h"

#include <algorithm>
#include <cstring>

#include "servers/linux/core/calls_file.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/process/process.h"
#include "servers/linux/vfs/node.h"
#include "servers/linux/vfs/walk.h"

namespace hati::linux {

SysResult<SocketRef> socket_of(Thread& thread, Fd fd) {
  Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only()) return fail(Errno::kBADF);
  SocketFile* socket = file->as_socket();
  if (socket == nullptr) return fail(Errno::kNOTSOCK);
  return SocketRef{std::move(file), socket};
}

SysResult<std::string> get_address(Thread& thread, UserAddress from, u32 bytes) {
  if (bytes < 2 || bytes > kAddressMax) return fail(Errno::kINVAL);
  std::string address(bytes, '\0');
  TRY(thread.memory().read(from.address, address.data(), bytes));
  u16 family;
  std::memcpy(&family, address.data(), sizeof family);
  if (family != kAfUnix) return fail(family == kAfUnspecified ? Errno::kAFNOSUPPORT : Errno::kINVAL);
  return address;
}

// Value-result length: how much there would be is told, how much fits is copied.
SysResult<> put_address(Thread& thread, UserAddress to, UserPtr<i32> length, const std::string& address) {
  if (!to) return {};
  const i32 room = TRY(thread.memory().get(length));
  if (room < 0) return fail(Errno::kINVAL);
  std::string full = address.empty() ? std::string("\x01\0", 2) : address;
  const usize copied = std::min<usize>(full.size(), static_cast<usize>(room));
  TRY(thread.memory().write(to.address, full.data(), copied));
  return thread.memory().put(length, static_cast<i32>(full.size()));
}

namespace {

constexpr u32 kTypeFlags = kSockNonBlock | kSockCloseOnExec;

SysResult<u32> checked_type(i32 family, u32 type, u32 protocol) {
  if (family < 0 || family != kAfUnix) return fail(Errno::kAFNOSUPPORT);
  const u32 kind = type & ~kTypeFlags;
  if ((kind & ~0xfu) != 0 || kind >= 11) return fail(Errno::kINVAL);
  if (protocol != 0 && protocol != kAfUnix) return fail(Errno::kPROTONOSUPPORT);
  if (kind == 3) return kSockDatagram;  // SOCK_RAW, believe it or not, is SOCK_DGRAM
  if (kind != kSockStream && kind != kSockDatagram && kind != kSockSequenced) return fail(Errno::kSOCKTNOSUPPORT);
  return kind;
}

SysResult<Fd> install(Thread& thread, Ref<File> file, u32 type) {
  return thread.files().allocate(std::move(file), (type & kSockCloseOnExec) != 0, 0, thread.process().limit(kLimitFiles));
}

u32 open_flags(u32 type) { return (type & kSockNonBlock) != 0 ? u32{kOpenNonBlock} : 0u; }

bool is_abstract(const std::string& address) { return address.size() > 2 && address[2] == '\0'; }
std::string path_of(const std::string& address) { return std::string(address.c_str() + 2, strnlen(address.data() + 2, address.size() - 2)); }

}  // namespace

SysResult<i64> sys_socket(Thread& thread, i32 family, u32 type, u32 protocol) {
  const u32 kind = TRY(checked_type(family, type, protocol));
  return TRY(install(thread, make_socket_file(UnixEnd::make(kind), open_flags(type)), type)).value;
}

SysResult<i64> sys_socketpair(Thread& thread, i32 family, u32 type, u32 protocol, UserPtr<i32> to) {
  const u32 kind = TRY(checked_type(family, type, protocol));
  Ref<UnixEnd> first = UnixEnd::make(kind), second = UnixEnd::make(kind);
  UnixEnd::connect_pair(*first, *second, credentials_of(thread));
  const Fd a = TRY(install(thread, make_socket_file(std::move(first), open_flags(type)), type));
  const SysResult<Fd> b = install(thread, make_socket_file(std::move(second), open_flags(type)), type);
  const i32 fds[2] = {a.value, b ? b->value : -1};
  const SysResult<> copied = b ? thread.memory().write(to.address, fds, sizeof fds) : SysResult<>(fail(b.error()));
  if (copied) return 0;
  (void)thread.files().remove(a);
  if (b) (void)thread.files().remove(*b);
  return fail(copied.error());
}

namespace {

SysResult<> bind_automatic(UnixEnd& end) {
  static std::atomic<u32> next{0};
  for (u32 tries = 0; tries < 0x100000; ++tries) {
    char name[9];
    std::snprintf(name, sizeof name, "%05x", next.fetch_add(1, std::memory_order_relaxed) & 0xfffff);
    const SysResult<> bound = end.bind_abstract(std::string("\x01\0\0", 3) + name);
    if (bound || bound.error() != Errno::kADDRINUSE) return bound;
  }
  return fail(Errno::kNOSPC);
}

Task<SysResult<>> bind_to_path(Thread& thread, SocketRef socket, std::string address) {
  const std::string path = path_of(address);
  const ParentAndName where = CO_TRY(co_await walk_parent(thread, kAtFdCwd, path, 0));
  if (where.name.empty() || where.name == "." || where.name == "..") co_return fail(Errno::kADDRINUSE);
  const Mutex::Guard guard = co_await where.parent.inode()->mutex().lock();
  const Ref<Dentry> existing = CO_TRY(co_await lookup_child_locked(where.parent.dentry, where.name));
  if (existing->inode() != nullptr) co_return fail(Errno::kADDRINUSE);
  CO_TRY(may_create(thread, where.parent));
  Inode& parent = *where.parent.inode();
  Ref<Inode> inode = CO_TRY(co_await parent.create(where.name, new_node(thread, parent, kSocket | 0777u)));
  (void)DentryCache::instance().insert(*where.parent.dentry, where.name, inode);
  address = std::string("\x01\0", 2) + path + '\0';
  socket.socket->end().bind_path(std::move(address), std::move(inode), socket.file.get());
  co_return SysResult<>{};
}

// Whom an address names.
Task<SysResult<Ref<UnixEnd>>> find_target(Thread& thread, std::string address) {
  if (is_abstract(address)) co_return UnixEnd::find_abstract(address);
  if (address.size() <= 2) co_return fail(Errno::kINVAL);
  const Path place = CO_TRY(co_await walk(thread, kAtFdCwd, path_of(address), kWalkFollow));
  CO_TRY(check_permission(thread.cred(), place, kAccessWrite));
  if (!place.inode()->is(kSocket)) co_return fail(Errno::kCONNREFUSED);
  const Ref<File> file = place.inode()->bound_socket();
  if (!file) co_return fail(Errno::kCONNREFUSED);
  co_return Ref<UnixEnd>(file->as_socket()->end());
}

}  // namespace

Task<SysResult<Ref<UnixEnd>>> socket_target(Thread& thread, std::string address) { return find_target(thread, std::move(address)); }

Task<SysResult<i64>> sys_bind(Thread& thread, Fd fd, UserAddress address, u32 bytes) {
  SocketRef socket = CO_TRY(socket_of(thread, fd));
  std::string name = CO_TRY(get_address(thread, address, bytes));
  UnixEnd& end = socket.socket->end();
  if (end.bound()) co_return fail(Errno::kINVAL);
  if (name.size() == 2) {
    CO_TRY(bind_automatic(end));
  } else if (is_abstract(name)) {
    CO_TRY(end.bind_abstract(std::move(name)));
  } else {
    CO_TRY(co_await bind_to_path(thread, std::move(socket), std::move(name)));
  }
  co_return 0;
}

SysResult<i64> sys_listen(Thread& thread, Fd fd, i32 backlog) {
  const SocketRef socket = TRY(socket_of(thread, fd));
  TRY(socket.socket->end().listen(backlog < 0 ? ~0u : static_cast<u32>(backlog), credentials_of(thread)));
  return 0;
}

Task<SysResult<i64>> sys_connect(Thread& thread, Fd fd, UserAddress address, u32 bytes) {
  const SocketRef socket = CO_TRY(socket_of(thread, fd));
  std::string name = CO_TRY(get_address(thread, address, bytes));
  UnixEnd& end = socket.socket->end();
  for (;;) {
    const Ref<UnixEnd> target = CO_TRY(co_await find_target(thread, name));
    Waiter waiter(&thread);
    waiter.add(target->queue());
    const SysResult<> connected = end.connect(*target, credentials_of(thread));
    if (connected) co_return 0;
    if (connected.error() != Errno::kAGAIN || socket.file->nonblocking()) co_return fail(connected.error());
    CO_TRY(co_await waiter.wait());
  }
}

Task<SysResult<i64>> sys_accept4(Thread& thread, Fd fd, UserAddress address, UserPtr<i32> length, u32 flags) {
  if ((flags & ~kTypeFlags) != 0) co_return fail(Errno::kINVAL);
  const SocketRef socket = CO_TRY(socket_of(thread, fd));
  UnixEnd& end = socket.socket->end();
  if (!end.keeps_connection()) co_return fail(Errno::kOPNOTSUPP);
  Waiter waiter(&thread);
  waiter.add(end.queue(), kPollIn, true);
  SysResult<Ref<UnixEnd>> accepted = end.accept();
  while (!accepted && accepted.error() == Errno::kAGAIN && !socket.file->nonblocking()) {
    CO_TRY(co_await waiter.wait());
    accepted = end.accept();
  }
  if (!accepted) co_return fail(accepted.error());
  const std::string name = (*accepted)->peer_address();
  const Fd made = CO_TRY(install(thread, make_socket_file(*std::move(accepted), open_flags(flags)), flags));
  if (const SysResult<> put = put_address(thread, address, length, name); !put) {
    (void)thread.files().remove(made);
    co_return fail(put.error());
  }
  co_return made.value;
}

Task<SysResult<i64>> sys_accept(Thread& thread, Fd fd, UserAddress address, UserPtr<i32> length) { return sys_accept4(thread, fd, address, length, 0); }

SysResult<i64> sys_shutdown(Thread& thread, Fd fd, u32 how) {
  const SocketRef socket = TRY(socket_of(thread, fd));
  if (how > kShutBoth) return fail(Errno::kINVAL);
  TRY(socket.socket->end().shut_down(how));
  return 0;
}

SysResult<i64> sys_getsockname(Thread& thread, Fd fd, UserAddress address, UserPtr<i32> length) {
  const SocketRef socket = TRY(socket_of(thread, fd));
  TRY(put_address(thread, address, length, socket.socket->end().address()));
  return 0;
}

SysResult<i64> sys_getpeername(Thread& thread, Fd fd, UserAddress address, UserPtr<i32> length) {
  const SocketRef socket = TRY(socket_of(thread, fd));
  UnixEnd& end = socket.socket->end();
  if (!end.connected()) return fail(Errno::kNOTCONN);
  TRY(put_address(thread, address, length, end.peer_address()));
  return 0;
}

namespace {

SysResult<i64> put_option(Thread& thread, const void* value, usize bytes, UserAddress to, UserPtr<i32> length) {
  const i32 room = TRY(thread.memory().get(length));
  if (room < 0) return fail(Errno::kINVAL);
  const usize copied = std::min<usize>(bytes, static_cast<usize>(room));
  TRY(thread.memory().write(to.address, value, copied));
  TRY(thread.memory().put(length, static_cast<i32>(copied)));
  return 0;
}

struct SocketTime {
  i64 seconds, microseconds;
};

SocketTime time_of(u64 ns) { return {static_cast<i64>(ns / 1'000'000'000), static_cast<i64>(ns % 1'000'000'000 / 1000)}; }

}  // namespace

SysResult<i64> sys_getsockopt(Thread& thread, Fd fd, i32 level, i32 option, UserAddress to, UserPtr<i32> length) {
  const SocketRef socket = TRY(socket_of(thread, fd));
  UnixEnd& end = socket.socket->end();
  if (level != kSolSocket) return fail(Errno::kOPNOTSUPP);
  i32 value = 0;
  switch (option) {
    case kSoType: value = static_cast<i32>(end.type()); break;
    case kSoDomain: value = kAfUnix; break;
    case kSoProtocol: value = 0; break;
    case kSoError: {
      const SysResult<> error = end.take_error();
      value = error ? 0 : static_cast<i32>(error.error());
      break;
    }
    case kSoAcceptConn: value = end.listening(); break;
    case kSoSndBuf: value = static_cast<i32>(end.send_buffer.load()); break;
    case kSoRcvBuf: value = static_cast<i32>(end.receive_buffer.load()); break;
    case kSoPassCred: value = end.pass_credentials; break;
    case kSoReuseAddr:
    case kSoKeepAlive:
    case kSoBroadcast:
    case kSoDontRoute:
    case kSoReusePort:
    case kSoPriority:
    case kSoTimestamp: break;
    case kSoLinger: {
      const i32 linger[2] = {0, 0};
      return put_option(thread, linger, sizeof linger, to, length);
    }
    case kSoPeerCred: {
      const UserCredentials peer = end.peer_credentials();
      return put_option(thread, &peer, sizeof peer, to, length);
    }
    case kSoRcvTimeO:
    case kSoSndTimeO: {
      const SocketTime time = time_of(option == kSoRcvTimeO ? end.receive_timeout_ns : end.send_timeout_ns);
      return put_option(thread, &time, sizeof time, to, length);
    }
    default: return fail(Errno::kNOPROTOOPT);
  }
  return put_option(thread, &value, sizeof value, to, length);
}

SysResult<i64> sys_setsockopt(Thread& thread, Fd fd, i32 level, i32 option, UserAddress from, i32 bytes) {
  const SocketRef socket = TRY(socket_of(thread, fd));
  UnixEnd& end = socket.socket->end();
  if (level != kSolSocket) return fail(Errno::kOPNOTSUPP);
  if (option == kSoRcvTimeO || option == kSoSndTimeO) {
    if (bytes < static_cast<i32>(sizeof(SocketTime))) return fail(Errno::kINVAL);
    const SocketTime time = TRY(thread.memory().get(from.as<SocketTime>()));
    if (time.microseconds < 0 || time.microseconds >= 1'000'000) return fail(Errno::kDOM);
    const u64 ns = time.seconds < 0 ? 0 : static_cast<u64>(time.seconds) * 1'000'000'000 + static_cast<u64>(time.microseconds) * 1000;
    (option == kSoRcvTimeO ? end.receive_timeout_ns : end.send_timeout_ns) = ns;
    return 0;
  }
  if (bytes < 4) return fail(Errno::kINVAL);
  const i32 value = TRY(thread.memory().get(from.as<i32>()));
  switch (option) {
    case kSoPassCred: end.pass_credentials = value != 0; return 0;
    case kSoSndBuf:
    case kSoSndBufForce: end.send_buffer = std::clamp<u32>(static_cast<u32>(value) * 2, 4608, 425984); return 0;
    case kSoRcvBuf:
    case kSoRcvBufForce: end.receive_buffer = std::clamp<u32>(static_cast<u32>(value) * 2, 2304, 425984); return 0;
    // Without meaning for local sockets, accepted by Linux for all.
    case kSoReuseAddr:
    case kSoKeepAlive:
    case kSoBroadcast:
    case kSoDontRoute:
    case kSoPriority:
    case kSoLinger: return 0;
    default: return fail(Errno::kNOPROTOOPT);
  }
}

}  // namespace hati::linux
