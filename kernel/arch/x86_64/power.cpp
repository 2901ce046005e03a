// SPDX-License-Identifier: MIT
// Off and reboot: ACPI's registers, then ever older ways.
#include "kernel/arch/x86_64/acpi.h"
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"

namespace hati::arch {
namespace {

constexpr u16 kSleepEnable = 1 << 13, kSleepTypeShift = 10, kSleepTypeMask = 7 << 10;
constexpr u16 kResetPort = 0xcf9, kKeyboardCommand = 0x64;
constexpr u64 kPatienceNs = 50'000'000;

void wait() {
  for (const u64 end = now_ns() + kPatienceNs; now_ns() < end;) relax();
}

void sleep(u16 port, u8 type) {
  if (port == 0) return;
  const u16 value = static_cast<u16>((in16(port) & ~kSleepTypeMask) | (type & 7) << kSleepTypeShift);
  out16(port, value);
  out16(port, value | kSleepEnable);
}

void power_off() {
  const AcpiInfo& info = acpi();
  if (info.sleep_type_a) {
    sleep(info.pm1a_control, *info.sleep_type_a);
    if (info.sleep_type_b) sleep(info.pm1b_control, *info.sleep_type_b);
    wait();
  }
  log(LogLevel::kError, "power: this machine cannot be switched off by software");
}

void reboot() {
  const auto& reset = acpi().reset;
  constexpr u8 kPortSpace = 1;
  if (reset && reset->space == kPortSpace && reset->address <= 0xffff) {
    out8(static_cast<u16>(reset->address), reset->value);
    wait();
  }
  out8(kResetPort, 0x02);
  out8(kResetPort, 0x06);
  wait();
  out8(kKeyboardCommand, 0xfe);
  wait();
  struct [[gnu::packed]] {
    u16 limit;
    u64 base;
  } const no_idt{0, 0};
  asm volatile("lidt %0; ud2" : : "m"(no_idt));  // a triple fault
}

}  // namespace

void power(PowerAction action, u32 code) {
  if (action == PowerAction::kPanic) panic("requested by user space (code {})", code);
  stop_others();
  if (action == PowerAction::kOff)
    power_off();
  else
    reboot();
  halt();
}

}  // namespace hati::arch
