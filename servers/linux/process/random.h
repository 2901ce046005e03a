// SPDX-License-Identifier: MIT
// Random numbers for programs and for address space randomisation: ChaCha20 with fast key erasure, keyed from the kernel's entropy.
#pragma once

#include <span>

#include "base/types.h"

namespace hati::linux {

// Cryptographically strong bytes. Any thread; does not wait.
void fill_random(std::span<u8> buffer);
u64 random_u64();
// Mixes bytes that a program offers into the key (write to /dev/urandom).
void add_entropy(std::span<const u8> bytes);

}  // namespace hati::linux
