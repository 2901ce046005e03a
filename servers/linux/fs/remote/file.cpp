// SPDX-License-Identifier: MIT
#include "servers/linux/fs/remote/file.h"

#include <algorithm>
#include <cstring>

namespace hati::linux {

SysResult<usize> RemoteFile::read_at(IoContext& context, IoBuffer& to, u64 offset) {
  const SysResult<usize> done = node_->read(context, to, offset);
  if (done && (flags() & kOpenNoAccessTime) == 0) node_->touch_access();
  return done;
}

SysResult<MappableMemory> RemoteFile::mappable(bool shared, bool write) {
  if (node_->memory() == kNoHandle) return fail(Errno::kNEEDASYNC);
  if (shared && write && !mapped_writable_.exchange(true, std::memory_order_acq_rel)) node_->add_writable_mapping();
  return MappableMemory{.memory = node_->memory()};
}

void RemoteFile::on_release() {
  if (mapped_writable_.load(std::memory_order_acquire)) node_->remove_writable_mapping();
}

SysResult<i64> RemoteDirectory::seek(i64 offset, u32 whence) {
  const i64 target = TRY(DirectoryFile::seek(offset, whence));
  if (whence == 1 && offset == 0) return target;
  SpinGuard guard(lock_);
  entries_.clear();  // rewinddir(3) sees what was added since
  end_ = ~u64{0};
  return target;
}

SysResult<> RemoteDirectory::iterate(DirectoryEmitter& emitter) {
  SpinGuard guard(lock_);
  bool emitted = false;
  auto at = std::ranges::find(entries_, position(), &Entry::position);
  for (; at != entries_.end(); ++at) {
    if (!emitter.emit(at->name, at->node, at->type, at->next)) return {};
    set_position(at->next);
    emitted = true;
  }
  if (emitted || position() == end_) return {};
  return fail(Errno::kNEEDASYNC);
}

Task<SysResult<>> RemoteDirectory::fetch(Missing) {
  u64 position = this->position();
  Attachments out;
  const auto reply = CO_TRY(co_await node_->remote().ask(
      file_system::ReadDirectoryRequest{.directory = node_->node(), .bytes_max = kPayloadMax, .cookie = position}, nullptr, &out));
  std::vector<Entry> entries;
  usize offset = 0;
  for (u32 i = 0; i < reply.count; ++i) {
    file_system::DirectoryRecord record{};
    if (out.payload.size() - offset < sizeof record) co_return fail(Errno::kIO);
    std::memcpy(&record, out.payload.data() + offset, sizeof record);
    offset += sizeof record;
    if (out.payload.size() - offset < record.name_bytes) co_return fail(Errno::kIO);
    entries.push_back({.name = std::string(reinterpret_cast<const char*>(out.payload.data() + offset), record.name_bytes),
                       .node = record.node,
                       .position = position,
                       .next = record.next,
                       .type = static_cast<u8>(record.type)});
    position = record.next;
    offset += (record.name_bytes + 7u) & ~usize{7};
    offset = std::min(offset, out.payload.size());
  }
  node_->touch_access();
  SpinGuard guard(lock_);
  if (entries.empty()) end_ = position;
  entries_ = std::move(entries);
  co_return SysResult<>{};
}

}  // namespace hati::linux
