// SPDX-License-Identifier: MIT
// Images that mke2fs made from a folder, read back.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "servers/ext4/tests/support.h"

namespace hati::ext4::testing {
namespace {

namespace files = std::filesystem;

std::string pattern(usize bytes, u32 seed) {
  std::string text(bytes, 0);
  for (char& c : text) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return text;
}

void put(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

// A folder with a bit of everything, made once.
const std::string& source_tree() {
  static const std::string root = [] {
    const std::string top = scratch() + "/tree";
    files::create_directories(top + "/deep/er/still");
    files::create_directories(top + "/many");
    put(top + "/empty", "");
    put(top + "/small", "a few words\n");
    put(top + "/deep/er/still/file", pattern(5000, 1));
    put(top + "/large", pattern(900'000, 2));
    for (int i = 0; i < 900; ++i) put(top + "/many/name number " + std::to_string(i), std::to_string(i));
    files::create_symlink("small", top + "/short");
    files::create_symlink("/" + std::string(150, 'x'), top + "/long");
    files::create_hard_link(top + "/small", top + "/other");
    // Sparse: data, a hole of 3 MiB, data.
    std::ofstream sparse(top + "/sparse", std::ios::binary);
    sparse << pattern(6000, 3);
    sparse.seekp(3 << 20);
    sparse << pattern(7000, 4);
    sparse.close();
    ::mkfifo((top + "/fifo").c_str(), 0640);
    ::chmod((top + "/small").c_str(), 04751);
    return top;
  }();
  return root;
}

std::map<std::string, std::string> host_snapshot(const std::string& root) {
  std::map<std::string, std::string> result;
  for (const auto& entry : files::recursive_directory_iterator(root)) {
    struct stat status{};
    ::lstat(entry.path().c_str(), &status);
    std::string text = std::to_string(status.st_mode) + " ";
    if (S_ISREG(status.st_mode)) {
      const auto data = load_file(entry.path());
      text += std::to_string(data.size()) + " " + std::string(reinterpret_cast<const char*>(data.data()), data.size());
    } else if (S_ISLNK(status.st_mode)) {
      text += files::read_symlink(entry.path()).string();
    } else if (!S_ISDIR(status.st_mode)) {
      text += "0";
    }
    result[entry.path().string().substr(root.size())] = text;
  }
  return result;
}

class ReadTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ReadTest, TreeIsAsItWas) {
  MemoryDisk disk(make_image(std::string(GetParam()) + " -d " + source_tree(), 24 << 10));
  disk.is_read_only = true;
  const Mounted mounted = mount(disk, {.read_only = true});
  ASSERT_TRUE(mounted) << mounted.reason;
  auto found = snapshot(*mounted.fs);
  EXPECT_TRUE(found.erase("/lost+found"));
  const auto expected = host_snapshot(source_tree());
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [path, text] : expected) EXPECT_TRUE(found[path] == text) << path << ": " << found[path].substr(0, 60);
}

INSTANTIATE_TEST_SUITE_P(Options, ReadTest,
                         ::testing::Values("-t ext4 -b 4096", "-t ext4 -b 1024", "-t ext4 -b 2048 -O ^metadata_csum", "-t ext4 -O ^64bit",
                                           "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg", "-t ext2 -b 1024", "-t ext2 -I 128",
                                           "-t ext3 -b 4096", "-t ext3 -b 1024 -J size=1",
                                           "-t ext4 -O ^flex_bg,metadata_csum_seed,orphan_file -b 1024",
                                           "-t ext4 -O meta_bg,^resize_inode -b 1024", "-t ext4 -O ^extent,^64bit",
                                           "-t ext4 -O large_dir -I 512"));

TEST(MountTest, UnknownFeaturesAreNamed) {
  for (const char* name : {"encrypt", "casefold", "inline_data", "ea_inode", "mmp"}) {
    MemoryDisk disk(make_image(std::string("-t ext4 -O ") + name, 16 << 10));
    const Mounted mounted = mount(disk);
    ASSERT_FALSE(mounted);
    EXPECT_EQ(mounted.error, Errno::kNotSupported);
    EXPECT_NE(mounted.reason.find(name), std::string::npos) << mounted.reason;
  }
  MemoryDisk disk(make_image("-t ext4", 16 << 10));
  disk.image[1024 + offsetof(Superblock, incompatible) + 3] |= std::byte{0x40};
  EXPECT_NE(mount(disk).reason.find("FEATURE_I30"), std::string::npos);
}

TEST(MountTest, SomeFeaturesAreForReadingOnly) {
  for (const char* name : {"quota", "bigalloc", "project,quota", "verity"}) {
    MemoryDisk disk(make_image(std::string("-t ext4 -O ") + name, 64 << 10));
    const Mounted writable = mount(disk);
    EXPECT_FALSE(writable);
    EXPECT_EQ(writable.error, Errno::kReadOnly) << writable.reason;
    const Mounted readable = mount(disk, {.read_only = true});
    EXPECT_TRUE(readable) << readable.reason;
  }
}

TEST(MountTest, NotAFileSystem) {
  MemoryDisk disk(std::vector<std::byte>(1 << 20));
  EXPECT_EQ(mount(disk).error, Errno::kInvalid);
  MemoryDisk small(std::vector<std::byte>(1024));
  EXPECT_EQ(mount(small).error, Errno::kInvalid);
}

TEST(ReadXattrTest, AttributesOfDebugfs) {
  for (const char* options : {"-t ext4", "-t ext2 -I 128", "-t ext4 -b 1024 -I 256"}) {
    const std::string path = scratch() + "/xattr.img";
    save_image(make_image(options, 16 << 10), path);
    put(scratch() + "/big", std::string(700, 'v'));
    put(scratch() + "/commands", "write /etc/passwd file\nea_set file user.one first\nea_set -f " + scratch() +
                                     "/big file user.big\nea_set file trusted.two second\n");
    run_command("debugfs -w -f " + scratch() + "/commands " + path);
    MemoryDisk disk(load_file(path));
    const Mounted mounted = mount(disk, {.read_only = true});
    ASSERT_TRUE(mounted) << mounted.reason;
    const auto file = walk(*mounted.fs, "/file");
    ASSERT_TRUE(file);
    EXPECT_EQ(wait_for(mounted->get_xattr(file->node, "user.one")), "first");
    EXPECT_EQ(wait_for(mounted->get_xattr(file->node, "user.big")), std::string(700, 'v'));
    EXPECT_EQ(wait_for(mounted->get_xattr(file->node, "trusted.two")), "second");
    EXPECT_EQ(wait_for(mounted->get_xattr(file->node, "user.none")).error(), Errno::kNoData);
    EXPECT_EQ(wait_for(mounted->list_xattrs(file->node))->size(), 3u);
  }
}

}  // namespace
}  // namespace hati::ext4::testing
