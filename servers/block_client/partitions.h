// SPDX-License-Identifier: MIT
// Partition tables: GPT (UEFI Specification 2.10, chapter 5) and MBR with extended partitions. The disk's content comes from anybody: whatever it says,
// the result names only sectors inside the disk.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/task.h"

namespace hati::block {

struct Partition {
  u32 number;  // from 1: vda1; logical partitions of an MBR from 5
  u64 sector, sectors;  // units of 512 bytes
};

// Reads whole sectors of 512 bytes.
class SectorReader {
 public:
  virtual ~SectorReader() = default;
  virtual Task<Result<void>> read_sectors(u64 sector, std::span<std::byte> to) = 0;
};

inline constexpr u32 kPartitionsMax = 256;

// By number; empty if there is no partition table. `block_bytes`: the medium's logical block, in which GPT counts. A GPT whose primary header or
// entries are damaged is read from its copy at the end of the disk. kIo and what reading gives; kBadData: a protective MBR, but no intact GPT.
Task<Result<std::vector<Partition>>> read_partitions(SectorReader& disk, u64 sectors, u32 block_bytes);

// CRC-32 as in IEEE 802.3.
u32 crc32(std::span<const std::byte> bytes);

}  // namespace hati::block
