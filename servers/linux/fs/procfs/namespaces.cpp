// SPDX-License-Identifier: MIT
#include "servers/linux/fs/procfs/namespaces.h"

#include "abi/linux/process.h"
#include "servers/linux/ipc/namespace.h"

namespace hati::linux {

namespace {

constexpr NamespaceKind kKinds[] = {
    {"cgroup", "cgroup", kCloneNewCgroup, kInitialCgroup},
    {"ipc", "ipc", kCloneNewIpc, 0},
    {"mnt", "mnt", kCloneNewNs, kInitialMount},
    {"net", "net", kCloneNewNet, kInitialNet},
    {"pid", "pid", kCloneNewPid, kInitialPid},
    {"pid_for_children", "pid", kCloneNewPid, kInitialPid},
    {"time", "time", kCloneNewTime, kInitialTime},
    {"time_for_children", "time", kCloneNewTime, kInitialTime},
    {"user", "user", kCloneNewUser, kInitialUser},
    {"uts", "uts", kCloneNewUts, 0},
};

class Nsfs final : public FileSystem {
 public:
  const char* type_name() const override { return "nsfs"; }
  Ref<Inode> root() override { return nullptr; }
  Statistics statistics() override { return {.magic = 0x6e736673}; }
};

Nsfs& nsfs() {
  static const Ref<Nsfs> file_system = Ref<Nsfs>::adopt(std::make_unique<Nsfs>().release());
  return *file_system;
}

class NamespaceFile final : public File {
 public:
  using File::File;
  Task<SysResult<i64>> ioctl(Thread& thread, u32 request, u64 argument) override {
    constexpr u32 kGetUser = 0xb701, kGetParent = 0xb702, kGetType = 0xb703, kGetOwner = 0xb704;
    const u64 flag = static_cast<NsfsInode&>(*inode()).kind().flag;
    switch (request) {
      case kGetType: co_return static_cast<i64>(flag);
      case kGetUser: co_return fail(Errno::kPERM);  // the initial one has no owner, and there are no others
      case kGetParent: co_return fail(flag == kCloneNewPid || flag == kCloneNewUser ? Errno::kPERM : Errno::kINVAL);
      case kGetOwner: {
        if (flag != kCloneNewUser) co_return fail(Errno::kINVAL);
        CO_TRY(thread.memory().put(UserPtr<u32>{argument}, u32{0}));
        co_return 0;
      }
      default: co_return fail(Errno::kNOTTY);
    }
  }
};

}  // namespace

NsfsInode::NsfsInode(const NamespaceKind& kind, Ref<const Namespaces> set)
    : Inode(nsfs()), kind_(kind), set_(std::move(set)), time_(wall_time_now()) {}

Attributes NsfsInode::attributes() const {
  Attributes result{.inode = kind_.initial != 0 ? kind_.initial : kind_.flag == kCloneNewUts ? set_->uts->inode : set_->ipc->inode};
  result.mode = mode();
  result.access = result.modify = result.change = result.birth = time_;
  return result;
}

SysResult<Ref<File>> NsfsInode::open_now(Thread* thread, u32 flags) {
  if ((flags & kOpenAccessMode) != kOpenReadOnly) return fail(Errno::kPERM);
  return Ref<File>(Ref<NamespaceFile>::adopt(std::make_unique<NamespaceFile>(flags).release()));
}

std::string NsfsInode::text() const { return std::string(kind_.type) + ":[" + std::to_string(attributes().inode) + "]"; }

NsfsInode* namespace_of(const File& file) {
  if (file.inode() == nullptr || &file.inode()->file_system() != &nsfs()) return nullptr;
  return static_cast<NsfsInode*>(file.inode());
}

namespace proc {

std::span<const NamespaceKind> namespace_kinds() { return kKinds; }

Ref<NsfsInode> namespace_inode(const NamespaceKind& kind, const Subject& subject) {
  Ref<const Namespaces> set = subject.thread->get_namespaces();
  if (!set) return nullptr;
  return Ref<NsfsInode>::adopt(std::make_unique<NsfsInode>(kind, std::move(set)).release());
}

}  // namespace proc

}  // namespace hati::linux
