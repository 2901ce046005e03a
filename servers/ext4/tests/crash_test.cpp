// SPDX-License-Identifier: MIT
// Random operations against a model, and the disk as a power failure may leave it: any subset of the writes that no flush covered, torn at
// sectors. After the next mount e2fsck is content and nothing that was confirmed is lost.
// HATI_EXT4_CRASH_STATES, HATI_EXT4_SEED: how many states for each kind of image, and from where.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "servers/ext4/layout/journal.h"
#include "servers/ext4/tests/workload.h"

namespace hati::ext4::testing {
namespace {

u64 setting(const char* name, u64 otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

struct Kind {
  const char* options;
  u64 kib;
  bool extents;
  bool journal;
};
constexpr Kind kKinds[] = {{"-t ext4 -b 1024 -J size=1 -N 500", 6 << 10, true, true},
                           {"-t ext4 -b 4096 -J size=4 -N 500", 16 << 10, true, true},
                           {"-t ext3 -b 1024 -J size=1 -N 500", 6 << 10, false, true},
                           {"-t ext4 -b 2048 -O ^metadata_csum,^64bit,uninit_bg -J size=2 -N 500", 8 << 10, true, true},
                           {"-t ext2 -b 1024 -N 500", 6 << 10, false, false}};

class RandomTest : public ::testing::TestWithParam<Kind> {};

TEST_P(RandomTest, AgreesWithTheModel) {
  MemoryDisk disk(make_image(GetParam().options, GetParam().kib));
  Mounted mounted = mount(disk);
  ASSERT_TRUE(mounted) << mounted.reason;
  ASSERT_TRUE(wait_for(mounted->remove_directory(kRootInode, "lost+found", someone())));
  Workload workload(*mounted.fs, setting("HATI_EXT4_SEED", 1), GetParam().extents);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 250; ++i) ASSERT_EQ(workload.step(), "") << i;
    EXPECT_EQ(snapshot(*mounted.fs), workload.expected());
    ASSERT_TRUE(wait_for(mounted->volume().unmount()));
    mounted.fs.reset();
    ASSERT_EQ(check_image(disk.image), "");
    mounted = mount(disk);
    ASSERT_TRUE(mounted) << mounted.reason;
    workload.use(*mounted.fs);
    ASSERT_EQ(snapshot(*mounted.fs), workload.expected());
  }
}
INSTANTIATE_TEST_SUITE_P(Kinds, RandomTest, ::testing::ValuesIn(kKinds));

// What was promised when the log was this long.
struct Promise {
  usize log_size;
  usize operations;  // done before
  bool everything;
  std::map<std::string, std::string> files;
};
struct Done {
  usize log_size;  // when it began
  std::set<std::string> touched;
};
struct History {
  std::vector<std::byte> start;
  std::vector<MemoryDisk::Event> log;
  std::vector<Promise> promises;
  std::vector<Done> operations;
};

void record(const Kind& kind, u64 seed, int operations, History* history) {
  MemoryDisk disk(make_image(kind.options, kind.kib));
  history->start = disk.image;
  disk.logging = true;
  const Mounted mounted = mount(disk);
  ASSERT_TRUE(mounted) << mounted.reason;
  Workload workload(*mounted.fs, seed, kind.extents);
  for (int i = 0; i < operations; ++i) {
    const usize begin = disk.log.size();
    ASSERT_EQ(workload.step(), "");
    history->operations.push_back({begin, workload.touched()});
    const u64 choice = workload.random(12);
    if (choice == 0) {
      ASSERT_TRUE(wait_for(mounted->volume().sync()));
      history->promises.push_back({disk.log.size(), history->operations.size(), true, workload.expected()});
    } else if (choice <= 2) {
      const std::string path = workload.any_file();
      if (path.empty()) continue;
      const auto node = walk(*mounted.fs, path);
      ASSERT_TRUE(wait_for(mounted->sync_node(node->node, choice == 1)));
      forget(*mounted.fs, node->node);
      history->promises.push_back({disk.log.size(), history->operations.size(), false, {{path, workload.expected_of(path)}}});
    }
  }
  history->log = std::move(disk.log);
}

// What must be there after a crash when the log had `size` events.
std::map<std::string, std::string> promised(const History& history, usize size) {
  std::map<std::string, std::pair<std::string, usize>> files;
  for (const Promise& promise : history.promises) {
    if (promise.log_size > size) break;
    if (promise.everything) files.clear();
    for (const auto& [path, text] : promise.files) files[path] = {text, promise.operations};
  }
  std::map<std::string, std::string> result;
  for (const auto& [path, entry] : files) {
    bool changed = false;
    for (usize i = entry.second; i < history.operations.size() && history.operations[i].log_size <= size && !changed; ++i) {
      changed = std::ranges::any_of(history.operations[i].touched,
                                    [&](const std::string& touched) { return path == touched || path.starts_with(touched + "/"); });
    }
    if (!changed) result[path] = entry.first;
  }
  return result;
}

// What a disk holds at its start, and what is written to it.
struct Writes {
  const std::vector<std::byte>& start;
  const std::vector<MemoryDisk::Event>& log;
};
enum class Halves { kTorn, kWhole };

// The disk after `size` events: everything before the last flush, and of the rest what chance leaves.
std::vector<std::byte> state_at(const Writes& writes, usize size, bool flushes_work, Halves superblock, std::mt19937_64& random) {
  std::vector<std::byte> image = writes.start;
  usize durable = flushes_work ? size : 0;
  while (durable > 0 && !writes.log[durable - 1].data.empty()) --durable;
  const u64 mood = random() % 4;  // all lost, all there, whole writes, sectors
  for (usize i = 0; i < size; ++i) {
    const MemoryDisk::Event& event = writes.log[i];
    const bool whole = random() % 2 == 0;
    bool there = false;
    for (usize at = 0; at < event.data.size(); at += 512) {
      const bool second_half = superblock == Halves::kWhole && at > 0 && event.offset + at == kSuperblockOffset + 512;
      const bool chance = random() % 2 == 0;
      there = i < durable || mood == 1 || (mood == 2 && whole) || (mood == 3 && (second_half ? there : chance));
      if (there) std::memcpy(image.data() + event.offset + at, event.data.data() + at, 512);
    }
  }
  return image;
}

// The power fails again while the file system recovers, is unmounted, or shortly after.
std::string fail_again(std::vector<std::byte>* image, Halves superblock, std::mt19937_64& random) {
  MemoryDisk disk(*image);
  disk.logging = true;
  const Mounted mounted = mount(disk);
  if (!mounted) return mounted.reason;
  if (!wait_for(mounted->volume().unmount())) return "cannot be unmounted";
  *image = state_at({*image, disk.log}, random() % (disk.log.size() + 1), true, superblock, random);
  return "";
}

// The journal as others read it: what is wrong.
std::string ask_e2fsck(const std::vector<std::byte>& crashed) {
  const std::string path = scratch() + "/crashed.img";
  save_image(crashed, path);
  const auto repaired = run_command("e2fsck -fy " + path);
  // A tree that could have fewer levels is no damage.
  std::string asked = repaired.output;
  for (usize at; (at = asked.find("Optimize? yes")) != std::string::npos;) asked.erase(at, 13);
  return repaired.status > 1 || asked.find("? yes") != std::string::npos ? repaired.output : "";
}

// What is wrong after a crash when the log had `size` events; empty: nothing. `others`: e2fsck can replay the journal too. It (as Linux) takes
// no superblock whose halves are of different writes.
std::string check_state(const History& history, usize size, u64 seed, bool flushes_work, bool others) {
  std::mt19937_64 random(seed);
  const Halves superblock = others ? Halves::kWhole : Halves::kTorn;
  std::vector<std::byte> crashed = state_at({history.start, history.log}, size, flushes_work, superblock, random);
  while (flushes_work && random() % 4 == 0) {
    if (std::string wrong = fail_again(&crashed, superblock, random); !wrong.empty()) return wrong;
  }
  MemoryDisk disk(crashed);
  const Mounted mounted = mount(disk);
  if (!mounted) return mounted.reason;
  const auto found = snapshot(*mounted.fs);
  for (const auto& [path, text] : promised(history, size)) {
    const auto at = found.find(path);
    if (at == found.end()) return path + " is lost";
    if (at->second != text) return path + " changed";
  }
  if (!wait_for(mounted->volume().unmount())) return "cannot be unmounted";
  const std::string wrong = check_image(disk.image);
  return wrong.empty() && others ? ask_e2fsck(crashed) : wrong;
}

class CrashTest : public ::testing::TestWithParam<Kind> {};

TEST_P(CrashTest, NothingConfirmedIsLost) {
  const u64 seed = setting("HATI_EXT4_SEED", 1), states = setting("HATI_EXT4_CRASH_STATES", 16);
  std::mt19937_64 random(seed);
  for (u64 done = 0, run = 0; done < states; ++run) {
    History history;
    record(GetParam(), seed + run, (seed + run) % 4 == 2 ? 900 : 220, &history);
    if (HasFatalFailure()) return;
    for (u64 i = 0; i < 60 && done < states; ++i, ++done) {
      const usize size = random() % (history.log.size() + 1);
      const u64 state = random();
      ASSERT_EQ(check_state(history, size, state, true, i % 4 == 0), "") << "run " << run << " size " << size << " state " << state;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Kinds, CrashTest, ::testing::Values(kKinds[0], kKinds[1], kKinds[2], kKinds[3]));

// A commit block of which only the first sector was written, over what an earlier round of the log left: for others, too, the transaction is
// either there or not.
TEST(TornCommitTest, IsNoDamageToTheLog) {
  History history;
  record(kKinds[0], 3, 700, &history);
  if (HasFatalFailure()) return;
  std::vector<std::byte> image = history.start;
  int commits = 0;
  for (const MemoryDisk::Event& event : history.log) {
    JournalHeader header{};
    if (event.data.size() == 1024) std::memcpy(static_cast<void*>(&header), event.data.data(), sizeof(header));
    if (header.magic == kJournalMagic && header.type == kCommitBlock && ++commits % 12 == 0) {
      std::vector<std::byte> torn = image;
      std::memcpy(torn.data() + event.offset, event.data.data(), 512);
      ASSERT_EQ(ask_e2fsck(torn), "") << "commit " << commits;
    }
    if (!event.data.empty()) std::memcpy(image.data() + event.offset, event.data.data(), event.data.size());
  }
  EXPECT_GT(commits, 90);
}

// The test itself: on a disk whose flushes do nothing it has to find damage.
TEST(CrashHarnessTest, NoticesADiskThatIgnoresFlushes) {
  History history;
  record(kKinds[0], 1, 150, &history);
  std::mt19937_64 random(1);
  int wrong = 0;
  for (int i = 0; i < 12; ++i) {
    const usize size = random() % (history.log.size() + 1);
    wrong += check_state(history, size, random(), false, false).empty() ? 0 : 1;
  }
  EXPECT_GE(wrong, 3);
}

}  // namespace
}  // namespace hati::ext4::testing
