// SPDX-License-Identifier: MIT
// Replay: one pass over the log collects what complete transactions hold and revoke, then the last version of each block goes to its place.
// A transaction counts if its commit record is there (and matches its checksum): that is where the log ends.
#include <cstring>

#include "runtime/log.h"
#include "servers/ext4/journal/journal.h"
#include "servers/ext4/layout/checksum.h"

namespace hati::ext4 {

namespace {

bool not_before(u32 a, u32 b) { return static_cast<i32>(a - b) >= 0; }

}  // namespace

bool Journal::tail_matches(const Bytes& block) const {
  if (!checksums()) return true;
  Big<u32> stored;
  std::memcpy(&stored, block.get() + block_size_ - 4, 4);
  const u32 value = crc32c(seed_, {block.get(), block_size_ - 4});
  return stored == crc32c_of(value, u32{0});
}

bool Journal::commit_matches(const Bytes& block) const {
  if (!checksums()) return true;
  const usize at = offsetof(JournalCommit, checksum);
  Big<u32> stored;
  std::memcpy(&stored, block.get() + at, 4);
  u32 value = crc32c_of(crc32c(seed_, {block.get(), at}), u32{0});
  value = crc32c(value, {block.get() + at + 4, block_size_ - at - 4});
  return stored == value;
}

// The tags of a descriptor; advances `position` over the blocks they announce. False: it is damaged.
bool Journal::read_tags(const Bytes& descriptor, u32 sequence, u32* position, Scan* result) const {
  if (!tail_matches(descriptor)) return false;
  const usize end = block_size_ - (checksums() ? 4 : 0);
  const u32 bytes = tag_bytes();
  for (usize at = sizeof(JournalHeader); at + bytes <= end;) {
    Logged logged{.position = *position, .sequence = sequence};
    u32 flags = 0;
    if (has(kChecksumV3)) {
      JournalTag3 tag;
      std::memcpy(&tag, descriptor.get() + at, sizeof(tag));
      logged.block = tag.block | (has(kJournal64Bit) ? u64{tag.block_hi} << 32 : 0);
      logged.checksum = tag.checksum;
      flags = tag.flags;
    } else {
      JournalTag tag{};
      std::memcpy(&tag, descriptor.get() + at, std::min<usize>(bytes, sizeof(tag)));
      logged.block = tag.block | (has(kJournal64Bit) ? u64{tag.block_hi} << 32 : 0);
      logged.checksum = tag.checksum;
      flags = tag.flags;
    }
    logged.escaped = (flags & kTagEscaped) != 0;
    result->blocks.push_back(logged);
    *position = next(*position);
    at += bytes + ((flags & kTagSameUuid) != 0 ? 0 : 16);
    if ((flags & kTagLast) != 0) break;
  }
  return true;
}

bool Journal::read_revokes(const Bytes& block, u32 sequence, Scan* result) const {
  if (!tail_matches(block)) return false;
  const u32 used = reinterpret_cast<const JournalRevoke*>(block.get())->bytes;
  const u32 bytes = has(kJournal64Bit) ? 8 : 4;
  if (used > block_size_ - (checksums() ? 4 : 0)) return false;
  for (u32 at = sizeof(JournalRevoke); at + bytes <= used; at += bytes) {
    u64 number = 0;
    if (bytes == 8) {
      Big<u64> wide;
      std::memcpy(&wide, block.get() + at, 8);
      number = wide;
    } else {
      Big<u32> narrow;
      std::memcpy(&narrow, block.get() + at, 4);
      number = narrow;
    }
    result->revoked[number] = sequence;
  }
  return true;
}

Async<void> Journal::scan(Scan* result) {
  u32 position = start_, sequence = super()->sequence;
  usize complete_blocks = 0;
  std::unordered_map<u64, u32> complete_revokes;
  // Each block of the log is looked at once at most.
  for (u32 looked = 0; looked < length_;) {
    const Bytes block = CO_TRY(co_await read_log(position));
    const auto& header = *reinterpret_cast<const JournalHeader*>(block.get());
    if (header.magic != kJournalMagic || header.sequence != sequence) break;
    const u32 before = position;
    position = next(position);
    bool good = false;
    if (header.type == kDescriptorBlock) {
      good = read_tags(block, sequence, &position, result);
    } else if (header.type == kRevokeBlock) {
      good = read_revokes(block, sequence, result);
    } else if (header.type == kCommitBlock && commit_matches(block)) {
      good = true;
      ++sequence;
      complete_blocks = result->blocks.size();
      complete_revokes = result->revoked;
    }
    if (!good) break;
    looked += position > before ? position - before : length_ - first_ - (before - position);
  }
  result->blocks.resize(complete_blocks);
  result->revoked = std::move(complete_revokes);
  result->end_sequence = sequence;
  co_return Outcome<void>{};
}

Async<void> Journal::replay(Scan* found) {
  std::map<u64, const Logged*> last;
  for (const Logged& logged : found->blocks) {
    const auto revoked = found->revoked.find(logged.block);
    if (revoked != found->revoked.end() && not_before(revoked->second, logged.sequence)) continue;
    last[logged.block] = &logged;
  }
  for (const auto& [number, logged] : last) {
    if (number >= volume_.geometry.blocks) co_return failed(Errno::kCorrupted);
    const Bytes block = CO_TRY(co_await read_log(logged->position));
    if (checksums()) {
      const u32 value = crc32c(crc32c_of(seed_, std::byteswap(logged->sequence)), {block.get(), block_size_});
      if (logged->checksum != (has(kChecksumV3) ? value : value & 0xffff)) co_return failed(Errno::kCorrupted);
    }
    if (logged->escaped) {
      const Big<u32> magic{std::byteswap(kJournalMagic)};
      std::memcpy(block.get(), &magic, 4);
    }
    CO_TRY(to_outcome(co_await volume_.device.write(number * block_size_, Piece::of({block.get(), block_size_}))));
  }
  co_return Outcome<void>{};
}

Async<void> Journal::recover(std::string* reason) {
  Scan found;
  CO_TRY(co_await scan(&found));
  if (auto replayed = co_await replay(&found); !replayed) {
    *reason = replayed.error() == Errno::kCorrupted ? "the journal is damaged" : "the journal could not be replayed";
    co_return failed(replayed.error());
  }
  CO_TRY(to_outcome(co_await volume_.device.flush()));
  log_info("ext4: replayed {} blocks of {} transactions", found.blocks.size(), found.end_sequence - super()->sequence);
  start_ = 0;
  head_ = first_;
  sequence_ = committing_ = found.end_sequence + 1;  // what an unfinished transaction left in the log is not taken for ours
  CO_TRY(co_await write_super());
  co_return to_outcome(co_await volume_.device.flush());
}

}  // namespace hati::ext4
