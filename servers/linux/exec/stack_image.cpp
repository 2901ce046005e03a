// SPDX-License-Identifier: MIT
// Building the initial stack (exec/stack_image.h).
#include "servers/linux/exec/stack_image.h"

#include <cstring>

namespace hati::linux {
namespace {

constexpr std::string_view kPlatform("x86_64\0", 7);

void add_pointers(std::vector<u64>& words, const StringList& list, u64 address) {
  const std::string& text = list.text();
  for (usize at = 0, i = 0; i < list.count(); ++i) {
    words.push_back(address + at);
    at = text.find('\0', at) + 1;
  }
  words.push_back(0);
}

}  // namespace

StackImage build_stack(const StackInput& input, u64 top) {
  StackImage image{};
  const std::string& arguments = input.arguments->text();
  const std::string& environment = input.environment->text();
  // From the top: a zero word, the file's name, environment strings, argument strings.
  const u64 name = top - 8 - (input.file_name.size() + 1);
  image.environment_end = name;
  image.environment_start = image.arguments_end = name - environment.size();
  image.arguments_start = image.arguments_end - arguments.size();
  const u64 platform = ((image.arguments_start - input.skew) & ~u64{15}) - 16;
  const u64 random = platform - 16;

  std::vector<u64> words;
  words.push_back(input.arguments->count());
  add_pointers(words, *input.arguments, image.arguments_start);
  add_pointers(words, *input.environment, image.environment_start);
  for (const auto& [type, value] : input.auxiliary) {
    const u64 filled = type == kAuxPlatform ? platform : type == kAuxRandom ? random : type == kAuxExecFilename ? name : value;
    image.auxiliary.push_back(type);
    image.auxiliary.push_back(filled);
  }
  image.auxiliary.push_back(kAuxNull);
  image.auxiliary.push_back(0);
  words.insert(words.end(), image.auxiliary.begin(), image.auxiliary.end());

  image.pointer = (random - words.size() * sizeof(u64)) & ~u64{15};
  image.bytes.resize(top - image.pointer);
  const auto put = [&](u64 address, const void* from, usize bytes) {
    if (bytes > 0) std::memcpy(image.bytes.data() + (address - image.pointer), from, bytes);
  };
  put(image.pointer, words.data(), words.size() * sizeof(u64));
  put(random, input.random.data(), input.random.size());
  put(platform, kPlatform.data(), kPlatform.size());
  put(image.arguments_start, arguments.data(), arguments.size());
  put(image.environment_start, environment.data(), environment.size());
  put(name, input.file_name.c_str(), input.file_name.size() + 1);
  return image;
}

}  // namespace hati::linux
