// SPDX-License-Identifier: MIT
#include "servers/ext4/layout/checksum.h"

#include <array>
#include <cstring>

namespace hati::ext4 {

namespace {

constexpr std::array<u32, 256> make_table32() {
  std::array<u32, 256> table{};
  for (u32 i = 0; i < 256; ++i) {
    u32 value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0x82f63b78 : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr std::array<u16, 256> make_table16() {
  std::array<u16, 256> table{};
  for (u32 i = 0; i < 256; ++i) {
    u32 value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0xa001 : value >> 1;
    table[i] = static_cast<u16>(value);
  }
  return table;
}
constexpr auto kTable32 = make_table32();
constexpr auto kTable16 = make_table16();

u32 with_table(u32 value, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) value = value >> 8 ^ kTable32[(value ^ static_cast<u8>(byte)) & 0xff];
  return value;
}

// The processor's instruction: eight bytes in a cycle or so.
__attribute__((target("sse4.2"))) u32 with_instruction(u32 value, std::span<const std::byte> bytes) {
  u64 wide = value;
  while (bytes.size() >= 8) {
    u64 word;
    std::memcpy(&word, bytes.data(), 8);
    wide = __builtin_ia32_crc32di(wide, word);
    bytes = bytes.subspan(8);
  }
  value = static_cast<u32>(wide);
  for (const std::byte byte : bytes) value = __builtin_ia32_crc32qi(value, static_cast<u8>(byte));
  return value;
}

}  // namespace

u32 crc32c(u32 value, std::span<const std::byte> bytes) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  return has_instruction ? with_instruction(value, bytes) : with_table(value, bytes);
}

u16 crc16(u16 value, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) value = static_cast<u16>(value >> 8 ^ kTable16[(value ^ static_cast<u8>(byte)) & 0xff]);
  return value;
}

}  // namespace hati::ext4
