// SPDX-License-Identifier: MIT
// Starting a native process from an ELF image (static PIE): address space, segments at kServerBase, a stack as abi/startup.h
// describes, the handles it is given. Used by init. The image is not trusted.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/handle.h"

namespace hati {

struct GivenHandle {
  std::string name;  // at most 27 bytes
  Handle handle;     // the caller's; needs kTransfer; stays the caller's
  Rights rights;
};

struct LoadRequest {
  std::span<const std::byte> image;
  std::vector<std::string> arguments;    // argv; [0] is the process's name in the log
  std::vector<std::string> environment;
  std::vector<GivenHandle> handles;
  SpaceFlags flags = SpaceFlags::kNone;  // kAttached
  u32 priority = kPriorityServer;
  u64 stack_bytes = 256 * 1024;
};

struct LoadedProcess {
  Space space;
  ThreadHandle thread;
  u64 load_base;  // where the image's address 0 is
};

// The process exists and runs. On failure nothing is left. kBadData: not an image we can start.
Result<LoadedProcess> start_process(const LoadRequest& request);

}  // namespace hati
