// SPDX-License-Identifier: MIT
// The kernel's command line (core/boot.h).
#include <algorithm>
#include <array>

#include "servers/linux/core/boot.h"

namespace hati::linux {
namespace {

// Words with these names are the kernel's own, whether or not anything here looks at them.
constexpr std::array<std::string_view, 26> kKernelNames = {
    "console", "quiet", "debug", "loglevel", "ignore_loglevel", "panic", "maxcpus", "nr_cpus", "nosmp", "mem", "root", "rootfstype", "rootflags", "rootwait",
    "rootdelay", "ro", "rw", "init", "rdinit", "initrd", "noinitrd", "earlyprintk", "reboot", "nokaslr", "mitigations", "BOOT_IMAGE"};

// Blank-separated words; double quotes keep blanks and are dropped.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, any = false;
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (!quoted && (c == ' ' || c == '\t' || c == '\n')) {
      if (any) words.push_back(std::exchange(word, {}));
      any = false;
    } else {
      word.push_back(c);
      any = true;
    }
  }
  if (any) words.push_back(word);
  return words;
}

void set_environment(std::vector<std::string>& environment, const std::string& word) {
  const std::string_view name = std::string_view(word).substr(0, word.find('=') + 1);
  const auto same = std::find_if(environment.begin(), environment.end(), [&](const std::string& other) { return other.starts_with(name); });
  if (same != environment.end()) {
    *same = word;
  } else {
    environment.push_back(word);
  }
}

bool take_known(CommandLine& line, std::string_view name, std::string_view value) {
  if (name == "init") line.init = value;
  if (name == "rdinit") line.initramfs_init = value;
  if (name == "root") line.root = value;
  if (name == "rootfstype") line.root_type = value;
  if (name == "ro") line.root_read_only = true;
  if (name == "rw") line.root_read_only = false;
  if (name == "hati.strace") line.trace_calls = true;
  // Names with a dot are parameters of modules, Linux's and ours.
  return name.find('.') != std::string_view::npos || std::find(kKernelNames.begin(), kKernelNames.end(), name) != kKernelNames.end();
}

}  // namespace

CommandLine parse_command_line(std::string_view text) {
  CommandLine line;
  line.environment = {"HOME=/", "TERM=linux"};
  bool for_init = false;
  for (const std::string& word : split(text)) {
    const usize equals = word.find('=');
    const std::string_view name = std::string_view(word).substr(0, equals);
    const std::string_view value = equals == std::string::npos ? std::string_view() : std::string_view(word).substr(equals + 1);
    if (for_init) {
      line.arguments.push_back(word);
    } else if (word == "--") {
      for_init = true;
    } else if (take_known(line, name, value)) {
      // init= also drops the arguments collected before it, as Linux has it for boot loaders' leftovers.
      if (name == "init" || name == "rdinit") line.arguments.clear();
    } else if (equals != std::string::npos) {
      set_environment(line.environment, word);
    } else {
      line.arguments.push_back(word);
    }
  }
  return line;
}

}  // namespace hati::linux
