// SPDX-License-Identifier: MIT
// A small type-safe formatter for kernel and servers: no allocation, no floating point, no locale.
// Format strings are checked while compiling. Placeholders: {} {:x} {:#x} {:p} with optional fill 0 and width ({:04x}, {:>8}, {:<8}), {{ and }}.
// Arguments: integers, bool, char, pointers, enums (as numbers), text, PhysAddr.
#pragma once

#include <array>
#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/types.h"

namespace hati {

// Where formatted text goes. Implementations never fail: they drop what does not fit.
class TextSink {
 public:
  virtual void write(std::string_view text) = 0;

 protected:
  ~TextSink() = default;
};

// Text in a buffer of fixed size; what does not fit is dropped and remembered in truncated().
template <usize kCapacity>
class TextBuffer final : public TextSink {
 public:
  void write(std::string_view text) override {
    for (char c : text) {
      if (size_ == kCapacity) {
        truncated_ = true;
        return;
      }
      data_[size_++] = c;
    }
  }
  std::string_view view() const { return {data_.data(), size_}; }
  bool truncated() const { return truncated_; }
  void clear() {
    size_ = 0;
    truncated_ = false;
  }

 private:
  std::array<char, kCapacity> data_;
  usize size_ = 0;
  bool truncated_ = false;
};

struct FormatArgument {
  enum class Kind : u8 { kUnsigned, kSigned, kBool, kCharacter, kPointer, kText };
  Kind kind;
  u64 number = 0;  // kSigned: the bits of an i64
  std::string_view text;
};

namespace format_detail {

template <class T>
concept Textual = std::convertible_to<T, std::string_view>;

template <class T>
constexpr FormatArgument make_argument(const T& value) {
  using Kind = FormatArgument::Kind;
  if constexpr (std::same_as<T, bool>) {
    return {Kind::kBool, value, {}};
  } else if constexpr (std::same_as<T, char>) {
    return {Kind::kCharacter, static_cast<u8>(value), {}};
  } else if constexpr (Textual<T>) {
    if constexpr (std::is_pointer_v<T>)
      return {Kind::kText, 0, value == nullptr ? std::string_view("(null)") : std::string_view(value)};
    else
      return {Kind::kText, 0, std::string_view(value)};
  } else if constexpr (std::is_enum_v<T>) {
    return {Kind::kUnsigned, static_cast<u64>(value), {}};
  } else if constexpr (std::signed_integral<T>) {
    return {Kind::kSigned, static_cast<u64>(static_cast<i64>(value)), {}};
  } else if constexpr (std::unsigned_integral<T>) {
    return {Kind::kUnsigned, value, {}};
  } else if constexpr (std::is_pointer_v<T>) {
    return {Kind::kPointer, reinterpret_cast<u64>(value), {}};
  } else if constexpr (std::is_null_pointer_v<T>) {
    return {Kind::kPointer, 0, {}};
  } else {
    static_assert(std::same_as<T, PhysAddr>, "this type cannot be formatted");
    return {Kind::kPointer, value.value, {}};
  }
}

// Not constexpr on purpose: reaching it while compiling is the error message.
void bad_format_string(const char* why);

consteval void check_specification(std::string_view text) {
  usize i = 0;
  if (i < text.size() && (text[i] == '<' || text[i] == '>')) ++i;
  if (i < text.size() && text[i] == '#') ++i;
  while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
  if (i < text.size() && (text[i] == 'x' || text[i] == 'd' || text[i] == 'p')) ++i;
  if (i != text.size()) bad_format_string("unknown format specification");
}

consteval usize count_placeholders(std::string_view text) {
  usize count = 0;
  for (usize i = 0; i < text.size(); ++i) {
    if (text[i] == '}') {
      if (i + 1 >= text.size() || text[i + 1] != '}') bad_format_string("unmatched }");
      ++i;
    } else if (text[i] == '{') {
      if (i + 1 < text.size() && text[i + 1] == '{') {
        ++i;
        continue;
      }
      const usize end = text.find('}', i);
      if (end == std::string_view::npos) bad_format_string("unmatched {");
      const std::string_view inside = text.substr(i + 1, end - i - 1);
      if (!inside.empty()) {
        if (inside[0] != ':') bad_format_string("expected : after {");
        check_specification(inside.substr(1));
      }
      ++count;
      i = end;
    }
  }
  return count;
}

}  // namespace format_detail

// A format string whose placeholders match the arguments, checked by the compiler.
template <class... Args>
struct CheckedFormat {
  template <class Text>
    requires std::convertible_to<const Text&, std::string_view>
  consteval CheckedFormat(const Text& literal) : text(literal) {
    if (format_detail::count_placeholders(text) != sizeof...(Args)) format_detail::bad_format_string("number of arguments differs");
  }
  std::string_view text;
};
template <class... Args>
using FormatString = CheckedFormat<std::type_identity_t<Args>...>;

// The formatter behind the templates. `format` is well formed; missing arguments print as {?}.
void format_arguments(TextSink& sink, std::string_view format, std::span<const FormatArgument> arguments);

template <class... Args>
void format_to(TextSink& sink, FormatString<Args...> format, const Args&... args) {
  const std::array<FormatArgument, sizeof...(Args)> list{format_detail::make_argument<std::decay_t<const Args&>>(args)...};
  format_arguments(sink, format.text, std::span<const FormatArgument>(list.data(), list.size()));
}

}  // namespace hati
