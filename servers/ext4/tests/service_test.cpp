// SPDX-License-Identifier: MIT
// The protocol over a channel, with a page store that the test plays.
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/async/event.h"
#include "runtime/async/queue.h"
#include "servers/ext4/service/session.h"
#include "servers/ext4/tests/support.h"

namespace hati::ext4::testing {
namespace {

using namespace file_system;

// Pages in ordinary memory; the test says what is dirty.
class FakePages : public FilePages {
 public:
  explicit FakePages(u64 bytes) : data(bytes), present(bytes / kPageSize), dirty(bytes / kPageSize) {}
  Result<OwnedHandle> client_handle() override { return OwnedHandle(TRY(call::memory_create(kPageSize))); }
  u64 bytes() const override { return data.size(); }
  Result<void> resize(u64 bytes) override {
    data.resize(bytes);
    present.resize(bytes / kPageSize);
    dirty.resize(bytes / kPageSize);
    return {};
  }
  Result<void> discard(u64 offset, u64 bytes) override {
    for (u64 page = offset / kPageSize; page < (offset + bytes) / kPageSize; ++page) present[page] = dirty[page] = false;
    return {};
  }
  Result<DirtyRun> take_dirty(u64 from) override {
    u64 first = (from + kPageSize - 1) / kPageSize;
    while (first < dirty.size() && !dirty[first]) ++first;
    u64 end = first;
    while (end < dirty.size() && dirty[end]) dirty[end++] = false;
    return DirtyRun{first * kPageSize, (end - first) * kPageSize};
  }
  void cleaned(DirtyRun run, bool worked) override {
    for (u64 page = run.offset / kPageSize; !worked && page < (run.offset + run.bytes) / kPageSize; ++page) dirty[page] = true;
  }
  void page_in_done(u64 offset, u64 bytes, bool worked) override {
    for (u64 page = offset / kPageSize; page < (offset + bytes) / kPageSize; ++page) present[page] = worked;
    filled.set();
  }
  Piece piece(u64 offset, u64 bytes) override { return Piece::of(std::span(data).subspan(offset, bytes)); }

  void write(u64 offset, const std::string& text) {
    std::memcpy(data.data() + offset, text.data(), text.size());
    for (u64 page = offset / kPageSize; page * kPageSize < offset + text.size(); ++page) present[page] = dirty[page] = true;
  }

  std::vector<std::byte> data;
  std::vector<bool> present, dirty;
  async::Event filled;
};

class FakeStore : public PageStore {
 public:
  Result<std::unique_ptr<FilePages>> create(u64 bytes, u64 key) override {
    auto made = std::make_unique<FakePages>(bytes);
    files[key] = made.get();
    return made;
  }
  Task<Result<PageRequest>> next() override { co_return co_await requests.pop(); }
  std::map<u64, FakePages*> files;
  async::Queue<PageRequest> requests{16};
};

// A disk that belongs to the test, for a mount to own.
class Borrowed : public BlockDevice {
 public:
  explicit Borrowed(MemoryDisk& disk) : disk_(disk) {}
  u64 bytes() const override { return disk_.bytes(); }
  bool read_only() const override { return disk_.read_only(); }
  Task<Result<void>> read(u64 offset, Piece to) override { return disk_.read(offset, to); }
  Task<Result<void>> write(u64 offset, Piece from) override { return disk_.write(offset, from); }
  Task<Result<void>> flush() override { return disk_.flush(); }
  Task<Result<void>> discard(u64 offset, u64 bytes) override { return disk_.discard(offset, bytes); }
  Result<void> clear(Piece piece) override { return disk_.clear(piece); }

 private:
  MemoryDisk& disk_;
};

class World : public Surroundings {
 public:
  explicit World(MemoryDisk& disk) : disk_(disk), direct(64 << 10) {}
  Task<Result<std::unique_ptr<BlockDevice>>> open_disk(std::string name) override {
    if (name != "vda") co_return fail(Error::kNotFound);
    co_return std::make_unique<Borrowed>(disk_);
  }
  Result<std::unique_ptr<PageStore>> make_pages() override {
    auto made = std::make_unique<FakeStore>();
    store = made.get();
    return made;
  }
  Piece client_piece(const OwnedHandle&, u64 offset, u64 bytes) override { return Piece::of(std::span(direct).subspan(offset, bytes)); }

 private:
  MemoryDisk& disk_;

 public:
  FakeStore* store = nullptr;
  std::vector<std::byte> direct;
};

Attachments with(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  Attachments result;
  result.payload.assign(bytes.begin(), bytes.end());
  return result;
}
constexpr file_system::Caller kCaller{.uid = 7, .gid = 8, .privileged = 1, .now = {1'700'000'000, 1}};
using FsClient = Client<FileSystemProtocol>;

Task<void> serve_session(Channel channel, Session& session) {
  co_await serve<FileSystemProtocol>(std::move(channel), session);
  co_await session.end();
}

// Makes a file, writes through its pages, and reads them again after another mount.
Task<void> write_through_pages(FsClient& client, World& world) {
  Attachments disk = with("vda"), name = with("file");
  const auto mounted =
      co_await client.call(MountRequest{.flags = 0, .on_error = file_system::OnError::kAsSuperblock, .now = kCaller.now}, &disk);
  EXPECT_TRUE(mounted && mounted->error == 0);
  const auto made = co_await client.call(CreateRequest{.directory = mounted->root.node,
                                                       .mode = kRegular | 0640,
                                                       .device = 0,
                                                       .access_list_bytes = 0,
                                                       .default_list_bytes = 0,
                                                       .caller = kCaller},
                                         &name);
  EXPECT_TRUE(made && made->error == 0);
  const u32 node = made->attributes.node;
  Attachments handles;
  const auto opened = co_await client.call(OpenDataRequest{.node = node}, nullptr, &handles);
  EXPECT_TRUE(opened && opened->error == 0 && opened->memory_bytes == 0 && handles.handles.size() == 1);
  const auto reserved = co_await client.call(ReserveRequest{.node = node, .privileged = 0, .bytes = 30'000});
  EXPECT_TRUE(reserved && reserved->error == 0 && reserved->memory_bytes == 32'768);
  world.store->files[node]->write(0, std::string(20'000, 'd'));
  const auto sized = co_await client.call(SetAttributesRequest{.node = node, .bits = kSize, .size = 20'000, .caller = kCaller});
  EXPECT_TRUE(sized && sized->error == 0 && sized->attributes.size == 20'000);
  const auto synced = co_await client.call(SyncRequest{.node = node, .data_only = 0, .offset = 0, .bytes = 0});
  EXPECT_TRUE(synced && synced->error == 0);
  const auto too_much = co_await client.call(ReserveRequest{.node = node, .privileged = 0, .bytes = u64{1} << 33});
  EXPECT_EQ(too_much->error, 28u);
  const auto ended = co_await client.call(UnmountRequest{});
  EXPECT_TRUE(ended && ended->error == 0);
  const auto gone = co_await client.call(GetAttributesRequest{.node = node});
  EXPECT_EQ(gone->error, 6u);
}

Task<void> read_through_pages(FsClient& client, World& world) {
  Attachments disk = with("vda"), name = with("file"), listing;
  const auto mounted =
      co_await client.call(MountRequest{.flags = 0, .on_error = file_system::OnError::kAsSuperblock, .now = kCaller.now}, &disk);
  EXPECT_TRUE(mounted && mounted->error == 0);
  const auto found = co_await client.call(LookupRequest{.directory = 2}, &name);
  EXPECT_TRUE(found && found->error == 0 && found->attributes.uid == 7 && found->attributes.size == 20'000);
  const u32 node = found->attributes.node;
  Attachments handles;
  (void)co_await client.call(OpenDataRequest{.node = node}, nullptr, &handles);
  FakePages& pages = *world.store->files[node];
  PageRequest request{.key = node, .offset = 4096, .bytes = 8192};
  EXPECT_TRUE(world.store->requests.try_push(request));
  EXPECT_TRUE(co_await pages.filled.wait());
  EXPECT_TRUE(pages.present[1] && !pages.present[0]);
  EXPECT_EQ(static_cast<char>(pages.data[4096]), 'd');
  EXPECT_EQ(static_cast<char>(pages.data[12'287]), 'd');
  // Direct output, and what it does to cached pages.
  std::memset(world.direct.data(), 'x', 4096);
  Attachments memory;
  memory.handles.push_back(*Memory::create(kPageSize));
  const auto direct =
      co_await client.call(DirectRequest{.node = node, .write = 1, .offset = 4096, .memory_offset = 0, .bytes = 4096}, &memory);
  EXPECT_TRUE(direct && direct->error == 0);
  EXPECT_FALSE(pages.present[1]);
  const auto listed = co_await client.call(ReadDirectoryRequest{.directory = 2, .bytes_max = 4096, .cookie = 0}, nullptr, &listing);
  EXPECT_TRUE(listed && listed->count == 4);
  Attachments bad_name = with("none"), attribute = with(std::string_view("user.a\0value", 12)), wanted = with("user.a"), value;
  EXPECT_EQ((co_await client.call(LookupRequest{.directory = 2}, &bad_name))->error, 2u);
  EXPECT_EQ((co_await client.call(SetXattrRequest{.node = node, .flags = 0, .mode = 0, .caller = kCaller}, &attribute))->error, 0u);
  EXPECT_EQ((co_await client.call(GetXattrRequest{.node = node, .bytes_max = 100}, &wanted, &value))->bytes, 5u);
  EXPECT_EQ(value.payload.size(), 5u);
  EXPECT_EQ((co_await client.call(ForgetRequest{.node = node, .count = 2, .now = kCaller.now}))->error, 22u);
  EXPECT_EQ((co_await client.call(ForgetRequest{.node = node, .count = 1, .now = kCaller.now}))->error, 0u);
  EXPECT_EQ((co_await client.call(GetAttributesRequest{.node = node}))->error, 116u);
}

Task<void> whole_test(MemoryDisk& disk) {
  World world(disk);
  Session session(world);
  auto ends = Channel::create();
  Scope scope;
  scope.start(serve_session(std::move(ends->first), session));
  {
    FsClient client(std::move(ends->second));
    Attachments other = with("vdb");
    const auto missing =
        co_await client.call(MountRequest{.flags = 0, .on_error = file_system::OnError::kAsSuperblock, .now = kCaller.now}, &other);
    EXPECT_TRUE(missing && missing->error == 6);
    co_await write_through_pages(client, world);
    EXPECT_EQ(check_image(disk.image), "");
    co_await read_through_pages(client, world);
  }
  co_await scope.join();  // the channel closed: unmounted
}

TEST(ServiceTest, MountWriteAndReadAgain) {
  MemoryDisk disk(make_image("-t ext4 -b 4096", 16 << 10));
  run_task(whole_test(disk));
  EXPECT_EQ(check_image(disk.image), "");
  const Mounted mounted = mount(disk);
  std::string expected(20'000, 'd');
  std::fill_n(expected.begin() + 4096, 4096, 'x');
  EXPECT_TRUE(read_file(*mounted.fs, walk(*mounted.fs, "/file")->node, 20'000) == expected);
}

}  // namespace
}  // namespace hati::ext4::testing
