// SPDX-License-Identifier: MIT
// Host tests of the cpio reader: well-formed archives, concatenation, and malformed ones cut or flipped at every byte.
#include "base/cpio.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

namespace hati {
namespace {

std::string member(const std::string& name, const std::string& data, u32 mode = 0100644) {
  char header[111];
  std::snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 7u, mode, 1u, 2u, 1u, 99u,
                static_cast<unsigned>(data.size()), 3u, 4u, 5u, 6u, static_cast<unsigned>(name.size() + 1), 0u);
  std::string out = header;
  out += name + '\0';
  out.resize((out.size() + 3) & ~usize{3});
  out += data;
  out.resize((out.size() + 3) & ~usize{3});
  return out;
}

std::span<const u8> bytes(const std::string& text) { return {reinterpret_cast<const u8*>(text.data()), text.size()}; }

TEST(Cpio, ReadsMembersInOrder) {
  const std::string archive = member(".", "", 040755) + member("./bin/sh", "program") + member("empty", "") + member("TRAILER!!!", "");
  CpioReader reader{bytes(archive)};
  EXPECT_EQ(reader.next()->name, ".");
  const auto file = reader.next();
  ASSERT_TRUE(file);
  EXPECT_EQ(file->name, "./bin/sh");
  EXPECT_EQ(std::string(file->data.begin(), file->data.end()), "program");
  EXPECT_EQ(file->mode, 0100644u);
  EXPECT_EQ(file->special_minor, 6u);
  EXPECT_EQ(reader.next()->name, "empty");
  EXPECT_EQ(reader.next().error(), Error::kNotFound);
}

TEST(Cpio, FollowsConcatenatedArchives) {
  std::string archive = member("a", "1") + member("TRAILER!!!", "");
  archive.resize(1024);
  archive += member("b", "2") + member("TRAILER!!!", "");
  CpioReader reader{bytes(archive)};
  EXPECT_EQ(reader.next()->name, "a");
  EXPECT_EQ(reader.next()->name, "b");
  EXPECT_EQ(reader.next().error(), Error::kNotFound);
  EXPECT_EQ(cpio_find(bytes(archive), "b")->data[0], '2');
  EXPECT_EQ(cpio_find(bytes(archive), "c").error(), Error::kNotFound);
}

TEST(Cpio, LeavesForeignDataAlone) {
  const std::string archive = member("a", "1") + member("TRAILER!!!", "") + "\x1f\x8b compressed";
  CpioReader reader{bytes(archive)};
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.next().error(), Error::kNotFound);
  EXPECT_EQ(reader.rest()[0], 0x1f);
}

TEST(Cpio, SurvivesTruncationAnywhere) {
  const std::string archive = member("some/name", "contents") + member("other", "more") + member("TRAILER!!!", "");
  for (usize size = 0; size < archive.size(); ++size) {
    const std::vector<u8> cut(archive.begin(), archive.begin() + static_cast<long>(size));  // exact size: ASan sees overruns
    CpioReader reader{cut};
    for (int i = 0; i < 4; ++i)
      if (!reader.next()) break;
  }
}

TEST(Cpio, SurvivesEveryByteChanged) {
  const std::string archive = member("some/name", "contents") + member("TRAILER!!!", "");
  for (usize at = 0; at < archive.size(); ++at)
    for (int value : {0, 0xff, int{'F'}, int{'0'}}) {
      std::vector<u8> changed(archive.begin(), archive.end());
      changed[at] = static_cast<u8>(value);
      CpioReader reader{changed};
      for (int i = 0; i < 4; ++i)
        if (!reader.next()) break;
    }
}

TEST(Cpio, RejectsNamesWithoutTerminator) {
  std::string archive = member("abc", "");
  archive[110 + 3] = 'x';
  CpioReader reader{bytes(archive)};
  EXPECT_EQ(reader.next().error(), Error::kBadData);
}

}  // namespace
}  // namespace hati
