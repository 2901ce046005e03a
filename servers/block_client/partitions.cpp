// SPDX-License-Identifier: MIT
#include "servers/block_client/partitions.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace hati::block {
namespace {

constexpr u32 kSector = 512;

template <class T>
T number_at(std::span<const std::byte> bytes, usize offset) {
  T value{};
  if (offset <= bytes.size() && bytes.size() - offset >= sizeof(T)) std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// Whether [sector, sector + sectors) is a part of the disk.
bool inside(u64 sector, u64 sectors, u64 disk) { return sectors != 0 && sector < disk && sectors <= disk - sector; }

struct MbrEntry {
  u8 type;
  u64 sector, sectors;
};
constexpr u8 kTypeProtective = 0xee;
bool is_extended(u8 type) { return type == 0x05 || type == 0x0f || type == 0x85; }

// The four entries; nothing without the signature, or where the entries are no entries but a boot sector's code or a file system's header.
std::optional<std::array<MbrEntry, 4>> parse_mbr(std::span<const std::byte> sector) {
  if (number_at<u16>(sector, 510) != 0xaa55) return std::nullopt;
  std::array<MbrEntry, 4> entries{};
  for (usize i = 0; i < 4; ++i) {
    const usize at = 446 + i * 16;
    const u8 status = number_at<u8>(sector, at);
    if ((status & 0x7f) != 0) return std::nullopt;
    entries[i] = {number_at<u8>(sector, at + 4), number_at<u32>(sector, at + 8), number_at<u32>(sector, at + 12)};
  }
  return entries;
}

// Logical partitions: a chain of tables, each with one partition (relative to the table) and the next table (relative to the extended partition).
Task<Result<void>> read_logical(SectorReader& disk, u64 disk_sectors, u64 extended, std::vector<Partition>& found) {
  constexpr u32 kFirstLogical = 5;
  std::array<std::byte, kSector> sector{};
  u64 table = extended;
  for (u32 number = kFirstLogical; number < kPartitionsMax; ++number) {
    if (!inside(table, 1, disk_sectors)) break;
    CO_TRY(co_await disk.read_sectors(table, sector));
    const auto entries = parse_mbr(sector);
    if (!entries) break;
    const MbrEntry& data = (*entries)[0];
    const MbrEntry& next = (*entries)[1];
    if (data.type != 0 && inside(table + data.sector, data.sectors, disk_sectors))
      found.push_back({number, table + data.sector, data.sectors});
    if (!is_extended(next.type) || next.sector == 0) break;
    const u64 following = extended + next.sector;
    if (following <= table) break;  // only forwards: no circles
    table = following;
  }
  co_return Result<void>();
}

Task<Result<void>> read_mbr(SectorReader& disk, u64 disk_sectors, const std::array<MbrEntry, 4>& entries, std::vector<Partition>& found) {
  for (u32 i = 0; i < entries.size(); ++i) {
    const MbrEntry& entry = entries[i];
    if (entry.type == 0 || !inside(entry.sector, entry.sectors, disk_sectors)) continue;
    if (!is_extended(entry.type)) found.push_back({i + 1, entry.sector, entry.sectors});
  }
  for (const MbrEntry& entry : entries)
    if (is_extended(entry.type) && entry.sector != 0) {
      CO_TRY(co_await read_logical(disk, disk_sectors, entry.sector, found));
      break;
    }
  co_return Result<void>();
}

struct GptHeader {
  u64 entries_block, first_usable, last_usable;
  u32 entry_count, entry_bytes, entries_crc;
};
constexpr u32 kHeaderBytesMin = 92, kEntryBytesMin = 128;
constexpr usize kCrcAt = 16;

// The header in a block, if it is intact and stands where it says.
std::optional<GptHeader> parse_gpt_header(std::span<std::byte> block, u64 where, u64 blocks) {
  if (std::memcmp(block.data(), "EFI PART", 8) != 0) return std::nullopt;
  const u32 bytes = number_at<u32>(block, 12);
  if (bytes < kHeaderBytesMin || bytes > block.size() || number_at<u64>(block, 24) != where) return std::nullopt;
  const u32 crc = number_at<u32>(block, kCrcAt);
  std::memset(block.data() + kCrcAt, 0, sizeof(u32));
  if (crc32(block.first(bytes)) != crc) return std::nullopt;
  const GptHeader header{number_at<u64>(block, 72), number_at<u64>(block, 40), number_at<u64>(block, 48),
                         number_at<u32>(block, 80), number_at<u32>(block, 84), number_at<u32>(block, 88)};
  const bool sane = header.entry_count != 0 && header.entry_count <= 4096 && header.entry_bytes >= kEntryBytesMin &&
                    header.entry_bytes <= 4096 && header.entries_block < blocks;
  return sane ? std::optional(header) : std::nullopt;
}

// The partitions of the table whose header is in block `where`; nothing if header or entries are damaged.
Task<Result<std::optional<std::vector<Partition>>>> read_gpt(SectorReader& disk, u64 disk_sectors, u32 block_bytes, u64 where) {
  using Found = std::optional<std::vector<Partition>>;
  const u64 per_block = block_bytes / kSector, blocks = disk_sectors / per_block;
  if (where >= blocks) co_return Found();
  std::vector<std::byte> block(block_bytes);
  CO_TRY(co_await disk.read_sectors(where * per_block, block));
  const auto header = parse_gpt_header(block, where, blocks);
  if (!header) co_return Found();
  const u64 table_bytes = u64{header->entry_count} * header->entry_bytes;
  const u64 table_sectors = (table_bytes + kSector - 1) / kSector, table = header->entries_block * per_block;
  if (!inside(table, table_sectors, disk_sectors)) co_return Found();
  std::vector<std::byte> entries(table_sectors * kSector);
  CO_TRY(co_await disk.read_sectors(table, entries));
  if (crc32(std::span(entries).first(table_bytes)) != header->entries_crc) co_return Found();
  Found found(std::in_place);
  for (u32 i = 0; i < std::min(header->entry_count, kPartitionsMax); ++i) {
    const auto entry = std::span<const std::byte>(entries).subspan(usize{i} * header->entry_bytes, header->entry_bytes);
    if (number_at<u64>(entry, 0) == 0 && number_at<u64>(entry, 8) == 0) continue;  // no type: unused
    const u64 first = number_at<u64>(entry, 32), last = number_at<u64>(entry, 40);
    if (first > last || last >= blocks || first < header->first_usable || last > header->last_usable) continue;
    found->push_back({i + 1, first * per_block, (last - first + 1) * per_block});
  }
  co_return found;
}

}  // namespace

u32 crc32(std::span<const std::byte> bytes) {
  constexpr u32 kPolynomial = 0xedb8'8320;
  u32 crc = ~0u;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<u32>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
  }
  return ~crc;
}

Task<Result<std::vector<Partition>>> read_partitions(SectorReader& disk, u64 sectors, u32 block_bytes) {
  std::vector<Partition> found;
  if (sectors == 0 || block_bytes < kSector || block_bytes % kSector != 0) co_return found;
  std::array<std::byte, kSector> first{};
  CO_TRY(co_await disk.read_sectors(0, first));
  const auto mbr = parse_mbr(first);
  if (!mbr) co_return found;
  const bool gpt = std::ranges::any_of(*mbr, [](const MbrEntry& entry) { return entry.type == kTypeProtective; });
  if (!gpt) {
    CO_TRY(co_await read_mbr(disk, sectors, *mbr, found));
    co_return found;
  }
  const u64 blocks = sectors / (block_bytes / kSector);
  for (const u64 where : {u64{1}, blocks - 1}) {
    auto table = CO_TRY(co_await read_gpt(disk, sectors, block_bytes, where));
    if (table) co_return *std::move(table);
  }
  co_return fail(Error::kBadData);
}

}  // namespace hati::block
