// SPDX-License-Identifier: MIT
// Finds the ACPI tables and hands them to the parsers. Runs once, while the boot page tables map the first 4 GiB.
#include "kernel/arch/x86_64/acpi.h"

#include <cstring>

#include "kernel/arch/x86_64/internal.h"
#include "kernel/debug/log.h"
#include "kernel/memory/direct_map.h"

namespace hati::arch {
namespace {

AcpiInfo& storage() {
  static AcpiInfo info;
  return info;
}

constexpr u64 kMappedEnd = u64{4} << 30;
constexpr usize kHeaderBytes = 36;
constexpr u32 kTableMax = 4 << 20, kTablesMax = 256;

std::span<const u8> physical_bytes(u64 address, u64 bytes) {
  if (address == 0 || address >= kMappedEnd || bytes > kMappedEnd - address) return {};
  return {phys_to_virt<const u8>(PhysAddr{address}), bytes};
}

// The whole table at an address, or nothing if its length or checksum is wrong.
std::span<const u8> table_at(u64 address) {
  const auto header = physical_bytes(address, kHeaderBytes);
  if (header.empty()) return {};
  u32 length;
  std::memcpy(&length, header.data() + 4, sizeof(length));
  if (length < kHeaderBytes || length > kTableMax) return {};
  const auto table = physical_bytes(address, length);
  if (!table.empty() && !checksum_ok(table)) {
    log(LogLevel::kWarning, "acpi: table {} has a wrong checksum, ignored",
        std::string_view(reinterpret_cast<const char*>(table.data()), 4));
    return {};
  }
  return table;
}

void use_table(std::span<const u8> table, AcpiInfo& info) {
  const std::string_view name(reinterpret_cast<const char*>(table.data()), 4);
  if (name == "APIC") parse_madt(table, info);
  if (name == "MCFG") parse_mcfg(table, info);
  if (name == "HPET") parse_hpet(table, info);
  if (name == "FACP") {
    const FadtPointers pointers = parse_fadt(table, info);
    if (const auto dsdt = table_at(pointers.dsdt); !dsdt.empty()) parse_s5(dsdt, info);
  }
}

// The firmware's pointer: given by the loader, else in the BIOS area at a 16-byte boundary.
u64 find_rsdp(PhysAddr given) {
  if (given.value != 0) return given.value;
  for (u64 address = 0xe0000; address < 0x100000; address += 16) {
    const auto bytes = physical_bytes(address, 20);
    if (std::memcmp(bytes.data(), "RSD PTR ", 8) == 0 && checksum_ok(bytes)) return address;
  }
  return 0;
}

}  // namespace

const AcpiInfo& acpi() { return storage(); }

void fill_platform_info(PlatformInfo& info) {
  info.ecam_count = acpi().ecam_count;
  for (u32 i = 0; i < acpi().ecam_count; ++i) info.ecam[i] = acpi().ecam[i];
}

void read_acpi_tables(PhysAddr rsdp) {
  AcpiInfo& info = storage();
  const auto pointer = physical_bytes(find_rsdp(rsdp), 36);
  if (pointer.empty() || std::memcmp(pointer.data(), "RSD PTR ", 8) != 0) {
    log(LogLevel::kWarning, "acpi: no tables: one processor, legacy devices only");
    return;
  }
  u32 rsdt;
  u64 xsdt = 0;
  std::memcpy(&rsdt, pointer.data() + 16, sizeof(rsdt));
  if (pointer[15] >= 2) std::memcpy(&xsdt, pointer.data() + 24, sizeof(xsdt));
  const usize entry_bytes = xsdt != 0 ? 8 : 4;
  const auto list = table_at(xsdt != 0 ? xsdt : rsdt);
  u32 used = 0;
  for (usize at = kHeaderBytes; at + entry_bytes <= list.size() && used < kTablesMax; at += entry_bytes, ++used) {
    u64 address = 0;
    std::memcpy(&address, list.data() + at, entry_bytes);
    if (const auto table = table_at(address); !table.empty()) use_table(table, info);
  }
  log(LogLevel::kInfo, "acpi: {} processors, {} I/O APICs{}", info.cpu_count, info.io_apic_count, info.hpet != 0 ? ", HPET" : "");
  if (info.cpus_dropped > 0)
    log(LogLevel::kWarning, "acpi: {} more processors than the {} supported", info.cpus_dropped, AcpiInfo::kCpusKept);
}

}  // namespace hati::arch
