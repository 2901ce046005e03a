// SPDX-License-Identifier: MIT
#include "kernel/debug/serial_console.h"

#include "kernel/arch/arch.h"

namespace hati {
namespace {

constexpr u16 kPort = kSerialConsolePort;
// 16550 registers, offsets from the port.
constexpr u16 kData = 0, kInterruptEnable = 1, kFifoControl = 2, kLineControl = 3, kModemControl = 4, kLineStatus = 5, kScratch = 7;
constexpr u64 kTransmitterReady = 1 << 5;
constexpr u32 kSpinsMax = 200'000;

constinit bool present = false;

u64 read(u16 offset) { return arch::port_read(kPort + offset, 1); }
void write(u16 offset, u64 value) { arch::port_write(kPort + offset, 1, value); }

void put(char c) {
  for (u32 spins = 0; (read(kLineStatus) & kTransmitterReady) == 0; ++spins)
    if (spins == kSpinsMax) return;  // a stuck port must not stop the kernel
  write(kData, static_cast<u8>(c));
}

}  // namespace

void serial_init() {
  write(kScratch, 0x5a);
  if (read(kScratch) != 0x5a) return;
  write(kInterruptEnable, 0);
  write(kLineControl, 0x80);  // divisor latch: 115200
  write(kData, 1);
  write(kInterruptEnable, 0);
  write(kLineControl, 0x03);
  write(kFifoControl, 0x07);
  write(kModemControl, 0x0b);
  present = true;
}

void serial_write(std::string_view text) {
  if (!present) return;
  for (char c : text) {
    if (c == '\n') put('\r');
    put(c);
  }
}

}  // namespace hati
