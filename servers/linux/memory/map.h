// SPDX-License-Identifier: MIT
// Mapping files and memory into a program: shared by mmap(2) and execve(2).
#pragma once

#include "servers/linux/file/file.h"
#include "servers/linux/memory/mm.h"

namespace hati::linux {

inline constexpr u64 kMinimumMapAddress = 0x10000;  // /proc/sys/vm/mmap_min_addr

// Any access implies reading on x86.
Protection to_protection(u64 linux_protection);
// A mapping failed: the errno of mmap(2).
Errno map_error(Error error);

// A private or shared mapping of a file. The request's memory, offset (of the file) and tag are filled in here.
SysResult<u64> map_file(Mm& mm, File& file, MapRequest request, bool shared);
SysResult<u64> map_anonymous(Mm& mm, MapRequest request);

// Calls `visit(info, from, to)` for each mapped part of [address, address + bytes). False if there are holes.
template <class Visit>
bool for_each_mapping(const Mm& mm, u64 address, u64 bytes, Visit&& visit) {
  const u64 end = address + bytes;
  bool whole = true;
  while (address < end) {
    const auto info = mm.space().query(address);
    if (!info || info->address >= end) return false;
    if (info->address > address) {
      whole = false;
      address = info->address;
    }
    const u64 to = std::min(end, info->address + info->bytes);
    visit(*info, address, to);
    address = to;
  }
  return whole;
}

}  // namespace hati::linux
