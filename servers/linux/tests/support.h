// SPDX-License-Identifier: MIT
// Helpers of the host tests of the file side: tasks that finish at once, names, contents.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "runtime/tests/run.h"
#include "servers/linux/fs/tmpfs/tmpfs.h"
#include "servers/linux/vfs/walk.h"

namespace hati::linux::testing {

// Runs a body on one worker of the hosted kernel.
inline void run(Task<void> body) { hati::testing::run(1, std::move(body)); }

template <class T>
Errno error_of(const SysResult<T>& result) {
  return result ? Errno{} : result.error();
}

inline Ref<Tmpfs> make_tmpfs(const TmpfsOptions& options = {.size = 1 << 24, .size_given = true}) {
  return Ref<Tmpfs>::adopt(std::make_unique<Tmpfs>("tmpfs", options).release());
}

// A file system that no mount shuts down.
class UnmountedTmpfs {
 public:
  explicit UnmountedTmpfs(const TmpfsOptions& options = {.size = 1 << 24, .size_given = true}) : tmpfs_(make_tmpfs(options)) {}
  ~UnmountedTmpfs() { tmpfs_->shut_down(); }
  UnmountedTmpfs(const UnmountedTmpfs&) = delete;
  UnmountedTmpfs& operator=(const UnmountedTmpfs&) = delete;
  Tmpfs& operator*() const { return *tmpfs_; }
  Tmpfs* operator->() const { return tmpfs_.get(); }

 private:
  const Ref<Tmpfs> tmpfs_;
};

inline TmpfsInode& root_of(Tmpfs& tmpfs) { return static_cast<TmpfsInode&>(*tmpfs.root()); }

inline SysResult<usize> write_text(TmpfsInode& inode, std::string text, u64 offset) {
  IoContext context{.thread = nullptr};
  IoBuffer buffer(std::span(reinterpret_cast<u8*>(text.data()), text.size()));
  return inode.write(context, buffer, offset, false);
}

inline std::string read_text(TmpfsInode& inode, u64 offset = 0, usize limit = 1 << 20) {
  std::string text(limit, '\xee');
  IoBuffer buffer(std::span(reinterpret_cast<u8*>(text.data()), text.size()));
  const SysResult<usize> done = inode.read(buffer, offset);
  text.resize(done ? *done : 0);
  return text;
}

}  // namespace hati::linux::testing
