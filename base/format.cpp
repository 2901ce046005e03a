// SPDX-License-Identifier: MIT
// The formatter behind format_to(): walks a checked format string and prints each argument.
#include "base/format.h"

namespace hati {
namespace {

struct Specification {
  bool alternate = false;  // 0x in front
  bool zeros = false;
  bool left = false;
  bool right = false;
  bool hex = false;
  u32 width = 0;
};

Specification parse(std::string_view text) {
  Specification result;
  usize i = 0;
  if (i < text.size() && (text[i] == '<' || text[i] == '>')) (text[i++] == '<' ? result.left : result.right) = true;
  if (i < text.size() && text[i] == '#') result.alternate = true, ++i;
  if (i < text.size() && text[i] == '0') result.zeros = true, ++i;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) result.width = result.width * 10 + static_cast<u32>(text[i] - '0');
  if (i < text.size() && (text[i] == 'x' || text[i] == 'p')) {
    result.hex = true;
    if (text[i] == 'p') result.alternate = true;
  }
  return result;
}

void pad(TextSink& sink, char fill, usize count) {
  constexpr std::string_view kSpaces = "                ", kZeros = "0000000000000000";
  const std::string_view source = fill == '0' ? kZeros : kSpaces;
  for (; count > source.size(); count -= source.size()) sink.write(source);
  sink.write(source.substr(0, count));
}

void put_text(TextSink& sink, std::string_view text, const Specification& spec) {
  const usize missing = spec.width > text.size() ? spec.width - text.size() : 0;
  if (spec.right) pad(sink, ' ', missing);
  sink.write(text);
  if (!spec.right) pad(sink, ' ', missing);
}

void put_number(TextSink& sink, u64 magnitude, bool negative, const Specification& spec) {
  char digits[24];
  usize start = sizeof(digits);
  const u64 base = spec.hex ? 16 : 10;
  do {
    digits[--start] = "0123456789abcdef"[magnitude % base];
    magnitude /= base;
  } while (magnitude != 0);
  const std::string_view number(digits + start, sizeof(digits) - start);
  const std::string_view prefix = negative ? "-" : spec.alternate ? "0x" : "";
  const usize size = number.size() + prefix.size();
  const usize missing = spec.width > size ? spec.width - size : 0;
  if (!spec.zeros && !spec.left) pad(sink, ' ', missing);
  sink.write(prefix);
  if (spec.zeros) pad(sink, '0', missing);
  sink.write(number);
  if (spec.left) pad(sink, ' ', missing);
}

void put_argument(TextSink& sink, const FormatArgument& argument, Specification spec) {
  switch (argument.kind) {
    case FormatArgument::Kind::kText: return put_text(sink, argument.text, spec);
    case FormatArgument::Kind::kBool: return put_text(sink, argument.number != 0 ? "true" : "false", spec);
    case FormatArgument::Kind::kCharacter: {
      const char character = static_cast<char>(argument.number);
      return put_text(sink, {&character, 1}, spec);
    }
    case FormatArgument::Kind::kPointer: spec.hex = spec.alternate = true; [[fallthrough]];
    case FormatArgument::Kind::kUnsigned: return put_number(sink, argument.number, false, spec);
    case FormatArgument::Kind::kSigned: {
      const bool negative = static_cast<i64>(argument.number) < 0 && !spec.hex;
      return put_number(sink, negative ? u64{0} - argument.number : argument.number, negative, spec);
    }
  }
}

}  // namespace

void format_arguments(TextSink& sink, std::string_view format, std::span<const FormatArgument> arguments) {
  usize next = 0;
  while (!format.empty()) {
    const usize brace = format.find_first_of("{}");
    sink.write(format.substr(0, brace));
    if (brace == std::string_view::npos) return;
    const char which = format[brace];
    format.remove_prefix(brace + 1);
    if (!format.empty() && format[0] == which) {  // {{ or }}
      sink.write(format.substr(0, 1));
      format.remove_prefix(1);
      continue;
    }
    const usize end = format.find('}');
    if (end == std::string_view::npos) return;
    std::string_view inside = format.substr(0, end);
    format.remove_prefix(end + 1);
    if (!inside.empty()) inside.remove_prefix(1);
    if (next < arguments.size())
      put_argument(sink, arguments[next++], parse(inside));
    else
      sink.write("{?}");
  }
}

}  // namespace hati
