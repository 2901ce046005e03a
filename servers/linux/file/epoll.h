// SPDX-License-Identifier: MIT
// epoll(7). An instance owns items, one per watched (file, descriptor); an item hangs in the file's poll queue with a callback that puts it on the ready list.
// All links between files, items and instances are guarded by one lock (epoll_lock), ready lists by the instance's own.
#pragma once

#include <cstdio>
#include <map>
#include <vector>

#include "servers/linux/file/fd_table.h"
#include "servers/linux/file/file.h"

namespace hati::linux {

enum EpollEvents : u32 { kEpollExclusive = 1u << 28, kEpollWakeUp = 1u << 29, kEpollOneShot = 1u << 30, kEpollEdge = 1u << 31 };

// struct epoll_event: packed on x86-64.
struct [[gnu::packed]] EpollEvent {
  u32 events;
  u64 data;
};
static_assert(sizeof(EpollEvent) == 12);

class EpollFile;

class EpollItem {
 public:
  EpollItem(EpollFile& epoll, File& file, i32 fd, const EpollEvent& event);

 private:
  friend class EpollFile;
  friend class File;
  friend void forget_watched_file(File& file);
  struct Link : CallbackLink {
    EpollItem* item = nullptr;
  };
  static void on_event(WaitLink& link, u32 events);

  EpollFile& epoll_;
  File* const file_;  // valid while the item is in an instance: the file's end removes it
  const i32 fd_;
  u32 events_;  // guarded by the instance's lock
  u64 data_;
  Link link_;
  bool ready_ = false;  // on the ready list
  EpollItem* next_ready_ = nullptr;
  EpollItem* next_of_file_ = nullptr;  // epoll_lock
};

class EpollFile final : public File {
 public:
  explicit EpollFile(u32 flags) : File(flags) {}

  SysResult<> add(Ref<File> file, i32 fd, const EpollEvent& event);
  SysResult<> modify(File& file, i32 fd, const EpollEvent& event);
  SysResult<> remove(File& file, i32 fd);
  // Up to `limit` events that are ready now.
  std::vector<EpollEvent> collect(usize limit);

  u32 poll() override;
  WaitQueue* poll_queue() override { return &queue_; }
  WaitQueue& queue() { return queue_; }
  void on_release() override;
  std::string description() const override { return "anon_inode:[eventpoll]"; }
  std::string info() const override;
  EpollFile* as_epoll() override { return this; }

 private:
  friend class EpollItem;
  friend void forget_watched_file(File& file);
  using Key = std::pair<File*, i32>;

  void mark_ready(EpollItem& item, bool wake);
  void unlink_ready(EpollItem& item) HATI_REQUIRES(lock_);
  u32 poll_locked();
  static u32 poll_item(const EpollItem& item);
  void detach(EpollItem& item);
  // Instances watched by this one, through how many levels; kLOOP beyond 5 or if `target` is among them.
  static int depth(const EpollFile& from, const EpollFile* target, int level);

  mutable SpinLock lock_;
  std::map<Key, std::unique_ptr<EpollItem>> items_;  // epoll_lock
  EpollItem* first_ready_ HATI_GUARDED_BY(lock_) = nullptr;
  EpollItem** last_ready_ HATI_GUARDED_BY(lock_) = &first_ready_;
  WaitQueue queue_;
};

// The file's last reference goes: takes it out of all instances.
void forget_watched_file(File& file);

}  // namespace hati::linux
