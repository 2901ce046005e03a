// SPDX-License-Identifier: MIT
// The words of the kernel command line that the kernel itself understands, with Linux's names and meanings. All others are for user
// space, which gets the whole text. Malformed values are reported by the caller through `bad`.
#pragma once

#include <string_view>

#include "base/types.h"

namespace hati {

enum class ServerPlacement : u8 { kAuto, kSeparate, kAttached };

struct CommandLine {
  bool quiet = false;
  bool console_serial = false;    // console=ttyS0[,...] was given
  bool console_given = false;
  i32 panic_seconds = 0;          // panic=: 0 wait for ever, > 0 reboot after, < 0 reboot at once
  u32 cpus_max = ~u32{0};         // maxcpus=; 0 means 1
  ServerPlacement linux_server = ServerPlacement::kAuto;  // hati.linux=
  std::string_view bad;           // the first word whose value was not understood

  static CommandLine parse(std::string_view text);
};

}  // namespace hati
