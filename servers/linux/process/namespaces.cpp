// SPDX-License-Identifier: MIT
#include "servers/linux/process/namespaces.h"

#include "servers/linux/core/namespaces.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/fs/procfs/namespaces.h"
#include "servers/linux/ipc/sem.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/process.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

void enter_new_namespaces(Thread& thread, u64 flags) {
  if ((flags & kNamespacesKnown) != 0) thread.set_namespaces(thread.get_namespaces()->with_new(flags));
}

namespace {

// Kinds of which there is only one namespace: entering it changes nothing but, for mounts, root and working directory.
SysResult<> enter_only(Thread& thread, u64 kind) {
  if (kind == kCloneNewTime && thread.process().live.load() > 1) return fail(Errno::kUSERS);
  if (kind != kCloneNewNs) return {};
  if (!thread.capable(kCapSysChroot)) return fail(Errno::kPERM);
  if (thread.fs_ref()->reference_count() > 1) return fail(Errno::kINVAL);
  thread.fs().set_root(MountTree::instance().cross(MountTree::instance().root()));
  thread.fs().set_cwd(thread.fs().root());
  return {};
}

}  // namespace

SysResult<i64> sys_setns(Thread& thread, Fd fd, u64 type) {
  const Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only()) return fail(Errno::kBADF);
  const NsfsInode* target = namespace_of(*file);
  if (target == nullptr) return fail(Errno::kINVAL);
  const u64 kind = target->kind().flag;
  if (type != 0 && static_cast<u32>(type) != kind) return fail(Errno::kINVAL);
  if (kind == kCloneNewUser) return fail(Errno::kINVAL);  // that of the caller, whoever it is
  if (!thread.capable(kCapSysAdmin)) return fail(Errno::kPERM);
  const Ref<const Namespaces> current = thread.get_namespaces();
  if (kind == kCloneNewUts) {
    thread.set_namespaces(current->with(target->set().uts));
  } else if (kind == kCloneNewIpc) {
    thread.semaphore_undo.reset();
    thread.set_namespaces(current->with(target->set().ipc));
  } else {
    TRY(enter_only(thread, kind));
  }
  return 0;
}

}  // namespace hati::linux
