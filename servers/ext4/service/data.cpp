// SPDX-License-Identifier: MIT
// Requests about data and extended attributes.
#include "servers/ext4/service/session.h"

namespace hati::ext4 {

using namespace file_system;

namespace {

StatusReply no_mount() { return status_reply(failed(Errno::kNoDevice)); }

ValueReply value_reply(const std::string& value, u32 bytes_max, CallContext& context) {
  const u32 bytes = static_cast<u32>(value.size());
  if (bytes_max == 0) return {.error = 0, .bytes = bytes};
  if (bytes > bytes_max || bytes > kPayloadMax) return {.error = to_wire(Errno::kRange), .bytes = bytes};
  attach(context, value);
  return {.error = 0, .bytes = bytes};
}

}  // namespace

Task<Result<OpenDataReply>> Session::on(OpenDataRequest request, CallContext& context) {
  OpenDataReply reply{.error = to_wire(Errno::kNoDevice)};
  if (!mount_) co_return reply;
  const auto pages = co_await mount_->pages->open(request.node);
  if (!pages) co_return OpenDataReply{.error = to_wire(pages.error())};
  auto handle = (*pages)->client_handle();
  if (!handle) co_return fail(handle.error());
  context.out.handles.push_back(*std::move(handle));
  co_return OpenDataReply{.error = 0, .memory_bytes = (*pages)->bytes()};
}

Task<Result<ReserveReply>> Session::on(ReserveRequest request, CallContext&) {
  if (!mount_) co_return ReserveReply{.error = to_wire(Errno::kNoDevice)};
  if (request.bytes > u64{1} << 62) co_return ReserveReply{.error = to_wire(Errno::kFileTooBig)};
  const auto reserved = co_await mount_->fs->reserve(request.node, request.bytes, {.privileged = request.privileged != 0});
  if (!reserved) co_return ReserveReply{.error = to_wire(reserved.error())};
  const auto pages = co_await mount_->pages->open(request.node);
  if (!pages) co_return ReserveReply{.error = to_wire(pages.error())};
  if ((*pages)->bytes() < request.bytes) {
    if (auto grown = (*pages)->resize(page_ceil(request.bytes)); !grown) co_return ReserveReply{.error = to_wire(to_errno(grown.error()))};
  }
  co_return ReserveReply{.error = 0, .memory_bytes = (*pages)->bytes()};
}

Task<Result<StatusReply>> Session::on(SyncRequest request, CallContext&) {
  if (!mount_) co_return no_mount();
  const u64 end = request.bytes == 0 || request.offset + request.bytes < request.offset ? ~u64{0} : request.offset + request.bytes;
  const auto written = co_await mount_->pages->write_back(request.node, page_floor(request.offset), end);
  const auto synced = co_await mount_->fs->sync_node(request.node, request.data_only != 0);
  co_return status_reply(written ? synced : written);
}

Task<Result<StatusReply>> Session::on(AllocateRequest request, CallContext&) {
  if (!mount_) co_return no_mount();
  const bool drops = (request.flags & (kPunchHole | kZeroRange)) != 0;
  const u64 end = request.offset + request.bytes;
  if (end < request.offset) co_return status_reply(failed(Errno::kFileTooBig));
  // Pages at the edges are zeroed on the disk only in part: they are written before and dropped after.
  const auto pages = mount_->pages->find(request.node);
  if (drops && pages) {
    if (auto written = co_await mount_->pages->write_back(request.node, page_floor(request.offset), end); !written)
      co_return status_reply(written);
  }
  const auto done = co_await mount_->fs->allocate(request.node, request.offset, request.bytes, request.flags, from_wire(request.caller));
  if (done && pages) {
    const u64 last = std::min(page_ceil(std::min(end, ~u64{0} - kPageSize)), pages->bytes());
    const u64 first = page_floor(request.offset);
    if (drops && first < last) {
      if (auto dropped = pages->discard(first, last - first); !dropped) co_return fail(dropped.error());
    }
    const auto attributes = co_await mount_->fs->attributes(request.node);
    if (attributes && pages->bytes() < page_ceil(attributes->size)) {
      if (auto grown = pages->resize(page_ceil(attributes->size)); !grown) co_return fail(grown.error());
    }
  }
  co_return status_reply(done);
}

Task<Result<SeekReply>> Session::on(SeekRequest request, CallContext&) {
  if (!mount_) co_return SeekReply{.error = to_wire(Errno::kNoDevice)};
  if (auto written = co_await mount_->pages->write_back(request.node, 0, ~u64{0}); !written)
    co_return SeekReply{.error = to_wire(written.error())};
  const auto found = co_await mount_->fs->seek(request.node, request.offset, request.data != 0);
  if (!found) co_return SeekReply{.error = to_wire(found.error())};
  co_return SeekReply{.error = 0, .offset = *found};
}

Async<void> Session::direct(DirectRequest request, const OwnedHandle* memory) {
  const u64 mask = mount_->fs->volume().geometry.block_size - 1;
  if (((request.offset | request.memory_offset | request.bytes) & mask) != 0 || request.offset + request.bytes < request.offset) {
    co_return failed(Errno::kInvalid);
  }
  const u64 end = request.offset + request.bytes;
  CO_TRY(co_await mount_->pages->write_back(request.node, page_floor(request.offset), end));
  const Piece piece = surroundings_.client_piece(*memory, request.memory_offset, request.bytes);
  if (request.write == 0) co_return co_await mount_->fs->read(request.node, request.offset, piece);
  CO_TRY(co_await mount_->fs->write(request.node, request.offset, piece));
  if (const auto pages = mount_->pages->find(request.node)) {
    const u64 last = std::min(page_ceil(end), pages->bytes()), first = page_floor(request.offset);
    if (first < last) CO_TRY(to_outcome(pages->discard(first, last - first)));
  }
  co_return Outcome<void>{};
}

Task<Result<StatusReply>> Session::on(DirectRequest request, CallContext& context) {
  if (!mount_) co_return no_mount();
  if (context.in.handles.size() != 1) co_return fail(Error::kBadData);
  co_return status_reply(co_await direct(request, &context.in.handles[0]));
}

Task<Result<ValueReply>> Session::on(GetXattrRequest request, CallContext& context) {
  if (!mount_) co_return ValueReply{.error = to_wire(Errno::kNoDevice)};
  const auto value = co_await mount_->fs->get_xattr(request.node, text_of(context));
  if (!value) co_return ValueReply{.error = to_wire(value.error())};
  co_return value_reply(*value, request.bytes_max, context);
}

Task<Result<ValueReply>> Session::on(ListXattrRequest request, CallContext& context) {
  if (!mount_) co_return ValueReply{.error = to_wire(Errno::kNoDevice)};
  const auto names = co_await mount_->fs->list_xattrs(request.node);
  if (!names) co_return ValueReply{.error = to_wire(names.error())};
  std::string all;
  for (const std::string& name : *names) all.append(name).push_back('\0');
  co_return value_reply(all, request.bytes_max, context);
}

Task<Result<StatusReply>> Session::on(SetXattrRequest request, CallContext& context) {
  if (!mount_) co_return no_mount();
  auto [name, value] = split_text(text_of(context));
  co_return status_reply(co_await mount_->fs->set_xattr(request.node, std::move(name), std::move(value), request.flags,
                                                        from_wire(request.caller), request.mode));
}

Task<Result<StatusReply>> Session::on(RemoveXattrRequest request, CallContext& context) {
  if (!mount_) co_return no_mount();
  co_return status_reply(co_await mount_->fs->remove_xattr(request.node, text_of(context), from_wire(request.caller), request.mode));
}

}  // namespace hati::ext4
