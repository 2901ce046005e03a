// SPDX-License-Identifier: MIT
// Events of the tree of names for those who watch it (inotify(7)). Watches hang on inodes; one lock guards all lists and queues and is taken
// with no other of this room held. With nobody watching an event costs one load.
#pragma once

#include <atomic>
#include <string_view>

#include "abi/linux/inotify.h"
#include "runtime/spinlock.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

struct NotifyLock {
  static inline constinit SpinLock lock;
};

// One watch: in the list of its inode and in the table of its owner (file/inotify.cpp).
class NotifyWatch {
 public:
  explicit NotifyWatch(Ref<Inode> inode) : inode(std::move(inode)) {}
  virtual ~NotifyWatch() = default;
  NotifyWatch(const NotifyWatch&) = delete;
  NotifyWatch& operator=(const NotifyWatch&) = delete;
  virtual void deliver(u32 mask, u32 cookie, std::string_view name) HATI_REQUIRES(NotifyLock::lock) = 0;

  const Ref<Inode> inode;
  u32 mask HATI_GUARDED_BY(NotifyLock::lock) = 0;
  NotifyWatch* next HATI_GUARDED_BY(NotifyLock::lock) = nullptr;
};

void add_watch(NotifyWatch& watch) HATI_REQUIRES(NotifyLock::lock);
void remove_watch(NotifyWatch& watch) HATI_REQUIRES(NotifyLock::lock);

namespace detail {
extern std::atomic<u32> watch_count;
void notify_inode(Inode& inode, u32 mask);
void notify_dentry(const Dentry& dentry, u32 mask);
void notify_name(Inode& directory, std::string_view name, u32 mask, u32 cookie, bool is_directory);
void notify_moved(Inode& from, std::string_view old_name, Inode& to, std::string_view new_name, Inode& moved);
void notify_gone(Inode& inode);
}  // namespace detail

inline bool anybody_watches() { return detail::watch_count.load(std::memory_order_relaxed) != 0; }

// To watchers of the inode alone.
inline void notify_inode(Inode& inode, u32 mask) {
  if (anybody_watches()) [[unlikely]]
    detail::notify_inode(inode, mask);
}
// To watchers of the inode, and of its directory with the name.
inline void notify_dentry(const Dentry& dentry, u32 mask) {
  if (anybody_watches()) [[unlikely]]
    detail::notify_dentry(dentry, mask);
}
inline void notify_file(const File& file, u32 mask) {
  if (anybody_watches() && file.path() != nullptr) [[unlikely]]
    detail::notify_dentry(*file.path()->dentry, mask);
}
// A name appeared in or went from a directory.
inline void notify_name(Inode& directory, std::string_view name, u32 mask, const Inode& child) {
  if (anybody_watches()) [[unlikely]]
    detail::notify_name(directory, name, mask, 0, child.is(kDirectory));
}
inline void notify_moved(Inode& from, std::string_view old_name, Inode& to, std::string_view new_name, Inode& moved) {
  if (anybody_watches()) [[unlikely]]
    detail::notify_moved(from, old_name, to, new_name, moved);
}
// An inode lost a name or its last descriptor: if it has neither any more, that is its end.
inline void notify_if_gone(Inode& inode) {
  if (anybody_watches()) [[unlikely]]
    detail::notify_gone(inode);
}

}  // namespace hati::linux
