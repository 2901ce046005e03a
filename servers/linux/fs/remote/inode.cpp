// SPDX-License-Identifier: MIT
// Attributes and names.
#include "servers/linux/fs/remote/inode.h"

#include "servers/linux/fs/remote/file.h"
#include "servers/linux/vfs/acl.h"

namespace hati::linux {

namespace {

Timespec from_wire(const file_system::Time& time) { return {time.seconds, static_cast<i64>(time.nanoseconds)}; }

RemoteInode& remote_of(const Ref<Inode>& inode) { return static_cast<RemoteInode&>(*inode); }

}  // namespace

RemoteInode::RemoteInode(RemoteFileSystem& owner, const file_system::Attributes& attributes)
    : Inode(owner), node_(attributes.node), mode_(attributes.mode), size_(attributes.size) {}

RemoteInode::~RemoteInode() { remote().forget(*this); }

// The server's view, where this one is not newer.
void RemoteInode::learn(const file_system::Attributes& a) {
  SpinGuard guard(lock_);
  const Attributes before = attributes_;
  attributes_ = {.inode = a.node,
                 .mode = a.mode,
                 .links = a.links,
                 .uid = a.uid,
                 .gid = a.gid,
                 .device_number = a.device,
                 .blocks = a.blocks,
                 .access = from_wire(a.access),
                 .modify = from_wire(a.modify),
                 .change = from_wire(a.change),
                 .birth = from_wire(a.birth)};
  if (unsent_.access) attributes_.access = before.access;
  if (unsent_.modify) attributes_.modify = before.modify, attributes_.change = before.change;
  if (!unsent_.mode) mode_.store(a.mode, std::memory_order_relaxed);
  if (memory() == kNoHandle) size_.store(a.size, std::memory_order_release);
}

Attributes RemoteInode::attributes() const {
  const_cast<RemoteInode*>(this)->notice_mapped_writes();  // what it was all the time comes to light
  SpinGuard guard(lock_);
  Attributes result = attributes_;
  result.mode = mode();
  result.size = size();
  return result;
}

Inode::Owner RemoteInode::owner() const {
  SpinGuard guard(lock_);
  return {mode(), attributes_.uid, attributes_.gid};
}

// relatime: only if the content was changed since the last access.
void RemoteInode::touch_access() {
  if (file_system().read_only.load(std::memory_order_relaxed)) return;
  const auto before = [](const Timespec& a, const Timespec& b) {
    return a.seconds < b.seconds || (a.seconds == b.seconds && a.nanoseconds <= b.nanoseconds);
  };
  bool first = false;
  {
    SpinGuard guard(lock_);
    if (!before(attributes_.access, attributes_.modify) && !before(attributes_.access, attributes_.change)) return;
    attributes_.access = wall_time_now();
    unsent_.access = true;
    first = !std::exchange(listed_, true);
  }
  if (first) remote().note_changed(*this);
}

void RemoteInode::changed_now(std::optional<u64> size) {
  bool first = false;
  {
    SpinGuard guard(lock_);
    attributes_.modify = attributes_.change = wall_time_now();
    unsent_.modify = true;
    if (size) {
      size_.store(*size, std::memory_order_release);
      unsent_.size = true;
    }
    first = !std::exchange(listed_, true);
  }
  if (first) remote().note_changed(*this);
}

file_system::SetAttributesRequest RemoteInode::unsent_request() {
  using namespace file_system;
  SetAttributesRequest request{.node = node_, .mode = mode(), .size = size(), .caller = caller_for(0, 0)};
  request.access = to_wire(attributes_.access);
  request.modify = to_wire(attributes_.modify);
  request.change = to_wire(attributes_.change);
  request.bits = kChange | (unsent_.size ? kSize : 0u) | (unsent_.modify ? kModify : 0u) | (unsent_.access ? kAccess : 0u) |
                 (unsent_.mode ? kMode : 0u);
  // A new size alone would set the time of modification to that of the request.
  if (unsent_.size) request.bits |= kModify;
  return request;
}

Task<SysResult<>> RemoteInode::push() {
  notice_mapped_writes();
  file_system::SetAttributesRequest request{};
  Unsent sent;
  {
    SpinGuard guard(lock_);
    if (!unsent_.any()) co_return SysResult<>{};
    request = unsent_request();
    sent = std::exchange(unsent_, {});
  }
  const auto reply = co_await remote().ask(request);
  if (reply) co_return SysResult<>{};
  bool first = false;
  {
    SpinGuard guard(lock_);
    unsent_.size |= sent.size, unsent_.modify |= sent.modify, unsent_.access |= sent.access, unsent_.mode |= sent.mode;
    first = reply.error() != Errno::kROFS && !std::exchange(listed_, true);
  }
  if (first) remote().note_changed(*this);
  co_return fail(reply.error());
}

Task<SysResult<>> RemoteInode::set_attributes(AttributeChange change) {
  using namespace file_system;
  if ((change.bits & linux::AttributeChange::kSize) != 0) CO_TRY(co_await resize(change.size));
  const u32 others = change.bits & ~u32{linux::AttributeChange::kSize};
  if (others == 0) co_return SysResult<>{};
  const Mutex::Guard guard_changing = co_await changing_.lock();
  CO_TRY(co_await push());
  SetAttributesRequest request{.node = node_,
                               .bits = others,
                               .mode = (mode() & kTypeMask) | (change.mode & kModePermissions),
                               .uid = change.uid,
                               .gid = change.gid,
                               .access = to_wire(change.access),
                               .modify = to_wire(change.modify),
                               .caller = caller_for(0, 0)};
  static_assert(static_cast<u32>(file_system::kMode) == linux::AttributeChange::kMode &&
                static_cast<u32>(file_system::kModify) == linux::AttributeChange::kModify);
  learn(CO_TRY(co_await remote().ask(request)).attributes);
  if ((others & linux::AttributeChange::kMode) != 0) CO_TRY(co_await change_list_mode());
  co_return SysResult<>{};
}

Task<SysResult<>> RemoteInode::refresh() {
  learn(CO_TRY(co_await remote().ask(file_system::GetAttributesRequest{.node = node_})).attributes);
  co_return SysResult<>{};
}

Task<SysResult<Ref<Inode>>> RemoteInode::lookup(std::string name) {
  Attachments in = with_text(name);
  const auto reply = CO_TRY(co_await remote().ask(file_system::LookupRequest{.directory = node_}, &in));
  const Ref<RemoteInode> found = remote().intern(reply.attributes);
  co_await found->learn_lists(reply.attributes.has_xattrs != 0);
  co_return Ref<Inode>(found);
}

Task<SysResult<Ref<Inode>>> RemoteInode::make(std::string name, std::string target, NewNode node) {
  std::string text = std::move(name);
  if ((node.mode & kTypeMask) == kSymbolicLink) text += '\0' + target;
  InheritedAcl inherited = inherit_acl(acl(kAclDefault).value_or(std::string()), node.mode);
  Attachments in = with_text(text + inherited.access + inherited.inheritable);
  const file_system::CreateRequest request{.directory = node_,
                                           .mode = inherited.mode,
                                           .device = node.device_number,
                                           .access_list_bytes = static_cast<u32>(inherited.access.size()),
                                           .default_list_bytes = static_cast<u32>(inherited.inheritable.size()),
                                           .caller = caller_for(node.uid, node.gid)};
  const auto reply = CO_TRY(co_await remote().ask(request, &in));
  const Ref<RemoteInode> made = remote().intern(reply.attributes);
  made->keep_lists({.access = std::move(inherited.access), .inheritable = std::move(inherited.inheritable)});
  learn(reply.directory);
  co_return Ref<Inode>(made);
}

Task<SysResult<Ref<Inode>>> RemoteInode::create(std::string name, NewNode node) { return make(std::move(name), {}, node); }
Task<SysResult<Ref<Inode>>> RemoteInode::make_directory(std::string name, NewNode node) { return make(std::move(name), {}, node); }
Task<SysResult<Ref<Inode>>> RemoteInode::make_symbolic_link(std::string name, std::string target, NewNode node) {
  return make(std::move(name), std::move(target), node);
}
Task<SysResult<Ref<Inode>>> RemoteInode::make_temporary(NewNode node) { return make({}, {}, node); }

Task<SysResult<>> RemoteInode::link(std::string name, Ref<Inode> target) {
  Attachments in = with_text(name);
  const auto reply = CO_TRY(co_await remote().ask(
      file_system::LinkRequest{.node = remote_of(target).node(), .directory = node_, .caller = caller_for(0, 0)}, &in));
  (void)remote().intern(reply.attributes);
  co_return co_await refresh();
}

Task<SysResult<>> RemoteInode::remove(std::string name, bool is_directory, Ref<Inode> target) {
  Attachments in = with_text(name);
  const file_system::RemoveRequest request{.directory = node_, .is_directory = is_directory ? 1u : 0u, .caller = caller_for(0, 0)};
  const auto reply = CO_TRY(co_await remote().ask(request, &in));
  RemoteInode& removed = remote_of(target);
  if (reply.exists != 0 && reply.removed.node == removed.node()) removed.learn(reply.removed);
  learn(reply.directory);
  co_return SysResult<>{};
}

Task<SysResult<>> RemoteInode::unlink(std::string name, Ref<Inode> target) { return remove(std::move(name), false, std::move(target)); }
Task<SysResult<>> RemoteInode::remove_directory(std::string name, Ref<Inode> target) {
  return remove(std::move(name), true, std::move(target));
}

Task<SysResult<>> RemoteInode::rename(std::string name, Ref<Inode> target, Ref<Inode> new_parent, std::string new_name, Ref<Inode> replaced,
                                      u32 flags) {
  Attachments in = with_text(name + '\0' + new_name);
  RemoteInode& to = remote_of(new_parent);
  CO_TRY(
      co_await remote().ask(file_system::RenameRequest{.from = node_, .to = to.node(), .flags = flags, .caller = caller_for(0, 0)}, &in));
  CO_TRY(co_await refresh());
  if (&to != this) CO_TRY(co_await to.refresh());
  CO_TRY(co_await remote_of(target).refresh());
  if (replaced) CO_TRY(co_await remote_of(replaced).refresh());
  co_return SysResult<>{};
}

SysResult<std::string> RemoteInode::read_link_now(Thread*) {
  if (!is(kSymbolicLink)) return fail(Errno::kINVAL);
  SpinGuard guard(lock_);
  if (target_.empty()) return fail(Errno::kNEEDASYNC);
  return target_;
}

Task<SysResult<std::string>> RemoteInode::read_link(Thread* thread) {
  if (const SysResult<std::string> known = read_link_now(thread); known || known.error() != Errno::kNEEDASYNC) co_return known;
  Attachments out;
  CO_TRY(co_await remote().ask(file_system::ReadLinkRequest{.node = node_}, nullptr, &out));
  std::string target(reinterpret_cast<const char*>(out.payload.data()), out.payload.size());
  SpinGuard guard(lock_);
  target_ = target;
  co_return target;
}

SysResult<Ref<File>> RemoteInode::open_now(Thread*, u32 flags) {
  if (is(kDirectory)) return RemoteDirectory::make(*this, flags);
  if (!is(kRegular)) return fail(Errno::kNXIO);
  return RemoteFile::make(*this, flags);
}

}  // namespace hati::linux
