// SPDX-License-Identifier: MIT
// One request at a time: what a disk can do, and what it refuses.
#include "tests/block/cases.h"

namespace hati::block_tests {
namespace {

Error error_of(const Result<void>& result) { return result ? Error{} : result.error(); }

Task<Verdict> geometry(Fixture& f) {
  EXPECT(f.scratch.info().sectors == (64u << 20) / block::kSectorBytes);
  EXPECT((f.scratch.info().flags & block::kDiskReadOnly) == 0);
  EXPECT((f.scratch.info().flags & block::kDiskFlush) != 0);
  EXPECT(f.read_only.info().sectors == (1u << 20) / block::kSectorBytes);
  EXPECT((f.read_only.info().flags & block::kDiskReadOnly) != 0);
  co_return "";
}

Task<Verdict> sizes(Fixture& f) {
  auto buffer = co_await make_buffer(f.scratch, 4 << 20);
  EXPECT(buffer);
  u64 sector = 17, version = 1;
  for (const u64 bytes : {u64{512}, u64{1024}, u64{4096}, u64{4608}, u64{65536}, u64{1} << 20, (u64{1} << 20) + 512, u64{3} << 20}) {
    const u64 offset = bytes > (3 << 20) - 1 ? 0 : 1536;  // not at a page's start
    const auto data = buffer->bytes().subspan(offset, bytes);
    fill(data, sector, version);
    EXPECT(co_await f.scratch.write(*buffer->attachment, offset, sector, bytes));
    std::memset(data.data(), 0xee, data.size());
    EXPECT(co_await f.scratch.read(*buffer->attachment, offset, sector, bytes));
    EXPECT(holds(data, sector, version));
    sector += bytes / block::kSectorBytes + 3;
    ++version;
  }
  EXPECT(co_await f.scratch.flush());
  co_await f.scratch.detach(buffer->attachment);
  co_return "";
}

Task<Verdict> zeroes(Fixture& f) {
  auto buffer = co_await make_buffer(f.scratch, 65536);
  EXPECT(buffer);
  constexpr u64 kSector = 40000;
  fill(buffer->bytes(), kSector, 9);
  EXPECT(co_await f.scratch.write(*buffer->attachment, 0, kSector, 65536));
  EXPECT(co_await f.scratch.write_zeroes(kSector + 8, 8192));
  EXPECT(co_await f.scratch.discard(kSector + 64, 4096));
  EXPECT(co_await f.scratch.read(*buffer->attachment, 0, kSector, 65536));
  EXPECT(holds(buffer->bytes().first(8 * 512), kSector, 9));
  for (const std::byte byte : buffer->bytes().subspan(8 * 512, 8192)) EXPECT(byte == std::byte{0});
  EXPECT(holds(buffer->bytes().subspan(24 * 512, 40 * 512), kSector + 24, 9));
  EXPECT(holds(buffer->bytes().subspan(72 * 512), kSector + 72, 9));
  co_await f.scratch.detach(buffer->attachment);
  co_return "";
}

Task<Verdict> refused(Fixture& f) {
  auto buffer = co_await make_buffer(f.scratch, 65536);
  EXPECT(buffer);
  const block::Attachment& memory = *buffer->attachment;
  const u64 end = f.scratch.info().sectors;
  EXPECT(error_of(co_await f.scratch.read(memory, 0, end, 512)) == Error::kInvalidArgument);
  EXPECT(error_of(co_await f.scratch.read(memory, 0, end - 1, 1024)) == Error::kInvalidArgument);
  EXPECT(error_of(co_await f.scratch.read(memory, 0, ~u64{0}, 512)) == Error::kInvalidArgument);
  EXPECT(error_of(co_await f.scratch.write(memory, 0, end, 512)) == Error::kInvalidArgument);
  EXPECT(error_of(co_await f.scratch.read(memory, 0, 0, 100)) == Error::kInvalidArgument);
  EXPECT(error_of(co_await f.scratch.read(memory, 100, 0, 512)) == Error::kInvalidArgument);
  EXPECT(error_of(co_await f.scratch.read(memory, 65536, 0, 512)) == Error::kInvalidArgument);
  EXPECT(error_of(co_await f.scratch.read(memory, 65024, 0, 1024)) == Error::kInvalidArgument);
  EXPECT(error_of(co_await f.scratch.read(memory, ~u64{511}, 0, 512)) == Error::kInvalidArgument);
  EXPECT(error_of(co_await f.scratch.discard(end - 1, 1024)) == Error::kInvalidArgument);
  EXPECT(co_await f.scratch.read(memory, 65024, end - 1, 512));
  co_await f.scratch.detach(buffer->attachment);
  const auto none = co_await block::Disk::open(f.connector, "vdz");
  EXPECT(!none && none.error() == Error::kNotFound);
  co_return "";
}

Task<Verdict> read_only(Fixture& f) {
  auto buffer = co_await make_buffer(f.read_only, 4096);
  EXPECT(buffer);
  EXPECT(error_of(co_await f.read_only.write(*buffer->attachment, 0, 0, 512)) == Error::kAccess);
  EXPECT(error_of(co_await f.read_only.write_zeroes(0, 512)) == Error::kAccess);
  EXPECT(co_await f.read_only.flush());
  const auto partitions = co_await f.read_only.partitions();
  EXPECT(partitions && partitions->size() == 2);
  EXPECT((*partitions)[0].number == 1 && (*partitions)[0].sector == 64 && (*partitions)[0].sectors == 100);
  EXPECT((*partitions)[1].number == 2 && (*partitions)[1].sector == 200 && (*partitions)[1].sectors == 1000);
  // The host has put the pattern's version 77 into the second partition.
  EXPECT(co_await f.read_only.read(*buffer->attachment, 0, 200, 4096));
  EXPECT(holds(buffer->bytes(), 200, 77));
  co_await f.read_only.detach(buffer->attachment);
  co_return "";
}

// Whether a client that writes nonsense into its rings loses them, and nobody else anything.
Task<Verdict> broken_client(Fixture& f) {
  for (const u32 tail : {64u, 65u, ~0u, 1u << 31}) {
    auto channel = co_await f.connector.connect(0);
    EXPECT(channel);
    Client<block::BlockProtocol> client(std::move(*channel));
    EXPECT(co_await client.call(block::OpenRequest{}));
    EXPECT((co_await client.call(block::CreateQueueRequest{.entries = 3, .cpu = 0})).error() == Error::kInvalidArgument);
    EXPECT((co_await client.call(block::CreateQueueRequest{.entries = 1 << 20, .cpu = 0})).error() == Error::kInvalidArgument);
    EXPECT((co_await client.call(block::DetachRequest{.memory = 5})).error() == Error::kNotFound);
    Attachments out;
    EXPECT(co_await client.call(block::CreateQueueRequest{.entries = 64, .cpu = 7}, nullptr, &out));
    EXPECT(out.handles.size() == 3);
    const Memory memory(out.handles[0].release());
    EXPECT(memory.resize(0).error() == Error::kNoRight);
    const auto mapping = memory.map(0, block::QueueLayout{64}.bytes(), Protection::kRead | Protection::kWrite);
    EXPECT(mapping);
    std::memset(mapping->as<>() + block::QueueLayout{64}.requests(), 0xff, 64 * sizeof(block::QueueRequest));
    mapping->as<block::QueueHeader>()->submit_tail.store(tail);
    EXPECT(call::event_signal(out.handles[1].get(), 1));
    EXPECT(co_await f.scratch.flush());
  }
  co_return "";
}

}  // namespace

std::span<const Case> basic_cases() {
  static constexpr Case kCases[] = {{"geometry", geometry}, {"sizes", sizes},         {"zeroes", zeroes},
                                    {"refused", refused},   {"read_only", read_only}, {"broken_client", broken_client}};
  return kCases;
}

}  // namespace hati::block_tests
