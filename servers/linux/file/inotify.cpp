// SPDX-License-Identifier: MIT
// inotify(7): instances, their watches and queues of events. All state is guarded by NotifyLock; inodes of dropped watches are released outside it.
#include <cstring>
#include <list>
#include <map>

#include "servers/linux/core/calls_file.h"
#include "servers/linux/core/services.h"
#include "servers/linux/vfs/notify.h"
#include "servers/linux/vfs/walk.h"

namespace hati::linux {

namespace {

constexpr usize kQueueMax = 16384, kWatchesMax = 65536;
constexpr u32 kInstancesMax = 128;
std::atomic<u32> instance_count{0};

class InotifyFile final : public File {
 public:
  explicit InotifyFile(u32 flags) : File(flags) { instance_count.fetch_add(1, std::memory_order_relaxed); }
  ~InotifyFile() override { instance_count.fetch_sub(1, std::memory_order_relaxed); }

  SysResult<usize> read(IoContext& context, IoBuffer& to) override;
  u32 poll() override {
    SpinGuard guard(NotifyLock::lock);
    return events_.empty() ? 0 : kPollIn | kPollRdNorm;
  }
  WaitQueue* poll_queue() override { return &queue_; }
  Task<SysResult<i64>> ioctl(Thread& thread, u32 request, u64 argument) override;
  std::string description() const override { return "anon_inode:inotify"; }
  std::string info() const override;
  void on_release() override;
  File* as_inotify() override { return this; }

  SysResult<i32> watch(Ref<Inode> inode, u32 mask);
  SysResult<> unwatch(i32 id);

 private:
  friend class InotifyWatch;
  struct Event {
    i32 watch;
    u32 mask, cookie;
    std::string name;
    bool operator==(const Event&) const = default;
    usize padded() const { return name.empty() ? 0 : (name.size() + 1 + 15) / 16 * 16; }
    usize bytes() const { return sizeof(UserInotifyEvent) + padded(); }
  };
  void queue(i32 id, u32 mask, u32 cookie, std::string_view name) HATI_REQUIRES(NotifyLock::lock);
  void end_watch(i32 id) HATI_REQUIRES(NotifyLock::lock);
  SysResult<bool> take(Event& event, u64 room);
  void drop_dead() HATI_EXCLUDES(NotifyLock::lock);

  WaitQueue queue_;
  std::list<Event> events_ HATI_GUARDED_BY(NotifyLock::lock);
  std::map<i32, std::unique_ptr<NotifyWatch>> watches_ HATI_GUARDED_BY(NotifyLock::lock);
  std::list<std::unique_ptr<NotifyWatch>> dead_ HATI_GUARDED_BY(NotifyLock::lock);  // freed where their inodes may be
  i32 last_id_ HATI_GUARDED_BY(NotifyLock::lock) = 0;
};

class InotifyWatch final : public NotifyWatch {
 public:
  InotifyWatch(InotifyFile& owner, i32 id, Ref<Inode> inode) : NotifyWatch(std::move(inode)), owner_(owner), id_(id) {}
  void deliver(u32 happened, u32 cookie, std::string_view name) override HATI_REQUIRES(NotifyLock::lock) {
    if (happened == kNotifyIgnored) return owner_.end_watch(id_);
    owner_.queue(id_, happened, cookie, name);
    if ((mask & kNotifyOneShot) != 0) owner_.end_watch(id_);
  }

 private:
  InotifyFile& owner_;
  const i32 id_;
};

void InotifyFile::queue(i32 id, u32 mask, u32 cookie, std::string_view name) {
  Event event{id, mask, cookie, std::string(name)};
  if (!events_.empty() && events_.back() == event) return;  // repeated events are merged
  if (events_.size() >= kQueueMax) {
    if (events_.back().mask == kNotifyOverflow) return;
    event = {-1, kNotifyOverflow, 0, {}};
  }
  events_.push_back(std::move(event));
  queue_.wake_all(kPollIn | kPollRdNorm);
}

void InotifyFile::end_watch(i32 id) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  remove_watch(*found->second);
  dead_.push_back(std::move(found->second));
  watches_.erase(found);
  queue(id, kNotifyIgnored, 0, {});
}

void InotifyFile::drop_dead() {
  std::list<std::unique_ptr<NotifyWatch>> dead;
  SpinGuard guard(NotifyLock::lock);
  dead.swap(dead_);
}

// False: the queue is empty. kINVAL: the first event does not fit.
SysResult<bool> InotifyFile::take(Event& event, u64 room) {
  SpinGuard guard(NotifyLock::lock);
  if (events_.empty()) return false;
  if (events_.front().bytes() > room) return fail(Errno::kINVAL);
  event = std::move(events_.front());
  events_.pop_front();
  return true;
}

SysResult<usize> InotifyFile::read(IoContext& context, IoBuffer& to) {
  drop_dead();
  usize done = 0;
  for (;;) {
    Event event;
    const SysResult<bool> taken = take(event, to.left());
    if (!taken && done == 0) return fail(taken.error());
    if (!taken || !*taken) break;
    std::string record(event.bytes(), '\0');
    const UserInotifyEvent head{event.watch, event.mask, event.cookie, static_cast<u32>(event.padded())};
    std::memcpy(record.data(), &head, sizeof head);
    std::memcpy(record.data() + sizeof head, event.name.data(), event.name.size());
    if (TRY(to.copy_out(record.data(), record.size())) < record.size()) return fail(Errno::kFAULT);
    done += record.size();
  }
  if (done == 0) return fail(Errno::kAGAIN);
  return done;
}

Task<SysResult<i64>> InotifyFile::ioctl(Thread& thread, u32 request, u64 argument) {
  constexpr u32 kFionread = 0x541b;
  if (request != kFionread) co_return fail(Errno::kNOTTY);
  usize bytes = 0;
  {
    SpinGuard guard(NotifyLock::lock);
    for (const Event& event : events_) bytes += event.bytes();
  }
  CO_TRY(thread.memory().put(UserPtr<i32>{argument}, static_cast<i32>(bytes)));
  co_return 0;
}

std::string InotifyFile::info() const {
  struct Line {
    i32 id;
    u32 mask;
    Ref<Inode> inode;
  };
  std::list<Line> lines;
  {
    SpinGuard guard(NotifyLock::lock);
    for (const auto& [id, watch] : watches_) lines.push_front({id, watch->mask & kNotifyEvents, watch->inode});
  }
  std::string text;
  for (const Line& line : lines) {
    char buffer[128];
    std::snprintf(buffer, sizeof buffer, "inotify wd:%x ino:%llx sdev:%x mask:%x ignored_mask:0 \n", line.id,
                  static_cast<unsigned long long>(line.inode->attributes().inode), line.inode->file_system().device(), line.mask);
    text += buffer;
  }
  return text;
}

void InotifyFile::on_release() {
  std::map<i32, std::unique_ptr<NotifyWatch>> watches;
  std::list<std::unique_ptr<NotifyWatch>> dead;
  SpinGuard guard(NotifyLock::lock);
  for (const auto& [id, watch] : watches_) remove_watch(*watch);
  watches.swap(watches_);
  dead.swap(dead_);
}

SysResult<i32> InotifyFile::watch(Ref<Inode> inode, u32 mask) {
  drop_dead();
  const u32 kept = mask & (kNotifyEvents | kNotifyExcludeUnlinked | kNotifyOneShot);
  SpinGuard guard(NotifyLock::lock);
  for (const auto& [id, watch] : watches_) {
    if (watch->inode != inode) continue;
    if ((mask & kNotifyMaskCreate) != 0) return fail(Errno::kEXIST);
    watch->mask = (mask & kNotifyMaskAdd) != 0 ? watch->mask | kept : kept;
    return id;
  }
  if (watches_.size() >= kWatchesMax) return fail(Errno::kNOSPC);
  const i32 id = ++last_id_;
  if (id <= 0) return fail(Errno::kNOSPC);
  auto made = std::make_unique<InotifyWatch>(*this, id, std::move(inode));
  made->mask = kept;
  add_watch(*made);
  watches_.emplace(id, std::move(made));
  return id;
}

SysResult<> InotifyFile::unwatch(i32 id) {
  {
    SpinGuard guard(NotifyLock::lock);
    if (!watches_.contains(id)) return fail(Errno::kINVAL);
    end_watch(id);
  }
  drop_dead();
  return {};
}

}  // namespace

SysResult<i64> sys_inotify_init1(Thread& thread, u32 flags) {
  if ((flags & ~u32{kOpenCloseOnExec | kOpenNonBlock}) != 0) return fail(Errno::kINVAL);
  if (instance_count.load(std::memory_order_relaxed) >= kInstancesMax) return fail(Errno::kMFILE);
  auto file = Ref<File>::adopt(std::make_unique<InotifyFile>(flags & kOpenNonBlock).release());
  return TRY(install_anonymous_file(thread, std::move(file), flags)).value;
}

SysResult<i64> sys_inotify_init(Thread& thread) { return sys_inotify_init1(thread, 0); }

Task<SysResult<i64>> sys_inotify_add_watch(Thread& thread, Fd fd, UserPtr<const char> path, u32 mask) {
  constexpr u32 kKnown = kNotifyEvents | kNotifyUnmount | kNotifyOverflow | kNotifyIgnored | kNotifyOnlyDirectory | kNotifyNoFollow |
                         kNotifyExcludeUnlinked | kNotifyMaskCreate | kNotifyMaskAdd | kNotifyDirectory | kNotifyOneShot;
  if ((mask & kKnown) == 0) co_return fail(Errno::kINVAL);
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if ((mask & kNotifyMaskAdd) != 0 && (mask & kNotifyMaskCreate) != 0) co_return fail(Errno::kINVAL);
  InotifyFile* inotify = static_cast<InotifyFile*>(file->as_inotify());
  if (inotify == nullptr) co_return fail(Errno::kINVAL);
  std::string text = CO_TRY(thread.memory().get_path(path));
  const u32 walking = ((mask & kNotifyNoFollow) != 0 ? 0 : kWalkFollow) | ((mask & kNotifyOnlyDirectory) != 0 ? kWalkDirectory : 0);
  const Path place = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(text), walking));
  CO_TRY(check_permission(thread.cred(), place, kAccessRead));
  co_return i64{CO_TRY(inotify->watch(Ref<Inode>(*place.inode()), mask))};
}

SysResult<i64> sys_inotify_rm_watch(Thread& thread, Fd fd, i32 id) {
  const Ref<File> file = TRY(thread.files().get(fd));
  InotifyFile* inotify = static_cast<InotifyFile*>(file->as_inotify());
  if (inotify == nullptr) return fail(Errno::kINVAL);
  TRY(inotify->unwatch(id));
  return 0;
}

}  // namespace hati::linux
