// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/walk.h"

#include "servers/linux/core/thread.h"
#include "servers/linux/file/fd_table.h"

namespace hati::linux {

namespace {

constexpr usize kNameMax = 255;
constexpr u32 kLinksMax = 40;

SysResult<Ref<Dentry>> remember(const Ref<Dentry>& directory, std::string_view name, SysResult<Ref<Inode>> found) {
  if (!found && found.error() != Errno::kNOENT) return fail(found.error());
  Ref<Inode> inode = found ? *std::move(found) : nullptr;
  if (!directory->inode()->cacheable()) return Ref<Dentry>::adopt(std::make_unique<Dentry>(directory, name, std::move(inode)).release());
  return DentryCache::instance().insert(*directory, name, std::move(inode));
}

}  // namespace

SysResult<Ref<Dentry>> lookup_child_now(const Ref<Dentry>& directory, std::string_view name) {
  Inode& inode = *directory->inode();
  if (!inode.cacheable()) {
    SysResult<Ref<Inode>> found = inode.lookup_now(name);
    if (!found && found.error() == Errno::kNEEDASYNC) return fail(Errno::kNEEDASYNC);
    return remember(directory, name, std::move(found));
  }
  if (Ref<Dentry> known = DentryCache::instance().find(*directory, name)) return known;
  const Mutex::Guard guard = inode.mutex().try_lock();
  if (!guard) return fail(Errno::kNEEDASYNC);
  if (Ref<Dentry> known = DentryCache::instance().find(*directory, name)) return known;
  SysResult<Ref<Inode>> found = inode.lookup_now(name);
  if (!found && found.error() == Errno::kNEEDASYNC) return fail(Errno::kNEEDASYNC);
  return remember(directory, name, std::move(found));
}

Task<SysResult<Ref<Dentry>>> lookup_child_locked(Ref<Dentry> directory, std::string name) {
  if (directory->inode()->cacheable())
    if (Ref<Dentry> known = DentryCache::instance().find(*directory, name)) co_return known;
  SysResult<Ref<Inode>> found = co_await directory->inode()->lookup(name);
  co_return remember(directory, name, std::move(found));
}

Task<SysResult<Ref<Dentry>>> lookup_child(Ref<Dentry> directory, std::string name) {
  const Mutex::Guard guard = co_await directory->inode()->mutex().lock();
  co_return co_await lookup_child_locked(directory, std::move(name));
}

Walker::Walker(WalkOrigin origin, std::string_view path, u32 flags)
    : origin_(std::move(origin)), flags_(flags), here_(path.starts_with('/') ? origin_.root : origin_.start), rest_(path) {}

std::string_view Walker::next_component() {
  while (rest_.starts_with('/')) rest_.remove_prefix(1);
  const usize end = rest_.find('/');
  const std::string_view component = rest_.substr(0, end);
  const usize more = end == std::string_view::npos ? end : rest_.find_first_not_of('/', end);
  last_ = more == std::string_view::npos;
  if (last_ && !component.empty()) trailing_slash_ = end != std::string_view::npos;
  return component;
}

SysResult<> Walker::run_now() {
  while (!done_) {
    if (link_) {
      std::string text = TRY(link_.inode()->read_link_now(origin_.thread));
      TRY(substitute(std::move(text)));
    } else {
      TRY(step_now());
    }
  }
  return {};
}

Task<SysResult<>> Walker::run() {
  for (;;) {
    const SysResult<> result = run_now();
    if (result || result.error() != Errno::kNEEDASYNC) co_return result;
    if (link_) {
      const Ref<Inode> inode(*link_.inode());
      std::string text = CO_TRY(co_await inode->read_link(origin_.thread));
      CO_TRY(substitute(std::move(text)));
    } else {
      Ref<Dentry> dentry = CO_TRY(co_await lookup_child(here_.dentry, std::string(component_)));
      CO_TRY(enter(std::move(dentry)));
    }
  }
}

SysResult<> Walker::step_now() {
  component_ = next_component();
  if (component_.empty()) return finish();
  if (component_.size() > kNameMax) return fail(Errno::kNAMETOOLONG);
  if (!here_.inode()->is(kDirectory)) return fail(Errno::kNOTDIR);
  TRY(check_permission(*origin_.credentials, *here_.inode(), kAccessExecute));
  if (last_ && (flags_ & kWalkParent) != 0) {
    name_ = component_;
    done_ = true;
    return {};
  }
  if (component_ == ".") {
    rest_.remove_prefix(1);
    return {};
  }
  if (component_ == "..") {
    go_up();
    rest_.remove_prefix(2);
    return {};
  }
  return enter(TRY(lookup_child_now(here_.dentry, component_)));
}

// Nothing is left of the path.
SysResult<> Walker::finish() {
  if (((flags_ & kWalkDirectory) != 0 || trailing_slash_) && !here_.inode()->is(kDirectory)) return fail(Errno::kNOTDIR);
  name_.clear();
  done_ = true;
  return {};
}

// The dentry of component_ is known: consumes the component.
SysResult<> Walker::enter(Ref<Dentry> dentry) {
  if (dentry->inode() == nullptr) return fail(Errno::kNOENT);
  rest_.remove_prefix(component_.size());
  Path next{here_.mount, std::move(dentry)};
  if (next.dentry->is_mount_point()) next = MountTree::instance().cross(std::move(next));
  const bool is_link = next.inode()->is(kSymbolicLink);
  if (is_link && (!last_ || trailing_slash_ || (flags_ & kWalkFollow) != 0)) return follow(std::move(next));
  here_ = std::move(next);
  return {};
}

SysResult<> Walker::follow(Path link) {
  if (++links_followed_ > kLinksMax || (link.mount->flags() & kMountNoSymFollow) != 0) return fail(Errno::kLOOP);
  if (link.inode()->is_magic_link()) {
    if ((flags_ & kWalkNoMagic) != 0) return fail(Errno::kLOOP);
    here_ = TRY(link.inode()->follow_magic(origin_.thread));
    return {};
  }
  link_ = std::move(link);
  return {};
}

// The text of link_ takes its place in the path; here_ is still the link's directory.
SysResult<> Walker::substitute(std::string text) {
  link_ = Path{};
  if (text.empty()) return fail(Errno::kNOENT);
  if (text.starts_with('/')) here_ = origin_.root;
  text.append(rest_);
  if (text.size() > 2 * 4096) return fail(Errno::kNAMETOOLONG);
  buffer_ = std::move(text);
  rest_ = buffer_;
  return {};
}

SysResult<> Walker::continue_through(const Path& link, std::string text) {
  if (++links_followed_ > kLinksMax || (link.mount->flags() & kMountNoSymFollow) != 0) return fail(Errno::kLOOP);
  rest_ = {};
  done_ = false;
  trailing_slash_ = false;
  return substitute(std::move(text));
}

void Walker::go_up() {
  for (;;) {
    if (here_ == origin_.root) return;
    if (here_.dentry != here_.mount->root()) break;
    if (!MountTree::instance().step_out(here_)) return;
  }
  Ref<Dentry> parent = here_.dentry->parent();
  if (!parent) return;
  here_.dentry = std::move(parent);
  here_ = MountTree::instance().cross(std::move(here_));
}

SysResult<WalkOrigin> walk_origin(Thread& thread, i32 dirfd, std::string_view path, u32 flags) {
  if (path.empty() && (flags & kWalkEmpty) == 0) return fail(Errno::kNOENT);
  WalkOrigin origin{.root = thread.fs().root(), .start = {}, .credentials = &thread.cred(), .thread = &thread};
  if (path.starts_with('/')) return origin;
  if (dirfd == kAtFdCwd) {
    origin.start = thread.fs().cwd();
    return origin;
  }
  const Ref<File> file = TRY(thread.files().get(Fd{dirfd}));
  if (file->inode() == nullptr) return fail(Errno::kNOTDIR);
  origin.start = file->path() != nullptr ? *file->path() : detached_path(Ref<Inode>(*file->inode()), file->description());
  if (!path.empty() && !file->inode()->is(kDirectory)) return fail(Errno::kNOTDIR);
  return origin;
}

SysResult<Path> walk_now(Thread& thread, i32 dirfd, std::string_view path, u32 flags) {
  Walker walker(TRY(walk_origin(thread, dirfd, path, flags)), path, flags);
  TRY(walker.run_now());
  return std::move(walker.place());
}

Task<SysResult<Path>> walk(Thread& thread, i32 dirfd, std::string path, u32 flags) {
  Walker walker(CO_TRY(walk_origin(thread, dirfd, path, flags)), path, flags);
  CO_TRY(co_await walker.run());
  co_return std::move(walker.place());
}

Task<SysResult<ParentAndName>> walk_parent(Thread& thread, i32 dirfd, std::string path, u32 flags) {
  Walker walker(CO_TRY(walk_origin(thread, dirfd, path, flags)), path, flags | kWalkParent);
  CO_TRY(co_await walker.run());
  co_return ParentAndName{walker.place(), walker.name(), walker.trailing_slash()};
}

}  // namespace hati::linux
