// SPDX-License-Identifier: MIT
// Memory of the driver whose addresses its device may know: rings, tables, request headers.
#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "base/types.h"

namespace hati::virtio {

class DmaMemory {
 public:
  virtual ~DmaMemory() = default;
  std::byte* data() const { return data_; }
  u64 bytes() const { return bytes_; }
  // As the device sees it; the bytes up to the end of the page follow there. Pages are held from their first question on. kNoMemory.
  virtual Result<u64> address(u64 offset) = 0;

 protected:
  std::byte* data_ = nullptr;
  u64 bytes_ = 0;
};

class DmaAllocator {
 public:
  virtual ~DmaAllocator() = default;
  // Whole pages of zeroes.
  virtual Result<std::unique_ptr<DmaMemory>> allocate(u64 bytes) = 0;
};

}  // namespace hati::virtio
