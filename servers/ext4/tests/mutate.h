// SPDX-License-Identifier: MIT
// Everything a client can do, on an image that someone has tampered with. Whatever it answers, it comes to an end.
#pragma once

#include "servers/ext4/tests/support.h"

namespace hati::ext4::testing {

inline void visit_damaged(FileSystem& fs, u32 directory, u32 depth, u32* budget) {
  auto entries = wait_for(fs.list(directory, 0, 64));
  if (!entries) return;
  for (const ListedEntry& entry : *entries) {
    if (entry.name == "." || entry.name == ".." || *budget == 0) continue;
    --*budget;
    auto found = wait_for(fs.lookup(directory, entry.name));
    if (!found) continue;
    (void)wait_for(fs.list_xattrs(found->node));
    (void)wait_for(fs.get_xattr(found->node, "user.one"));
    const u16 type = found->mode & kTypeMask;
    if (type == kSymlinkMode) (void)wait_for(fs.read_link(found->node));
    if (type == kDirectoryMode && depth > 0) visit_damaged(fs, found->node, depth - 1, budget);
    if (type == kRegular) {
      std::string text(64 << 10, 0);
      (void)wait_for(fs.read(found->node, 0, piece_of(text)));
      (void)wait_for(fs.seek(found->node, 0, false));
    }
    (void)wait_for(fs.forget(found->node, 1, someone().now));
  }
}

inline void change_damaged(FileSystem& fs, u32 choice) {
  auto entries = wait_for(fs.list(kRootInode, 0, 64));
  if (!entries || entries->empty()) return;
  const ListedEntry& entry = (*entries)[choice % entries->size()];
  const Caller caller = someone();
  std::string text(16 << 10, 'w');
  (void)wait_for(fs.create(kRootInode, "made", {.mode = kDirectoryMode | 0755}, caller));
  auto made = wait_for(fs.create(kRootInode, "new", {.mode = kRegular | 0644}, caller));
  if (made) {
    (void)wait_for(fs.write(made->node, 0, piece_of(text)));
    (void)wait_for(fs.set_xattr(made->node, "user.x", std::string(300, 'x'), 0, caller));
  }
  if (auto found = wait_for(fs.lookup(kRootInode, entry.name))) {
    (void)wait_for(fs.write(found->node, 4096, piece_of(text)));
    (void)wait_for(fs.create(found->node, "inside", {.mode = kSymlinkMode | 0777, .target = std::string(100, 's')}, caller));
    (void)wait_for(
        fs.set_attributes(found->node, {.bits = AttributeChange::kSize | AttributeChange::kMode, .mode = 0600, .size = 5000}, caller));
    (void)wait_for(fs.allocate(found->node, 0, 100'000, kKeepSize, caller));
    (void)wait_for(fs.set_xattr(found->node, "user.y", std::string(100, 'y'), 0, caller));
    (void)wait_for(fs.link(found->node, kRootInode, "linked", caller));
    (void)wait_for(fs.sync_node(found->node, false));
  }
  (void)wait_for(fs.rename(kRootInode, entry.name, kRootInode, "renamed", 0, caller));
  (void)wait_for(fs.unlink(kRootInode, "renamed", caller));
  (void)wait_for(fs.remove_directory(kRootInode, entry.name, caller));
  (void)wait_for(fs.statistics());
}

inline void use_damaged(std::vector<std::byte> image, u32 choice) {
  MemoryDisk disk(std::move(image));
  const Mounted mounted = mount(disk, {.read_only = choice % 4 == 0, .on_error = static_cast<u16>(choice % 8 == 1 ? 1 : 0)});
  if (!mounted) return;
  u32 budget = 60;
  visit_damaged(*mounted.fs, kRootInode, 4, &budget);
  change_damaged(*mounted.fs, choice);
  budget = 20;
  visit_damaged(*mounted.fs, kRootInode, 2, &budget);
  (void)wait_for(mounted->volume().unmount());
}

// Images with something of everything in them.
inline std::vector<std::byte> interesting_image(const std::string& options, u64 kib) {
  MemoryDisk disk(make_image(options, kib));
  const Mounted mounted = mount(disk);
  FileSystem& fs = *mounted.fs;
  const Caller caller = someone();
  for (const char* name : {"folder", "deep"}) (void)wait_for(fs.create(kRootInode, name, {.mode = kDirectoryMode | 0755}, caller));
  const u32 folder = walk(fs, "/folder")->node;
  for (int i = 0; i < 150; ++i)
    (void)wait_for(fs.create(folder, "a name in a hash tree " + std::to_string(i), {.mode = kFifo | 0600}, caller));
  (void)wait_for(fs.create(kRootInode, "link", {.mode = kSymlinkMode | 0777, .target = std::string(120, 'l')}, caller));
  auto file = wait_for(fs.create(kRootInode, "file", {.mode = kRegular | 0644}, caller));
  std::string page(4096, 'p');
  for (u64 i = 0; i < 12; ++i) (void)wait_for(fs.write(file->node, i * 12'288, piece_of(page)));
  (void)wait_for(fs.set_attributes(file->node, {.bits = AttributeChange::kSize, .size = 12 * 12'288}, caller));
  (void)wait_for(fs.set_xattr(file->node, "user.one", std::string(40, 'o'), 0, caller));
  (void)wait_for(fs.set_xattr(file->node, "user.two", std::string(200, 't'), 0, caller));
  auto lost = wait_for(fs.create(kRootInode, "lost", {.mode = kRegular | 0644}, caller));
  (void)wait_for(fs.write(lost->node, 0, piece_of(page)));
  (void)wait_for(fs.unlink(kRootInode, "lost", caller));
  (void)wait_for(fs.volume().commit());
  return disk.image;  // not unmounted: with a journal to replay
}

}  // namespace hati::ext4::testing
