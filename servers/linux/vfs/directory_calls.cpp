// SPDX-License-Identifier: MIT
// getdents64(2), getdents(2); chdir(2), fchdir(2), getcwd(2), chroot(2).
#include <cstring>

#include "abi/linux/stat.h"
#include "servers/linux/core/calls_file.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/vfs/notify.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

namespace {

// Collects records in the server; they are copied to the program in one piece.
class Records : public DirectoryEmitter {
 public:
  explicit Records(usize limit) : limit_(limit) {}
  virtual ~Records() = default;
  std::vector<u8> bytes;
  bool refused = false;  // the first entry did not fit

 protected:
  u8* grow(usize record) {
    if (bytes.size() + record > limit_) {
      refused = bytes.empty();
      return nullptr;
    }
    bytes.resize(bytes.size() + record);
    return bytes.data() + bytes.size() - record;
  }

 private:
  const usize limit_;
};

class Records64 final : public Records {
 public:
  using Records::Records;
  bool emit(std::string_view name, u64 inode, u8 type, u64 next_offset) override {
    const usize record = (sizeof(UserDirent64) + name.size() + 1 + 7) & ~usize{7};
    u8* to = grow(record);
    if (to == nullptr) return false;
    const UserDirent64 head{inode, static_cast<i64>(next_offset), static_cast<u16>(record), type};
    std::memcpy(to, &head, sizeof head);
    std::memcpy(to + sizeof head, name.data(), name.size());
    return true;
  }
};

class RecordsOld final : public Records {
 public:
  using Records::Records;
  bool emit(std::string_view name, u64 inode, u8 type, u64 next_offset) override {
    const usize record = (sizeof(UserDirent) + name.size() + 2 + 7) & ~usize{7};
    u8* to = grow(record);
    if (to == nullptr) return false;
    const UserDirent head{inode, next_offset, static_cast<u16>(record)};
    std::memcpy(to, &head, sizeof head);
    std::memcpy(to + sizeof head, name.data(), name.size());
    to[record - 1] = type;
    return true;
  }
};

constexpr usize kRecordsMax = 65536;  // at once: a larger buffer is filled by more calls

template <class R>
SysResult<i64> read_directory(Thread& thread, Fd fd, UserAddress to, u32 bytes) {
  const Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only()) return fail(Errno::kBADF);
  if (file->inode() == nullptr || !file->inode()->is(kDirectory)) return fail(Errno::kNOTDIR);
  if (file->path() != nullptr && is_unlinked(*file->path())) return fail(Errno::kNOENT);
  R records(std::min<usize>(bytes, kRecordsMax));
  const u64 before = file->position();
  TRY(file->iterate(records));
  notify_file(*file, kNotifyAccess);
  if (records.refused) return fail(Errno::kINVAL);
  if (const SysResult<> copied = thread.memory().write(to.address, records.bytes.data(), records.bytes.size()); !copied) {
    file->set_position(before);
    return fail(copied.error());
  }
  return static_cast<i64>(records.bytes.size());
}

}  // namespace

SysResult<i64> sys_getdents64_now(Thread& thread, Fd fd, UserAddress to, u32 bytes) {
  return read_directory<Records64>(thread, fd, to, bytes);
}
SysResult<i64> sys_getdents_now(Thread& thread, Fd fd, UserAddress to, u32 bytes) {
  return read_directory<RecordsOld>(thread, fd, to, bytes);
}

namespace {

// The same where the entries have to be fetched.
template <class R>
Task<SysResult<i64>> read_directory_far(Thread& thread, Fd fd, UserAddress to, u32 bytes) {
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  for (;;) {
    const SysResult<i64> done = read_directory<R>(thread, fd, to, bytes);
    if (done || done.error() != Errno::kNEEDASYNC) co_return done;
    CO_TRY(co_await file->fetch({.what = Missing::What::kEntries}));
  }
}

}  // namespace

Task<SysResult<i64>> sys_getdents64(Thread& thread, Fd fd, UserAddress to, u32 bytes) {
  return read_directory_far<Records64>(thread, fd, to, bytes);
}
Task<SysResult<i64>> sys_getdents(Thread& thread, Fd fd, UserAddress to, u32 bytes) {
  return read_directory_far<RecordsOld>(thread, fd, to, bytes);
}

Task<SysResult<i64>> sys_chdir(Thread& thread, UserPtr<const char> path) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  Path place = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(text), kWalkFollow | kWalkDirectory));
  CO_TRY(check_permission(thread.cred(), *place.inode(), kAccessExecute));
  thread.fs().set_cwd(std::move(place));
  co_return 0;
}

SysResult<i64> sys_fchdir(Thread& thread, Fd fd) {
  const Ref<File> file = TRY(thread.files().get(fd));
  if (file->inode() == nullptr || file->path() == nullptr || !file->inode()->is(kDirectory)) return fail(Errno::kNOTDIR);
  TRY(check_permission(thread.cred(), *file->inode(), kAccessExecute));
  thread.fs().set_cwd(*file->path());
  return 0;
}

Task<SysResult<i64>> sys_chroot(Thread& thread, UserPtr<const char> path) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  Path place = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(text), kWalkFollow | kWalkDirectory));
  CO_TRY(check_permission(thread.cred(), *place.inode(), kAccessExecute));
  if (!thread.capable(kCapSysChroot)) co_return fail(Errno::kPERM);
  thread.fs().set_root(std::move(place));
  co_return 0;
}

SysResult<i64> sys_getcwd(Thread& thread, UserAddress to, u64 bytes) {
  const Path cwd = thread.fs().cwd();
  if (is_unlinked(cwd)) return fail(Errno::kNOENT);
  const std::string text = path_text(cwd, thread.fs().root());
  if (text.size() + 1 > bytes) return fail(Errno::kRANGE);
  TRY(thread.memory().write(to.address, text.c_str(), text.size() + 1));
  return static_cast<i64>(text.size() + 1);
}

}  // namespace hati::linux
