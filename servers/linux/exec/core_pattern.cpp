// SPDX-License-Identifier: MIT
// Names of core files (core(5), "Naming of core dump files").
#include <algorithm>

#include "servers/linux/exec/core_dump.h"

namespace hati::linux {
namespace {

constexpr usize kPatternMax = 127;

struct Settings {
  SpinLock lock;
  std::string pattern HATI_GUARDED_BY(lock) = "core";
  std::atomic<bool> uses_pid{false};
};
Settings& settings() {
  static Settings instance;
  return instance;
}

// A name is one component, whatever its owner called it.
std::string component(std::string text) {
  std::ranges::replace(text, '/', '!');
  if (text == "." || text == "..") text[0] = '!';
  return text;
}

std::string path_component(std::string text) {
  std::ranges::replace(text, '/', '!');
  return text;
}

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

// The text of one % word; none for a letter that means nothing.
std::string word(char letter, const CoreFacts& facts) {
  switch (letter) {
    case '%': return "%";
    case 'p':
    case 'P': return std::to_string(facts.pid);
    case 'i':
    case 'I': return std::to_string(facts.tid);
    case 'u': return std::to_string(facts.uid);
    case 'g': return std::to_string(facts.gid);
    case 'd': return "1";
    case 's': return std::to_string(facts.signal);
    case 't': return std::to_string(facts.time_s);
    case 'c': return std::to_string(facts.limit);
    case 'h': return component(facts.host);
    case 'e': return component(facts.comm);
    case 'f': return component(base_name(facts.exe));
    case 'E': return path_component(facts.exe);
    default: return {};
  }
}

}  // namespace

std::string expand_core_pattern(std::string_view pattern, const CoreFacts& facts, bool uses_pid) {
  std::string name;
  bool has_pid = false;
  for (usize i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      name.push_back(pattern[i]);
    } else if (++i < pattern.size()) {
      has_pid = has_pid || pattern[i] == 'p';
      name += word(pattern[i], facts);
    }
  }
  if (uses_pid && !has_pid) name += "." + std::to_string(facts.pid);
  return name;
}

std::string core_pattern() {
  SpinGuard guard(settings().lock);
  return settings().pattern;
}

void set_core_pattern(std::string_view pattern) {
  std::string fresh(pattern.substr(0, kPatternMax));
  SpinGuard guard(settings().lock);
  std::swap(settings().pattern, fresh);
}

bool core_uses_pid() { return settings().uses_pid.load(std::memory_order_relaxed); }
void set_core_uses_pid(bool value) { settings().uses_pid.store(value, std::memory_order_relaxed); }

}  // namespace hati::linux
