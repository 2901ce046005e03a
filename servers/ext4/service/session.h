// SPDX-License-Identifier: MIT
// One client of protocols/file_system.h: its mount and the requests on it. Whatever it sends, others are not harmed; when it goes, what it
// held goes, and the file system is unmounted.
#pragma once

#include <set>

#include "protocols/file_system.h"
#include "servers/ext4/service/pages.h"

namespace hati::ext4 {

// Finds disks and makes page stores: the program's surroundings, or a test's.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  // kNotFound; kBusy: mounted already.
  virtual Task<Result<std::unique_ptr<BlockDevice>>> open_disk(std::string name) = 0;
  virtual Result<std::unique_ptr<PageStore>> make_pages() = 0;
  // A piece of a client's Memory, for direct input and output.
  virtual Piece client_piece(const OwnedHandle& memory, u64 offset, u64 bytes) = 0;
};

class Session {
 public:
  explicit Session(Surroundings& surroundings) : surroundings_(surroundings) {}

  Task<Result<file_system::MountReply>> on(file_system::MountRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::RemountRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::UnmountRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::SyncAllRequest request, CallContext& context);
  Task<Result<file_system::StatisticsReply>> on(file_system::StatisticsRequest request, CallContext& context);
  // names.cpp
  Task<Result<file_system::NodeReply>> on(file_system::LookupRequest request, CallContext& context);
  Task<Result<file_system::NodeReply>> on(file_system::GetAttributesRequest request, CallContext& context);
  Task<Result<file_system::NodeReply>> on(file_system::SetAttributesRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::ForgetRequest request, CallContext& context);
  Task<Result<file_system::CreateReply>> on(file_system::CreateRequest request, CallContext& context);
  Task<Result<file_system::NodeReply>> on(file_system::LinkRequest request, CallContext& context);
  Task<Result<file_system::RemoveReply>> on(file_system::RemoveRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::RenameRequest request, CallContext& context);
  Task<Result<file_system::ReadDirectoryReply>> on(file_system::ReadDirectoryRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::ReadLinkRequest request, CallContext& context);
  // data.cpp
  Task<Result<file_system::OpenDataReply>> on(file_system::OpenDataRequest request, CallContext& context);
  Task<Result<file_system::ReserveReply>> on(file_system::ReserveRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::SyncRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::AllocateRequest request, CallContext& context);
  Task<Result<file_system::SeekReply>> on(file_system::SeekRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::DirectRequest request, CallContext& context);
  Task<Result<file_system::ValueReply>> on(file_system::GetXattrRequest request, CallContext& context);
  Task<Result<file_system::ValueReply>> on(file_system::ListXattrRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::SetXattrRequest request, CallContext& context);
  Task<Result<file_system::StatusReply>> on(file_system::RemoveXattrRequest request, CallContext& context);

  // The client is gone and no call is in progress.
  Task<void> end();

 private:
  Async<Attributes> mount(std::string disk, file_system::MountRequest request, std::string* reason);
  Async<void> unmount();
  Task<void> commit_from_time_to_time();
  Async<void> direct(file_system::DirectRequest request, const OwnedHandle* memory);
  Async<Attributes> set_attributes(file_system::SetAttributesRequest request);

  // What a mount consists of; the device and the page store outlive what uses them.
  struct Mount {
    std::unique_ptr<BlockDevice> device;
    std::unique_ptr<PageStore> store;
    std::unique_ptr<FileSystem> fs;
    std::unique_ptr<Pages> pages;
    std::unique_ptr<Scope> scope;
  };

  Surroundings& surroundings_;
  std::unique_ptr<Mount> mount_;
};

// Between the protocol's structures and the library's.
inline Timestamp from_wire(const file_system::Time& time) {
  return {time.seconds, static_cast<u32>(std::min<u64>(time.nanoseconds, 999'999'999))};
}
inline file_system::Time to_wire(const Timestamp& time) { return {time.seconds, time.nanoseconds}; }
inline Caller from_wire(const file_system::Caller& caller) {
  return {caller.uid, caller.gid, caller.privileged != 0, from_wire(caller.now)};
}
file_system::Attributes to_wire(const Attributes& attributes);
file_system::NodeReply node_reply(const Outcome<Attributes>& outcome);
inline u32 to_wire(Errno error) { return static_cast<u32>(error); }
inline file_system::StatusReply status_reply(const Outcome<void>& outcome) { return {outcome ? 0 : to_wire(outcome.error())}; }
std::string text_of(const CallContext& context);
void attach(CallContext& context, std::string_view text);
// Splits at the first zero byte; without one, the second part is empty.
std::pair<std::string, std::string> split_text(const std::string& text);

}  // namespace hati::ext4
