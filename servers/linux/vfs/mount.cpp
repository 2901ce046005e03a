// SPDX-License-Identifier: MIT
// The tree of mounts. Work on it is short and done under one spin lock; references that may be the last ones are dropped after it.
#include "servers/linux/vfs/mount.h"

#include "servers/linux/vfs/path.h"

namespace hati::linux {

namespace {
std::atomic<i32> next_mount_id{1};
}

Mount::Mount(Ref<FileSystem> file_system, Ref<Dentry> root, std::string source, u32 flags)
    : file_system_(std::move(file_system)),
      root_(std::move(root)),
      source_(std::move(source)),
      id_(next_mount_id.fetch_add(1, std::memory_order_relaxed)),
      flags_(flags) {
  file_system_->mounts.fetch_add(1, std::memory_order_relaxed);
}

Mount::~Mount() {
  if (file_system_->mounts.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  file_system_->forget_root();
  DentryCache::instance().forget(*file_system_);
  file_system_->shut_down();
}

MountTree& MountTree::instance() {
  static MountTree* tree = std::make_unique<MountTree>().release();  // lives as long as the server
  return *tree;
}

void MountTree::set_root(Ref<Mount> mount) {
  SpinGuard guard(lock_);
  mount->attached_ = true;
  root_ = std::move(mount);
}

Path MountTree::root() const {
  Ref<Mount> top;
  {
    SpinGuard guard(lock_);
    top = root_;
  }
  return cross(Path{top, top->root()});
}

Mount* MountTree::topmost_on(const Mount* parent, const Dentry* point) const {
  for (const Ref<Mount>& child : parent->children_)
    if (child->point_.get() == point) return child.get();
  return nullptr;
}

Path MountTree::cross(Path path) const {
  while (path.dentry->is_mount_point()) {
    Ref<Mount> found;
    {
      SpinGuard guard(lock_);
      if (Mount* mount = topmost_on(path.mount.get(), path.dentry.get())) found = Ref<Mount>(*mount);
    }
    if (!found) break;
    path.dentry = found->root();
    path.mount = std::move(found);
  }
  return path;
}

bool MountTree::step_out(Path& path) const {
  Path outer;
  {
    SpinGuard guard(lock_);
    if (path.mount->parent_ == nullptr) return false;
    outer = Path{Ref<Mount>(*path.mount->parent_), path.mount->point_};
  }
  path = std::move(outer);
  return true;
}

void MountTree::link(Mount& parent, Ref<Dentry> point, Ref<Mount> child) {
  point->count_mount(1);
  child->point_ = std::move(point);
  child->parent_ = &parent;
  child->attached_ = parent.attached_;
  parent.children_.push_back(std::move(child));
}

Ref<Mount> MountTree::unlink(Mount& child) {
  Mount& parent = *child.parent_;
  for (auto it = parent.children_.begin(); it != parent.children_.end(); ++it) {
    if (it->get() != &child) continue;
    Ref<Mount> result = std::move(*it);
    parent.children_.erase(it);
    child.point_->count_mount(-1);
    child.parent_ = nullptr;
    return result;
  }
  return nullptr;
}

void MountTree::note_change() {
  generation_.fetch_add(1, std::memory_order_relaxed);
  changed_.wake(kPollPri | kPollErr);
}

SysResult<> MountTree::attach(Ref<Mount> mount, const Path& at) {
  {
    SpinGuard guard(lock_);
    if (!at.mount->attached_) return fail(Errno::kINVAL);
    if (at.dentry->unlinked()) return fail(Errno::kNOENT);
    if (&at.mount->file_system() == &mount->file_system() && at.dentry == at.mount->root() && mount->root() == at.mount->root()) return fail(Errno::kBUSY);
    if (mount->root()->inode()->is(kDirectory) != at.inode()->is(kDirectory)) return fail(Errno::kNOTDIR);
    if (topmost_on(at.mount.get(), at.dentry.get()) != nullptr) return fail(Errno::kBUSY);
    link(*at.mount, at.dentry, std::move(mount));
  }
  note_change();
  return {};
}

void MountTree::detach_subtree(Mount& mount, std::vector<Ref<Mount>>& dropped) {
  mount.attached_ = false;
  while (!mount.children_.empty()) {
    Ref<Mount> child = unlink(*mount.children_.back());
    detach_subtree(*child, dropped);
    dropped.push_back(std::move(child));
  }
}

SysResult<> MountTree::detach(const Path& path, u32 flags) {
  std::vector<Ref<Mount>> dropped;
  {
    SpinGuard guard(lock_);
    Mount& mount = *path.mount;
    if (path.dentry != mount.root() || !mount.attached_ || mount.parent_ == nullptr) return fail(Errno::kINVAL);
    // The tree's reference and the caller's path: anything beyond is a user.
    const bool busy = !mount.children_.empty() || mount.reference_count() > 2;
    if ((flags & kUnmountExpire) != 0) {
      if (busy) return fail(Errno::kBUSY);
      if (!std::exchange(mount.expiry_mark_, true)) return fail(Errno::kAGAIN);
    } else if ((flags & kUnmountDetach) == 0 && busy) {
      return fail(Errno::kBUSY);
    }
    detach_subtree(mount, dropped);
    dropped.push_back(unlink(mount));
  }
  note_change();
  return {};
}

// Whether `dentry` is `ancestor` or lies below it, within one file system.
bool MountTree::below(const Dentry& dentry, const Dentry& ancestor) {
  if (&dentry == &ancestor) return true;
  for (Ref<Dentry> up = dentry.parent(); up; up = up->parent())
    if (up.get() == &ancestor) return true;
  return false;
}

Ref<Mount> MountTree::copy_tree(Mount& from, Ref<Dentry> root, bool recursive) {
  auto copy = Ref<Mount>::adopt(std::make_unique<Mount>(Ref<FileSystem>(from.file_system()), root, from.source_, from.flags()).release());
  copy->peer_group_ = from.peer_group_;
  copy->master_group_ = from.master_group_;
  if (!recursive) return copy;
  for (const Ref<Mount>& child : from.children_) {
    if (child->unbindable_ || !below(*child->point_, *root)) continue;
    link(*copy, child->point_, copy_tree(*child, child->root(), true));
  }
  return copy;
}

void MountTree::mark_attached(Mount& mount) {
  mount.attached_ = true;
  for (const Ref<Mount>& child : mount.children_) mark_attached(*child);
}

SysResult<> MountTree::bind(const Path& source, const Path& at, bool recursive) {
  Ref<Mount> unused;
  {
    SpinGuard guard(lock_);
    if (!source.mount->attached_ || !at.mount->attached_ || source.mount->unbindable_) return fail(Errno::kINVAL);
    if (source.inode()->is(kDirectory) != at.inode()->is(kDirectory)) return fail(Errno::kNOTDIR);
    if (at.dentry->unlinked()) return fail(Errno::kNOENT);
    Ref<Mount> copy = copy_tree(*source.mount, source.dentry, recursive);
    if (topmost_on(at.mount.get(), at.dentry.get()) != nullptr) {
      unused = std::move(copy);
      return fail(Errno::kBUSY);
    }
    Mount& added = *copy;
    link(*at.mount, at.dentry, std::move(copy));
    mark_attached(added);
  }
  note_change();
  return {};
}

SysResult<> MountTree::move(const Path& source, const Path& at) {
  Ref<Mount> moved;
  {
    SpinGuard guard(lock_);
    Mount& mount = *source.mount;
    if (source.dentry != mount.root() || !mount.attached_ || mount.parent_ == nullptr || !at.mount->attached_) return fail(Errno::kINVAL);
    if (source.inode()->is(kDirectory) != at.inode()->is(kDirectory)) return fail(Errno::kINVAL);
    if (mount.parent_->peer_group_ != 0) return fail(Errno::kINVAL);
    for (const Mount* up = at.mount.get(); up != nullptr; up = up->parent_)
      if (up == &mount) return fail(Errno::kLOOP);
    if (topmost_on(at.mount.get(), at.dentry.get()) != nullptr) return fail(Errno::kBUSY);
    moved = unlink(mount);
    link(*at.mount, at.dentry, moved);
  }
  note_change();
  return {};
}

void MountTree::change_propagation(Mount& mount, u32 type, bool recursive) {
  if (type == kMountShared) {
    if (mount.peer_group_ == 0) mount.peer_group_ = next_group_++;
  } else {
    if (type == kMountSlave) mount.master_group_ = mount.peer_group_ != 0 ? mount.peer_group_ : mount.master_group_;
    if (type != kMountSlave) mount.master_group_ = 0;
    mount.peer_group_ = 0;
  }
  mount.unbindable_ = type == kMountUnbindable;
  if (!recursive) return;
  for (const Ref<Mount>& child : mount.children_) change_propagation(*child, type, true);
}

SysResult<> MountTree::set_propagation(const Path& path, u32 type, bool recursive) {
  {
    SpinGuard guard(lock_);
    if (path.dentry != path.mount->root()) return fail(Errno::kINVAL);
    change_propagation(*path.mount, type, recursive);
  }
  note_change();
  return {};
}

SysResult<> MountTree::pivot(const Path& new_root, const Path& put_old, const Path& old_root) {
  {
    SpinGuard guard(lock_);
    Mount& fresh = *new_root.mount;
    Mount& old = *old_root.mount;
    if (!fresh.attached_ || !old.attached_ || !put_old.mount->attached_) return fail(Errno::kINVAL);
    if (new_root.dentry->unlinked()) return fail(Errno::kNOENT);
    if (&fresh == &old || put_old.mount.get() == &old) return fail(Errno::kBUSY);
    if (old_root.dentry != old.root() || new_root.dentry != fresh.root()) return fail(Errno::kINVAL);
    if (old.parent_ == nullptr || fresh.parent_ == nullptr) return fail(Errno::kINVAL);  // the first of all cannot move
    bool reaches = false;
    for (Mount* up = put_old.mount.get(); up != nullptr && !reaches; up = up->parent_) reaches = up == &fresh;
    if (!reaches) return fail(Errno::kINVAL);
    Mount& base = *old.parent_;
    Ref<Dentry> point = old.point_;
    Ref<Mount> fresh_mount = unlink(fresh);
    Ref<Mount> old_mount = unlink(old);
    link(*put_old.mount, put_old.dentry, std::move(old_mount));
    link(base, std::move(point), std::move(fresh_mount));
    mark_attached(fresh);
  }
  note_change();
  return {};
}

void MountTree::collect(Mount& mount, std::vector<MountRecord>& records) const {
  const i32 parent = mount.parent_ != nullptr ? mount.parent_->id_ : mount.id_;
  records.push_back({Ref<Mount>(mount), mount.id_, parent, mount.peer_group_, mount.master_group_, mount.unbindable_});
  for (const Ref<Mount>& child : mount.children_) collect(*child, records);
}

std::vector<MountRecord> MountTree::list() const {
  std::vector<MountRecord> records;
  SpinGuard guard(lock_);
  if (root_) collect(*root_, records);
  return records;
}

bool MountTree::is_attached(const Mount& mount) const {
  SpinGuard guard(lock_);
  return mount.attached_;
}

namespace {

// Carries pipes, sockets and anonymous files: never mounted anywhere.
class NowhereFileSystem final : public FileSystem {
 public:
  const char* type_name() const override { return "nowhere"; }
  Ref<Inode> root() override { return nullptr; }
  Statistics statistics() override { return {}; }
};

}  // namespace

Path detached_path(Ref<Inode> inode, std::string text) {
  static const Ref<Mount> nowhere = [] {
    auto file_system = Ref<FileSystem>::adopt(std::make_unique<NowhereFileSystem>().release());
    auto root = Ref<Dentry>::adopt(std::make_unique<Dentry>(nullptr, "", nullptr).release());
    return Ref<Mount>::adopt(std::make_unique<Mount>(std::move(file_system), std::move(root), "none", kMountKernel).release());
  }();
  return Path{nowhere, Ref<Dentry>::adopt(std::make_unique<Dentry>(nullptr, text, std::move(inode)).release())};
}

}  // namespace hati::linux
