// SPDX-License-Identifier: MIT
// The seam between the two halves of the server: what processes need of files, and what files need of processes. Each function is
// implemented in the room named beside it.
#pragma once

#include "servers/linux/core/thread.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

// ---- implemented by file/, vfs/, tty/ ----

// Before the first process: the root tmpfs, devtmpfs on /dev, the initramfs part of world.boot_image unpacked. False in the result: no initramfs.
Task<SysResult<>> vfs_start(World& world);
// The context of the first process: root and working directory "/".
Ref<FsContext> vfs_initial_context(World& world);
// After the initramfs is known not to hold rdinit: mounts root= on "/". kNODEV if there is no such device.
Task<SysResult<>> vfs_mount_root(World& world, std::string device, std::string type, bool read_only);
// /dev/console as descriptors 0, 1 and 2 of the first process. A failure is logged only, as on Linux.
Task<> vfs_open_console(Thread& thread);
// sync(2) of everything, before power off.
Task<> vfs_sync_all(World& world);

// A thread lets go of its descriptors (exit, exec, unshare): File::on_close for each if it was the last user.
void release_files(Thread& thread, Ref<FdTable> files);
// Closes files taken out of a table (remove_close_on_exec): on_close, then the reference.
void close_files(Thread& thread, std::vector<Ref<File>> files);
// A descriptor for an anonymous file (timerfd): gives it a pseudo inode and installs it. `open_flags`: kOpenCloseOnExec matters.
SysResult<Fd> install_anonymous_file(Thread& thread, Ref<File> file, u32 open_flags);
// A session leader ends: SIGHUP and SIGCONT to the foreground group of its terminal, which the session loses. Called without locks.
void release_terminal(Process& leader);
// execve: set-user-ID and such of the file. Attributes are File::inode()->attributes(); the mount's nosuid is asked here.
bool mount_allows_set_id(const File& file);
// execve: a file being executed refuses writers (kTXTBSY) and the reverse; undone when the Mm goes.
SysResult<> deny_write(File& file);
void allow_write(File& file);

// ---- implemented by process/, signal/, memory/ ----

// RLIMIT_FSIZE: how many of `bytes` may be written at `offset`; kFBIG and SIGXFSZ if none.
SysResult<u64> check_file_size(Thread& thread, u64 offset, u64 bytes);
// For procfs: mappings of a process in ascending order.
struct MappingDescription {
  MappingInfo info;
  Ref<File> file;           // null: anonymous
  const char* name = "";    // "[heap]", "[stack]", "[vdso]", "[vvar]", "" or "/dev/zero (deleted)" for shared anonymous memory
};
std::vector<MappingDescription> describe_mappings(Mm& mm);

}  // namespace hati::linux
