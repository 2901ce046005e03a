// SPDX-License-Identifier: MIT
// The address space of a program (Linux's mm): the native AddressSpace plus what only Linux knows: brk, the places of arguments, environment and vDSO,
// the files behind mappings (kept by tag), limits. Shared by threads and by vfork until exec. All memory state itself is the kernel's.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "base/ref.h"
#include "runtime/handle.h"
#include "runtime/spinlock.h"
#include "servers/linux/core/user.h"
#include "servers/linux/core/wait.h"

namespace hati::linux {

class File;

// Address ranges that fork treats specially, by madvise(2): left out of the child, or empty in it; or left out of core dumps. Rare, so a list does.
class ForkRanges {
 public:
  enum Kind : u8 { kDontFork, kWipe, kDontDump };
  struct Range {
    u64 start, end;
    Kind kind;
  };
  void add(u64 start, u64 end, Kind kind) HATI_EXCLUDES(lock_);
  // What lay there is gone, or is inherited as usual again.
  void remove(u64 start, u64 end) HATI_EXCLUDES(lock_);
  void remove(u64 start, u64 end, Kind kind) HATI_EXCLUDES(lock_);
  std::vector<Range> list() const HATI_EXCLUDES(lock_);
  void assign(std::vector<Range> ranges) HATI_EXCLUDES(lock_);

 private:
  template <class Which>
  void cut(u64 start, u64 end, Which&& which) HATI_REQUIRES(lock_);
  mutable SpinLock lock_;
  std::vector<Range> ranges_ HATI_GUARDED_BY(lock_);
};

class Mm : public RefCounted<Mm> {
 public:
  static SysResult<Ref<Mm>> create();  // an empty supervised space
  static void destroy(Mm* mm);  // ends the space
  SysResult<Ref<Mm>> clone(i32 pid) const;  // fork, for the new process: kSpaceClone

  UserMemory memory() const { return UserMemory{space_.get()}; }
  const Space& space() const { return space_; }

  // mmap(2) etc. live in memory/mmap.cpp; a mapping of a file keeps the file alive through its tag.
  struct Layout {
    u64 code_start = 0, code_end = 0, data_start = 0, data_end = 0;
    u64 brk_start = 0, brk = 0, stack_start = 0, mmap_top = 0;
    u64 arguments_start = 0, arguments_end = 0, environment_start = 0, environment_end = 0;
    u64 vdso = 0;
  };
  Layout layout;  // changed only by exec, prctl and brk, under brk_lock
  mutable SpinLock brk_lock;
  Ref<File> executable;  // /proc/PID/exe; set by exec before anybody else sees the Mm
  std::vector<u64> auxiliary;  // /proc/PID/auxv
  std::atomic<u64> locked_bytes{0};
  std::atomic<bool> lock_future{false};
  std::atomic<u32> membarrier{0};  // registered commands
  std::atomic<i32> owner{0};  // pid of the process it was made for
  std::atomic<u32> users{1};  // threads that run in it: the last one's exit is not a CLONE_CHILD_CLEARTID wake

  ForkRanges& fork_ranges() { return fork_ranges_; }
  WaitQueue& barrier_passed() { return barrier_passed_; }  // membarrier(2): a thread has come through

  // Tags of file mappings: tag -> file. Tag 0 is "no file"; other small tags name [heap], [stack], [vdso], [vvar].
  u64 tag_for(Ref<File> file) HATI_EXCLUDES(lock_);
  // While a mapping is being made its tag is in use although the kernel does not know it yet.
  void begin_mapping() HATI_EXCLUDES(lock_) {
    SpinGuard guard(lock_);
    ++adding_;
  }
  void end_mapping() HATI_EXCLUDES(lock_) {
    SpinGuard guard(lock_);
    --adding_;
  }
  // Lets go of files that no mapping refers to any more; called after unmapping.
  void forget_unmapped_files() HATI_EXCLUDES(lock_);
  Ref<File> file_of_tag(u64 tag) const HATI_EXCLUDES(lock_);
  // A file that could not be mapped after all.
  void drop_file(const File& file) HATI_EXCLUDES(lock_);

 private:
  explicit Mm(Space space);
  void note_dropped(File& file) HATI_REQUIRES(lock_);
  void drop_counting_files() HATI_EXCLUDES(lock_);
  Space space_;
  ForkRanges fork_ranges_;
  WaitQueue barrier_passed_;
  mutable SpinLock lock_;
  std::map<u64, Ref<File>> files_ HATI_GUARDED_BY(lock_);
  u64 next_tag_ HATI_GUARDED_BY(lock_) = 16;
  u32 adding_ HATI_GUARDED_BY(lock_) = 0;
  u32 counting_ HATI_GUARDED_BY(lock_) = 0;  // files that count their mappings: their end must be noticed at once
  static constexpr usize kFilesKeptMin = 2;  // below this many, looking for unused ones is not worth its cost
};

enum MappingTag : u64 { kTagNone = 0, kTagHeap, kTagStack, kTagVdso, kTagVvar, kTagSharedAnonymous };

}  // namespace hati::linux
