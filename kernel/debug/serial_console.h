// SPDX-License-Identifier: MIT
// The first serial port (0x3f8) by polled transmission: the kernel's own console until a driver takes the port over, and for panics.
#pragma once

#include <string_view>

#include "base/types.h"

namespace hati {

inline constexpr u16 kSerialConsolePort = 0x3f8;

void serial_init();                       // 115200 8N1, FIFOs on, no interrupts. Does nothing if there is no port.
void serial_write(std::string_view text); // \n becomes \r\n

}  // namespace hati
