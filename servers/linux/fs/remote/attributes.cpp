// SPDX-License-Identifier: MIT
// Extended attributes. POSIX lists are asked for once, when the node becomes known here, and every change of them passes here.
#include <algorithm>

#include "servers/linux/fs/remote/inode.h"
#include "servers/linux/vfs/acl.h"

namespace hati::linux {

Task<SysResult<std::string>> RemoteInode::get_xattr(std::string name) {
  Attachments in = with_text(name), out;
  CO_TRY(co_await remote().ask(file_system::GetXattrRequest{.node = node_, .bytes_max = kPayloadMax}, &in, &out));
  co_return std::string(reinterpret_cast<const char*>(out.payload.data()), out.payload.size());
}

Task<SysResult<>> RemoteInode::set_xattr(std::string name, std::string value, u32 flags) {
  CO_TRY(co_await push());
  // What is too long for a message is too long for a block, too: the server says so to the value's beginning.
  value.resize(std::min(value.size(), kPayloadMax - name.size() - 1));
  Attachments in = with_text(name + '\0' + value);
  CO_TRY(co_await remote().ask(file_system::SetXattrRequest{.node = node_, .flags = flags, .mode = 0, .caller = caller_for(0, 0)}, &in));
  co_return co_await refresh();
}

Task<SysResult<>> RemoteInode::remove_xattr(std::string name) {
  CO_TRY(co_await push());
  Attachments in = with_text(name);
  CO_TRY(co_await remote().ask(file_system::RemoveXattrRequest{.node = node_, .mode = 0, .caller = caller_for(0, 0)}, &in));
  co_return co_await refresh();
}

Task<SysResult<std::vector<std::string>>> RemoteInode::list_xattr() {
  Attachments out;
  CO_TRY(co_await remote().ask(file_system::ListXattrRequest{.node = node_, .bytes_max = kPayloadMax}, nullptr, &out));
  std::string_view all(reinterpret_cast<const char*>(out.payload.data()), out.payload.size());
  std::vector<std::string> names;
  for (usize end; (end = all.find('\0')) != all.npos; all.remove_prefix(end + 1)) names.emplace_back(all.substr(0, end));
  co_return names;
}

std::string& RemoteInode::Lists::of(const std::string& name) { return name == kAclAccess ? access : inheritable; }

// kIO: the server could not tell, so nobody is let in by them.
SysResult<std::string> RemoteInode::acl(const std::string& name) const {
  SpinGuard guard(lock_);
  if (!lists_) return fail(Errno::kIO);
  const std::string& list = name == kAclAccess ? lists_->access : lists_->inheritable;
  if (list.empty()) return fail(Errno::kNODATA);
  return list;
}

void RemoteInode::keep_lists(Lists lists) {
  SpinGuard guard(lock_);
  lists_ = std::move(lists);
}

Task<SysResult<std::string>> RemoteInode::get_list(std::string name) {
  SysResult<std::string> list = co_await get_xattr(std::move(name));
  if (!list && (list.error() == Errno::kNODATA || list.error() == Errno::kOPNOTSUPP)) co_return std::string();
  co_return list;
}

Task<SysResult<>> RemoteInode::learn_lists_locked() {
  {
    SpinGuard guard(lock_);
    if (lists_) co_return SysResult<>{};
  }
  Lists lists;
  if (!is(kSymbolicLink)) lists.access = CO_TRY(co_await get_list(kAclAccess));
  if (is(kDirectory)) lists.inheritable = CO_TRY(co_await get_list(kAclDefault));
  keep_lists(std::move(lists));
  co_return SysResult<>{};
}

Task<> RemoteInode::learn_lists(bool has_xattrs) {
  {
    SpinGuard guard(lock_);
    if (!lists_ && !has_xattrs) lists_.emplace();
    if (lists_) co_return;
  }
  const Mutex::Guard guard = co_await changing_.lock();
  (void)co_await learn_lists_locked();  // acl() says if that did not work
}

Task<SysResult<>> RemoteInode::set_acl(std::string name, std::string value, bool keep_set_group_id) {
  const Mutex::Guard guard_changing = co_await changing_.lock();
  CO_TRY(co_await learn_lists_locked());
  CO_TRY(co_await push());
  const bool exists = acl(name).has_value();
  const AclChange change = change_acl(name, std::move(value), mode(), keep_set_group_id);
  const file_system::Caller caller = caller_for(0, 0);
  if (!change.value.empty()) {
    Attachments in = with_text(name + '\0' + change.value);
    CO_TRY(co_await remote().ask(file_system::SetXattrRequest{.node = node_, .flags = 0, .mode = change.mode, .caller = caller}, &in));
  } else if (exists) {
    Attachments in = with_text(name);
    CO_TRY(co_await remote().ask(file_system::RemoveXattrRequest{.node = node_, .mode = change.mode, .caller = caller}, &in));
  } else if (change.mode != mode()) {
    CO_TRY(co_await remote().ask(
        file_system::SetAttributesRequest{.node = node_, .bits = file_system::kMode, .mode = change.mode, .caller = caller}));
  } else {
    co_return SysResult<>{};
  }
  {
    SpinGuard guard(lock_);
    if (lists_) lists_->of(name) = change.value;
  }
  co_return co_await refresh();
}

// The access list follows a mode that was changed. changing_ is held.
Task<SysResult<>> RemoteInode::change_list_mode() {
  CO_TRY(co_await learn_lists_locked());
  const SysResult<std::string> list = acl(kAclAccess);
  if (!list) co_return SysResult<>{};
  Acl changed = CO_TRY(parse_acl(*list));
  change_acl_mode(changed, mode());
  const std::string value = acl_text(changed);
  Attachments in = with_text(kAclAccess + '\0' + value);
  CO_TRY(co_await remote().ask(file_system::SetXattrRequest{.node = node_, .flags = 0, .mode = 0, .caller = caller_for(0, 0)}, &in));
  SpinGuard guard(lock_);
  if (lists_) lists_->access = value;
  co_return SysResult<>{};
}

}  // namespace hati::linux
