// SPDX-License-Identifier: MIT
// A process's descriptors, shared by clone(CLONE_FILES). get() is the hot path: one short lock, one reference.
#pragma once

#include <memory>
#include <vector>

#include "base/ref.h"
#include "runtime/spinlock.h"
#include "servers/linux/core/syscall.h"
#include "servers/linux/file/file.h"

namespace hati::linux {

class FdTable : public RefCounted<FdTable> {
 public:
  static void destroy(FdTable* table);  // closes what is left
  Ref<FdTable> copy() const;  // fork

  SysResult<Ref<File>> get(Fd fd) const;  // kBADF
  // The lowest free descriptor >= minimum below the RLIMIT_NOFILE given; kMFILE.
  SysResult<Fd> allocate(Ref<File> file, bool close_on_exec, i32 minimum, u64 limit);
  // dup2: replaces what is there; the old file is returned so that the caller closes it outside the lock.
  SysResult<Ref<File>> install(Fd fd, Ref<File> file, bool close_on_exec, u64 limit);
  SysResult<Ref<File>> remove(Fd fd);
  SysResult<bool> close_on_exec(Fd fd) const;
  SysResult<> set_close_on_exec(Fd fd, bool value);
  // All files marked close-on-exec, removed.
  std::vector<Ref<File>> remove_close_on_exec();
  std::vector<Ref<File>> remove_range(u32 first, u32 last);
  std::vector<Ref<File>> remove_all();
  // As close(2) of each: lets go of what belongs to this table, then drops the reference.
  void close(Ref<File> file) const;
  void close_on_exec_files();
  void close_all();
  void set_close_on_exec_range(u32 first, u32 last);
  usize slot_count() const;     // FDSize in /proc/PID/status
  std::vector<Fd> list() const;  // for /proc/PID/fd

 private:
  struct Slot {
    Ref<File> file;
    bool close_on_exec = false;
  };
  Ref<File> take(u32 index) HATI_REQUIRES(lock_);

  mutable SpinLock lock_;
  std::vector<Slot> slots_ HATI_GUARDED_BY(lock_);
  u32 first_free_ HATI_GUARDED_BY(lock_) = 0;
};

}  // namespace hati::linux
