// SPDX-License-Identifier: MIT
// Texts of paths, permission checks, and the root and working directory of threads.
#include "servers/linux/vfs/path.h"

#include "servers/linux/process/credentials.h"
#include "servers/linux/vfs/acl.h"
#include "servers/linux/vfs/fs_contexts.h"

namespace hati::linux {

bool is_unlinked(const Path& path) { return path.dentry->unlinked(); }

std::string path_text(const Path& path, const Path& root) {
  Path here = path;
  std::string text;
  bool reachable = false;
  for (;;) {
    if (here == root) {
      reachable = true;
      break;
    }
    if (here.dentry == here.mount->root()) {
      if (!MountTree::instance().step_out(here)) break;
      continue;
    }
    Ref<Dentry> parent = here.dentry->parent();
    if (!parent) {
      if (here.mount->flags() & kMountKernel) return here.dentry->name();  // "pipe:[12]"
      break;
    }
    text.insert(0, "/" + here.dentry->name());
    here.dentry = std::move(parent);
  }
  if (text.empty()) text = "/";
  if (!reachable) text.insert(0, "(unreachable)");
  if (path.dentry->unlinked()) text += " (deleted)";
  return text;
}

std::string file_text(const File& file, const Path& root) {
  if (file.path() == nullptr) return file.description();
  std::string text = path_text(*file.path(), root);
  if (text.starts_with("(unreachable)")) text.erase(0, 13);
  return text;
}

namespace {

// The list decides for everybody but the owner, unless the group's bits (the mask) are empty. kNODATA, kOPNOTSUPP: there is none.
SysResult<> check_access_list(const Credentials& credentials, const Inode& inode, const Inode::Owner& owner, u32 access) {
  const u32 type = owner.mode & kTypeMask;
  if ((owner.mode & 0070) == 0 || (type != kRegular && type != kDirectory)) return fail(Errno::kNODATA);
  const std::string text = TRY(inode.acl(kAclAccess));
  return check_acl(credentials, TRY(parse_acl(text)), owner, access);
}

SysResult<> check_mode(const Credentials& credentials, const Inode& inode, const Inode::Owner& owner, u32 access) {
  u32 granted = owner.mode;
  if (credentials.fsuid == owner.uid) {
    granted >>= 6;
  } else {
    const SysResult<> listed = check_access_list(credentials, inode, owner, access);
    if (listed || (listed.error() != Errno::kNODATA && listed.error() != Errno::kOPNOTSUPP)) return listed;
    if (credentials.fsgid == owner.gid || credentials.in_group(owner.gid)) granted >>= 3;
  }
  if ((access & ~granted & 7) != 0) return fail(Errno::kACCES);
  return {};
}

}  // namespace

SysResult<> check_permission(const Credentials& credentials, const Inode& inode, u32 access) {
  const Inode::Owner owner = inode.owner();
  const SysResult<> allowed = check_mode(credentials, inode, owner, access);
  if (allowed || allowed.error() != Errno::kACCES) [[likely]]
    return allowed;
  const bool directory = (owner.mode & kTypeMask) == kDirectory;
  // capabilities(7): execution of a file needs at least one x bit, whoever asks.
  if (credentials.capable(kCapDacOverride) && (directory || (access & kAccessExecute) == 0 || (owner.mode & 0111) != 0)) return {};
  if (credentials.capable(kCapDacReadSearch) && (directory ? (access & kAccessWrite) == 0 : access == kAccessRead)) return {};
  return fail(Errno::kACCES);
}

SysResult<> check_permission(const Credentials& credentials, const Path& path, u32 access) {
  const u32 type = path.inode()->type();
  const bool content = type == kRegular || type == kDirectory || type == kSymbolicLink;
  if ((access & kAccessWrite) != 0 && content && path.mount->read_only()) return fail(Errno::kROFS);
  return check_permission(credentials, *path.inode(), access);
}

namespace {

struct FsContextList {
  SpinLock lock;
  FsContext* first HATI_GUARDED_BY(lock) = nullptr;
};
FsContextList contexts;

}  // namespace

FsContext::FsContext(Path root, Path cwd, u32 umask) : root_(std::move(root)), cwd_(std::move(cwd)), umask_(umask) {
  SpinGuard guard(contexts.lock);
  next_ = contexts.first;
  if (next_ != nullptr) next_->link_ = &next_;
  contexts.first = this;
  link_ = &contexts.first;
}

FsContext::~FsContext() {
  SpinGuard guard(contexts.lock);
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
}

Ref<FsContext> FsContext::copy() const { return Ref<FsContext>::adopt(std::make_unique<FsContext>(root(), cwd(), umask()).release()); }

Path FsContext::root() const {
  SpinGuard guard(lock_);
  return root_;
}

Path FsContext::cwd() const {
  SpinGuard guard(lock_);
  return cwd_;
}

void FsContext::set_root(Path path) {
  SpinGuard guard(lock_);
  std::swap(root_, path);
}

void FsContext::set_cwd(Path path) {
  SpinGuard guard(lock_);
  std::swap(cwd_, path);
}

void replace_roots(const Path& from, const Path& to) {
  SpinGuard guard(contexts.lock);
  for (FsContext* context = contexts.first; context != nullptr; context = context->next_) {
    SpinGuard inner(context->lock_);
    if (context->root_ == from) context->root_ = to;
    if (context->cwd_ == from) context->cwd_ = to;
  }
}

}  // namespace hati::linux
