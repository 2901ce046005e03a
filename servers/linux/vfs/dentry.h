// SPDX-License-Identifier: MIT
// Dentries: names in directories, and their cache: a hash table keyed by (parent, name), negative entries included. The cache owns one reference of
// each dentry in it and drops the least recently used ones beyond a limit. A dentry's inode never changes: unlink takes the dentry out of the
// table, create puts in a new one; rename moves it. Changes of a directory's names happen under its inode's mutex.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "base/ref.h"
#include "runtime/spinlock.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux {

class Dentry : public RefCounted<Dentry> {
 public:
  // parent null: the root of a file system, or a name outside the tree ("pipe:[12]"). inode null: negative.
  Dentry(Ref<Dentry> parent, std::string_view name, Ref<Inode> inode);
  ~Dentry();
  static void destroy(Dentry* dentry) { delete dentry; }

  Inode* inode() const { return inode_.get(); }  // null: negative
  bool is_root() const;
  Ref<Dentry> parent() const;  // null for a root
  std::string name() const;

  // In the tree: false once unlinked.
  bool unlinked() const { return unlinked_.load(std::memory_order_acquire); }
  void set_unlinked() { unlinked_.store(true, std::memory_order_release); }
  // Something is mounted on it, in any namespace.
  bool is_mount_point() const { return mounted_here_.load(std::memory_order_acquire) != 0; }
  void count_mount(i32 change) { mounted_here_.fetch_add(static_cast<u32>(change), std::memory_order_acq_rel); }

 private:
  friend class DentryCache;
  bool matches(const Dentry* parent, std::string_view name) const;
  bool belongs_to(const FileSystem& file_system) const;

  const Ref<Inode> inode_;
  std::atomic<u32> mounted_here_{0};
  std::atomic<bool> unlinked_{false};
  std::atomic<bool> used_{false};  // second chance of the LRU
  mutable SpinLock lock_;
  Ref<Dentry> parent_ HATI_GUARDED_BY(lock_);
  std::string name_ HATI_GUARDED_BY(lock_);

  // Guarded by the cache's bucket lock.
  u64 hash_ = 0;
  bool hashed_ = false;
  Dentry* next_ = nullptr;
};

class DentryCache {
 public:
  explicit DentryCache(usize limit = 32768);
  ~DentryCache();
  static DentryCache& instance();

  // The cached dentry (maybe negative), or null: ask the file system.
  Ref<Dentry> find(const Dentry& parent, std::string_view name);
  // Puts a new dentry in, under the parent's mutex. Replaces a negative one.
  Ref<Dentry> insert(Dentry& parent, std::string_view name, Ref<Inode> inode);
  // Takes the name out (unlink, rmdir, or to forget it).
  void remove(Dentry& dentry);
  // rename(2): afterwards `dentry` is (new_parent, new_name); what was there is out of the table.
  void move(Dentry& dentry, Dentry& new_parent, std::string_view new_name);
  void exchange(Dentry& first, Dentry& second);
  // Drops unused entries until `keep` are left; 0: all of them (drop_caches).
  void shrink(usize keep);
  // Drops the unused entries of a file system that goes.
  void forget(const FileSystem& file_system);
  usize size() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr usize kBuckets = 8192;
  struct Bucket {
    SpinLock lock;
    Dentry* first = nullptr;
  };
  static u64 hash_of(const Dentry* parent, std::string_view name);
  void place(Dentry& dentry, Ref<Dentry> parent, std::string_view name);
  Bucket& bucket(u64 hash) { return buckets_[hash % kBuckets]; }
  void link(Dentry& dentry, u64 hash);
  bool unlink_from_bucket(Dentry& dentry);
  Ref<Dentry> take(const Dentry& parent, std::string_view name);
  usize sweep(Bucket& place, bool force, const FileSystem* only);

  const usize limit_;
  std::unique_ptr<Bucket[]> buckets_;
  std::atomic<usize> count_{0};
  std::atomic<usize> hand_{0};
};

}  // namespace hati::linux
