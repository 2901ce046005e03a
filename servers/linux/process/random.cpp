// SPDX-License-Identifier: MIT
// The generator behind getrandom(2), /dev/urandom and ASLR. Each request takes its output from a ChaCha20 stream (RFC 8439) whose first 32 bytes
// replace the key, so that a later leak tells nothing about earlier output. The key is mixed with fresh kernel entropy every kRekeyBytes.
#include "servers/linux/process/random.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "runtime/call.h"
#include "runtime/spinlock.h"

namespace hati::linux {
namespace {

constexpr u64 kRekeyBytes = 1 << 20;

using Key = std::array<u32, 8>;
using Block = std::array<u32, 16>;

void quarter(Block& s, int a, int b, int c, int d) {
  s[a] += s[b]; s[d] = std::rotl(s[d] ^ s[a], 16);
  s[c] += s[d]; s[b] = std::rotl(s[b] ^ s[c], 12);
  s[a] += s[b]; s[d] = std::rotl(s[d] ^ s[a], 8);
  s[c] += s[d]; s[b] = std::rotl(s[b] ^ s[c], 7);
}

Block chacha20(const Key& key, u64 counter, u64 nonce) {
  const Block input{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7],
                    static_cast<u32>(counter), static_cast<u32>(counter >> 32), static_cast<u32>(nonce), static_cast<u32>(nonce >> 32)};
  Block s = input;
  for (int round = 0; round < 10; ++round) {
    quarter(s, 0, 4, 8, 12); quarter(s, 1, 5, 9, 13); quarter(s, 2, 6, 10, 14); quarter(s, 3, 7, 11, 15);
    quarter(s, 0, 5, 10, 15); quarter(s, 1, 6, 11, 12); quarter(s, 2, 7, 8, 13); quarter(s, 3, 4, 9, 14);
  }
  for (usize i = 0; i < s.size(); ++i) s[i] += input[i];
  return s;
}

struct State {
  SpinLock lock;
  Key key HATI_GUARDED_BY(lock) = {};
  u64 left HATI_GUARDED_BY(lock) = 0;  // bytes until fresh entropy is mixed in
  u64 nonce HATI_GUARDED_BY(lock) = 0;
};
State state;

void mix_kernel_entropy() HATI_REQUIRES(state.lock) {
  u32 fresh[8] = {};
  (void)call::entropy({reinterpret_cast<u8*>(fresh), sizeof fresh});
  for (usize i = 0; i < state.key.size(); ++i) state.key[i] ^= fresh[i];
  state.left = kRekeyBytes;
}

// A key for one request; the shared key moves on.
Key take_key(u64 bytes) {
  SpinGuard guard(state.lock);
  if (state.left < bytes) mix_kernel_entropy();
  state.left -= std::min(state.left, bytes);
  const Block block = chacha20(state.key, 0, ++state.nonce);
  Key result;
  std::copy_n(block.begin(), 8, state.key.begin());
  std::copy_n(block.begin() + 8, 8, result.begin());
  return result;
}

}  // namespace

void fill_random(std::span<u8> buffer) {
  const Key key = take_key(buffer.size());
  for (u64 counter = 0; !buffer.empty(); ++counter) {
    const Block block = chacha20(key, counter, 0);
    const usize part = std::min(buffer.size(), sizeof block);
    std::memcpy(buffer.data(), block.data(), part);
    buffer = buffer.subspan(part);
  }
}

u64 random_u64() {
  u64 value;
  fill_random({reinterpret_cast<u8*>(&value), sizeof value});
  return value;
}

void add_entropy(std::span<const u8> bytes) {
  SpinGuard guard(state.lock);
  for (usize i = 0; i < bytes.size(); ++i) state.key[i / 4 % 8] ^= u32{bytes[i]} << (i % 4 * 8);
  const Block block = chacha20(state.key, 0, ++state.nonce);
  std::copy_n(block.begin(), 8, state.key.begin());
}

}  // namespace hati::linux
