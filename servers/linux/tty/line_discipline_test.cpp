// SPDX-License-Identifier: MIT
#include "servers/linux/tty/line_discipline.h"

#include <gtest/gtest.h>

#include "abi/linux/signal.h"

namespace hati::linux {
namespace {

// A discipline with everything it did written down.
class LineDisciplineTest : public testing::Test {
 protected:
  usize type(std::string_view text) { return line.receive({reinterpret_cast<const u8*>(text.data()), text.size()}, echo, effects); }
  std::string read(usize most = 4096) {
    std::string buffer(most, '?');
    buffer.resize(line.read({reinterpret_cast<u8*>(buffer.data()), most}));
    return buffer;
  }
  std::string write(std::string_view text) {
    std::string out;
    line.process_output({reinterpret_cast<const u8*>(text.data()), text.size()}, out);
    return out;
  }
  std::string take_echo() { return std::exchange(echo, {}); }
  template <class F>
  void change(F&& function) {
    Termios termios = line.termios();
    function(termios);
    line.set_termios(termios);
  }
  void raw(u8 minimum = 1, u8 time = 0) {
    change([&](Termios& t) {
      t.local = 0;
      t.input = 0;
      t.output = 0;
      t.characters[kVMin] = minimum;
      t.characters[kVTime] = time;
    });
  }

  LineDiscipline line;
  std::string echo;
  LineDiscipline::Effects effects;
};

TEST_F(LineDisciplineTest, GivesOneLineAtATime) {
  type("one\ntwo\nthr");
  EXPECT_EQ(read(), "one\n");
  EXPECT_EQ(read(), "two\n");
  EXPECT_FALSE(line.readable(1));
  EXPECT_EQ(read(), "");
}

TEST_F(LineDisciplineTest, EchoesWithCarriageReturn) {
  type("hi\n");
  EXPECT_EQ(echo, "hi\r\n");
}

TEST_F(LineDisciplineTest, CarriageReturnBecomesNewline) {
  type("x\r");
  EXPECT_EQ(read(), "x\n");
}

TEST_F(LineDisciplineTest, SplitsALongLineOverReads) {
  type("abcdef\n");
  EXPECT_EQ(read(4), "abcd");
  EXPECT_TRUE(line.readable(1));
  EXPECT_EQ(read(4), "ef\n");
}

TEST_F(LineDisciplineTest, EndOfFileAloneReadsNothing) {
  type("\4");
  EXPECT_TRUE(line.readable(1));
  EXPECT_EQ(line.input_bytes(), 0u);
  EXPECT_EQ(read(), "");
  EXPECT_FALSE(line.readable(1));
  EXPECT_EQ(echo, "");
}

TEST_F(LineDisciplineTest, EndOfFileEndsALineWithoutNewline) {
  type("ab\4");
  EXPECT_EQ(read(), "ab");
  EXPECT_FALSE(line.readable(1));
}

TEST_F(LineDisciplineTest, EndOfFileAfterAFullBufferIsConsumed) {
  type("ab\4");
  EXPECT_EQ(read(2), "ab");
  EXPECT_FALSE(line.readable(1));
}

TEST_F(LineDisciplineTest, EraseRemovesOneCharacterOnScreenToo) {
  type("ab\177c\n");
  EXPECT_EQ(read(), "ac\n");
  EXPECT_EQ(echo, "ab\b \bc\r\n");
}

TEST_F(LineDisciplineTest, EraseStopsAtTheBeginningOfTheLine) {
  type("first\n");
  take_echo();
  type("\177\177x\n");
  EXPECT_EQ(echo, "x\r\n");
  EXPECT_EQ(read(), "first\n");
  EXPECT_EQ(read(), "x\n");
}

TEST_F(LineDisciplineTest, EraseOfAControlCharacterTakesTwoColumns) {
  type("\1\177");
  EXPECT_EQ(echo, "^A\b \b\b \b");
}

TEST_F(LineDisciplineTest, EraseOfATabGoesBackToWhereItBegan) {
  type("ab\t\177");
  EXPECT_EQ(echo, "ab\t\b\b\b\b\b\b");
}

TEST_F(LineDisciplineTest, EraseTakesAWholeUtf8Character) {
  change([](Termios& t) { t.input |= kIutf8; });
  type("a\xc3\xa4\177b\n");
  EXPECT_EQ(read(), "ab\n");
  EXPECT_EQ(echo, "a\xc3\xa4\b \bb\r\n");
}

TEST_F(LineDisciplineTest, KillErasesTheLine) {
  type("abc\25x\n");
  EXPECT_EQ(read(), "x\n");
  EXPECT_EQ(echo, "abc\b \b\b \b\b \bx\r\n");
}

TEST_F(LineDisciplineTest, KillWithoutEchokeStartsANewLine) {
  change([](Termios& t) { t.local &= ~kEchoKe; });
  type("abc\25x\n");
  EXPECT_EQ(echo, "abc^U\r\nx\r\n");
}

TEST_F(LineDisciplineTest, WordEraseSkipsBlanksFirst) {
  type("one two  \27x\n");
  EXPECT_EQ(read(), "one x\n");
}

TEST_F(LineDisciplineTest, LiteralNextTakesAnything) {
  type("a\26\3b\n");
  EXPECT_EQ(read(), "a\3b\n");
  EXPECT_TRUE(effects.signals.empty());
  EXPECT_EQ(echo, "a^\b^Cb\r\n");
}

TEST_F(LineDisciplineTest, ReprintShowsTheLineAgain) {
  type("ab\22");
  EXPECT_EQ(echo, "ab^R\r\nab");
}

TEST_F(LineDisciplineTest, InterruptSignalsAndFlushes) {
  type("lost\3kept\n");
  EXPECT_EQ(effects.signals, std::vector<i32>{kSigInt});
  EXPECT_TRUE(effects.flush_output);
  EXPECT_EQ(read(), "kept\n");
}

TEST_F(LineDisciplineTest, NoflshKeepsInput) {
  change([](Termios& t) { t.local |= kNoFlsh; });
  type("kept\32 too\n");
  EXPECT_EQ(effects.signals, std::vector<i32>{kSigTstp});
  EXPECT_FALSE(effects.flush_output);
  EXPECT_EQ(read(), "kept too\n");
}

TEST_F(LineDisciplineTest, SignalsAreCharactersWithoutIsig) {
  change([](Termios& t) { t.local &= ~kIsig; });
  type("\3\n");
  EXPECT_TRUE(effects.signals.empty());
  EXPECT_EQ(read(), "\3\n");
}

TEST_F(LineDisciplineTest, FlowControlCharactersStopAndStart) {
  type("\23");
  EXPECT_TRUE(line.output_stopped());
  EXPECT_TRUE(effects.stopped);
  type("\21");
  EXPECT_FALSE(line.output_stopped());
  EXPECT_TRUE(effects.started);
  EXPECT_EQ(line.available(), 0u);
}

TEST_F(LineDisciplineTest, AdditionalLineEndsCount) {
  change([](Termios& t) { t.characters[kVEol] = ';'; });
  type("a;b\n");
  EXPECT_EQ(read(), "a;");
  EXPECT_EQ(read(), "b\n");
}

TEST_F(LineDisciplineTest, EchonlEchoesNewlineOnly) {
  change([](Termios& t) { t.local = (t.local & ~kEcho) | kEchoNl; });
  type("secret\n");
  EXPECT_EQ(echo, "\r\n");
}

TEST_F(LineDisciplineTest, RawModeGivesBytesAsTheyAre) {
  raw();
  type("\3\4\r\177");
  EXPECT_EQ(read(), "\3\4\r\177");
  EXPECT_EQ(echo, "");
  EXPECT_TRUE(effects.signals.empty());
}

TEST_F(LineDisciplineTest, RawModeHonoursTheMinimum) {
  raw(3);
  type("ab");
  EXPECT_FALSE(line.readable(3));
  type("c");
  EXPECT_TRUE(line.readable(3));
}

TEST_F(LineDisciplineTest, UnfinishedLineBecomesBytesInRawMode) {
  type("par");
  raw();
  EXPECT_EQ(read(), "par");
}

TEST_F(LineDisciplineTest, BytesBecomeALineInCanonicalMode) {
  raw();
  type("abc");
  line.set_termios(standard_termios());
  EXPECT_TRUE(line.readable(1));
  EXPECT_EQ(read(), "abc");
}

TEST_F(LineDisciplineTest, OverlongLineKeepsItsEnd) {
  const std::string text(5000, 'x');
  EXPECT_EQ(type(text), 5000u);
  type("\n");
  const std::string got = read(8192);
  EXPECT_EQ(got.size(), LineDiscipline::kBufferSize);
  EXPECT_EQ(got.back(), '\n');
}

TEST_F(LineDisciplineTest, RawInputIsRefusedWhenFull) {
  raw();
  const std::string text(5000, 'x');
  EXPECT_EQ(type(text), LineDiscipline::kBufferSize - 1);
  EXPECT_FALSE(line.has_room());
  read(10);
  EXPECT_TRUE(line.has_room());
}

TEST_F(LineDisciplineTest, PositionsWrapAround) {
  for (int i = 0; i < 3000; ++i) {
    type("abc\n");
    ASSERT_EQ(read(), "abc\n");
  }
}

TEST_F(LineDisciplineTest, OutputProcessing) {
  EXPECT_EQ(write("a\nb"), "a\r\nb");
  change([](Termios& t) { t.output = kOpost | kOnlCr | kXtabs; });
  line.flush_input();
  EXPECT_EQ(write("\r"), "\r");
  EXPECT_EQ(write("ab\tc"), "ab      c");
  change([](Termios& t) { t.output = kOpost | kOcrNl; });
  EXPECT_EQ(write("x\r"), "x\n");
  change([](Termios& t) { t.output = kOpost | kOnoCr; });
  write("\r");
  EXPECT_EQ(write("\r\r"), "");
  change([](Termios& t) { t.output = 0; });
  EXPECT_EQ(write("a\n"), "a\n");
}

TEST_F(LineDisciplineTest, InputTranslation) {
  change([](Termios& t) { t.input = kIgnCr; });
  type("a\rb\n");
  EXPECT_EQ(read(), "ab\n");
  change([](Termios& t) { t.input = kIucLc; });
  type("ABC\n");
  EXPECT_EQ(read(), "abc\n");
  change([](Termios& t) { t.input = kIstrip; });
  type("\xe1\n");
  EXPECT_EQ(read(), "a\n");
}

TEST_F(LineDisciplineTest, BreakSignalsOrMarks) {
  change([](Termios& t) { t.input |= kBrkInt; });
  line.receive_break(effects);
  EXPECT_EQ(effects.signals, std::vector<i32>{kSigInt});
  raw();
  change([](Termios& t) { t.input = kParMrk; });
  line.receive_break(effects);
  EXPECT_EQ(read(), std::string("\377\0\0", 3));
}

TEST_F(LineDisciplineTest, FlushForgetsEverything) {
  type("a\nb");
  line.flush_input();
  EXPECT_FALSE(line.readable(1));
  type("c\n");
  EXPECT_EQ(read(), "c\n");
}

}  // namespace
}  // namespace hati::linux
