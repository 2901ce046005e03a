// SPDX-License-Identifier: MIT
// shmget(2), shmat(2), shmdt(2), shmctl(2). A segment marked for destruction lives until its last attachment goes.
#include "servers/linux/ipc/shm.h"

#include <cstdio>

#include "abi/linux/memory.h"
#include "runtime/call.h"
#include "servers/linux/core/namespaces.h"
#include "servers/linux/file/anonymous.h"
#include "servers/linux/ipc/calls.h"
#include "servers/linux/memory/map.h"
#include "servers/linux/process/process.h"

namespace hati::linux {

namespace {

u64 pages_of(u64 bytes) { return page_ceil(bytes) / kPageSize; }
i64 seconds_now() { return wall_time_now().seconds; }

void drop_segment(IpcNamespace& space, SharedSegment& segment) HATI_REQUIRES(IpcLocks::shm) {
  space.segment_pages -= pages_of(segment.bytes);
  space.segments.remove(segment);
}

u64 resident_pages(const SharedSegment& segment) {
  const auto info = segment.memory.memory_info();
  return info ? info->resident_bytes / kPageSize : 0;
}

}  // namespace

SharedAttachment::SharedAttachment(Ref<IpcNamespace> space, Ref<SharedSegment> segment, u32 flags)
    : File(flags), space_(std::move(space)), segment_(std::move(segment)) {
  set_location(segment_->inode, nullptr);
}

SysResult<MappableMemory> SharedAttachment::mappable(bool shared, bool write) {
  return MappableMemory{.memory = segment_->memory.get(), .offset = 0};
}

void SharedAttachment::on_mapped(Pid pid) {
  SpinGuard guard(IpcLocks::shm);
  ++segment_->attached;
  segment_->attach_time = seconds_now();
  segment_->last = pid;
}

void SharedAttachment::on_unmapped(Pid pid) {
  SpinGuard guard(IpcLocks::shm);
  --segment_->attached;
  segment_->detach_time = seconds_now();
  segment_->last = pid;
  if (segment_->attached == 0 && (segment_->mode & kShmDestroyed) != 0 && !segment_->removed) drop_segment(*space_, *segment_);
}

std::string SharedAttachment::description() const {
  char text[32];
  SpinGuard guard(IpcLocks::shm);
  std::snprintf(text, sizeof text, "/SYSV%08x (deleted)", static_cast<u32>(segment_->key));
  return text;
}

SysResult<i64> sys_shmget(Thread& thread, i32 key, u64 bytes, u32 flags) {
  IpcNamespace& space = ipc_of(thread);
  const auto suits = [bytes](const SharedSegment& known) { return bytes <= known.bytes; };
  {
    SpinGuard guard(IpcLocks::shm);
    if (const Ref<SharedSegment> found = TRY(find_for_get(thread, space.segments, key, flags, suits))) return i64{found->id};
  }
  if (bytes < 1 || bytes > kShmMax) return fail(Errno::kINVAL);
  if ((flags & kShmHugeTlb) != 0) return fail(Errno::kNOMEM);  // no huge page is reserved
  if (bytes > u64{1} << 46) return fail(Errno::kNOMEM);
  auto segment = Ref<SharedSegment>::adopt(std::make_unique<SharedSegment>().release());
  auto memory = Memory::create(bytes);
  if (!memory) return fail(Errno::kNOMEM);
  segment->memory = std::move(*memory);
  segment->bytes = bytes;
  segment->inode = make_pseudo_inode(PseudoKind::kAnonymous, kRegular | (flags & 0777));
  own_ipc_object(thread, *segment, key, flags);
  segment->change_time = seconds_now();
  segment->creator = thread.process().pid;
  SpinGuard guard(IpcLocks::shm);
  // Somebody may have made it meanwhile.
  if (const Ref<SharedSegment> found = TRY(find_for_get(thread, space.segments, key, flags, suits))) return i64{found->id};
  if (space.segment_pages + pages_of(bytes) > kShmPages) return fail(Errno::kNOSPC);
  TRY(space.segments.add(segment, kShmSegments));
  space.segment_pages += pages_of(bytes);
  return i64{segment->id};
}

namespace {

struct AttachPlace {
  u64 address = 0;
  MapFlags flags = MapFlags::kNone;
};

SysResult<AttachPlace> attach_place(u64 address, u32 flags) {
  if (address == 0) {
    if ((flags & kShmRemap) != 0) return fail(Errno::kINVAL);
    return AttachPlace{};
  }
  if (!page_aligned(address)) {
    if ((flags & kShmRound) == 0) return fail(Errno::kINVAL);
    address = page_floor(address);
    if (address == 0 && (flags & kShmRemap) != 0) return fail(Errno::kINVAL);
  }
  return AttachPlace{address, (flags & kShmRemap) != 0 ? MapFlags::kFixed : MapFlags::kNoReplace};
}

}  // namespace

SysResult<i64> sys_shmat(Thread& thread, i32 id, u64 address, u32 flags) {
  if (id < 0) return fail(Errno::kINVAL);
  const AttachPlace place = TRY(attach_place(address, flags));
  const bool read_only = (flags & kShmReadOnly) != 0;
  const bool execute = (flags & kShmExecute) != 0;
  Ref<SharedSegment> segment;
  {
    SpinGuard guard(IpcLocks::shm);
    segment = TRY(ipc_of(thread).segments.find(id));
    TRY(check_ipc_permission(thread, *segment, (read_only ? 0444u : 0666u) | (execute ? 0111u : 0u)));
  }
  Mm& mm = thread.mm();
  const u64 bytes = page_ceil(segment->bytes);
  if (place.address != 0 && (place.address >= kProgramEnd || bytes > kProgramEnd - place.address || place.address < kMinimumMapAddress))
    return fail(Errno::kINVAL);
  MapRequest request{};
  request.address = place.address;
  request.bytes = bytes;
  request.flags = place.flags;
  request.search_top = mm.layout.mmap_top;
  request.protection = to_protection(kProtRead | (read_only ? 0 : kProtWrite) | (execute ? kProtExecute : 0));
  request.max_protection = static_cast<u32>(to_protection(kProtRead | (read_only ? 0 : kProtWrite) | kProtExecute));
  const auto file = Ref<SharedAttachment>::adopt(
      std::make_unique<SharedAttachment>(Ref<IpcNamespace>(ipc_of(thread)), segment, read_only ? kOpenReadOnly : kOpenReadWrite).release());
  const SysResult<u64> mapped = map_file(mm, *file, request, true);
  if (!mapped) {
    mm.drop_file(*file);
    return fail(mapped.error() == Errno::kEXIST ? Errno::kINVAL : mapped.error());
  }
  if (place.flags == MapFlags::kFixed) mm.forget_unmapped_files();
  return static_cast<i64>(*mapped);
}

SysResult<i64> sys_shmdt(Thread& thread, u64 address) {
  if (!page_aligned(address) || address >= kProgramEnd) return fail(Errno::kINVAL);
  Mm& mm = thread.mm();
  // The first mapping that begins where this address would be the start of the segment decides which attachment goes.
  Ref<File> file;
  u64 tag = 0, end = 0;
  for (u64 at = address;;) {
    const auto info = mm.space().query(at);
    if (!info || info->address >= kProgramEnd || (end != 0 && info->address >= end)) break;
    if (end == 0) {
      file = mm.file_of_tag(info->tag);
      if (file && file->counts_mappings() && info->address - info->offset == address) {
        tag = info->tag;
        end = address + page_ceil(static_cast<SharedAttachment&>(*file).segment().bytes);
      } else if (info->address > address) {
        break;
      }
    }
    if (end != 0 && info->tag == tag && info->address - info->offset == address) (void)mm.space().unmap(info->address, info->bytes);
    at = info->address + info->bytes;
  }
  if (end == 0) return fail(Errno::kINVAL);
  mm.forget_unmapped_files();
  return 0;
}

namespace {

UserShmStatus status_of(const SharedSegment& segment) HATI_REQUIRES(IpcLocks::shm) {
  UserShmStatus status{};
  status.permissions = permissions_of(segment);
  status.bytes = segment.bytes;
  status.attach_time = segment.attach_time;
  status.detach_time = segment.detach_time;
  status.change_time = segment.change_time;
  status.creator = segment.creator;
  status.last = segment.last;
  status.attached = segment.attached;
  return status;
}

SysResult<i64> shm_limits(Thread& thread, i32 command, UserAddress to) {
  IpcNamespace& space = ipc_of(thread);
  i32 highest = 0;
  UserShmUsage usage{};
  std::vector<Ref<SharedSegment>> all;
  {
    SpinGuard guard(IpcLocks::shm);
    highest = space.segments.highest();
    usage.segments = static_cast<i32>(space.segments.size());
    usage.pages = space.segment_pages;
    for (const auto& [index, segment] : space.segments.all()) all.push_back(segment);
  }
  if (command == kIpcInfo) {
    const UserShmLimits limits{.segment_max = kShmMax,
                               .segment_min = 1,
                               .segments = kShmSegments,
                               .segments_per_process = kShmSegments,
                               .pages = kShmPages,
                               .unused = {}};
    TRY(thread.memory().put(to.as<UserShmLimits>(), limits));
    return i64{highest};
  }
  for (const Ref<SharedSegment>& segment : all) usage.resident += resident_pages(*segment);
  TRY(thread.memory().put(to.as<UserShmUsage>(), usage));
  return i64{highest};
}

SysResult<i64> shm_status(Thread& thread, i32 id, i32 command, UserAddress to) {
  UserShmStatus status{};
  i64 result = 0;
  {
    SpinGuard guard(IpcLocks::shm);
    IpcNamespace& space = ipc_of(thread);
    const bool by_index = command != kIpcStat;
    const Ref<SharedSegment> segment = TRY(by_index ? space.segments.at_index(id) : space.segments.find(id));
    if (command != kShmStatAny) TRY(check_ipc_permission(thread, *segment, 0444));
    status = status_of(*segment);
    if (by_index) result = segment->id;
  }
  TRY(thread.memory().put(to.as<UserShmStatus>(), status));
  return result;
}

SysResult<i64> shm_change(Thread& thread, i32 id, i32 command, UserAddress from) {
  UserShmStatus given{};
  if (command == kIpcSet) given = TRY(thread.memory().get(from.as<UserShmStatus>()));
  Ref<SharedSegment> segment;  // let go without the lock: with it may go the memory
  SpinGuard guard(IpcLocks::shm);
  IpcNamespace& space = ipc_of(thread);
  segment = TRY(space.segments.find(id));
  if (command == kShmLock || command == kShmUnlock) {
    const bool owner = thread.cred().euid == segment->uid || thread.cred().euid == segment->creator_uid;
    if (!thread.capable(kCapIpcLock) && !(owner && (command == kShmUnlock || thread.process().limit(kLimitMemlock) != 0)))
      return fail(Errno::kPERM);
    segment->mode = command == kShmLock ? segment->mode | kShmLocked : segment->mode & ~kShmLocked;  // pages are never swapped anyway
    return 0;
  }
  TRY(check_ipc_owner(thread, *segment));
  if (command == kIpcSet) {
    set_ipc_permissions(*segment, given.permissions);
    segment->change_time = seconds_now();
  } else if (segment->attached != 0) {
    segment->mode |= kShmDestroyed;
    segment->key = kIpcPrivate;
  } else {
    drop_segment(space, *segment);
  }
  return 0;
}

}  // namespace

SysResult<i64> sys_shmctl(Thread& thread, i32 id, i32 command, UserAddress buffer) {
  if (command < 0 || id < 0) return fail(Errno::kINVAL);
  switch (command) {
    case kIpcInfo:
    case kShmInfo: return shm_limits(thread, command, buffer);
    case kIpcStat:
    case kShmStat:
    case kShmStatAny: return shm_status(thread, id, command, buffer);
    case kIpcSet:
    case kIpcRemove:
    case kShmLock:
    case kShmUnlock: return shm_change(thread, id, command, buffer);
    default: return fail(Errno::kINVAL);
  }
}

std::string shm_table_text(Thread* reader) {
  std::string text =
      "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime       "
      "            rss                  swap\n";
  IpcNamespace& space = reader != nullptr ? ipc_of(*reader) : *Namespaces::initial()->ipc;
  SpinGuard guard(IpcLocks::shm);
  for (const auto& [index, s] : space.segments.all()) {
    char line[256];
    std::snprintf(line, sizeof line, "%10d %10d  %4o %21llu %5d %5d  %5u %5u %5u %5u %5u %10lld %10lld %10lld %21llu %21u\n", s->key, s->id,
                  s->mode, static_cast<unsigned long long>(s->bytes), s->creator, s->last, s->attached, s->uid, s->gid, s->creator_uid,
                  s->creator_gid, static_cast<long long>(s->attach_time), static_cast<long long>(s->detach_time),
                  static_cast<long long>(s->change_time), static_cast<unsigned long long>(resident_pages(*s) * kPageSize), 0u);
    text += line;
  }
  return text;
}

}  // namespace hati::linux
