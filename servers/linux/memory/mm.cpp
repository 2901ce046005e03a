// SPDX-License-Identifier: MIT
// Address spaces of programs (memory/mm.h): making, copying, ending, and the table of files behind mappings.
#include "servers/linux/memory/mm.h"

#include <algorithm>

#include "servers/linux/core/services.h"
#include "servers/linux/file/file.h"

namespace hati::linux {

Mm::Mm(Space space) : space_(std::move(space)) {}

SysResult<Ref<Mm>> Mm::create() {
  Space space = TRY(from_native(Space::create(SpaceFlags::kSupervised)));
  return Ref<Mm>::adopt(new Mm(std::move(space)));
}

void Mm::destroy(Mm* mm) {
  (void)mm->space_.terminate(0);
  if (mm->executable) allow_write(*mm->executable);
  mm->drop_counting_files();
  delete mm;
}

SysResult<Ref<Mm>> Mm::clone(i32 pid) const {
  Ref<Mm> copy = TRY(create());
  copy->owner.store(pid, std::memory_order_relaxed);
  TRY(from_native(space_.clone_into(copy->space_)));
  std::vector<ForkRanges::Range> kept;
  for (const ForkRanges::Range& range : fork_ranges_.list()) {
    if (range.kind == ForkRanges::kDontFork) {
      (void)copy->space_.unmap(range.start, range.end - range.start);
    } else {
      if (range.kind == ForkRanges::kWipe) (void)copy->space_.discard(range.start, range.end - range.start);
      kept.push_back(range);
    }
  }
  copy->fork_ranges_.assign(std::move(kept));
  if (executable && deny_write(*executable)) copy->executable = executable;
  copy->auxiliary = auxiliary;
  {
    SpinGuard guard(brk_lock);
    copy->layout = layout;
  }
  SpinGuard guard(lock_);
  SpinGuard other(copy->lock_);
  copy->files_ = files_;
  copy->next_tag_ = next_tag_;
  copy->counting_ = counting_;
  if (counting_ != 0) {
    for (const auto& [tag, file] : files_)
      if (file->counts_mappings()) file->on_mapped(pid);
  }
  return copy;
}

template <class Which>
void ForkRanges::cut(u64 start, u64 end, Which&& which) {
  std::vector<Range> left;
  for (const Range& range : ranges_) {
    if (!which(range) || range.end <= start || end <= range.start) {
      left.push_back(range);
      continue;
    }
    if (range.start < start) left.push_back({range.start, start, range.kind});
    if (end < range.end) left.push_back({end, range.end, range.kind});
  }
  ranges_ = std::move(left);
}

void ForkRanges::add(u64 start, u64 end, Kind kind) {
  SpinGuard guard(lock_);
  cut(start, end, [kind](const Range& range) { return range.kind == kind; });
  ranges_.push_back({start, end, kind});
}

void ForkRanges::remove(u64 start, u64 end) {
  SpinGuard guard(lock_);
  if (!ranges_.empty()) cut(start, end, [](const Range&) { return true; });
}

void ForkRanges::remove(u64 start, u64 end, Kind kind) {
  SpinGuard guard(lock_);
  if (!ranges_.empty()) cut(start, end, [kind](const Range& range) { return range.kind == kind; });
}

std::vector<ForkRanges::Range> ForkRanges::list() const {
  SpinGuard guard(lock_);
  return ranges_;
}

void ForkRanges::assign(std::vector<Range> ranges) {
  SpinGuard guard(lock_);
  ranges_ = std::move(ranges);
}

u64 Mm::tag_for(Ref<File> file) {
  SpinGuard guard(lock_);
  for (const auto& [tag, known] : files_)
    if (known == file) return tag;
  const u64 tag = next_tag_++;
  if (file->counts_mappings()) {
    ++counting_;
    file->on_mapped(owner.load(std::memory_order_relaxed));
  }
  files_.emplace(tag, std::move(file));
  return tag;
}

Ref<File> Mm::file_of_tag(u64 tag) const {
  SpinGuard guard(lock_);
  const auto found = files_.find(tag);
  return found == files_.end() ? Ref<File>() : found->second;
}

void Mm::note_dropped(File& file) {
  if (!file.counts_mappings()) return;
  --counting_;
  file.on_unmapped(owner.load(std::memory_order_relaxed));
}

void Mm::drop_file(const File& file) {
  Ref<File> dropped;
  SpinGuard guard(lock_);
  for (auto entry = files_.begin(); entry != files_.end(); ++entry) {
    if (entry->second.get() != &file) continue;
    note_dropped(*entry->second);
    dropped = std::move(entry->second);
    files_.erase(entry);
    return;
  }
}

void Mm::drop_counting_files() {
  SpinGuard guard(lock_);
  if (counting_ == 0) return;
  for (const auto& [tag, file] : files_) note_dropped(*file);
}

void Mm::forget_unmapped_files() {
  // Tags still in use are asked of the kernel; a mapping made meanwhile has its tag registered before it is visible, so only tags known
  // before the walk may go.
  u64 first_unknown;
  {
    SpinGuard guard(lock_);
    if (files_.size() < kFilesKeptMin && counting_ == 0) return;
    first_unknown = next_tag_;
  }
  std::vector<u64> used;
  for (u64 address = 0;;) {
    const auto info = space_.query(address);
    if (!info) break;
    used.push_back(info->tag);
    address = info->address + info->bytes;
  }
  std::vector<Ref<File>> unused;
  SpinGuard guard(lock_);
  if (adding_ != 0) return;
  for (auto entry = files_.begin(); entry != files_.end();) {
    if (entry->first >= first_unknown || std::find(used.begin(), used.end(), entry->first) != used.end()) {
      ++entry;
    } else {
      note_dropped(*entry->second);
      unused.push_back(std::move(entry->second));
      entry = files_.erase(entry);
    }
  }
}

std::vector<MappingDescription> describe_mappings(Mm& mm) {
  std::vector<MappingDescription> result;
  for (u64 address = 0;;) {
    const auto info = mm.space().query(address);
    if (!info || info->bytes == 0) break;
    MappingDescription one{.info = *info, .file = mm.file_of_tag(info->tag)};
    switch (info->tag) {
      case kTagHeap: one.name = "[heap]"; break;
      case kTagStack: one.name = "[stack]"; break;
      case kTagVdso: one.name = "[vdso]"; break;
      case kTagVvar: one.name = "[vvar]"; break;
      case kTagSharedAnonymous: one.name = "/dev/zero (deleted)"; break;
      default: break;
    }
    result.push_back(std::move(one));
    address = info->address + info->bytes;
  }
  return result;
}

}  // namespace hati::linux
