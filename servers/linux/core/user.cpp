// SPDX-License-Identifier: MIT
// Copies between the server and programs (core/user.h).
#include "servers/linux/core/user.h"

#include <algorithm>
#include <cstring>

#include "runtime/call.h"
#include "servers/linux/core/page_in.h"

namespace hati::linux {
namespace {

alignas(64) constexpr u8 kZeroes[kPageSize] = {};

// How many of `bytes` at `address` may belong to a program at all.
usize clip(u64 address, usize bytes) {
  if (address >= kProgramEnd) return 0;
  return std::min<u64>(bytes, kProgramEnd - address);
}

// One side of a copy: memory of a program, or a Memory object, whose pages the caller brings.
struct CopySide {
  Handle handle;
  u64 address;
  bool object = false;
};

// A page of a program's memory may have to be brought from a disk first. False: it is not for that that the copy stops.
bool bring_side(const CopySide& side, usize done, bool write) {
  return !side.object && side.handle != kOwnSpace && bring_pages(side.handle, side.address + done, 1, write).has_value();
}

// Repeats a copy until it is complete or stops: the kernel may do a long one in parts. kNEEDASYNC: a page of a Memory object is missing.
SysResult<usize> copy_all(CopySide to, CopySide from, usize bytes) {
  usize done = 0;
  u64 brought = ~u64{0};  // for which position
  while (done < bytes) {
    const auto copied = call::copy(to.handle, to.address + done, from.handle, from.address + done, bytes - done);
    if (!copied && copied.error() == Error::kNotResident) [[unlikely]] {
      if (brought != done) {
        brought = done;
        const bool target = bring_side(to, done, true), source = bring_side(from, done, false);
        if (target || source) continue;
      }
      if (done > 0) return done;
      return fail(to.object || from.object ? Errno::kNEEDASYNC : Errno::kFAULT);
    }
    if (!copied || *copied == 0) {
      if (done > 0) return done;
      return fail(copied ? Errno::kFAULT : to_errno(copied.error()));
    }
    done += *copied;
  }
  return done;
}

SysResult<> whole(SysResult<usize> copied, usize bytes) {
  if (!copied) return fail(copied.error());
  if (*copied != bytes) return fail(Errno::kFAULT);
  return {};
}

}  // namespace

SysResult<usize> UserMemory::read_some(u64 address, void* to, usize bytes) const {
  if (bytes == 0) return usize{0};
  if (space_ != kOwnSpace) bytes = clip(address, bytes);
  if (bytes == 0) return fail(Errno::kFAULT);
  return copy_all({kOwnSpace, reinterpret_cast<u64>(to)}, {space_, address}, bytes);
}

SysResult<usize> UserMemory::write_some(u64 address, const void* from, usize bytes) const {
  if (bytes == 0) return usize{0};
  if (space_ != kOwnSpace) bytes = clip(address, bytes);
  if (bytes == 0) return fail(Errno::kFAULT);
  return copy_all({space_, address}, {kOwnSpace, reinterpret_cast<u64>(from)}, bytes);
}

SysResult<> UserMemory::read(u64 address, void* to, usize bytes) const { return whole(read_some(address, to, bytes), bytes); }

SysResult<> UserMemory::write(u64 address, const void* from, usize bytes) const { return whole(write_some(address, from, bytes), bytes); }

SysResult<> UserMemory::zero(u64 address, usize bytes) const {
  while (bytes > 0) {
    const usize part = std::min(bytes, sizeof kZeroes);
    TRY(write(address, kZeroes, part));
    address += part;
    bytes -= part;
  }
  return {};
}

SysResult<std::string> UserMemory::get_string(u64 address, usize max) const {
  std::string text;
  char buffer[256];
  while (text.size() < max) {
    // Never beyond the page that is known to be needed, so that a string may end at the last mapped byte.
    const usize to_page_end = kPageSize - (address & (kPageSize - 1));
    const usize part = std::min({sizeof buffer, to_page_end, max - text.size()});
    const usize got = TRY(read_some(address, buffer, part));
    if (const void* end = std::memchr(buffer, 0, got)) {
      text.append(buffer, static_cast<usize>(static_cast<const char*>(end) - buffer));
      return text;
    }
    text.append(buffer, got);
    address += got;
  }
  return fail(Errno::kNAMETOOLONG);
}

SysResult<u32> UserMemory::compare_exchange(u64 address, u32 expected, u32 desired) const {
  if (clip(address, 4) != 4) return fail(Errno::kFAULT);
  auto old = call::compare_exchange(space_, address, expected, desired);
  if (!old && old.error() == Error::kNotResident && bring_pages(space_, address, 4, true))
    old = call::compare_exchange(space_, address, expected, desired);
  if (!old) return fail(Errno::kFAULT);
  return *old;
}

IoBuffer::IoBuffer(UserMemory memory, std::span<const Range> ranges) : memory_(memory), ranges_(ranges), left_(0) {
  for (const Range& range : ranges) left_ += range.bytes;
}

template <class Move>
SysResult<usize> IoBuffer::each(usize bytes, Move&& move) {
  usize done = 0;
  while (done < bytes && left_ > 0) {
    const Range& range = ranges_.front();
    const usize part = std::min<u64>(bytes - done, range.bytes - position_);
    if (part > 0) {
      const SysResult<usize> moved = move(range.address + position_, done, part);
      if (!moved) {
        if (done > 0) return done;
        return fail(moved.error());
      }
      done += *moved;
      position_ += *moved;
      left_ -= *moved;
      if (*moved < part) return done;
    }
    if (position_ == range.bytes) {
      ranges_ = ranges_.subspan(1);
      position_ = 0;
    }
  }
  return done;
}

SysResult<usize> IoBuffer::copy_out(const void* from, usize bytes) {
  return each(bytes,
              [&](u64 address, usize done, usize part) { return memory_.write_some(address, static_cast<const u8*>(from) + done, part); });
}

SysResult<usize> IoBuffer::copy_in(void* to, usize bytes) {
  return each(bytes, [&](u64 address, usize done, usize part) { return memory_.read_some(address, static_cast<u8*>(to) + done, part); });
}

SysResult<usize> IoBuffer::fill_zero(usize bytes) {
  usize done = 0;
  while (done < bytes && left_ > 0) {
    const usize piece = std::min(bytes - done, sizeof kZeroes);
    const SysResult<usize> moved = each(piece, [&](u64 address, usize, usize part) { return memory_.write_some(address, kZeroes, part); });
    if (!moved && done == 0) return moved;
    if (!moved) break;
    done += *moved;
    if (*moved < piece) break;
  }
  return done;
}

SysResult<usize> IoBuffer::copy_from_memory(Handle memory, u64 offset, usize bytes) {
  return each(bytes, [&](u64 address, usize done, usize part) -> SysResult<usize> {
    if (memory_.space() != kOwnSpace) part = clip(address, part);
    if (part == 0) return fail(Errno::kFAULT);
    return copy_all({memory_.space(), address}, {memory, offset + done, true}, part);
  });
}

SysResult<usize> IoBuffer::copy_to_memory(Handle memory, u64 offset, usize bytes) {
  return each(bytes, [&](u64 address, usize done, usize part) -> SysResult<usize> {
    if (memory_.space() != kOwnSpace) part = clip(address, part);
    if (part == 0) return fail(Errno::kFAULT);
    return copy_all({memory, offset + done, true}, {memory_.space(), address}, part);
  });
}

}  // namespace hati::linux
