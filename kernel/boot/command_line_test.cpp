// SPDX-License-Identifier: MIT
#include "kernel/boot/command_line.h"

#include <gtest/gtest.h>

namespace hati {
namespace {

TEST(CommandLine, Empty) {
  const CommandLine line = CommandLine::parse("  \t ");
  EXPECT_FALSE(line.quiet);
  EXPECT_FALSE(line.console_given);
  EXPECT_EQ(line.panic_seconds, 0);
  EXPECT_EQ(line.cpus_max, ~u32{0});
  EXPECT_EQ(line.linux_server, ServerPlacement::kAuto);
  EXPECT_TRUE(line.bad.empty());
}

TEST(CommandLine, KnownWords) {
  const CommandLine line =
      CommandLine::parse("root=/dev/vda rw console=tty0 console=ttyS0,115200n8 quiet panic=-1 maxcpus=4 hati.linux=attached");
  EXPECT_TRUE(line.quiet);
  EXPECT_TRUE(line.console_serial);
  EXPECT_EQ(line.panic_seconds, -1);
  EXPECT_EQ(line.cpus_max, 4u);
  EXPECT_EQ(line.linux_server, ServerPlacement::kAttached);
  EXPECT_TRUE(line.bad.empty());
}

TEST(CommandLine, OtherConsolesAreNotSerial) {
  EXPECT_FALSE(CommandLine::parse("console=ttyS01").console_serial);
  EXPECT_FALSE(CommandLine::parse("console=tty0").console_serial);
  EXPECT_TRUE(CommandLine::parse("console=tty0").console_given);
}

TEST(CommandLine, MaxcpusZeroMeansOne) { EXPECT_EQ(CommandLine::parse("maxcpus=0").cpus_max, 1u); }

TEST(CommandLine, MalformedValuesAreReportedAndIgnored) {
  for (const char* text : {"panic=soon", "panic=", "panic", "maxcpus=-2", "maxcpus=99999999999", "hati.linux=beside", "console="}) {
    const CommandLine line = CommandLine::parse(text);
    EXPECT_EQ(line.bad, text);
    EXPECT_EQ(line.panic_seconds, 0);
    EXPECT_EQ(line.cpus_max, ~u32{0});
  }
}

TEST(CommandLine, UnknownWordsAreForUserSpace) { EXPECT_TRUE(CommandLine::parse("foo bar=baz quietly panicky=1").bad.empty()); }

TEST(CommandLine, QuotesKeepBlanks) {
  const CommandLine line = CommandLine::parse("init=\"/bin/sh quiet\" panic=\"3\"");
  EXPECT_FALSE(line.quiet);
  EXPECT_EQ(line.panic_seconds, 3);
  EXPECT_FALSE(CommandLine::parse("x=\"never closed quiet").quiet);
}

TEST(CommandLine, WordsBehindTwoDashesAreForInit) { EXPECT_FALSE(CommandLine::parse("a -- quiet").quiet); }

}  // namespace
}  // namespace hati
