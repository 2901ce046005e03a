// SPDX-License-Identifier: MIT
#include "servers/linux/fs/remote/file_system.h"

#include "runtime/combine.h"
#include "runtime/log.h"
#include "servers/linux/core/world.h"
#include "servers/linux/fs/remote/inode.h"

namespace hati::linux {

namespace {

constexpr u64 kPushInterval = 5 * kNsPerSecond;  // as long as the server waits before it commits
constexpr u64 kMagic = 0xef53;

Task<SysResult<Channel>> connect() {
  Attachments out;
  const auto connected = co_await World::get().system.call(system::ConnectRequest{.service = "ext4"}, nullptr, &out);
  if (!connected || out.handles.size() != 1) co_return fail(Errno::kNODEV);
  co_return Channel(out.handles[0].release());
}

// "errors=remount-ro" and what changes nothing here. kINVAL for what is not known.
SysResult<file_system::OnError> parse_options(std::string_view options) {
  auto on_error = file_system::OnError::kAsSuperblock;
  while (!options.empty()) {
    const usize comma = std::min(options.find(','), options.size());
    const std::string_view word = options.substr(0, comma);
    options.remove_prefix(std::min(comma + 1, options.size()));
    if (word == "errors=continue") {
      on_error = file_system::OnError::kContinue;
    } else if (word == "errors=remount-ro") {
      on_error = file_system::OnError::kRemountReadOnly;
    } else if (word == "errors=panic") {
      on_error = file_system::OnError::kPanic;
    } else if (word != "defaults" && word != "data=ordered" && word != "rw" && word != "ro" && !word.empty()) {
      return fail(Errno::kINVAL);
    }
  }
  return on_error;
}

}  // namespace

file_system::Time to_wire(const Timespec& time) { return {time.seconds, static_cast<u64>(time.nanoseconds)}; }
file_system::Caller caller_for(u32 uid, u32 gid, bool privileged) {
  return {.uid = uid, .gid = gid, .privileged = privileged ? 1u : 0u, .now = to_wire(wall_time_now())};
}

Attachments with_text(std::string_view text) {
  Attachments in;
  const auto bytes = std::as_bytes(std::span(text));
  in.payload.assign(bytes.begin(), bytes.end());
  return in;
}

RemoteFileSystem::RemoteFileSystem(const char* type_name, Channel channel) : type_name_(type_name), client_(std::move(channel)) {}
RemoteFileSystem::~RemoteFileSystem() = default;

Task<SysResult<Ref<FileSystem>>> RemoteFileSystem::mount(const char* type_name, std::string source, std::string options, bool read_only) {
  const auto on_error = CO_TRY(parse_options(options));
  std::string_view disk = source;
  if (!disk.starts_with("/dev/")) co_return fail(Errno::kNOENT);
  disk.remove_prefix(5);
  auto made = Ref<RemoteFileSystem>::adopt(std::make_unique<RemoteFileSystem>(type_name, CO_TRY(co_await connect())).release());
  Attachments in = with_text(disk), out;
  const file_system::MountRequest request{
      .flags = read_only ? file_system::kMountReadOnly : 0u, .on_error = on_error, .now = to_wire(wall_time_now())};
  const auto reply = CO_TRY(co_await made->ask(request, &in, &out));
  made->read_only.store(reply.read_only != 0, std::memory_order_relaxed);
  made->root_ = made->intern(reply.root);
  co_await made->root_->learn_lists(reply.root.has_xattrs != 0);
  World::get().scope().start(push_from_time_to_time(made));
  co_return Ref<FileSystem>(std::move(made));
}

Ref<Inode> RemoteFileSystem::root() { return Ref<Inode>(root_); }

Ref<RemoteInode> RemoteFileSystem::intern(const file_system::Attributes& attributes) {
  SpinGuard guard(lock_);
  RemoteInode*& known = inodes_[attributes.node];
  Ref<RemoteInode> inode;
  if (known != nullptr && known->try_ref()) {
    inode = Ref<RemoteInode>::adopt(known);
  } else {
    inode = Ref<RemoteInode>::adopt(std::make_unique<RemoteInode>(*this, attributes).release());
    known = inode.get();
  }
  inode->learn(attributes);
  SpinGuard counting(inode->lock_);
  ++inode->references_;
  return inode;
}

// What is left to do for a node that nobody here knows any more.
struct RemoteFileSystem::Farewell {
  file_system::SetAttributesRequest unsent;
  bool has_unsent;
  file_system::ForgetRequest forget;
  OwnedHandle memory;
};

Task<> RemoteFileSystem::say_farewell(Ref<RemoteFileSystem> self, Farewell farewell) {
  if (farewell.has_unsent) (void)co_await self->ask(farewell.unsent);
  farewell.memory.reset();
  (void)co_await self->ask(farewell.forget);
  self->settle();
}

void RemoteFileSystem::settle() {
  if (farewells_.fetch_sub(1, std::memory_order_acq_rel) == 1) settled_.set();
}

void RemoteFileSystem::forget(RemoteInode& inode) {
  {
    SpinGuard guard(lock_);
    if (const auto found = inodes_.find(inode.node()); found != inodes_.end() && found->second == &inode) inodes_.erase(found);
  }
  Farewell farewell{};
  {
    SpinGuard guard(inode.lock_);
    farewell.has_unsent = inode.unsent_.any();
    if (farewell.has_unsent) farewell.unsent = inode.unsent_request();
    farewell.forget = {.node = inode.node(), .count = inode.references_, .now = to_wire(wall_time_now())};
  }
  farewell.memory = std::move(inode.memory_);
  farewells_.fetch_add(1, std::memory_order_acq_rel);
  World::get().scope().start(say_farewell(Ref<RemoteFileSystem>(*this), std::move(farewell)));
}

void RemoteFileSystem::note_changed(RemoteInode& inode) {
  SpinGuard guard(lock_);
  changed_.push_back(Ref<RemoteInode>(inode));
}

Task<SysResult<>> RemoteFileSystem::push_all() {
  std::vector<Ref<RemoteInode>> changed;
  {
    SpinGuard guard(lock_);
    changed.swap(changed_);
  }
  SysResult<> worst;
  for (const Ref<RemoteInode>& inode : changed) {
    // What is mapped for writing may change at any time: it stays on the list.
    bool stays = false;
    {
      SpinGuard guard(inode->lock_);
      stays = inode->listed_ = inode->writable_mappings_.load(std::memory_order_acquire) != 0;
    }
    if (stays) note_changed(*inode);
    if (const SysResult<> pushed = co_await inode->push(); !pushed) worst = pushed;
  }
  co_return worst;
}

// What nobody synchronises reaches the server some seconds later, as the kernel's write-back does with pages.
Task<> RemoteFileSystem::push_from_time_to_time(Ref<RemoteFileSystem> self) {
  for (;;) {
    const auto ended = co_await self->ending_.wait(now_ns() + kPushInterval);
    (void)co_await self->push_all();  // at the end, too: what is listed there keeps the file system
    if (ended || ended.error() != Error::kTimedOut) co_return;
  }
}

Task<SysResult<>> RemoteFileSystem::sync() {
  const SysResult<> pushed = co_await push_all();
  CO_TRY(co_await ask(file_system::SyncAllRequest{}));
  co_return pushed;
}

void RemoteFileSystem::shut_down() {
  root_.reset();
  ending_.set();
}

// The inodes that were in use are gone, or say farewell.
Task<SysResult<>> RemoteFileSystem::finish() {
  const SysResult<> pushed = co_await push_all();
  for (;;) {
    settled_.reset();
    if (farewells_.load(std::memory_order_acquire) == 0) break;
    CO_TRY(from_native(co_await settled_.wait()));
  }
  CO_TRY(co_await ask(file_system::UnmountRequest{}));
  co_return pushed;
}

FileSystem::Statistics RemoteFileSystem::statistics() {
  SpinGuard guard(lock_);
  return statistics_;
}

Task<SysResult<>> RemoteFileSystem::ask_statistics() {
  const auto reply = CO_TRY(co_await ask(file_system::StatisticsRequest{}));
  SpinGuard guard(lock_);
  statistics_ = {.magic = kMagic,
                 .block_size = reply.block_size,
                 .blocks = reply.blocks,
                 .blocks_free = reply.free_blocks,
                 .inodes = reply.nodes,
                 .inodes_free = reply.free_nodes,
                 .blocks_available = reply.available_blocks};
  co_return SysResult<>{};
}

SysResult<> RemoteFileSystem::remount(std::string_view options) {
  TRY(parse_options(options));
  return {};
}

Task<SysResult<>> RemoteFileSystem::change_read_only(bool wanted) {
  CO_TRY(co_await push_all());
  CO_TRY(co_await ask(file_system::RemountRequest{.flags = wanted ? file_system::kMountReadOnly : 0u}));
  co_return SysResult<>{};
}

}  // namespace hati::linux
