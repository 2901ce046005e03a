// SPDX-License-Identifier: MIT
#include "servers/ext4/directory/blocks.h"

#include <cstring>

#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

namespace {

const char* wrong_leaf(const Volume& volume, const BufferRef& leaf) {
  const u32 size = volume.geometry.block_size;
  for (u32 at = 0; at < size;) {
    if (at + sizeof(DirectoryEntry) > size) return "a directory entry across blocks";
    const auto* entry = leaf->as<DirectoryEntry>(at);
    const u32 length = entry->length_raw;
    if (length < 12 || length % 4 != 0 || at + length > size) return "bad length of a directory entry";
    if (entry_bytes(entry->name_length) > length) return "a directory entry's name does not fit";
    if (entry->inode > volume.geometry.inodes) return "bad inode number in a directory";
    const std::string_view name = entry_name(entry);
    if (entry->inode != 0 && (name.empty() || name.find('/') != name.npos || name.find('\0') != name.npos))
      return "bad name in a directory";
    at += length;
  }
  return nullptr;
}

// Entries' places are checked by whoever walks the tree; here only that they lie in the block.
const char* wrong_node(const Volume& volume, const BufferRef& node, bool root) {
  const auto* entry = node->as<DirectoryEntry>();
  u32 first = kIndexNodeEntries;
  if (root) {
    const auto* parent = node->as<DirectoryEntry>(12);
    const auto* info = node->as<IndexRootInfo>(kIndexRootInfo);
    const bool dots = entry->length_raw == 12 && entry->name_length == 1 && parent->name_length == 2 &&
                      parent->inode <= volume.geometry.inodes && parent->length_raw == volume.geometry.block_size - 12;
    if (!dots) return "bad first entries of an indexed directory";
    if (info->zero != 0 || info->hash_version > 2 || info->info_length != 8 || (info->flags & 1) != 0) return "bad root of a hash tree";
    if (info->levels >= index_levels_max(volume)) return "a hash tree is too deep";
    first = kIndexRootEntries;
  } else if (entry->inode != 0 || entry->length_raw != volume.geometry.block_size) {
    return "bad node of a hash tree";
  }
  const auto counts = *node->as<IndexCount>(first);
  if (counts.limit != index_limit(volume, first) || counts.count == 0 || counts.count > counts.limit) return "bad counts in a hash tree";
  return nullptr;
}

}  // namespace

Async<BufferRef> read_directory_block(Volume* volume, InodeRef directory, u64 logical, BlockKind kind) {
  const MappedRun run = CO_TRY(co_await map_lookup(volume, directory, logical));
  if (run.physical == 0) co_return failed(Errno::kNoEntry);
  if (run.unwritten) co_return volume->corrupted(directory.number, "an unwritten directory block");
  const BufferRef buffer = CO_TRY(co_await volume->cache.read(run.physical));
  const u32 seed = block_seed(*volume, directory);
  if (buffer->kind == BlockKind::kNone) {
    buffer->kind = kind;
    buffer->seed = seed;
    const char* what = kind == BlockKind::kDirectory ? wrong_leaf(*volume, buffer) : wrong_node(*volume, buffer, logical == 0);
    if (what == nullptr && !sealed(volume->geometry, *buffer)) what = "wrong checksum of a directory block";
    if (what != nullptr) {
      buffer->kind = BlockKind::kNone;
      co_return volume->corrupted(directory.number, what);
    }
  }
  const bool role = kind != BlockKind::kIndexNode || (buffer->as<DirectoryEntry>()->length_raw == 12) == (logical == 0);
  if (buffer->kind != kind || buffer->seed != seed || !role)
    co_return volume->corrupted(directory.number, "a directory block is in use as something else");
  co_return buffer;
}

Async<NewBlock> append_directory_block(Operation* operation, InodeRef directory, BlockKind kind) {
  Volume& volume = operation->volume;
  const u64 logical = directory_blocks(volume, directory.get());
  if (logical >= 0x0fffffff || ((logical + 1) << volume.geometry.block_bits) > 0x7fffffff) co_return failed(Errno::kNoSpace);
  u64 goal = volume.geometry.group_first(volume.geometry.inode_group(directory.number));
  if (logical > 0) {
    const MappedRun last = CO_TRY(co_await map_lookup(&volume, directory, logical - 1));
    if (last.physical != 0) goal = last.physical + 1;
  }
  const u64 block = CO_TRY(co_await allocate_block(operation, goal));
  const BufferRef buffer = CO_TRY(operation->fresh(block, kind, block_seed(volume, directory)));
  CO_TRY(co_await map_insert(operation, directory, logical, {block, 1}, false));
  set_inode_size(volume, operation->modify(directory), (logical + 1) << volume.geometry.block_bits);
  co_return NewBlock{buffer, static_cast<u32>(logical)};
}

bool find_in_leaf(const Volume& volume, const BufferRef& leaf, std::string_view name, FoundEntry* found) {
  bool hit = false;
  for_each_entry(volume, leaf, [&](const DirectoryEntry* entry, u32 offset) {
    if (entry->inode == 0 || entry_name(entry) != name) return true;
    *found = {leaf, offset, entry->inode, (volume.geometry.incompatible & kFileType) != 0 ? entry->type : u8{kTypeUnknown}};
    hit = true;
    return false;
  });
  return hit;
}

void write_entry(DirectoryEntry* entry, u32 length, std::string_view name, u32 inode, u8 type) {
  entry->inode = inode;
  entry->length_raw = static_cast<u16>(length);
  entry->name_length = static_cast<u8>(name.size());
  entry->type = type;
  std::memcpy(entry + 1, name.data(), name.size());
}

bool add_to_leaf(Operation* operation, const BufferRef& leaf, std::string_view name, u32 inode, u8 type) {
  const Volume& volume = operation->volume;
  const u32 needed = entry_bytes(static_cast<u32>(name.size()));
  u32 place = ~0u;
  for_each_entry(volume, leaf, [&](const DirectoryEntry* entry, u32 offset) {
    const u32 used = entry->inode == 0 ? 0 : entry_bytes(entry->name_length);
    if (entry->length_raw < used + needed) return true;
    place = offset;
    return false;
  });
  if (place == ~0u) return false;
  operation->modify(leaf);
  auto* entry = leaf->as<DirectoryEntry>(place);
  u32 length = entry->length_raw;
  if (entry->inode != 0) {
    const u32 used = entry_bytes(entry->name_length);
    entry->length_raw = static_cast<u16>(used);
    length -= used;
    entry = leaf->as<DirectoryEntry>(place + used);
  }
  write_entry(entry, length, name, inode, (volume.geometry.incompatible & kFileType) != 0 ? type : u8{0});
  return true;
}

void format_leaf(const Volume& volume, const BufferRef& leaf) {
  std::memset(leaf->data.get(), 0, volume.geometry.block_size);
  leaf->as<DirectoryEntry>()->length_raw = static_cast<u16>(leaf_end(volume));
  if (volume.geometry.checksums) *leaf->as<DirectoryTail>(leaf_end(volume)) = {0, sizeof(DirectoryTail), 0, kTailType, 0};
}

u8 entry_type(u16 mode) {
  switch (mode & kTypeMask) {
    case kRegular: return kTypeRegular;
    case kDirectoryMode: return kTypeDirectory;
    case kCharacterDevice: return kTypeCharacter;
    case kBlockDeviceMode: return kTypeBlock;
    case kFifo: return kTypeFifo;
    case kSocket: return kTypeSocket;
    case kSymlinkMode: return kTypeSymlink;
    default: return kTypeUnknown;
  }
}

}  // namespace hati::ext4
