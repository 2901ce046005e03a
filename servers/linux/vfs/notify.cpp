// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/notify.h"

#include "servers/linux/vfs/inode.h"

namespace hati::linux {

namespace detail {
std::atomic<u32> watch_count{0};
}

namespace {

std::atomic<u32> next_cookie{1};

void send(Inode& inode, u32 mask, u32 cookie, std::string_view name, bool unlinked) {
  SpinGuard guard(NotifyLock::lock);
  for (NotifyWatch* watch = inode.first_watch; watch != nullptr;) {
    NotifyWatch* next = watch->next;  // deliver() may remove a watch for one event only
    const bool wanted = (watch->mask & mask & kNotifyEvents) != 0 && !(unlinked && (watch->mask & kNotifyExcludeUnlinked) != 0);
    if (wanted) watch->deliver(mask, cookie, name);
    watch = next;
  }
}

}  // namespace

void add_watch(NotifyWatch& watch) {
  watch.next = watch.inode->first_watch;
  watch.inode->first_watch = &watch;
  detail::watch_count.fetch_add(1, std::memory_order_relaxed);
}

void remove_watch(NotifyWatch& watch) {
  for (NotifyWatch** at = &watch.inode->first_watch; *at != nullptr; at = &(*at)->next) {
    if (*at != &watch) continue;
    *at = watch.next;
    detail::watch_count.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
}

namespace detail {

void notify_inode(Inode& inode, u32 mask) { send(inode, mask | (inode.is(kDirectory) ? kNotifyDirectory : 0u), 0, {}, false); }

void notify_dentry(const Dentry& dentry, u32 mask) {
  Inode* inode = dentry.inode();
  if (inode == nullptr) return;
  const u32 directory = inode->is(kDirectory) ? kNotifyDirectory : 0u;
  if (const Ref<Dentry> parent = dentry.parent(); parent && parent->inode() != nullptr)
    send(*parent->inode(), mask | directory, 0, dentry.name(), dentry.unlinked());
  send(*inode, mask | directory, 0, {}, false);
}

void notify_name(Inode& directory, std::string_view name, u32 mask, u32 cookie, bool is_directory) {
  send(directory, mask | (is_directory ? kNotifyDirectory : 0u), cookie, name, false);
}

void notify_moved(Inode& from, std::string_view old_name, Inode& to, std::string_view new_name, Inode& moved) {
  const u32 cookie = next_cookie.fetch_add(1, std::memory_order_relaxed);
  notify_name(from, old_name, kNotifyMovedFrom, cookie, moved.is(kDirectory));
  notify_name(to, new_name, kNotifyMovedTo, cookie, moved.is(kDirectory));
  send(moved, kNotifyMoveSelf, 0, {}, false);
}

void notify_gone(Inode& inode) {
  if (inode.open_files.load(std::memory_order_acquire) != 0) return;
  const Attributes attributes = inode.attributes();
  if (attributes.links != 0 && !(inode.is(kDirectory) && attributes.links < 2)) return;
  SpinGuard guard(NotifyLock::lock);
  for (NotifyWatch* watch = inode.first_watch; watch != nullptr;) {
    NotifyWatch* next = watch->next;
    if ((watch->mask & kNotifyDeleteSelf) != 0) watch->deliver(kNotifyDeleteSelf, 0, {});
    watch = next;
  }
  // Nothing more will come: the watches end.
  while (inode.first_watch != nullptr) inode.first_watch->deliver(kNotifyIgnored, 0, {});
}

}  // namespace detail

}  // namespace hati::linux
