// SPDX-License-Identifier: MIT
// The line discipline in canonical mode: lines, editing characters, end of file, input flags.
#include "tty.h"

#define FAMILY "tty"

struct QuietPty : Pty {
  QuietPty() { local(0, ECHO); }
};

TEST(canonical_read_waits_for_a_line) {
  QuietPty pty;
  pty.type("hel");
  CHECK(!Pty::readable(pty.slave, 50));
  pty.type("lo\nworld\n");
  CHECK_STR(pty.line(), "hello\n");  // one line at a time
  CHECK_STR(pty.line(), "world\n");
  CHECK(!Pty::readable(pty.slave));
}

TEST(canonical_short_reads_take_part_of_a_line) {
  QuietPty pty;
  pty.type("abcdef\n");
  char text[8] = {};
  CHECK_EQ(read(pty.slave, text, 4), 4);
  CHECK_STR(text, "abcd");
  memset(text, 0, sizeof text);
  CHECK_EQ(read(pty.slave, text, 8), 3);
  CHECK_STR(text, "ef\n");
}

TEST(carriage_return_becomes_newline) {
  QuietPty pty;
  pty.type("a\r");
  CHECK_STR(pty.line(), "a\n");
  pty.input(0, ICRNL);
  pty.type("b\rc\n");
  CHECK_STR(pty.line(), "b\rc\n");
  pty.input(IGNCR, 0);
  pty.type("d\re\n");
  CHECK_STR(pty.line(), "de\n");
  pty.input(INLCR, IGNCR);
  pty.type("f\n");
  CHECK(!Pty::readable(pty.slave, 50));
}

TEST(erase_kill_and_werase) {
  QuietPty pty;
  pty.type("abc\177\177x\n");
  CHECK_STR(pty.line(), "ax\n");
  pty.type("\177\177\177ab\n");  // nothing to erase
  CHECK_STR(pty.line(), "ab\n");
  pty.type("forget this\025new\n");
  CHECK_STR(pty.line(), "new\n");
  pty.type("one two  three  \027four\n");
  CHECK_STR(pty.line(), "one two  four\n");
  pty.type("one two\027\027\027three\n");
  CHECK_STR(pty.line(), "three\n");
}

TEST(erase_does_not_cross_a_finished_line) {
  QuietPty pty;
  pty.type("first\n\177\177second\n");
  CHECK_STR(pty.line(), "first\n");
  CHECK_STR(pty.line(), "second\n");
}

TEST(end_of_file_character) {
  QuietPty pty;
  pty.type("\004");
  char c;
  CHECK(Pty::readable(pty.slave, 1000));
  CHECK_EQ(read(pty.slave, &c, 1), 0);
  pty.type("partial\004");
  CHECK_STR(pty.line(), "partial");  // without a newline and without ^D
  pty.type("x\n\004");
  CHECK_STR(pty.line(), "x\n");
  CHECK_EQ(read(pty.slave, &c, 1), 0);
  pty.type("more\n");  // end of file is not for ever
  CHECK_STR(pty.line(), "more\n");
}

TEST(extra_line_ends) {
  QuietPty pty;
  termios t = pty.settings();
  t.c_cc[VEOL] = ';';
  t.c_cc[VEOL2] = '!';
  pty.set(t);
  pty.type("one;two!three\n");
  CHECK_STR(pty.line(), "one;");
  CHECK_STR(pty.line(), "two!");
  CHECK_STR(pty.line(), "three\n");
}

TEST(literal_next_quotes) {
  QuietPty pty;
  pty.type("a\026\177b\026\003c\026\004\n");
  CHECK_STR(pty.line(), "a\177b\003c\004\n");
  pty.type("x\026\ny\n");
  CHECK_STR(pty.line(), "x\ny\n");  // a quoted newline does not end the line
}

TEST(editing_characters_can_be_changed_and_disabled) {
  QuietPty pty;
  termios t = pty.settings();
  t.c_cc[VERASE] = '#';
  t.c_cc[VKILL] = '@';
  t.c_cc[VEOF] = 0;  // _POSIX_VDISABLE
  t.c_cc[VWERASE] = 0;
  pty.set(t);
  pty.type("ab#c\n");
  CHECK_STR(pty.line(), "ac\n");
  pty.type("junk@d\n");
  CHECK_STR(pty.line(), "d\n");
  pty.type("e\004\027\177\n");
  CHECK_STR(pty.line(), "e\004\027\177\n");
}

TEST(without_iexten_extensions_are_ordinary) {
  QuietPty pty;
  pty.local(0, IEXTEN);
  pty.type("a b\027c\026d\n");
  CHECK_STR(pty.line(), "a b\027c\026d\n");
  pty.type("xy\177z\n");  // erase is no extension
  CHECK_STR(pty.line(), "xz\n");
}

TEST(signal_characters_are_not_input) {
  QuietPty pty;  // no foreground group: the signal goes nowhere
  pty.type("abc\003def\n");
  CHECK_STR(pty.line(), "def\n");  // and what was typed is flushed
  pty.local(NOFLSH, 0);
  pty.type("abc\003def\n");
  CHECK_STR(pty.line(), "abcdef\n");
  pty.local(0, ISIG);
  pty.type("a\003b\032c\034d\n");
  CHECK_STR(pty.line(), "a\003b\032c\034d\n");
}

TEST(input_case_and_strip_flags) {
  QuietPty pty;
  pty.input(ISTRIP, 0);
  pty.type_bytes("\xe1\xe2\n", 3);
  CHECK_STR(pty.line(), "ab\n");
  pty.input(IUCLC, ISTRIP);
  pty.type("HELLO\n");
  CHECK_STR(pty.line(), "hello\n");
}

TEST(utf8_erase_takes_a_whole_character) {
  QuietPty pty;
  pty.input(IUTF8, 0);
  pty.type("a\xc3\xa4\177b\n");
  CHECK_STR(pty.line(), "ab\n");
  pty.input(0, IUTF8);
  pty.type("a\xc3\xa4\177b\n");
  CHECK_STR(pty.line(),
            "a\xc3"
            "b\n");
}

TEST(line_length_is_limited) {
  QuietPty pty;
    // 4095 characters and the newline fit; more are dropped until the line ends.
  char block[500];
  memset(block, 'x', sizeof block);
  for (int i = 0; i < 9; ++i) pty.type_bytes(block, sizeof block);
  pty.type("\n");
  CHECK(Pty::readable(pty.slave, 2000));
  static char text[8192];
  const ssize_t n = read(pty.slave, text, sizeof text);
  CHECK_EQ(n, 4096);
  CHECK_EQ(text[n - 1], '\n');
}

TEST(fionread_counts_whole_lines) {
  QuietPty pty;
  int n = -1;
  pty.type("abc");
  sleep_ms(20);
  CHECK_OK(ioctl(pty.slave, FIONREAD, &n));
  CHECK_EQ(n, 0);
  pty.type("d\nef\n");
  CHECK(Pty::readable(pty.slave, 1000));
  CHECK_OK(ioctl(pty.slave, FIONREAD, &n));
  CHECK_EQ(n, 8);
  must(write(pty.slave, "xyz", 3));
  CHECK(Pty::readable(pty.master, 1000));
  CHECK_OK(ioctl(pty.master, FIONREAD, &n));
  CHECK_EQ(n, 3);
}

TEST(tcsetsf_flushes_input_and_tcsets_does_not) {
  QuietPty pty;
  pty.type("kept\n");
  CHECK(Pty::readable(pty.slave, 1000));
  termios t = pty.settings();
  CHECK_OK(ioctl(pty.slave, TCSETS, &t));
  CHECK_OK(ioctl(pty.slave, TCSETSW, &t));
  CHECK_STR(pty.line(), "kept\n");
  pty.type("lost\n");
  CHECK(Pty::readable(pty.slave, 1000));
  CHECK_OK(ioctl(pty.slave, TCSETSF, &t));
  CHECK(!Pty::readable(pty.slave, 50));
}

TEST(tcflush_queues) {
  QuietPty pty;
  pty.type("lost\n");
  CHECK(Pty::readable(pty.slave, 1000));
  CHECK_OK(ioctl(pty.slave, TCFLSH, TCIFLUSH));
  CHECK(!Pty::readable(pty.slave, 50));
  CHECK_OK(ioctl(pty.slave, TCFLSH, TCOFLUSH));
  CHECK_OK(ioctl(pty.slave, TCFLSH, TCIOFLUSH));
  CHECK_ERRNO(ioctl(pty.slave, TCFLSH, 9), EINVAL);
  CHECK_OK(ioctl(pty.slave, TCSBRK, 1));  // drain
}

TEST(switching_to_raw_releases_the_unfinished_line) {
  QuietPty pty;
  pty.type("half");
  CHECK(!Pty::readable(pty.slave, 50));
  pty.local(0, ICANON);
  CHECK_STR(pty.line(), "half");
}
