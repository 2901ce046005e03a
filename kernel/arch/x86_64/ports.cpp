// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"

namespace hati::arch {

u64 port_read(u16 port, u32 width) {
  switch (width) {
    case 1: return in8(port);
    case 2: return in16(port);
    default: return in32(port);
  }
}

void port_write(u16 port, u32 width, u64 value) {
  switch (width) {
    case 1: return out8(port, static_cast<u8>(value));
    case 2: return out16(port, static_cast<u16>(value));
    default: return out32(port, static_cast<u32>(value));
  }
}

Cpu* try_this_cpu() {
  if ((read_cr4() & kCr4FsGsBase) == 0) return nullptr;
  u64 base;
  asm volatile("rdgsbase %0" : "=r"(base));
  for (u32 i = 0; i < kCpusMax; ++i)
    if (reinterpret_cast<u64>(&cpu_at(i)) == base) return &cpu_at(i);
  return nullptr;
}

void halt() {
  for (;;) asm volatile("cli; hlt");
}

}  // namespace hati::arch
