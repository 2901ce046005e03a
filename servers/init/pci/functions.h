// SPDX-License-Identifier: MIT
// The functions of the machine, and what their headers say.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "abi/call.h"
#include "servers/init/pci/config_space.h"

namespace hati::init::pci {

struct Function {
  Address address;
  u16 vendor = 0, device = 0;
  u32 class_code = 0;  // base class << 16 | subclass << 8 | programming interface
};

inline constexpr usize kFunctionsMax = 4096;

// All functions with a device's header, behind bridges too, in the order of their addresses. Buses outside the windows, and buses that bridges name
// twice, are not looked at.
std::vector<Function> find_functions(ConfigSpace& space, std::span<const EcamWindow> windows);

// What a manifest's [[driver]] says it drives: "1af4:1042", or "010802", "0108", "01": a class code from its front.
struct Match {
  std::optional<std::pair<u16, u16>> device;
  u32 class_code = 0, class_mask = 0;
  bool fits(const Function& function) const;
};
std::optional<Match> parse_device(std::string_view text);
std::optional<Match> parse_class(std::string_view text);

// The offset of a capability in the first 256 bytes; 0: there is none.
u32 find_capability(ConfigSpace& space, const Address& address, u8 id);

struct Bar {
  enum class Kind { kNone, kIo, kMemory };
  Kind kind = Kind::kNone;
  bool prefetchable = false;
  u64 address = 0, bytes = 0;
};
// The BARs by number; the second half of a 64-bit one is kNone, and so is one without an address or with an impossible size. Decoding is
// off meanwhile, so nothing may use the function.
std::array<Bar, 6> measure_bars(ConfigSpace& space, const Address& address);

struct Msix {
  u32 capability = 0;
  u32 entries = 0;
  u32 bar = 0, offset = 0;  // of the table
};
// Nothing if the function has none, or one whose table is not inside a BAR.
std::optional<Msix> find_msix(ConfigSpace& space, const Address& address, const std::array<Bar, 6>& bars);

}  // namespace hati::init::pci
