// SPDX-License-Identifier: MIT
// Blocks of metadata in memory. A block has one kind while it is cached: what was checked as an extent node is never read as a directory.
// Guarded by Volume::lock. Contents are shared with the journal by reference: Operation::modify makes a private copy before a change.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>

#include "servers/ext4/device/block_device.h"
#include "servers/ext4/errors.h"

namespace hati::ext4 {

enum class BlockKind : u8 {
  kNone,  // just read, nothing checked
  kSuperblock,
  kDescriptors,
  kBlockBitmap,
  kInodeBitmap,
  kInodeTable,
  kDirectory,
  kIndexNode,  // an inner node of a directory's hash tree
  kExtents,
  kIndirect,
  kXattr,
  kSymlink,
  kOrphan,
};

using Bytes = std::shared_ptr<std::byte[]>;

struct Buffer {
  u64 number = 0;
  Bytes data;
  BlockKind kind = BlockKind::kNone;
  u32 seed = 0;         // of the checksum: the owner's, for directories and extents; the group, for bitmaps
  u64 checked = 0;      // inode tables: slots whose checksum was verified
  bool dirty = false;   // differs from what is in its place on the disk
  bool running = false; // part of the running transaction
  u64 operation = 0;    // the last operation that changed it

  template <class T>
  T* as(usize offset = 0) const {
    return reinterpret_cast<T*>(data.get() + offset);
  }
};
using BufferRef = std::shared_ptr<Buffer>;

class BufferCache {
 public:
  BufferCache(BlockDevice& device, u32 block_size, usize blocks_max) : device_(device), block_size_(block_size), blocks_max_(blocks_max) {}

  // The block, read if need be. kIo.
  Async<BufferRef> read(u64 number);
  // A buffer of zeroes for a block whose old contents do not matter. kCorrupted if it is in use as metadata already.
  Outcome<BufferRef> fresh(u64 number);
  BufferRef find(u64 number);
  // The block is not metadata any more (or an operation that made it failed).
  void forget(u64 number);
  void clear();
  Bytes copy(const Bytes& bytes) const;

  template <class F>
  void for_each(F visit) {
    for (auto& [number, entry] : blocks_) visit(entry.buffer);
  }

 private:
  struct Entry {
    BufferRef buffer;
    std::list<u64>::iterator age;
  };
  BufferRef insert(u64 number, Bytes data);
  void shrink();
  Bytes allocate() const;

  BlockDevice& device_;
  const u32 block_size_;
  const usize blocks_max_;
  std::unordered_map<u64, Entry> blocks_;
  std::list<u64> ages_;  // least recently used first
};

}  // namespace hati::ext4
