// SPDX-License-Identifier: MIT
// Reading and writing data; fsync.
#include "servers/ext4/file/data.h"

#include "servers/ext4/file/zero.h"
#include "servers/ext4/journal/journal.h"

namespace hati::ext4 {

namespace {

constexpr u64 kRunMax = 4096;  // blocks allocated for one write

// Where the next block of a file should lie.
Async<u64> data_goal(Volume* volume, NodeRef node, InodeRef inode, u64 logical) {
  if (logical > 0) {
    const MappedRun before = CO_TRY(co_await map_lookup(volume, inode, logical - 1));
    if (before.physical != 0) co_return before.physical + 1;
  }
  if (node->goal != 0) co_return node->goal;
  co_return volume->geometry.group_first(volume->geometry.inode_group(inode.number));
}

Async<BlockRun> hold_for(Volume* volume, NodeRef node, u64 logical, u64 count) {
  auto guard = co_await volume->lock.lock();
  if (volume->read_only) co_return failed(Errno::kReadOnly);
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  if (logical + count > map_limit(*volume, inode.get())) co_return failed(Errno::kFileTooBig);
  const u64 goal = CO_TRY(co_await data_goal(volume, node, inode, logical));
  const BlockRun run = CO_TRY(co_await hold_blocks(volume, goal, std::min(count, kRunMax)));
  node->goal = run.first + run.count;
  co_return run;
}

void use_reservation(Volume* volume, const NodeRef& node, u64 blocks) {
  const u64 used = std::min(node->reserved, blocks);
  node->reserved -= used;
  volume->reserved -= used;
}

// A part of a write: to blocks that were there, or were held for it.
struct Written {
  u64 logical, count;
  BlockRun held;   // count 0: the blocks were mapped
  bool unwritten;  // ... but not as written
};

// Blocks from here on lie beyond the size.
u64 blocks_in_size(const Volume& volume, const Inode* inode) {
  return (inode_size(volume, inode) + volume.geometry.block_size - 1) >> volume.geometry.block_bits;
}

// Blocks of a write that can be recorded now: all with extents, otherwise those within the size.
struct Recordable {
  u64 inside;  // the size
  u64 count;
};
Recordable recordable(const Volume& volume, const InodeRef& inode, const Written& part) {
  const u64 inside = std::clamp(blocks_in_size(volume, inode.get()), part.logical, part.logical + part.count) - part.logical;
  return {inside, (inode->flags & kExtentsFlag) != 0 ? part.count : inside};
}

Async<void> record_in(Operation* operation, NodeRef node, InodeRef inode, Written part, Recordable now) {
  if (part.held.count != 0 && now.count > 0) {
    CO_TRY(co_await take_blocks(operation, {part.held.first, now.count}));
    if (now.inside > 0) CO_TRY(co_await map_insert(operation, inode, part.logical, {part.held.first, now.inside}, false));
    const BlockRun rest{part.held.first + now.inside, now.count - now.inside};
    if (rest.count > 0) CO_TRY(co_await map_insert(operation, inode, part.logical + now.inside, rest, true));
  } else if (part.held.count == 0) {
    CO_TRY(co_await map_mark(operation, inode, part.logical, part.logical + now.inside, false));
  }
  operation->touch(node, true);
  co_return Outcome<void>{};
}

Async<void> record_write(Volume* volume, NodeRef node, Written part) {
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  const Recordable now = recordable(*volume, inode, part);
  auto recorded = co_await record_in(&operation, node, inode, part, now);
  if (!recorded) {
    // Still held, so that another attempt finds them free.
    const BlockRun run{part.held.first, part.held.count == 0 ? 0 : now.count};
    if (run.count != 0 && !volume->held.overlaps(run.first, run.first + run.count)) {
      volume->held.add(run.first, run.first + run.count);
      volume->held_data += run.count;
    }
    co_return recorded;
  }
  node->write_serial = ++volume->write_serial;
  node->ahead.add(part.logical + now.inside, part.logical + now.count);
  if (part.held.count > now.count) node->beyond[part.logical + now.count] = {part.held.first + now.count, part.held.count - now.count};
  use_reservation(volume, node, part.held.count);
  operation.finish();
  co_return Outcome<void>{};
}

Async<void> note_write(Volume* volume, NodeRef node) {
  auto guard = co_await volume->lock.lock();
  node->write_serial = ++volume->write_serial;
  co_return Outcome<void>{};
}

Async<void> let_go(Volume* volume, BlockRun run) {
  auto guard = co_await volume->lock.lock();
  release_blocks(volume, run);
  co_return Outcome<void>{};
}

// Writes at most up to where the mapping changes: how many blocks.
Async<u64> write_part(Volume* volume, NodeRef node, u64 logical, Piece from) {
  const u32 bits = volume->geometry.block_bits;
  const u64 wanted = from.size >> bits;
  const MappedRun run = CO_TRY(co_await lookup_data(volume, node, logical));
  Written part{logical, std::min(run.count, wanted), {}, run.unwritten};
  u64 physical = run.physical;
  if (physical == 0) {
    const u64 count = part.count;
    part.held = CO_TRY(co_await with_room(volume, [=] { return hold_for(volume, node, logical, count); }));
    part.count = part.held.count;
    physical = part.held.first;
  }
  auto written = to_outcome(co_await volume->device.write(physical << bits, from.part(0, part.count << bits)));
  if (written && (part.held.count != 0 || part.unwritten)) {
    written = co_await with_room(volume, [=] { return record_write(volume, node, part); });
  } else if (written) {
    written = co_await note_write(volume, node);
  }
  if (!written && part.held.count != 0) CO_TRY(co_await let_go(volume, part.held));
  if (!written) co_return failed(written.error());
  co_return part.count;
}

}  // namespace

Async<MappedRun> lookup_data(Volume* volume, NodeRef node, u64 logical) {
  auto guard = co_await volume->lock.lock();
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  if (logical >= map_limit(*volume, inode.get())) co_return MappedRun{0, u64{1} << 32, false};
  MappedRun run = CO_TRY(co_await map_lookup(volume, inode, logical));
  if (run.physical == 0) {
    const auto after = node->beyond.upper_bound(logical);
    if (after != node->beyond.end()) run.count = std::min(run.count, after->first - logical);
    if (after == node->beyond.begin()) co_return run;
    const auto& [first, held] = *std::prev(after);
    if (logical < first + held.count) co_return MappedRun{held.first + (logical - first), first + held.count - logical, false};
  } else if (run.unwritten) {
    const auto ahead = node->ahead.first_in(logical, logical + run.count);
    if (ahead.from == logical && ahead.to > logical) {
      run = {run.physical, ahead.to - logical, false};
    } else if (ahead.from < ahead.to) {
      run.count = ahead.from - logical;
    }
  }
  co_return run;
}

Async<void> read_data(Volume* volume, NodeRef node, u64 offset, Piece to) {
  const u32 bits = volume->geometry.block_bits;
  if (((offset | to.size) & (volume->geometry.block_size - 1)) != 0) co_return failed(Errno::kInvalid);
  auto inside = co_await node->gate.enter();
  for (u64 done = 0; done < to.size;) {
    const MappedRun run = CO_TRY(co_await lookup_data(volume, node, (offset + done) >> bits));
    const u64 bytes = std::min(to.size - done, run.count << bits);
    if (run.physical != 0 && !run.unwritten) {
      CO_TRY(to_outcome(co_await volume->device.read(run.physical << bits, to.part(done, bytes))));
    } else {
      CO_TRY(to_outcome(volume->device.clear(to.part(done, bytes))));
    }
    done += bytes;
  }
  co_return Outcome<void>{};
}

Async<void> write_data(Volume* volume, NodeRef node, u64 offset, Piece from) {
  const u32 bits = volume->geometry.block_bits;
  if (((offset | from.size) & (volume->geometry.block_size - 1)) != 0) co_return failed(Errno::kInvalid);
  auto inside = co_await node->gate.enter();
  for (u64 done = 0; done < from.size;) {
    const u64 blocks = CO_TRY(co_await write_part(volume, node, (offset + done) >> bits, from.part(done, from.size - done)));
    done += blocks << bits;
  }
  co_return Outcome<void>{};
}

Async<void> reserve_data(Volume* volume, NodeRef node, u64 bytes, bool privileged) {
  auto guard = co_await volume->lock.lock();
  if (volume->read_only) co_return failed(Errno::kReadOnly);
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  const u32 bits = volume->geometry.block_bits;
  const u64 limit = map_limit(*volume, inode.get());
  const u64 blocks = (bytes >> bits) + ((bytes & (volume->geometry.block_size - 1)) != 0 ? 1 : 0);
  if (blocks > limit) co_return failed(Errno::kFileTooBig);
  // What is allocated below the end needs no promise; the map itself needs a block for some hundred.
  const u64 have = inode_blocks(*volume, inode.get()) >> (bits - 9);
  u64 wanted = blocks - std::min(blocks, have);
  wanted += wanted / 256 + (wanted > 0 ? 4 : 0);
  const u64 more = wanted - std::min(wanted, node->reserved);
  if (more > volume->available(privileged)) co_return failed(Errno::kNoSpace);
  node->reserved += more;
  volume->reserved += more;
  co_return Outcome<void>{};
}

Async<void> sync_node(Volume* volume, NodeRef node, bool data_only) {
  u64 serial = 0;
  {
    auto guard = co_await volume->lock.lock();
    const u32 transaction = data_only ? node->data_transaction : node->transaction;
    serial = volume->write_serial;
    const bool durable = transaction == 0 || (volume->journal && volume->journal->committed(transaction));
    if (durable && node->write_serial <= volume->flush_serial) co_return Outcome<void>{};
    if (!durable) serial = 0;
  }
  if (serial == 0) {
    CO_TRY(co_await volume->commit());
    auto guard = co_await volume->lock.lock();
    if (!volume->journal) node->transaction = node->data_transaction = 0;
    co_return Outcome<void>{};
  }
  CO_TRY(to_outcome(co_await volume->device.flush()));
  auto guard = co_await volume->lock.lock();
  volume->flush_serial = std::max(volume->flush_serial, serial);
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
