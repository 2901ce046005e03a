// SPDX-License-Identifier: MIT
// Attributes and names of tmpfs inodes. Names are changed under the directory's mutex (the VFS holds it); lock_ keeps the maps for readers.
#include "servers/linux/fs/tmpfs/tmpfs.h"
#include "servers/linux/vfs/directory_file.h"

namespace hati::linux {

namespace {

constexpr u64 kLastOffset = u64{1} << 40;  // of readdir: that of an entry is this less its number
constexpr u64 kDirentSize = 20;  // what Linux counts for an entry in a directory's size

bool before(const Timespec& a, const Timespec& b) {
  return a.seconds != b.seconds ? a.seconds < b.seconds : a.nanoseconds <= b.nanoseconds;
}

}  // namespace

TmpfsInode::TmpfsInode(Tmpfs& owner, const NewNode& node) : Inode(owner), mode_(node.mode) {
  (void)owner.charge_inode();
  const Timespec now = wall_time_now();
  number_ = owner.next_inode();
  attributes_ = {.inode = number_,
                 .mode = node.mode,
                 .links = (node.mode & kTypeMask) == kDirectory ? 2u : 1u,
                 .uid = node.uid,
                 .gid = node.gid,
                 .device_number = node.device_number,
                 .access = now,
                 .modify = now,
                 .change = now,
                 .birth = now};
}

TmpfsInode::~TmpfsInode() {
  tmpfs().discharge_inode();
  tmpfs().discharge_pages(charged_);
}

Attributes TmpfsInode::attributes() const {
  SpinGuard guard(lock_);
  Attributes result = attributes_;
  result.mode = mode();
  switch (result.mode & kTypeMask) {
    case kDirectory: result.size = (entries_.size() + 2) * kDirentSize; break;
    case kSymbolicLink: result.size = target_.size(); break;
    default: result.size = size(); result.blocks = (sparse_ ? resident_pages() : charged_) * 8;
  }
  return result;
}

Inode::Owner TmpfsInode::owner() const {
  SpinGuard guard(lock_);
  return {mode(), attributes_.uid, attributes_.gid};
}

void TmpfsInode::touch_change() { attributes_.change = attributes_.modify = wall_time_now(); }

// relatime: only if the content was changed since the last access.
void TmpfsInode::touch_access() {
  SpinGuard guard(lock_);
  if (before(attributes_.access, attributes_.modify) || before(attributes_.access, attributes_.change))
    attributes_.access = wall_time_now();
}

void TmpfsInode::set_times(Timespec time) {
  SpinGuard guard(lock_);
  attributes_.access = attributes_.modify = attributes_.change = time;
}

void TmpfsInode::set_owner_and_mode(const NewNode& node) {
  mode_.store((mode() & kTypeMask) | (node.mode & kModePermissions), std::memory_order_relaxed);
  SpinGuard guard(lock_);
  attributes_.uid = node.uid;
  attributes_.gid = node.gid;
}

Task<SysResult<>> TmpfsInode::set_attributes(AttributeChange change) {
  if ((change.bits & AttributeChange::kSize) != 0) CO_TRY(resize(change.size));
  SpinGuard guard(lock_);
  if ((change.bits & AttributeChange::kMode) != 0) {
    mode_.store((mode() & kTypeMask) | (change.mode & kModePermissions), std::memory_order_relaxed);
    change_access_list(change.mode);
  }
  if ((change.bits & AttributeChange::kUid) != 0) attributes_.uid = change.uid;
  if ((change.bits & AttributeChange::kGid) != 0) attributes_.gid = change.gid;
  if ((change.bits & AttributeChange::kAccess) != 0) attributes_.access = change.access;
  if ((change.bits & AttributeChange::kModify) != 0) attributes_.modify = change.modify;
  attributes_.change = wall_time_now();
  co_return SysResult<>{};
}

void TmpfsInode::count_links(i32 change) {
  SpinGuard guard(lock_);
  attributes_.links += static_cast<u32>(change);
  attributes_.change = wall_time_now();
}

void TmpfsInode::drop_link() { count_links(-1); }

Ref<TmpfsInode> TmpfsInode::child(std::string_view name) const {
  SpinGuard guard(lock_);
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second.inode;
}

SysResult<Ref<Inode>> TmpfsInode::lookup_now(std::string_view name) {
  Ref<TmpfsInode> inode = child(name);
  if (!inode) return fail(Errno::kNOENT);
  return Ref<Inode>(std::move(inode));
}

SysResult<> TmpfsInode::insert(std::string_view name, Ref<TmpfsInode> inode) {
  SpinGuard guard(lock_);
  const u64 position = next_position_++;
  const auto [place, fresh] = entries_.try_emplace(std::string(name), Entry{std::move(inode), position});
  if (!fresh) return fail(Errno::kEXIST);
  order_.emplace(position, place);
  touch_change();
  return {};
}

Ref<TmpfsInode> TmpfsInode::erase(std::string_view name) {
  SpinGuard guard(lock_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return nullptr;
  Ref<TmpfsInode> inode = std::move(found->second.inode);
  order_.erase(found->second.position);
  entries_.erase(found);
  touch_change();
  return inode;
}

SysResult<Ref<TmpfsInode>> TmpfsInode::make(std::string_view name, const NewNode& node, std::string target) {
  if (tmpfs().statistics().inodes != 0 && tmpfs().statistics().inodes_free == 0) return fail(Errno::kNOSPC);
  auto inode = Ref<TmpfsInode>::adopt(std::make_unique<TmpfsInode>(tmpfs(), node).release());
  inode->target_ = std::move(target);
  inherit_access_list(*inode);
  if (!name.empty()) TRY(insert(name, inode));
  if ((node.mode & kTypeMask) == kDirectory) {
    inode->set_parent_number(number());
    count_links(1);
  }
  return inode;
}

void TmpfsInode::set_parent_number(u64 number) {
  SpinGuard guard(lock_);
  parent_number_ = number;
}

SysResult<Ref<TmpfsInode>> TmpfsInode::add(std::string_view name, const NewNode& node, std::string target) {
  return make(name, node, std::move(target));
}

SysResult<> TmpfsInode::add_link(std::string_view name, Ref<TmpfsInode> target) {
  TRY(insert(name, target));
  target->count_links(1);
  return {};
}

void TmpfsInode::remove_now(std::string_view name) {
  const Ref<TmpfsInode> inode = erase(name);
  if (!inode) return;
  inode->count_links(inode->is(kDirectory) ? -2 : -1);
  if (inode->is(kDirectory)) count_links(-1);
}

Task<SysResult<Ref<Inode>>> TmpfsInode::create(std::string name, NewNode node) { co_return make(name, node, {}); }
Task<SysResult<Ref<Inode>>> TmpfsInode::make_directory(std::string name, NewNode node) { co_return make(name, node, {}); }
Task<SysResult<Ref<Inode>>> TmpfsInode::make_symbolic_link(std::string name, std::string target, NewNode node) {
  co_return make(name, node, std::move(target));
}

Task<SysResult<Ref<Inode>>> TmpfsInode::make_temporary(NewNode node) {
  Ref<TmpfsInode> inode = CO_TRY(make({}, node, {}));
  inode->drop_link();
  co_return Ref<Inode>(std::move(inode));
}

Task<SysResult<>> TmpfsInode::link(std::string name, Ref<Inode> target) {
  co_return add_link(name, Ref<TmpfsInode>(static_cast<TmpfsInode&>(*target)));
}

Task<SysResult<>> TmpfsInode::unlink(std::string name, Ref<Inode> target) {
  if (!child(name)) co_return fail(Errno::kNOENT);
  remove_now(name);
  co_return SysResult<>{};
}

bool TmpfsInode::empty() const {
  SpinGuard guard(lock_);
  return entries_.empty();
}

Task<SysResult<>> TmpfsInode::remove_directory(std::string name, Ref<Inode> target) {
  if (!static_cast<TmpfsInode&>(*target).empty()) co_return fail(Errno::kNOTEMPTY);
  remove_now(name);
  co_return SysResult<>{};
}

Task<SysResult<>> TmpfsInode::rename(std::string name, Ref<Inode> target, Ref<Inode> new_parent, std::string new_name, Ref<Inode> replaced,
                                     u32 flags) {
  auto& to = static_cast<TmpfsInode&>(*new_parent);
  auto& moved = static_cast<TmpfsInode&>(*target);
  if (replaced && (flags & kRenameExchange) == 0) {
    if (replaced->is(kDirectory) && !static_cast<TmpfsInode&>(*replaced).empty()) co_return fail(Errno::kNOTEMPTY);
    to.remove_now(new_name);
  }
  const Ref<TmpfsInode> other = (flags & kRenameExchange) != 0 ? to.erase(new_name) : nullptr;
  (void)erase(name);
  (void)to.insert(new_name, Ref<TmpfsInode>(moved));
  if (other) (void)insert(name, other);
  moved.change_parent(*this, to);
  if (other) other->change_parent(to, *this);
  co_return SysResult<>{};
}

void TmpfsInode::change_parent(TmpfsInode& from, TmpfsInode& to) {
  count_links(0);  // ctime
  if (!is(kDirectory) || &from == &to) return;
  set_parent_number(to.number());
  from.count_links(-1);
  to.count_links(1);
}

SysResult<std::string> TmpfsInode::read_link_now(Thread* thread) {
  if (!is(kSymbolicLink)) return fail(Errno::kINVAL);
  return target_;
}

SysResult<> TmpfsInode::iterate(File& file, DirectoryEmitter& emitter) {
  SpinGuard guard(lock_);
  u64 position = file.position();
  if (position == 0) {
    if (!emitter.emit(".", attributes_.inode, 4, 1)) return {};
    file.set_position(position = 1);
  }
  if (position == 1) {
    if (!emitter.emit("..", parent_number_ != 0 ? parent_number_ : attributes_.inode, 4, 2)) return {};
    file.set_position(position = 2);
  }
  // The newest first, as Linux's tmpfs lists them: offsets count down from kLastOffset.
  if (position > kLastOffset) return {};
  for (auto it = order_.upper_bound(kLastOffset - position); it != order_.begin();) {
    --it;
    const auto& [name, entry] = *it->second;
    const u64 next = kLastOffset - it->first + 1;
    if (!emitter.emit(name, entry.inode->number(), static_cast<u8>(entry.inode->type() >> 12), next)) return {};
    file.set_position(next);
  }
  return {};
}

void TmpfsInode::clear() {
  std::map<std::string, Entry, std::less<>> entries;
  {
    SpinGuard guard(lock_);
    order_.clear();
    std::swap(entries, entries_);
  }
  for (auto& [name, entry] : entries)
    if (entry.inode->is(kDirectory)) entry.inode->clear();
}

}  // namespace hati::linux
