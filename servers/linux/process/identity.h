// SPDX-License-Identifier: MIT
// Rules on changes of ids and capabilities that exec and the calls share (capabilities(7)).
#pragma once

#include "servers/linux/process/credentials.h"

namespace hati::linux {

enum SecureBits : u32 {
  kSecureNoRoot = 1 << 0, kSecureNoSetuidFixup = 1 << 2, kSecureKeepCaps = 1 << 4, kSecureNoCapAmbientRaise = 1 << 6,
};

// What a change of user ids does to the capabilities.
void adjust_capabilities(Credentials& fresh, const Credentials& old);
// What execve does to them; `set_id`: the file's set-user-ID root took effect.
void capabilities_after_exec(Credentials& fresh, bool set_id);

}  // namespace hati::linux
