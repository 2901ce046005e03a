// SPDX-License-Identifier: MIT
#include "servers/ext4/volume/geometry.h"

#include <bit>

#include "servers/ext4/layout/checksum.h"
#include "servers/ext4/layout/features.h"
#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

namespace {

constexpr u32 kDynamicRevision = 1;

const char* impossible(const Geometry& g, const Superblock& s, u64 device_bytes) {
  const bool big_alloc = (g.read_only & kBigAlloc) != 0;
  if (!big_alloc && s.log_cluster_size != s.log_block_size && g.read_only != 0) return "bad cluster size";
  if (!std::has_single_bit(g.inode_size) || g.inode_size < kOldInodeSize || g.inode_size > g.block_size) return "bad inode size";
  if (g.descriptor_size < 32 || g.descriptor_size > 1024 || !std::has_single_bit(g.descriptor_size)) return "bad descriptor size";
  if (g.first_data_block != (g.block_size == 1024 && !big_alloc ? 1u : 0u)) return "bad first data block";
  if (g.blocks <= g.first_data_block || g.blocks > device_bytes / g.block_size) return "more blocks than the device has";
  const u64 bits = u64{g.block_size} * 8;
  if (g.blocks_per_group < 8 || g.blocks_per_group % 8 != 0 || (!big_alloc && g.blocks_per_group > bits)) return "bad blocks per group";
  if (g.inodes_per_group < g.block_size / g.inode_size || g.inodes_per_group % 8 != 0 || g.inodes_per_group > bits)
    return "bad inodes per group";
  const u64 groups = (g.blocks - g.first_data_block + g.blocks_per_group - 1) / g.blocks_per_group;
  if (groups * g.inodes_per_group != g.inodes || groups > ~0u) return "bad number of inodes";
  if (g.first_inode < 11 || g.first_inode > g.inodes_per_group) return "bad first inode";
  return nullptr;
}

}  // namespace

bool Geometry::has_backup(u32 group) const {
  if (group == 0) return true;
  if ((compatible & kSparseSuper2) != 0) return false;  // two groups at most, whose blocks are marked in the bitmap anyway
  if ((read_only & kSparseSuper) == 0 || group == 1) return true;
  for (const u32 base : {3u, 5u, 7u}) {
    u64 power = base;
    while (power < group) power *= base;
    if (power == group) return true;
  }
  return false;
}

Outcome<Geometry> read_geometry(const Superblock& s, u64 device_bytes, std::string* reason) {
  if (s.magic != kMagic) {
    *reason = "not an ext4 file system";
    return failed(Errno::kInvalid);
  }
  const bool dynamic = s.revision >= kDynamicRevision;
  Geometry g;
  g.compatible = dynamic ? s.compatible : 0;
  g.incompatible = dynamic ? s.incompatible : 0;
  g.read_only = dynamic ? s.read_only_compatible : 0;
  if (s.revision > kDynamicRevision || s.log_block_size > 2) {
    *reason = s.log_block_size > 2 ? "blocks larger than 4096 bytes" : "unknown revision";
    return failed(Errno::kNotSupported);
  }
  if (const u32 unknown = g.incompatible & ~kIncompatibleKnown; unknown != 0) {
    *reason = "unsupported incompatible features: " + incompatible_names(unknown);
    return failed(Errno::kNotSupported);
  }
  g.block_bits = 10 + s.log_block_size;
  g.block_size = 1u << g.block_bits;
  const bool wide = (g.incompatible & k64Bit) != 0;
  g.blocks = s.blocks_count_lo | (wide ? u64{s.blocks_count_hi} << 32 : 0);
  g.first_data_block = s.first_data_block;
  g.blocks_per_group = s.blocks_per_group;
  g.inodes_per_group = s.inodes_per_group;
  g.inodes = s.inodes_count;
  g.first_inode = dynamic ? s.first_inode : 11;
  g.inode_size = dynamic ? s.inode_size : kOldInodeSize;
  g.descriptor_size = wide ? s.descriptor_size : 32;
  if (const char* what = impossible(g, s, device_bytes); what != nullptr || (wide && g.descriptor_size < 64)) {
    *reason = what != nullptr ? what : "bad descriptor size";
    return failed(Errno::kCorrupted);
  }
  g.groups = static_cast<u32>((g.blocks - g.first_data_block + g.blocks_per_group - 1) / g.blocks_per_group);
  g.checksums = (g.read_only & kMetadataChecksum) != 0;
  g.group_checksums = !g.checksums && (g.read_only & kGroupChecksum) != 0;
  if (g.checksums && s.checksum_type != 1) {
    *reason = "unknown type of checksums";
    return failed(Errno::kNotSupported);
  }
  g.checksum_seed = (g.incompatible & kChecksumSeed) != 0 ? s.checksum_seed : crc32c(~0u, std::as_bytes(std::span(s.uuid)));
  return g;
}

bool superblock_intact(const Geometry& geometry, const Superblock& superblock) {
  if (!geometry.checksums || superblock.checksum == superblock_checksum(superblock)) return true;
  Superblock other = superblock;
  other.incompatible ^= kNeedsRecovery;
  return superblock.checksum == superblock_checksum(other);
}

}  // namespace hati::ext4
