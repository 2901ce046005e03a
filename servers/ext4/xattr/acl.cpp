// SPDX-License-Identifier: MIT
// POSIX ACLs: on the disk version 1, with ids only where they mean something; in getxattr(2) version 2, with an id in each entry.
#include <cstring>

#include "servers/ext4/xattr/xattr.h"

namespace hati::ext4 {

namespace {

constexpr u32 kDiskVersion = 1, kCallVersion = 2;
constexpr u16 kAclUser = 2, kAclGroup = 8;

bool has_id(u16 tag) { return tag == kAclUser || tag == kAclGroup; }
template <class T>
T take(std::string_view* from) {
  T value;
  std::memcpy(&value, from->data(), sizeof(T));
  from->remove_prefix(sizeof(T));
  return value;
}
template <class T>
void put(std::string* to, T value) {
  to->append(reinterpret_cast<const char*>(&value), sizeof(T));
}

}  // namespace

Outcome<std::string> acl_from_disk(std::string_view disk) {
  if (disk.size() < 4 || take<u32>(&disk) != kDiskVersion) return failed(Errno::kIo);
  std::string value;
  put(&value, kCallVersion);
  while (!disk.empty()) {
    if (disk.size() < 4) return failed(Errno::kIo);
    const u16 tag = take<u16>(&disk);
    put(&value, tag);
    put(&value, take<u16>(&disk));
    if (has_id(tag) && disk.size() < 4) return failed(Errno::kIo);
    put(&value, has_id(tag) ? take<u32>(&disk) : ~0u);
  }
  return value;
}

Outcome<std::string> acl_to_disk(std::string_view value) {
  if (value.size() < 4 || (value.size() - 4) % 8 != 0 || take<u32>(&value) != kCallVersion) return failed(Errno::kInvalid);
  std::string disk;
  put(&disk, kDiskVersion);
  while (!value.empty()) {
    const u16 tag = take<u16>(&value);
    put(&disk, tag);
    put(&disk, take<u16>(&value));
    const u32 id = take<u32>(&value);
    if (has_id(tag)) put(&disk, id);
  }
  return disk;
}

}  // namespace hati::ext4
