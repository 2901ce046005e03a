// SPDX-License-Identifier: MIT
// What a terminal shows: echo of input in its variants, and processing of output.
#include "tty.h"

#define FAMILY "tty"

TEST(echo_shows_what_is_typed) {
  Pty pty;
  pty.type("ab\n");
  CHECK_STR(pty.screen(), "ab\r\n");
  pty.local(0, ECHO);
  pty.type("cd\n");
  CHECK(!Pty::readable(pty.master, 60));
}

TEST(echo_of_carriage_return_is_a_newline) {
  Pty pty;
  pty.type("x\r");
  CHECK_STR(pty.screen(), "x\r\n");
}

TEST(echo_of_control_characters) {
  Pty pty;
  pty.type("\001\033\t\n");
  CHECK_STR(pty.screen(), "^A^[\t\r\n");
  pty.local(0, ECHOCTL);
  pty.type("\001\n");
  CHECK_STR(pty.screen(), "\001\r\n");
  pty.local(ECHOCTL, ISIG);
  pty.type("\003\n");
  CHECK_STR(pty.screen(), "^C\r\n");
}

TEST(echo_of_signal_characters) {
  Pty pty;
  pty.type("\003");
  CHECK_STR(pty.screen(), "^C");
  pty.type("\034");
  CHECK_STR(pty.screen(), "^\\");
  pty.type("\032");
  CHECK_STR(pty.screen(), "^Z");
}

TEST(echo_of_erase) {
  Pty pty;
  pty.type("ab\177");
  CHECK_STR(pty.screen(), "ab\b \b");
  pty.type("\177\177\177");
  CHECK_STR(pty.screen(), "\b \b");  // only one character was left
  pty.local(0, ECHOE);
  pty.type("a\177");
  CHECK_STR(pty.screen(), "a^?");  // the erase character itself
}

TEST(echo_erases_both_columns_of_a_control_character) {
  Pty pty;
  pty.type("\001\177");
  CHECK_STR(pty.screen(), "^A\b \b\b \b");
}

TEST(echo_erases_a_tab_to_its_column) {
  Pty pty;
  pty.type("ab\t\177");
  CHECK_STR(pty.screen(), "ab\t\b\b\b\b\b\b");
}

TEST(echo_of_kill) {
  Pty pty;
  pty.type("abc\025");
  CHECK_STR(pty.screen(), "abc\b \b\b \b\b \b");
  pty.local(0, ECHOKE);
  pty.type("abc\025");
  CHECK_STR(pty.screen(), "abc^U\r\n");
  pty.local(0, ECHOK);
  pty.type("abc\025");
  CHECK_STR(pty.screen(), "abc^U");
}

TEST(echo_of_word_erase) {
  Pty pty;
  pty.type("ab cd\027");
  CHECK_STR(pty.screen(), "ab cd\b \b\b \b");
}

TEST(echo_of_newline_alone) {
  Pty pty;
  pty.local(ECHONL, ECHO);
  pty.type("ab\n");
  CHECK_STR(pty.screen(), "\r\n");
}

TEST(echo_of_end_of_file_is_nothing) {
  Pty pty;
  pty.type("ab\004");
  CHECK_STR(pty.screen(), "ab");
}

TEST(echo_of_literal_next) {
  Pty pty;
  pty.type("\026");
  CHECK_STR(pty.screen(), "^\b");
  pty.type("\003");
  CHECK_STR(pty.screen(), "^C");
}

TEST(reprint_shows_the_line_again) {
  Pty pty;
  pty.type("ab\022");
  CHECK_STR(pty.screen(), "ab^R\r\nab");
}

TEST(output_newline_becomes_two) {
  Pty pty;
  must(write(pty.slave, "a\nb\n", 4));
  CHECK_STR(pty.screen(), "a\r\nb\r\n");
  pty.output(0, ONLCR);
  must(write(pty.slave, "a\nb", 3));
  CHECK_STR(pty.screen(), "a\nb");
  pty.output(ONLCR, OPOST);  // without OPOST nothing is done
  must(write(pty.slave, "a\nb", 3));
  CHECK_STR(pty.screen(), "a\nb");
}

TEST(output_other_flags) {
  Pty pty;
  pty.output(OCRNL, ONLCR);
  must(write(pty.slave, "a\rb", 3));
  CHECK_STR(pty.screen(), "a\nb");
  pty.output(OLCUC, OCRNL);
  must(write(pty.slave, "Hello", 5));
  CHECK_STR(pty.screen(), "HELLO");
  pty.output(ONOCR, OLCUC);
  must(write(pty.slave, "\n\rx\r", 4));
  CHECK_STR(pty.screen(), "\n\rx\r");  // ONLRET is off: the column is not 0 after a newline
}

TEST(output_tabs_expand) {
  Pty pty;
  pty.output(XTABS, 0);
  must(write(pty.slave, "ab\tc\t\n", 6));
  CHECK_STR(pty.screen(), "ab      c       \r\n");
}

TEST(output_stops_and_starts) {
  Pty pty;
  pty.type("\023");  // ^S
  sleep_ms(30);
  const pid_t pid = spawn([&] { must(write(pty.slave, "held", 4)); });
  CHECK(!Pty::readable(pty.master, 100));
  pty.type("\021");  // ^Q
  CHECK_STR(pty.screen(), "held");
  CHECK_CHILD_OK(pid);
  CHECK_OK(ioctl(pty.slave, TCXONC, TCOOFF));
  const pid_t second = spawn([&] { must(write(pty.slave, "more", 4)); });
  CHECK(!Pty::readable(pty.master, 100));
  CHECK_OK(ioctl(pty.slave, TCXONC, TCOON));
  CHECK_STR(pty.screen(), "more");
  CHECK_CHILD_OK(second);
  CHECK_ERRNO(ioctl(pty.slave, TCXONC, 9), EINVAL);
}

TEST(output_in_raw_mode_is_untouched) {
  Pty pty;
  pty.raw(1, 0);
  char all[256];
  for (int i = 0; i < 256; ++i) all[i] = static_cast<char>(i);
  must(write(pty.slave, all, 256));
  char back[256] = {};
  size_t used = 0;
  while (used < 256 && Pty::readable(pty.master, 1000)) used += static_cast<size_t>(must(read(pty.master, back + used, 256 - used)));
  CHECK_EQ(used, 256);
  CHECK(memcmp(all, back, 256) == 0);
}
