// SPDX-License-Identifier: MIT
// What a virtio block device and its driver exchange: virtio 1.2, 5.2. A host test compares it with Linux's headers.
#pragma once

#include "base/types.h"
#include "drivers/virtio/registers.h"

namespace hati::virtio_block {

inline constexpr u64 kFeatureSizeMax = virtio::feature(1), kFeatureSegmentsMax = virtio::feature(2), kFeatureReadOnly = virtio::feature(5),
                     kFeatureBlockSize = virtio::feature(6), kFeatureFlush = virtio::feature(9), kFeatureQueues = virtio::feature(12),
                     kFeatureDiscard = virtio::feature(13), kFeatureWriteZeroes = virtio::feature(14);

struct DeviceConfig {
  u64 sectors;
  u32 size_max, segments_max;
  u8 geometry[4];
  u32 block_bytes;
  u8 topology[8];
  u8 writeback, reserved0;
  u16 queues;
  u32 discard_sectors_max, discard_segments_max, discard_alignment;
  u32 zeroes_sectors_max, zeroes_segments_max;
  u8 zeroes_may_unmap, reserved1[3];
};
static_assert(sizeof(DeviceConfig) == 64);  // four bytes beyond the last field; they read as zero

// A request: this header, then data or a Range, then one status byte that the device writes.
struct RequestHeader {
  u32 type;
  u32 reserved;
  u64 sector;
};
static_assert(sizeof(RequestHeader) == 16);
inline constexpr u32 kTypeRead = 0, kTypeWrite = 1, kTypeFlush = 4, kTypeDiscard = 11, kTypeWriteZeroes = 13;

struct Range {
  u64 sector;
  u32 sectors;
  u32 flags;
};
static_assert(sizeof(Range) == 16);

inline constexpr u8 kStatusOk = 0, kStatusIo = 1, kStatusUnsupported = 2;

}  // namespace hati::virtio_block
