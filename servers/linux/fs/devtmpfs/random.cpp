// SPDX-License-Identifier: MIT
#include "servers/linux/fs/devtmpfs/random.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "runtime/call.h"
#include "runtime/spinlock.h"

namespace hati::linux {

namespace {

constexpr u64 kReseedBytes = 1 << 20;

struct Generator {
  SpinLock lock;
  std::array<u32, 8> key HATI_GUARDED_BY(lock) = {};
  u64 left HATI_GUARDED_BY(lock) = 0;  // bytes until the next reseed
};
Generator generator;

void quarter(std::array<u32, 16>& x, int a, int b, int c, int d) {
  x[a] += x[b], x[d] = std::rotl(x[d] ^ x[a], 16);
  x[c] += x[d], x[b] = std::rotl(x[b] ^ x[c], 12);
  x[a] += x[b], x[d] = std::rotl(x[d] ^ x[a], 8);
  x[c] += x[d], x[b] = std::rotl(x[b] ^ x[c], 7);
}

std::array<u32, 16> chacha_block(const std::array<u32, 8>& key, u64 counter) {
  std::array<u32, 16> start = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  std::copy(key.begin(), key.end(), start.begin() + 4);
  start[12] = static_cast<u32>(counter);
  start[13] = static_cast<u32>(counter >> 32);
  std::array<u32, 16> x = start;
  for (int round = 0; round < 10; ++round) {
    quarter(x, 0, 4, 8, 12), quarter(x, 1, 5, 9, 13), quarter(x, 2, 6, 10, 14), quarter(x, 3, 7, 11, 15);
    quarter(x, 0, 5, 10, 15), quarter(x, 1, 6, 11, 12), quarter(x, 2, 7, 8, 13), quarter(x, 3, 4, 9, 14);
  }
  for (usize i = 0; i < x.size(); ++i) x[i] += start[i];
  return x;
}

// A key for one request; the generator's own key is replaced, so that earlier output cannot be computed from it.
std::array<u32, 8> take_key(usize bytes) {
  SpinGuard guard(generator.lock);
  if (generator.left < bytes) {
    std::array<u8, 32> seed{};
    (void)call::entropy(seed);
    for (usize i = 0; i < 8; ++i) {
      u32 word;
      std::memcpy(&word, seed.data() + 4 * i, 4);
      generator.key[i] ^= word;
    }
    generator.left = kReseedBytes + bytes;
  }
  generator.left -= bytes;
  const std::array<u32, 16> block = chacha_block(generator.key, 0);
  std::copy(block.begin(), block.begin() + 8, generator.key.begin());
  std::array<u32, 8> key;
  std::copy(block.begin() + 8, block.end(), key.begin());
  return key;
}

}  // namespace

void random_bytes(std::span<u8> to) {
  const std::array<u32, 8> key = take_key(to.size());
  for (u64 counter = 0; !to.empty(); ++counter) {
    const std::array<u32, 16> block = chacha_block(key, counter);
    const usize piece = std::min(to.size(), sizeof block);
    std::memcpy(to.data(), block.data(), piece);
    to = to.subspan(piece);
  }
}

void mix_random(std::span<const u8> from) {
  SpinGuard guard(generator.lock);
  while (!from.empty()) {
    std::array<u8, 32> piece{};
    const usize bytes = std::min(from.size(), piece.size());
    std::memcpy(piece.data(), from.data(), bytes);
    for (usize i = 0; i < 8; ++i) {
      u32 word;
      std::memcpy(&word, piece.data() + 4 * i, 4);
      generator.key[i] ^= word;
    }
    const std::array<u32, 16> block = chacha_block(generator.key, 1);
    std::copy(block.begin(), block.begin() + 8, generator.key.begin());
    from = from.subspan(bytes);
  }
}

}  // namespace hati::linux
