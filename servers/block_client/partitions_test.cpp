// SPDX-License-Identifier: MIT
#include "servers/block_client/partitions.h"

#include <cstring>
#include <random>

#include "runtime/tests/run.h"
#include "servers/block_client/disk.h"

namespace hati::block {
namespace {

class Image : public SectorReader {
 public:
  explicit Image(u64 sectors) : bytes(sectors * 512) {}
  Task<Result<void>> read_sectors(u64 sector, std::span<std::byte> to) override {
    EXPECT_LE(sector * 512 + to.size(), bytes.size()) << "read outside the disk";
    if (sector * 512 + to.size() > bytes.size()) co_return fail(Error::kInvalidArgument);
    std::memcpy(to.data(), bytes.data() + sector * 512, to.size());
    co_return Result<void>();
  }
  u64 sectors() const { return bytes.size() / 512; }
  template <class T>
  void put(u64 at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof(value));
  }
  void sign(u64 sector) { put(sector * 512 + 510, u16{0xaa55}); }
  void entry(u64 sector, u32 index, u8 type, u32 first, u32 count) {
    const u64 at = sector * 512 + 446 + index * 16;
    put(at + 4, type);
    put(at + 8, first);
    put(at + 12, count);
    sign(sector);
  }
  // A GPT header in `block` whose entries are at `entries`, for blocks of `size` bytes.
  void gpt(u64 block, u64 entries, const std::vector<std::pair<u64, u64>>& partitions, u32 size = 512) {
    const u64 blocks = bytes.size() / size, table = entries * size, at = block * size;
    for (usize i = 0; i < partitions.size(); ++i) {
      if (partitions[i].second == 0) continue;
      put(table + i * 128, u64{1} + i);
      put(table + i * 128 + 32, partitions[i].first);
      put(table + i * 128 + 40, partitions[i].first + partitions[i].second - 1);
    }
    std::memcpy(bytes.data() + at, "EFI PART", 8);
    put(at + 8, 0x10000u), put(at + 12, 92u), put(at + 24, block);
    put(at + 40, u64{6}), put(at + 48, blocks - 6), put(at + 72, entries);
    put(at + 80, 16u), put(at + 84, 128u);
    put(at + 88, crc32(std::span(bytes).subspan(table, 16 * 128)));
    put(at + 16, 0u);
    put(at + 16, crc32(std::span(bytes).subspan(at, 92)));
  }
  std::vector<std::byte> bytes;
};

Result<std::vector<Partition>> read(Image& image, u32 block_bytes = 512) {
  Result<std::vector<Partition>> result;
  const auto body = [](Image& i, u32 size, Result<std::vector<Partition>>& out) -> Task<void> {
    out = co_await read_partitions(i, i.sectors(), size);
  };
  Simulation simulation(1, 1);
  EXPECT_EQ(simulation.run(testing::finished(body(image, block_bytes, result))), 7);
  return result;
}
std::string text(const Result<std::vector<Partition>>& partitions) {
  if (!partitions) return error_name(partitions.error());
  std::string result;
  for (const Partition& p : *partitions)
    result += std::to_string(p.number) + ":" + std::to_string(p.sector) + "+" + std::to_string(p.sectors) + " ";
  return result;
}

TEST(Partitions, NoTable) {
  Image image(1000);
  EXPECT_EQ(text(read(image)), "");
  image.sign(0);
  image.put(446, u8{0x12});  // a file system's boot sector
  EXPECT_EQ(text(read(image)), "");
  Image nothing(0);
  EXPECT_EQ(text(read(nothing)), "");
}

TEST(Partitions, Mbr) {
  Image image(10'000);
  image.entry(0, 0, 0x83, 64, 1000);
  image.entry(0, 1, 0x05, 2000, 3000);
  image.entry(0, 2, 0x82, 6000, 4000);
  image.entry(0, 3, 0x83, 9999, 2);  // ends outside
  image.entry(2000, 0, 0x83, 10, 500);
  image.entry(2000, 1, 0x05, 1000, 1000);
  image.entry(3000, 0, 0x83, 1, 99);
  EXPECT_EQ(text(read(image)), "1:64+1000 3:6000+4000 5:2010+500 6:3001+99 ");
}

TEST(Partitions, ExtendedThatNeverEnds) {
  Image image(10'000);
  image.entry(0, 0, 0x0f, 100, 9000);
  image.entry(100, 0, 0x83, 1, 1);
  image.entry(100, 1, 0x05, 50, 10);
  image.entry(150, 0, 0x83, 1, 1);
  image.entry(150, 1, 0x05, 50, 10);  // itself
  EXPECT_EQ(text(read(image)), "5:101+1 6:151+1 ");
  image.entry(150, 1, 0x05, 0xffff'ffff, 10);
  EXPECT_EQ(text(read(image)), "5:101+1 6:151+1 ");
}

Image gpt_image(u32 size = 512) {
  Image image(u64{2000} * (size / 512));
  image.entry(0, 0, 0xee, 1, 1999);
  const std::vector<std::pair<u64, u64>> partitions{{10, 90}, {0, 0}, {100, 1000}, {3, 50}, {1990, 100}};
  image.gpt(1, 2, partitions, size);
  image.gpt(1999, 1995, partitions, size);
  return image;
}

TEST(Partitions, Gpt) {
  Image image = gpt_image();
  EXPECT_EQ(text(read(image)), "1:10+90 3:100+1000 ");
  Image large = gpt_image(4096);
  EXPECT_EQ(text(read(large, 4096)), "1:80+720 3:800+8000 ");
}

TEST(Partitions, DamagedGptIsReadFromItsCopy) {
  for (const u64 byte : {u64{512 + 3}, u64{512 + 45}, u64{512 + 90}, u64{1024 + 35}}) {
    Image image = gpt_image();
    image.bytes[byte] ^= std::byte{1};
    EXPECT_EQ(text(read(image)), "1:10+90 3:100+1000 ") << byte;
    image.bytes[1999 * 512 + 20] ^= std::byte{1};
    image.bytes[1999 * 512 + 60] ^= std::byte{1};
    EXPECT_EQ(text(read(image)), "malformed data") << byte;
  }
}

TEST(Partitions, NoiseStaysInsideTheDisk) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    Image image = gpt_image();
    if (round % 3 == 0) image.entry(0, 0, 0x05, random() % 300, 1000);
    for (int i = 0; i < 20; ++i) image.bytes[(round % 2 == 0 ? 440 : 512) + random() % 1000] = static_cast<std::byte>(random());
    if (round % 2 == 1) {  // with checksums that are right
      const u64 table = static_cast<u64>(2) * 512;
      image.put(512 + 88, crc32(std::span(image.bytes).subspan(table, 16 * 128)));
      image.put(512 + 16, 0u);
      image.put(512 + 16, crc32(std::span(image.bytes).subspan(512, 92)));
    }
    const auto found = read(image);
    if (!found) continue;
    for (const Partition& p : *found) EXPECT_TRUE(p.sectors != 0 && p.sector < image.sectors() && p.sectors <= image.sectors() - p.sector);
  }
}

TEST(Partitions, Crc) { EXPECT_EQ(crc32(std::as_bytes(std::span("123456789", 9))), 0xcbf4'3926u); }

TEST(DiskNames, Parsed) {
  const auto is = [](std::string_view name, std::string_view disk, u32 partition) {
    const DiskName parsed = parse_disk_name(name);
    return parsed.disk == disk && parsed.partition == partition;
  };
  EXPECT_TRUE(is("vda", "vda", 0));
  EXPECT_TRUE(is("/dev/vda12", "vda", 12));
  EXPECT_TRUE(is("vda0", "", 0));
  EXPECT_TRUE(is("vda1x", "", 0));
  EXPECT_TRUE(is("vda99999999999", "", 0));
}

}  // namespace
}  // namespace hati::block
