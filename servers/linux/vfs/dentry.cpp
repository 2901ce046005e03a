// SPDX-License-Identifier: MIT
// The dentry cache. A name and parent are written with both the bucket's and the dentry's lock held, so either is enough to read them.
#include "servers/linux/vfs/dentry.h"

#include <functional>

namespace hati::linux {

Dentry::Dentry(Ref<Dentry> parent, std::string_view name, Ref<Inode> inode) : inode_(std::move(inode)), parent_(std::move(parent)), name_(name) {}
Dentry::~Dentry() = default;

bool Dentry::is_root() const {
  SpinGuard guard(lock_);
  return !parent_;
}

Ref<Dentry> Dentry::parent() const {
  SpinGuard guard(lock_);
  return parent_;
}

std::string Dentry::name() const {
  SpinGuard guard(lock_);
  return name_;
}

// The bucket's lock is held, which keeps both fields still.
bool Dentry::matches(const Dentry* parent, std::string_view name) const HATI_NO_THREAD_SAFETY_ANALYSIS { return parent_.get() == parent && name_ == name; }

DentryCache::DentryCache(usize limit) : limit_(limit), buckets_(std::make_unique<Bucket[]>(kBuckets)) {}

DentryCache::~DentryCache() {
  for (usize i = 0; i < kBuckets; ++i) {
    Dentry* dentry = std::exchange(buckets_[i].first, nullptr);
    while (dentry != nullptr) {
      Dentry* next = dentry->next_;
      dentry->hashed_ = false;
      dentry->unref();
      dentry = next;
    }
  }
}

DentryCache& DentryCache::instance() {
  static DentryCache* cache = std::make_unique<DentryCache>().release();  // lives as long as the server
  return *cache;
}

u64 DentryCache::hash_of(const Dentry* parent, std::string_view name) {
  u64 hash = 0xcbf29ce484222325 ^ (reinterpret_cast<u64>(parent) >> 4);
  for (const char c : name) hash = (hash ^ static_cast<u8>(c)) * 0x100000001b3;
  return hash ^ hash >> 29;
}

Ref<Dentry> DentryCache::find(const Dentry& parent, std::string_view name) {
  const u64 hash = hash_of(&parent, name);
  Bucket& place = bucket(hash);
  SpinGuard guard(place.lock);
  for (Dentry* dentry = place.first; dentry != nullptr; dentry = dentry->next_) {
    if (dentry->hash_ != hash || !dentry->matches(&parent, name)) continue;
    if (!dentry->used_.load(std::memory_order_relaxed)) dentry->used_.store(true, std::memory_order_relaxed);
    return Ref<Dentry>(*dentry);
  }
  return nullptr;
}

void DentryCache::link(Dentry& dentry, u64 hash) {
  Bucket& place = bucket(hash);
  dentry.hash_ = hash;
  dentry.hashed_ = true;
  dentry.next_ = place.first;
  place.first = &dentry;
}

// Bucket lock held; false if it was not in.
bool DentryCache::unlink_from_bucket(Dentry& dentry) {
  if (!dentry.hashed_) return false;
  for (Dentry** link = &bucket(dentry.hash_).first; *link != nullptr; link = &(*link)->next_) {
    if (*link != &dentry) continue;
    *link = dentry.next_;
    dentry.hashed_ = false;
    return true;
  }
  return false;
}

Ref<Dentry> DentryCache::take(const Dentry& parent, std::string_view name) {
  const u64 hash = hash_of(&parent, name);
  Bucket& place = bucket(hash);
  SpinGuard guard(place.lock);
  for (Dentry* dentry = place.first; dentry != nullptr; dentry = dentry->next_) {
    if (dentry->hash_ != hash || !dentry->matches(&parent, name)) continue;
    unlink_from_bucket(*dentry);
    count_.fetch_sub(1, std::memory_order_relaxed);
    return Ref<Dentry>::adopt(dentry);  // the cache's reference
  }
  return nullptr;
}

Ref<Dentry> DentryCache::insert(Dentry& parent, std::string_view name, Ref<Inode> inode) {
  Ref<Dentry> old = take(parent, name);
  auto dentry = Ref<Dentry>::adopt(std::make_unique<Dentry>(Ref<Dentry>(parent), name, std::move(inode)).release());
  const u64 hash = hash_of(&parent, name);
  {
    SpinGuard guard(bucket(hash).lock);
    dentry->ref();
    link(*dentry, hash);
  }
  if (count_.fetch_add(1, std::memory_order_relaxed) >= limit_) shrink(limit_ - limit_ / 8);
  return dentry;
}

void DentryCache::remove(Dentry& dentry) {
  for (;;) {
    const u64 hash = dentry.hash_;
    SpinGuard guard(bucket(hash).lock);
    if (dentry.hash_ != hash) continue;  // renamed meanwhile
    if (!unlink_from_bucket(dentry)) return;
    break;
  }
  count_.fetch_sub(1, std::memory_order_relaxed);
  dentry.unref();  // the caller has a reference of its own
}

// The dentry is out of the table (nobody finds it); its parent directories' mutexes are held by the caller.
void DentryCache::place(Dentry& dentry, Ref<Dentry> parent, std::string_view name) {
  const u64 hash = hash_of(parent.get(), name);
  Ref<Dentry> old_parent = std::move(parent);
  std::string old_name(name);
  {
    SpinGuard guard(bucket(hash).lock);
    {
      SpinGuard inner(dentry.lock_);
      std::swap(dentry.parent_, old_parent);
      std::swap(dentry.name_, old_name);
    }
    link(dentry, hash);
  }
  count_.fetch_add(1, std::memory_order_relaxed);
}

void DentryCache::move(Dentry& dentry, Dentry& new_parent, std::string_view new_name) {
  Ref<Dentry> replaced = take(new_parent, new_name);
  dentry.ref();  // the table's next reference
  remove(dentry);
  place(dentry, Ref<Dentry>(new_parent), new_name);
}

void DentryCache::exchange(Dentry& first, Dentry& second) {
  Ref<Dentry> first_parent = first.parent(), second_parent = second.parent();
  const std::string first_name = first.name(), second_name = second.name();
  first.ref();
  second.ref();
  remove(first);
  remove(second);
  place(first, std::move(second_parent), second_name);
  place(second, std::move(first_parent), first_name);
}

// Drops entries that nobody uses and that were not found since the last sweep; all unused ones with `force`.
usize DentryCache::sweep(Bucket& place, bool force, const FileSystem* only) {
  Dentry* dropped = nullptr;
  usize count = 0;
  {
    SpinGuard guard(place.lock);
    for (Dentry** link = &place.first; *link != nullptr;) {
      Dentry* dentry = *link;
      const bool mine = only == nullptr || dentry->belongs_to(*only);
      const bool recent = !force && dentry->used_.exchange(false, std::memory_order_relaxed);
      if (!mine || recent || dentry->reference_count() != 1) {
        link = &dentry->next_;
        continue;
      }
      *link = dentry->next_;
      dentry->hashed_ = false;
      dentry->next_ = dropped;
      dropped = dentry;
      ++count;
    }
  }
  count_.fetch_sub(count, std::memory_order_relaxed);
  while (dropped != nullptr) std::exchange(dropped, dropped->next_)->unref();
  return count;
}

// A negative dentry belongs to where its parent does.
bool Dentry::belongs_to(const FileSystem& file_system) const HATI_NO_THREAD_SAFETY_ANALYSIS {
  if (inode_) return &inode_->file_system() == &file_system;
  return parent_ && parent_->inode_ && &parent_->inode_->file_system() == &file_system;
}

void DentryCache::shrink(usize keep) {
  for (usize step = 0; step < 2 * kBuckets && size() > keep; ++step)
    sweep(buckets_[hand_.fetch_add(1, std::memory_order_relaxed) % kBuckets], keep == 0, nullptr);
}

void DentryCache::forget(const FileSystem& file_system) {
  // Children keep their parents: repeat until nothing more goes.
  for (usize dropped = 1; dropped != 0;) {
    dropped = 0;
    for (usize i = 0; i < kBuckets; ++i) dropped += sweep(buckets_[i], true, &file_system);
  }
}

}  // namespace hati::linux
