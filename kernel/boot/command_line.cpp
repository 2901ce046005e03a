// SPDX-License-Identifier: MIT
#include "kernel/boot/command_line.h"

#include <optional>

namespace hati {
namespace {

std::optional<i64> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 9) return std::nullopt;
  i64 value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

// The next word; quotes keep blanks inside (`a="b c"`), as Linux does. Advances `text`.
std::string_view next_word(std::string_view& text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const usize start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return text = {};
  text.remove_prefix(start);
  usize end = 0;
  for (bool quoted = false; end < text.size() && (quoted || kBlanks.find(text[end]) == std::string_view::npos); ++end)
    if (text[end] == '"') quoted = !quoted;
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

bool apply(CommandLine& line, std::string_view name, std::string_view value, bool has_value) {
  if (name == "quiet" && !has_value) return line.quiet = true;
  if (name == "console") {
    line.console_given = true;
    if (value == "ttyS0" || value.starts_with("ttyS0,")) line.console_serial = true;
    return !value.empty();
  }
  if (name == "panic" || name == "maxcpus") {
    const std::optional<i64> number = parse_integer(value);
    if (!number || (name == "maxcpus" && *number < 0)) return false;
    if (name == "panic")
      line.panic_seconds = static_cast<i32>(*number);
    else
      line.cpus_max = *number == 0 ? 1 : static_cast<u32>(*number);
    return true;
  }
  if (name == "hati.linux") {
    if (value == "auto") return line.linux_server = ServerPlacement::kAuto, true;
    if (value == "separate") return line.linux_server = ServerPlacement::kSeparate, true;
    if (value == "attached") return line.linux_server = ServerPlacement::kAttached, true;
    return false;
  }
  return true;
}

}  // namespace

CommandLine CommandLine::parse(std::string_view text) {
  CommandLine line;
  for (std::string_view word = next_word(text); !word.empty(); word = next_word(text)) {
    if (word == "--") break;  // the rest is for init
    const usize equals = word.find('=');
    const bool has_value = equals != std::string_view::npos;
    std::string_view value = has_value ? word.substr(equals + 1) : std::string_view{};
    if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) value = value.substr(1, value.size() - 2);
    if (!apply(line, word.substr(0, equals), value, has_value) && line.bad.empty()) line.bad = word;
  }
  return line;
}

}  // namespace hati
