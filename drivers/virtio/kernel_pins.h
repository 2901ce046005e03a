// SPDX-License-Identifier: MIT
// Pins with the right that the start-up handle "dma" gives.
#pragma once

#include "drivers/virtio/pins.h"

namespace hati::virtio {

class KernelPins : public Pins {
 public:
  explicit KernelPins(Dma dma) : dma_(std::move(dma)) {}
  Result<void> pin(Handle memory, u64 offset, u64 bytes, bool device_writes, std::vector<Run>& runs) override;
  void unpin(Handle memory, u64 offset, u64 bytes) override { (void)call::memory_unpin(memory, offset, bytes); }

 private:
  const Dma dma_;
};

}  // namespace hati::virtio
