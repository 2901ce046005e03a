// SPDX-License-Identifier: MIT
// The local APIC: x2APIC registers where the processor has them, else the memory-mapped ones. SDM volume 3, chapter 11.
#include "kernel/arch/x86_64/acpi.h"
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/debug/panic.h"

namespace hati::arch {
namespace {

// Offsets of the memory-mapped registers; x2APIC's MSR is 0x800 + offset / 16.
constexpr u32 kId = 0x20, kTaskPriority = 0x80, kEndOfInterrupt = 0xb0, kSpurious = 0xf0, kCommandLow = 0x300, kCommandHigh = 0x310,
              kTimer = 0x320, kThermal = 0x330, kPerformance = 0x340, kLine0 = 0x350, kLine1 = 0x360, kError = 0x370, kTimerInitial = 0x380,
              kTimerCurrent = 0x390, kTimerDivide = 0x3e0;
constexpr u64 kBaseEnable = 1 << 11, kBaseX2Apic = 1 << 10;
constexpr u32 kSpuriousEnable = 1 << 8, kMasked = 1 << 16, kDivideBy1 = 0xb;
constexpr u32 kDeliverNmi = 4 << 8, kDeliverInit = 5 << 8, kDeliverStartup = 6 << 8, kAssert = 1 << 14, kPending = 1 << 12;

constinit volatile u32* registers = nullptr;
constinit bool x2 = false;

u32 read(u32 offset) {
  if (x2) return static_cast<u32>(read_msr(kMsrX2ApicFirst + offset / 16));
  return registers[offset / 4];
}

void write(u32 offset, u32 value) {
  if (x2)
    write_msr(kMsrX2ApicFirst + offset / 16, value);
  else
    registers[offset / 4] = value;
}

void command(u32 apic_id, u32 what) {
  if (x2) {
    asm volatile("mfence; lfence" : : : "memory");  // x2APIC writes are not serialising
    write_msr(kMsrX2ApicFirst + kCommandLow / 16, u64{apic_id} << 32 | what);
    return;
  }
  while ((registers[kCommandLow / 4] & kPending) != 0) relax();
  registers[kCommandHigh / 4] = apic_id << 24;
  registers[kCommandLow / 4] = what;
}

}  // namespace

void local_apic_map() {
  x2 = features().x2apic;
  if (!x2) registers = static_cast<volatile u32*>(map_device(PhysAddr{acpi().local_apic}, kPageSize));
}

void local_apic_enable() {
  write_msr(kMsrApicBase, read_msr(kMsrApicBase) | kBaseEnable | (x2 ? kBaseX2Apic : 0));
  write(kTaskPriority, 0);
  for (u32 line : {kTimer, kThermal, kPerformance, kLine0, kLine1, kError}) write(line, kMasked);
  write(kSpurious, kSpuriousEnable | kVectorSpurious);
  write(kTimerDivide, kDivideBy1);
  write(kTimer, kVectorTimer);
  write(kTimerInitial, 0);
}

u32 local_apic_id() { return x2 ? read(kId) : read(kId) >> 24; }
void local_apic_acknowledge() { write(kEndOfInterrupt, 0); }
void local_apic_count(u32 ticks) { write(kTimerInitial, ticks); }
u32 local_apic_remaining() { return read(kTimerCurrent); }

void local_apic_send_init(u32 apic_id) { command(apic_id, kDeliverInit | kAssert); }
void local_apic_send_startup(u32 apic_id, u8 page) { command(apic_id, kDeliverStartup | kAssert | page); }
void local_apic_send_nmi(u32 apic_id) {
  if (x2 || registers != nullptr) command(apic_id, kDeliverNmi | kAssert);
}

void send_ipi(u32 cpu, Ipi kind) {
  const u32 apic_id = cpu_at(cpu).apic_id;
  if (kind == Ipi::kStop)
    local_apic_send_nmi(apic_id);
  else
    command(apic_id, (kVectorIpiFirst + static_cast<u32>(kind)) | kAssert);
}

}  // namespace hati::arch
