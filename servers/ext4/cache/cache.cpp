// SPDX-License-Identifier: MIT
#include "servers/ext4/cache/cache.h"

#include <cstring>

namespace hati::ext4 {

Bytes BufferCache::allocate() const { return std::make_shared<std::byte[]>(block_size_); }

Bytes BufferCache::copy(const Bytes& bytes) const {
  Bytes result = std::make_shared_for_overwrite<std::byte[]>(block_size_);
  std::memcpy(result.get(), bytes.get(), block_size_);
  return result;
}

BufferRef BufferCache::find(u64 number) {
  auto found = blocks_.find(number);
  if (found == blocks_.end()) return nullptr;
  ages_.splice(ages_.end(), ages_, found->second.age);
  return found->second.buffer;
}

Async<BufferRef> BufferCache::read(u64 number) {
  if (BufferRef buffer = find(number)) co_return buffer;
  Bytes data = allocate();
  CO_TRY(to_outcome(co_await device_.read(number * block_size_, Piece::of({data.get(), block_size_}))));
  co_return insert(number, std::move(data));
}

Outcome<BufferRef> BufferCache::fresh(u64 number) {
  BufferRef buffer = find(number);
  if (!buffer) return insert(number, allocate());
  if (buffer->kind != BlockKind::kNone) return failed(Errno::kCorrupted);
  buffer->data = allocate();
  buffer->checked = 0;
  return buffer;
}

BufferRef BufferCache::insert(u64 number, Bytes data) {
  shrink();
  auto buffer = std::make_shared<Buffer>();
  buffer->number = number;
  buffer->data = std::move(data);
  blocks_[number] = Entry{buffer, ages_.insert(ages_.end(), number)};
  return buffer;
}

void BufferCache::shrink() {
  if (blocks_.size() < blocks_max_) return;
  // A bounded search: what is dirty or in use goes to the young end.
  for (usize tries = 64; tries > 0 && blocks_.size() >= blocks_max_ && !ages_.empty(); --tries) {
    const u64 oldest = ages_.front();
    auto found = blocks_.find(oldest);
    if (found->second.buffer.use_count() > 1 || found->second.buffer->dirty) {
      ages_.splice(ages_.end(), ages_, ages_.begin());
    } else {
      ages_.pop_front();
      blocks_.erase(found);
    }
  }
}

void BufferCache::forget(u64 number) {
  auto found = blocks_.find(number);
  if (found == blocks_.end()) return;
  found->second.buffer->kind = BlockKind::kNone;
  found->second.buffer->dirty = false;
  found->second.buffer->running = false;
  ages_.erase(found->second.age);
  blocks_.erase(found);
}

void BufferCache::clear() {
  blocks_.clear();
  ages_.clear();
}

}  // namespace hati::ext4
