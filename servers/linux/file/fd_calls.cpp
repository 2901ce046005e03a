// SPDX-License-Identifier: MIT
// Calls on descriptors: dup(2), fcntl(2), ioctl(2), pipe(2), memfd_create(2).
#include "servers/linux/core/calls_file.h"
#include "servers/linux/file/anonymous.h"
#include "servers/linux/file/pipe.h"
#include "servers/linux/fs/tmpfs/tmpfs.h"
#include "servers/linux/process/process.h"
#include "servers/linux/vfs/lock_calls.h"
#include "servers/linux/vfs/node.h"

namespace hati::linux {

namespace {

u64 file_limit(Thread& thread) { return thread.process().limit(kLimitFiles); }

SysResult<i64> duplicate_to(Thread& thread, Fd old, Fd fd, bool close_on_exec) {
  Ref<File> file = TRY(thread.files().get(old));
  Ref<File> replaced = TRY(thread.files().install(fd, std::move(file), close_on_exec, file_limit(thread)));
  if (replaced) thread.files().close(std::move(replaced));
  return fd.value;
}

}  // namespace

SysResult<i64> sys_dup(Thread& thread, Fd old) {
  Ref<File> file = TRY(thread.files().get(old));
  return TRY(thread.files().allocate(std::move(file), false, 0, file_limit(thread))).value;
}

SysResult<i64> sys_dup2(Thread& thread, Fd old, Fd fd) {
  if (old == fd) {
    TRY(thread.files().close_on_exec(old));
    return fd.value;
  }
  return duplicate_to(thread, old, fd, false);
}

SysResult<i64> sys_dup3(Thread& thread, Fd old, Fd fd, u32 flags) {
  if ((flags & ~u32{kOpenCloseOnExec}) != 0 || old == fd) return fail(Errno::kINVAL);
  return duplicate_to(thread, old, fd, (flags & kOpenCloseOnExec) != 0);
}

namespace {

enum FcntlCommand : u32 {
  kDupFd = 0,
  kGetFd = 1,
  kSetFd = 2,
  kGetFl = 3,
  kSetFl = 4,
  kSetOwn = 8,
  kGetOwn = 9,
  kSetSig = 10,
  kGetSig = 11,
  kSetOwnEx = 15,
  kGetOwnEx = 16,
  kSetLease = 1024,
  kGetLease = 1025,
  kNotify = 1026,
  kDupFdCloseOnExec = 1030,
  kSetPipeSize = 1031,
  kGetPipeSize = 1032,
  kAddSeals = 1033,
  kGetSeals = 1034,
};

struct OwnerEx {
  i32 type;  // 0 thread, 1 process, 2 group
  i32 pid;
};

SysResult<i64> set_flags(Thread& thread, File& file, u32 argument) {
  constexpr u32 kChangeable = kOpenAppend | kOpenNonBlock | kOpenAsync | kOpenDirect | kOpenNoAccessTime;
  const u32 old = file.flags();
  if ((argument & kOpenNoAccessTime) != 0 && (old & kOpenNoAccessTime) == 0 && file.inode() != nullptr &&
      !owns(thread.cred(), *file.inode()))
    return fail(Errno::kPERM);
  file.set_flags((old & ~kChangeable) | (argument & kChangeable));
  return 0;
}

SysResult<i64> owner_command(Thread& thread, File& file, u32 command, u64 argument) {
  const i32 owner = file.owner.load(std::memory_order_relaxed);
  switch (command) {
    case kSetOwn: file.owner.store(static_cast<i32>(argument), std::memory_order_relaxed); return 0;
    case kGetOwn: return owner;
    case kSetSig:
      if (argument > 64) return fail(Errno::kINVAL);
      file.owner_signal.store(static_cast<i32>(argument), std::memory_order_relaxed);
      return 0;
    case kGetSig: return file.owner_signal.load(std::memory_order_relaxed);
    case kSetOwnEx: {
      const OwnerEx given = TRY(thread.memory().get(UserPtr<OwnerEx>{argument}));
      if (given.type < 0 || given.type > 2) return fail(Errno::kINVAL);
      file.owner.store(given.type == 2 ? -given.pid : given.pid, std::memory_order_relaxed);
      return 0;
    }
    default: {
      const OwnerEx result{owner < 0 ? 2 : 1, owner < 0 ? -owner : owner};
      TRY(thread.memory().put(UserPtr<OwnerEx>{argument}, result));
      return 0;
    }
  }
}

// What O_PATH descriptors can do, too.
bool allowed_for_path(u32 command) {
  return command == kDupFd || command == kDupFdCloseOnExec || command == kGetFd || command == kSetFd || command == kGetFl;
}

SysResult<i64> fcntl_now(Thread& thread, Fd fd, u32 command, u64 argument) {
  Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only() && !allowed_for_path(command)) return fail(Errno::kBADF);
  switch (command) {
    case kDupFd:
    case kDupFdCloseOnExec:
      if (argument >= file_limit(thread)) return fail(Errno::kINVAL);
      return TRY(thread.files().allocate(std::move(file), command == kDupFdCloseOnExec, static_cast<i32>(argument), file_limit(thread)))
          .value;
    case kGetFd: return i64{TRY(thread.files().close_on_exec(fd))};
    case kSetFd: TRY(thread.files().set_close_on_exec(fd, (argument & 1) != 0)); return 0;
    case kGetFl: return i64{file->flags() & ~u32{kOpenCloseOnExec}};
    case kSetFl: return set_flags(thread, *file, static_cast<u32>(argument));
    case kSetOwn:
    case kGetOwn:
    case kSetSig:
    case kGetSig:
    case kSetOwnEx:
    case kGetOwnEx: return owner_command(thread, *file, command, argument);
    case kSetPipeSize:
    case kGetPipeSize:
      if (file->as_pipe() == nullptr) return fail(Errno::kBADF);
      return file->control(command, argument);
    case kAddSeals:
    case kGetSeals: return file->control(command, argument);
    case kGetLease: return 2;  // F_UNLCK
    default: return fail(Errno::kINVAL);
  }
}

}  // namespace

SysResult<i64> sys_fcntl_now(Thread& thread, Fd fd, u32 command, u64 argument) {
  if (is_lock_command(command)) return fail(Errno::kNEEDASYNC);
  return fcntl_now(thread, fd, command, argument);
}

Task<SysResult<i64>> sys_fcntl(Thread& thread, Fd fd, u32 command, u64 argument) {
  Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->is_path_only()) co_return fail(Errno::kBADF);
  co_return co_await record_lock_command(thread, std::move(file), command, argument);
}

namespace {

// Requests that do not depend on the kind of file; kNEEDASYNC: the file's own.
SysResult<i64> generic_ioctl(Thread& thread, Fd fd, File& file, u32 request, u64 argument) {
  constexpr u32 kFionbio = 0x5421, kFioasync = 0x5452, kFionclex = 0x5450, kFioclex = 0x5451, kFionread = 0x541b, kFigetbsz = 2,
                kFioqsize = 0x5460;
  const auto set_flag = [&](u32 flag) -> SysResult<i64> {
    const i32 on = TRY(thread.memory().get(UserPtr<i32>{argument}));
    file.set_flags(on != 0 ? file.flags() | flag : file.flags() & ~flag);
    return 0;
  };
  const bool has_content = file.inode() != nullptr && file.inode()->is(kRegular);
  switch (request) {
    case kFionbio: return set_flag(kOpenNonBlock);
    case kFioasync: return set_flag(kOpenAsync);
    case kFioclex: TRY(thread.files().set_close_on_exec(fd, true)); return 0;
    case kFionclex: TRY(thread.files().set_close_on_exec(fd, false)); return 0;
    case kFionread: {
      if (!has_content) break;
      const u64 size = file.inode()->attributes().size, position = file.position();
      TRY(thread.memory().put(UserPtr<i32>{argument}, static_cast<i32>(size > position ? size - position : 0)));
      return 0;
    }
    case kFigetbsz:
      if (!has_content) break;
      TRY(thread.memory().put(UserPtr<i32>{argument}, 4096));
      return 0;
    case kFioqsize:
      if (file.inode() == nullptr || !(has_content || file.inode()->is(kDirectory))) break;
      TRY(thread.memory().put(UserPtr<i64>{argument}, static_cast<i64>(file.inode()->attributes().size)));
      return 0;
    default: break;
  }
  return fail(Errno::kNEEDASYNC);
}

}  // namespace

Task<SysResult<i64>> sys_ioctl(Thread& thread, Fd fd, u32 request, u64 argument) {
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->is_path_only()) co_return fail(Errno::kBADF);
  const SysResult<i64> result = generic_ioctl(thread, fd, *file, request, argument);
  if (result || result.error() != Errno::kNEEDASYNC) co_return result;
  co_return co_await file->ioctl(thread, request, argument);
}

SysResult<i64> sys_pipe2(Thread& thread, UserPtr<i32> to, u32 flags) {
  if ((flags & ~u32{kOpenCloseOnExec | kOpenNonBlock}) != 0) return fail(Errno::kINVAL);
  PipeEnds ends = make_pipe(flags);
  const bool close_on_exec = (flags & kOpenCloseOnExec) != 0;
  const Fd reader = TRY(thread.files().allocate(std::move(ends.reader), close_on_exec, 0, file_limit(thread)));
  const SysResult<Fd> writer = thread.files().allocate(std::move(ends.writer), close_on_exec, 0, file_limit(thread));
  if (!writer) {
    (void)thread.files().remove(reader);
    return fail(writer.error());
  }
  const i32 fds[2] = {reader.value, writer->value};
  if (const SysResult<> copied = thread.memory().write(to.address, fds, sizeof fds); !copied) {
    (void)thread.files().remove(reader);
    (void)thread.files().remove(*writer);
    return fail(copied.error());
  }
  return 0;
}

SysResult<i64> sys_pipe(Thread& thread, UserPtr<i32> to) { return sys_pipe2(thread, to, 0); }

SysResult<i64> sys_memfd_create(Thread& thread, UserPtr<const char> name, u32 flags) {
  constexpr u32 kCloseOnExec = 1, kAllowSealing = 2, kHugeTlb = 4, kNameMax = 249;
  if ((flags & kHugeTlb) != 0) return fail(Errno::kNOMEM);
  if ((flags & ~(kCloseOnExec | kAllowSealing)) != 0) return fail(Errno::kINVAL);
  SysResult<std::string> text = thread.memory().get_string(name.address, kNameMax + 1);
  if (!text) return fail(text.error() == Errno::kNAMETOOLONG ? Errno::kINVAL : text.error());
  const Ref<TmpfsInode> inode = make_memory_inode(0777, thread.cred().fsuid, thread.cred().fsgid);
  if ((flags & kAllowSealing) != 0) inode->allow_sealing();
  Ref<File> file = open_tmpfs_file(*inode, kOpenReadWrite | kOpenLargeFile, "/memfd:" + *text + " (deleted)");
  file->set_location(Ref<Inode>(inode), nullptr);
  return TRY(thread.files().allocate(std::move(file), (flags & kCloseOnExec) != 0, 0, file_limit(thread))).value;
}

}  // namespace hati::linux
