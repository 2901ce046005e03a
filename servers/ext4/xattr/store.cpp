// SPDX-License-Identifier: MIT
#include "servers/ext4/xattr/store.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

namespace {

constexpr u32 kExtendedAttributes = 0x8;  // the compatible feature

u32 align4(usize bytes) { return static_cast<u32>((bytes + 3) & ~usize{3}); }
u32 entry_size(const Xattr& one) { return static_cast<u32>(sizeof(XattrEntry)) + align4(one.name.size()); }
u32 full_size(const Xattr& one) { return entry_size(one) + align4(one.value.size()); }

// The room behind an inode's fields.
struct Room {
  u32 offset = 0;  // of the magic number, from the inode's beginning
  u32 bytes = 0;   // 0: none
};
Room room_in(const Geometry& geometry, const Inode* inode) {
  if (geometry.inode_size <= kOldInodeSize) return {};
  const u32 offset = kOldInodeSize + inode->extra_size;
  if (inode->extra_size == 0 || offset + 8 > geometry.inode_size) return {};
  return {offset, geometry.inode_size - offset};
}

// The attributes in the inode, behind their magic number.
std::span<const std::byte> inside_of(const Geometry& geometry, const Inode* inode) {
  const Room room = room_in(geometry, inode);
  const std::byte* base = reinterpret_cast<const std::byte*>(inode) + room.offset;
  if (room.bytes == 0 || std::memcmp(base, &kXattrMagic, 4) != 0) return {};
  return {base + 4, room.bytes - 4};
}

// Entries begin at `first`; values are relative to `base` and end at `end` (relative to it too). False: damaged.
bool parse(const std::byte* base, u32 first, u32 end, std::vector<Xattr>* result) {
  for (u32 at = first;;) {
    if (at + 4 > end) return false;
    u32 word;
    std::memcpy(&word, base + at, 4);
    if (word == 0) return true;
    if (at + sizeof(XattrEntry) > end) return false;
    XattrEntry entry;
    std::memcpy(&entry, base + at, sizeof(entry));
    if (entry.value_inode != 0 || entry.value_size > end || entry.value_offset > end - entry.value_size) return false;
    if (at + sizeof(XattrEntry) + entry.name_length > end) return false;
    const char* name = reinterpret_cast<const char*>(base + at + sizeof(XattrEntry));
    const char* value = reinterpret_cast<const char*>(base + entry.value_offset);
    result->push_back({entry.name_index, {name, entry.name_length}, {value, entry.value_size}});
    at += static_cast<u32>(sizeof(XattrEntry)) + align4(entry.name_length);
  }
}

u32 entry_hash(const Xattr& one) {
  u32 hash = 0;
  for (const char c : one.name) hash = std::rotl(hash, 5) ^ static_cast<u8>(c);
  for (usize at = 0; at < one.value.size(); at += 4) {
    u32 word = 0;
    std::memcpy(&word, one.value.data() + at, std::min<usize>(4, one.value.size() - at));
    hash = std::rotl(hash, 16) ^ word;
  }
  return hash;
}

// The counterpart of parse(); there is room. Gives the hash of all entries.
u32 format(std::byte* base, u32 first, u32 end, std::span<const Xattr> attributes, bool hashed) {
  u32 at = first, value_at = end, all = 0;
  for (const Xattr& one : attributes) {
    value_at -= align4(one.value.size());
    XattrEntry entry{};
    entry.name_length = static_cast<u8>(one.name.size());
    entry.name_index = one.index;
    entry.value_offset = one.value.empty() ? u16{0} : static_cast<u16>(value_at);
    entry.value_size = static_cast<u32>(one.value.size());
    entry.hash = hashed ? entry_hash(one) : 0;
    all = std::rotl(all, 16) ^ entry.hash;
    std::memcpy(base + at, &entry, sizeof(entry));
    std::memcpy(base + at + sizeof(entry), one.name.data(), one.name.size());
    std::memcpy(base + value_at, one.value.data(), one.value.size());
    at += entry_size(one);
  }
  const bool any_zero = std::ranges::any_of(attributes, [](const Xattr& one) { return entry_hash(one) == 0; });
  return any_zero ? 0 : all;
}

Async<BufferRef> read_block(Volume* volume, InodeRef inode) {
  const u64 number = xattr_block(inode.get());
  if (!volume->valid_blocks(number, 1)) co_return volume->corrupted(inode.number, "an attribute block outside of the file system");
  const BufferRef buffer = CO_TRY(co_await volume->cache.read(number));
  if (buffer->kind == BlockKind::kNone) {
    buffer->kind = BlockKind::kXattr;
    const auto* header = buffer->as<XattrHeader>();
    const bool good = header->magic == kXattrMagic && header->blocks == 1 && header->references != 0;
    if (!good || !sealed(volume->geometry, *buffer)) {
      buffer->kind = BlockKind::kNone;
      co_return volume->corrupted(inode.number, "a damaged attribute block");
    }
  }
  if (buffer->kind != BlockKind::kXattr) co_return volume->corrupted(inode.number, "an attribute block is in use as something else");
  co_return buffer;
}

void store_in_inode(Operation* operation, const InodeRef& inode, std::span<const Xattr> attributes) {
  const Room room = room_in(operation->volume.geometry, inode.get());
  if (room.bytes == 0) return;
  std::byte* base = reinterpret_cast<std::byte*>(operation->modify(inode)) + room.offset;
  std::memset(base, 0, room.bytes);
  if (attributes.empty()) return;
  std::memcpy(base, &kXattrMagic, 4);
  format(base + 4, 0, room.bytes - 4, attributes, false);
}

Async<void> store_in_block(Operation* operation, InodeRef inode, std::vector<Xattr> attributes) {
  Volume& volume = operation->volume;
  BufferRef buffer;
  if (xattr_block(inode.get()) != 0) {
    buffer = CO_TRY(co_await read_block(&volume, inode));
    if (attributes.empty() || buffer->as<XattrHeader>()->references > 1) {
      CO_TRY(co_await xattr_release(operation, inode));
      buffer = nullptr;
    }
  }
  if (attributes.empty()) co_return Outcome<void>{};
  if (!buffer) {
    const u64 block = CO_TRY(co_await allocate_block(operation, volume.geometry.group_first(volume.geometry.inode_group(inode.number))));
    buffer = CO_TRY(operation->fresh(block, BlockKind::kXattr, 0));
    Inode* changed = operation->modify(inode);
    set_xattr_block(changed, block);
    add_inode_blocks(volume, changed, 1);
    if ((volume.superblock().compatible & kExtendedAttributes) == 0) operation->superblock()->compatible |= kExtendedAttributes;
  }
  operation->modify(buffer);
  // Sorted, so that readers can stop early.
  std::ranges::sort(attributes, [](const Xattr& a, const Xattr& b) {
    return std::tuple(a.index, a.name.size(), std::string_view(a.name)) < std::tuple(b.index, b.name.size(), std::string_view(b.name));
  });
  std::memset(buffer->data.get(), 0, volume.geometry.block_size);
  auto* header = buffer->as<XattrHeader>();
  header->magic = kXattrMagic;
  header->references = header->blocks = 1;
  header->hash = format(buffer->data.get(), sizeof(XattrHeader), volume.geometry.block_size, attributes, true);
  co_return Outcome<void>{};
}

}  // namespace

bool has_xattrs(const Volume& volume, const InodeRef& inode) {
  return inside_of(volume.geometry, inode.get()).data() != nullptr || xattr_block(inode.get()) != 0;
}

Async<std::vector<Xattr>> load_xattrs(Volume* volume, InodeRef inode) {
  std::vector<Xattr> result;
  const std::span<const std::byte> inside = inside_of(volume->geometry, inode.get());
  if (inside.data() != nullptr && !parse(inside.data(), 0, static_cast<u32>(inside.size()), &result)) {
    co_return volume->corrupted(inode.number, "damaged attributes");
  }
  if (xattr_block(inode.get()) != 0) {
    const BufferRef buffer = CO_TRY(co_await read_block(volume, inode));
    if (!parse(buffer->data.get(), sizeof(XattrHeader), volume->geometry.block_size, &result)) {
      co_return volume->corrupted(inode.number, "damaged attributes");
    }
  }
  co_return result;
}

Async<void> store_xattrs(Operation* operation, InodeRef inode, std::vector<Xattr> attributes) {
  const Room room = room_in(operation->volume.geometry, inode.get());
  std::vector<Xattr> inside, outside;
  u32 left = room.bytes < 8 ? 0 : room.bytes - 8;  // the magic number, and the zero at the end
  u32 outside_bytes = 0;
  for (Xattr& one : attributes) {
    if (full_size(one) <= left) {
      left -= full_size(one);
      inside.push_back(std::move(one));
    } else {
      outside_bytes += full_size(one);
      outside.push_back(std::move(one));
    }
  }
  if (outside_bytes + 4 > operation->volume.geometry.block_size - sizeof(XattrHeader)) co_return failed(Errno::kNoSpace);
  store_in_inode(operation, inode, inside);
  co_return co_await store_in_block(operation, inode, std::move(outside));
}

Async<void> xattr_release(Operation* operation, InodeRef inode) {
  if (xattr_block(inode.get()) == 0) co_return Outcome<void>{};
  const BufferRef buffer = CO_TRY(co_await read_block(&operation->volume, inode));
  if (buffer->as<XattrHeader>()->references > 1) {
    operation->modify(buffer);
    buffer->as<XattrHeader>()->references -= 1;
  } else {
    CO_TRY(co_await free_blocks(operation, {buffer->number, 1}, true));
  }
  Inode* changed = operation->modify(inode);
  set_xattr_block(changed, 0);
  add_inode_blocks(operation->volume, changed, -1);
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
