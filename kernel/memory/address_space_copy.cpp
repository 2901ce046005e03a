// SPDX-License-Identifier: MIT
// The kernel's way to user memory: walk, fault in, copy through the direct map. A page stays where it is while the space's lock is held.
#include <algorithm>
#include <cstring>

#include "kernel/memory/address_space.h"
#include "kernel/memory/heap.h"

namespace hati {

namespace {

Error error_of(FaultResult result) {
  switch (result) {
    case FaultResult::kAccess: return Error::kAccess;
    case FaultResult::kNoMemory: return Error::kNoMemory;
    case FaultResult::kNotResident: return Error::kNotResident;
    case FaultResult::kResolved:
    case FaultResult::kUnmapped:
    case FaultResult::kBeyondEnd: break;
  }
  return Error::kBadAddress;
}

// Most copies are single words: an argument, a futex, a small structure.
void copy_bytes(void* to, const void* from, usize bytes) {
  switch (bytes) {
    case 4: __builtin_memcpy(to, from, 4); return;
    case 8: __builtin_memcpy(to, from, 8); return;
    case 16: __builtin_memcpy(to, from, 16); return;
    case 64: __builtin_memcpy(to, from, 64); return;
    default: std::memcpy(to, from, bytes); return;
  }
}

void move_bytes(void* to, const void* from, usize bytes) {
  if (bytes == 8)
    __builtin_memmove(to, from, 8);
  else
    std::memmove(to, from, bytes);
}

u64 part_of_page(u64 address, u64 bytes) { return std::min(bytes, kPageSize - address % kPageSize); }

}  // namespace

Result<u8*> AddressSpace::reach(u64 address, bool write) {
  const u64 needed = write ? Pte::Present::kMask | Pte::Write::kMask : Pte::Present::kMask;
  const TableState::Known& known = tables_.known_for(address);
  if (known.region == address / kLargePageSize) [[likely]] {
    const u64 entry = phys_to_virt<volatile u64>(known.table)[level_index(address, 0)];
    if ((entry & (needed | Pte::Device::kMask)) == needed) return phys_to_virt<u8>(Pte::frame(entry)) + address % kPageSize;
  }
  return reach_slowly(address, write);
}

Result<u8*> AddressSpace::reach_slowly(u64 address, bool write) {
  const u64 needed = write ? Pte::Present::kMask | Pte::Write::kMask : Pte::Present::kMask;
  FlushBatch batch(context, ticket_);
  Table pages = table(batch);
  auto slot = walk(pages, address);
  if ((slot.entry & needed) != needed) [[unlikely]] {
    const FaultResult result = resolve(address, write, false);
    if (result != FaultResult::kResolved) return fail(error_of(result));
    slot = walk(pages, address);
  }
  if (Pte::Device::is_set(slot.entry)) return fail(Error::kBadAddress);
  const u64 offset = address & (level_bytes(slot.level) - 1);
  return phys_to_virt<u8>(Pte::frame(slot.entry)) + offset;
}

Result<u64> AddressSpace::copy_in_some(u64 user, void* to, usize bytes) {
  if (bytes > kCopyBytesMax) return fail(Error::kTooBig);
  if (bytes == 0) return 0;
  if (user < first_address() || user >= end_address()) return fail(Error::kBadAddress);
  bytes = std::min<u64>(bytes, end_address() - user);
  Guard guard(lock_);
  u64 done = 0;
  while (done < bytes) {
    const u64 part = part_of_page(user + done, bytes - done);
    const auto from = reach(user + done, false);
    if (!from) return done == 0 ? fail(from.error()) : Result<u64>{done};
    copy_bytes(static_cast<u8*>(to) + done, *from, part);
    done += part;
  }
  return done;
}

Result<u64> AddressSpace::copy_out_some(u64 user, const void* from, usize bytes) {
  if (bytes > kCopyBytesMax) return fail(Error::kTooBig);
  if (bytes == 0) return 0;
  if (user < first_address() || user >= end_address()) return fail(Error::kBadAddress);
  bytes = std::min<u64>(bytes, end_address() - user);
  Guard guard(lock_);
  u64 done = 0;
  while (done < bytes) {
    const u64 part = part_of_page(user + done, bytes - done);
    const auto to = reach(user + done, true);
    if (!to) return done == 0 ? fail(to.error()) : Result<u64>{done};
    copy_bytes(*to, static_cast<const u8*>(from) + done, part);
    done += part;
  }
  return done;
}

Result<> AddressSpace::copy_in(u64 user, void* to, usize bytes) {
  const u64 done = TRY(copy_in_some(user, to, bytes));
  if (done == bytes) return {};
  // The error of the byte at which it stopped.
  u8 byte;
  const auto rest = copy_in_some(user + done, &byte, 1);
  return fail(rest ? Error::kBadAddress : rest.error());
}

Result<> AddressSpace::copy_out(u64 user, const void* from, usize bytes) {
  const u64 done = TRY(copy_out_some(user, from, bytes));
  if (done == bytes) return {};
  const auto rest = copy_out_some(user + done, static_cast<const u8*>(from) + done, 1);
  return fail(rest ? Error::kBadAddress : rest.error());
}

Result<u8*> AddressSpace::reach_unprotected(u64 address, bool write) {
  Mapping* mapping = find(address);
  if (mapping == nullptr) return fail(Error::kBadAddress);
  if (write && mapping->shared() && !has(mapping->protection, Protection::kWrite)) return fail(Error::kAccess);
  FlushBatch batch(context, ticket_);
  const FaultResult result = resolve_page(*mapping, page_floor(address), write, batch);
  if (result != FaultResult::kResolved) return fail(error_of(result));
  Table pages = table(batch);
  const auto slot = walk(pages, address);
  if (Pte::Device::is_set(slot.entry)) return fail(Error::kBadAddress);
  return phys_to_virt<u8>(Pte::frame(slot.entry)) + (address & (level_bytes(slot.level) - 1));
}

// A page at a time through a buffer, so that the two spaces' locks do not meet.
Result<u64> AddressSpace::inspect(u64 address, u64 bytes, AddressSpace& debugger, u64 buffer, bool write) {
  if (address < first_address() || address >= end_address()) return fail(Error::kBadAddress);
  bytes = std::min({bytes, end_address() - address, kSpaceInspectMax});
  KernelBuffer page = TRY(KernelBuffer::allocate(kPageSize));
  for (u64 done = 0; done < bytes;) {
    const u64 part = part_of_page(address + done, bytes - done);
    if (write) TRY(debugger.copy_in(buffer + done, page.data(), part));
    {
      Guard guard(lock_);
      const auto there = reach_unprotected(address + done, write);
      if (!there) return done == 0 ? fail(there.error()) : Result<u64>{done};
      if (write) {
        std::memcpy(*there, page.data(), part);
      } else {
        std::memcpy(page.data(), *there, part);
      }
    }
    if (!write) TRY(debugger.copy_out(buffer + done, page.data(), part));
    done += part;
  }
  return bytes;
}

// Both locks, in the order of the spaces' addresses; the two may be one.
Result<u64> AddressSpace::copy_between(AddressSpace& to_space, u64 to, AddressSpace& from_space, u64 from, u64 bytes) {
  if (to < to_space.first_address() || to >= to_space.end_address()) return fail(Error::kBadAddress);
  if (from < from_space.first_address() || from >= from_space.end_address()) return fail(Error::kBadAddress);
  bytes = std::min({bytes, to_space.end_address() - to, from_space.end_address() - from});
  const bool same = &to_space == &from_space, to_first = &to_space < &from_space;
  Guard guard(to_first ? to_space.lock_ : from_space.lock_);
  std::optional<Guard> second;
  if (!same) second.emplace(to_first ? from_space.lock_ : to_space.lock_);
  u64 done = 0;
  while (done < bytes) {
    const u64 part = part_of_page(to + done, part_of_page(from + done, bytes - done));
    const auto target = to_space.reach(to + done, true);
    // Within one space the second fault may move the first page's frame only if both are the same page, which then is private already.
    const auto source = from_space.reach(from + done, false);
    if (!target || !source) {
      if (done != 0) return done;
      return fail(!source ? source.error() : target.error());
    }
    move_bytes(*target, *source, part);
    done += part;
  }
  return done;
}

// Between this space and a Memory object, a page of both at a time, without a detour.
Result<u64> AddressSpace::copy_with(Memory& memory, u64 offset, bool pager, u64 user, u64 bytes, bool to_space) {
  if (user < first_address() || user >= end_address()) return fail(Error::kBadAddress);
  bytes = std::min(bytes, end_address() - user);
  Guard guard(lock_);
  u64 done = 0;
  while (done < bytes) {
    const u64 part = part_of_page(user + done, part_of_page(offset + done, bytes - done));
    const auto mine = reach(user + done, to_space);
    Result<> copied = mine ? Result<>{} : fail(mine.error());
    if (mine) {
      copied = memory.with_bytes(offset + done, !to_space, pager, [&](u8* other) {
        move_bytes(to_space ? *mine : other, to_space ? other : *mine, part);
      });
    }
    if (!copied) {
      if (done != 0) return done;
      return fail(copied.error() == Error::kNotFound ? Error::kBadAddress : copied.error());
    }
    done += part;
  }
  return done;
}

Result<u64> AddressSpace::copy(CopyEnd to, CopyEnd from, u64 bytes) {
  bytes = std::min(bytes, kCopyBytesMax);
  if (bytes == 0) return 0;
  if (to.space != nullptr && from.space != nullptr) return copy_between(*to.space, to.address, *from.space, from.address, bytes);
  if (to.space != nullptr) return to.space->copy_with(*from.memory, from.address, from.pager, to.address, bytes, true);
  if (from.space != nullptr) return from.space->copy_with(*to.memory, to.address, to.pager, from.address, bytes, false);
  // A page at a time through a buffer, so that no two objects' locks meet.
  KernelBuffer buffer = TRY(KernelBuffer::allocate(kPageSize));
  u64 done = 0;
  while (done < bytes) {
    const u64 wanted = std::min<u64>(bytes - done, kPageSize);
    const auto got = from.memory->read(from.address + done, buffer.data(), wanted, from.pager);
    if (!got) return done == 0 ? fail(got.error()) : Result<u64>{done};
    if (*got == 0) break;
    const auto put = to.memory->write(to.address + done, buffer.data(), *got, to.pager);
    if (!put) return done == 0 ? fail(put.error()) : Result<u64>{done};
    done += *put;
    if (*put < wanted) break;
  }
  return done == 0 ? fail(Error::kBadAddress) : Result<u64>{done};
}

Result<u32> AddressSpace::compare_exchange(u64 address, u32 expected, u32 desired) {
  if (address % sizeof(u32) != 0) return fail(Error::kInvalidArgument);
  if (!in_range(address, sizeof(u32))) return fail(Error::kBadAddress);
  Guard guard(lock_);
  auto* word = reinterpret_cast<u32*>(TRY(reach(address, true)));
  std::atomic_ref<u32>(*word).compare_exchange_strong(expected, desired, std::memory_order_seq_cst);
  return expected;
}

Result<AddressSpace::FutexKey> AddressSpace::futex_key(u64 address) {
  Guard guard(lock_);
  const Mapping* mapping = find(address);
  if (mapping == nullptr) return fail(Error::kBadAddress);
  if (mapping->memory && mapping->shared()) return FutexKey{mapping->memory.get(), mapping->offset + (address - mapping->start)};
  return FutexKey{this, address};
}

}  // namespace hati
