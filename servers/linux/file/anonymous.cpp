// SPDX-License-Identifier: MIT
#include "servers/linux/file/anonymous.h"

#include "servers/linux/core/services.h"
#include "servers/linux/core/world.h"
#include "servers/linux/process/process.h"

namespace hati::linux {

namespace {

class PseudoFileSystem final : public FileSystem {
 public:
  PseudoFileSystem(const char* name, u64 magic) : name_(name), magic_(magic) {}
  const char* type_name() const override { return name_; }
  Ref<Inode> root() override { return nullptr; }
  Statistics statistics() override { return {.magic = magic_}; }
  std::atomic<u64> next_inode{1};

 private:
  const char* const name_;
  const u64 magic_;
};

PseudoFileSystem& file_system(PseudoKind kind) {
  static const auto make = [](const char* name, u64 magic) {
    return Ref<PseudoFileSystem>::adopt(std::make_unique<PseudoFileSystem>(name, magic).release());
  };
  static const Ref<PseudoFileSystem> pipes = make("pipefs", 0x50495045), sockets = make("sockfs", 0x534f434b),
                                     anonymous = make("anon_inodefs", 0x09041934);
  switch (kind) {
    case PseudoKind::kPipe: return *pipes;
    case PseudoKind::kSocket: return *sockets;
    case PseudoKind::kAnonymous: break;
  }
  return *anonymous;
}

class PseudoInode final : public Inode {
 public:
  PseudoInode(PseudoFileSystem& owner, u32 mode) : Inode(owner) {
    attributes_.inode = owner.next_inode.fetch_add(1, std::memory_order_relaxed);
    attributes_.mode = mode;
    attributes_.access = attributes_.modify = attributes_.change = attributes_.birth = wall_time_now();
  }
  u32 mode() const override {
    SpinGuard guard(lock_);
    return attributes_.mode;
  }
  Attributes attributes() const override {
    SpinGuard guard(lock_);
    return attributes_;
  }
  Task<SysResult<>> set_attributes(AttributeChange change) override {
    SpinGuard guard(lock_);
    if (change.bits & AttributeChange::kMode) attributes_.mode = (attributes_.mode & kTypeMask) | change.mode;
    if (change.bits & AttributeChange::kUid) attributes_.uid = change.uid;
    if (change.bits & AttributeChange::kGid) attributes_.gid = change.gid;
    if (change.bits & AttributeChange::kAccess) attributes_.access = change.access;
    if (change.bits & AttributeChange::kModify) attributes_.modify = change.modify;
    co_return SysResult<>{};
  }

  void set_owner(u32 uid, u32 gid) {
    SpinGuard guard(lock_);
    attributes_.uid = uid;
    attributes_.gid = gid;
  }

 private:
  mutable SpinLock lock_;
  Attributes attributes_ HATI_GUARDED_BY(lock_);
};

}  // namespace

Ref<Inode> make_pseudo_inode(PseudoKind kind, u32 mode) {
  return Ref<Inode>::adopt(std::make_unique<PseudoInode>(file_system(kind), mode).release());
}

Ref<Inode> anonymous_inode() {
  static const Ref<Inode> inode = make_pseudo_inode(PseudoKind::kAnonymous, 0600);
  return inode;
}

Timespec wall_time_now() {
  const i64 now = realtime_ns();
  return {now / 1'000'000'000, now % 1'000'000'000};
}

SysResult<Fd> install_anonymous_file(Thread& thread, Ref<File> file, u32 open_flags) {
  if (file->inode() == nullptr) file->set_location(anonymous_inode(), nullptr);
  return thread.files().allocate(std::move(file), (open_flags & kOpenCloseOnExec) != 0, 0, thread.process().limit(kLimitFiles));
}

}  // namespace hati::linux
