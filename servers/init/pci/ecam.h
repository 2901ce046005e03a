// SPDX-License-Identifier: MIT
// Configuration space through the memory windows that firmware named (ECAM). Buses are mapped when they are first looked at.
#pragma once

#include <map>
#include <vector>

#include "runtime/handle.h"
#include "servers/init/pci/config_space.h"

namespace hati::init::pci {

class Ecam : public ConfigSpace {
 public:
  Ecam(Handle resource, std::vector<EcamWindow> windows) : resource_(resource), windows_(std::move(windows)) {}
  // The windows that the kernel was told of; none if it was told of none.
  static std::vector<EcamWindow> windows(Handle resource);

  u32 read(const Address& address, u32 offset, u32 width) override;
  void write(const Address& address, u32 offset, u32 width, u32 value) override;
  // The function's page of configuration space. kNotFound.
  Result<Memory> page(const Address& address) const;
  // Unmaps everything until it is needed again.
  void forget() { buses_.clear(); }

 private:
  Result<u64> bus_address(u16 segment, u8 bus) const;
  volatile std::byte* at(const Address& address, u32 offset);

  const Handle resource_;
  const std::vector<EcamWindow> windows_;
  std::map<std::pair<u16, u8>, Mapping> buses_;
};

}  // namespace hati::init::pci
