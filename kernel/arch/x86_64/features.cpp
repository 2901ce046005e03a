// SPDX-License-Identifier: MIT
// What this processor can do, and switching it on. All processors are assumed to be equal; each one enables for itself.
#include <cstring>

#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/offsets.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"

extern "C" hati::u8* const patches_begin[];
extern "C" hati::u8* const patches_end[];

namespace hati::arch {
namespace {

constinit Features found{};
constinit u64 xcr0 = 0;

// CPUID bits (SDM volume 2A, CPUID).
namespace leaf1 {
constexpr u32 kEcxPcid = 1 << 17, kEcxX2Apic = 1 << 21, kEcxXsave = 1 << 26, kEcxAvx = 1 << 28, kEcxRdrand = 1 << 30,
              kEcxHypervisor = 1u << 31;
constexpr u32 kEdxPge = 1 << 13, kEdxSse2 = 1 << 26, kEdxTsc = 1 << 4;
}  // namespace leaf1
namespace leaf7 {
constexpr u32 kEbxFsGsBase = 1 << 0, kEbxSmep = 1 << 7, kEbxInvpcid = 1 << 10, kEbxAvx512 = 1 << 16, kEbxRdseed = 1 << 18,
              kEbxSmap = 1 << 20;
constexpr u32 kEcxUmip = 1 << 2, kEcxRdpid = 1 << 22;
}  // namespace leaf7
constexpr u32 kExtended1EdxNx = 1 << 20, kExtended1EdxGigabytePages = 1 << 26, kExtended1EdxRdtscp = 1 << 27;
constexpr u32 kExtended7EdxInvariantTsc = 1 << 8;
constexpr u32 kXsaveOptEax = 1 << 0;
constexpr u64 kXcr0X87 = 1 << 0, kXcr0Sse = 1 << 1, kXcr0Avx = 1 << 2, kXcr0Avx512 = 7 << 5;

// Page attribute table: entry 1 (PWT) is write combining, the others as after reset with writeback, UC- and UC.
constexpr u64 kPatValue = 0x0007'0406'0007'0106;

void require(bool present, const char* name, TextSink& missing) {
  if (!present) format_to(missing, " {}", name);
}

}  // namespace

const Features& features() { return found; }
u64 extended_features() { return xcr0; }

void detect_features() {
  const u32 basic_max = cpuid(0).eax, extended_max = cpuid(0x8000'0000).eax;
  const Cpuid one = cpuid(1);
  const Cpuid seven = basic_max >= 7 ? cpuid(7) : Cpuid{};
  const Cpuid extended = extended_max >= 0x8000'0001 ? cpuid(0x8000'0001) : Cpuid{};
  const Cpuid power = extended_max >= 0x8000'0007 ? cpuid(0x8000'0007) : Cpuid{};
  const bool xsave = (one.ecx & leaf1::kEcxXsave) != 0 && basic_max >= 0xd;
  // A hypervisor's or emulator's time stamp counter is constant by construction; few of them say so.
  const bool constant_tsc = (power.edx & kExtended7EdxInvariantTsc) != 0 || (one.ecx & leaf1::kEcxHypervisor) != 0;

  TextBuffer<128> missing;
  require((seven.ebx & leaf7::kEbxFsGsBase) != 0, "fsgsbase", missing);
  require((extended.edx & kExtended1EdxNx) != 0, "nx", missing);
  require(xsave, "xsave", missing);
  require((one.edx & leaf1::kEdxSse2) != 0, "sse2", missing);
  require((one.edx & leaf1::kEdxTsc) != 0 && constant_tsc, "constant-rate-tsc", missing);
  if (!missing.view().empty()) panic("this processor lacks what Hati needs:{}", missing.view());

  found = {.fsgsbase = true,
           .smep = (seven.ebx & leaf7::kEbxSmep) != 0,
           .smap = (seven.ebx & leaf7::kEbxSmap) != 0,
           .umip = (seven.ecx & leaf7::kEcxUmip) != 0,
           .pge = (one.edx & leaf1::kEdxPge) != 0,
           .pcid = (one.ecx & leaf1::kEcxPcid) != 0,
           .invpcid = (seven.ebx & leaf7::kEbxInvpcid) != 0,
           .x2apic = (one.ecx & leaf1::kEcxX2Apic) != 0,
           .xsaveopt = (cpuid(0xd, 1).eax & kXsaveOptEax) != 0,
           .rdrand = (one.ecx & leaf1::kEcxRdrand) != 0,
           .rdseed = (seven.ebx & leaf7::kEbxRdseed) != 0,
           .gigabyte_pages = (extended.edx & kExtended1EdxGigabytePages) != 0,
           .tsc_aux = (extended.edx & kExtended1EdxRdtscp) != 0 || (seven.ecx & leaf7::kEcxRdpid) != 0,
           .avx = (one.ecx & leaf1::kEcxAvx) != 0,
           .avx512 = (seven.ebx & leaf7::kEbxAvx512) != 0,
           .tsc_known = false};
  const u64 supported = cpuid(0xd, 0).eax;
  xcr0 = kXcr0X87 | kXcr0Sse;
  if (found.avx && (supported & kXcr0Avx) != 0) xcr0 |= kXcr0Avx;
  if (found.avx512 && (supported & kXcr0Avx512) == kXcr0Avx512 && (xcr0 & kXcr0Avx) != 0) xcr0 |= kXcr0Avx512;
}

void patch_instructions() {
  static constexpr u8 kClac[] = {0x0f, 0x01, 0xca};
  if (!found.smap) return;
  for (u8* const* site = patches_begin; site != patches_end; ++site) std::memcpy(*site, kClac, sizeof(kClac));
}

void enable_features() {
  u64 cr0 = read_cr0();
  cr0 |= kCr0WriteProtect | kCr0AlignmentMask | kCr0NumericError | kCr0MonitorCoprocessor;
  cr0 &= ~(kCr0Emulate | kCr0TaskSwitched);
  write_cr0(cr0);
  u64 cr4 = kCr4Pae | kCr4MachineCheck | kCr4Fxsr | kCr4SimdExceptions | kCr4FsGsBase | kCr4Xsave;
  if (found.pge) cr4 |= kCr4GlobalPages;
  if (found.smep) cr4 |= kCr4Smep;
  if (found.smap) cr4 |= kCr4Smap;
  if (found.umip) cr4 |= kCr4Umip;
  write_cr4(cr4);
  write_xcr0(xcr0);
  write_msr(kMsrPat, kPatValue);
}

}  // namespace hati::arch
