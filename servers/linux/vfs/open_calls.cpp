// SPDX-License-Identifier: MIT
// open(2), openat(2), creat(2), close(2), close_range(2).
#include "servers/linux/core/calls_file.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/process/process.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

namespace {

SysResult<i64> install(Thread& thread, Ref<File> file, u32 flags) {
  const Fd fd = TRY(thread.files().allocate(std::move(file), (flags & kOpenCloseOnExec) != 0, 0, thread.process().limit(kLimitFiles)));
  return fd.value;
}

}  // namespace

SysResult<i64> sys_openat_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags, u32 mode) {
  const std::string text = TRY(thread.memory().get_path(path));
  return install(thread, TRY(open_file_now(thread, dirfd, text, flags, mode)), flags);
}

Task<SysResult<i64>> sys_openat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags, u32 mode) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  Ref<File> file = CO_TRY(co_await open_file(thread, dirfd, std::move(text), flags, mode));
  co_return install(thread, std::move(file), flags);
}

SysResult<i64> sys_open_now(Thread& thread, UserPtr<const char> path, u32 flags, u32 mode) { return sys_openat_now(thread, kAtFdCwd, path, flags, mode); }
Task<SysResult<i64>> sys_open(Thread& thread, UserPtr<const char> path, u32 flags, u32 mode) { return sys_openat(thread, kAtFdCwd, path, flags, mode); }

Task<SysResult<i64>> sys_creat(Thread& thread, UserPtr<const char> path, u32 mode) {
  return sys_openat(thread, kAtFdCwd, path, kOpenCreate | kOpenWriteOnly | kOpenTruncate, mode);
}

SysResult<i64> sys_close(Thread& thread, Fd fd) {
  thread.files().close(TRY(thread.files().remove(fd)));
  return 0;
}

SysResult<i64> sys_close_range(Thread& thread, u32 first, u32 last, u32 flags) {
  constexpr u32 kUnshare = 2, kCloseOnExec = 4;
  if ((flags & ~(kUnshare | kCloseOnExec)) != 0 || first > last) return fail(Errno::kINVAL);
  if ((flags & kUnshare) != 0) thread.set_files(thread.files().copy());
  if ((flags & kCloseOnExec) != 0) {
    thread.files().set_close_on_exec_range(first, last);
    return 0;
  }
  for (Ref<File>& file : thread.files().remove_range(first, last)) thread.files().close(std::move(file));
  return 0;
}

}  // namespace hati::linux
