// SPDX-License-Identifier: MIT
// Terminals on Linux x86-64: termios as the kernel has it (ioctl_tty(2), asm-generic/termbits.h), flags and request numbers.
#pragma once

#include "base/types.h"

namespace hati::linux {

inline constexpr int kControlCharacterCount = 19;
enum ControlCharacter : u32 {
  kVIntr = 0, kVQuit, kVErase, kVKill, kVEof, kVTime, kVMin, kVSwtc, kVStart, kVStop, kVSusp, kVEol, kVReprint, kVDiscard, kVWerase, kVLnext, kVEol2,
};

struct Termios {
  u32 input, output, control, local;
  u8 line;
  u8 characters[kControlCharacterCount];
};
static_assert(sizeof(Termios) == 36);

struct Termios2 {
  Termios base;
  u32 input_speed, output_speed;
};
static_assert(sizeof(Termios2) == 44);

struct WindowSize {
  u16 rows, columns, width, height;
  bool operator==(const WindowSize&) const = default;
};
static_assert(sizeof(WindowSize) == 8);

enum InputFlag : u32 {
  kIgnBrk = 0001, kBrkInt = 0002, kIgnPar = 0004, kParMrk = 0010, kInpck = 0020, kIstrip = 0040, kInlCr = 0100, kIgnCr = 0200, kIcrNl = 0400,
  kIucLc = 01000, kIxon = 02000, kIxany = 04000, kIxoff = 010000, kImaxBel = 020000, kIutf8 = 040000,
};
enum OutputFlag : u32 { kOpost = 01, kOlcuc = 02, kOnlCr = 04, kOcrNl = 010, kOnoCr = 020, kOnlRet = 040, kTabDelay = 014000, kXtabs = 014000 };
enum ControlFlag : u32 { kBaudMask = 010017, kB38400 = 017, kB115200 = 010002, kCs8 = 060, kCread = 0200, kHupCl = 02000, kClocal = 04000 };
enum LocalFlag : u32 {
  kIsig = 01, kIcanon = 02, kXcase = 04, kEcho = 010, kEchoE = 020, kEchoK = 040, kEchoNl = 0100, kNoFlsh = 0200, kTostop = 0400, kEchoCtl = 01000,
  kEchoPrt = 02000, kEchoKe = 04000, kFlushO = 010000, kPendIn = 040000, kIexten = 0100000, kExtProc = 0200000,
};

enum TerminalRequest : u32 {
  kTcGets = 0x5401, kTcSets, kTcSetsW, kTcSetsF, kTcGetA, kTcSetA, kTcSetAw, kTcSetAf, kTcSbrk, kTcXonc, kTcFlsh, kTiocExcl, kTiocNxcl, kTiocSctty, kTiocGpgrp,
  kTiocSpgrp, kTiocOutq, kTiocSti, kTiocGwinsz, kTiocSwinsz, kTiocMget, kTiocMbis, kTiocMbic, kTiocMset, kTiocGsoftcar, kTiocSsoftcar, kTiocInq,
  kTiocLinux, kTiocCons, kTiocGserial, kTiocSserial, kTiocPkt, kFioNbio, kTiocNotty, kTiocSetd, kTiocGetd, kTcSbrkP,
  kTiocGsid = 0x5429, kTcGets2 = 0x802c542a, kTcSets2 = 0x402c542b, kTcSetsW2 = 0x402c542c, kTcSetsF2 = 0x402c542d, kTiocGptn = 0x80045430,
  kTiocSptlck = 0x40045431, kTiocGdev = 0x80045432, kTiocSig = 0x40045436, kTiocVhangup = 0x5437, kTiocGpkt = 0x80045438, kTiocGptlck = 0x80045439,
  kTiocGexcl = 0x80045440, kTiocGptpeer = 0x5441, kTiocGlcktrmios = 0x5456, kTiocSlcktrmios = 0x5457,
};

// Packet mode (TIOCPKT) status bits.
enum PacketBits : u8 {
  kPacketData = 0,
  kPacketFlushRead = 1,
  kPacketFlushWrite = 2,
  kPacketStop = 4,
  kPacketStart = 8,
  kPacketNoStop = 16,
  kPacketDoStop = 32,
  kPacketIoctl = 64
};

// TIOCGSERIAL.
struct SerialStruct {
  i32 type, line;
  u32 port;
  i32 irq, flags, xmit_fifo_size, custom_divisor, baud_base;
  u16 close_delay;
  u8 io_type, reserved;
  i32 hub6;
  u16 closing_wait, closing_wait2;
  u32 padding;
  u64 iomem_base;
  u16 iomem_reg_shift;
  u16 padding2;
  u32 port_high;
  u64 iomap_base;
};
static_assert(sizeof(SerialStruct) == 72);

// What a fresh terminal has (tty_std_termios).
constexpr Termios standard_termios() {
  return {kIcrNl | kIxon, kOpost | kOnlCr, kB38400 | kCs8 | kCread | kHupCl, kIsig | kIcanon | kEcho | kEchoE | kEchoK | kEchoCtl | kEchoKe | kIexten, 0,
          {3, 28, 0177, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0}};
}

}  // namespace hati::linux
