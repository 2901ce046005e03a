// SPDX-License-Identifier: MIT
#include "kernel/memory/elf_loader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/elf.h"
#include "kernel/memory/testing/space.h"

namespace hati {
namespace {

using testing::TestSpace;

constexpr u64 kBase = kServerBase + (u64{1} << 30);
constexpr u64 kStackTop = kServerEnd - (u64{1} << 20);

std::vector<u8> program() {
  std::vector<u8> bytes(0x3000);
  elf::Header header{};
  std::memcpy(header.magic,
              "\x7f"
              "ELF",
              4);
  header.file_class = 2;
  header.byte_order = 1;
  header.type = elf::kShared;
  header.machine = elf::kX86_64;
  header.entry = 0x1010;
  header.program_offset = 64;
  header.program_entry_bytes = 56;
  header.program_count = 3;
  const elf::ProgramHeader programs[3] = {
      {elf::kLoad, elf::kFlagRead, 0, 0, 0, 0x1000, 0x1000, 0x1000},
      {elf::kLoad, elf::kFlagRead | elf::kFlagExecute, 0x1000, 0x1000, 0, 0x1000, 0x1000, 0x1000},
      {elf::kLoad, elf::kFlagRead | elf::kFlagWrite, 0x2000, 0x2000, 0, 0x900, 0x5000, 0x1000},
  };
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + 64, programs, sizeof programs);
  for (u32 i = 0x1000; i < bytes.size(); ++i) bytes[i] = static_cast<u8>(i * 31);
  return bytes;
}

TEST(ElfLoader, MapsSegmentsWithTheirRights) {
  const auto space = TestSpace::make(SpaceFlags::kNone);
  const auto bytes = program();
  const auto loaded = load_program(*space, bytes, kBase);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->entry, kBase + 0x1010);
  EXPECT_EQ(loaded->program_headers, kBase + 64);
  EXPECT_EQ(loaded->end, kBase + 0x7000);
  std::vector<u8> back(0x2900);
  ASSERT_TRUE(space->copy_in(kBase, back.data(), back.size()));
  EXPECT_EQ(std::memcmp(back.data(), bytes.data(), back.size()), 0);
  EXPECT_EQ(*space->read<u64>(kBase + 0x2900), 0u);
  EXPECT_EQ(space->write<u8>(kBase, 0).error(), Error::kAccess);
  EXPECT_EQ(space->handle_fault(kBase + 0x1000, kFaultFetch), FaultResult::kResolved);
  EXPECT_EQ(space->handle_fault(kBase + 0x2000, kFaultFetch), FaultResult::kAccess);
  EXPECT_TRUE(space->write<u8>(kBase + 0x6fff, 1));
}

TEST(ElfLoader, BuildsTheInitialStack) {
  const auto space = TestSpace::make(SpaceFlags::kNone);
  const auto bytes = program();
  const LoadedProgram loaded = *load_program(*space, bytes, kBase);
  const std::string_view arguments[] = {"init", "second"}, environment[] = {"A=b"};
  const StartupHandle handles[] = {{"clock", 7}, {"resource", 9}};
  InitialStack stack{
      .top = kStackTop, .bytes = 1 << 20, .arguments = arguments, .environment = environment, .handles = handles, .hardware2 = 2};
  const u64 pointer = *build_stack(*space, loaded, stack);
  EXPECT_EQ(pointer % 16, 0u);
  const auto text = [&](u64 at) {
    std::string result;
    for (char c; (c = *space->read<char>(at)) != 0; ++at) result += c;
    return result;
  };
  u64 at = pointer;
  const auto word = [&] { return *space->read<u64>(std::exchange(at, at + 8)); };
  EXPECT_EQ(word(), 2u);
  EXPECT_EQ(text(word()), "init");
  EXPECT_EQ(text(word()), "second");
  EXPECT_EQ(word(), 0u);
  EXPECT_EQ(text(word()), "A=b");
  EXPECT_EQ(word(), 0u);
  std::map<u64, u64> auxiliary;
  for (u64 type; (type = word()) != elf::kAuxEnd;) auxiliary[type] = word();
  EXPECT_EQ(auxiliary[elf::kAuxEntry], loaded.entry);
  EXPECT_EQ(auxiliary[elf::kAuxProgramHeaders], loaded.program_headers);
  EXPECT_EQ(auxiliary[elf::kAuxHardware2], 2u);
  EXPECT_EQ(text(auxiliary[elf::kAuxFileName]), "init");
  const auto startup = *space->read<Startup>(auxiliary[kAuxStartup]);
  EXPECT_EQ(startup.count, 2u);
  EXPECT_STREQ(startup.handles[1].name, "resource");
  EXPECT_EQ(startup.handles[1].handle, 9u);
}

TEST(ElfLoader, RejectsWhatIsNotAProgram) {
  const auto space = TestSpace::make(SpaceFlags::kNone);
  auto bytes = program();
  EXPECT_EQ(load_program(*space, bytes, kProgramBase).error(), Error::kInvalidArgument);
  EXPECT_EQ(load_program(*space, bytes, kServerEnd - kPageSize).error(), Error::kInvalidArgument);
  EXPECT_EQ(load_program(*space, std::span(bytes).first(100), kBase).error(), Error::kBadData);
  bytes[0] = 0;
  EXPECT_EQ(load_program(*space, bytes, kBase).error(), Error::kBadData);
}

TEST(ElfLoader, SurvivesDamage) {
  const auto good = program();
  std::mt19937_64 random(5);
  u32 accepted = 0;
  for (u32 round = 0; round < 3000; ++round) {
    const auto space = TestSpace::make(SpaceFlags::kNone);
    auto bytes = good;
    for (u32 n = random() % 3 + 1; n != 0; --n) {
      const u64 value = random() % 2 != 0 ? random() : ~u64{0} >> random() % 64;
      std::memcpy(bytes.data() + random() % (64 + 3 * 56), &value, random() % 8 + 1);
    }
    accepted += load_program(*space, bytes, kBase).has_value();
  }
  EXPECT_GT(accepted, 10u);
}

}  // namespace
}  // namespace hati
