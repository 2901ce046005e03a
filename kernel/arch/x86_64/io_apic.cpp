// SPDX-License-Identifier: MIT
// Device interrupts: lines (global system interrupts) of the I/O APICs, routed to vectors of the first processor, and messages, which go to any.
// The 8259s are masked. The lock guards the list of I/O APICs and their index registers, and orders changes of a line's route.
#include "kernel/arch/x86_64/acpi.h"
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/arch/x86_64/vectors.h"
#include "kernel/debug/log.h"
#include "kernel/sync/spinlock.h"

namespace hati::arch {
namespace {

constexpr u32 kIndexRegister = 0, kDataRegister = 0x10 / 4;  // in words
constexpr u32 kVersion = 1, kRedirection = 0x10;
constexpr u32 kMasked = 1 << 16, kLevel = 1 << 15, kActiveLow = 1 << 13;
// A message's address: SDM volume 3, 11.11.1 (fixed delivery, physical destination).
constexpr u64 kMessageBase = 0xfee0'0000;
constexpr u32 kMessageDestinationShift = 12, kMessageDestinationMax = 0xff;

struct Unit {
  volatile u32* registers = nullptr;
  u32 gsi_base = 0, lines = 0;
};

constinit Spinlock lock;
constinit std::array<Unit, AcpiInfo::kIoApicsMax> units HATI_GUARDED_BY(lock){};
constinit u32 unit_count HATI_GUARDED_BY(lock) = 0;

u32 read(const Unit& unit, u32 index) {
  unit.registers[kIndexRegister] = index;
  return unit.registers[kDataRegister];
}
void write(const Unit& unit, u32 index, u32 value) {
  unit.registers[kIndexRegister] = index;
  unit.registers[kDataRegister] = value;
}

const Unit* unit_of(u32 gsi) HATI_REQUIRES(lock) {
  for (u32 i = 0; i < unit_count; ++i)
    if (gsi >= units[i].gsi_base && gsi - units[i].gsi_base < units[i].lines) return &units[i];
  return nullptr;
}

void set_mask(u32 gsi, bool masked) HATI_REQUIRES(lock) {
  const Unit* unit = unit_of(gsi);
  if (unit == nullptr) return;
  const u32 index = kRedirection + (gsi - unit->gsi_base) * 2;
  const u32 word = read(*unit, index);
  write(*unit, index, masked ? word | kMasked : word & ~kMasked);
}

VectorTable& line_vectors() { return vectors_of(cpu_at(kLineCpu)); }

void disable_legacy_controllers() {
  constexpr u16 kMasterData = 0x21, kSlaveData = 0xa1;
  out8(kMasterData, 0xff);
  out8(kSlaveData, 0xff);
}

}  // namespace

void io_apic_init() {
  disable_legacy_controllers();
  Guard guard(lock);
  for (u32 i = 0; i < acpi().io_apic_count; ++i) {
    const AcpiInfo::IoApic& found = acpi().io_apics[i];
    Unit unit{static_cast<volatile u32*>(map_device(PhysAddr{found.address}, 32)), found.gsi_base, 0};
    unit.lines = (read(unit, kVersion) >> 16 & 0xff) + 1;
    for (u32 line = 0; line < unit.lines; ++line) write(unit, kRedirection + line * 2, kMasked);
    units[unit_count++] = unit;
  }
}

Result<u32> interrupt_route(u32 gsi, InterruptFlags flags, Interrupt& target) {
  Guard guard(lock);
  const Unit* unit = unit_of(gsi);
  if (unit == nullptr) return fail(Error::kNotFound);
  if (line_vectors().vector_of(gsi) != 0) return fail(Error::kBusy);
  const bool level = flags == InterruptFlags::kLevelLow || flags == InterruptFlags::kLevelHigh;
  const bool low = flags == InterruptFlags::kLevelLow || flags == InterruptFlags::kEdgeLow;
  const u32 vector = TRY(line_vectors().take({.target = &target, .gsi = gsi, .level = level}));
  const u32 index = kRedirection + (gsi - unit->gsi_base) * 2;
  write(*unit, index + 1, cpu_at(kLineCpu).apic_id << 24);
  write(*unit, index, kMasked | (level ? kLevel : 0) | (low ? kActiveLow : 0) | vector);
  return vector;
}

void interrupt_release(u32 gsi) {
  Guard guard(lock);
  set_mask(gsi, true);
  if (const u32 vector = line_vectors().vector_of(gsi)) line_vectors().give_back(vector);
}

void interrupt_mask(u32 gsi) {
  Guard guard(lock);
  set_mask(gsi, true);
}

void interrupt_unmask(u32 gsi) {
  Guard guard(lock);
  if (line_vectors().vector_of(gsi) != 0) set_mask(gsi, false);
}

Interrupt* interrupt_target(u32 cpu, u32 vector) { return vectors_of(cpu_at(cpu)).lookup(vector).target; }

void io_apic_before_delivery(Cpu& cpu, u32 vector) {
  if (!vectors_of(cpu).lookup(vector).level) return;
  Guard guard(lock);
  const VectorTable::Use use = vectors_of(cpu).lookup(vector);  // it may just have been given back
  if (use.target != nullptr && use.level) set_mask(use.gsi, true);
}

Result<MessageRoute> message_route(u32 cpu_wanted, Interrupt& target) {
  std::array<MessageTarget, kCpusMax> targets;
  const u32 count = cpu_count();
  for (u32 i = 0; i < count; ++i) targets[i] = {vectors_of(cpu_at(i)).in_use(), cpu_at(i).apic_id <= kMessageDestinationMax};
  const u32 cpu = TRY(choose_message_cpu(std::span(targets).first(count), cpu_wanted));
  const u32 vector = TRY(vectors_of(cpu_at(cpu)).take({.target = &target}));
  return MessageRoute{kMessageBase | u64{cpu_at(cpu).apic_id} << kMessageDestinationShift, vector, cpu, vector};
}

void message_release(u32 cpu, u32 vector) { vectors_of(cpu_at(cpu)).give_back(vector); }

}  // namespace hati::arch
