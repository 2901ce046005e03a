// SPDX-License-Identifier: MIT
// A file system that another process serves over protocols/file_system.h: ext2, ext3 and ext4. This server is its only client, so what it knows
// of a node is true until it changes it itself: attributes are kept here, and sizes and times that writes change are sent later. Contents are
// paged memory: read, write and mmap meet in the page cache, and the file system's server fills and cleans its pages.
#pragma once

#include <unordered_map>

#include "protocols/file_system.h"
#include "runtime/async/event.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux {

class RemoteInode;

class RemoteFileSystem final : public FileSystem {
 public:
  // `source`: "/dev/vda1". kNODEV: no server, kNXIO: no such disk, kINVAL: no such file system on it, kBUSY: mounted already.
  static Task<SysResult<Ref<FileSystem>>> mount(const char* type_name, std::string source, std::string options, bool read_only);
  RemoteFileSystem(const char* type_name, Channel channel);
  ~RemoteFileSystem() override;

  const char* type_name() const override { return type_name_; }
  Ref<Inode> root() override;
  Statistics statistics() override;
  Task<SysResult<>> ask_statistics() override;
  SysResult<> remount(std::string_view options) override;
  Task<SysResult<>> change_read_only(bool wanted) override;
  Task<SysResult<>> sync() override;
  void shut_down() override;
  Task<SysResult<>> finish() override;

  // Asks the server: its reply, or the errno that it or the lack of it means (kIO).
  template <Request R>
  Task<SysResult<typename R::Reply>> ask(R request, Attachments* in = nullptr, Attachments* out = nullptr) {
    const auto reply = co_await client_.call(request, in, out);
    if (!reply) co_return fail(reply.error() == Error::kCancelled ? Errno::kINTR : Errno::kIO);
    if (reply->error != 0) co_return fail(static_cast<Errno>(reply->error));
    co_return *reply;
  }
  // The inode of a node that a reply named, which gave this client another reference to it.
  Ref<RemoteInode> intern(const file_system::Attributes& attributes);
  // The last reference here is gone.
  void forget(RemoteInode& inode);
  // Something of it was changed that the server does not know yet.
  void note_changed(RemoteInode& inode);

 private:
  struct Farewell;
  static Task<> say_farewell(Ref<RemoteFileSystem> self, Farewell farewell);
  static Task<> push_from_time_to_time(Ref<RemoteFileSystem> self);
  Task<SysResult<>> push_all();
  void settle();

  const char* const type_name_;
  Client<file_system::FileSystemProtocol> client_;
  Ref<RemoteInode> root_;
  async::Event ending_;
  async::Event settled_;  // no farewell is on its way
  std::atomic<u32> farewells_{0};
  SpinLock lock_;
  std::unordered_map<u32, RemoteInode*> inodes_ HATI_GUARDED_BY(lock_);
  std::vector<Ref<RemoteInode>> changed_ HATI_GUARDED_BY(lock_);
  Statistics statistics_ HATI_GUARDED_BY(lock_);
};

// What the server wants to know with every change.
file_system::Time to_wire(const Timespec& time);
file_system::Caller caller_for(u32 uid, u32 gid, bool privileged = true);
Attachments with_text(std::string_view text);

}  // namespace hati::linux
