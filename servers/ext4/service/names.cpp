// SPDX-License-Identifier: MIT
// Requests about names and attributes.
#include <cstring>

#include "servers/ext4/service/session.h"

namespace hati::ext4 {

using namespace file_system;

namespace {

// DT_* of dirent.h, by the type on the disk.
constexpr u16 kDirentTypes[] = {0, 8, 4, 2, 6, 1, 12, 10};

StatusReply no_mount() { return status_reply(failed(Errno::kNoDevice)); }
NodeReply no_mount_node() { return node_reply(failed(Errno::kNoDevice)); }

// Appends a record; false: it does not fit.
bool add_record(const ListedEntry& entry, usize bytes_max, std::vector<std::byte>& payload) {
  const DirectoryRecord record{.next = entry.next,
                               .node = entry.inode,
                               .type = entry.type < std::size(kDirentTypes) ? kDirentTypes[entry.type] : u16{0},
                               .name_bytes = static_cast<u16>(entry.name.size())};
  const usize at = payload.size(), padded = (entry.name.size() + 7) & ~usize{7};
  if (at + sizeof(record) + padded > bytes_max) return false;
  payload.resize(at + sizeof(record) + padded);
  std::memcpy(payload.data() + at, &record, sizeof(record));
  std::memcpy(payload.data() + at + sizeof(record), entry.name.data(), entry.name.size());
  return true;
}

}  // namespace

Task<Result<NodeReply>> Session::on(LookupRequest request, CallContext& context) {
  if (!mount_) co_return no_mount_node();
  co_return node_reply(co_await mount_->fs->lookup(request.directory, text_of(context)));
}

Task<Result<NodeReply>> Session::on(GetAttributesRequest request, CallContext&) {
  if (!mount_) co_return no_mount_node();
  co_return node_reply(co_await mount_->fs->attributes(request.node));
}

Async<Attributes> Session::set_attributes(SetAttributesRequest request) {
  ext4::AttributeChange change{
      .bits = request.bits, .mode = request.mode, .uid = request.uid, .gid = request.gid, .flags = request.flags, .size = request.size};
  change.access = from_wire(request.access);
  change.modify = from_wire(request.modify);
  change.change = from_wire(request.change);
  const auto pages = mount_->pages->find(request.node);
  if (pages && (request.bits & kSize) != 0) {
    const Attributes before = CO_TRY(co_await mount_->fs->attributes(request.node));
    // Pages beyond a new end go first: nothing of them may be written later.
    if (request.size < before.size) {
      if (auto cut = pages->resize(page_ceil(request.size)); !cut) co_return failed(to_errno(cut.error()));
    }
  }
  const Attributes result = CO_TRY(co_await mount_->fs->set_attributes(request.node, change, from_wire(request.caller)));
  if (pages && (request.bits & kSize) != 0 && pages->bytes() < page_ceil(request.size)) {
    if (auto grown = pages->resize(page_ceil(request.size)); !grown) co_return failed(to_errno(grown.error()));
  }
  co_return result;
}

Task<Result<NodeReply>> Session::on(SetAttributesRequest request, CallContext&) {
  if (!mount_) co_return no_mount_node();
  if (request.size > u64{1} << 62) co_return node_reply(failed(Errno::kFileTooBig));
  co_return node_reply(co_await set_attributes(request));
}

Task<Result<StatusReply>> Session::on(ForgetRequest request, CallContext&) {
  if (!mount_) co_return no_mount();
  const auto attributes = co_await mount_->fs->attributes(request.node);
  const bool has_pages = mount_->pages->find(request.node) != nullptr;
  // What is dirty has to reach the disk while the node is still there, unless it is going to be deleted.
  if (has_pages && attributes && attributes->links != 0) (void)co_await mount_->pages->write_back(request.node, 0, ~u64{0});
  const auto forgotten = co_await mount_->fs->forget(request.node, request.count, from_wire(request.now));
  if (has_pages && !co_await mount_->fs->attributes(request.node)) mount_->pages->close(request.node);
  co_return status_reply(forgotten);
}

Task<Result<CreateReply>> Session::on(CreateRequest request, CallContext& context) {
  if (!mount_) co_return CreateReply{.error = to_wire(Errno::kNoDevice), .attributes = {}, .directory = {}};
  std::string text = text_of(context);
  if (u64{request.access_list_bytes} + request.default_list_bytes > text.size()) co_return fail(Error::kBadData);
  const auto take_end = [&](u32 bytes) {
    std::string end = text.substr(text.size() - bytes);
    text.resize(text.size() - bytes);
    return end;
  };
  NewNode wanted{.mode = request.mode, .device = request.device, .target = {}, .access_list = {}, .default_list = {}};
  wanted.default_list = take_end(request.default_list_bytes);
  wanted.access_list = take_end(request.access_list_bytes);
  auto [name, target] = split_text(text);
  wanted.target = std::move(target);
  const Caller caller = from_wire(request.caller);
  const auto made = name.empty() ? co_await mount_->fs->create_unnamed(request.directory, wanted, caller)
                                 : co_await mount_->fs->create(request.directory, std::move(name), wanted, caller);
  const NodeReply node = node_reply(made);
  if (node.error != 0) co_return CreateReply{.error = node.error, .attributes = {}, .directory = {}};
  const NodeReply directory = node_reply(co_await mount_->fs->attributes(request.directory));
  co_return CreateReply{.error = directory.error, .attributes = node.attributes, .directory = directory.attributes};
}

Task<Result<NodeReply>> Session::on(LinkRequest request, CallContext& context) {
  if (!mount_) co_return no_mount_node();
  co_return node_reply(co_await mount_->fs->link(request.node, request.directory, text_of(context), from_wire(request.caller)));
}

Task<Result<RemoveReply>> Session::on(RemoveRequest request, CallContext& context) {
  RemoveReply reply{.error = to_wire(Errno::kNoDevice), .exists = 0, .directory = {}, .removed = {}};
  if (!mount_) co_return reply;
  const Caller caller = from_wire(request.caller);
  const auto number = request.is_directory != 0 ? co_await mount_->fs->remove_directory(request.directory, text_of(context), caller)
                                                : co_await mount_->fs->unlink(request.directory, text_of(context), caller);
  if (!number) {
    reply.error = to_wire(number.error());
    co_return reply;
  }
  const NodeReply directory = node_reply(co_await mount_->fs->attributes(request.directory));
  reply.error = directory.error;
  reply.directory = directory.attributes;
  if (const NodeReply removed = node_reply(co_await mount_->fs->attributes(*number)); removed.error == 0) {
    reply.exists = 1;
    reply.removed = removed.attributes;
  }
  co_return reply;
}

Task<Result<StatusReply>> Session::on(RenameRequest request, CallContext& context) {
  if (!mount_) co_return no_mount();
  auto [from, to] = split_text(text_of(context));
  co_return status_reply(
      co_await mount_->fs->rename(request.from, std::move(from), request.to, std::move(to), request.flags, from_wire(request.caller)));
}

Task<Result<ReadDirectoryReply>> Session::on(ReadDirectoryRequest request, CallContext& context) {
  if (!mount_) co_return ReadDirectoryReply{.error = to_wire(Errno::kNoDevice)};
  const usize bytes_max = std::min<usize>(request.bytes_max, kPayloadMax);
  const auto entries = co_await mount_->fs->list(request.directory, request.cookie, bytes_max / 32 + 1);
  if (!entries) co_return ReadDirectoryReply{.error = to_wire(entries.error())};
  u32 count = 0;
  while (count < entries->size() && add_record((*entries)[count], bytes_max, context.out.payload)) ++count;
  if (count == 0 && !entries->empty()) co_return ReadDirectoryReply{.error = to_wire(Errno::kInvalid)};
  co_return ReadDirectoryReply{.error = 0, .count = count};
}

Task<Result<StatusReply>> Session::on(ReadLinkRequest request, CallContext& context) {
  if (!mount_) co_return no_mount();
  const auto target = co_await mount_->fs->read_link(request.node);
  if (!target) co_return status_reply(failed(target.error()));
  attach(context, *target);
  co_return StatusReply{.error = 0};
}

}  // namespace hati::ext4
