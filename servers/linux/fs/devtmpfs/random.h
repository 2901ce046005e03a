// SPDX-License-Identifier: MIT
// Random bytes for /dev/random and /dev/urandom: ChaCha20 (RFC 8439) in fast-key-erasure form, seeded and from time to time reseeded by the kernel.
#pragma once

#include <span>

#include "base/types.h"

namespace hati::linux {

void random_bytes(std::span<u8> to);
// What a program wrote to the device: stirred in, never trusted.
void mix_random(std::span<const u8> from);

}  // namespace hati::linux
