// SPDX-License-Identifier: MIT
// The way through hash trees.
#include "servers/ext4/directory/blocks.h"

namespace hati::ext4 {

u32 index_limit(const Volume& volume, u32 first) {
  return static_cast<u32>((volume.geometry.block_size - first - (volume.geometry.checksums ? sizeof(IndexTail) : 0)) / sizeof(IndexEntry));
}
u32 index_levels_max(const Volume& volume) { return (volume.geometry.incompatible & kLargeDirectory) != 0 ? 3 : 2; }

u32 root_hash_version(const Volume& volume, u32 stored) {
  return stored <= 2 && (volume.superblock().flags & kUnsignedHash) != 0 ? stored + 3 : stored;
}

NameHash hash_of(const Volume& volume, std::string_view name, u32 version) {
  return hash_name(name, version < kHashVersions ? version : 1, volume.superblock().hash_seed);
}

namespace {

// Down from the last frame to the one above the leaves, taking the first entry, or the one for `hash`.
Async<void> descend(Volume* volume, InodeRef directory, IndexPath* path, usize depth, u32 hash) {
  for (;;) {
    IndexFrame& frame = path->frames.back();
    const IndexEntry* entries = frame.entries();
    // The first entry has no hash: it is for all that come before the second.
    u32 low = 1, high = frame.counts()->count;
    while (low < high) {
      const u32 middle = (low + high) / 2;
      if (entries[middle].hash > hash) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    frame.at = low - 1;
    if (frame.block() == 0 || frame.block() >= directory_blocks(*volume, directory.get())) {
      co_return volume->corrupted(directory.number, "a hash tree points outside of its directory");
    }
    if (path->frames.size() == depth) co_return Outcome<void>{};
    auto child = co_await read_directory_block(volume, directory, frame.block(), BlockKind::kIndexNode);
    if (!child)
      co_return child.error() == Errno::kNoEntry ? volume->corrupted(directory.number, "a hash tree has holes") : failed(child.error());
    path->frames.push_back({*std::move(child), kIndexNodeEntries, 0});
  }
}

}  // namespace

Async<IndexPath> index_probe(Volume* volume, InodeRef directory, u32 hash) {
  IndexPath path;
  auto root = co_await read_directory_block(volume, directory, 0, BlockKind::kIndexNode);
  if (!root)
    co_return root.error() == Errno::kNoEntry ? volume->corrupted(directory.number, "a hash tree has holes") : failed(root.error());
  path.frames.push_back({*std::move(root), kIndexRootEntries, 0});
  const auto info = *path.frames[0].buffer->as<IndexRootInfo>(kIndexRootInfo);
  path.hash_version = root_hash_version(*volume, info.hash_version);
  CO_TRY(co_await descend(volume, directory, &path, usize{info.levels} + 1, hash));
  co_return path;
}

Async<bool> index_advance(Volume* volume, InodeRef directory, IndexPath* path, bool* continued) {
  const usize depth = path->frames.size();
  while (path->frames.back().at + 1 >= path->frames.back().counts()->count) {
    path->frames.pop_back();
    if (path->frames.empty()) co_return false;
  }
  IndexFrame& frame = path->frames.back();
  frame.at += 1;
  *continued = (frame.entries()[frame.at].hash & 1) != 0;
  if (frame.block() == 0 || frame.block() >= directory_blocks(*volume, directory.get())) {
    co_return volume->corrupted(directory.number, "a hash tree points outside of its directory");
  }
  if (path->frames.size() == depth) co_return true;
  auto child = co_await read_directory_block(volume, directory, frame.block(), BlockKind::kIndexNode);
  if (!child)
    co_return child.error() == Errno::kNoEntry ? volume->corrupted(directory.number, "a hash tree has holes") : failed(child.error());
  path->frames.push_back({*std::move(child), kIndexNodeEntries, 0});
  CO_TRY(co_await descend(volume, directory, path, depth, 0));
  co_return true;
}

}  // namespace hati::ext4
