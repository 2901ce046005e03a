// SPDX-License-Identifier: MIT
#include "servers/ext4/file/orphans.h"

#include <unordered_set>

#include "runtime/log.h"
#include "servers/ext4/file/data.h"

namespace hati::ext4 {

namespace {

// Deletes or truncates one; what cannot be read is left to e2fsck.
Async<void> process(Volume* volume, u32 number, Timestamp now) {
  const NodeRef node = volume->node(number);
  u64 size = 0;
  bool deleted = false;
  {
    auto guard = co_await volume->lock.lock();
    const InodeRef inode = CO_TRY(co_await load_inode(volume, number));
    deleted = inode->links == 0;
    size = inode_size(*volume, inode.get());
    if (!has_map(inode.get()) && !deleted) size = 0;
  }
  if (deleted) {
    CO_TRY(co_await delete_inode(volume, node, now));
  } else {
    CO_TRY(co_await finish_truncation(volume, node, size));
  }
  auto guard = co_await volume->lock.lock();
  volume->drop_node(node);
  co_return Outcome<void>{};
}

Async<void> clear_head(Volume* volume) {
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  operation.superblock()->last_orphan = 0;
  operation.finish();
  co_return Outcome<void>{};
}

// Moves what the orphan file names to the superblock's list, block by block, so that one way of processing does for both.
Async<void> adopt_block(Volume* volume, InodeRef file, u64 logical) {
  const MappedRun run = CO_TRY(co_await map_lookup(volume, file, logical));
  if (run.physical == 0) co_return Outcome<void>{};
  const BufferRef block = CO_TRY(co_await volume->cache.read(run.physical));
  const u32 words = (volume->geometry.block_size - sizeof(OrphanBlockTail)) / 4;
  if (block->as<OrphanBlockTail>(words * 4)->magic != kOrphanBlockMagic) co_return volume->corrupted(file.number, "bad orphan file");
  block->kind = BlockKind::kOrphan;
  block->seed = block_seed(*volume, file);
  for (u32 i = 0; i < words; ++i) {
    const u32 number = block->as<u32>()[i];
    if (number == 0) continue;
    Operation operation(*volume);
    CO_TRY(co_await operation.begin());
    auto inode = co_await load_inode(volume, number);
    if (inode) CO_TRY(co_await add_orphan(&operation, *inode));
    operation.modify(block);
    block->as<u32>()[i] = 0;
    operation.finish();
  }
  co_return Outcome<void>{};
}

Async<void> adopt_orphan_file(Volume* volume) {
  if ((volume->geometry.compatible & kOrphanFile) == 0 || (volume->geometry.read_only & kOrphanPresent) == 0) co_return Outcome<void>{};
  InodeRef file;
  u64 blocks = 0;
  {
    auto guard = co_await volume->lock.lock();
    file = CO_TRY(co_await load_inode(volume, volume->superblock().orphan_file_inode));
    blocks = inode_size(*volume, file.get()) >> volume->geometry.block_bits;
  }
  if (blocks > volume->geometry.blocks) co_return volume->corrupted(file.number, "bad orphan file");
  for (u64 logical = 0; logical < blocks; ++logical) CO_TRY(co_await adopt_block(volume, file, logical));
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  operation.superblock()->read_only_compatible &= ~u32{kOrphanPresent};
  volume->geometry.read_only &= ~u32{kOrphanPresent};
  operation.finish();
  co_return Outcome<void>{};
}

}  // namespace

Async<void> process_orphans(Volume* volume, Timestamp now) {
  CO_TRY(co_await adopt_orphan_file(volume));
  std::unordered_set<u32> seen;
  u32 count = 0;
  while (const u32 number = volume->superblock().last_orphan) {
    auto done = seen.insert(number).second ? co_await process(volume, number, now) : Outcome<void>(failed(Errno::kCorrupted));
    if (done) {
      ++count;
      continue;
    }
    if (done.error() == Errno::kIo) co_return done;
    log_warning("ext4: the list of orphans is damaged at inode {}, run e2fsck", number);
    if (volume->read_only) co_return Outcome<void>{};
    CO_TRY(co_await clear_head(volume));
  }
  if (count != 0) log_info("ext4: {} orphans freed or truncated", count);
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
