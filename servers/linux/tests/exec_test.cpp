// SPDX-License-Identifier: MIT
// Executables and initial stacks: what hostile files get, and what a program finds.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "servers/linux/exec/elf_image.h"
#include "servers/linux/exec/stack_image.h"

namespace hati::linux {
namespace {

constexpr u64 kLimit = 0x7f80'0000'0000;

struct File {
  ElfHeader header{};
  std::vector<ElfSegment> segments;

  File() {
    std::memcpy(header.identity, "\177ELF\2\1\1", 7);
    header.type = 2;
    header.machine = 62;
    header.entry = 0x401000;
    header.program_headers = sizeof(ElfHeader);
    header.program_header_size = sizeof(ElfSegment);
    segments.push_back({.type = kElfLoad, .flags = kElfRead | kElfExecute, .offset = 0, .address = 0x400000, .physical = 0, .file_bytes = 0x2000,
                        .memory_bytes = 0x2000, .alignment = 0x1000});
  }
  std::vector<u8> head() {
    header.program_header_count = static_cast<u16>(segments.size());
    std::vector<u8> bytes(sizeof header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
  }
  std::vector<u8> table() const {
    std::vector<u8> bytes(segments.size() * sizeof(ElfSegment));
    std::memcpy(bytes.data(), segments.data(), bytes.size());
    return bytes;
  }
  SysResult<ElfImage> parse() { return parse_elf(head(), table(), kLimit); }
};

Errno error_of(File file) {
  const auto result = file.parse();
  return result ? Errno{} : result.error();
}

TEST(ElfImage, GoodOne) {
  File file;
  file.segments.push_back({.type = kElfLoad, .flags = kElfRead | kElfWrite, .offset = 0x2010, .address = 0x403010, .physical = 0, .file_bytes = 0x10,
                           .memory_bytes = 0x3000, .alignment = 0x1000});
  const auto image = file.parse();
  ASSERT_TRUE(image);
  EXPECT_EQ(image->entry, 0x401000u);
  EXPECT_EQ(image->first, 0x400000u);
  EXPECT_EQ(image->last, 0x407000u);
  EXPECT_EQ(image->headers_address, 0x400000u + sizeof(ElfHeader));
  EXPECT_FALSE(image->position_independent);
  EXPECT_FALSE(image->executable_stack);
}

TEST(ElfImage, BadHeaders) {
  File file;
  file.header.identity[0] = 0;
  EXPECT_EQ(error_of(file), Errno::kNOEXEC);
  file = File();
  file.header.machine = 183;
  EXPECT_EQ(error_of(file), Errno::kNOEXEC);
  file = File();
  file.header.type = 1;
  EXPECT_EQ(error_of(file), Errno::kNOEXEC);
  file = File();
  file.header.program_header_size = 32;
  EXPECT_EQ(error_of(file), Errno::kNOEXEC);
  file = File();
  file.header.program_headers = ~u64{0} - 8;
  EXPECT_EQ(error_of(file), Errno::kNOEXEC);
  file = File();
  file.segments[0].type = 4;
  EXPECT_EQ(error_of(file), Errno::kNOEXEC);
  const std::vector<u8> head = file.head();
  EXPECT_FALSE(elf_headers_range(std::span(head).first(63)));
}

TEST(ElfImage, BadSegments) {
  const auto with = [](auto change) {
    File file;
    change(file.segments[0]);
    return error_of(file);
  };
  EXPECT_EQ(with([](ElfSegment& s) { s.file_bytes = s.memory_bytes + 1; }), Errno::kINVAL);
  EXPECT_EQ(with([](ElfSegment& s) { s.memory_bytes = ~u64{0}; }), Errno::kINVAL);
  EXPECT_EQ(with([](ElfSegment& s) { s.memory_bytes = s.file_bytes = 0; }), Errno::kINVAL);
  EXPECT_EQ(with([](ElfSegment& s) { s.address = kLimit - 0x1000; }), Errno::kINVAL);
  EXPECT_EQ(with([](ElfSegment& s) { s.address = 0xffff'8000'0000'0000; }), Errno::kINVAL);
  EXPECT_EQ(with([](ElfSegment& s) { s.offset = 1; }), Errno::kINVAL);
  EXPECT_EQ(with([](ElfSegment& s) { s.offset = ~u64{0xfff}; }), Errno::kINVAL);
}

TEST(ElfImage, RandomDamageStaysInBounds) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20000; ++round) {
    File file;
    auto head = file.head();
    auto table = file.table();
    for (int i = 0; i < 4; ++i) {
      auto& target = random() % 2 == 0 ? head : table;
      target[random() % target.size()] = static_cast<u8>(random());
    }
    const auto image = parse_elf(head, table, kLimit);
    if (!image) continue;
    EXPECT_LT(image->first, image->last);
    EXPECT_LE(image->last, kLimit);
    for (const ElfSegment& s : image->segments)
      if (s.type == kElfLoad) EXPECT_LE(s.address + s.memory_bytes, image->last);
  }
}

SysResult<ScriptLine> script(std::string_view text) { return parse_script({reinterpret_cast<const u8*>(text.data()), text.size()}); }

TEST(Script, Lines) {
  EXPECT_EQ(script("#!/bin/sh\n")->interpreter, "/bin/sh");
  EXPECT_EQ(script("#!/bin/sh")->interpreter, "/bin/sh");
  EXPECT_EQ(script("#! \t/bin/sh  -e x \t\nmore")->argument, "-e x");
  EXPECT_EQ(script("#!/bin/sh\n")->argument, "");
  EXPECT_FALSE(script("#!\n"));
  EXPECT_FALSE(script("#!  \t \n/bin/sh\n"));
  EXPECT_FALSE(script("#!/" + std::string(300, 'x')));  // the name is cut off
  EXPECT_TRUE(script("#!/bin/sh " + std::string(300, 'x')));
}

u64 word_at(const StackImage& image, u64 address) {
  u64 value;
  std::memcpy(&value, image.bytes.data() + (address - image.pointer), 8);
  return value;
}
std::string text_at(const StackImage& image, u64 address) { return reinterpret_cast<const char*>(image.bytes.data() + (address - image.pointer)); }

TEST(Stack, Layout) {
  StringList arguments, environment;
  arguments.add("prog");
  arguments.add("");
  arguments.add("two words");
  environment.add("A=1");
  constexpr u64 kTop = 0x7000'0000;
  for (u64 skew = 0; skew < 64; skew += 16) {
    const StackImage image = build_stack({.file_name = "/bin/prog", .arguments = &arguments, .environment = &environment, .random = {1, 2, 3}, .skew = skew,
                                          .auxiliary = {{kAuxPageSize, 4096}, {kAuxRandom, 0}, {kAuxExecFilename, 0}, {kAuxPlatform, 0}}},
                                         kTop);
    EXPECT_EQ(image.pointer % 16, 0u);
    EXPECT_EQ(image.bytes.size(), kTop - image.pointer);
    u64 at = image.pointer;
    EXPECT_EQ(word_at(image, at), 3u);
    EXPECT_EQ(text_at(image, word_at(image, at + 8)), "prog");
    EXPECT_EQ(text_at(image, word_at(image, at + 16)), "");
    EXPECT_EQ(text_at(image, word_at(image, at + 24)), "two words");
    EXPECT_EQ(word_at(image, at + 32), 0u);
    EXPECT_EQ(text_at(image, word_at(image, at + 40)), "A=1");
    EXPECT_EQ(word_at(image, at + 48), 0u);
    at += 56;
    EXPECT_EQ(word_at(image, at), kAuxPageSize);
    EXPECT_EQ(word_at(image, at + 16), kAuxRandom);
    EXPECT_EQ(image.bytes[word_at(image, at + 24) - image.pointer], 1);
    EXPECT_EQ(text_at(image, word_at(image, at + 40)), "/bin/prog");
    EXPECT_EQ(text_at(image, word_at(image, at + 56)), "x86_64");
    EXPECT_EQ(word_at(image, at + 64), kAuxNull);
    EXPECT_EQ(image.arguments_end, image.environment_start);
    EXPECT_EQ(word_at(image, kTop - 8), 0u);
  }
}

TEST(Stack, ArgumentLimit) {
  EXPECT_EQ(arguments_limit(8 << 20), u64{2} << 20);
  EXPECT_EQ(arguments_limit(~u64{0}), u64{6} << 20);
  EXPECT_EQ(arguments_limit(0), 131072u);
}

TEST(Strings, FrontAndBack) {
  StringList list;
  list.add("a");
  list.add("b");
  list.remove_first();
  list.add_front("x");
  EXPECT_EQ(list.count(), 2u);
  EXPECT_EQ(list.text(), std::string("x\0b\0", 4));
}

}  // namespace
}  // namespace hati::linux
