// SPDX-License-Identifier: MIT
// The namespaces that a thread is in (namespaces(7)): immutable, replaced as a whole by unshare(2), setns(2) and clone(2). The mount
// namespace is kept with root and working directory (vfs/path.h).
#pragma once

#include <string>

#include "base/ref.h"
#include "runtime/spinlock.h"
#include "servers/linux/core/errno.h"

namespace hati::linux {

class IpcNamespace;
class Thread;

// Numbers of namespaces, as /proc/PID/ns shows them: the initial ones have fixed numbers on Linux.
enum NamespaceInode : u64 {
  kInitialTime = 4026531834,
  kInitialCgroup,
  kInitialPid,
  kInitialUser,
  kInitialUts,
  kInitialIpc,
  kInitialNet,
  kInitialMount = 4026531841
};
u64 next_namespace_inode();

// uname(2)'s names that can be set.
struct UtsNames {
  std::string node = "(none)", domain = "(none)";
};

class UtsNamespace : public RefCounted<UtsNamespace> {
 public:
  UtsNamespace(UtsNames names, u64 inode) : inode(inode), names_(std::move(names)) {}
  static void destroy(UtsNamespace* space) { delete space; }
  UtsNames names() const HATI_EXCLUDES(lock_);
  void set_node(std::string name) HATI_EXCLUDES(lock_);
  void set_domain(std::string name) HATI_EXCLUDES(lock_);
  const u64 inode;

 private:
  mutable SpinLock lock_;
  UtsNames names_ HATI_GUARDED_BY(lock_);
};

class Namespaces : public RefCounted<Namespaces> {
 public:
  Namespaces(Ref<UtsNamespace> uts, Ref<IpcNamespace> ipc);
  ~Namespaces();
  static void destroy(Namespaces* set) { delete set; }
  // Those of the first process.
  static const Ref<const Namespaces>& initial();
  // With new ones of the kinds in `flags` (CLONE_NEWUTS, CLONE_NEWIPC), which begin as copies.
  Ref<const Namespaces> with_new(u64 flags) const;
  Ref<const Namespaces> with(Ref<UtsNamespace> other) const;
  Ref<const Namespaces> with(Ref<IpcNamespace> other) const;

  const Ref<UtsNamespace> uts;
  const Ref<IpcNamespace> ipc;
};

// The namespaces of a thread.
UtsNamespace& uts_of(const Thread& thread);
IpcNamespace& ipc_of(const Thread& thread);

}  // namespace hati::linux
