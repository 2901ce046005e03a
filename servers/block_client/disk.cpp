// SPDX-License-Identifier: MIT
// The connection to the driver, and requests on top of the queues.
#include "servers/block_client/disk.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "runtime/executor.h"
#include "runtime/log.h"
#include "servers/block_client/queue.h"

namespace hati::block {

Task<Result<Channel>> InitConnector::connect(u32 instance) {
  system::ConnectRequest request{.service = "block", .instance = instance};
  Attachments out;
  CO_TRY(co_await init_.call(request, nullptr, &out));
  if (out.handles.size() != 1) co_return fail(Error::kBadData);
  co_return Channel(out.handles[0].release());
}

Disk::Disk(Connector& connector) : connector_(connector) {}
Disk::~Disk() = default;

// An open connection; again and again while drivers die under it.
Task<Result<Client<BlockProtocol>>> Disk::connect_to(u32 instance) {
  for (;;) {
    Client<BlockProtocol> client(CO_TRY(co_await connector_.connect(instance)));
    OpenRequest request{};
    std::memcpy(request.name, info_.name, sizeof(request.name));
    const auto reply = co_await client.call(request);
    if (!reply && reply.error() == Error::kPeerClosed) continue;
    if (!reply) co_return fail(reply.error());
    info_ = *reply;
    co_return client;
  }
}

Task<Result<std::unique_ptr<Disk>>> Disk::open(Connector& connector, std::string name) {
  std::unique_ptr<Disk> disk(new Disk(connector));
  for (;; ++disk->instance_) {
    disk->info_ = {};
    std::strncpy(disk->info_.name, name.c_str(), sizeof(disk->info_.name) - 1);
    auto client = co_await disk->connect_to(disk->instance_);
    if (client) {
      disk->client_ = std::move(*client);
      break;
    }
    // A driver answers kNotFound for another disk's name; that there are no more drivers is the same error, so ask once more.
    if (client.error() != Error::kNotFound) co_return fail(client.error());
    CO_TRY(co_await connector.connect(disk->instance_));
  }
  const OpenReply& info = disk->info_;
  const bool sane = info.bytes_max >= kSectorBytes && info.bytes_max % kSectorBytes == 0 && info.block_bytes >= kSectorBytes &&
                    info.sectors < u64{1} << 55;
  if (!sane) co_return fail(Error::kBadData);
  for (u32 i = 0; i < Runtime::worker_count(); ++i) disk->queues_.push_back(std::make_unique<Queue>(i));
  co_return disk;
}

Task<Result<void>> Disk::attach_one(Attachment& attachment) {
  Attachments in;
  in.handles.push_back(CO_TRY(attachment.memory_.duplicate()));
  const AttachReply reply = CO_TRY(co_await client_.call(AttachRequest{}, &in));
  attachment.number_.store(reply.memory, std::memory_order_relaxed);
  co_return Result<void>();
}

// With `control_` held. A connection with everything that the clients of this disk have.
Task<Result<void>> Disk::set_up() {
  if (!client_) client_ = CO_TRY(co_await connect_to(instance_));
  for (const auto& attachment : attachments_) CO_TRY(co_await attach_one(*attachment));
  for (const auto& queue : queues_) {
    Attachments out;
    const auto reply = CO_TRY(co_await client_.call(CreateQueueRequest{.entries = Queue::kEntries, .cpu = queue->index}, nullptr, &out));
    CO_TRY(queue->connect(out.handles, reply.entries));
  }
  connected_ = true;
  for (const auto& queue : queues_) queue->resume();
  co_return Result<void>();
}

Task<void> Disk::reap(Queue& queue, Scope& connection, std::atomic<bool>& nonsense) {
  if (!co_await queue.reap()) nonsense.store(true);
  connection.cancel();
}

// Until the driver goes: it never sends anything on the channel.
Task<void> Disk::watch(Scope& connection) {
  std::array<std::byte, sizeof(MessageHeader)> bytes;
  (void)co_await channel_receive(client_.handle(), bytes, {});
  connection.cancel();
}

// One life of the driver. False: there will be no other.
Task<bool> Disk::serve_connection() {
  {
    const auto guard = co_await control_.lock();
    if (auto up = co_await set_up(); !up) {
      client_ = {};
      if (up.error() == Error::kPeerClosed) co_return true;
      if (up.error() != Error::kCancelled) log_error("{}: no driver: {}", std::string_view(info_.name), error_name(up.error()));
      co_return false;
    }
  }
  CancelSource* const cancel = co_await current_cancel();
  Scope connection(cancel);
  std::atomic<bool> nonsense{false};
  for (const auto& queue : queues_) connection.start_on(Runtime::worker(queue->index), reap(*queue, connection, nonsense));
  connection.start(watch(connection));
  co_await connection.join();
  const auto guard = co_await control_.lock();
  connected_ = false;
  for (const auto& queue : queues_) queue->disconnect();
  client_ = {};
  co_return !nonsense.load() && (cancel == nullptr || !cancel->cancelled());
}

Task<void> Disk::run() {
  while (co_await serve_connection()) log_info("{}: the driver has gone; connecting again", std::string_view(info_.name));
  for (const auto& queue : queues_) queue->give_up();
}

Task<Result<std::shared_ptr<Attachment>>> Disk::attach(const OwnedHandle& memory) {
  const auto attachment = std::make_shared<Attachment>(CO_TRY(memory.duplicate()));
  const auto guard = co_await control_.lock();
  if (connected_) {
    const auto attached = co_await attach_one(*attachment);
    if (!attached && attached.error() != Error::kPeerClosed) co_return fail(attached.error());  // else the next connection has it
  }
  attachments_.push_back(attachment);
  co_return attachment;
}

Task<void> Disk::detach(std::shared_ptr<Attachment> attachment) {
  const auto guard = co_await control_.lock();
  std::erase(attachments_, attachment);
  if (connected_) (void)co_await client_.call(DetachRequest{.memory = attachment->number_.load(std::memory_order_relaxed)});
}

Task<Result<void>> Disk::request(QueueRequest request, const Attachment* memory) {
  const i32 error = co_await queues_[Worker::current().index() % queues_.size()]->request(request, memory);
  if (error != 0) co_return fail(static_cast<Error>(error));
  co_return Result<void>();
}

Task<Result<void>> Disk::transfer(DiskOperation operation, const Attachment& memory, u64 offset, u64 sector, u64 bytes) {
  if (bytes == 0 || bytes % kSectorBytes != 0) co_return fail(Error::kInvalidArgument);
  while (bytes > 0) {
    const u64 piece = std::min<u64>(bytes, info_.bytes_max);
    CO_TRY(co_await request({.sector = sector, .offset = offset, .bytes = piece, .operation = operation}, &memory));
    sector += piece / kSectorBytes;
    offset += piece;
    bytes -= piece;
  }
  co_return Result<void>();
}

class Disk::Reader : public SectorReader {
 public:
  static constexpr u64 kBufferBytes = 65536;
  Reader(Disk& disk, const Memory& memory, const Attachment& attachment) : disk_(disk), memory_(memory), attachment_(attachment) {}
  Task<Result<void>> read_sectors(u64 sector, std::span<std::byte> to) override {
    while (!to.empty()) {
      const u64 piece = std::min<u64>(to.size(), kBufferBytes);
      CO_TRY(co_await disk_.read(attachment_, 0, sector, piece));
      CO_TRY(memory_.read(0, to.first(piece)));
      sector += piece / kSectorBytes;
      to = to.subspan(piece);
    }
    co_return Result<void>();
  }

 private:
  Disk& disk_;
  const Memory& memory_;
  const Attachment& attachment_;
};

Task<Result<std::vector<Partition>>> Disk::partitions() {
  const Memory memory = CO_TRY(Memory::create(Reader::kBufferBytes));
  const auto attachment = CO_TRY(co_await attach(memory));
  Reader reader(*this, memory, *attachment);
  auto found = co_await read_partitions(reader, info_.sectors, info_.block_bytes);
  co_await detach(attachment);
  co_return found;
}

DiskName parse_disk_name(std::string_view text) {
  if (text.starts_with("/dev/")) text.remove_prefix(5);
  const usize letters = std::min(text.find_first_of("0123456789"), text.size());
  DiskName name{std::string(text.substr(0, letters)), 0};
  const auto [end, status] = std::from_chars(text.data() + letters, text.data() + text.size(), name.partition);
  const bool whole = letters == text.size(), good = status == std::errc() && end == text.data() + text.size() && name.partition != 0;
  return whole || good ? name : DiskName{};
}

}  // namespace hati::block
