// SPDX-License-Identifier: MIT
// Registers of the 16550 (National Semiconductor PC16550D data sheet), as offsets into its eight ports.
#pragma once

#include "base/bits.h"

namespace hati::uart {

inline constexpr u32 kData = 0;             // receive / transmit; divisor low byte with DivisorAccess
inline constexpr u32 kInterruptEnable = 1;  // divisor high byte with DivisorAccess
inline constexpr u32 kInterruptIdentity = 2;  // read
inline constexpr u32 kFifoControl = 2;        // write
inline constexpr u32 kLineControl = 3;
inline constexpr u32 kModemControl = 4;
inline constexpr u32 kLineStatus = 5;

struct InterruptEnable : Register<u8> {
  using Received = Field<0, 1>;
  using TransmitterEmpty = Field<1, 1>;
  using LineStatus = Field<2, 1>;
};

struct InterruptIdentity : Register<u8> {
  using None = Field<0, 1>;
  using Cause = Field<1, 3>;
};

struct FifoControl : Register<u8> {
  using Enable = Field<0, 1>;
  using ClearReceive = Field<1, 1>;
  using ClearTransmit = Field<2, 1>;
  using Trigger = Field<6, 2>;  // 0: 1 byte, 1: 4, 2: 8, 3: 14
};
inline constexpr u32 kFifoBytes = 16;

struct LineControl : Register<u8> {
  using DataBits = Field<0, 2>;  // less 5
  using TwoStopBits = Field<2, 1>;
  using ParityEnable = Field<3, 1>;
  using ParityEven = Field<4, 1>;
  using Break = Field<6, 1>;
  using DivisorAccess = Field<7, 1>;
};

struct ModemControl : Register<u8> {
  using DataTerminalReady = Field<0, 1>;
  using RequestToSend = Field<1, 1>;
  using Out2 = Field<3, 1>;  // lets the interrupt through on PCs
};

struct LineStatus : Register<u8> {
  using DataReady = Field<0, 1>;
  using Overrun = Field<1, 1>;
  using Break = Field<4, 1>;
  using TransmitterEmpty = Field<5, 1>;  // the holding register / FIFO
  using TransmitterIdle = Field<6, 1>;   // the shift register too
};

inline constexpr u32 kBaudMax = 115200;

}  // namespace hati::uart
