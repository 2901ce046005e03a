// SPDX-License-Identifier: MIT
// The file side of start and end (core/services.h): the root file system, the initramfs, the console's descriptors, and what processes ask of files.
#include "protocols/system.h"
#include "runtime/log.h"
#include "servers/linux/core/services.h"
#include "servers/linux/core/world.h"
#include "servers/linux/fs/devtmpfs/devtmpfs.h"
#include "servers/linux/tty/terminal.h"
#include "servers/linux/vfs/device.h"
#include "servers/linux/vfs/file_systems.h"
#include "servers/linux/vfs/initramfs.h"
#include "servers/linux/vfs/walk.h"

namespace hati::linux {

namespace {

// What Linux's built-in initramfs holds: enough for the first program to have a console.
SysResult<> add_defaults(TmpfsInode& root) {
  Ref<TmpfsInode> dev = root.child("dev");
  if (!dev) dev = TRY(root.add("dev", NewNode{.mode = kDirectory | 0755u}));
  if (dev->is(kDirectory) && !dev->child("console"))
    (void)TRY(dev->add("console", NewNode{.mode = kCharacterDevice | 0600u, .device_number = make_device(5, 1)}));
  if (!root.child("root")) (void)TRY(root.add("root", NewNode{.mode = kDirectory | 0700u}));
  return {};
}

SysResult<> unpack_boot_image(World& world, TmpfsInode& root) {
  if (!world.boot_image || world.boot_image_bytes == 0) return {};
  const Mapping image = TRY(from_native(world.boot_image.map(0, world.boot_image_bytes, Protection::kRead)));
  const u64 before = monotonic_ns();
  const SysResult<UnpackCounts> counts = unpack_initramfs(root, std::span(image.as<const u8>(), world.boot_image_bytes));
  if (!counts) {
    log_error("initramfs: malformed, or no memory left (error {})", static_cast<i32>(counts.error()));
    return fail(counts.error());
  }
  log_debug("initramfs: {} files, {} KiB in {} ms", counts->files, counts->bytes >> 10, (monotonic_ns() - before) / 1'000'000);
  return {};
}

}  // namespace

Task<SysResult<>> vfs_start(World& world) {
  register_memory_devices();
  start_terminals(world);
  auto rootfs = Ref<Tmpfs>::adopt(std::make_unique<Tmpfs>("rootfs", TmpfsOptions{.mode = 0755, .mode_given = true}).release());
  const Ref<Inode> root = rootfs->root();
  auto dentry = Ref<Dentry>::adopt(std::make_unique<Dentry>(nullptr, "/", root).release());
  MountTree::instance().set_root(
      Ref<Mount>::adopt(std::make_unique<Mount>(Ref<FileSystem>(rootfs), std::move(dentry), "rootfs", 0).release()));
  auto& directory = static_cast<TmpfsInode&>(*root);
  const SysResult<> unpacked = unpack_boot_image(world, directory);
  // The image is not needed any more: its memory goes when everybody has let go of it.
  world.boot_image = Memory();
  if (const auto released = co_await world.system.call(system::ReleaseBootImageRequest{}); !released)
    log_debug("boot image: {}", error_name(released.error()));
  CO_TRY(add_defaults(directory));
  co_return unpacked;
}

Ref<FsContext> vfs_initial_context(World& world) {
  const Path root = MountTree::instance().cross(MountTree::instance().root());
  return Ref<FsContext>::adopt(std::make_unique<FsContext>(root, root, 022).release());
}

namespace {

// Without rootfstype= the types on disks are tried one after the other.
Task<SysResult<Ref<Mount>>> make_root_mount(std::string device, std::string type, bool read_only) {
  const u32 flags = kMountRelativeTime | (read_only ? u32{kMountReadOnly} : 0u);
  if (!type.empty()) co_return co_await make_mount(std::move(type), std::move(device), flags, {});
  SysResult<Ref<Mount>> mount = fail(Errno::kNODEV);
  for (const FileSystemType& candidate : file_system_types()) {
    if (!candidate.needs_device) continue;
    mount = co_await make_mount(candidate.name, device, flags, {});
    if (mount || mount.error() != Errno::kINVAL) break;
  }
  co_return mount;
}

}  // namespace

Task<SysResult<>> vfs_mount_root(World& world, std::string device, std::string type, bool read_only) {
  const Path place = MountTree::instance().root();
  Ref<Mount> mount = CO_TRY(co_await make_root_mount(std::move(device), std::move(type), read_only));
  mount->file_system().read_only.store(read_only || mount->file_system().read_only.load(std::memory_order_relaxed),
                                       std::memory_order_relaxed);
  Ref<Dentry> top = mount->root();
  Path root{mount, top};
  CO_TRY(MountTree::instance().attach(std::move(mount), place));
  // As CONFIG_DEVTMPFS_MOUNT: the first program finds its console.
  if (const SysResult<Ref<Dentry>> dev = co_await lookup_child(top, "dev"); dev && (*dev)->inode() != nullptr) {
    Ref<Mount> devices = CO_TRY(co_await make_mount("devtmpfs", "devtmpfs", kMountRelativeTime, {}));
    CO_TRY(MountTree::instance().attach(std::move(devices), Path{root.mount, *dev}));
  }
  co_return SysResult<>{};
}

Task<> vfs_open_console(Thread& thread) {
  SysResult<Ref<File>> console = co_await open_file(thread, kAtFdCwd, "/dev/console", kOpenReadWrite, 0);
  if (!console) {
    log_error("Warning: unable to open an initial console.");
    co_return;
  }
  for (int i = 0; i < 3; ++i) (void)thread.files().allocate(*console, false, 0, 3);
}

Task<> vfs_sync_all(World& world) {
  std::vector<Ref<FileSystem>> file_systems;
  for (const MountRecord& record : MountTree::instance().list()) file_systems.push_back(Ref<FileSystem>(record.mount->file_system()));
  for (const Ref<FileSystem>& file_system : file_systems)
    if (const SysResult<> synced = co_await file_system->sync(); !synced)
      log_error("{}: not everything could be written (error {})", file_system->type_name(), static_cast<i32>(synced.error()));
}

void release_files(Thread& thread, Ref<FdTable> files) { files.reset(); }

void close_files(Thread& thread, std::vector<Ref<File>> files) {
  for (Ref<File>& file : files) thread.files().close(std::move(file));
}

bool mount_allows_set_id(const File& file) { return file.path() == nullptr || (file.path()->mount->flags() & kMountNoSuid) == 0; }

SysResult<> deny_write(File& file) {
  if (file.inode() == nullptr) return {};
  return file.inode()->deny_write_access();
}

void allow_write(File& file) {
  if (file.inode() != nullptr) file.inode()->allow_write_access();
}

}  // namespace hati::linux
