// SPDX-License-Identifier: MIT
// A case is a coroutine that returns an empty text if all is well, else what was wrong.
#pragma once

#include <cstring>
#include <string>

#include "protocols/system.h"
#include "runtime/combine.h"
#include "servers/block_client/disk.h"

namespace hati::block_tests {

using Init = Client<system::SystemProtocol>;

struct Fixture {
  Init& init;
  block::Connector& connector;
  block::Disk& scratch;    // vda
  block::Disk& read_only;  // vdb
};

using Verdict = std::string;
struct Case {
  const char* name;
  Task<Verdict> (*run)(Fixture& fixture);
};

#define EXPECT(...)                                                         \
  do {                                                                      \
    if (!(__VA_ARGS__)) co_return Verdict(__FILE_NAME__ ": " #__VA_ARGS__); \
  } while (false)

// What sector `sector` holds after the `version`-th write to it: different everywhere, and checkable on the host.
inline void fill_sector(std::span<std::byte> to, u64 sector, u64 version) {
  u64 state = sector * 0x9e37'79b9'7f4a'7c15 + version;
  for (usize i = 0; i < to.size(); i += sizeof(u64)) {
    state = state * 6364136223846793005 + 1442695040888963407;
    std::memcpy(to.data() + i, &state, sizeof(state));
  }
}
inline void fill(std::span<std::byte> to, u64 sector, u64 version) {
  for (usize at = 0; at < to.size(); at += block::kSectorBytes)
    fill_sector(to.subspan(at, block::kSectorBytes), sector + at / block::kSectorBytes, version);
}
inline bool holds(std::span<const std::byte> bytes, u64 sector, u64 version) {
  std::array<std::byte, block::kSectorBytes> wanted;
  for (usize at = 0; at < bytes.size(); at += block::kSectorBytes) {
    fill_sector(wanted, sector + at / block::kSectorBytes, version);
    if (std::memcmp(wanted.data(), bytes.data() + at, block::kSectorBytes) != 0) return false;
  }
  return true;
}

// Memory that a disk may use and we can see.
struct Buffer {
  Memory memory;
  Mapping mapping;
  std::shared_ptr<block::Attachment> attachment;
  std::span<std::byte> bytes() const { return mapping.span(); }
};
inline Task<Result<Buffer>> make_buffer(block::Disk& disk, u64 bytes) {
  Buffer buffer;
  buffer.memory = CO_TRY(Memory::create(bytes));
  buffer.mapping = CO_TRY(buffer.memory.map(0, bytes, Protection::kRead | Protection::kWrite));
  buffer.attachment = CO_TRY(co_await disk.attach(buffer.memory));
  co_return buffer;
}

std::span<const Case> basic_cases();
std::span<const Case> load_cases();

}  // namespace hati::block_tests
