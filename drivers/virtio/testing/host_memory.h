// SPDX-License-Identifier: MIT
// DMA memory of a host test: the device's addresses are this process's.
#pragma once

#include <cstdlib>
#include <cstring>

#include "drivers/virtio/dma.h"

namespace hati::virtio::testing {

class HostMemory : public DmaMemory {
 public:
  explicit HostMemory(u64 bytes) {
    bytes_ = page_ceil(bytes);
    data_ = static_cast<std::byte*>(std::aligned_alloc(kPageSize, bytes_));
    std::memset(data_, 0, bytes_);
  }
  ~HostMemory() override { std::free(data_); }
  Result<u64> address(u64 offset) override { return reinterpret_cast<u64>(data_) + offset; }
};

class HostAllocator : public DmaAllocator {
 public:
  Result<std::unique_ptr<DmaMemory>> allocate(u64 bytes) override { return std::make_unique<HostMemory>(bytes); }
};

}  // namespace hati::virtio::testing
