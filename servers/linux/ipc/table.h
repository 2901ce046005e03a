// SPDX-License-Identifier: MIT
// What System V objects have in common: owner and mode, identifiers, look-up by key. An identifier is an index and a sequence number that
// changes whenever indices start again, so that a stale one is noticed. Guarded by the lock of the kind (ipc/namespace.h).
#pragma once

#include <map>
#include <vector>

#include "abi/linux/ipc.h"
#include "base/ref.h"
#include "servers/linux/core/errno.h"
#include "servers/linux/core/thread.h"

namespace hati::linux {

struct IpcObject {
  i32 key = kIpcPrivate;
  i32 id = -1;
  u32 uid = 0, gid = 0, creator_uid = 0, creator_gid = 0;
  u32 mode = 0;
  bool removed = false;  // no longer in the table
};

inline constexpr i32 kIpcIndexBits = 15;
inline constexpr i32 kIpcIndexMask = (1 << kIpcIndexBits) - 1;

// ipcperms(): `wanted` as the three permission digits of an open mode. CAP_IPC_OWNER overrides.
SysResult<> check_ipc_permission(const Thread& thread, const IpcObject& object, u32 wanted);
// IPC_SET, IPC_RMID: the owner, the creator or CAP_SYS_ADMIN.
SysResult<> check_ipc_owner(const Thread& thread, const IpcObject& object);
UserIpcPermissions permissions_of(const IpcObject& object);
void set_ipc_permissions(IpcObject& object, const UserIpcPermissions& given);
void own_ipc_object(const Thread& thread, IpcObject& object, i32 key, u32 flags);

// T derives from IpcObject and RefCounted<T>.
template <class T>
class IpcTable {
 public:
  // kNOSPC with `limit` objects.
  SysResult<> add(Ref<T> object, usize limit) {
    if (objects_.size() >= limit) return fail(Errno::kNOSPC);
    // As idr_alloc_cyclic() is used: the next index, until a range that grows with the number of objects is used up.
    const i32 range = std::max<i32>(static_cast<i32>(objects_.size() + 1) * 3 / 2, kCycleMin);
    i32 index = last_ + 1 < range ? last_ + 1 : 0;
    while (objects_.contains(index)) index = index + 1 < range ? index + 1 : 0;
    if (index <= last_) sequence_ = (sequence_ + 1) & 0xffff;
    last_ = index;
    object->id = (sequence_ << kIpcIndexBits | index) & 0x7fffffff;
    objects_.emplace(index, std::move(object));
    return {};
  }
  // By identifier; kINVAL.
  SysResult<Ref<T>> find(i32 id) const {
    if (id < 0) return fail(Errno::kINVAL);
    const auto found = objects_.find(id & kIpcIndexMask);
    if (found == objects_.end() || found->second->id != id) return fail(Errno::kINVAL);
    return found->second;
  }
  SysResult<Ref<T>> at_index(i32 index) const {
    const auto found = objects_.find(index);
    if (index < 0 || found == objects_.end()) return fail(Errno::kINVAL);
    return found->second;
  }
  Ref<T> find_key(i32 key) const {
    for (const auto& [index, object] : objects_)
      if (object->key == key) return object;
    return nullptr;
  }
  void remove(T& object) {
    object.removed = true;
    objects_.erase(object.id & kIpcIndexMask);
  }
  usize size() const { return objects_.size(); }
  // The highest index in use, for IPC_INFO; 0 if there is none.
  i32 highest() const { return objects_.empty() ? 0 : objects_.rbegin()->first; }
  const std::map<i32, Ref<T>>& all() const { return objects_; }
  std::map<i32, Ref<T>> take_all() {
    for (auto& [index, object] : objects_) object->removed = true;
    return std::exchange(objects_, {});
  }

 private:
  static constexpr i32 kCycleMin = 64;
  std::map<i32, Ref<T>> objects_;
  i32 last_ = -1;
  i32 sequence_ = 0;
};

// The common part of shmget, semget and msgget: an object found by key, or null where one is to be made. `suits` tells whether the object is
// what the caller asked for, which Linux looks at before it looks at permissions.
template <class T, class Suits>
SysResult<Ref<T>> find_for_get(const Thread& thread, const IpcTable<T>& table, i32 key, u32 flags, Suits suits) {
  if (key == kIpcPrivate) return Ref<T>();
  Ref<T> found = table.find_key(key);
  if (!found) {
    if ((flags & kIpcCreate) == 0) return fail(Errno::kNOENT);
    return found;
  }
  if ((flags & kIpcCreate) != 0 && (flags & kIpcExclusive) != 0) return fail(Errno::kEXIST);
  if (!suits(*found)) return fail(Errno::kINVAL);
  TRY(check_ipc_permission(thread, *found, flags));
  return found;
}

}  // namespace hati::linux
