// SPDX-License-Identifier: MIT
#include "servers/init/pci/functions.h"

#include <algorithm>
#include <bitset>
#include <charconv>

#include "base/format.h"

namespace hati::init::pci {
namespace {

// One walk over a segment; each bus once.
class Walk {
 public:
  Walk(ConfigSpace& space, const EcamWindow& window, std::vector<Function>& found) : space_(space), window_(window), found_(found) {}

  void all() {
    // Firmware has numbered the buses; what the root's bridges lead to is found through them. Buses that nothing led to are further roots.
    for (u32 bus = window_.bus_first; bus <= window_.bus_last; ++bus)
      if (!seen_.test(bus) && (bus == window_.bus_first || !is_behind_bridge(bus))) scan_bus(bus);
  }

 private:
  bool is_behind_bridge(u32 bus) const { return behind_.test(bus); }

  void scan_bus(u32 first) {
    std::vector<u32> buses{first};  // instead of recursion
    while (!buses.empty()) {
      const u32 bus = buses.back();
      buses.pop_back();
      if (bus < window_.bus_first || bus > window_.bus_last || seen_.test(bus)) continue;
      seen_.set(bus);
      for (u32 device = 0; device < 32; ++device) scan_device(bus, device, buses);
    }
  }

  void scan_device(u32 bus, u32 device, std::vector<u32>& buses) {
    for (u32 function = 0; function < 8; ++function) {
      const Address address{window_.segment, static_cast<u8>(bus), static_cast<u8>(device), static_cast<u8>(function)};
      const u16 vendor = static_cast<u16>(space_.read(address, kVendorId, 2));
      if (vendor == kNoVendor || found_.size() >= kFunctionsMax) {
        if (function == 0) return;
        continue;
      }
      const u8 header = static_cast<u8>(space_.read(address, kHeaderType, 1));
      if ((header & kHeaderLayout) == kLayoutDevice) {
        const u16 id = static_cast<u16>(space_.read(address, kDeviceId, 2));
        found_.push_back({address, vendor, id, space_.read(address, kClassCode, 4) >> 8});
      } else if ((header & kHeaderLayout) == kLayoutBridge) {
        enter_bridge(address, buses);
      }
      if (function == 0 && (header & kHeaderMultiFunction) == 0) return;
    }
  }

  void enter_bridge(const Address& address, std::vector<u32>& buses) {
    const u32 secondary = space_.read(address, kSecondaryBus, 1), subordinate = space_.read(address, kSubordinateBus, 1);
    if (secondary <= address.bus || subordinate < secondary) return;  // not set up by firmware
    for (u32 bus = secondary; bus <= subordinate; ++bus) behind_.set(bus);
    buses.push_back(secondary);
  }

  ConfigSpace& space_;
  const EcamWindow& window_;
  std::vector<Function>& found_;
  std::bitset<256> seen_, behind_;
};

std::optional<u32> parse_hex(std::string_view text) {
  u32 value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The size that a BAR's answer to all ones means: the lowest address bit that can be changed. 0: none, or not a decreasing run of ones.
u64 size_of(u64 answer, u64 address_mask) {
  const u64 bits = answer & address_mask;
  if (bits == 0) return 0;
  const u64 size = bits & (~bits + 1);
  return (bits | (size - 1)) == (address_mask | (size - 1)) ? size : 0;
}

constexpr u32 kBarIo = 1, kBarTypeMask = 6, kBarType64 = 4, kBarPrefetchable = 8;

class BarReader {
 public:
  BarReader(ConfigSpace& space, const Address& address) : space_(space), address_(address) {}

  // Fills bars[i]; returns how many registers it used.
  u32 read(u32 i, std::array<Bar, 6>& bars) {
    const u32 low = get(i);
    if ((low & kBarIo) != 0) {
      const u64 size = size_of(probe(i, low) & 0xffff, 0xfffc);
      set(bars[i], Bar::Kind::kIo, low & 0xfffc, size, u64{1} << 16, false);
      return 1;
    }
    const bool wide = (low & kBarTypeMask) == kBarType64;
    if (wide && i == 5) return 1;  // there is no register for its other half
    const u64 address_mask = wide ? ~u64{0xf} : 0xffff'fff0;
    u64 answer = probe(i, low), address = low;
    if (wide) {
      const u32 high = get(i + 1);
      answer |= u64{probe(i + 1, high)} << 32;
      address |= u64{high} << 32;
    }
    set(bars[i], Bar::Kind::kMemory, address & address_mask, size_of(answer, address_mask), u64{1} << 52, (low & kBarPrefetchable) != 0);
    return wide ? 2 : 1;
  }

 private:
  static void set(Bar& bar, Bar::Kind kind, u64 address, u64 size, u64 end, bool prefetchable) {
    if (size == 0 || address == 0 || address % size != 0 || address >= end || size > end - address) return;
    bar = {kind, prefetchable, address, size};
  }
  u32 get(u32 i) { return space_.read(address_, kBarFirst + i * 4, 4); }
  u32 probe(u32 i, u32 value) {
    space_.write(address_, kBarFirst + i * 4, 4, ~0u);
    const u32 answer = get(i);
    space_.write(address_, kBarFirst + i * 4, 4, value);
    return answer;
  }

  ConfigSpace& space_;
  const Address address_;
};

}  // namespace

std::string to_text(const Address& a) {
  TextBuffer<32> sink;
  format_to(sink, "{:04x}:{:02x}:{:02x}.{}", a.segment, a.bus, a.device, a.function);
  return std::string(sink.view());
}

std::vector<Function> find_functions(ConfigSpace& space, std::span<const EcamWindow> windows) {
  std::vector<Function> found;
  for (const EcamWindow& window : windows) Walk(space, window, found).all();
  std::ranges::sort(found, {}, &Function::address);
  return found;
}

bool Match::fits(const Function& function) const {
  if (device) return *device == std::pair(function.vendor, function.device);
  return class_mask != 0 && (function.class_code & class_mask) == class_code;
}

std::optional<Match> parse_device(std::string_view text) {
  if (text.size() != 9 || text[4] != ':') return std::nullopt;
  const auto vendor = parse_hex(text.substr(0, 4)), device = parse_hex(text.substr(5));
  if (!vendor || !device) return std::nullopt;
  return Match{.device = std::pair(static_cast<u16>(*vendor), static_cast<u16>(*device))};
}

std::optional<Match> parse_class(std::string_view text) {
  if (text.size() != 2 && text.size() != 4 && text.size() != 6) return std::nullopt;
  const auto value = parse_hex(text);
  if (!value) return std::nullopt;
  const u32 missing = static_cast<u32>(6 - text.size()) * 4;
  return Match{.device = std::nullopt, .class_code = *value << missing, .class_mask = 0xff'ffffu >> missing << missing};
}

u32 find_capability(ConfigSpace& space, const Address& address, u8 id) {
  constexpr int kLinksMax = 48;  // more do not fit: a chain that is longer is a circle
  if ((space.read(address, kStatus, 2) & kStatusCapabilities) == 0) return 0;
  u32 at = space.read(address, kCapabilities, 1) & 0xfc;
  for (int links = 0; at >= 0x40 && links < kLinksMax; ++links) {
    if (space.read(address, at, 1) == id) return at;
    at = space.read(address, at + 1, 1) & 0xfc;
  }
  return 0;
}

std::array<Bar, 6> measure_bars(ConfigSpace& space, const Address& address) {
  std::array<Bar, 6> bars;
  const u16 command = static_cast<u16>(space.read(address, kCommand, 2));
  const u16 off = static_cast<u16>(command & ~(Command::Io::kMask | Command::Memory::kMask | Command::BusMaster::kMask));
  space.write(address, kCommand, 2, off);
  BarReader reader(space, address);
  for (u32 i = 0; i < bars.size();) i += reader.read(i, bars);
  space.write(address, kCommand, 2, command);
  return bars;
}

std::optional<Msix> find_msix(ConfigSpace& space, const Address& address, const std::array<Bar, 6>& bars) {
  const u32 at = find_capability(space, address, kCapabilityMsix);
  if (at == 0) return std::nullopt;
  Msix msix{.capability = at};
  msix.entries = MsixControl::Entries::get(static_cast<u16>(space.read(address, at + kMsixControl, 2))) + 1u;
  const u32 table = space.read(address, at + kMsixTable, 4);
  msix.bar = table & 7;
  msix.offset = table & ~7u;
  if (msix.bar >= bars.size()) return std::nullopt;
  const Bar& bar = bars[msix.bar];
  const u64 bytes = u64{msix.entries} * kMsixEntryBytes;
  if (bar.kind != Bar::Kind::kMemory || msix.offset > bar.bytes || bytes > bar.bytes - msix.offset) return std::nullopt;
  return msix;
}

}  // namespace hati::init::pci
