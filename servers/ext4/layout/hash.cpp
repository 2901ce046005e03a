// SPDX-License-Identifier: MIT
#include "servers/ext4/layout/hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hati::ext4 {

namespace {

constexpr u32 kEndOfFile = 0x7fffffff;  // a hash that no name has: it stands for the end of a directory

// The value of a character: legacy images were made with either signedness.
i32 character(char c, bool is_signed) { return is_signed ? static_cast<i32>(static_cast<i8>(c)) : static_cast<i32>(static_cast<u8>(c)); }

// `count` words from the name; what is missing is filled with its length.
void fill(std::string_view name, u32* words, u32 count, bool is_signed) {
  const u32 length = static_cast<u32>(name.size());
  u32 padding = length | length << 8;
  padding |= padding << 16;
  u32 value = padding;
  const u32 used = std::min<u32>(length, count * 4);
  u32 done = 0;
  for (u32 i = 0; i < used; ++i) {
    value = static_cast<u32>(character(name[i], is_signed)) + (value << 8);
    if (i % 4 == 3) {
      words[done++] = value;
      value = padding;
    }
  }
  if (done < count) words[done++] = value;
  while (done < count) words[done++] = padding;
}

u32 legacy(std::string_view name, bool is_signed) {
  u32 hash0 = 0x12a3fe2d, hash1 = 0x37abe8f9;
  for (const char c : name) {
    u32 hash = hash1 + (hash0 ^ static_cast<u32>(character(c, is_signed) * 7152373));
    if ((hash & 0x80000000) != 0) hash -= 0x7fffffff;
    hash1 = hash0;
    hash0 = hash;
  }
  return hash0 << 1;
}

void tea(u32 (&state)[4], const u32* in) {
  u32 sum = 0, b0 = state[0], b1 = state[1];
  for (int round = 0; round < 16; ++round) {
    sum += 0x9e3779b9;
    b0 += ((b1 << 4) + in[0]) ^ (b1 + sum) ^ ((b1 >> 5) + in[1]);
    b1 += ((b0 << 4) + in[2]) ^ (b0 + sum) ^ ((b0 >> 5) + in[3]);
  }
  state[0] += b0;
  state[1] += b1;
}

void half_md4(u32 (&state)[4], const u32* in) {
  u32 v[4] = {state[0], state[1], state[2], state[3]};
  const auto f = [](u32 x, u32 y, u32 z) { return z ^ (x & (y ^ z)); };
  const auto g = [](u32 x, u32 y, u32 z) { return (x & y) + ((x ^ y) & z); };
  const auto h = [](u32 x, u32 y, u32 z) { return x ^ y ^ z; };
  static constexpr u8 kOrder[3][8] = {{0, 1, 2, 3, 4, 5, 6, 7}, {1, 3, 5, 7, 0, 2, 4, 6}, {3, 7, 2, 6, 1, 5, 0, 4}};
  static constexpr u8 kShift[3][4] = {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};
  static constexpr u32 kAdd[3] = {0, 013240474631, 015666365641};
  for (u32 round = 0; round < 3; ++round) {
    for (u32 step = 0; step < 8; ++step) {
      // a, d, c, b in turn, each from the three after it.
      const u32 a = (4 - step % 4) % 4, b = (a + 1) % 4, c = (a + 2) % 4, d = (a + 3) % 4;
      const u32 mixed = round == 0 ? f(v[b], v[c], v[d]) : round == 1 ? g(v[b], v[c], v[d]) : h(v[b], v[c], v[d]);
      v[a] = std::rotl(v[a] + mixed + in[kOrder[round][step]] + kAdd[round], kShift[round][step % 4]);
    }
  }
  for (u32 i = 0; i < 4; ++i) state[i] += v[i];
}

}  // namespace

NameHash hash_name(std::string_view name, u32 version, const u32 (&seed)[4]) {
  u32 state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  if (seed[0] != 0 || seed[1] != 0 || seed[2] != 0 || seed[3] != 0) std::memcpy(state, seed, sizeof(state));
  const bool is_signed = version < 3;
  u32 words[8];
  NameHash result{};
  switch (version % 3) {
    case 0: result.major = legacy(name, is_signed); break;
    case 1:
      for (std::string_view rest = name; !rest.empty(); rest.remove_prefix(std::min<usize>(rest.size(), 32))) {
        fill(rest, words, 8, is_signed);
        half_md4(state, words);
      }
      result = {state[1], state[2]};
      break;
    default:
      for (std::string_view rest = name; !rest.empty(); rest.remove_prefix(std::min<usize>(rest.size(), 16))) {
        fill(rest, words, 4, is_signed);
        tea(state, words);
      }
      result = {state[0], state[1]};
      break;
  }
  result.major &= ~1u;
  if (result.major == kEndOfFile << 1) result.major = (kEndOfFile - 1) << 1;
  return result;
}

}  // namespace hati::ext4
