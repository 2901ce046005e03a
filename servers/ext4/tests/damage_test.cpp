// SPDX-License-Identifier: MIT
// Tampered images: never a crash, a leak or an endless loop. HATI_EXT4_DAMAGES: how many for each kind; HATI_EXT4_SEED.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "servers/ext4/journal/journal.h"
#include "servers/ext4/tests/mutate.h"

namespace hati::ext4::testing {
namespace {

u64 setting(const char* name, u64 otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

// Where metadata is: bytes that are not zero, in blocks that are not all one byte.
std::vector<u64> interesting_bytes(const std::vector<std::byte>& image) {
  std::vector<u64> result;
  for (u64 block = 0; block < image.size(); block += 1024) {
    bool varied = false;
    for (u64 i = 1; i < 1024 && !varied; ++i) varied = image[block + i] != image[block];
    for (u64 i = 0; i < 1024 && varied; ++i) {
      if (image[block + i] != std::byte{0} && image[block + i] != std::byte{0xff}) result.push_back(block + i);
    }
  }
  return result;
}

class DamageTest : public ::testing::TestWithParam<const char*> {};

TEST_P(DamageTest, ComesToAnEnd) {
  const std::vector<std::byte> image = interesting_image(GetParam(), 4 << 10);
  const std::vector<u64> places = interesting_bytes(image);
  std::mt19937_64 random(setting("HATI_EXT4_SEED", 1));
  for (u64 i = 0; i < setting("HATI_EXT4_DAMAGES", 60); ++i) {
    std::vector<std::byte> damaged = image;
    for (u64 count = 1 + random() % 12; count > 0; --count) {
      const u64 at = random() % 8 == 0 ? random() % damaged.size() : places[random() % places.size()];
      static constexpr u8 kValues[] = {0, 1, 0x7f, 0x80, 0xff};
      damaged[at] = random() % 2 == 0 ? static_cast<std::byte>(kValues[random() % 5]) : static_cast<std::byte>(random());
    }
    use_damaged(std::move(damaged), static_cast<u32>(i));
  }
}
// Checksums off: damage gets further.
INSTANTIATE_TEST_SUITE_P(Options, DamageTest,
                         ::testing::Values("-t ext4 -b 1024 -J size=1 -O ^metadata_csum,^uninit_bg -N 300",
                                           "-t ext4 -b 1024 -J size=1 -N 300", "-t ext2 -b 1024 -N 300",
                                           "-t ext3 -b 1024 -J size=1 -N 300"));

}  // namespace
}  // namespace hati::ext4::testing
