// SPDX-License-Identifier: MIT
// Mounting and unmounting for a client, and conversions.
#include "servers/ext4/service/session.h"

#include <cstring>

#include "runtime/combine.h"
#include "runtime/log.h"

namespace hati::ext4 {

namespace {

constexpr u64 kCommitInterval = 5 * kNsPerSecond;  // as Linux's commit=5

Errno disk_error(Error error) {
  switch (error) {
    case Error::kNotFound: return Errno::kNoDevice;
    case Error::kBusy: return Errno::kBusy;
    default: return to_errno(error);
  }
}

}  // namespace

file_system::Attributes to_wire(const Attributes& a) {
  return {.node = a.node,
          .generation = a.generation,
          .mode = a.mode,
          .links = a.links,
          .uid = a.uid,
          .gid = a.gid,
          .device = a.device,
          .size = a.size,
          .blocks = a.blocks,
          .flags = a.flags,
          .has_xattrs = a.has_xattrs ? 1u : 0u,
          .access = to_wire(a.access),
          .modify = to_wire(a.modify),
          .change = to_wire(a.change),
          .birth = to_wire(a.birth)};
}

file_system::NodeReply node_reply(const Outcome<Attributes>& outcome) {
  if (!outcome) return {.error = to_wire(outcome.error()), .attributes = {}};
  return {.error = 0, .attributes = to_wire(*outcome)};
}

std::string text_of(const CallContext& context) {
  return {reinterpret_cast<const char*>(context.in.payload.data()), context.in.payload.size()};
}

void attach(CallContext& context, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.substr(0, kPayloadMax)));
  context.out.payload.assign(bytes.begin(), bytes.end());
}

std::pair<std::string, std::string> split_text(const std::string& text) {
  const usize zero = text.find('\0');
  if (zero == text.npos) return {text, ""};
  return {text.substr(0, zero), text.substr(zero + 1)};
}

Async<Attributes> Session::mount(std::string disk, file_system::MountRequest request, std::string* reason) {
  auto device = co_await surroundings_.open_disk(disk);
  if (!device) co_return failed(disk_error(device.error()));
  auto store = surroundings_.make_pages();
  if (!store) co_return failed(to_errno(store.error()));
  auto made = std::make_unique<Mount>();
  made->device = *std::move(device);
  made->store = *std::move(store);
  const MountOptions options{.read_only = (request.flags & file_system::kMountReadOnly) != 0,
                             .no_recovery = (request.flags & file_system::kMountNoRecovery) != 0,
                             .on_error = static_cast<u16>(request.on_error),
                             .now = from_wire(request.now)};
  auto volume = co_await Volume::mount(made->device.get(), options, reason);
  if (!volume) co_return failed(volume.error());
  made->fs = std::make_unique<FileSystem>(*std::move(volume));
  made->pages = std::make_unique<Pages>(*made->fs, *made->store);
  made->scope = std::make_unique<Scope>();
  made->scope->start(made->pages->serve());
  mount_ = std::move(made);
  mount_->scope->start(commit_from_time_to_time());
  co_return co_await mount_->fs->attributes(kRootInode);
}

// What nobody synchronises is durable some seconds later.
Task<void> Session::commit_from_time_to_time() {
  while (co_await sleep_for(kCommitInterval)) {
    if (!mount_->fs->volume().read_only) (void)co_await mount_->fs->volume().commit();
  }
}

Task<Result<file_system::MountReply>> Session::on(file_system::MountRequest request, CallContext& context) {
  if (mount_) co_return file_system::MountReply{.error = to_wire(Errno::kBusy)};
  if (request.on_error > file_system::OnError::kPanic) co_return fail(Error::kBadData);
  std::string reason;
  const std::string disk = text_of(context);
  const auto root = co_await mount(disk, request, &reason);
  if (!root) {
    log_warning("ext4: {} is not mounted: {}", std::string_view(disk), std::string_view(reason));
    attach(context, reason);
    co_return file_system::MountReply{.error = to_wire(root.error())};
  }
  co_return file_system::MountReply{.error = 0, .read_only = mount_->fs->volume().read_only, .root = to_wire(*root)};
}

Task<Result<file_system::StatusReply>> Session::on(file_system::RemountRequest request, CallContext&) {
  if (!mount_) co_return status_reply(failed(Errno::kNoDevice));
  auto written = co_await mount_->pages->write_back_all();
  if (written) written = co_await mount_->fs->volume().remount((request.flags & file_system::kMountReadOnly) != 0);
  co_return status_reply(written);
}

Async<void> Session::unmount() {
  auto written = co_await mount_->pages->write_back_all();
  mount_->scope->cancel();
  co_await mount_->scope->join();
  const auto ended = co_await mount_->fs->volume().unmount();
  mount_.reset();
  co_return written ? ended : written;
}

Task<Result<file_system::StatusReply>> Session::on(file_system::UnmountRequest, CallContext&) {
  if (!mount_) co_return status_reply(failed(Errno::kNoDevice));
  co_return status_reply(co_await unmount());
}

Task<void> Session::end() {
  if (mount_ && !co_await unmount()) log_error("ext4: a file system could not be unmounted cleanly");
}

Task<Result<file_system::StatusReply>> Session::on(file_system::SyncAllRequest, CallContext&) {
  if (!mount_) co_return status_reply(failed(Errno::kNoDevice));
  auto written = co_await mount_->pages->write_back_all();
  const auto synced = co_await mount_->fs->volume().sync();
  co_return status_reply(written ? synced : written);
}

Task<Result<file_system::StatisticsReply>> Session::on(file_system::StatisticsRequest, CallContext&) {
  file_system::StatisticsReply reply{.error = to_wire(Errno::kNoDevice)};
  if (!mount_) co_return reply;
  const auto found = co_await mount_->fs->statistics();
  if (!found) {
    reply.error = to_wire(found.error());
    co_return reply;
  }
  co_return file_system::StatisticsReply{.error = 0,
                                         .block_size = found->block_size,
                                         .blocks = found->blocks,
                                         .free_blocks = found->free,
                                         .available_blocks = found->available,
                                         .nodes = found->inodes,
                                         .free_nodes = found->free_inodes,
                                         .id = found->id};
}

}  // namespace hati::ext4
