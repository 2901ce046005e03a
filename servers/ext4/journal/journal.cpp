// SPDX-License-Identifier: MIT
// Finding the log and its superblock.
#include "servers/ext4/journal/journal.h"

#include <cstring>

#include "servers/ext4/layout/checksum.h"
#include "servers/ext4/map/map.h"
#include "servers/ext4/volume/inodes.h"

namespace hati::ext4 {

namespace {

u32 super_checksum(const JournalSuperblock& super) {
  JournalSuperblock copy = super;
  copy.checksum = 0;
  return crc32c_of(~0u, copy);
}

}  // namespace

Async<std::unique_ptr<Journal>> Journal::load(Volume* volume, std::string* reason) {
  std::unique_ptr<Journal> journal(new Journal(*volume));
  const u32 number = volume->superblock().journal_inode;
  if (number == 0 || volume->superblock().journal_device != 0) {
    *reason = "the journal is on another device";
    co_return failed(Errno::kNotSupported);
  }
  const InodeRef inode = CO_TRY(co_await load_inode(volume, number));
  const u32 block_size = journal->block_size_ = volume->geometry.block_size;
  const u64 blocks = inode_size(*volume, inode.get()) / block_size;
  if ((inode->mode & kTypeMask) != kRegular || blocks < 64 || blocks > u32{1} << 30) {
    *reason = "the journal's inode is damaged";
    co_return volume->corrupted(number, "not a journal");
  }
  for (u64 logical = 0; logical < blocks;) {
    const MappedRun run = CO_TRY(co_await map_lookup(volume, inode, logical));
    if (run.physical == 0 || run.unwritten) co_return volume->corrupted(number, "the journal has holes");
    const u32 count = static_cast<u32>(std::min(run.count, blocks - logical));
    journal->runs_.emplace_back(run.physical, count);
    logical += count;
  }
  journal->length_ = static_cast<u32>(blocks);
  journal->super_ = CO_TRY(co_await journal->read_log(0));
  if (auto checked = journal->check_super(reason); !checked) co_return failed(checked.error());
  co_return journal;
}

Outcome<void> Journal::check_super(std::string* reason) {
  const JournalSuperblock& found = *super();
  if (found.header.magic != kJournalMagic || found.header.type != kSuperblockV2 || found.block_size != block_size_) {
    *reason = "the journal's superblock is damaged or of version 1";
    return failed(Errno::kCorrupted);
  }
  if (found.length < 64 || found.length > length_ || found.first == 0 || found.first >= found.length ||
      (found.start != 0 && (found.start < found.first || found.start >= found.length))) {
    *reason = "the journal's superblock is damaged";
    return failed(Errno::kCorrupted);
  }
  const u32 unknown = found.incompatible & ~(kJournalKnown | (found.start == 0 ? kAsyncCommit | kJournalFastCommit : 0));
  if (unknown != 0) {
    *reason = (unknown & kJournalFastCommit) != 0 ? "the journal uses fast_commit"
              : (unknown & kAsyncCommit) != 0     ? "the journal uses journal_async_commit"
                                                  : "the journal has unknown features";
    return failed(Errno::kNotSupported);
  }
  if (checksums() && found.checksum != super_checksum(found)) {
    *reason = "the journal's superblock has a wrong checksum";
    return failed(Errno::kCorrupted);
  }
  length_ = found.length;
  if (has(kJournalFastCommit))
    length_ = std::max<u32>(found.first + 32,
                            length_ - std::min<u32>(length_, found.fast_commit_blocks == 0 ? 256 : u32{found.fast_commit_blocks}));
  if (length_ > found.length) return failed(Errno::kCorrupted);
  first_ = found.first;
  start_ = found.start;
  head_ = first_;
  sequence_ = committing_ = found.sequence;
  seed_ = crc32c(~0u, std::as_bytes(std::span(found.uuid)));
  transaction_max_ = std::min<usize>(std::max<usize>((length_ - first_) / 4, kTransactionMin), 4096);
  return {};
}

Async<void> Journal::prepare() {
  JournalSuperblock& stored = *super();
  u32 features = kRevoke;
  if ((volume_.geometry.incompatible & k64Bit) != 0) features |= kJournal64Bit;
  if (volume_.geometry.checksums) features |= kChecksumV3;
  stored.incompatible = features;
  stored.compatible = 0;
  stored.fast_commit_blocks = 0;
  stored.checksum_type = volume_.geometry.checksums ? kCrc32cType : 0;
  length_ = stored.length;
  co_return co_await write_super();
}

Async<void> Journal::write_super() {
  JournalSuperblock& stored = *super();
  stored.start = start_;
  stored.sequence = start_ == 0 ? sequence_ : u32{stored.sequence};
  if (checksums()) stored.checksum = super_checksum(stored);
  const u64 at = place(0) * block_size_;
  co_return to_outcome(co_await volume_.device.write(at, Piece::of({super_.get(), sizeof(JournalSuperblock)})));
}

u32 Journal::tag_bytes() const {
  if (has(kChecksumV3)) return sizeof(JournalTag3);
  return sizeof(JournalTag) + (has(kChecksumV2) ? 2 : 0) - (has(kJournal64Bit) ? 0 : 4);
}

u64 Journal::place(u32 position) const {
  for (const auto& [first, count] : runs_) {
    if (position < count) return first + position;
    position -= count;
  }
  return runs_.front().first;  // positions are below length_, which the runs cover
}

Async<Bytes> Journal::read_log(u32 position) {
  Bytes data = std::make_shared<std::byte[]>(block_size_);
  CO_TRY(to_outcome(co_await volume_.device.read(place(position) * block_size_, Piece::of({data.get(), block_size_}))));
  co_return data;
}

}  // namespace hati::ext4
