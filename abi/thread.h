// SPDX-License-Identifier: MIT
// The page that holds a thread's registers. The kernel saves into it on every entry and loads from it on return;
// for a supervised thread it is also mapped, writable, into its supervisor, which owns the contents while the thread is
// stopped. The kernel trusts nothing in it: segment selectors are the kernel's, rflags is masked, bad addresses and bad
// extended state make the thread trap.
#pragma once

#include "base/types.h"

namespace hati {

struct ThreadPage {
  // Offsets are used by kernel/arch/x86_64/entry.S.
  u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
  u64 r8, r9, r10, r11, r12, r13, r14, r15;
  u64 rip, rflags;
  u64 fs_base, gs_base;

  // Written by the kernel when a supervised thread traps.
  u32 trap;           // Trap
  u32 vector;         // Trap::kException: x86 vector
  u64 error_code;     // the processor's error code, 0 if the vector has none; PageFaultBits for vector 14
  u64 fault_address;  // vector 14: CR2
  u64 cpu_time_ns;    // time spent in the thread up to this trap

  // Debug registers, loaded when debug_control != 0 (ptrace).
  u64 debug_address[4];
  u64 debug_status, debug_control;

  // Written by the supervisor. A supervised thread that loses its processor while the u64 at `watch_address`, in its space, is not 0 (or
  // cannot be read), or that is about to run on another processor than `watch_cpu`, traps with kInterrupted instead of running on. 0: it
  // does not watch. A resume that switches directly, on the supervisor's own processor, does not look at watch_cpu.
  u64 watch_address;
  u32 watch_cpu, watch_reserved;

  u64 reserved[94];
  u64 extended_size;   // bytes of `extended` in use: the XSAVE area in standard format; constant
  u64 extended_valid;  // 1: `extended` is current. 0: the state is in a processor; Call::kThreadSyncState brings it here

  alignas(64) u8 extended[4096 - 1024];
};
static_assert(sizeof(ThreadPage) == 4096);
static_assert(__builtin_offsetof(ThreadPage, rip) == 128);
static_assert(__builtin_offsetof(ThreadPage, trap) == 160);
static_assert(__builtin_offsetof(ThreadPage, extended) == 1024);

// Why a supervised thread stopped: the result of Operation::kThreadResume.
enum class Trap : u32 {
  kNone,
  kCall,         // the syscall instruction; number and arguments are in the registers
  kException,    // value[0] = vector; page faults that the kernel could not resolve are vector 14
  kInterrupted,  // Call::kThreadInterrupt, or what ThreadPage::watch_address watches for
  kKilled,       // the thread or its address space is being destroyed: the last completion for this thread
};

// Page-fault error code bits (SDM volume 3, 4.7) as given in ThreadPage::error_code. The kernel adds kFault*Bits above bit 31.
inline constexpr u64 kFaultPresent = 1 << 0;
inline constexpr u64 kFaultWrite = 1 << 1;
inline constexpr u64 kFaultUser = 1 << 2;
inline constexpr u64 kFaultFetch = 1 << 4;
inline constexpr u64 kFaultUnmapped = u64{1} << 32;  // no mapping there (SEGV_MAPERR); else protection (SEGV_ACCERR)
inline constexpr u64 kFaultBeyondEnd = u64{1} << 33; // beyond the end of the memory object (SIGBUS)
inline constexpr u64 kFaultNoMemory = u64{1} << 34;  // physical memory is exhausted
inline constexpr u64 kFaultIo = u64{1} << 35;        // the pager could not bring the page (SIGBUS)

// The user-visible rflags bits a supervisor may set: CF PF AF ZF SF TF DF OF RF NT AC ID. IF is always set.
inline constexpr u64 kRflagsUser = 0x00254dd5 | (1 << 16);

// How a native thread or process ended.
enum class ThreadEnd : u32 {
  kExited,   // by itself
  kKilled,   // by a holder of its handle
  kFaulted,  // an unhandled exception: Call::kThreadReadState still gives the registers until the handle is closed
};

// Register state of an ended or stopped native thread, for crash reports and debuggers.
struct ThreadState {
  u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
  u64 r8, r9, r10, r11, r12, r13, r14, r15;
  u64 rip, rflags, fs_base, gs_base;
  u64 vector, error_code, fault_address;
};
static_assert(sizeof(ThreadState) == 184);

// How a native process failed (ThreadEnd::kFaulted); kept by the kernel until the last handle to the process goes.
struct CrashReport {
  ThreadState state;  // of the thread that failed, when it failed
  u64 thread_koid;
  u32 frame_count, reserved;
  u64 frames[32];  // return addresses along the frame pointers (rbp), innermost first; rip itself is in `state`
};
static_assert(sizeof(CrashReport) == 456);

}  // namespace hati
