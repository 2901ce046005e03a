// SPDX-License-Identifier: MIT
// A disk as the file system sees it. Implementations: the client of the block driver; image files and a crashing disk in tests.
#pragma once

#include <span>

#include "abi/call.h"
#include "runtime/task.h"

namespace hati::ext4 {

// Where data comes from or goes to: own memory, or a part of a Memory object that the device reaches without a copy.
struct Piece {
  std::byte* bytes = nullptr;  // null: `memory`
  Handle memory = kNoHandle;
  u64 offset = 0;  // in memory
  u64 size = 0;

  static Piece of(std::span<std::byte> span) { return {.bytes = span.data(), .size = span.size()}; }
  Piece part(u64 from, u64 count) const {
    return {.bytes = bytes == nullptr ? nullptr : bytes + from, .memory = memory, .offset = offset + from, .size = count};
  }
};

// Offsets and sizes are multiples of 512 bytes. Calls may overlap in time; writes are durable after a flush that began after they
// completed. Errors: kIo, kCancelled.
class BlockDevice {
 public:
  virtual ~BlockDevice() = default;
  virtual u64 bytes() const = 0;
  virtual bool read_only() const = 0;
  virtual Task<Result<void>> read(u64 offset, Piece to) = 0;
  virtual Task<Result<void>> write(u64 offset, Piece from) = 0;
  virtual Task<Result<void>> flush() = 0;
  // A hint: the contents are not needed any more.
  virtual Task<Result<void>> discard(u64 offset, u64 bytes) = 0;
  // Zeroes a piece of memory (not of the disk).
  virtual Result<void> clear(Piece piece) = 0;
};

}  // namespace hati::ext4
