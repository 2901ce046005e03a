// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/acpi.h"

#include <cstring>

namespace hati::arch {
namespace {

constexpr usize kHeaderBytes = 36;

// A little-endian number at `offset`, 0 if it is not inside.
template <class T>
T number_at(std::span<const u8> bytes, usize offset) {
  T value{};
  if (offset <= bytes.size() && bytes.size() - offset >= sizeof(T)) std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// Interrupt source overrides, 5.2.12.5: polarity in bits 0..1, trigger in bits 2..3; 0 follows the bus (ISA: high, edge).
InterruptFlags trigger(u16 flags) {
  const bool low = (flags & 3) == 3, level = (flags >> 2 & 3) == 3;
  if (level) return low ? InterruptFlags::kLevelLow : InterruptFlags::kLevelHigh;
  return low ? InterruptFlags::kEdgeLow : InterruptFlags::kEdgeHigh;
}

void add_cpu(AcpiInfo& info, u32 apic_id, u32 flags) {
  constexpr u32 kEnabled = 1;
  if ((flags & kEnabled) == 0) return;
  for (u32 i = 0; i < info.cpu_count; ++i)
    if (info.cpu_apic_ids[i] == apic_id) return;  // some firmware lists a processor as both kinds
  if (info.cpu_count == AcpiInfo::kCpusKept)
    ++info.cpus_dropped;
  else
    info.cpu_apic_ids[info.cpu_count++] = apic_id;
}

void add_entry(AcpiInfo& info, u8 type, std::span<const u8> entry) {
  switch (type) {
    case 0:  // local APIC
      if (entry.size() >= 8) add_cpu(info, entry[3], number_at<u32>(entry, 4));
      break;
    case 1:  // I/O APIC
      if (entry.size() >= 12 && info.io_apic_count < AcpiInfo::kIoApicsMax)
        info.io_apics[info.io_apic_count++] = {number_at<u32>(entry, 4), number_at<u32>(entry, 8)};
      break;
    case 2:  // interrupt source override
      if (entry.size() >= 10 && entry[3] < AcpiInfo::kIsaLines)
        info.isa[entry[3]] = {number_at<u32>(entry, 4), trigger(number_at<u16>(entry, 8))};
      break;
    case 5:  // local APIC address override
      if (entry.size() >= 12) info.local_apic = number_at<u64>(entry, 4);
      break;
    case 9:  // local x2APIC
      if (entry.size() >= 16) add_cpu(info, number_at<u32>(entry, 4), number_at<u32>(entry, 8));
      break;
    default: break;
  }
}

// AML integer objects: ZeroOp, OneOp, BytePrefix. Advances `at`.
std::optional<u8> small_integer(std::span<const u8> aml, usize& at) {
  if (at >= aml.size()) return std::nullopt;
  const u8 op = aml[at++];
  if (op == 0x00 || op == 0x01) return op;
  if (op == 0x0a && at < aml.size()) return aml[at++];
  return std::nullopt;
}

}  // namespace

AcpiInfo::AcpiInfo() {
  for (u32 i = 0; i < kIsaLines; ++i) isa[i] = {i, InterruptFlags::kEdgeHigh};
}

bool checksum_ok(std::span<const u8> bytes) {
  u8 sum = 0;
  for (u8 byte : bytes) sum = static_cast<u8>(sum + byte);
  return sum == 0;
}

void parse_madt(std::span<const u8> table, AcpiInfo& info) {
  if (table.size() < kHeaderBytes + 8) return;
  info.local_apic = number_at<u32>(table, kHeaderBytes);
  for (usize at = kHeaderBytes + 8; at + 2 <= table.size();) {
    const usize length = table[at + 1];
    if (length < 2 || length > table.size() - at) return;
    add_entry(info, table[at], table.subspan(at, length));
    at += length;
  }
}

void parse_mcfg(std::span<const u8> table, AcpiInfo& info) {
  constexpr usize kFirstEntry = kHeaderBytes + 8, kEntryBytes = 16;
  constexpr u64 kBusBytes = 1 << 20, kAddressEnd = u64{1} << 46;
  for (usize at = kFirstEntry; at + kEntryBytes <= table.size() && info.ecam_count < kEcamWindowsMax; at += kEntryBytes) {
    EcamWindow window{};
    const u64 base = number_at<u64>(table, at);  // of bus 0, also where bus 0 is not in the window
    window.segment = number_at<u16>(table, at + 8);
    window.bus_first = table[at + 10];
    window.bus_last = table[at + 11];
    const bool sane = base != 0 && base % kBusBytes == 0 && base < kAddressEnd && window.bus_first <= window.bus_last;
    if (!sane) continue;
    window.address = base + window.bus_first * kBusBytes;
    info.ecam[info.ecam_count++] = window;
  }
}

void parse_hpet(std::span<const u8> table, AcpiInfo& info) {
  constexpr usize kAddressSpace = 40, kAddress = 44;
  if (table.size() >= kAddress + 8 && table[kAddressSpace] == 0) info.hpet = number_at<u64>(table, kAddress);
}

FadtPointers parse_fadt(std::span<const u8> table, AcpiInfo& info) {
  info.pm1a_control = number_at<u16>(table, 64);
  info.pm1b_control = number_at<u16>(table, 68);
  info.pm_timer_port = number_at<u16>(table, 76);
  constexpr u32 kResetSupported = 1 << 10;
  if (table.size() >= 129 && (number_at<u32>(table, 112) & kResetSupported) != 0)
    info.reset = AcpiInfo::Reset{table[116], number_at<u64>(table, 120), table[128]};
  const u64 extended = number_at<u64>(table, 140);
  return {extended != 0 ? extended : number_at<u32>(table, 40)};
}

void parse_s5(std::span<const u8> dsdt, AcpiInfo& info) {
  constexpr u8 kNameOp = 0x08, kPackageOp = 0x12;
  for (usize i = kHeaderBytes; i + 8 < dsdt.size(); ++i) {
    if (std::memcmp(dsdt.data() + i, "_S5_", 4) != 0) continue;
    const bool named = dsdt[i - 1] == kNameOp || (dsdt[i - 1] == '\\' && dsdt[i - 2] == kNameOp);
    if (!named || dsdt[i + 4] != kPackageOp) continue;
    usize at = i + 5;
    at += 1 + (dsdt[at] >> 6);  // PkgLength: bits 7..6 say how many bytes follow
    at += 1;                    // number of elements
    info.sleep_type_a = small_integer(dsdt, at);
    info.sleep_type_b = small_integer(dsdt, at);
    return;
  }
}

}  // namespace hati::arch
