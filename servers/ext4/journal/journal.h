// SPDX-License-Identifier: MIT
// JBD2: the log in inode 8. A transaction is the set of blocks that operations changed since the last commit; committing writes them to the log
// with a commit record between two flushes; checkpointing writes them to their places and empties the log. Contents of
// committed blocks are shared with the cache until an operation changes them, and never change here.
#pragma once

#include <map>
#include <unordered_set>

#include "servers/ext4/layout/journal.h"
#include "servers/ext4/volume/volume.h"

namespace hati::ext4 {

inline constexpr usize kTransactionMin = 256;  // blocks; the smallest journal has 1024

class Journal {
 public:
  // Finds the log's blocks and reads its superblock. kCorrupted, kNotSupported, kIo; `reason` gets a sentence.
  static Async<std::unique_ptr<Journal>> load(Volume* volume, std::string* reason);

  bool empty() const { return start_ == 0; }
  // Writes what was committed to its place and empties the log. kNotSupported, kIo.
  Async<void> recover(std::string* reason);
  // Before the first transaction: features that this driver writes.
  Async<void> prepare();

  // By operations, under Volume::lock.
  bool has_room(usize blocks) const { return running_.size() + blocks <= transaction_max_; }
  u32 running_sequence() const { return sequence_; }
  bool committed(u32 sequence) const { return static_cast<i32>(sequence - sequence_) < 0 && static_cast<i32>(sequence - committing_) < 0; }
  void add(const BufferRef& buffer);
  void freed(u64 first, u64 count) { freed_.push_back({first, first + count}); }
  void revoke(u64 block) { revoked_.insert(block); }

  // By the volume, which lets one in at a time. Errors abort the volume.
  Async<void> commit();
  Async<void> checkpoint();
  // As a mount would find it (the error of an earlier mount's).
  u32 stored_error() const { return super()->error; }

 private:
  struct Frozen {
    u64 block;
    Bytes data;
  };
  struct Transaction {
    u32 sequence = 0;
    std::vector<Frozen> blocks;
    std::vector<u64> revoked;
    std::vector<Intervals::Interval> freed;
    u64 write_serial = 0;
  };
  struct Logged {  // a block found in the log
    u64 block;
    u32 position;
    u32 sequence;
    u32 checksum;
    bool escaped;
  };
  struct Scan {
    std::vector<Logged> blocks;
    std::unordered_map<u64, u32> revoked;  // the last transaction that did
    u32 end_sequence = 0;
  };
  struct LogWriter;

  explicit Journal(Volume& volume) : volume_(volume) {}
  JournalSuperblock* super() const { return reinterpret_cast<JournalSuperblock*>(super_.get()); }
  Outcome<void> check_super(std::string* reason);
  bool has(u32 feature) const { return (super()->incompatible & feature) != 0; }
  bool checksums() const { return has(kChecksumV2 | kChecksumV3); }
  u32 tag_bytes() const;
  u32 next(u32 position) const { return position + 1 >= length_ ? first_ : position + 1; }
  u64 place(u32 position) const;
  u32 used() const { return start_ == 0 ? 0 : head_ >= start_ ? head_ - start_ : (length_ - start_) + (head_ - first_); }
  Async<void> write_super();
  Async<Bytes> read_log(u32 position);
  // recovery.cpp
  Async<void> scan(Scan* result);
  bool read_tags(const Bytes& descriptor, u32 sequence, u32* position, Scan* result) const;
  bool read_revokes(const Bytes& block, u32 sequence, Scan* result) const;
  bool tail_matches(const Bytes& block) const;
  bool commit_matches(const Bytes& block) const;
  Async<void> replay(Scan* scan);
  // commit.cpp
  Async<bool> freeze(Transaction* transaction);
  u32 blocks_needed(const Transaction& transaction) const;
  u32 tags_per_block() const;
  u32 revokes_per_block() const;
  Async<void> write_log(Transaction* transaction);
  Async<void> write_commit(Transaction* transaction);
  Async<void> commit_frozen(Transaction* transaction);
  void add_revokes(const Transaction& transaction, LogWriter& writer) const;
  void add_blocks(const Transaction& transaction, LogWriter& writer) const;
  void seal_tail(const Bytes& block) const;
  Bytes header_block(JournalBlockType type, u32 sequence) const;
  Async<void> write_runs(std::vector<std::pair<u64, Bytes>> blocks);

  Volume& volume_;
  std::vector<std::pair<u64, u32>> runs_;  // the log's blocks: first and count
  Bytes super_;
  u32 first_ = 0, length_ = 0;  // the log is [first_, length_) of the journal's blocks
  u32 seed_ = 0;
  u32 block_size_ = 0;
  u32 start_ = 0;  // of the log; 0: empty
  u32 head_ = 0;  // where the next transaction goes
  u32 sequence_ = 0;  // of the running transaction
  u32 committing_ = 0;  // of the last one that is not certainly durable; sequence_: none
  usize transaction_max_ = 0;

  std::vector<BufferRef> running_;
  std::unordered_set<u64> revoked_;
  std::vector<Intervals::Interval> freed_;
  std::map<u64, Bytes> checkpoint_;  // committed, not in place
};

}  // namespace hati::ext4
