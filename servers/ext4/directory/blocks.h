// SPDX-License-Identifier: MIT
// Blocks of directories: reading and checking, entries in one block, the way through a hash tree.
#pragma once

#include "servers/ext4/directory/directory.h"

namespace hati::ext4 {

inline u64 directory_blocks(const Volume& volume, const Inode* inode) { return inode_size(volume, inode) >> volume.geometry.block_bits; }
inline bool is_indexed(const Volume& volume, const Inode* inode) {
  return (inode->flags & kIndexed) != 0 && (volume.geometry.compatible & kDirIndex) != 0;
}
// Where entries of a leaf end.
inline u32 leaf_end(const Volume& volume) {
  return volume.geometry.block_size - (volume.geometry.checksums ? u32{sizeof(DirectoryTail)} : 0);
}

inline std::string_view entry_name(const DirectoryEntry* entry) { return {reinterpret_cast<const char*>(entry + 1), entry->name_length}; }

// A block as leaf (kDirectory) or tree node (kIndexNode), checked. kNoEntry: a hole. kCorrupted.
Async<BufferRef> read_directory_block(Volume* volume, InodeRef directory, u64 logical, BlockKind kind);
// Adds a block at the end.
struct NewBlock {
  BufferRef buffer;
  u32 logical = 0;
};
Async<NewBlock> append_directory_block(Operation* operation, InodeRef directory, BlockKind kind);

// In one leaf. `visit(entry, offset)` returns false to stop. Empty entries are visited too.
template <class F>
void for_each_entry(const Volume& volume, const BufferRef& leaf, F visit) {
  const u32 end = leaf_end(volume);
  for (u32 at = 0; at + sizeof(DirectoryEntry) <= end;) {
    auto* entry = leaf->as<DirectoryEntry>(at);
    const u32 length = entry->length_raw;
    if (length < sizeof(DirectoryEntry) || at + length > volume.geometry.block_size || sizeof(DirectoryEntry) + entry->name_length > length)
      return;
    if (!visit(entry, at)) return;
    at += length;
  }
}
bool find_in_leaf(const Volume& volume, const BufferRef& leaf, std::string_view name, FoundEntry* found);
// False: no room.
bool add_to_leaf(Operation* operation, const BufferRef& leaf, std::string_view name, u32 inode, u8 type);
// An empty leaf.
void format_leaf(const Volume& volume, const BufferRef& leaf);
void write_entry(DirectoryEntry* entry, u32 length, std::string_view name, u32 inode, u8 type);

// A place in a hash tree: a node per level, the last one points to leaves.
struct IndexFrame {
  BufferRef buffer;
  u32 first = 0;  // byte offset of the entries
  u32 at = 0;     // the entry taken

  IndexEntry* entries() const { return buffer->as<IndexEntry>(first); }
  IndexCount* counts() const { return buffer->as<IndexCount>(first); }
  u32 block() const { return entries()[at].block & 0x0fffffff; }
  bool full() const { return counts()->count >= counts()->limit; }
};
struct IndexPath {
  std::vector<IndexFrame> frames;
  u32 hash_version = 0;
  u32 leaf() const { return frames.back().block(); }
};
// The way to the leaf for a hash.
Async<IndexPath> index_probe(Volume* volume, InodeRef directory, u32 hash);
// To the next leaf; `*continued`: it goes on with the hash that the last one ended with. False: there is none.
Async<bool> index_advance(Volume* volume, InodeRef directory, IndexPath* path, bool* continued);
u32 index_limit(const Volume& volume, u32 first);
u32 index_levels_max(const Volume& volume);
u32 root_hash_version(const Volume& volume, u32 stored);
NameHash hash_of(const Volume& volume, std::string_view name, u32 version);

// insert.cpp
Async<void> index_add(Operation* operation, InodeRef directory, std::string_view name, u32 inode, u8 type);
Async<void> make_indexed(Operation* operation, InodeRef directory);

}  // namespace hati::ext4
