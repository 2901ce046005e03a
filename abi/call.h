// SPDX-License-Identifier: MIT
// Native system calls: numbers, arguments, structures. Convention as on Linux: number in rax, arguments in rdi, rsi, rdx,
// r10, r8, r9; result in rax: >= 0, or -Error; rcx and r11 are destroyed. None of them waits. Numbers outside the range go to
// the thread's call entry (Call::kThreadSetCallEntry) if it has one, else give kUnknownCall.
// "space" arguments accept kOwnSpace for the caller's own address space; it carries all rights but kTransfer.
#pragma once

#include "abi/object.h"
#include "abi/thread.h"
#include "base/types.h"

namespace hati {

inline constexpr u64 kCallBase = 0x48410000;  // "HA"
inline constexpr Handle kOwnSpace = ~Handle{0};

enum class Call : u64 {
  kNull = kCallBase,    // () -> 0
  kLogWrite,            // (LogLevel, text*, bytes) one line for the kernel log, at most kLogLineMax
  kLogRead,             // (resource, buffer*, bytes, sequence) -> bytes; copies log text from byte position `sequence` on
  kClockRead,           // (Clock) -> ns
  kEntropy,             // (buffer*, bytes <= 256) random bytes for seeding
  kSystemInfo,          // (SystemInfo*)
  kPower,               // (resource, PowerAction, code)

  kHandleClose,         // (h)
  kHandleDuplicate,     // (h, rights) -> h; the rights must be a subset
  kHandleInfo,          // (h, HandleInfo*)
  kHandleGive,          // (space, h, rights) -> number of the new handle in the other process; kManage on the space, kTransfer on h

  kSpaceCreate,         // (SpaceFlags) -> h
  kSpaceMap,            // (space, MapRequest*) -> address
  kSpaceUnmap,          // (space, address, bytes)
  kSpaceProtect,  // (space, address, bytes, Protection)   kNoMemory-like hole: kBadAddress (what was mapped before the hole is changed)
  kSpaceMove,  // (space, MoveRequest*) -> address (mremap)
  kSpaceDiscard,  // (space, address, bytes) drop private pages: the next access finds zeroes or the memory object's pages
  kSpaceClone,  // (source, target) copy all mappings into an empty space, private pages copy-on-write (fork)
  kSpaceClear,  // (space) unmap everything (exec)
  kSpaceQuery,  // (space, address, MappingInfo*) the mapping that contains address or the next one; kNotFound after the last
  kSpacePopulate,  // (space, address, bytes, PopulateFlags) resolve faults ahead
  kSpaceInfo,  // (space, SpaceInfo*)
  kSpaceTerminate,  // (space, exit code) kills its threads, closes its handles, unmaps all
  kSpaceSetTrapRing,  // (ring, cpu) the caller's process supervises: traps that happen on that CPU complete into that ring
  kSpaceSetLimit,  // (space, SpaceLimit, value) nobody raises the kKernel limits of itself: kNoRight

  kCopy,  // (destination, address, source, address, bytes) -> bytes copied; handles: AddressSpace, Memory, or kOwnSpace.
  // Stops early at a bad address: fewer bytes; none: kBadAddress (or kAccess, kNoMemory).
  kCompareExchange,  // (space, address of an aligned u32, expected, desired) -> the old value (0..2^32-1), also when it differed

  kMemoryCreate,  // (bytes, MemoryFlags) -> h; zero-filled, pages on demand
  kMemoryPhysical,  // (resource, physical address, bytes, CacheMode) -> h
  kMemoryResize,  // (h, bytes) shrinking drops pages and unmaps them everywhere
  kMemoryDiscard,  // (h, offset, bytes) punch a hole
  kMemoryInfo,  // (h, MemoryInfo*)
  kMemorySeek,  // (h, offset, what: 0 data, 1 hole) -> offset; kNotFound (no data after offset). Paged: what is resident

  kThreadCreate,  // (space, ThreadRequest*) -> h
  kThreadStart,  // (h) unsupervised threads only
  kThreadExit,  // (exit code) the calling thread; does not return
  kThreadKill,  // (h, exit code)
  kThreadInterrupt,  // (h) a supervised thread: if it runs, it traps with kInterrupted, else its next resume completes so at once
  kThreadControl,  // (h, ThreadProperty, value)
  kThreadInfo,  // (h, ThreadInfo*)
  kThreadReadState,  // (h, ThreadState*) a native thread that has ended or is the caller
  kThreadSyncState,  // (h) a stopped supervised thread: brings ThreadPage::extended up to date (and makes the page authoritative)
  kThreadSetCallEntry,  // (address) entry point for unknown calls of the calling thread and threads it creates: reached with rcx = return
  // address, r11 = rflags, everything else as at the syscall instruction (rsp too: mind the red zone)
  kThreadYield,  // ()

  kRingCreate,  // (RingRequest*) -> h
  kRingEnter,  // (ring, submit, wait, deadline) -> submissions consumed. Consumes up to `submit` submissions, then sleeps until at least `wait`
  // completions are in the queue or the deadline (absolute ns, kNever) passes (kTimedOut).

  kChannelCreate,  // (Handle[2]*)
  kChannelReply,  // (channel, transaction, bytes*, byte count, Handle*, handle count) never waits
  kEventCreate,  // () -> h
  kEventSignal,  // (h, count)
  kInterruptCreate,  // (resource, global system interrupt, InterruptFlags) -> h
  kInterruptAcknowledge,  // (h) unmask after handling
  kPortRangeCreate,  // (resource, first port, count) -> h
  kPortRead,  // (h, offset, width 1|2|4) -> value
  kPortWrite,  // (h, offset, width, value)
  kSpaceReadCrash,  // (space, CrashReport*) kInspect; kNotFound if no thread of it has failed
  kSpaceInspect,  // (space, address, buffer*, bytes, SpaceInspect) -> bytes moved, at most kSpaceInspectMax. A debugger's copy: the protection of the
  // mappings does not matter, but what is shared and not writable stays as it is (kAccess). A page that is written to becomes the
  // space's own. Stops early as kCopy does. kManage
  kSpaceResidency,  // (space, address, u8*, pages <= kResidencyPagesMax) -> pages told, up to the first hole; 1: the page is in memory,
  // here or in the mapping's memory object. kInspect; kBadAddress: a hole at `address`

  kDmaCreate,  // (resource) -> h
  kMemoryPin,  // (h, dma, PinRequest*) -> number of ranges. Pages of RAM are made if need be, stay where they are and are not reused until
  // unpinned, also if the object shrinks meanwhile. kManage on dma; kRead on h, kWrite to let the device write.
  // kTooBig: more than kPinBytesMax, or more ranges than `capacity`; kBadAddress: beyond the end; kNotSupported: not RAM.
  // Pins that a process leaves behind hold until the last handle to it is closed: reset the device first.
  kMemoryUnpin,  // (h, offset, bytes) ends one pin of the caller with exactly this range; kNotFound

  kPagerCreate,  // () -> h
  kMemoryCreatePaged,  // (PagedMemoryRequest*) -> h. Its pages come from the pager. The handle carries kManage, by which the pager is told from its
  // clients: duplicates for them lack it. Only with kManage: resize, discard, the next three calls, kCopy to busy pages.
  kMemoryPageInDone,  // (h, offset, bytes, error) the busy pages of the range are filled (0), or cannot be (an Error). Whole pages.
  kMemoryTakeDirty,  // (h, offset, DirtyRange*) the next run of dirty pages at or after the offset, at most kDirtyBytesMax: they are being cleaned now.
  // kNotFound: none; kBusy: only pages that are being cleaned already, or a call with another offset is at work
  kMemoryCleaned,  // (h, offset, bytes, error) the pages of the range that were being cleaned are written (0), or dirty again (an Error)
  kMemoryAdvise,  // (h, MemoryAdvice, offset, bytes) paged memory; others ignore it

  kInterruptCreateMessage,  // (resource, MessageInterrupt*) -> h; an interrupt that a device raises by a memory write: counted, never masked. kNoSpace
  kPlatformInfo,  // (resource, PlatformInfo*) kInspect
  kEnd,
};
inline constexpr u64 kResidencyPagesMax = 512;
inline constexpr u64 kCallCount = static_cast<u64>(Call::kEnd) - kCallBase;

inline constexpr u32 kLogLineMax = 1024;
enum class LogLevel : u32 { kError, kWarning, kInfo, kDebug };

enum class Clock : u32 {
  kMonotonic,  // ns since boot
  kWallOffset,  // ns to add to kMonotonic for the time since 1970 as the hardware clock had it at boot
  kThreadTime,  // CPU time of the calling thread
};

enum class PowerAction : u32 { kOff, kReboot, kPanic };

struct SystemInfo {
  u64 memory_total;  // bytes of usable RAM as found at boot
  u64 memory_free;
  u64 memory_kernel;  // part of what is used: image, page tables, kernel objects
  u32 cpu_count;
  u32 threads;
  u64 boot_time_ns;  // TSC-derived: when the kernel was entered
  u64 tsc_hz;
  u64 context_switches;
  u64 interrupts;
  u64 page_faults;
  u64 idle_ns[64];  // per CPU
  u64 busy_ns[64];
  u32 has_pcid, has_fsgsbase;
  u64 memory_cache;  // pages of Memory objects
  u32 runnable, running;
};

enum class SpaceFlags : u32 {
  kNone = 0,
  kSupervised = 1 << 0,  // its threads are supervised by the caller's process; addresses [kProgramBase, kProgramEnd)
  kAttached = 1 << 1,  // a server at CPL 1 whose pages are mapped supervisor-only, also into the spaces it supervises
};
HATI_FLAGS(SpaceFlags)

// The lower half: programs, then one PML4 slot (the top one) for native servers, at the same addresses in both placements.
inline constexpr u64 kProgramBase = 0x1000;
inline constexpr u64 kProgramEnd = 0x7f80'0000'0000;
inline constexpr u64 kServerBase = 0x7f80'0000'0000;
inline constexpr u64 kServerEnd = 0x7fff'ffff'f000;

enum class Protection : u32 { kNone = 0, kRead = 1, kWrite = 2, kExecute = 4 };  // values as PROT_* of mmap(2)
HATI_FLAGS(Protection)

enum class MapFlags : u32 {
  kNone = 0,
  kFixed = 1 << 0,  // exactly at `address`, replacing what is there
  kNoReplace = 1 << 1,  // exactly at `address`; kExists if anything is there
  kShared = 1 << 2,  // writes go to the memory object; otherwise private, copy-on-write
  kPopulate = 1 << 3,
  kGrowsDown = 1 << 4,  // a fault below it extends it (a stack), up to the limit in `grow_limit`
  kDontFork = 1 << 5,  // kSpaceClone leaves it out
  kWipeOnFork = 1 << 6,
  kBelow4G = 1 << 7,
};
HATI_FLAGS(MapFlags)

struct MapRequest {
  u64 address;  // hint, or exact with kFixed / kNoReplace. 0: the kernel picks, top down below `search_top`
  u64 bytes;
  Protection protection;
  MapFlags flags;
  Handle memory;  // kNoHandle: anonymous
  u32 max_protection;  // Protection bits that kSpaceProtect may later grant
  u64 offset;  // into the memory object, page aligned
  u64 tag;  // returned by kSpaceQuery; the supervisor's name for the mapping. Merged only with equal tags (and consecutive offsets)
  u64 search_top;  // 0: end of the space
  u64 grow_limit;  // kGrowsDown: most bytes
};
static_assert(sizeof(MapRequest) == 64);

struct MoveRequest {
  u64 address, old_bytes, new_bytes;
  u64 new_address;  // with kFixed
  MapFlags flags;  // kFixed; else may_move says whether another place is acceptable
  u32 may_move;
  u32 keep_old;  // MREMAP_DONTUNMAP
  u32 reserved;
};
static_assert(sizeof(MoveRequest) == 48);

struct MappingInfo {
  u64 address, bytes;
  Protection protection;
  MapFlags flags;
  u64 memory_koid;  // 0: anonymous
  u64 offset;  // into the memory object, of `address`
  u64 tag;
  u64 resident_bytes;  // pages present in this mapping
  u64 private_bytes;  // of these, private pages
  u32 max_protection;
  u32 reserved;
  u64 dirty_bytes;
};
static_assert(sizeof(MappingInfo) == 80);

struct SpaceInfo {
  u64 virtual_bytes, resident_bytes, private_bytes, shared_bytes, page_table_bytes;
  u64 peak_resident_bytes, minor_faults, major_faults;
  u32 threads, handles;
};

enum class SpaceInspect : u32 { kRead, kWrite };
inline constexpr u64 kSpaceInspectMax = 64 * 1024;

enum class SpaceLimit : u32 {
  kVirtual,
  kResident,
  kKernelBytes,  // kernel memory: objects, tables, mappings, messages, pages of Memory objects. Begins as a quarter of memory
  kKernelObjects,  // objects that handles name. What a process uses counts against those that made it, too
};
enum class PopulateFlags : u32 { kRead = 0, kWrite = 1 };

enum class MemoryFlags : u32 { kNone = 0 };
enum class CacheMode : u32 { kWriteBack, kUncached, kWriteCombining };
struct MemoryInfo {
  u64 bytes, resident_bytes, koid;
  // Paged memory. `write_errors` counts failed kMemoryCleaned, `write_error` is the last one's Error.
  u64 dirty_bytes, cleaning_bytes;
  u32 write_error, write_errors;
  u64 mapped_writes;  // how often a shared mapping got write access to a page, which it loses whenever the page is cleaned
};
static_assert(sizeof(MemoryInfo) == 56);

struct PagedMemoryRequest {
  Handle pager;  // kManage
  u32 reserved;
  u64 bytes;
  u64 key;  // returned with every request
};
static_assert(sizeof(PagedMemoryRequest) == 24);
struct DirtyRange {
  u64 offset, bytes;
};
inline constexpr u64 kDirtyBytesMax = u64{1} << 20;

enum class PagerRequest : u32 {
  kPageIn,  // the pages are busy: fill them, then kMemoryPageInDone
  kPageInWrite,  // as kPageIn, and somebody waits to write to them
  kWriteBack,  // a hint: pull dirty pages until there are none (value[1] is 0)
};

enum class MemoryAdvice : u32 {
  kNormal,  // read ahead where access is sequential
  kRandom,  // only what is asked for
  kSequential,  // read ahead as far as allowed
  kWillNeed,  // bring the range (at most 256 KiB) without waiting
  kDontNeed,  // clean pages of the range that nobody holds leave
};

inline constexpr u64 kPinBytesMax = u64{2} << 20;
// A piece of physical memory, as a device sees it.
struct DmaRange {
  u64 address, bytes;
};
struct PinRequest {
  u64 offset, bytes;  // any; whole pages are pinned, the ranges cover exactly these bytes, in order
  u64 ranges;  // DmaRange[capacity]*
  u32 capacity;
  u32 write;  // 1: the device writes to it
};
static_assert(sizeof(PinRequest) == 32);

struct ThreadRequest {
  u64 entry, stack, argument;  // native: rip, rsp, rdi. Supervised: registers are set through the page
  u64 fs_base;
  u32 priority;  // ThreadPriority
  u32 reserved;
  u64 page;  // out: address of the ThreadPage in the caller (the supervisor), 0 for native threads
};
static_assert(sizeof(ThreadRequest) == 48);

// Higher runs first. Within kFair, nice levels share the processor by weight.
enum ThreadPriority : u32 {
  kPriorityFair = 0,
  kPriorityRealtimeMin = 1,
  kPriorityRealtimeMax = 99,
  kPriorityServer = 110,
  kPriorityDriver = 120
};

enum class ThreadProperty : u32 {
  kPriority,  // ThreadPriority; the caller's own priority at most
  kNice,  // i64 -20..19
  kAffinity,  // bit mask of CPUs
  kTimeSlice,  // ns, round robin among equal real-time priorities; 0 = until it yields
};

struct ThreadInfo {
  u64 koid;
  u64 user_ns, system_ns;  // system_ns: time its supervisor spent for it is not included
  u64 context_switches, preemptions;
  u32 last_cpu, priority;
  i32 nice;
  u32 state;  // ThreadRunState
};
enum class ThreadRunState : u32 { kStopped, kRunnable, kRunning, kWaiting, kEnded };

struct RingRequest {
  u32 submit_entries, complete_entries;  // powers of two, at most kRingEntriesMax
  u64 address;  // out: where the RingHeader is mapped in the caller
};
static_assert(sizeof(RingRequest) == 16);

enum class InterruptFlags : u32 { kEdgeHigh = 0, kLevelLow = 1, kLevelHigh = 2, kEdgeLow = 3 };

inline constexpr u32 kAnyCpu = ~0u;
struct MessageInterrupt {
  u32 cpu;  // wanted, or kAnyCpu; out: where it arrives, which may be another
  u32 data;  // out: what the device is to write
  u64 address;  // out: and where: the entry of its MSI or MSI-X table
};
static_assert(sizeof(MessageInterrupt) == 16);

// Configuration space of PCI Express in physical memory: 4 KiB for each function, 1 MiB for each bus.
struct EcamWindow {
  u64 address;  // of bus_first
  u16 segment;
  u8 bus_first, bus_last;
  u32 reserved;
};
static_assert(sizeof(EcamWindow) == 16);
inline constexpr u32 kEcamWindowsMax = 4;

// What firmware said about the machine and the kernel has no use for.
struct PlatformInfo {
  u32 ecam_count;
  u32 reserved;
  EcamWindow ecam[kEcamWindowsMax];
};
static_assert(sizeof(PlatformInfo) == 72);

}  // namespace hati
