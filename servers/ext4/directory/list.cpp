// SPDX-License-Identifier: MIT
// Listing. On file systems with hash trees the order is that of the hashes, also for directories of one block, so that a reader's place
// survives when leaves are split; elsewhere it is the order of the blocks.
#include <algorithm>

#include "servers/ext4/directory/blocks.h"

namespace hati::ext4 {

namespace {

struct Keyed {
  u64 key;
  ListedEntry entry;
};

u8 known_type(const Volume& volume, const DirectoryEntry* entry) {
  return (volume.geometry.incompatible & kFileType) != 0 && entry->type <= kTypeSymlink ? entry->type : u8{kTypeUnknown};
}

u64 key_of(const Volume& volume, std::string_view name, u32 version) {
  if (name == ".") return 1;
  if (name == "..") return 2;
  const NameHash hash = hash_of(volume, name, version);
  return std::max<u64>(u64{hash.major >> 1} << 32 | hash.minor, 3);
}

void collect(const Volume& volume, const BufferRef& leaf, u32 version, u64 cookie, std::vector<Keyed>* keyed) {
  for_each_entry(volume, leaf, [&](const DirectoryEntry* entry, u32) {
    if (entry->inode == 0) return true;
    const u64 key = key_of(volume, entry_name(entry), version);
    if (key >= cookie) keyed->push_back({key, {key + 1, entry->inode, known_type(volume, entry), std::string(entry_name(entry))}});
    return true;
  });
}

// Sorts and moves to the result; entries with equal keys stay together.
void emit(std::vector<Keyed>* keyed, usize count_max, std::vector<ListedEntry>* result) {
  std::ranges::stable_sort(*keyed, {}, &Keyed::key);
  u64 last = 0;
  for (Keyed& one : *keyed) {
    if (result->size() >= count_max && one.key != last) break;
    last = one.key;
    result->push_back(std::move(one.entry));
  }
  keyed->clear();
}

Async<std::vector<ListedEntry>> list_indexed(Volume* volume, InodeRef directory, u64 cookie, usize count_max) {
  std::vector<ListedEntry> result;
  std::vector<Keyed> keyed;
  const u32 hash = static_cast<u32>(std::min<u64>(cookie >> 32, 0x7fffffff)) << 1;
  IndexPath path = CO_TRY(co_await index_probe(volume, directory, hash));
  if (cookie <= 2) {
    const auto* dots = path.frames[0].buffer->as<DirectoryEntry>();
    const u32 parent = path.frames[0].buffer->as<DirectoryEntry>(12)->inode;
    if (cookie <= 1) keyed.push_back({1, {2, dots->inode, kTypeDirectory, "."}});
    keyed.push_back({2, {3, parent, kTypeDirectory, ".."}});
  }
  for (;;) {
    auto leaf = co_await read_directory_block(volume, directory, path.leaf(), BlockKind::kDirectory);
    if (!leaf)
      co_return leaf.error() == Errno::kNoEntry ? volume->corrupted(directory.number, "a directory has holes") : failed(leaf.error());
    collect(*volume, *leaf, path.hash_version, cookie, &keyed);
    bool continued = false;
    const bool more = CO_TRY(co_await index_advance(volume, directory, &path, &continued));
    if (more && continued) continue;
    emit(&keyed, count_max, &result);
    if (!more || result.size() >= count_max) co_return result;
  }
}

// Cookies are byte positions, plus one.
Async<std::vector<ListedEntry>> list_plain(Volume* volume, InodeRef directory, u64 cookie, usize count_max) {
  std::vector<ListedEntry> result;
  const u64 start = cookie == 0 ? 0 : cookie - 1;
  const u32 bits = volume->geometry.block_bits;
  const u64 blocks = directory_blocks(*volume, directory.get());
  if (blocks > volume->geometry.blocks) co_return volume->corrupted(directory.number, "bad size of a directory");
  for (u64 logical = start >> bits; logical < blocks && result.size() < count_max;) {
    const MappedRun run = CO_TRY(co_await map_lookup(volume, directory, logical));
    if (run.physical == 0) {
      logical += run.count;
      continue;
    }
    const BufferRef leaf = CO_TRY(co_await read_directory_block(volume, directory, logical, BlockKind::kDirectory));
    for_each_entry(*volume, leaf, [&](const DirectoryEntry* entry, u32 offset) {
      const u64 position = logical << bits | offset;
      if (entry->inode == 0 || position < start) return true;
      if (result.size() >= count_max) return false;
      result.push_back({position + entry->length_raw + 1, entry->inode, known_type(*volume, entry), std::string(entry_name(entry))});
      return true;
    });
    ++logical;
  }
  co_return result;
}

}  // namespace

Async<std::vector<ListedEntry>> directory_list(Volume* volume, InodeRef directory, u64 cookie, usize count_max) {
  const bool hashed = (volume->geometry.compatible & kDirIndex) != 0;
  if (is_indexed(*volume, directory.get())) co_return co_await list_indexed(volume, directory, cookie, count_max);
  if (!hashed || directory_blocks(*volume, directory.get()) != 1) co_return co_await list_plain(volume, directory, cookie, count_max);
  auto leaf = co_await read_directory_block(volume, directory, 0, BlockKind::kDirectory);
  if (!leaf)
    co_return leaf.error() == Errno::kNoEntry ? volume->corrupted(directory.number, "a directory has holes") : failed(leaf.error());
  std::vector<Keyed> keyed;
  std::vector<ListedEntry> result;
  collect(*volume, *leaf, root_hash_version(*volume, volume->superblock().hash_version), cookie, &keyed);
  emit(&keyed, count_max, &result);
  co_return result;
}

}  // namespace hati::ext4
