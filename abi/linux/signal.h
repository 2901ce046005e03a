// SPDX-License-Identifier: MIT
// Linux's signals on x86-64: numbers, siginfo_t, sigaction and the frame that a handler finds on its stack (signal(7),
// sigaction(2), arch/x86/include/uapi/asm/sigcontext.h). Compared with the real headers by servers/linux/tests/abi_test.cpp.
#pragma once

#include "base/types.h"

namespace hati::linux {

enum Signal : i32 {
  kSigHup = 1, kSigInt = 2, kSigQuit = 3, kSigIll = 4, kSigTrap = 5, kSigAbrt = 6, kSigBus = 7, kSigFpe = 8, kSigKill = 9, kSigUsr1 = 10,
  kSigSegv = 11, kSigUsr2 = 12, kSigPipe = 13, kSigAlrm = 14, kSigTerm = 15, kSigStkFlt = 16, kSigChld = 17, kSigCont = 18, kSigStop = 19,
  kSigTstp = 20, kSigTtin = 21, kSigTtou = 22, kSigUrg = 23, kSigXcpu = 24, kSigXfsz = 25, kSigVtAlrm = 26, kSigProf = 27, kSigWinch = 28,
  kSigIo = 29, kSigPwr = 30, kSigSys = 31, kSigRtMin = 32, kSigRtMax = 64,
};
inline constexpr i32 kSignalCount = 64;

// siginfo_t::si_code.
enum SignalCode : i32 {
  kSiUser = 0, kSiKernel = 0x80, kSiQueue = -1, kSiTimer = -2, kSiMesgQ = -3, kSiAsyncIo = -4, kSiSigIo = -5, kSiTkill = -6,
  kIllOpcode = 1, kIllOperand = 2,
  kFpeIntDivide = 1, kFpeIntOverflow = 2, kFpeFltDivide = 3, kFpeFltOverflow = 4, kFpeFltUnderflow = 5, kFpeFltInexact = 6, kFpeFltInvalid = 7,
  kSegvMapErr = 1, kSegvAccErr = 2,
  kBusAdrAln = 1, kBusAdrErr = 2, kBusObjErr = 3,
  kTrapBreakpoint = 1, kTrapTrace = 2, kTrapHwBreakpoint = 4,
  kCldExited = 1, kCldKilled = 2, kCldDumped = 3, kCldTrapped = 4, kCldStopped = 5, kCldContinued = 6,
};

// siginfo_t: 128 bytes; after the header a union whose members are reached by the functions.
struct SignalInfo {
  i32 signal = 0;
  i32 error = 0;
  i32 code = 0;
  i32 reserved = 0;
  u64 fields[14] = {};

  void set_sender(i32 pid, u32 uid) { fields[0] = static_cast<u32>(pid) | u64{uid} << 32; }
  i32 sender_pid() const { return static_cast<i32>(fields[0]); }
  u32 sender_uid() const { return static_cast<u32>(fields[0] >> 32); }
  void set_value(u64 value) { fields[1] = value; }              // SI_QUEUE, SI_TIMER: sigval
  u64 value() const { return fields[1]; }
  void set_child(i32 status, u64 user_ticks, u64 system_ticks) {  // SIGCHLD, after set_sender
    fields[1] = static_cast<u32>(status);
    fields[2] = user_ticks;
    fields[3] = system_ticks;
  }
  i32 child_status() const { return static_cast<i32>(fields[1]); }
  void set_timer(i32 id, i32 overrun) { fields[0] = static_cast<u32>(id) | u64{static_cast<u32>(overrun)} << 32; }
  i32 timer_id() const { return static_cast<i32>(fields[0]); }
  i32 overrun() const { return static_cast<i32>(fields[0] >> 32); }
  void set_address(u64 address) { fields[0] = address; }        // faults
  u64 address() const { return fields[0]; }
  void set_band(u64 band, i32 fd) {                             // SIGIO
    fields[0] = band;
    fields[1] = static_cast<u32>(fd);
  }
};
static_assert(sizeof(SignalInfo) == 128);

using SignalSet = u64;  // bit signal - 1
constexpr SignalSet signal_bit(i32 signal) { return SignalSet{1} << (signal - 1); }
inline constexpr SignalSet kUnblockable = signal_bit(kSigKill) | signal_bit(kSigStop);
inline constexpr SignalSet kStopSignals = signal_bit(kSigStop) | signal_bit(kSigTstp) | signal_bit(kSigTtin) | signal_bit(kSigTtou);
// Raised by the processor for the running instruction.
inline constexpr SignalSet kSynchronousSignals =
    signal_bit(kSigSegv) | signal_bit(kSigBus) | signal_bit(kSigIll) | signal_bit(kSigTrap) | signal_bit(kSigFpe) | signal_bit(kSigSys);
constexpr bool valid_signal(i64 signal) { return signal >= 1 && signal <= kSignalCount; }

enum SignalActionFlags : u64 {
  kSaNoChildStop = 1, kSaNoChildWait = 2, kSaSigInfo = 4, kSaExposeTagBits = 0x800, kSaRestorer = 0x04000000, kSaOnStack = 0x08000000,
  kSaRestart = 0x10000000, kSaNoDefer = 0x40000000, kSaResetHand = 0x80000000,
};
inline constexpr u64 kSigDefault = 0;
inline constexpr u64 kSigIgnore = 1;

// struct sigaction of the system call (kernel_sigaction).
struct SignalAction {
  u64 handler = kSigDefault;
  u64 flags = 0;
  u64 restorer = 0;
  SignalSet mask = 0;
};
static_assert(sizeof(SignalAction) == 32);

// stack_t.
struct SignalStack {
  u64 pointer = 0;
  i32 flags = 2;  // SS_DISABLE
  u32 reserved = 0;
  u64 size = 0;
};
static_assert(sizeof(SignalStack) == 24);
inline constexpr i32 kStackOnStack = 1;
inline constexpr i32 kStackDisable = 2;
inline constexpr i32 kStackAutoDisarm = i32(1u << 31);
inline constexpr u64 kMinSignalStack = 2048;

// struct sigcontext: the registers within ucontext.
struct SignalContext {
  u64 r8, r9, r10, r11, r12, r13, r14, r15;
  u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  u16 cs, gs, fs, ss;
  u64 error, trap_number, old_mask, fault_address;
  u64 fpstate;
  u64 reserved[8];
};
static_assert(sizeof(SignalContext) == 256);

struct UserContext {
  u64 flags;
  u64 link;
  SignalStack stack;
  SignalContext context;
  SignalSet mask;
};
static_assert(sizeof(UserContext) == 304);
inline constexpr u64 kUcFpXstate = 1;       // the extended state is an XSAVE area
inline constexpr u64 kUcSigContextSs = 2;   // ss is saved
inline constexpr u64 kUcStrictRestoreSs = 4;

// What lies at the stack pointer when a handler starts: its return address, then this.
struct SignalFrame {
  u64 return_address;
  UserContext context;
  SignalInfo info;
};
static_assert(sizeof(SignalFrame) == 440);

// struct _fpx_sw_bytes: in the last 48 bytes of the 512-byte legacy area.
struct ExtendedStateNote {
  u32 magic1;
  u32 extended_size;  // of everything, with the trailing magic2
  u64 features;
  u32 state_size;
  u32 reserved[7];
};
static_assert(sizeof(ExtendedStateNote) == 48);
inline constexpr u32 kExtendedMagic1 = 0x46505853;
inline constexpr u32 kExtendedMagic2 = 0x46505845;
inline constexpr u32 kExtendedNoteOffset = 464;

}  // namespace hati::linux
