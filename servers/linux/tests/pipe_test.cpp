// SPDX-License-Identifier: MIT
// Pipes against a model, their ends, poll bits; epoll on pipes; record locks against a model.
#include <deque>
#include <random>

#include "servers/linux/file/epoll.h"
#include "servers/linux/file/pipe.h"
#include "servers/linux/tests/support.h"
#include "servers/linux/vfs/locks.h"

namespace hati::linux {
namespace {

using testing::error_of;

SysResult<usize> write_to(Pipe& pipe, std::string text, bool whole = false) {
  IoBuffer buffer(std::span(reinterpret_cast<u8*>(text.data()), text.size()));
  return pipe.write(buffer, whole);
}

SysResult<std::string> read_from(Pipe& pipe, usize limit) {
  std::string text(limit, '\0');
  IoBuffer buffer(std::span(reinterpret_cast<u8*>(text.data()), text.size()));
  text.resize(TRY(pipe.read(buffer)));
  return text;
}

Task<void> ends() {
  const Ref<Pipe> pipe = Pipe::create();
  pipe->open_end(true, false);
  pipe->open_end(false, true);
  EXPECT_EQ(error_of(read_from(*pipe, 1)), Errno::kAGAIN);
  EXPECT_EQ(write_to(*pipe, "abc"), 3u);
  EXPECT_EQ(read_from(*pipe, 2), "ab");
  pipe->close_end(false, true);
  EXPECT_EQ(read_from(*pipe, 9), "c");
  EXPECT_EQ(read_from(*pipe, 9), "");  // end of file
  pipe->open_end(false, true);
  pipe->close_end(true, false);
  EXPECT_EQ(error_of(write_to(*pipe, "x")), Errno::kPIPE);
  co_return;
}
TEST(Pipe, Ends) { testing::run(ends()); }

Task<void> atomic_writes() {
  const Ref<Pipe> pipe = Pipe::create();
  pipe->open_end(true, true);
  EXPECT_EQ(write_to(*pipe, std::string(kPipeCapacity - 100, 'x')), kPipeCapacity - 100);
  EXPECT_EQ(error_of(write_to(*pipe, std::string(101, 'y'))), Errno::kAGAIN);       // at most PIPE_BUF: all or nothing
  EXPECT_EQ(write_to(*pipe, std::string(kPipeAtomic + 1, 'z')), 100u);             // more: what fits
  EXPECT_EQ(error_of(write_to(*pipe, "1")), Errno::kAGAIN);
  EXPECT_EQ(pipe->used(), kPipeCapacity);
  EXPECT_EQ(pipe->poll(true, true, 0) & kPollOut, 0u);
  EXPECT_EQ(read_from(*pipe, kPipeAtomic)->size(), kPipeAtomic);
  EXPECT_EQ(pipe->poll(true, true, 0) & kPollOut, u32{kPollOut});
  EXPECT_EQ(error_of(write_to(*pipe, std::string(kPipeAtomic + 1, 'w'), true)), Errno::kAGAIN);  // whole
  co_return;
}
TEST(Pipe, AtomicWrites) { testing::run(atomic_writes()); }

Task<void> against_model(u32 seed) {
  std::mt19937 random(seed);
  const Ref<Pipe> pipe = Pipe::create();
  pipe->open_end(true, true);
  std::deque<char> model;
  u8 next = 0;
  for (int step = 0; step < 2000; ++step) {
    const usize bytes = random() % 9000 + 1;
    if (random() % 2 == 0) {
      std::string text(bytes, '\0');
      for (char& c : text) c = static_cast<char>(next++);
      const SysResult<usize> done = write_to(*pipe, text);
      const usize written = done ? *done : 0;
      next = static_cast<u8>(next - (bytes - written));
      model.insert(model.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(written));
    } else {
      const SysResult<std::string> text = read_from(*pipe, bytes);
      if (!text) {
        EXPECT_TRUE(model.empty());
        continue;
      }
      EXPECT_EQ(text->size(), std::min(bytes, model.size()));
      EXPECT_TRUE(std::equal(text->begin(), text->end(), model.begin()));
      model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(text->size()));
    }
    EXPECT_EQ(pipe->used(), model.size());
    if (::testing::Test::HasFailure()) co_return;
  }
}
TEST(Pipe, BehavesAsAModel) {
  for (u32 seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    testing::run(against_model(seed));
  }
}

Task<void> capacity() {
  const Ref<Pipe> pipe = Pipe::create();
  pipe->open_end(true, true);
  EXPECT_EQ(pipe->set_capacity(5000), 8192u);
  EXPECT_EQ(write_to(*pipe, std::string(20000, 'x')), 8192u);
  EXPECT_EQ(error_of(pipe->set_capacity(4096)), Errno::kBUSY);
  EXPECT_EQ(pipe->set_capacity(1 << 17), usize{1} << 17);
  EXPECT_EQ(write_to(*pipe, std::string(20000, 'y')), 20000u);
  co_return;
}
TEST(Pipe, Capacity) { testing::run(capacity()); }

struct Watched {
  Ref<EpollFile> epoll = Ref<EpollFile>::adopt(std::make_unique<EpollFile>(u32{kOpenReadWrite}).release());
  Ref<Pipe> pipe = Pipe::create();
  Ref<File> reader = Ref<File>::adopt(std::make_unique<PipeFile>(pipe, u32{kOpenReadOnly}).release());
  Ref<File> writer = Ref<File>::adopt(std::make_unique<PipeFile>(pipe, u32{kOpenWriteOnly}).release());
};

Task<void> level() {
  const Watched w;
  EXPECT_TRUE(w.epoll->add(w.reader, 3, {kPollIn, 77}));
  EXPECT_EQ(error_of(w.epoll->add(w.reader, 3, {kPollIn, 77})), Errno::kEXIST);
  EXPECT_TRUE(w.epoll->collect(8).empty());
  (void)write_to(*w.pipe, "abc");
  for (int i = 0; i < 3; ++i) {
    const auto events = w.epoll->collect(8);
    EXPECT_EQ(events.size(), 1u);
    if (events.size() != 1) co_return;
    EXPECT_EQ(u32{events[0].events}, u32{kPollIn});
    EXPECT_EQ(u64{events[0].data}, 77u);
  }
  (void)read_from(*w.pipe, 10);
  EXPECT_TRUE(w.epoll->collect(8).empty());
  EXPECT_EQ(w.epoll->poll(), 0u);
}
TEST(Epoll, LevelTriggered) { testing::run(level()); }

Task<void> edge() {
  const Watched w;
  EXPECT_TRUE(w.epoll->add(w.reader, 3, {u32{kPollIn} | kEpollEdge, 1}));
  (void)write_to(*w.pipe, "abc");
  EXPECT_EQ(w.epoll->collect(8).size(), 1u);
  EXPECT_TRUE(w.epoll->collect(8).empty());
  (void)read_from(*w.pipe, 10);
  (void)write_to(*w.pipe, "d");
  EXPECT_EQ(w.epoll->collect(8).size(), 1u);
  co_return;
}
TEST(Epoll, EdgeTriggered) { testing::run(edge()); }

Task<void> one_shot() {
  const Watched w;
  EXPECT_TRUE(w.epoll->add(w.reader, 3, {u32{kPollIn} | kEpollOneShot, 1}));
  (void)write_to(*w.pipe, "abc");
  EXPECT_EQ(w.epoll->collect(8).size(), 1u);
  (void)write_to(*w.pipe, "d");
  EXPECT_TRUE(w.epoll->collect(8).empty());
  EXPECT_TRUE(w.epoll->modify(*w.reader, 3, {u32{kPollIn} | kEpollOneShot, 2}));
  EXPECT_EQ(w.epoll->collect(8).size(), 1u);
  EXPECT_EQ(error_of(w.epoll->modify(*w.writer, 3, {kPollIn, 2})), Errno::kNOENT);
  co_return;
}
TEST(Epoll, OneShot) { testing::run(one_shot()); }

Task<void> closing() {
  Watched w;
  EXPECT_TRUE(w.epoll->add(w.reader, 3, {kPollIn, 1}));
  (void)write_to(*w.pipe, "abc");
  w.reader.reset();  // the last reference: the item goes
  EXPECT_TRUE(w.epoll->collect(8).empty());
  EXPECT_TRUE(w.epoll->add(w.writer, 4, {kPollOut, 1}));
  EXPECT_EQ(w.epoll->collect(8).size(), 1u);  // POLLERR
  co_return;
}
TEST(Epoll, ClosedFilesLeave) { testing::run(closing()); }

Task<void> nesting() {
  const Watched w;
  std::vector<Ref<EpollFile>> chain{w.epoll};
  EXPECT_TRUE(w.epoll->add(w.reader, 3, {kPollIn, 1}));
  Errno last{};
  for (int i = 0; i < 8; ++i) {
    auto outer = Ref<EpollFile>::adopt(std::make_unique<EpollFile>(u32{kOpenReadWrite}).release());
    last = error_of(outer->add(Ref<File>(chain.back()), 5, {kPollIn, 9}));
    if (last != Errno{}) break;
    chain.push_back(std::move(outer));
  }
  EXPECT_EQ(last, Errno::kLOOP);
  EXPECT_EQ(error_of(w.epoll->add(Ref<File>(chain[1]), 6, {kPollIn, 9})), Errno::kLOOP);  // a circle
  (void)write_to(*w.pipe, "x");
  EXPECT_EQ(chain[1]->collect(8).size(), 1u);
  while (chain.size() > 1) chain.pop_back();
  co_return;
}
TEST(Epoll, Nesting) { testing::run(nesting()); }

Task<void> locks_against_model(u32 seed) {
  std::mt19937 random(seed);
  FileLocks locks;
  constexpr int kOwners = 3, kBytes = 32;
  const int owners[kOwners] = {};
  int model[kOwners][kBytes] = {};  // 0 none, 1 shared, 2 exclusive
  for (int step = 0; step < 3000; ++step) {
    const int who = static_cast<int>(random() % kOwners);
    const u64 start = random() % kBytes, end = start + random() % (kBytes - start);
    const int wanted = static_cast<int>(random() % 3);
    bool conflict = false;
    for (int other = 0; other < kOwners; ++other)
      for (u64 i = start; i <= end && other != who; ++i) conflict |= model[other][i] + wanted > 2 && model[other][i] != 0 && wanted != 0;
    if (wanted == 0) {
      locks.release(LockKind::kPosix, &owners[who], start, end);
    } else {
      const SysResult<> taken = locks.acquire({LockKind::kPosix, wanted == 2, &owners[who], who, start, end});
      EXPECT_EQ(taken.has_value(), !conflict);
      if (conflict) continue;
    }
    for (u64 i = start; i <= end; ++i) model[who][i] = wanted;
    // Neighbours of one kind are one lock.
    usize runs = 0;
    for (auto& row : model)
      for (int i = 0; i < kBytes; ++i) runs += row[i] != 0 && (i == 0 || row[i] != row[i - 1]);
    EXPECT_EQ(locks.list().size(), runs);
    if (::testing::Test::HasFailure()) co_return;
  }
}
TEST(FileLocks, BehaveAsAModel) {
  for (u32 seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    testing::run(locks_against_model(seed));
  }
}

}  // namespace
}  // namespace hati::linux
