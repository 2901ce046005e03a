// SPDX-License-Identifier: MIT
// What the kernel takes from the ACPI tables (ACPI 6.5, chapter 5). The parsers read bytes that nobody vouches for: every length is checked
// against the span they were given; they know nothing of mapping and run on the host.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "abi/call.h"
#include "base/types.h"

namespace hati::arch {

struct AcpiInfo {
  static constexpr u32 kCpusKept = 64, kIoApicsMax = 8, kIsaLines = 16;

  u64 local_apic = 0xfee0'0000;
  u32 cpu_count = 0;
  std::array<u32, kCpusKept> cpu_apic_ids{};
  u32 cpus_dropped = 0;

  struct IoApic {
    u64 address;
    u32 gsi_base;
  };
  u32 io_apic_count = 0;
  std::array<IoApic, kIoApicsMax> io_apics{};

  // ISA interrupt n arrives at this line, with this trigger (meaning of a gsi as an ISA device's interrupt).
  struct IsaLine {
    u32 gsi;
    InterruptFlags flags;
  };
  std::array<IsaLine, kIsaLines> isa{};

  // Configuration space of PCI Express, memory-mapped (PCI Firmware Specification 3.3, 4.1.2): 1 MiB for each bus from bus_first on, the first at
  // `address`.
  u32 ecam_count = 0;
  std::array<EcamWindow, kEcamWindowsMax> ecam{};

  u64 hpet = 0;  // physical address, 0: none
  u16 pm_timer_port = 0;  // 0: none
  u16 pm1a_control = 0, pm1b_control = 0;
  std::optional<u8> sleep_type_a, sleep_type_b;  // SLP_TYP of \_S5_
  struct Reset {
    u8 space;  // 0 memory, 1 port
    u64 address;
    u8 value;
  };
  std::optional<Reset> reset;

  AcpiInfo();
};

// Each takes a whole table, header included, whose length field has been compared with the span.
void parse_madt(std::span<const u8> table, AcpiInfo& info);
void parse_mcfg(std::span<const u8> table, AcpiInfo& info);
void parse_hpet(std::span<const u8> table, AcpiInfo& info);
struct FadtPointers {
  u64 dsdt = 0;
};
FadtPointers parse_fadt(std::span<const u8> table, AcpiInfo& info);
// Looks for the package `\_S5_` in the AML of a DSDT; good for the encodings that compilers emit.
void parse_s5(std::span<const u8> dsdt, AcpiInfo& info);
bool checksum_ok(std::span<const u8> bytes);

}  // namespace hati::arch
