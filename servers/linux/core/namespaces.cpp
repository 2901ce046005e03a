// SPDX-License-Identifier: MIT
#include "servers/linux/core/namespaces.h"

#include <atomic>

#include "abi/linux/process.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/ipc/namespace.h"

namespace hati::linux {

u64 next_namespace_inode() {
  static std::atomic<u64> next{4026532000};
  return next.fetch_add(1, std::memory_order_relaxed);
}

UtsNames UtsNamespace::names() const {
  SpinGuard guard(lock_);
  return names_;
}

void UtsNamespace::set_node(std::string name) {
  SpinGuard guard(lock_);
  names_.node = std::move(name);
}

void UtsNamespace::set_domain(std::string name) {
  SpinGuard guard(lock_);
  names_.domain = std::move(name);
}

Namespaces::Namespaces(Ref<UtsNamespace> uts, Ref<IpcNamespace> ipc) : uts(std::move(uts)), ipc(std::move(ipc)) {}
Namespaces::~Namespaces() = default;

namespace {

Ref<const Namespaces> combine(Ref<UtsNamespace> uts, Ref<IpcNamespace> ipc) {
  return Ref<const Namespaces>(Ref<Namespaces>::adopt(std::make_unique<Namespaces>(std::move(uts), std::move(ipc)).release()));
}
Ref<UtsNamespace> make_uts(UtsNames names, u64 inode) {
  return Ref<UtsNamespace>::adopt(std::make_unique<UtsNamespace>(std::move(names), inode).release());
}
Ref<IpcNamespace> make_ipc(u64 inode) { return Ref<IpcNamespace>::adopt(std::make_unique<IpcNamespace>(inode).release()); }

}  // namespace

const Ref<const Namespaces>& Namespaces::initial() {
  static const Ref<const Namespaces> set = combine(make_uts({}, kInitialUts), make_ipc(kInitialIpc));
  return set;
}

Ref<const Namespaces> Namespaces::with_new(u64 flags) const {
  return combine((flags & kCloneNewUts) != 0 ? make_uts(uts->names(), next_namespace_inode()) : uts,
                 (flags & kCloneNewIpc) != 0 ? make_ipc(next_namespace_inode()) : ipc);
}

Ref<const Namespaces> Namespaces::with(Ref<UtsNamespace> other) const { return combine(std::move(other), ipc); }
Ref<const Namespaces> Namespaces::with(Ref<IpcNamespace> other) const { return combine(uts, std::move(other)); }

UtsNamespace& uts_of(const Thread& thread) { return *thread.namespaces().uts; }
IpcNamespace& ipc_of(const Thread& thread) { return *thread.namespaces().ipc; }

}  // namespace hati::linux
