// SPDX-License-Identifier: MIT
// A mounted volume: what it counts, durability, errors.
#include "servers/ext4/volume/volume.h"

#include <algorithm>
#include <cstring>

#include "runtime/log.h"
#include "servers/ext4/journal/journal.h"
#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

BufferRef Volume::group_buffer(u32 index, usize* offset) const {
  const u32 per_block = geometry.block_size / geometry.descriptor_size;
  *offset = usize{index % per_block} * geometry.descriptor_size;
  return descriptors[index / per_block];
}

const GroupDescriptor& Volume::group(u32 index) const {
  usize offset = 0;
  const BufferRef buffer = group_buffer(index, &offset);
  return *buffer->as<const GroupDescriptor>(offset);
}

u64 Volume::free_blocks() const {
  const Superblock& s = superblock();
  return s.free_blocks_lo | ((geometry.incompatible & k64Bit) != 0 ? u64{s.free_blocks_hi} << 32 : 0);
}

u64 Volume::available(bool privileged) const {
  const Superblock& s = superblock();
  u64 kept = held_data + reserved;
  if (!privileged) kept += s.reserved_blocks_lo | ((geometry.incompatible & k64Bit) != 0 ? u64{s.reserved_blocks_hi} << 32 : 0);
  return free_blocks() - std::min(free_blocks(), kept);
}

bool Volume::valid_blocks(u64 first, u64 count) const {
  return first > geometry.first_data_block && first < geometry.blocks && count <= geometry.blocks - first &&
         !system.overlaps(first, first + count);
}

NodeRef Volume::node(u32 number) {
  NodeRef& found = nodes_[number];
  if (!found) {
    found = std::make_shared<Node>();
    found->number = number;
    found->size = ~u64{0};
    // What an earlier life of it left undone is not known any more: fsync commits what is running.
    found->transaction = found->data_transaction = journal ? journal->running_sequence() : 1;
    found->write_serial = write_serial;
  }
  return found;
}

void Volume::drop_node(const NodeRef& node) {
  if (node->references != 0) return;
  auto found = nodes_.find(node->number);
  // The map and the caller hold it; more: another operation is at work with it.
  if (found == nodes_.end() || found->second != node || node.use_count() > 2) return;
  reserved -= node->reserved;
  node->reserved = 0;
  release_beyond(node.get(), 0, ~u64{0});
  nodes_.erase(found);
}

void Volume::release_beyond(Node* node, u64 from, u64 to) {
  for (auto at = node->beyond.begin(); at != node->beyond.end();) {
    const auto [logical, run] = *at;
    const u64 first = std::clamp(logical, from, to), last = std::clamp(logical + run.count, first, to);
    if (first == last) {
      ++at;
      continue;
    }
    held.remove(run.first + (first - logical), run.first + (last - logical));
    held_data -= last - first;
    at = node->beyond.erase(at);
    if (logical < first) node->beyond[logical] = {run.first, first - logical};
    if (last < logical + run.count) node->beyond[last] = {run.first + (last - logical), logical + run.count - last};
  }
}

bool Volume::renew_node(u32 number) {
  auto found = nodes_.find(number);
  if (found == nodes_.end()) return true;
  if (found->second->references != 0) return false;
  reserved -= found->second->reserved;
  found->second->reserved = 0;
  release_beyond(found->second.get(), 0, ~u64{0});
  nodes_.erase(found);
  return true;
}

std::unexpected<Errno> Volume::corrupted(u32 inode, const char* what) {
  log_error("ext4: damaged file system: inode {}: {}", inode, std::string_view(what));
  if (!errors_found) error_inode_ = inode;
  errors_found = errors_unrecorded_ = true;
  u16 reaction = options_.on_error;
  if (reaction == 0 && super) reaction = superblock().errors;
  if (reaction != static_cast<u16>(OnError::kContinue) && !read_only) {
    log_error("ext4: read-only from now on");
    read_only = true;
  }
  return failed(Errno::kCorrupted);
}

void Volume::abort(const char* why) {
  if (!aborted_) log_error("ext4: {}: read-only from now on", std::string_view(why));
  aborted_ = read_only = true;
}

// The next commit tells the superblock.
void Volume::record_errors() {
  if (!errors_unrecorded_ || options_.read_only || !super) return;
  errors_unrecorded_ = false;
  super->data = cache.copy(super->data);
  auto* changed = super->as<Superblock>(super_offset);
  const u32 now = static_cast<u32>(last_time.seconds);
  changed->state |= kStateErrors;
  if (changed->error_count == 0) {
    changed->first_error_time = now;
    changed->first_error_inode = error_inode_;
  }
  changed->error_count += 1;
  changed->last_error_time = now;
  changed->last_error_inode = error_inode_;
  seal_block(geometry, *super);
  super->dirty = true;
  if (journal) journal->add(super);
}

Async<void> Volume::commit() {
  auto alone = co_await commit_lock_.lock();
  if (aborted_) co_return failed(Errno::kIo);
  if (journal) {
    auto committed = co_await journal->commit().with_cancel(never_);
    co_return committed;
  }
  co_return co_await write_dirty().with_cancel(never_);
}

Async<void> Volume::sync() { return commit(); }

// Without a journal: all changed blocks go to their places, in the order of the disk.
Async<void> Volume::write_dirty() {
  std::vector<std::pair<BufferRef, Bytes>> blocks;
  std::vector<Intervals::Interval> unused;
  u64 serial = 0;
  {
    auto guard = co_await lock.lock();
    unused.swap(freed);
    record_errors();
    serial = write_serial;
    cache.for_each([&](const BufferRef& buffer) {
      if (buffer->dirty) blocks.emplace_back(buffer, buffer->data);
      buffer->dirty = false;
    });
  }
  std::ranges::sort(blocks, {}, [](const auto& item) { return item.first->number; });
  for (const auto& [buffer, data] : blocks) {
    auto written = co_await device.write(buffer->number * geometry.block_size, Piece::of({data.get(), geometry.block_size}));
    if (written) continue;
    abort("metadata could not be written");
    co_return failed(to_errno(written.error()));
  }
  CO_TRY(to_outcome(co_await device.flush()));
  auto guard = co_await lock.lock();
  for (const auto& range : unused) held.remove(range.from, range.to);
  flush_serial = std::max(flush_serial, serial);
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
