// SPDX-License-Identifier: MIT
// Local sockets (unix(7)): an end with its queue of incoming messages. Ends know each other while connected; the links between ends, bound names and
// backlogs are guarded by unix_lock, an end's queue by its own lock (taken inside). A SocketFile owns one end and closes it.
#pragma once

#include <deque>
#include <string>

#include "abi/linux/socket.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/file/file.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux {

// Descriptors in flight and who sent them.
struct Ancillary {
  std::vector<Ref<File>> files;
  UserCredentials credentials{0, 65534, 65534};
};

struct SocketMessage {
  std::vector<u8> bytes;
  usize taken = 0;        // stream: bytes read already
  Ancillary ancillary;
  std::string source;     // address of the sender: family and path as in sockaddr_un
};

class UnixEnd : public RefCounted<UnixEnd> {
 public:
  explicit UnixEnd(u32 type) : type_(type) {}
  static Ref<UnixEnd> make(u32 type) { return Ref<UnixEnd>::adopt(std::make_unique<UnixEnd>(type).release()); }
  static void destroy(UnixEnd* end) { delete end; }
  static void connect_pair(UnixEnd& first, UnixEnd& second, const UserCredentials& credentials);

  u32 type() const { return type_; }
  bool is_stream() const { return type_ == kSockStream; }
  bool keeps_connection() const { return type_ != kSockDatagram; }

  // ---- names and connections ----
  SysResult<> bind_abstract(std::string address);
  void bind_path(std::string address, Ref<Inode> inode, File* file);
  static SysResult<Ref<UnixEnd>> find_abstract(const std::string& address);
  std::string address() const;
  std::string peer_address() const;
  bool bound() const { return !address().empty(); }
  SysResult<> listen(u32 backlog, const UserCredentials& credentials);
  // Stream: enters a new end into the listener's backlog; kAGAIN if that is full.
  SysResult<> connect(UnixEnd& target, const UserCredentials& credentials);
  SysResult<Ref<UnixEnd>> accept();
  SysResult<> shut_down(u32 how);
  void close();
  bool connected() const { return static_cast<bool>(peer()); }
  bool listening() const;
  Ref<UnixEnd> peer() const;
  UserCredentials peer_credentials() const;

  // ---- messages ----
  // Where a send goes: the peer, or `target` for a datagram. kPIPE, kNOTCONN, kAGAIN. Takes bytes of `from`; `whole` as in IoContext.
  SysResult<usize> send(IoBuffer& from, Ancillary ancillary, UnixEnd* target, bool whole);
  struct Received {
    usize bytes = 0;
    bool truncated = false;
    usize full_bytes = 0;
    Ancillary ancillary;
    bool has_credentials = false;
    std::string source;
  };
  SysResult<Received> receive(IoBuffer& to, u32 flags);
  usize readable_bytes() const;
  u32 poll() const;
  WaitQueue& queue() { return queue_; }

  std::atomic<bool> pass_credentials{false};
  std::atomic<u64> receive_timeout_ns{0}, send_timeout_ns{0};
  std::atomic<u32> send_buffer{212992}, receive_buffer{212992};
  SysResult<> take_error() {
    const i32 error = error_.exchange(0, std::memory_order_relaxed);
    if (error != 0) return fail(static_cast<Errno>(error));
    return {};
  }

 private:
  SysResult<usize> deliver(IoBuffer& from, Ancillary ancillary, std::string source, bool whole);
  SysResult<Received> receive_stream(IoBuffer& to, u32 flags) HATI_REQUIRES(lock_);
  SysResult<Received> receive_message(IoBuffer& to, u32 flags) HATI_REQUIRES(lock_);
  usize room() const HATI_EXCLUDES(lock_);

  const u32 type_;
  // unix_lock.
  Ref<UnixEnd> peer_;
  std::string address_;
  Ref<Inode> inode_;
  std::deque<Ref<UnixEnd>> backlog_;
  u32 backlog_limit_ = 0;
  bool listening_ = false;
  bool was_connected_ = false;
  UserCredentials peer_credentials_{0, ~0u, ~0u};
  std::string peer_address_;

  mutable SpinLock lock_;
  std::deque<SocketMessage> messages_ HATI_GUARDED_BY(lock_);
  usize queued_ HATI_GUARDED_BY(lock_) = 0;
  bool no_more_input_ HATI_GUARDED_BY(lock_) = false;   // peer closed or shut down writing, or reading was shut down
  bool no_more_output_ HATI_GUARDED_BY(lock_) = false;  // writing was shut down, or the peer is gone
  std::atomic<i32> error_{0};
  WaitQueue queue_;
};

class SocketFile final : public File {
 public:
  SocketFile(Ref<UnixEnd> end, u32 flags) : File(flags), end_(std::move(end)) {}
  UnixEnd& end() const { return *end_; }

  SysResult<usize> read(IoContext& context, IoBuffer& to) override;
  SysResult<usize> write(IoContext& context, IoBuffer& from) override;
  bool writes_everything() const override { return end_->is_stream(); }
  u32 poll() override { return end_->poll(); }
  WaitQueue* poll_queue() override { return &end_->queue(); }
  Task<SysResult<i64>> ioctl(Thread& thread, u32 request, u64 argument) override;
  void on_release() override { end_->close(); }
  std::string description() const override;
  SocketFile* as_socket() override { return this; }

 private:
  const Ref<UnixEnd> end_;
};

// A file with its pseudo inode. flags: kOpenNonBlock.
Ref<File> make_socket_file(Ref<UnixEnd> end, u32 flags);
UserCredentials credentials_of(Thread& thread);

}  // namespace hati::linux
