// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "kernel/arch/x86_64/acpi.h"
#include "kernel/arch/x86_64/calendar.h"

namespace hati::arch {
namespace {

using Bytes = std::vector<u8>;

Bytes madt(const std::vector<Bytes>& entries) {
  Bytes table(44);
  table[36 + 2] = 0xe0;  // local APIC at 0xfee00000
  table[36 + 3] = 0xfe;
  for (const Bytes& entry : entries) table.insert(table.end(), entry.begin(), entry.end());
  return table;
}
Bytes processor(u8 apic_id, u8 flags) { return {0, 8, apic_id, apic_id, flags, 0, 0, 0}; }
Bytes x2_processor(u8 apic_id) { return {9, 16, 0, 0, apic_id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}; }

TEST(Madt, Processors) {
  AcpiInfo info;
  parse_madt(madt({processor(0, 1), processor(2, 1), processor(3, 0), processor(2, 1), x2_processor(5)}), info);
  ASSERT_EQ(info.cpu_count, 3u);
  EXPECT_EQ(info.cpu_apic_ids[1], 2u);
  EXPECT_EQ(info.cpu_apic_ids[2], 0x105u);
  EXPECT_EQ(info.local_apic, 0xfee0'0000u);
}

TEST(Madt, MoreProcessorsThanSupported) {
  AcpiInfo info;
  std::vector<Bytes> many;
  for (u8 i = 0; i < 100; ++i) many.push_back(processor(i, 1));
  parse_madt(madt(many), info);
  EXPECT_EQ(info.cpu_count, AcpiInfo::kCpusKept);
  EXPECT_EQ(info.cpus_dropped, 100 - AcpiInfo::kCpusKept);
}

TEST(Madt, InterruptLines) {
  AcpiInfo info;
  parse_madt(madt({{1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 16, 0, 0, 0}, {2, 10, 0, 0, 2, 0, 0, 0, 0, 0}, {2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0}}),
             info);
  ASSERT_EQ(info.io_apic_count, 1u);
  EXPECT_EQ(info.io_apics[0].address, 0xfec0'0000u);
  EXPECT_EQ(info.io_apics[0].gsi_base, 16u);
  EXPECT_EQ(info.isa[0].gsi, 2u);
  EXPECT_EQ(info.isa[0].flags, InterruptFlags::kEdgeHigh);
  EXPECT_EQ(info.isa[9].flags, InterruptFlags::kLevelLow);
  EXPECT_EQ(info.isa[4].gsi, 4u);
}

TEST(Madt, HostileLengths) {
  for (const Bytes& entry : std::vector<Bytes>{
           {0}, {0, 0}, {0, 1, 2}, {0, 255, 1, 1, 1}, {0, 4, 1, 1}, {2, 10, 0, 200, 1, 0, 0, 0, 0, 0}, {9, 8, 0, 0, 0, 0, 0, 0}}) {
    AcpiInfo info;
    parse_madt(madt({entry}), info);
    EXPECT_EQ(info.cpu_count, 0u);
  }
  AcpiInfo info;
  parse_madt(Bytes(10), info);
  EXPECT_EQ(info.cpu_count, 0u);
}

TEST(Madt, NoiseNeverLeavesTheTable) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    Bytes noise(random() % 300);
    for (u8& byte : noise) byte = static_cast<u8>(random());
    AcpiInfo info;
    parse_madt(noise, info);
    parse_hpet(noise, info);
    parse_mcfg(noise, info);
    EXPECT_LE(info.ecam_count, kEcamWindowsMax);
    parse_fadt(noise, info);
    parse_s5(noise, info);
    EXPECT_LE(info.cpu_count, AcpiInfo::kCpusKept);
    EXPECT_LE(info.io_apic_count, AcpiInfo::kIoApicsMax);
  }
}

Bytes mcfg(std::initializer_list<Bytes> entries) {
  Bytes table(44);
  for (const Bytes& entry : entries) table.insert(table.end(), entry.begin(), entry.end());
  return table;
}
TEST(Mcfg, Windows) {
  AcpiInfo info;
  const Bytes whole{0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0};
  const Bytes part{0, 0, 0, 0xe0, 1, 0, 0, 0, 2, 0, 16, 31, 0, 0, 0, 0};
  parse_mcfg(mcfg({whole, part}), info);
  ASSERT_EQ(info.ecam_count, 2u);
  EXPECT_EQ(info.ecam[0].address, 0xb000'0000u);
  EXPECT_EQ(info.ecam[0].bus_last, 255);
  EXPECT_EQ(info.ecam[1].address, 0x1'e100'0000u) << "the address is given for bus 0";
  EXPECT_EQ(info.ecam[1].segment, 2);
  EXPECT_EQ(info.ecam[1].bus_first, 16);
}

TEST(Mcfg, HostileEntries) {
  AcpiInfo info;
  const Bytes nowhere(16), unaligned{1, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0},
      backwards{0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0, 9, 8, 0, 0, 0, 0}, far{0, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 255, 0, 0, 0, 0},
      torn{0, 0, 0, 0xb0, 0, 0, 0};
  parse_mcfg(mcfg({nowhere, unaligned, backwards, far, torn}), info);
  EXPECT_EQ(info.ecam_count, 0u);
}

TEST(Fadt, PortsAndReset) {
  Bytes table(148);
  table[64] = 0x04, table[65] = 0x06;  // PM1a
  table[76] = 0x08, table[77] = 0x06;  // timer
  table[40] = 0x34, table[41] = 0x12;  // DSDT
  table[113] = 0x04;                   // reset register supported
  table[116] = 1, table[120] = 0xf9, table[121] = 0x0c, table[128] = 0x0f;
  AcpiInfo info;
  EXPECT_EQ(parse_fadt(table, info).dsdt, 0x1234u);
  EXPECT_EQ(info.pm1a_control, 0x604);
  EXPECT_EQ(info.pm_timer_port, 0x608);
  ASSERT_TRUE(info.reset.has_value());
  EXPECT_EQ(info.reset->address, 0xcf9u);
  EXPECT_EQ(info.reset->value, 0x0f);
  table.resize(116);
  AcpiInfo old;
  parse_fadt(table, old);
  EXPECT_FALSE(old.reset.has_value());
}

TEST(Dsdt, SleepTypes) {
  Bytes table(36);
  const Bytes package{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x07, 0x01, 0x00, 0x00};
  table.insert(table.end(), package.begin(), package.end());
  AcpiInfo info;
  parse_s5(table, info);
  EXPECT_EQ(info.sleep_type_a, 7);
  EXPECT_EQ(info.sleep_type_b, 1);
  table[36] = 0x11;  // not a name definition
  AcpiInfo none;
  parse_s5(table, none);
  EXPECT_FALSE(none.sleep_type_a.has_value());
}

TEST(Checksum, Sum) {
  EXPECT_TRUE(checksum_ok(Bytes{1, 2, 253}));
  EXPECT_FALSE(checksum_ok(Bytes{1, 2, 3}));
}

TEST(Calendar, KnownDates) {
  EXPECT_EQ(seconds_since_1970({2024, 2, 29, 23, 59, 59}), 1'709'251'199);
  EXPECT_EQ(seconds_since_1970({2024, 3, 1, 0, 0, 0}), 1'709'251'200);
  EXPECT_EQ(seconds_since_1970({2100, 3, 1, 0, 0, 0}), 4'107'542'400);
}

}  // namespace
}  // namespace hati::arch
