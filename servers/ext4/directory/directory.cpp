// SPDX-License-Identifier: MIT
// Finding, removing and changing entries; new directories.
#include "servers/ext4/directory/directory.h"

#include <cstring>

#include "servers/ext4/directory/blocks.h"

namespace hati::ext4 {

namespace {

// More blocks than the file system has: its size is wrong.
Outcome<u64> checked_blocks(Volume* volume, InodeRef directory) {
  const u64 blocks = directory_blocks(*volume, directory.get());
  if (blocks == 0 || blocks > volume->geometry.blocks) return volume->corrupted(directory.number, "bad size of a directory");
  return blocks;
}

Async<FoundEntry> find_indexed(Volume* volume, InodeRef directory, std::string_view name) {
  IndexPath path = CO_TRY(co_await index_probe(volume, directory, 0));
  const u32 hash = hash_of(*volume, name, path.hash_version).major;
  path = CO_TRY(co_await index_probe(volume, directory, hash));
  for (;;) {
    auto leaf = co_await read_directory_block(volume, directory, path.leaf(), BlockKind::kDirectory);
    if (!leaf)
      co_return leaf.error() == Errno::kNoEntry ? volume->corrupted(directory.number, "a directory has holes") : failed(leaf.error());
    FoundEntry found;
    if (find_in_leaf(*volume, *leaf, name, &found)) co_return found;
    bool continued = false;
    if (!CO_TRY(co_await index_advance(volume, directory, &path, &continued)) || !continued) co_return failed(Errno::kNoEntry);
  }
}

// "." and ".." of an indexed directory lie in the tree's root.
Async<FoundEntry> find_dots(Volume* volume, InodeRef directory, std::string_view name) {
  auto root = co_await read_directory_block(volume, directory, 0, BlockKind::kIndexNode);
  if (!root) co_return failed(root.error());
  const u32 offset = name.size() == 1 ? 0 : 12;
  const auto* entry = (*root)->as<DirectoryEntry>(offset);
  co_return FoundEntry{*root, offset, entry->inode, kTypeDirectory};
}

// The leaf at or after `*logical`, which is left behind it; null at the end. Skips holes.
Async<BufferRef> next_leaf(Volume* volume, InodeRef directory, u64* logical) {
  const u64 blocks = CO_TRY(checked_blocks(volume, directory));
  while (*logical < blocks) {
    const MappedRun run = CO_TRY(co_await map_lookup(volume, directory, *logical));
    if (run.physical == 0) {
      *logical += run.count;
      continue;
    }
    co_return co_await read_directory_block(volume, directory, (*logical)++, BlockKind::kDirectory);
  }
  co_return BufferRef();
}

}  // namespace

Async<FoundEntry> directory_find(Volume* volume, InodeRef directory, std::string_view name) {
  if (name.size() > kNameMax) co_return failed(Errno::kNameTooLong);
  CO_TRY(checked_blocks(volume, directory));
  if (is_indexed(*volume, directory.get())) {
    if (name == "." || name == "..") co_return co_await find_dots(volume, directory, name);
    co_return co_await find_indexed(volume, directory, name);
  }
  for (u64 logical = 0;;) {
    const BufferRef leaf = CO_TRY(co_await next_leaf(volume, directory, &logical));
    if (!leaf) co_return failed(Errno::kNoEntry);
    FoundEntry found;
    if (find_in_leaf(*volume, leaf, name, &found)) co_return found;
  }
}

Async<void> directory_add(Operation* operation, InodeRef directory, std::string_view name, u32 inode, u8 type) {
  Volume* volume = &operation->volume;
  if (is_indexed(*volume, directory.get())) co_return co_await index_add(operation, directory, name, inode, type);
  for (u64 logical = 0;;) {
    const BufferRef leaf = CO_TRY(co_await next_leaf(volume, directory, &logical));
    if (!leaf) break;
    if (add_to_leaf(operation, leaf, name, inode, type)) {
      operation->modify(directory)->flags &= ~u32{kIndexed};
      co_return Outcome<void>{};
    }
  }
  if (directory_blocks(*volume, directory.get()) == 1 && (volume->geometry.compatible & kDirIndex) != 0) {
    CO_TRY(co_await make_indexed(operation, directory));
    co_return co_await index_add(operation, directory, name, inode, type);
  }
  const NewBlock added = CO_TRY(co_await append_directory_block(operation, directory, BlockKind::kDirectory));
  format_leaf(*volume, added.buffer);
  add_to_leaf(operation, added.buffer, name, inode, type);
  operation->modify(directory)->flags &= ~u32{kIndexed};
  co_return Outcome<void>{};
}

Async<void> directory_remove(Operation* operation, InodeRef directory, FoundEntry entry) {
  operation->modify(entry.buffer);
  u32 before = ~0u;
  bool there = false;
  for_each_entry(operation->volume, entry.buffer, [&](const DirectoryEntry*, u32 offset) {
    there = offset == entry.offset;
    if (offset < entry.offset) before = offset;
    return offset < entry.offset;
  });
  if (!there) co_return operation->volume.corrupted(directory.number, "a directory entry vanished");
  auto* removed = entry.buffer->as<DirectoryEntry>(entry.offset);
  if (before != ~0u) entry.buffer->as<DirectoryEntry>(before)->length_raw += removed->length_raw;
  const u32 length = removed->length_raw;
  std::memset(static_cast<void*>(removed), 0, before != ~0u ? sizeof(DirectoryEntry) + removed->name_length : sizeof(DirectoryEntry));
  if (before == ~0u) removed->length_raw = static_cast<u16>(length);
  co_return Outcome<void>{};
}

void directory_change(Operation* operation, FoundEntry entry, u32 inode, u8 type) {
  operation->modify(entry.buffer);
  auto* changed = entry.buffer->as<DirectoryEntry>(entry.offset);
  changed->inode = inode;
  if ((operation->volume.geometry.incompatible & kFileType) != 0) changed->type = type;
}

Async<void> directory_make(Operation* operation, InodeRef directory, u32 parent) {
  const Volume& volume = operation->volume;
  const NewBlock first = CO_TRY(co_await append_directory_block(operation, directory, BlockKind::kDirectory));
  format_leaf(volume, first.buffer);
  const u8 type = (volume.geometry.incompatible & kFileType) != 0 ? u8{kTypeDirectory} : u8{0};
  write_entry(first.buffer->as<DirectoryEntry>(), 12, ".", directory.number, type);
  write_entry(first.buffer->as<DirectoryEntry>(12), leaf_end(volume) - 12, "..", parent, type);
  co_return Outcome<void>{};
}

Async<u32> directory_parent(Volume* volume, InodeRef directory) {
  const FoundEntry found = CO_TRY(co_await directory_find(volume, directory, ".."));
  co_return found.inode;
}

Async<void> directory_set_parent(Operation* operation, InodeRef directory, u32 parent) {
  auto found = co_await directory_find(&operation->volume, directory, "..");
  if (!found) co_return operation->volume.corrupted(directory.number, "a directory has no parent");
  directory_change(operation, *found, parent, kTypeDirectory);
  co_return Outcome<void>{};
}

Async<bool> directory_empty(Volume* volume, InodeRef directory) {
  bool empty = true;
  const auto look = [volume, &empty](const BufferRef& leaf) {
    for_each_entry(*volume, leaf, [&](const DirectoryEntry* entry, u32) {
      const std::string_view name = entry_name(entry);
      if (entry->inode != 0 && name != "." && name != "..") empty = false;
      return empty;
    });
  };
  if (!is_indexed(*volume, directory.get())) {
    for (u64 logical = 0; empty;) {
      const BufferRef leaf = CO_TRY(co_await next_leaf(volume, directory, &logical));
      if (!leaf) break;
      look(leaf);
    }
    co_return empty;
  }
  IndexPath path = CO_TRY(co_await index_probe(volume, directory, 0));
  for (bool continued = false; empty;) {
    look(CO_TRY(co_await read_directory_block(volume, directory, path.leaf(), BlockKind::kDirectory)));
    if (!CO_TRY(co_await index_advance(volume, directory, &path, &continued))) break;
  }
  co_return empty;
}

}  // namespace hati::ext4
