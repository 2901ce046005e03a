// SPDX-License-Identifier: MIT
#include "servers/ext4/xattr/xattr.h"

#include <algorithm>

#include "servers/ext4/xattr/store.h"

namespace hati::ext4 {

namespace {

struct Prefix {
  u8 index;
  std::string_view text;
  bool whole;  // the prefix is all of the name
};
constexpr u8 kAclAccess = 2, kAclDefault = 3;
constexpr Prefix kPrefixes[] = {{1, "user.", false},
                                {kAclAccess, kAccessListName, true},
                                {kAclDefault, kDefaultListName, true},
                                {4, "trusted.", false},
                                {6, "security.", false},
                                {7, "system.", false}};

struct SplitName {
  u8 index;
  std::string rest;
};
Outcome<SplitName> split_name(std::string_view name) {
  for (const Prefix& prefix : kPrefixes) {
    if (prefix.whole ? name != prefix.text : !name.starts_with(prefix.text)) continue;
    if (!prefix.whole && name.size() == prefix.text.size()) return failed(Errno::kInvalid);
    if (name.size() - prefix.text.size() > kNameMax) return failed(Errno::kRange);
    return SplitName{prefix.index, std::string(name.substr(prefix.text.size()))};
  }
  return failed(Errno::kNotSupported);
}

auto find(std::vector<Xattr>& all, const SplitName& name) {
  return std::ranges::find_if(all, [&](const Xattr& one) { return one.index == name.index && one.name == name.rest; });
}

}  // namespace

Async<std::vector<std::string>> xattr_list(Volume* volume, InodeRef inode) {
  std::vector<std::string> names;
  for (const Xattr& one : CO_TRY(co_await load_xattrs(volume, inode))) {
    const auto* prefix = std::ranges::find(kPrefixes, one.index, &Prefix::index);
    if (prefix != std::end(kPrefixes)) names.push_back(std::string(prefix->text) + one.name);
  }
  co_return names;
}

Async<std::string> xattr_get(Volume* volume, InodeRef inode, std::string_view name) {
  const SplitName wanted = CO_TRY(split_name(name));
  std::vector<Xattr> all = CO_TRY(co_await load_xattrs(volume, inode));
  const auto found = find(all, wanted);
  if (found == all.end()) co_return failed(Errno::kNoData);
  if (wanted.index == kAclAccess || wanted.index == kAclDefault) co_return acl_from_disk(found->value);
  co_return std::move(found->value);
}

Async<void> xattr_set(Operation* operation, InodeRef inode, std::string_view name, std::string_view value, u32 flags) {
  const SplitName wanted = CO_TRY(split_name(name));
  std::vector<Xattr> all = CO_TRY(co_await load_xattrs(&operation->volume, inode));
  const auto found = find(all, wanted);
  if (found != all.end() && (flags & kXattrCreate) != 0) co_return failed(Errno::kExists);
  if (found == all.end() && (flags & kXattrReplace) != 0) co_return failed(Errno::kNoData);
  std::string stored(value);
  if (wanted.index == kAclAccess || wanted.index == kAclDefault) stored = CO_TRY(acl_to_disk(value));
  if (stored.size() > operation->volume.geometry.block_size) co_return failed(Errno::kNoSpace);
  // A changed attribute goes last: the others keep their places as far as possible.
  if (found != all.end()) all.erase(found);
  all.push_back({wanted.index, wanted.rest, std::move(stored)});
  co_return co_await store_xattrs(operation, inode, std::move(all));
}

Async<void> xattr_remove(Operation* operation, InodeRef inode, std::string_view name) {
  const SplitName wanted = CO_TRY(split_name(name));
  std::vector<Xattr> all = CO_TRY(co_await load_xattrs(&operation->volume, inode));
  const auto found = find(all, wanted);
  if (found == all.end()) co_return failed(Errno::kNoData);
  all.erase(found);
  co_return co_await store_xattrs(operation, inode, std::move(all));
}

}  // namespace hati::ext4
