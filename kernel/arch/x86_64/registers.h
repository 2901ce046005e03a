// SPDX-License-Identifier: MIT
// Instructions that C++ cannot say, and the names of the bits they use. SDM volumes 3 and 4.
#pragma once

#include "base/types.h"

namespace hati::arch {

inline constexpr u64 kCr0MonitorCoprocessor = 1 << 1, kCr0TaskSwitched = 1 << 3, kCr0NumericError = 1 << 5, kCr0WriteProtect = 1 << 16,
                     kCr0AlignmentMask = 1 << 18, kCr0Emulate = 1 << 2;
inline constexpr u64 kCr4Pae = 1 << 5, kCr4MachineCheck = 1 << 6, kCr4GlobalPages = 1 << 7, kCr4Fxsr = 1 << 9, kCr4SimdExceptions = 1 << 10,
                     kCr4Umip = 1 << 11, kCr4FsGsBase = 1 << 16, kCr4Xsave = 1 << 18, kCr4Smep = 1 << 20, kCr4Smap = 1 << 21;
inline constexpr u32 kMsrApicBase = 0x1b, kMsrTscDeadline = 0x6e0, kMsrEfer = 0xc000'0080, kMsrStar = 0xc000'0081, kMsrLstar = 0xc000'0082,
                     kMsrCstar = 0xc000'0083, kMsrSyscallMask = 0xc000'0084, kMsrGsBase = 0xc000'0101, kMsrKernelGsBase = 0xc000'0102,
                     kMsrX2ApicFirst = 0x800, kMsrPat = 0x277, kMsrTscAux = 0xc000'0103;
inline constexpr u64 kEferSyscall = 1 << 0, kEferNoExecute = 1 << 11;
inline constexpr u64 kRflagsTrap = 1 << 8, kRflagsInterrupt = 1 << 9, kRflagsDirection = 1 << 10, kRflagsNested = 1 << 14,
                     kRflagsResume = 1 << 16, kRflagsAlignmentCheck = 1 << 18, kRflagsIopl = 3 << 12;

struct Cpuid {
  u32 eax, ebx, ecx, edx;
};
inline Cpuid cpuid(u32 leaf, u32 subleaf = 0) {
  Cpuid r;
  asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}

inline u64 read_msr(u32 msr) {
  u32 low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return u64{high} << 32 | low;
}
inline void write_msr(u32 msr, u64 value) {
  asm volatile("wrmsr" : : "c"(msr), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)) : "memory");
}

#define HATI_CONTROL_REGISTER(name)                                 \
  inline u64 read_##name() {                                        \
    u64 value;                                                      \
    asm volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
    return value;                                                   \
  }                                                                 \
  inline void write_##name(u64 value) { asm volatile("mov %0, %%" #name : : "r"(value) : "memory"); }
HATI_CONTROL_REGISTER(cr0)
HATI_CONTROL_REGISTER(cr2)
HATI_CONTROL_REGISTER(cr3)
HATI_CONTROL_REGISTER(cr4)
HATI_CONTROL_REGISTER(dr0)
HATI_CONTROL_REGISTER(dr1)
HATI_CONTROL_REGISTER(dr2)
HATI_CONTROL_REGISTER(dr3)
HATI_CONTROL_REGISTER(dr6)
HATI_CONTROL_REGISTER(dr7)
#undef HATI_CONTROL_REGISTER

inline void write_xcr0(u64 value) { asm volatile("xsetbv" : : "c"(0), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32))); }

inline u64 read_fs_base() {
  u64 value;
  asm volatile("rdfsbase %0" : "=r"(value));
  return value;
}
inline void write_fs_base(u64 value) { asm volatile("wrfsbase %0" : : "r"(value)); }
// The user's GS base while the kernel's is loaded. Interrupts are off; NMI entry copes with either.
inline u64 read_user_gs_base() {
  u64 value;
  asm volatile("swapgs; rdgsbase %0; swapgs" : "=r"(value));
  return value;
}
inline void write_user_gs_base(u64 value) { asm volatile("swapgs; wrgsbase %0; swapgs" : : "r"(value)); }

inline u64 read_tsc() {
  u32 low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return u64{high} << 32 | low;
}
// Not before the instructions in front of it have finished.
inline u64 read_tsc_ordered() {
  asm volatile("lfence" : : : "memory");
  return read_tsc();
}

inline u8 in8(u16 port) {
  u8 value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline u16 in16(u16 port) {
  u16 value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline u32 in32(u16 port) {
  u32 value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline void out8(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
inline void out16(u16 port, u16 value) { asm volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
inline void out32(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }

// 48-bit addresses: bits 63..47 are equal.
constexpr bool is_canonical(u64 address) { return static_cast<u64>(static_cast<i64>(address << 16) >> 16) == address; }

}  // namespace hati::arch
