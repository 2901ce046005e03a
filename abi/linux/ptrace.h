// SPDX-License-Identifier: MIT
// Constants and structures of ptrace(2), process_vm_readv(2) and kcmp(2) on x86-64 (uapi linux/ptrace.h, asm/ptrace-abi.h, sys/user.h). Compared with the
// real headers by servers/linux/tests/abi_debug_test.cpp.
#pragma once

#include "base/types.h"

namespace hati::linux {

enum PtraceRequest : u64 {
  kPtraceTraceMe = 0,
  kPtracePeekText = 1,
  kPtracePeekData = 2,
  kPtracePeekUser = 3,
  kPtracePokeText = 4,
  kPtracePokeData = 5,
  kPtracePokeUser = 6,
  kPtraceCont = 7,
  kPtraceKill = 8,
  kPtraceSingleStep = 9,
  kPtraceGetRegs = 12,
  kPtraceSetRegs = 13,
  kPtraceGetFpRegs = 14,
  kPtraceSetFpRegs = 15,
  kPtraceAttach = 16,
  kPtraceDetach = 17,
  kPtraceOldSetOptions = 21,
  kPtraceSyscall = 24,
  kPtraceArchPrctl = 30,
  kPtraceSysEmu = 31,
  kPtraceSysEmuSingleStep = 32,
  kPtraceSetOptions = 0x4200,
  kPtraceGetEventMessage = 0x4201,
  kPtraceGetSigInfo = 0x4202,
  kPtraceSetSigInfo = 0x4203,
  kPtraceGetRegSet = 0x4204,
  kPtraceSetRegSet = 0x4205,
  kPtraceSeize = 0x4206,
  kPtraceInterrupt = 0x4207,
  kPtraceListen = 0x4208,
  kPtracePeekSigInfo = 0x4209,
  kPtraceGetSigMask = 0x420a,
  kPtraceSetSigMask = 0x420b,
  kPtraceGetSyscallInfo = 0x420e,
};

// PTRACE_EVENT_*; an option's bit is 1 << event.
enum PtraceEvent : i32 {
  kPtraceEventFork = 1,
  kPtraceEventVfork = 2,
  kPtraceEventClone = 3,
  kPtraceEventExec = 4,
  kPtraceEventVforkDone = 5,
  kPtraceEventExit = 6,
  kPtraceEventSeccomp = 7,
  kPtraceEventStop = 128,
};
enum PtraceOptions : u32 {
  kPtraceOptionSysGood = 1,
  kPtraceOptionsEvents = 0xff,
  kPtraceOptionExitKill = 1 << 20,
  kPtraceOptionSuspendSeccomp = 1 << 21,
  kPtraceOptionsAll = kPtraceOptionsEvents | kPtraceOptionExitKill | kPtraceOptionSuspendSeccomp,
};
inline constexpr u64 kPtraceMessageEntry = 1, kPtraceMessageExit = 2;  // PTRACE_GETEVENTMSG at a stop of a system call

// struct user_regs_struct.
struct UserRegisters {
  u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, original_rax, rip, cs, rflags, rsp, ss, fs_base, gs_base, ds,
      es, fs, gs;
};
static_assert(sizeof(UserRegisters) == 216);
// struct user, of which programs reach the registers and the debug registers.
inline constexpr u64 kUserAreaSize = 912, kUserDebugRegisters = 848;

inline constexpr u64 kFpRegistersSize = 512;  // struct user_fpregs_struct: the FXSAVE area

// Notes: of core files, and the names of register sets.
enum NoteType : u32 {
  kNotePrStatus = 1,
  kNoteFpRegSet = 2,
  kNotePrPsInfo = 3,
  kNoteAuxv = 6,
  kNoteXState = 0x202,
  kNoteSigInfo = 0x53494749,
  kNoteFile = 0x46494c45,
};
inline constexpr u64 kXStateFeaturesOffset = 464;  // of NT_X86_XSTATE: which features the area holds (XCR0)

struct PtracePeekSigInfo {
  u64 offset;
  u32 flags;
  i32 count;
};
inline constexpr u32 kPeekSigInfoShared = 1;

// struct ptrace_syscall_info. What a program gets depends on `op`.
struct PtraceSyscallInfo {
  u8 op;
  u8 pad[3];
  u32 architecture;
  u64 rip, rsp;
  union {
    struct {
      u64 number, arguments[6];
    } entry;
    struct {
      i64 value;
      u8 is_error;
      u8 pad[7];
    } exit;
    u64 words[8];
  };
};
static_assert(sizeof(PtraceSyscallInfo) == 88);
enum PtraceSyscallOp : u8 { kSyscallInfoNone = 0, kSyscallInfoEntry = 1, kSyscallInfoExit = 2 };
inline constexpr u32 kAuditArchX86_64 = 0xc000003e;

struct KernelIovec {
  u64 base, length;
};

enum KcmpType : i32 { kKcmpFile, kKcmpVm, kKcmpFiles, kKcmpFs, kKcmpSighand, kKcmpIo, kKcmpSysvSem, kKcmpEpollTarget, kKcmpTypes };

}  // namespace hati::linux
