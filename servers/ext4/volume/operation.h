// SPDX-License-Identifier: MIT
// One change of the metadata that happens whole or not at all. Holds Volume::lock from begin() to its end; keeps the old contents of
// every block it changes, and puts them back unless finish() was reached. Checksums are computed at the end, so no change can forget them.
#pragma once

#include "servers/ext4/volume/volume.h"

namespace hati::ext4 {

inline constexpr usize kOperationBlocks = 96;  // room that a transaction keeps for one operation
inline constexpr usize kCrowded = 40;          // long work goes on in the next operation from here

class Operation {
 public:
  explicit Operation(Volume& owner) : volume(owner) {}
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Waits for the lock, and for room in the running transaction. kReadOnly, kIo.
  Async<void> begin();
  // Everything becomes part of the running transaction; releases the lock.
  void finish();

  // Call before changing a buffer; pointers into it are to be fetched again.
  void modify(const BufferRef& buffer);
  Inode* modify(const InodeRef& inode);
  Superblock* superblock();
  GroupDescriptor* group(u32 index);
  // A block of zeroes for new metadata; `seed` as in Buffer. kCorrupted.
  Outcome<BufferRef> fresh(u64 block, BlockKind kind, u32 seed);
  // The blocks' bits were cleared: they may be allocated after the commit. Metadata in them is forgotten.
  void freed(u64 first, u64 count, bool metadata);
  void touch(const NodeRef& node, bool data);  // fsync of `node` has to wait for this operation
  bool crowded() const { return saved_.size() > kCrowded; }

  Volume& volume;

 private:
  struct Saved {
    BufferRef buffer;
    Bytes data;
    BlockKind kind;
    u32 seed;
    bool fresh;
  };
  struct Freed {
    u64 first, count;
    bool metadata;
  };
  void save(const BufferRef& buffer, bool is_fresh);
  void seal();
  void roll_back();

  Mutex::Guard guard_;
  u64 serial_ = 0;
  std::vector<Saved> saved_;
  std::vector<InodeRef> inodes_;
  std::vector<u32> groups_;
  std::vector<Freed> freed_;
};

}  // namespace hati::ext4
