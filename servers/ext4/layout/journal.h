// SPDX-License-Identifier: MIT
// JBD2's blocks on the disk: all big endian. Source: Documentation/filesystems/ext4/journal.rst.
#pragma once

#include <bit>
#include <cstddef>

#include "base/types.h"

namespace hati::ext4 {

// A big-endian integer.
template <class T>
struct Big {
  T raw;
  constexpr operator T() const { return std::byteswap(raw); }
  constexpr Big& operator=(T value) {
    raw = std::byteswap(value);
    return *this;
  }
};

inline constexpr u32 kJournalMagic = 0xc03b3998;
enum JournalBlockType : u32 { kDescriptorBlock = 1, kCommitBlock, kSuperblockV1, kSuperblockV2, kRevokeBlock };

struct JournalHeader {
  Big<u32> magic;
  Big<u32> type;
  Big<u32> sequence;
};

enum JournalIncompatible : u32 {
  kRevoke = 1,
  kJournal64Bit = 2,
  kAsyncCommit = 4,
  kChecksumV2 = 8,
  kChecksumV3 = 16,
  kJournalFastCommit = 32
};
inline constexpr u32 kJournalKnown = kRevoke | kJournal64Bit | kChecksumV2 | kChecksumV3;
inline constexpr u8 kCrc32cType = 4;

struct JournalSuperblock {
  JournalHeader header;
  Big<u32> block_size;
  Big<u32> length;  // blocks, this one included
  Big<u32> first;   // block of the log
  Big<u32> sequence;
  Big<u32> start;  // where the log begins; 0: it is empty
  Big<u32> error;
  Big<u32> compatible;
  Big<u32> incompatible;
  Big<u32> read_only_compatible;
  u8 uuid[16];
  Big<u32> users_count;
  Big<u32> dynamic_super;
  Big<u32> max_transaction;
  Big<u32> max_transaction_data;
  u8 checksum_type;
  u8 padding[3];
  Big<u32> fast_commit_blocks;
  Big<u32> head;
  u32 padding2[40];
  Big<u32> checksum;
  u8 users[768];
};
static_assert(sizeof(JournalSuperblock) == 1024);
static_assert(offsetof(JournalSuperblock, checksum) == 0xfc && offsetof(JournalSuperblock, uuid) == 0x30);

enum TagFlags : u32 { kTagEscaped = 1, kTagSameUuid = 2, kTagDeleted = 4, kTagLast = 8 };
// With kChecksumV3.
struct JournalTag3 {
  Big<u32> block;
  Big<u32> flags;
  Big<u32> block_hi;
  Big<u32> checksum;
};
// Otherwise; block_hi only with kJournal64Bit (and 2 bytes more with kChecksumV2, by an accident of history).
struct JournalTag {
  Big<u32> block;
  Big<u16> checksum;
  Big<u16> flags;
  Big<u32> block_hi;
};
static_assert(sizeof(JournalTag3) == 16 && sizeof(JournalTag) == 12);

struct JournalCommit {
  JournalHeader header;
  u8 checksum_type;
  u8 checksum_size;
  u8 padding[2];
  Big<u32> checksum[8];
  Big<u64> seconds;
  Big<u32> nanoseconds;
};
static_assert(offsetof(JournalCommit, checksum) == 16 && offsetof(JournalCommit, seconds) == 48);

struct JournalRevoke {
  JournalHeader header;
  Big<u32> bytes;  // used, this header included
};
static_assert(sizeof(JournalRevoke) == 16);

}  // namespace hati::ext4
