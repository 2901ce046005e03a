// SPDX-License-Identifier: MIT
// One function that a driver is given: switched on for each start of the driver's process, off after its end.
#pragma once

#include <string>

#include "servers/init/gift.h"
#include "servers/init/pci/ecam.h"
#include "servers/init/pci/functions.h"

namespace hati::init::pci {

class Device {
 public:
  Device(Ecam& space, Handle resource, const Function& function, u32 interrupts_max)
      : space_(space), resource_(resource), function_(function), interrupts_max_(interrupts_max) {}

  // Everything the driver's process gets: "config", "bar0".., "interrupt".., "dma". The function decodes its addresses and may master the bus
  // from here on.
  Result<void> switch_on(std::vector<Gift>& gifts);
  // It raises no interrupt and starts no access to memory any more. What it had begun may still be going on: virtio devices, for one, finish it.
  void switch_off();
  const Function& function() const { return function_; }

 private:
  Result<void> add_bars(std::vector<Gift>& gifts);
  Result<void> add_interrupts(std::vector<Gift>& gifts);
  Result<void> wire(const Msix& msix, std::vector<Gift>& gifts);
  void set_command(u16 clear, u16 set);

  Ecam& space_;
  const Handle resource_;
  const Function function_;
  const u32 interrupts_max_;
  bool measured_ = false;
  std::array<Bar, 6> bars_{};
};

}  // namespace hati::init::pci
