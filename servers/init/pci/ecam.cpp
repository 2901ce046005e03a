// SPDX-License-Identifier: MIT
#include "servers/init/pci/ecam.h"

#include <algorithm>

#include "runtime/log.h"

namespace hati::init::pci {
namespace {

constexpr u64 kBusBytes = 1 << 20;
u64 offset_in_bus(const Address& address) { return (u64{address.device} * 8 + address.function) * kConfigBytes; }

}  // namespace

std::vector<EcamWindow> Ecam::windows(Handle resource) {
  PlatformInfo info{};
  if (auto told = call::platform_info(resource, info); !told) {
    log_error("nothing is known about the platform: {}", error_name(told.error()));
    return {};
  }
  return {info.ecam, info.ecam + std::min<u32>(info.ecam_count, kEcamWindowsMax)};
}

Result<u64> Ecam::bus_address(u16 segment, u8 bus) const {
  for (const EcamWindow& window : windows_)
    if (window.segment == segment && bus >= window.bus_first && bus <= window.bus_last)
      return window.address + (bus - window.bus_first) * kBusBytes;
  return fail(Error::kNotFound);
}

volatile std::byte* Ecam::at(const Address& address, u32 offset) {
  Mapping& bus = buses_[{address.segment, address.bus}];
  if (!bus) {
    const auto map = [&]() -> Result<Mapping> {
      const u64 where = TRY(bus_address(address.segment, address.bus));
      const Memory memory = TRY(Memory::physical(resource_, where, kBusBytes, CacheMode::kUncached));
      return memory.map(0, kBusBytes, Protection::kRead | Protection::kWrite);
    };
    auto mapped = map();
    if (!mapped) return nullptr;
    bus = std::move(*mapped);
  }
  return bus.as<volatile std::byte>() + offset_in_bus(address) + offset;
}

u32 Ecam::read(const Address& address, u32 offset, u32 width) {
  volatile std::byte* const place = at(address, offset);
  if (place == nullptr) return ~0u;
  switch (width) {
    case 1: return *reinterpret_cast<volatile u8*>(place);
    case 2: return *reinterpret_cast<volatile u16*>(place);
    default: return *reinterpret_cast<volatile u32*>(place);
  }
}

void Ecam::write(const Address& address, u32 offset, u32 width, u32 value) {
  volatile std::byte* const place = at(address, offset);
  if (place == nullptr) return;
  switch (width) {
    case 1: *reinterpret_cast<volatile u8*>(place) = static_cast<u8>(value); break;
    case 2: *reinterpret_cast<volatile u16*>(place) = static_cast<u16>(value); break;
    default: *reinterpret_cast<volatile u32*>(place) = value; break;
  }
}

Result<Memory> Ecam::page(const Address& address) const {
  const u64 bus = TRY(bus_address(address.segment, address.bus));
  return Memory::physical(resource_, bus + offset_in_bus(address), kConfigBytes, CacheMode::kUncached);
}

}  // namespace hati::init::pci
