// SPDX-License-Identifier: MIT
// Copies of a few bytes to and from a native process, inlined where instructions are counted: they succeed if the bytes lie in one page
// that is present, through a table that was used lately. Else nothing has happened and copy_in() or copy_out() has to be taken.
#pragma once

#include <cstring>

#include "kernel/memory/address_space.h"

namespace hati {

[[gnu::always_inline]] inline u8* AddressSpace::known_bytes(u64 user, u64 bytes, u64 needed) {
  const TableState::Known& known = tables_.known_for(user);
  if (known.region != user / kLargePageSize || user - kServerBase >= kServerEnd - kServerBase) [[unlikely]]
    return nullptr;
  const u64 offset = user % kPageSize;
  const u64 entry = phys_to_virt<volatile u64>(known.table)[level_index(user, 0)];
  if ((entry & (needed | Pte::Device::kMask)) != needed || offset + bytes > kPageSize) [[unlikely]]
    return nullptr;
  return phys_to_virt<u8>(Pte::frame(entry)) + offset;
}

// The commonest sizes first; `bytes` are few.
[[gnu::always_inline]] inline void copy_few(void* to, const void* from, u64 bytes) {
  if (bytes == 16) [[likely]] {
    __builtin_memcpy(to, from, 16);
  } else {
    std::memcpy(to, from, bytes);
  }
}

[[gnu::always_inline]] inline bool AddressSpace::copy_in_small(u64 user, void* to, u64 bytes) {
  Guard guard(lock_);
  const u8* from = known_bytes(user, bytes, Pte::Present::kMask);
  if (from == nullptr) [[unlikely]]
    return false;
  copy_few(to, from, bytes);
  return true;
}

[[gnu::always_inline]] inline bool AddressSpace::copy_out_small(u64 user, const void* from, u64 bytes) {
  Guard guard(lock_);
  u8* to = known_bytes(user, bytes, Pte::Present::kMask | Pte::Write::kMask);
  if (to == nullptr) [[unlikely]]
    return false;
  copy_few(to, from, bytes);
  return true;
}

}  // namespace hati
