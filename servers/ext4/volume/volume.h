// SPDX-License-Identifier: MIT
// A mounted file system: geometry, cached metadata, what is set aside in memory. `lock` guards everything but the constants; functions
// that take an Operation or say so are called with it held.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/async/mutex.h"
#include "servers/ext4/cache/cache.h"
#include "servers/ext4/layout/inode.h"
#include "servers/ext4/layout/superblock.h"
#include "servers/ext4/volume/gate.h"
#include "servers/ext4/volume/intervals.h"

namespace hati::ext4 {

class Journal;

struct Timestamp {
  i64 seconds = 0;
  u32 nanoseconds = 0;
  bool operator==(const Timestamp&) const = default;
};

// Who asks, and when: the client's clock is the one that counts.
struct Caller {
  u32 uid = 0, gid = 0;
  bool privileged = true;  // may use blocks that are reserved
  Timestamp now;
};

struct BlockRun {
  u64 first = 0;
  u64 count = 0;
};

struct Geometry {
  u32 block_size = 0, block_bits = 0;
  u64 blocks = 0;
  u32 first_data_block = 0, blocks_per_group = 0, inodes_per_group = 0, groups = 0;
  u32 inodes = 0, first_inode = 0, inode_size = 0, descriptor_size = 0;
  u32 compatible = 0, incompatible = 0, read_only = 0;
  u32 checksum_seed = 0;
  bool checksums = false;        // metadata_csum
  bool group_checksums = false;  // uninit_bg: crc16 in descriptors

  u64 group_first(u32 group) const { return first_data_block + u64{group} * blocks_per_group; }
  u32 group_blocks(u32 group) const { return static_cast<u32>(std::min<u64>(blocks_per_group, blocks - group_first(group))); }
  u32 group_of(u64 block) const { return static_cast<u32>((block - first_data_block) / blocks_per_group); }
  u32 inode_group(u32 inode) const { return (inode - 1) / inodes_per_group; }
  u32 table_blocks() const { return static_cast<u32>((u64{inodes_per_group} * inode_size + block_size - 1) / block_size); }
  bool uninit_groups() const { return checksums || group_checksums; }
  bool has_backup(u32 group) const;  // of superblock and descriptors
};

struct MountOptions {
  bool read_only = false;
  bool no_recovery = false;  // read-only without replaying the journal
  usize cache_blocks = 4096;
  u16 on_error = 0;  // 0: as the superblock says
  Timestamp now;
};

// An inode in its block. get() is looked up anew because a change moves the contents.
struct InodeRef {
  BufferRef buffer;
  u32 offset = 0;
  u32 number = 0;

  Inode* get() const { return buffer->as<Inode>(offset); }
  const Inode* operator->() const { return get(); }
};

// What is remembered about an inode that is in use.
struct Node {
  u32 number = 0;
  u64 references = 0;     // the client's
  u64 size = 0;           // what the client said last; the disk's may be behind until data was written
  u64 reserved = 0;       // blocks promised to it
  u32 transaction = 0;    // that last changed it; 0: none since mount
  u32 data_transaction = 0;
  u64 write_serial = 0;   // of the last write of its data
  u64 goal = 0;           // where its last allocation ended
  bool deleting = false;  // its last reference and name are gone
  bool orphaned = false;  // on the list of orphans for a truncation
  // Written beyond the size that the disk knows, by logical block, until the size is told: extents are there as unwritten already; where there are
  // no extents the blocks are only held.
  Intervals ahead;
  std::map<u64, BlockRun> beyond;
  Gate gate;
};
using NodeRef = std::shared_ptr<Node>;

class Volume {
 public:
  // kNotSupported, kInvalid, kCorrupted, kReadOnly, kIo; `reason` gets a sentence.
  static Async<std::unique_ptr<Volume>> mount(BlockDevice* device, MountOptions options, std::string* reason);
  ~Volume();
  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;

  // Everything that completed before is durable. kIo, kReadOnly after an abort.
  Async<void> sync();
  // Ends the running transaction. As sync, without writing what no journal holds.
  Async<void> commit();
  // Writes everything to its place and marks the file system clean. No other call is in progress.
  Async<void> unmount();
  // Makes `reopened` true or false; to read-only writes everything. kReadOnly: the device cannot, or errors were found.
  Async<void> remount(bool wants_read_only);

  // Under `lock` from here.
  const Superblock& superblock() const { return *super->as<const Superblock>(super_offset); }
  const GroupDescriptor& group(u32 index) const;
  BufferRef group_buffer(u32 index, usize* offset) const;
  u64 free_blocks() const;  // as the superblock counts
  u64 available(bool privileged) const;  // less what is promised
  bool valid_blocks(u64 first, u64 count) const;  // on the disk, and no file system structure
  NodeRef node(u32 number);
  void drop_node(const NodeRef& node);  // if nobody refers to it
  bool in_use(u32 number) const { return nodes_.contains(number); }
  // A free inode's number is about to be used. False: the client refers to it.
  bool renew_node(u32 number);
  // Lets go of what the node holds of `beyond` in [from, to).
  void release_beyond(Node* node, u64 from, u64 to);

  // Logs what is wrong, remembers it for the superblock and does what errors= says. Always kCorrupted.
  std::unexpected<Errno> corrupted(u32 inode, const char* what);
  void abort(const char* why);

  BlockDevice& device;
  Geometry geometry;
  BufferCache cache;
  std::unique_ptr<Journal> journal;
  Mutex lock;
  bool read_only = false;
  BufferRef super;
  usize super_offset = 0;
  std::vector<BufferRef> descriptors;
  Intervals system;  // blocks of superblocks, descriptors, bitmaps, inode tables
  Intervals held;  // free on the disk, but not to be allocated: in use for data in flight, or freed and not committed
  std::vector<Intervals::Interval> freed;  // without a journal: held until the next sync
  u64 held_data = 0;  // blocks in `held` for data in flight
  u64 reserved = 0;  // sum of Node::reserved
  u64 operations = 0;  // serial
  u64 write_serial = 0;  // data writes completed
  u64 flush_serial = 0;  // of them, covered by a flush
  u32 generation = 0;  // of the next inode
  bool errors_found = false;
  Timestamp last_time;  // the latest that a caller named

 private:
  Volume(BlockDevice& block_device, const Geometry& shape, const MountOptions& options);
  Async<void> open(MountOptions options, std::string* reason);
  Async<void> load_groups(std::string* reason);
  Async<void> start_writing();
  Async<void> mark_recovery(bool needed);
  Async<void> write_super_now();
  Async<void> write_dirty();
  friend class Journal;
  void record_errors();

  MountOptions options_;
  CancelSource never_;  // commits are not cancelled with who asked for them
  Mutex commit_lock_;
  std::unordered_map<u32, NodeRef> nodes_;
  u32 error_inode_ = 0;
  bool errors_unrecorded_ = false;
  bool aborted_ = false;
};

}  // namespace hati::ext4
