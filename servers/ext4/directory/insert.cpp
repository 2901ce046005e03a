// SPDX-License-Identifier: MIT
// Adding to hash trees: a full leaf is split by hash, full nodes are split, the tree grows at its root.
#include <algorithm>
#include <cstring>

#include "servers/ext4/directory/blocks.h"

namespace hati::ext4 {

namespace {

struct HashedEntry {
  u32 hash;
  u32 offset;
  u32 bytes;
};

void insert_index(const IndexFrame& frame, u32 hash, u32 block) {
  IndexEntry* entries = frame.entries();
  const u32 count = frame.counts()->count;
  std::memmove(entries + frame.at + 2, entries + frame.at + 1, (count - frame.at - 1) * sizeof(IndexEntry));
  entries[frame.at + 1] = {hash, block};
  frame.counts()->count = static_cast<u16>(count + 1);
}

// Writes the entries that lie in `from` into an empty leaf, close together.
void pack(const Volume& volume, const BufferRef& leaf, const std::byte* from, std::span<const HashedEntry> entries) {
  format_leaf(volume, leaf);
  u32 at = 0;
  for (usize i = 0; i < entries.size(); ++i) {
    auto* entry = leaf->as<DirectoryEntry>(at);
    std::memcpy(static_cast<void*>(entry), from + entries[i].offset, entries[i].bytes);
    entry->length_raw = static_cast<u16>(i + 1 == entries.size() ? leaf_end(volume) - at : entries[i].bytes);
    at += entries[i].bytes;
  }
}

Async<void> split_leaf(Operation* operation, InodeRef directory, IndexPath* path, BufferRef leaf) {
  const Volume& volume = operation->volume;
  std::vector<HashedEntry> entries;
  for_each_entry(volume, leaf, [&](const DirectoryEntry* entry, u32 offset) {
    if (entry->inode != 0)
      entries.push_back({hash_of(volume, entry_name(entry), path->hash_version).major, offset, entry_bytes(entry->name_length)});
    return true;
  });
  if (entries.size() < 2) co_return operation->volume.corrupted(directory.number, "a directory leaf cannot be split");
  std::ranges::stable_sort(entries, {}, &HashedEntry::hash);
  usize middle = entries.size();
  for (u32 bytes = 0; middle > 1 && bytes + entries[middle - 1].bytes <= volume.geometry.block_size / 2;) bytes += entries[--middle].bytes;
  middle = std::min(middle, entries.size() - 1);
  const u32 hash = entries[middle].hash;
  const bool continued = hash == entries[middle - 1].hash;
  const NewBlock right = CO_TRY(co_await append_directory_block(operation, directory, BlockKind::kDirectory));
  const Bytes old = operation->volume.cache.copy(leaf->data);
  operation->modify(leaf);
  pack(volume, leaf, old.get(), std::span(entries).first(middle));
  pack(volume, right.buffer, old.get(), std::span(entries).subspan(middle));
  operation->modify(path->frames.back().buffer);
  insert_index(path->frames.back(), hash + (continued ? 1 : 0), right.logical);
  co_return Outcome<void>{};
}

// The root's entries move into a new node.
Async<void> grow_index(Operation* operation, InodeRef directory, IndexPath* path) {
  const Volume& volume = operation->volume;
  if (path->frames.size() >= index_levels_max(volume)) co_return failed(Errno::kNoSpace);
  const NewBlock added = CO_TRY(co_await append_directory_block(operation, directory, BlockKind::kIndexNode));
  const IndexFrame& root = path->frames.front();
  operation->modify(root.buffer);
  added.buffer->as<DirectoryEntry>()->length_raw = static_cast<u16>(volume.geometry.block_size);
  const IndexFrame node{added.buffer, kIndexNodeEntries, 0};
  const u16 count = root.counts()->count;
  std::memcpy(node.entries(), root.entries(), count * sizeof(IndexEntry));
  *node.counts() = {static_cast<u16>(index_limit(volume, kIndexNodeEntries)), count};
  root.counts()->count = 1;
  root.entries()[0].block = added.logical;
  root.buffer->as<IndexRootInfo>(kIndexRootInfo)->levels += 1;
  co_return Outcome<void>{};
}

// Half of a node's entries move into a new one beside it.
Async<void> split_node(Operation* operation, InodeRef directory, IndexPath* path, usize level) {
  const Volume& volume = operation->volume;
  const NewBlock added = CO_TRY(co_await append_directory_block(operation, directory, BlockKind::kIndexNode));
  const IndexFrame& left = path->frames[level];
  operation->modify(left.buffer);
  operation->modify(path->frames[level - 1].buffer);
  added.buffer->as<DirectoryEntry>()->length_raw = static_cast<u16>(volume.geometry.block_size);
  const IndexFrame right{added.buffer, kIndexNodeEntries, 0};
  const u16 count = left.counts()->count, kept = count / 2;
  const u32 hash = left.entries()[kept].hash;
  std::memcpy(right.entries(), left.entries() + kept, (count - kept) * sizeof(IndexEntry));
  *right.counts() = {static_cast<u16>(index_limit(volume, kIndexNodeEntries)), static_cast<u16>(count - kept)};
  left.counts()->count = kept;
  insert_index(path->frames[level - 1], hash, added.logical);
  co_return Outcome<void>{};
}

// One step towards room in the node above the leaves.
Async<void> make_index_room(Operation* operation, InodeRef directory, IndexPath* path) {
  usize level = path->frames.size() - 1;
  while (level > 0 && path->frames[level].full()) --level;
  if (path->frames[level].full()) return grow_index(operation, std::move(directory), path);
  return split_node(operation, std::move(directory), path, level + 1);
}

}  // namespace

Async<void> index_add(Operation* operation, InodeRef directory, std::string_view name, u32 inode, u8 type) {
  Volume* volume = &operation->volume;
  for (;;) {
    IndexPath path = CO_TRY(co_await index_probe(volume, directory, 0));
    const u32 hash = hash_of(*volume, name, path.hash_version).major;
    path = CO_TRY(co_await index_probe(volume, directory, hash));
    auto leaf = co_await read_directory_block(volume, directory, path.leaf(), BlockKind::kDirectory);
    if (!leaf)
      co_return leaf.error() == Errno::kNoEntry ? volume->corrupted(directory.number, "a directory has holes") : failed(leaf.error());
    if (add_to_leaf(operation, *leaf, name, inode, type)) co_return Outcome<void>{};
    if (path.frames.back().full()) {
      CO_TRY(co_await make_index_room(operation, directory, &path));
    } else {
      CO_TRY(co_await split_leaf(operation, directory, &path, *leaf));
    }
  }
}

// A directory of one full block: its entries move into a leaf, and the block becomes the root.
Async<void> make_indexed(Operation* operation, InodeRef directory) {
  const Volume& volume = operation->volume;
  const BufferRef root = CO_TRY(co_await read_directory_block(&operation->volume, directory, 0, BlockKind::kDirectory));
  std::vector<HashedEntry> entries;
  u32 parent = 0;
  for_each_entry(volume, root, [&](const DirectoryEntry* entry, u32 offset) {
    const std::string_view name = entry_name(entry);
    if (name == "..") parent = entry->inode;
    if (entry->inode != 0 && name != "." && name != "..") entries.push_back({0, offset, entry_bytes(entry->name_length)});
    return true;
  });
  if (parent == 0) co_return operation->volume.corrupted(directory.number, "a directory has no parent");
  const NewBlock leaf = CO_TRY(co_await append_directory_block(operation, directory, BlockKind::kDirectory));
  pack(volume, leaf.buffer, root->data.get(), entries);
  operation->modify(root);
  root->kind = BlockKind::kIndexNode;
  std::memset(root->data.get(), 0, volume.geometry.block_size);
  const u8 type = (volume.geometry.incompatible & kFileType) != 0 ? u8{kTypeDirectory} : u8{0};
  write_entry(root->as<DirectoryEntry>(), 12, ".", directory.number, type);
  write_entry(root->as<DirectoryEntry>(12), volume.geometry.block_size - 12, "..", parent, type);
  auto* info = root->as<IndexRootInfo>(kIndexRootInfo);
  info->hash_version = volume.superblock().hash_version <= 2 ? volume.superblock().hash_version : u8{1};
  info->info_length = 8;
  const IndexFrame frame{root, kIndexRootEntries, 0};
  *frame.counts() = {static_cast<u16>(index_limit(volume, kIndexRootEntries)), 1};
  frame.entries()[0].block = leaf.logical;
  operation->modify(directory)->flags |= kIndexed;
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
