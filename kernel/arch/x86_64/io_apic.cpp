// SPDX-License-Identifier: MIT
// Device interrupts: lines (global system interrupts) of the I/O APICs, routed to vectors of the first processor. The 8259s are masked.
// The lock guards the tables and the I/O APICs' index registers.
#include "kernel/arch/x86_64/acpi.h"
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/debug/log.h"
#include "kernel/sync/spinlock.h"

namespace hati::arch {
namespace {

constexpr u32 kIndexRegister = 0, kDataRegister = 0x10 / 4;  // in words
constexpr u32 kVersion = 1, kRedirection = 0x10;
constexpr u32 kMasked = 1 << 16, kLevel = 1 << 15, kActiveLow = 1 << 13;
constexpr u32 kVectorCount = kVectorDeviceLast - kVectorDeviceFirst + 1;

struct Unit {
  volatile u32* registers = nullptr;
  u32 gsi_base = 0, lines = 0;
};
struct Route {
  Interrupt* target = nullptr;
  u32 gsi = 0;
  bool level = false;
};

constinit Spinlock lock;
constinit std::array<Unit, AcpiInfo::kIoApicsMax> units HATI_GUARDED_BY(lock){};
constinit u32 unit_count HATI_GUARDED_BY(lock) = 0;
constinit std::array<Route, kVectorCount> routes HATI_GUARDED_BY(lock){};

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

Route* route_of(u32 gsi) HATI_REQUIRES(lock) {
  for (Route& route : routes)
    if (route.target != nullptr && route.gsi == gsi) return &route;
  return nullptr;
}

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
  if (route_of(gsi) != nullptr) return fail(Error::kBusy);
  u32 slot = 0;
  while (slot < kVectorCount && routes[slot].target != nullptr) ++slot;
  if (slot == kVectorCount) return fail(Error::kNoSpace);
  const bool level = flags == InterruptFlags::kLevelLow || flags == InterruptFlags::kLevelHigh;
  const bool low = flags == InterruptFlags::kLevelLow || flags == InterruptFlags::kEdgeLow;
  routes[slot] = {&target, gsi, level};
  const u32 index = kRedirection + (gsi - unit->gsi_base) * 2;
  write(*unit, index + 1, cpu_at(0).apic_id << 24);
  write(*unit, index, kMasked | (level ? kLevel : 0) | (low ? kActiveLow : 0) | (kVectorDeviceFirst + slot));
  return kVectorDeviceFirst + slot;
}

void interrupt_release(u32 gsi) {
  Guard guard(lock);
  set_mask(gsi, true);
  if (Route* route = route_of(gsi)) *route = {};
}

void interrupt_mask(u32 gsi) {
  Guard guard(lock);
  set_mask(gsi, true);
}

void interrupt_unmask(u32 gsi) {
  Guard guard(lock);
  if (route_of(gsi) != nullptr) set_mask(gsi, false);
}

Interrupt* interrupt_target(u32 vector) {
  if (vector < kVectorDeviceFirst || vector > kVectorDeviceLast) return nullptr;
  Guard guard(lock);
  return routes[vector - kVectorDeviceFirst].target;
}

void io_apic_before_delivery(u32 vector) {
  Guard guard(lock);
  const Route& route = routes[vector - kVectorDeviceFirst];
  if (route.target != nullptr && route.level) set_mask(route.gsi, true);
}

}  // namespace hati::arch
