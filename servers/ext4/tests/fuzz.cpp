// SPDX-License-Identifier: MIT
// libFuzzer's entry: an input is a list of changes (position in the image, value) to a file system with something of everything in it.
//     ninja -C build/asan ext4_fuzz && build/asan/servers/ext4/ext4_fuzz -max_len=160 -max_total_time=600
#include <cstring>

#include "servers/ext4/tests/mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  using namespace hati;
  using namespace hati::ext4::testing;
  static const std::vector<std::byte> kImages[] = {
      interesting_image("-t ext4 -b 1024 -J size=1 -O ^metadata_csum,^uninit_bg -N 300", 4 << 10),
      interesting_image("-t ext2 -b 1024 -N 300", 4 << 10)};
  if (size < 2) return 0;
  std::vector<std::byte> image = kImages[data[0] % 2];
  const u32 choice = data[1];
  for (size_t at = 2; at + 5 <= size; at += 5) {
    u32 place;
    std::memcpy(&place, data + at, 4);
    image[place % image.size()] = static_cast<std::byte>(data[at + 4]);
  }
  use_damaged(std::move(image), choice);
  return 0;
}
