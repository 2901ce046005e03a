// SPDX-License-Identifier: MIT
// nsfs: what /proc/PID/ns/* lead to (namespaces(7)). An open one keeps its namespace alive and is what setns(2) takes.
#pragma once

#include "servers/linux/core/namespaces.h"
#include "servers/linux/fs/procfs/node.h"

namespace hati::linux {

struct NamespaceKind {
  const char* name;      // in /proc/PID/ns
  const char* type;      // before the number
  u64 flag;              // CLONE_NEW*
  u64 initial;           // the number of the only namespace of this kind, or 0
};

class NsfsInode final : public Inode {
 public:
  NsfsInode(const NamespaceKind& kind, Ref<const Namespaces> set);
  u32 mode() const override { return kRegular | 0444; }
  Attributes attributes() const override;
  SysResult<Ref<File>> open_now(Thread* thread, u32 flags) override;
  const NamespaceKind& kind() const { return kind_; }
  const Namespaces& set() const { return *set_; }
  std::string text() const;  // "uts:[4026531838]"

 private:
  const NamespaceKind& kind_;
  const Ref<const Namespaces> set_;
  const Timespec time_;
};

// The namespace that a descriptor stands for; null: another kind of file.
NsfsInode* namespace_of(const File& file);

namespace proc {
std::span<const NamespaceKind> namespace_kinds();
Ref<NsfsInode> namespace_inode(const NamespaceKind& kind, const Subject& subject);  // null: the process is gone
}  // namespace proc

}  // namespace hati::linux
