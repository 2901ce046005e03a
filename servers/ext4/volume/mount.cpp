// SPDX-License-Identifier: MIT
// Mounting, remounting and unmounting.
#include <cstring>

#include "runtime/log.h"
#include "servers/ext4/file/orphans.h"
#include "servers/ext4/journal/journal.h"
#include "servers/ext4/layout/features.h"
#include "servers/ext4/volume/blocks.h"
#include "servers/ext4/volume/geometry.h"
#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

namespace {

Outcome<void> check_checksums(const Volume& volume, std::string* reason) {
  const Geometry& geometry = volume.geometry;
  if (!superblock_intact(geometry, volume.superblock())) {
    *reason = "wrong checksum of the superblock";
    return failed(Errno::kCorrupted);
  }
  for (u32 group = 0; group < geometry.groups && geometry.uninit_groups(); ++group) {
    const GroupDescriptor& descriptor = volume.group(group);
    if (descriptor.checksum == group_checksum(geometry, volume.superblock(), group, descriptor)) continue;
    *reason = "wrong checksum of group descriptor " + std::to_string(group);
    return failed(Errno::kCorrupted);
  }
  return {};
}

}  // namespace

Volume::Volume(BlockDevice& block_device, const Geometry& shape, const MountOptions& options)
    : device(block_device),
      geometry(shape),
      cache(block_device, shape.block_size, std::max<usize>(options.cache_blocks, 256)),
      options_(options) {
  last_time = options.now;
  generation = static_cast<u32>(options.now.seconds) ^ options.now.nanoseconds;
}
Volume::~Volume() = default;

Async<std::unique_ptr<Volume>> Volume::mount(BlockDevice* device, MountOptions options, std::string* reason) {
  std::unique_ptr<Superblock> super = std::make_unique<Superblock>();
  if (device->bytes() < kSuperblockOffset + sizeof(Superblock)) {
    *reason = "the device is too small";
    co_return failed(Errno::kInvalid);
  }
  *reason = "the superblock cannot be read";
  CO_TRY(to_outcome(co_await device->read(kSuperblockOffset, Piece::of(std::as_writable_bytes(std::span(super.get(), 1))))));
  const Geometry geometry = CO_TRY(read_geometry(*super, device->bytes(), reason));
  if (options.read_only || !device->read_only()) {
    std::unique_ptr<Volume> volume(new Volume(*device, geometry, options));
    reason->clear();
    auto opened = co_await volume->open(options, reason);
    if (opened) co_return volume;
    if (reason->empty()) *reason = opened.error() == Errno::kIo ? "the device failed" : "the file system is damaged";
    co_return failed(opened.error());
  }
  *reason = "the device is read-only";
  co_return failed(Errno::kReadOnly);
}

Async<void> Volume::load_groups(std::string* reason) {
  super_offset = geometry.block_size > kSuperblockOffset ? kSuperblockOffset : 0;
  super = CO_TRY(co_await cache.read(kSuperblockOffset / geometry.block_size));
  super->kind = BlockKind::kSuperblock;
  descriptors.clear();
  system.clear();
  const u32 per_block = geometry.block_size / geometry.descriptor_size;
  const u32 blocks = (geometry.groups + per_block - 1) / per_block;
  const u32 meta_first = (geometry.incompatible & kMetaBlockGroups) != 0 ? superblock().first_meta_block_group : blocks;
  for (u32 i = 0; i < blocks; ++i) {
    const u32 group = i * per_block;
    const u64 at =
        i < meta_first ? kSuperblockOffset / geometry.block_size + 1 + i : geometry.group_first(group) + geometry.has_backup(group);
    if (at >= geometry.blocks) co_return failed(Errno::kCorrupted);
    descriptors.push_back(CO_TRY(co_await cache.read(at)));
    if (descriptors.back()->kind != BlockKind::kNone) co_return failed(Errno::kCorrupted);
    descriptors.back()->kind = BlockKind::kDescriptors;
  }
  for (u32 group = 0; group < geometry.groups; ++group) {
    const u64 table = inode_table_at(*this, group);
    const u64 first = geometry.group_first(group);
    for (const auto& [at, count] :
         {std::pair{block_bitmap_at(*this, group), 1u}, {inode_bitmap_at(*this, group), 1u}, {table, geometry.table_blocks()}}) {
      if (at <= geometry.first_data_block || at >= geometry.blocks || count > geometry.blocks - at) co_return failed(Errno::kCorrupted);
      system.add(at, at + count);
    }
    u64 base = geometry.has_backup(group) ? 1 : 0;
    if (group < u64{meta_first} * per_block) {
      if (base != 0) base += std::min(meta_first, blocks) + superblock().reserved_gdt_blocks;
    } else if (group % per_block == 0 || group % per_block == 1 || group % per_block == per_block - 1) {
      base += 1;
    }
    system.add(first, std::min(first + base, geometry.blocks));
  }
  co_return Outcome<void>{};
}

Async<void> Volume::open(MountOptions options, std::string* reason) {
  if (const u32 unknown = geometry.read_only & ~kReadOnlyKnown; unknown != 0 && !options.read_only) {
    *reason = "unsupported features, read-only is possible: " + read_only_names(unknown);
    co_return failed(Errno::kReadOnly);
  }
  const bool journaled = (geometry.compatible & kHasJournal) != 0 && !(options.read_only && options.no_recovery);
  if (journaled) {
    // A checkpoint may have been torn: nothing but the journal's place counts before the replay, and that never changes.
    CO_TRY(co_await load_groups(reason));
    journal = CO_TRY(co_await Journal::load(this, reason));
    if (!journal->empty() && device.read_only()) {
      *reason = "the journal has to be replayed, and the device is read-only";
      co_return failed(Errno::kReadOnly);
    }
    if (!journal->empty()) CO_TRY(co_await journal->recover(reason));
    journal.reset();
    descriptors.clear();
    super.reset();
    cache.clear();
    const BufferRef again = CO_TRY(co_await cache.read(kSuperblockOffset / geometry.block_size));
    geometry = CO_TRY(read_geometry(*again->as<const Superblock>(super_offset), device.bytes(), reason));
  }
  CO_TRY(co_await load_groups(reason));
  CO_TRY(check_checksums(*this, reason));
  if (journaled) {
    if ((superblock().incompatible & kNeedsRecovery) != 0 && !device.read_only()) CO_TRY(co_await mark_recovery(false));
    journal = CO_TRY(co_await Journal::load(this, reason));
  }
  if (superblock().state & kStateErrors) log_warning("ext4: mounting a file system with errors, run e2fsck");
  read_only = true;
  if (!options.read_only) CO_TRY(co_await start_writing());
  co_return Outcome<void>{};
}

// From read-only to writable.
Async<void> Volume::start_writing() {
  if (journal) {
    CO_TRY(co_await journal->prepare());
    CO_TRY(co_await mark_recovery(true));
  }
  read_only = false;
  Operation operation(*this);
  CO_TRY(co_await operation.begin());
  Superblock* changed = operation.superblock();
  changed->mount_time = static_cast<u32>(options_.now.seconds);
  changed->mount_count += 1;
  if (!journal) changed->state &= static_cast<u16>(~kStateValid);
  // What these counters say is only as good as the last clean unmount.
  u64 blocks = 0, inodes = 0;
  for (u32 group = 0; group < geometry.groups; ++group) {
    blocks += group_free_blocks(*this, group);
    inodes += group_free_inodes(*this, group);
  }
  changed->free_blocks_lo = static_cast<u32>(blocks);
  changed->free_blocks_hi = static_cast<u32>(blocks >> 32);
  changed->free_inodes = static_cast<u32>(inodes);
  operation.finish();
  if (!journal) CO_TRY(co_await sync());
  co_return co_await process_orphans(this, options_.now);
}

// Outside of transactions: nothing else of the superblock differs from the disk.
Async<void> Volume::mark_recovery(bool needed) {
  super->data = cache.copy(super->data);
  auto* changed = super->as<Superblock>(super_offset);
  changed->incompatible = needed ? changed->incompatible | kNeedsRecovery : changed->incompatible & ~u32{kNeedsRecovery};
  geometry.incompatible = changed->incompatible;
  co_return co_await write_super_now();
}

Async<void> Volume::write_super_now() {
  seal_block(geometry, *super);
  CO_TRY(to_outcome(co_await device.flush()));
  const Piece piece = Piece::of({super->data.get() + super_offset, sizeof(Superblock)});
  CO_TRY(to_outcome(co_await device.write(kSuperblockOffset, piece)));
  co_return to_outcome(co_await device.flush());
}

Async<void> Volume::remount(bool wants_read_only) {
  if (wants_read_only == read_only) co_return Outcome<void>{};
  if (wants_read_only) {
    CO_TRY(co_await unmount());
    co_return Outcome<void>{};
  }
  if (device.read_only() || aborted_ || errors_found || (geometry.read_only & ~kReadOnlyKnown) != 0) co_return failed(Errno::kReadOnly);
  if (((geometry.compatible & kHasJournal) != 0) != (journal != nullptr)) co_return failed(Errno::kReadOnly);
  co_return co_await start_writing();
}

Async<void> Volume::unmount() {
  if (options_.read_only && read_only) co_return Outcome<void>{};
  const bool writable = !read_only;
  if (aborted_) co_return failed(Errno::kIo);
  if (!writable && !errors_found) co_return Outcome<void>{};
  // Files without names that the client still held.
  if (writable) CO_TRY(co_await process_orphans(this, last_time));
  if (!journal) {
    record_errors();
    super->data = cache.copy(super->data);
    auto* changed = super->as<Superblock>(super_offset);
    if ((changed->state & kStateErrors) == 0) changed->state |= kStateValid;
    changed->write_time = static_cast<u32>(last_time.seconds);
    seal_block(geometry, *super);
    super->dirty = true;
    CO_TRY(co_await sync());
  } else {
    CO_TRY(co_await commit());
    auto alone = co_await commit_lock_.lock();
    CO_TRY(co_await journal->checkpoint());
    CO_TRY(co_await mark_recovery(false));
  }
  read_only = true;
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
