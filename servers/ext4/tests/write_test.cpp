// SPDX-License-Identifier: MIT
// What we write, judged by e2fsck and read with debugfs.
#include <gtest/gtest.h>

#include "servers/ext4/tests/support.h"
#include "servers/ext4/xattr/xattr.h"

namespace hati::ext4::testing {
namespace {

constexpr u32 kFile = kRegular | 0644, kFolder = kDirectoryMode | 0755;

std::string pattern(usize bytes, u32 seed) {
  std::string text(bytes, 0);
  for (char& c : text) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return text;
}

u32 make(FileSystem& fs, u32 directory, const std::string& name, u32 mode, const std::string& target = "") {
  auto made = wait_for(fs.create(directory, name, {.mode = mode, .device = 0x0801, .target = target}, someone()));
  EXPECT_TRUE(made) << name << ": " << static_cast<int>(made ? Errno{} : made.error());
  return made ? made->node : 0;
}
Errno error_of(const auto& result) { return result ? Errno{} : result.error(); }

class WriteTest : public ::testing::TestWithParam<const char*> {
 protected:
  void start(u64 kib = 24 << 10) {
    disk_ = std::make_unique<MemoryDisk>(make_image(GetParam(), kib));
    again();
  }
  void again() {
    mounted_ = mount(*disk_);
    ASSERT_TRUE(mounted_) << mounted_.reason;
  }
  // Unmounts, lets e2fsck look, and mounts again.
  void check() {
    ASSERT_TRUE(wait_for(fs().volume().unmount()));
    mounted_.fs.reset();
    ASSERT_EQ(check_image(disk_->image), "");
    again();
  }
  FileSystem& fs() { return *mounted_.fs; }
  std::unique_ptr<MemoryDisk> disk_;
  Mounted mounted_;
};

TEST_P(WriteTest, EmptyMountChangesNothingOfInterest) {
  start();
  check();
}

TEST_P(WriteTest, EveryKindOfNode) {
  start();
  const u32 folder = make(fs(), kRootInode, "folder", kFolder);
  make(fs(), folder, "fifo", kFifo | 0600);
  make(fs(), folder, "device", kBlockDeviceMode | 0600);
  make(fs(), folder, "short", kSymlinkMode | 0777, "target");
  make(fs(), folder, "long", kSymlinkMode | 0777, std::string(500, 'y'));
  const u32 file = make(fs(), folder, "file", kFile);
  ASSERT_TRUE(write_file(fs(), file, pattern(10'000, 1)));
  ASSERT_TRUE(wait_for(fs().link(file, kRootInode, "second name", someone())));
  const u32 empty = make(fs(), kRootInode, "empty", kFile);
  forget(fs(), empty);
  auto before = snapshot(fs());
  check();
  EXPECT_EQ(snapshot(fs()), before);
  const auto found = walk(fs(), "/folder/file");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->links, 2u);
  EXPECT_EQ(found->uid, 1000u);
  EXPECT_EQ(found->size, 10'000u);
  EXPECT_EQ(walk(fs(), "/folder/device")->device, 0x0801u);
  EXPECT_TRUE(before["/second name"].ends_with(pattern(10'000, 1)));
  EXPECT_NE(debugfs(disk_->image, "cat /folder/short").find("target"), 0u);
}

TEST_P(WriteTest, ManyNamesInOneDirectory) {
  start();
  const u32 folder = make(fs(), kRootInode, "folder", kFolder);
  for (int i = 0; i < 1500; ++i) {
    const std::string name = "a rather long name, so that leaves are split often enough, number " + std::to_string(i);
    forget(fs(), make(fs(), folder, name, kSocket | 0600));
  }
  EXPECT_EQ(list_all(fs(), folder, 100).size(), 1502u);
  check();
  const u32 found = walk(fs(), "/folder")->node;
  std::map<std::string, int> names;
  for (const ListedEntry& entry : list_all(fs(), found, 33)) names[entry.name] += 1;
  EXPECT_EQ(names.size(), 1502u);
  for (int i = 0; i < 1500; i += 3) {
    const std::string name = "a rather long name, so that leaves are split often enough, number " + std::to_string(i);
    ASSERT_TRUE(wait_for(fs().unlink(found, name, someone()))) << name;
  }
  EXPECT_EQ(list_all(fs(), found, 100).size(), 1002u);
  EXPECT_EQ(error_of(wait_for(fs().remove_directory(kRootInode, "folder", someone()))), Errno::kNotEmpty);
  check();
  EXPECT_EQ(list_all(fs(), walk(fs(), "/folder")->node, 100).size(), 1002u);
}

TEST_P(WriteTest, SparseFilesAndTruncation) {
  start();
  const u32 file = make(fs(), kRootInode, "sparse", kFile);
  // Every other 4 KiB: many extents.
  for (u64 i = 0; i < 400; ++i) {
    std::string page = pattern(4096, static_cast<u32>(i));
    ASSERT_TRUE(wait_for(fs().write(file, i * 8192, piece_of(page))));
  }
  auto sized = wait_for(fs().set_attributes(file, {.bits = AttributeChange::kSize, .size = 400 * 8192}, someone()));
  ASSERT_TRUE(sized);
  check();
  auto found = walk(fs(), "/sparse");
  auto text = read_file(fs(), found->node, found->size);
  ASSERT_TRUE(text);
  for (u64 i = 0; i < 400; ++i) {
    ASSERT_EQ(text->substr(i * 8192, 4096), pattern(4096, static_cast<u32>(i))) << i;
    ASSERT_EQ(text->substr(i * 8192 + 4096, 4096), std::string(4096, 0)) << i;
  }
  EXPECT_EQ(wait_for(fs().seek(found->node, 4096, true)), 8192u);
  EXPECT_EQ(wait_for(fs().seek(found->node, 0, false)), 4096u);
  sized = wait_for(fs().set_attributes(found->node, {.bits = AttributeChange::kSize, .size = 100 * 8192 + 100}, someone()));
  ASSERT_TRUE(sized);
  ASSERT_TRUE(wait_for(fs().set_attributes(found->node, {.bits = AttributeChange::kSize, .size = 200 * 8192}, someone())));
  check();
  found = walk(fs(), "/sparse");
  text = read_file(fs(), found->node, found->size);
  EXPECT_EQ(text->substr(100 * 8192, 100), pattern(4096, 100).substr(0, 100));
  EXPECT_EQ(text->substr(100 * 8192 + 100), std::string(100 * 8192 - 100, 0));
  forget(fs(), found->node);
  ASSERT_TRUE(wait_for(fs().unlink(kRootInode, "sparse", someone())));
  check();
}

TEST_P(WriteTest, BlocksBeyondTheSizeWaitForIt) {
  start();
  const u32 file = make(fs(), kRootInode, "file", kFile);
  // A page reaches further than the file, as write-back's last one does.
  ASSERT_TRUE(write_file(fs(), file, "few bytes"));
  std::string page = pattern(4096, 8), more = pattern(64 << 10, 9);
  ASSERT_TRUE(wait_for(fs().write(file, 0, piece_of(page))));
  EXPECT_EQ(wait_for(fs().attributes(file))->size, 9u);
  ASSERT_TRUE(wait_for(fs().write(file, 4096, piece_of(more))));
  EXPECT_TRUE(read_file(fs(), file, 68 << 10) == page + more);
  ASSERT_TRUE(wait_for(fs().set_attributes(file, {.bits = AttributeChange::kSize, .size = 50'000}, someone())));
  EXPECT_TRUE(read_file(fs(), file, 50'000) == (page + more).substr(0, 50'000));
  check();
  EXPECT_EQ(walk(fs(), "/file")->size, 50'000u);
  EXPECT_TRUE(read_file(fs(), walk(fs(), "/file")->node, 50'000) == (page + more).substr(0, 50'000));
}

TEST_P(WriteTest, ExtendedAttributes) {
  start();
  const u32 file = make(fs(), kRootInode, "file", kFile);
  const std::string large(500, 'L');
  ASSERT_TRUE(wait_for(fs().set_xattr(file, "user.one", "1", 0, someone())));
  ASSERT_TRUE(wait_for(fs().set_xattr(file, "user.large", large, 0, someone())));
  ASSERT_TRUE(wait_for(fs().set_xattr(file, "trusted.t", "", kXattrCreate, someone())));
  EXPECT_EQ(error_of(wait_for(fs().set_xattr(file, "user.one", "2", kXattrCreate, someone()))), Errno::kExists);
  EXPECT_EQ(error_of(wait_for(fs().set_xattr(file, "user.two", "2", kXattrReplace, someone()))), Errno::kNoData);
  EXPECT_EQ(error_of(wait_for(fs().set_xattr(file, "other.two", "2", 0, someone()))), Errno::kNotSupported);
  EXPECT_EQ(error_of(wait_for(fs().set_xattr(file, "user.huge", std::string(5000, 'h'), 0, someone()))), Errno::kNoSpace);
  const std::string acl(
      "\2\0\0\0"
      "\1\0\6\0\xff\xff\xff\xff"
      "\2\0\4\0\xe8\3\0\0"
      "\4\0\4\0\xff\xff\xff\xff"
      "\x10\0\4\0\xff\xff\xff\xff"
      "\x20\0\4\0\xff\xff\xff\xff",
      44);
  ASSERT_TRUE(wait_for(fs().set_xattr(file, "system.posix_acl_access", acl, 0, someone())));
  // New permissions come with a list; a new node has lists from the beginning.
  ASSERT_TRUE(wait_for(fs().set_xattr(file, "system.posix_acl_access", acl, 0, someone(), 0640)));
  EXPECT_EQ(wait_for(fs().attributes(file))->mode, kRegular | 0640u);
  EXPECT_TRUE(wait_for(fs().attributes(file))->has_xattrs);
  const NewNode with_lists{.mode = kFolder, .target = {}, .access_list = acl, .default_list = acl};
  const u32 folder = wait_for(fs().create(kRootInode, "folder", with_lists, someone()))->node;
  EXPECT_EQ(wait_for(fs().list_xattrs(folder))->size(), 2u);
  EXPECT_FALSE(wait_for(fs().attributes(make(fs(), folder, "plain", kFile)))->has_xattrs);
  check();
  const u32 found = walk(fs(), "/file")->node;
  EXPECT_EQ(wait_for(fs().get_xattr(walk(fs(), "/folder")->node, "system.posix_acl_default")), acl);
  EXPECT_EQ(wait_for(fs().get_xattr(found, "user.large")), large);
  EXPECT_EQ(wait_for(fs().get_xattr(found, "system.posix_acl_access")), acl);
  ASSERT_TRUE(wait_for(fs().remove_xattr(found, "user.large", someone())));
  EXPECT_EQ(error_of(wait_for(fs().remove_xattr(found, "user.large", someone()))), Errno::kNoData);
  EXPECT_EQ(wait_for(fs().list_xattrs(found))->size(), 3u);
  check();
  ASSERT_TRUE(wait_for(fs().unlink(kRootInode, "file", someone())));
  check();
}

TEST_P(WriteTest, Renames) {
  start();
  const u32 a = make(fs(), kRootInode, "a", kFolder), b = make(fs(), kRootInode, "b", kFolder);
  const u32 sub = make(fs(), a, "sub", kFolder);
  const u32 file = make(fs(), a, "file", kFile), other = make(fs(), b, "other", kFile);
  ASSERT_TRUE(write_file(fs(), file, "file"));
  ASSERT_TRUE(write_file(fs(), other, "other"));
  const auto rename = [&](u32 from, const char* old_name, u32 to, const char* new_name, u32 flags = 0) {
    return error_of(wait_for(fs().rename(from, old_name, to, new_name, flags, someone())));
  };
  EXPECT_EQ(rename(kRootInode, "a", sub, "inside"), Errno::kInvalid);
  EXPECT_EQ(rename(a, "file", b, "other", kRenameNoReplace), Errno::kExists);
  EXPECT_EQ(rename(a, "none", b, "other"), Errno::kNoEntry);
  EXPECT_EQ(rename(a, "file", kRootInode, "b"), Errno::kIsDirectory);
  EXPECT_EQ(rename(a, "sub", b, "other"), Errno::kNotDirectory);
  EXPECT_EQ(rename(a, "sub", kRootInode, "b"), Errno::kNotEmpty);
  EXPECT_EQ(rename(a, "file", a, std::string(256, 'n').c_str()), Errno::kNameTooLong);
  EXPECT_EQ(rename(kRootInode, "a", kRootInode, "a"), Errno{});
  EXPECT_EQ(rename(kRootInode, "a", kRootInode, "a", kRenameNoReplace), Errno::kExists);
  EXPECT_EQ(rename(a, "file", b, "other", kRenameExchange), Errno{});
  EXPECT_EQ(rename(a, "sub", b, "other", kRenameExchange), Errno{});
  check();
  EXPECT_EQ(walk(fs(), "/a/file")->size, 5u);
  EXPECT_EQ(walk(fs(), "/a/sub")->size, 4u);
  EXPECT_EQ(walk(fs(), "/b")->links, 3u);
  EXPECT_EQ(walk(fs(), "/a")->links, 2u);
  const u32 a2 = walk(fs(), "/a")->node, b2 = walk(fs(), "/b")->node;
  EXPECT_EQ(rename(b2, "other", a2, "moved", kRenameWhiteout), Errno{});
  EXPECT_EQ(walk(fs(), "/b/other")->mode, u32{kCharacterDevice});
  EXPECT_EQ(rename(a2, "file", a2, "sub"), Errno{});
  EXPECT_EQ(rename(a2, "sub", kRootInode, "a file"), Errno{});
  EXPECT_EQ(error_of(walk(fs(), "/a/file")), Errno::kNoEntry);
  check();
}

TEST_P(WriteTest, DeletedFilesLiveWhileTheyAreHeld) {
  start();
  const u32 file = make(fs(), kRootInode, "file", kFile);
  ASSERT_TRUE(write_file(fs(), file, pattern(300'000, 3)));
  const u64 free_before = wait_for(fs().statistics())->free;
  ASSERT_TRUE(wait_for(fs().unlink(kRootInode, "file", someone())));
  EXPECT_EQ(read_file(fs(), file, 300'000), pattern(300'000, 3));
  EXPECT_EQ(wait_for(fs().attributes(file))->links, 0u);
  forget(fs(), file);
  ASSERT_TRUE(wait_for(fs().volume().sync()));
  EXPECT_GE(wait_for(fs().statistics())->free, free_before + 290'000 / fs().volume().geometry.block_size);
  EXPECT_EQ(error_of(wait_for(fs().attributes(file))), Errno::kStale);
  // One that is never given back, and one without a name: the next mount deletes them.
  const u32 lost = make(fs(), kRootInode, "lost", kFile);
  ASSERT_TRUE(write_file(fs(), lost, pattern(50'000, 4)));
  ASSERT_TRUE(wait_for(fs().unlink(kRootInode, "lost", someone())));
  auto unnamed = wait_for(fs().create_unnamed(kRootInode, {.mode = kFile}, someone()));
  ASSERT_TRUE(unnamed);
  auto named = wait_for(fs().create_unnamed(kRootInode, {.mode = kFile}, someone()));
  ASSERT_TRUE(wait_for(fs().link(named->node, kRootInode, "named", someone())));
  ASSERT_TRUE(wait_for(fs().volume().unmount()));
  again();
  check();
  EXPECT_TRUE(walk(fs(), "/named"));
}

TEST_P(WriteTest, NoSpace) {
  start(8 << 10);
  const u32 file = make(fs(), kRootInode, "file", kFile);
  std::string page = pattern(64 << 10, 9);
  u64 written = 0;
  Errno error{};
  while (error == Errno{}) {
    // As a client does: what was promised can be written, and found again once the size is told.
    error = error_of(wait_for(fs().reserve(file, written + page.size(), someone())));
    if (error != Errno{}) break;
    ASSERT_TRUE(wait_for(fs().write(file, written, piece_of(page))));
    written += page.size();
  }
  EXPECT_EQ(error, Errno::kNoSpace);
  EXPECT_EQ(error_of(wait_for(fs().reserve(file, 64 << 20, someone()))), Errno::kNoSpace);
  ASSERT_TRUE(wait_for(fs().set_attributes(file, {.bits = AttributeChange::kSize, .size = written}, someone())));
  for (int i = 0; error_of(wait_for(fs().create(kRootInode, "d" + std::to_string(i), {.mode = kFolder}, someone()))) == Errno{}; ++i) {
    ASSERT_LT(i, 10'000);
  }
  check();
  ASSERT_TRUE(wait_for(fs().unlink(kRootInode, "file", someone())));
  const u32 next = make(fs(), kRootInode, "next", kFile);
  EXPECT_TRUE(write_file(fs(), next, page));  // with what the other left
  check();
}

INSTANTIATE_TEST_SUITE_P(Options, WriteTest,
                         ::testing::Values("-t ext4 -b 4096", "-t ext4 -b 1024 -J size=1",
                                           "-t ext4 -b 2048 -O ^metadata_csum,uninit_bg -J size=2", "-t ext2 -b 1024",
                                           "-t ext3 -b 1024 -I 128 -J size=1",
                                           "-t ext4 -O ^64bit,metadata_csum_seed,orphan_file -b 1024 -J size=1"));

class ExtentsTest : public WriteTest {};
TEST_P(ExtentsTest, Fallocate) {
  start();
  const u32 file = make(fs(), kRootInode, "file", kFile);
  ASSERT_TRUE(wait_for(fs().allocate(file, 0, 1 << 20, kKeepSize, someone())));
  auto attributes = wait_for(fs().attributes(file));
  EXPECT_EQ(attributes->size, 0u);
  EXPECT_GE(attributes->blocks, 2048u);
  ASSERT_TRUE(wait_for(fs().allocate(file, 0, (1 << 20) + 10, 0, someone())));
  EXPECT_EQ(wait_for(fs().attributes(file))->size, (1u << 20) + 10);
  std::string data = pattern(256 << 10, 5);
  ASSERT_TRUE(wait_for(fs().write(file, 128 << 10, piece_of(data))));
  ASSERT_TRUE(wait_for(fs().allocate(file, (130 << 10) + 5, 20'000, kPunchHole | kKeepSize, someone())));
  ASSERT_TRUE(wait_for(fs().allocate(file, (200 << 10) + 7, 30'000, kZeroRange, someone())));
  EXPECT_EQ(error_of(wait_for(fs().allocate(file, 0, 4096, 0x8, someone()))), Errno::kNotSupported);
  check();
  std::string expected = std::string(128 << 10, 0) + data + std::string((1 << 20) + 10 - (384 << 10), 0);
  std::fill_n(expected.begin() + (130 << 10) + 5, 20'000, 0);
  std::fill_n(expected.begin() + (200 << 10) + 7, 30'000, 0);
  auto found = walk(fs(), "/file");
  EXPECT_TRUE(read_file(fs(), found->node, found->size) == expected);
}
TEST_P(ExtentsTest, WrittenAheadOfTheSize) {
  start();
  const u32 file = make(fs(), kRootInode, "file", kFile);
  std::string data = pattern(256 << 10, 6);
  ASSERT_TRUE(wait_for(fs().write(file, 0, piece_of(data))));
  EXPECT_EQ(wait_for(fs().attributes(file))->size, 0u);
  EXPECT_TRUE(read_file(fs(), file, data.size()) == data);
  ASSERT_TRUE(wait_for(fs().set_attributes(file, {.bits = AttributeChange::kSize, .size = 100'000}, someone())));
  check();
  auto found = walk(fs(), "/file");
  EXPECT_TRUE(read_file(fs(), found->node, 100'000) == data.substr(0, 100'000));
}
INSTANTIATE_TEST_SUITE_P(Options, ExtentsTest, ::testing::Values("-t ext4 -b 4096", "-t ext4 -b 1024 -J size=1"));

TEST(TimesTest, BeyondTheYear2038) {
  MemoryDisk disk(make_image("-t ext4", 16 << 10));
  const Mounted mounted = mount(disk);
  const u32 file = make(*mounted.fs, kRootInode, "file", kFile);
  for (const i64 seconds : {i64{0}, i64{-1}, i64{INT32_MIN}, i64{1} << 31, i64{1} << 32, (i64{3} << 32) + INT32_MAX}) {
    const Timestamp time{seconds, 999'999'999};
    auto changed = wait_for(mounted->set_attributes(file, {.bits = AttributeChange::kAccess, .access = time}, someone()));
    EXPECT_EQ(changed->access, time) << seconds;
  }
}

TEST(ErrorsTest, ADamagedInodeMakesTheFileSystemReadOnly) {
  MemoryDisk disk(make_image("-t ext4 -b 4096 -e remount-ro", 16 << 10));
  {
    const Mounted mounted = mount(disk);
    make(*mounted.fs, kRootInode, "file", kFile);
    ASSERT_TRUE(wait_for(mounted->volume().unmount()));
  }
  const u64 table = std::stoull(debugfs(disk.image, "stats").substr(debugfs(disk.image, "stats").find("inode table at ") + 15));
  disk.image[table * 4096 + 11 * 256 + 5] ^= std::byte{1};  // inode 12
  {
    const Mounted mounted = mount(disk);
    ASSERT_TRUE(mounted) << mounted.reason;
    EXPECT_EQ(error_of(wait_for(mounted->lookup(kRootInode, "file"))), Errno::kCorrupted);
    EXPECT_EQ(error_of(wait_for(mounted->create(kRootInode, "new", {.mode = kFile}, someone()))), Errno::kReadOnly);
    (void)wait_for(mounted->volume().unmount());
  }
  EXPECT_NE(debugfs(disk.image, "stats").find("with errors"), std::string::npos);
}

TEST(ErrorsTest, AFailingDiskIsReported) {
  MemoryDisk disk(make_image("-t ext4", 16 << 10));
  const Mounted mounted = mount(disk);
  const u32 file = make(*mounted.fs, kRootInode, "file", kFile);
  disk.fail_after = 0;
  std::string page(4096, 'x');
  EXPECT_EQ(error_of(wait_for(mounted->write(file, 0, piece_of(page)))), Errno::kIo);
  EXPECT_EQ(error_of(wait_for(mounted->sync_node(file, false))), Errno::kIo);
  EXPECT_EQ(error_of(wait_for(mounted->create(kRootInode, "new", {.mode = kFile}, someone()))), Errno::kReadOnly);
}

}  // namespace
}  // namespace hati::ext4::testing
