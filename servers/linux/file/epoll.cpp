// SPDX-License-Identifier: MIT
// Lock order: epoll_lock, then a poll queue's lock, then an instance's lock. Callbacks run under a queue's lock and never take epoll_lock.
#include "servers/linux/file/epoll.h"

#include <algorithm>

namespace hati::linux {

namespace {

SpinLock epoll_lock;
constexpr u32 kPrivate = kEpollEdge | kEpollOneShot | kEpollWakeUp | kEpollExclusive;
constexpr u32 kAlways = kPollErr | kPollHup;
constexpr int kNestingMax = 5;

}  // namespace

EpollItem::EpollItem(EpollFile& epoll, File& file, i32 fd, const EpollEvent& event)
    : epoll_(epoll), file_(&file), fd_(fd), events_(event.events | kAlways), data_(event.data) {
  link_.item = this;
  link_.callback = on_event;
  link_.exclusive = (event.events & kEpollExclusive) != 0;
}

void EpollItem::on_event(WaitLink& link, u32 events) {
  EpollItem& item = *static_cast<Link&>(link).item;
  item.epoll_.mark_ready(item, true);
}

void EpollFile::mark_ready(EpollItem& item, bool wake) {
  {
    SpinGuard guard(lock_);
    if ((item.events_ & ~kPrivate) == 0) return;  // a one-shot that has fired
    if (!item.ready_) {
      item.ready_ = true;
      item.next_ready_ = nullptr;
      *last_ready_ = &item;
      last_ready_ = &item.next_ready_;
    }
  }
  if (wake) queue_.wake(kPollIn | kPollRdNorm);
}

void EpollFile::unlink_ready(EpollItem& item) {
  if (!item.ready_) return;
  for (EpollItem** link = &first_ready_; *link != nullptr; link = &(*link)->next_ready_) {
    if (*link != &item) continue;
    *link = item.next_ready_;
    if (last_ready_ == &item.next_ready_) last_ready_ = link;
    break;
  }
  item.ready_ = false;
}

int EpollFile::depth(const EpollFile& from, const EpollFile* target, int level) {
  if (&from == target || level > kNestingMax) return kNestingMax + 1;
  int deepest = level;
  for (const auto& [key, item] : from.items_)
    if (const EpollFile* inner = key.first->as_epoll()) deepest = std::max(deepest, depth(*inner, target, level + 1));
  return deepest;
}

SysResult<> EpollFile::add(Ref<File> file, i32 fd, const EpollEvent& event) {
  WaitQueue* queue = file->poll_queue();
  if (queue == nullptr) return fail(Errno::kPERM);
  EpollItem* added = nullptr;
  {
    SpinGuard guard(epoll_lock);
    const Key key(file.get(), fd);
    if (items_.contains(key)) return fail(Errno::kEXIST);
    if (const EpollFile* inner = file->as_epoll(); inner != nullptr && depth(*inner, this, 1) > kNestingMax) return fail(Errno::kLOOP);
    auto item = std::make_unique<EpollItem>(*this, *file, fd, event);
    added = item.get();
    file->add_watcher(*added);
    added->link_.events = event.events | kAlways;
    queue->add_callback(added->link_);
    items_.emplace(key, std::move(item));
    if ((poll_item(*added) & (event.events | kAlways)) != 0) mark_ready(*added, false);
  }
  if (poll() != 0) queue_.wake(kPollIn | kPollRdNorm);
  return {};
}

SysResult<> EpollFile::modify(File& file, i32 fd, const EpollEvent& event) {
  {
    SpinGuard guard(epoll_lock);
    const auto found = items_.find(Key(&file, fd));
    if (found == items_.end()) return fail(Errno::kNOENT);
    EpollItem& item = *found->second;
    if (item.link_.exclusive) return fail(Errno::kINVAL);
    WaitQueue* queue = file.poll_queue();
    queue->remove(item.link_);
    {
      SpinGuard inner(lock_);
      item.events_ = event.events | kAlways;
      item.data_ = event.data;
    }
    item.link_.events = event.events | kAlways;
    queue->add_callback(item.link_);
    if ((poll_item(item) & (event.events | kAlways)) != 0) mark_ready(item, false);
  }
  if (poll() != 0) queue_.wake(kPollIn | kPollRdNorm);
  return {};
}

// epoll_lock held: takes the item out of its file's queue and list and off the ready list.
void EpollFile::detach(EpollItem& item) {
  if (WaitQueue* queue = item.file_->poll_queue()) queue->remove(item.link_);
  item.file_->remove_watcher(item);
  SpinGuard guard(lock_);
  unlink_ready(item);
}

SysResult<> EpollFile::remove(File& file, i32 fd) {
  SpinGuard guard(epoll_lock);
  const auto found = items_.find(Key(&file, fd));
  if (found == items_.end()) return fail(Errno::kNOENT);
  detach(*found->second);
  items_.erase(found);
  return {};
}

// epoll_lock held.
u32 EpollFile::poll_item(const EpollItem& item) {
  EpollFile* inner = item.file_->as_epoll();
  return inner != nullptr ? inner->poll_locked() : item.file_->poll();
}

u32 EpollFile::poll_locked() {
  std::vector<EpollItem*> candidates;
  {
    SpinGuard guard(lock_);
    for (EpollItem* item = first_ready_; item != nullptr; item = item->next_ready_) candidates.push_back(item);
  }
  for (EpollItem* item : candidates)
    if ((poll_item(*item) & item->events_) != 0) return kPollIn | kPollRdNorm;
  return 0;
}

u32 EpollFile::poll() {
  SpinGuard guard(epoll_lock);
  return poll_locked();
}

std::vector<EpollEvent> EpollFile::collect(usize limit) {
  std::vector<EpollEvent> result;
  SpinGuard guard(epoll_lock);
  std::vector<EpollItem*> taken;
  {
    SpinGuard inner(lock_);
    for (EpollItem* item = first_ready_; item != nullptr; item = item->next_ready_) {
      item->ready_ = false;
      taken.push_back(item);
    }
    first_ready_ = nullptr;
    last_ready_ = &first_ready_;
  }
  std::vector<EpollItem*> again;
  for (EpollItem* candidate : taken) {
    EpollItem& item = *candidate;
    if (result.size() >= limit) {
      mark_ready(item, false);
      continue;
    }
    const u32 events = poll_item(item) & item.events_ & ~kPrivate;
    if (events == 0) continue;
    result.push_back({events, item.data_});
    if ((item.events_ & kEpollOneShot) != 0) {
      SpinGuard inner(lock_);
      item.events_ &= kPrivate;
    } else if ((item.events_ & kEpollEdge) == 0) {
      again.push_back(&item);
    }
  }
  // Level-triggered items go to the end, behind those that did not fit: everybody gets his turn.
  for (EpollItem* item : again) mark_ready(*item, false);
  return result;
}

void EpollFile::on_release() {
  SpinGuard guard(epoll_lock);
  for (auto& [key, item] : items_) detach(*item);
  items_.clear();
}

std::string EpollFile::info() const {
  std::string text;
  SpinGuard guard(epoll_lock);
  for (const auto& [key, item] : items_) {
    char line[96];
    std::snprintf(line, sizeof line, "tfd: %8d events: %8x data: %16llx \n", item->fd_, item->events_,
                  static_cast<unsigned long long>(item->data_));
    text += line;
  }
  return text;
}

void File::add_watcher(EpollItem& item) {
  item.next_of_file_ = watchers_;
  watchers_ = &item;
}

void File::remove_watcher(EpollItem& item) {
  for (EpollItem** link = &watchers_; *link != nullptr; link = &(*link)->next_of_file_) {
    if (*link != &item) continue;
    *link = item.next_of_file_;
    return;
  }
}

void forget_watched_file(File& file) {
  SpinGuard guard(epoll_lock);
  while (EpollItem* item = file.first_watcher()) {
    EpollFile& epoll = item->epoll_;
    epoll.detach(*item);
    epoll.items_.erase(EpollFile::Key(&file, item->fd_));
  }
}

}  // namespace hati::linux
