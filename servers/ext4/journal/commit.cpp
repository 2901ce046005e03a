// SPDX-License-Identifier: MIT
// Committing the running transaction, and checkpointing. Layout in the log: revoke blocks, then descriptors each followed by the blocks it
// names, then the commit block.
#include <cstring>

#include "servers/ext4/journal/journal.h"
#include "servers/ext4/layout/checksum.h"

namespace hati::ext4 {

namespace {

constexpr usize kRunBytes = 256 << 10;  // written to the device at once
constexpr usize kCheckpointMax = 8192;  // blocks kept in memory for the log's sake

}  // namespace

// Collects a transaction's log blocks.
struct Journal::LogWriter {
  std::vector<Bytes> blocks;
};

void Journal::add(const BufferRef& buffer) {
  if (buffer->running) return;
  buffer->running = true;
  running_.push_back(buffer);
}

Bytes Journal::header_block(JournalBlockType type, u32 sequence) const {
  Bytes block = std::make_shared<std::byte[]>(block_size_);
  auto* header = reinterpret_cast<JournalHeader*>(block.get());
  header->magic = kJournalMagic;
  header->type = type;
  header->sequence = sequence;
  return block;
}

void Journal::seal_tail(const Bytes& block) const {
  if (!checksums()) return;
  Big<u32> value;
  value = crc32c(seed_, {block.get(), block_size_});  // the last 4 bytes are zero
  std::memcpy(block.get() + block_size_ - 4, &value, 4);
}

u32 Journal::tags_per_block() const { return (block_size_ - sizeof(JournalHeader) - 16 - (checksums() ? 4 : 0)) / tag_bytes(); }
u32 Journal::revokes_per_block() const {
  return (block_size_ - sizeof(JournalRevoke) - (checksums() ? 4 : 0)) / (has(kJournal64Bit) ? 8 : 4);
}
u32 Journal::blocks_needed(const Transaction& transaction) const {
  const usize data = transaction.blocks.size(), revokes = transaction.revoked.size();
  return static_cast<u32>(data + (data + tags_per_block() - 1) / tags_per_block() +
                          (revokes + revokes_per_block() - 1) / revokes_per_block() + 1);
}

// Takes over the running transaction. False: there is nothing to commit.
Async<bool> Journal::freeze(Transaction* transaction) {
  auto guard = co_await volume_.lock.lock();
  volume_.record_errors();
  transaction->write_serial = volume_.write_serial;
  if (running_.empty() && revoked_.empty() && freed_.empty()) co_return false;
  for (const BufferRef& buffer : running_) {
    if (!buffer->running) continue;  // freed since
    buffer->running = false;
    transaction->blocks.push_back({buffer->number, buffer->data});
  }
  running_.clear();
  transaction->revoked.assign(revoked_.begin(), revoked_.end());
  revoked_.clear();
  transaction->freed = std::exchange(freed_, {});
  transaction->sequence = sequence_++;
  co_return true;
}

void Journal::add_revokes(const Transaction& transaction, LogWriter& writer) const {
  const u32 bytes = has(kJournal64Bit) ? 8 : 4;
  for (usize done = 0; done < transaction.revoked.size();) {
    const usize count = std::min<usize>(revokes_per_block(), transaction.revoked.size() - done);
    const Bytes block = header_block(kRevokeBlock, transaction.sequence);
    reinterpret_cast<JournalRevoke*>(block.get())->bytes = static_cast<u32>(sizeof(JournalRevoke) + count * bytes);
    for (usize i = 0; i < count; ++i) {
      const u64 number = transaction.revoked[done + i];
      std::byte* at = block.get() + sizeof(JournalRevoke) + i * bytes;
      const u64 wide = std::byteswap(number);
      const u32 narrow = std::byteswap(static_cast<u32>(number));
      std::memcpy(at, bytes == 8 ? static_cast<const void*>(&wide) : &narrow, bytes);
    }
    seal_tail(block);
    writer.blocks.push_back(block);
    done += count;
  }
}

void Journal::add_blocks(const Transaction& transaction, LogWriter& writer) const {
  const auto& blocks = transaction.blocks;
  for (usize done = 0; done < blocks.size();) {
    const usize count = std::min<usize>(tags_per_block(), blocks.size() - done);
    const Bytes descriptor = header_block(kDescriptorBlock, transaction.sequence);
    writer.blocks.push_back(descriptor);
    usize at = sizeof(JournalHeader);
    for (usize i = 0; i < count; ++i) {
      const Frozen& frozen = blocks[done + i];
      Bytes data = frozen.data;
      u32 flags = (i == 0 ? 0u : kTagSameUuid) | (i + 1 == count ? kTagLast : 0u);
      if (*reinterpret_cast<const Big<u32>*>(data.get()) == kJournalMagic) {
        data = volume_.cache.copy(data);
        std::memset(data.get(), 0, 4);
        flags |= kTagEscaped;
      }
      const u32 value = crc32c(crc32c_of(seed_, std::byteswap(transaction.sequence)), {data.get(), block_size_});
      if (has(kChecksumV3)) {
        JournalTag3 tag{};
        tag.block = static_cast<u32>(frozen.block);
        tag.block_hi = has(kJournal64Bit) ? static_cast<u32>(frozen.block >> 32) : 0;
        tag.flags = flags;
        tag.checksum = value;
        std::memcpy(descriptor.get() + at, &tag, sizeof(tag));
      } else {
        JournalTag tag{};
        tag.block = static_cast<u32>(frozen.block);
        tag.block_hi = static_cast<u32>(frozen.block >> 32);
        tag.flags = static_cast<u16>(flags);
        tag.checksum = has(kChecksumV2) ? static_cast<u16>(value) : u16{0};
        std::memcpy(descriptor.get() + at, &tag, std::min<usize>(tag_bytes(), sizeof(tag)));
      }
      at += tag_bytes();
      if (i == 0) {
        std::memcpy(descriptor.get() + at, super()->uuid, 16);
        at += 16;
      }
      writer.blocks.push_back(data);
    }
    seal_tail(descriptor);
    done += count;
  }
}

// Writes blocks (sorted by place, or in the order of the log) with one request per contiguous run.
Async<void> Journal::write_runs(std::vector<std::pair<u64, Bytes>> blocks) {
  const usize run_max = kRunBytes / block_size_;
  std::vector<std::byte> run;
  for (usize i = 0; i < blocks.size();) {
    usize count = 1;
    while (i + count < blocks.size() && count < run_max && blocks[i + count].first == blocks[i].first + count) ++count;
    run.resize(count * block_size_);
    for (usize k = 0; k < count; ++k) std::memcpy(run.data() + k * block_size_, blocks[i + k].second.get(), block_size_);
    CO_TRY(to_outcome(co_await volume_.device.write(blocks[i].first * block_size_, Piece::of(run))));
    i += count;
  }
  co_return Outcome<void>{};
}

Async<void> Journal::write_log(Transaction* transaction) {
  LogWriter writer;
  add_revokes(*transaction, writer);
  add_blocks(*transaction, writer);
  const bool was_empty = start_ == 0;
  if (was_empty) start_ = head_;
  std::vector<std::pair<u64, Bytes>> placed;
  placed.reserve(writer.blocks.size());
  for (Bytes& block : writer.blocks) {
    placed.emplace_back(place(head_), std::move(block));
    head_ = next(head_);
  }
  // Where the commit block goes lie blocks of an earlier round, and its checksum covers all of it: if only its first sector is written before the
  // power fails, others take that for damage to the log. Over zeroes it is complete with the first sector.
  if (checksums()) placed.emplace_back(place(head_), std::make_shared<std::byte[]>(block_size_));
  CO_TRY(co_await write_runs(std::move(placed)));
  if (was_empty) {
    super()->sequence = transaction->sequence;
    CO_TRY(co_await write_super());
  }
  // The file data that this transaction refers to was written before, and is durable from here on too.
  co_return to_outcome(co_await volume_.device.flush());
}

Async<void> Journal::write_commit(Transaction* transaction) {
  const Bytes block = header_block(kCommitBlock, transaction->sequence);
  auto* commit = reinterpret_cast<JournalCommit*>(block.get());
  commit->seconds = static_cast<u64>(volume_.last_time.seconds);
  commit->nanoseconds = volume_.last_time.nanoseconds;
  if (checksums()) commit->checksum[0] = crc32c(seed_, {block.get(), block_size_});
  CO_TRY(to_outcome(co_await volume_.device.write(place(head_) * block_size_, Piece::of({block.get(), block_size_}))));
  head_ = next(head_);
  co_return to_outcome(co_await volume_.device.flush());
}

Async<void> Journal::commit_frozen(Transaction* transaction) {
  const u32 needed = blocks_needed(*transaction);
  const u32 room = length_ - first_ - 1;
  if (used() + needed > room || checkpoint_.size() > kCheckpointMax) CO_TRY(co_await checkpoint());
  if (needed > room) {
    volume_.abort("a transaction is larger than the journal");
    co_return failed(Errno::kIo);
  }
  CO_TRY(co_await write_log(transaction));
  co_return co_await write_commit(transaction);
}

Async<void> Journal::commit() {
  Transaction transaction;
  if (!CO_TRY(co_await freeze(&transaction))) {
    if (transaction.write_serial > volume_.flush_serial) CO_TRY(to_outcome(co_await volume_.device.flush()));
    auto guard = co_await volume_.lock.lock();
    volume_.flush_serial = std::max(volume_.flush_serial, transaction.write_serial);
    co_return Outcome<void>{};
  }
  if (auto written = co_await commit_frozen(&transaction); !written) {
    volume_.abort("the journal could not be written");
    co_return failed(written.error());
  }
  auto guard = co_await volume_.lock.lock();
  for (const u64 block : transaction.revoked) checkpoint_.erase(block);
  for (Frozen& frozen : transaction.blocks) checkpoint_[frozen.block] = std::move(frozen.data);
  for (const auto& range : transaction.freed) volume_.held.remove(range.from, range.to);
  volume_.flush_serial = std::max(volume_.flush_serial, transaction.write_serial);
  committing_ = transaction.sequence + 1;
  co_return Outcome<void>{};
}

Async<void> Journal::checkpoint() {
  if (start_ == 0) co_return Outcome<void>{};
  std::vector<std::pair<u64, Bytes>> blocks(checkpoint_.begin(), checkpoint_.end());
  auto written = co_await write_runs(blocks);
  if (written) written = to_outcome(co_await volume_.device.flush());
  if (written) {
    // Only now may the log be overwritten.
    start_ = 0;
    written = co_await write_super();
  }
  if (written) written = to_outcome(co_await volume_.device.flush());
  if (!written) {
    volume_.abort("the journal could not be written back");
    co_return failed(written.error());
  }
  auto guard = co_await volume_.lock.lock();
  for (const auto& [number, data] : blocks) {
    const BufferRef buffer = volume_.cache.find(number);
    if (buffer && buffer->data == data && !buffer->running) buffer->dirty = false;
  }
  checkpoint_.clear();
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
