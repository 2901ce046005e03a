// SPDX-License-Identifier: MIT
// Holding pages of Memory objects in place for a device, and learning where they are.
#pragma once

#include <vector>

#include "drivers/virtio/dma.h"
#include "runtime/handle.h"

namespace hati::virtio {

// Bytes that follow each other as the device sees them.
struct Run {
  u64 address, bytes;
};

class Pins {
 public:
  virtual ~Pins() = default;
  // Appends where [offset, offset + bytes) of the Memory is; its pages stay there until unpin() with the same arguments. `device_writes`: it gets data.
  // kInvalidArgument: not inside; kNoMemory, kNoRight; kIo: a page could not be had from its pager.
  virtual Result<void> pin(Handle memory, u64 offset, u64 bytes, bool device_writes, std::vector<Run>& runs) = 0;
  virtual void unpin(Handle memory, u64 offset, u64 bytes) = 0;
};

// Memory of our own, pinned page by page.
class PinnedAllocator : public DmaAllocator {
 public:
  explicit PinnedAllocator(Pins& pins) : pins_(pins) {}
  Result<std::unique_ptr<DmaMemory>> allocate(u64 bytes) override;

 private:
  Pins& pins_;
};

}  // namespace hati::virtio
