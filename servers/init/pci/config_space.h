// SPDX-License-Identifier: MIT
// Configuration space (PCI Express Base Specification 6.0, chapter 7.5) as the rest of this folder sees it.
#pragma once

#include <compare>
#include <string>

#include "base/bits.h"
#include "base/types.h"

namespace hati::init::pci {

struct Address {
  u16 segment = 0;
  u8 bus = 0, device = 0, function = 0;
  auto operator<=>(const Address&) const = default;
};
// As lspci prints it: 0000:00:1f.2
std::string to_text(const Address& address);

inline constexpr u32 kConfigBytes = 4096;

class ConfigSpace {
 public:
  virtual ~ConfigSpace() = default;
  // width 1, 2 or 4; offset aligned and below kConfigBytes. All ones where nothing answers.
  virtual u32 read(const Address& address, u32 offset, u32 width) = 0;
  virtual void write(const Address& address, u32 offset, u32 width, u32 value) = 0;
};

// Registers of the common header: offsets.
inline constexpr u32 kVendorId = 0x00, kDeviceId = 0x02, kCommand = 0x04, kStatus = 0x06, kClassCode = 0x08, kHeaderType = 0x0e,
                     kBarFirst = 0x10, kSecondaryBus = 0x19, kSubordinateBus = 0x1a, kCapabilities = 0x34;
inline constexpr u8 kHeaderMultiFunction = 0x80, kHeaderLayout = 0x7f, kLayoutDevice = 0, kLayoutBridge = 1;
inline constexpr u16 kNoVendor = 0xffff;

struct Command : Register<u16> {
  using Io = Field<0, 1>;
  using Memory = Field<1, 1>;
  using BusMaster = Field<2, 1>;
  using InterruptDisable = Field<10, 1>;
};
inline constexpr u16 kStatusCapabilities = 1 << 4;

inline constexpr u8 kCapabilityMsi = 0x05, kCapabilityExpress = 0x10, kCapabilityMsix = 0x11;

// MSI-X: control word at capability + 2, table at + 4.
struct MsixControl : Register<u16> {
  using Entries = Field<0, 11>;  // less one
  using MaskAll = Field<14, 1>;
  using Enable = Field<15, 1>;
};
inline constexpr u32 kMsixControl = 2, kMsixTable = 4;
inline constexpr u32 kMsixEntryBytes = 16;  // address, address high, data, control with the mask in bit 0

// PCI Express capability: device capabilities at + 4, device control at + 8.
struct ExpressCapabilities : Register<u32> {
  using FunctionReset = Field<28, 1>;
};
struct ExpressControl : Register<u16> {
  using FunctionReset = Field<15, 1>;
};
inline constexpr u32 kExpressCapabilities = 4, kExpressControl = 8, kExpressStatus = 10;
struct ExpressStatus : Register<u16> {
  using Pending = Field<5, 1>;
};

}  // namespace hati::init::pci
