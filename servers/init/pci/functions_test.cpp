// SPDX-License-Identifier: MIT
// PCI on a fake configuration space, hostile devices included.
#include "servers/init/pci/functions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>

namespace hati::init::pci {
namespace {

constexpr EcamWindow kWindow{.address = 0, .segment = 0, .bus_first = 0, .bus_last = 15, .reserved = 0};

// Functions are bytes with a mask of those that can be written.
class FakeSpace : public ConfigSpace {
 public:
  struct Registers {
    std::array<u8, 256> bytes{}, writable{};
    template <class T>
    void put(u32 offset, T value) {
      std::memcpy(bytes.data() + offset, &value, sizeof(value));
    }
  };
  Registers& add(u8 bus, u8 device, u8 function, u16 vendor, u16 id, u32 class_code = 0) {
    Registers& registers = functions[{0, bus, device, function}];
    registers.put(kVendorId, vendor);
    registers.put(kDeviceId, id);
    registers.put(kClassCode, class_code << 8);
    registers.writable[kCommand] = registers.writable[kCommand + 1] = 0xff;
    return registers;
  }
  void add_bridge(u8 bus, u8 device, u8 secondary, u8 subordinate) {
    Registers& registers = add(bus, device, 0, 0x1b36, 0x000c);
    registers.put(kHeaderType, kLayoutBridge);
    registers.put(kSecondaryBus, secondary);
    registers.put(kSubordinateBus, subordinate);
  }
  // A BAR of `bytes`, a power of two, at `value` (with the type bits).
  static void add_bar(Registers& registers, u32 index, u32 value, u64 bytes, u32 high = 0) {
    const u64 mask = ~(bytes - 1);
    registers.put(kBarFirst + index * 4, value);
    for (u32 i = 0; i < 4; ++i) registers.writable[kBarFirst + index * 4 + i] = static_cast<u8>(mask >> i * 8);
    if ((value & 7) != 4) return;
    registers.put(kBarFirst + index * 4 + 4, high);
    for (u32 i = 0; i < 4; ++i) registers.writable[kBarFirst + index * 4 + 4 + i] = static_cast<u8>(mask >> (32 + i * 8));
  }

  u32 read(const Address& address, u32 offset, u32 width) override {
    ++reads;
    u32 value = 0;
    const auto found = functions.find(address);
    for (u32 i = 0; i < width; ++i) value |= u32{found == functions.end() ? u8{0xff} : found->second.bytes.at(offset + i)} << i * 8;
    return value;
  }
  void write(const Address& address, u32 offset, u32 width, u32 value) override {
    const auto found = functions.find(address);
    if (found == functions.end()) return;
    for (u32 i = 0; i < width; ++i) {
      const u8 mask = found->second.writable.at(offset + i);
      u8& byte = found->second.bytes.at(offset + i);
      byte = static_cast<u8>((byte & ~mask) | (value >> i * 8 & mask));
    }
  }

  std::map<Address, Registers> functions;
  u32 reads = 0;
};

std::vector<std::string> found_in(FakeSpace& space) {
  std::vector<std::string> names;
  for (const Function& function : find_functions(space, std::span(&kWindow, 1))) names.push_back(to_text(function.address));
  return names;
}

TEST(Functions, BehindBridgesToo) {
  FakeSpace space;
  space.add(0, 0, 0, 0x8086, 0x29c0);
  space.add(0, 31, 0, 0x8086, 0x2918).put(kHeaderType, kHeaderMultiFunction);
  space.add(0, 31, 2, 0x8086, 0x2922, 0x010601);
  space.add(0, 30, 1, 0x8086, 1);  // function 0 is missing: not there
  space.add_bridge(0, 2, 1, 3);
  space.add(1, 0, 0, 0x1af4, 0x1042, 0x010000);
  space.add_bridge(1, 1, 3, 3);
  space.add(3, 5, 0, 0x1af4, 0x1041);
  EXPECT_EQ(found_in(space), (std::vector<std::string>{"0000:00:00.0", "0000:00:1f.0", "0000:00:1f.2", "0000:01:00.0", "0000:03:05.0"}));
}

TEST(Functions, BusesThatNoBridgeLeadsTo) {
  FakeSpace space;
  space.add(0, 0, 0, 1, 1);
  space.add(7, 0, 0, 2, 2);  // another root
  EXPECT_EQ(found_in(space), (std::vector<std::string>{"0000:00:00.0", "0000:07:00.0"}));
}

TEST(Functions, HostileBridges) {
  FakeSpace space;
  space.add_bridge(0, 1, 0, 15);   // to itself
  space.add_bridge(0, 2, 1, 1);
  space.add_bridge(1, 0, 0, 1);    // back
  space.add_bridge(1, 1, 1, 1);
  space.add_bridge(0, 3, 200, 255);  // outside the window
  space.add_bridge(0, 4, 9, 4);
  space.add(1, 2, 0, 5, 5);
  EXPECT_EQ(found_in(space), (std::vector<std::string>{"0000:01:02.0"}));
  EXPECT_LT(space.reads, 5000u);
}

TEST(Match, DevicesAndClasses) {
  const Function disk{{}, 0x1af4, 0x1042, 0x010802};
  EXPECT_TRUE(parse_device("1af4:1042")->fits(disk));
  EXPECT_FALSE(parse_device("1af4:1041")->fits(disk));
  EXPECT_TRUE(parse_class("01")->fits(disk));
  EXPECT_TRUE(parse_class("0108")->fits(disk));
  EXPECT_TRUE(parse_class("010802")->fits(disk));
  EXPECT_FALSE(parse_class("010803")->fits(disk));
  for (const char* bad : {"", "1af4", "1af4:104", "1af4:10421", "xaf4:1042", "1af4-1042", " 1af:1042"})
    EXPECT_FALSE(parse_device(bad)) << bad;
  for (const char* bad : {"", "1", "010", "0108021", "zz", "-1"}) EXPECT_FALSE(parse_class(bad)) << bad;
}

TEST(Bars, KindsAndSizes) {
  FakeSpace space;
  auto& device = space.add(0, 1, 0, 1, 1);
  device.put(kCommand, u16{7});
  FakeSpace::add_bar(device, 0, 0xc001, 128);
  device.bytes[kBarFirst] = 0x01, device.bytes[kBarFirst + 1] = 0xc0;
  FakeSpace::add_bar(device, 1, 0xfebd'1000, 4096);
  FakeSpace::add_bar(device, 2, 0x8000'000c & ~8u, u64{1} << 34, 0x38);
  FakeSpace::add_bar(device, 4, 0xfe00'0000 | 8, 1 << 20);
  // Address 0x38'8000'0000 is not a multiple of 16 GiB: nothing that a bridge would decode.
  const auto bars = measure_bars(space, {0, 0, 1, 0});
  EXPECT_EQ(bars[0].kind, Bar::Kind::kIo);
  EXPECT_EQ(bars[0].address, 0xc000u);
  EXPECT_EQ(bars[0].bytes, 128u);
  EXPECT_EQ(bars[1].kind, Bar::Kind::kMemory);
  EXPECT_EQ(bars[1].bytes, 4096u);
  EXPECT_EQ(bars[2].kind, Bar::Kind::kNone);
  EXPECT_EQ(bars[3].kind, Bar::Kind::kNone);
  EXPECT_TRUE(bars[4].prefetchable);
  EXPECT_EQ(bars[4].bytes, u64{1} << 20);
  EXPECT_EQ(space.read({0, 0, 1, 0}, kCommand, 2), 7u) << "as it was";
  EXPECT_EQ(space.read({0, 0, 1, 0}, kBarFirst + 4, 4), 0xfebd'1000u);
}

TEST(Bars, SixtyFourBits) {
  FakeSpace space;
  auto& device = space.add(0, 1, 0, 1, 1);
  FakeSpace::add_bar(device, 4, 0x0000'4004 | 8, 16384, 0x38);
  const auto bars = measure_bars(space, {0, 0, 1, 0});
  EXPECT_TRUE(bars[4].prefetchable);
  EXPECT_EQ(bars[4].address, 0x38'0000'4000u);
  auto& plain = space.add(0, 2, 0, 1, 1);
  FakeSpace::add_bar(plain, 4, 0x0000'4004, 16384, 0x38);
  const auto wide = measure_bars(space, {0, 0, 2, 0});
  EXPECT_EQ(wide[4].address, 0x38'0000'4000u);
  EXPECT_EQ(wide[4].bytes, 16384u);
}

TEST(Bars, Hostile) {
  std::mt19937 random(2);
  for (int round = 0; round < 5000; ++round) {
    FakeSpace space;
    auto& device = space.add(0, 1, 0, 1, 1);
    for (u32 i = kBarFirst; i < kBarFirst + 24; ++i) {
      device.bytes[i] = static_cast<u8>(random());
      device.writable[i] = static_cast<u8>(random() % 2 == 0 ? 0xff : random());
    }
    for (const Bar& bar : measure_bars(space, {0, 0, 1, 0})) {
      if (bar.kind == Bar::Kind::kNone) continue;
      EXPECT_EQ(bar.bytes & (bar.bytes - 1), 0u);
      EXPECT_EQ(bar.address % bar.bytes, 0u);
      EXPECT_LE(bar.address + bar.bytes, u64{1} << 52);
    }
  }
}

TEST(Capabilities, ChainsThatNeverEnd) {
  FakeSpace space;
  auto& device = space.add(0, 1, 0, 1, 1);
  device.put(kStatus, kStatusCapabilities);
  device.put(kCapabilities, u8{0x40});
  device.put(0x40, u16{0x5009});
  device.put(0x50, u16{0x4011});  // back to the first
  EXPECT_EQ(find_capability(space, {0, 0, 1, 0}, kCapabilityMsix), 0x50u);
  EXPECT_EQ(find_capability(space, {0, 0, 1, 0}, kCapabilityExpress), 0u);
  device.put(0x50, u16{0x0211});  // into the header
  EXPECT_EQ(find_capability(space, {0, 0, 1, 0}, kCapabilityExpress), 0u);
}

TEST(Msix, TableMustBeInsideItsBar) {
  FakeSpace space;
  auto& device = space.add(0, 1, 0, 1, 1);
  device.put(kStatus, kStatusCapabilities);
  device.put(kCapabilities, u8{0x40});
  device.put(0x40, u8{kCapabilityMsix});
  std::array<Bar, 6> bars{};
  bars[1] = {Bar::Kind::kMemory, false, 0xfe00'0000, 4096};
  const auto find = [&](u16 control, u32 table) {
    device.put(0x40 + kMsixControl, control);
    device.put(0x40 + kMsixTable, table);
    return find_msix(space, {0, 0, 1, 0}, bars);
  };
  const auto good = find(4, 0x801);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->entries, 5u);
  EXPECT_EQ(good->offset, 0x800u);
  EXPECT_TRUE(find(127, 0x801));
  EXPECT_FALSE(find(128, 0x801)) << "129 entries do not fit behind 0x800";
  EXPECT_FALSE(find(4, 0xfffffff9));
  EXPECT_FALSE(find(4, 0x802)) << "no such BAR";
  EXPECT_FALSE(find(4, 0x807));
}

}  // namespace
}  // namespace hati::init::pci
