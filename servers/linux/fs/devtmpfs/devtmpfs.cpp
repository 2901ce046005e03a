// SPDX-License-Identifier: MIT
#include "servers/linux/fs/devtmpfs/devtmpfs.h"

#include "servers/linux/fs/tmpfs/tmpfs.h"
#include "servers/linux/vfs/device.h"

namespace hati::linux {

namespace {

struct Node {
  const char* name;
  u32 mode;
  u32 major, minor;
};

constexpr Node kNodes[] = {
    {"null", 0666, 1, 3},    {"zero", 0666, 1, 5}, {"full", 0666, 1, 7},    {"random", 0666, 1, 8},   {"urandom", 0666, 1, 9},
    {"kmsg", 0644, 1, 11},   {"tty", 0666, 5, 0},  {"console", 0600, 5, 1}, {"ptmx", 0666, 5, 2},     {"ttyS0", 0660, 4, 64},
};

struct Link {
  const char* name;
  const char* target;
};

// What udev or an init script would make; without either, shells need them.
constexpr Link kLinks[] = {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}};

Ref<FileSystem> make() {
  auto file_system = Ref<Tmpfs>::adopt(std::make_unique<Tmpfs>("devtmpfs", TmpfsOptions{.mode = 0755, .mode_given = true}).release());
  const Ref<Inode> root = file_system->root();
  auto& directory = static_cast<TmpfsInode&>(*root);
  for (const Node& node : kNodes)
    (void)directory.add(node.name, NewNode{.mode = kCharacterDevice | node.mode,
                                           .gid = node.major == 4 ? 5u : 0u,
                                           .device_number = make_device(node.major, node.minor)});
  for (const Link& link : kLinks) (void)directory.add(link.name, NewNode{.mode = kSymbolicLink | 0777}, link.target);
  (void)directory.add("pts", NewNode{.mode = kDirectory | 0755});
  (void)directory.add("shm", NewNode{.mode = kDirectory | 01777});
  return file_system;
}

}  // namespace

Ref<FileSystem> devtmpfs() {
  // Kept while unmounted: Linux's instance lives as long as the kernel.
  static const Ref<FileSystem> instance = [] {
    Ref<FileSystem> made = make();
    made->mounts.fetch_add(1, std::memory_order_relaxed);
    return made;
  }();
  return instance;
}

}  // namespace hati::linux
