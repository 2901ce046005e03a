// SPDX-License-Identifier: MIT
// An open directory: what getdents64(2) reads. The inode does the work, unless its entries come from afar (fs/remote/file.h).
#pragma once

#include "servers/linux/vfs/inode.h"

namespace hati::linux {

class DirectoryFile : public File {
 public:
  using File::File;
  static Ref<File> make(u32 flags) { return Ref<File>::adopt(std::make_unique<DirectoryFile>(flags).release()); }

  SysResult<usize> read(IoContext& context, IoBuffer& to) override { return fail(Errno::kISDIR); }
  SysResult<usize> read_at(IoContext& context, IoBuffer& to, u64 offset) override { return fail(Errno::kISDIR); }
  SysResult<i64> seek(i64 offset, u32 whence) override {
    const i64 target = whence == 1 ? static_cast<i64>(position()) + offset : offset;
    if (whence > 1 || target < 0) return fail(Errno::kINVAL);
    set_position(static_cast<u64>(target));
    return target;
  }
  SysResult<> iterate(DirectoryEmitter& emitter) override { return inode()->iterate(*this, emitter); }
  Task<SysResult<>> sync(bool data_only) override { co_return SysResult<>{}; }
};

}  // namespace hati::linux
