// SPDX-License-Identifier: MIT
// inotify(7): what is reported, in which order, and how it is read.
#define FAMILY "file"
#include "test.h"

#include <sys/inotify.h>
#include <sys/ioctl.h>

namespace {

struct Watcher {
  int fd = static_cast<int>(must(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)));
  char buffer[4096];
  ssize_t bytes = 0, at = 0;
  int watch(const char* path, uint32_t mask) { return static_cast<int>(must(inotify_add_watch(fd, path, mask))); }
  // The next event, or null.
  const inotify_event* next() {
    if (at >= bytes) {
      bytes = read(fd, buffer, sizeof buffer);
      at = 0;
      if (bytes <= 0) return nullptr;
    }
    const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
    at += static_cast<ssize_t>(sizeof *event + event->len);
    return event;
  }
};

#define EXPECT_EVENT(watcher, id, bits, text)              \
  do {                                                     \
    const inotify_event* event_ = (watcher).next();        \
    CHECK(event_ != nullptr);                              \
    if (event_ == nullptr) break;                          \
    CHECK_EQ(event_->wd, id);                              \
    CHECK_EQ(event_->mask, static_cast<uint32_t>(bits));   \
    CHECK_STR(event_->len != 0 ? event_->name : "", text); \
  } while (0)
#define EXPECT_NOTHING(watcher) CHECK((watcher).next() == nullptr && errno == EAGAIN)

}  // namespace

TEST(inotify_directory) {
  Watcher w;
  const int id = w.watch(".", IN_ALL_EVENTS);
  CHECK_EQ(id, 1);
  const int fd = must(open("a", O_RDWR | O_CREAT, 0600));
  EXPECT_EVENT(w, id, IN_CREATE, "a");
  EXPECT_EVENT(w, id, IN_OPEN, "a");
  must(write(fd, "xyz", 3));
  must(write(fd, "xyz", 3));  // merged with the first
  EXPECT_EVENT(w, id, IN_MODIFY, "a");
  char byte;
  must(pread(fd, &byte, 1, 0));
  EXPECT_EVENT(w, id, IN_ACCESS, "a");
  must(ftruncate(fd, 1));
  EXPECT_EVENT(w, id, IN_MODIFY, "a");
  must(fchmod(fd, 0644));
  EXPECT_EVENT(w, id, IN_ATTRIB, "a");
  must(close(fd));
  EXPECT_EVENT(w, id, IN_CLOSE_WRITE, "a");
  must(close(static_cast<int>(must(open("a", O_RDONLY)))));
  EXPECT_EVENT(w, id, IN_OPEN, "a");
  EXPECT_EVENT(w, id, IN_CLOSE_NOWRITE, "a");
  must(mkdir("d", 0700));
  EXPECT_EVENT(w, id, IN_CREATE | IN_ISDIR, "d");
  must(symlink("a", "s"));
  EXPECT_EVENT(w, id, IN_CREATE, "s");
  must(link("a", "l"));
  EXPECT_EVENT(w, id, IN_CREATE, "l");
  must(unlink("l"));
  EXPECT_EVENT(w, id, IN_DELETE, "l");
  must(rmdir("d"));
  EXPECT_EVENT(w, id, IN_DELETE | IN_ISDIR, "d");
  EXPECT_NOTHING(w);
}

TEST(inotify_rename) {
  must(mkdir("d", 0700));
  write_file("a", "x");
  Watcher w;
  const int here = w.watch(".", IN_MOVE), there = w.watch("d", IN_MOVE), self = w.watch("a", IN_MOVE_SELF | IN_ATTRIB);
  must(rename("a", "d/b"));
  const inotify_event* from = w.next();
  REQUIRE(from != nullptr);
  CHECK_EQ(from->wd, here);
  CHECK_EQ(from->mask, unsigned{IN_MOVED_FROM});
  CHECK_STR(from->name, "a");
  const uint32_t cookie = from->cookie;
  CHECK(cookie != 0);
  const inotify_event* to = w.next();
  REQUIRE(to != nullptr);
  CHECK_EQ(to->wd, there);
  CHECK_EQ(to->mask, unsigned{IN_MOVED_TO});
  CHECK_EQ(to->cookie, cookie);
  CHECK_STR(to->name, "b");
  EXPECT_EVENT(w, self, IN_MOVE_SELF, "");
  EXPECT_NOTHING(w);
}

TEST(inotify_deleted) {
  write_file("a", "x");
  Watcher w;
  const int id = w.watch("a", IN_ALL_EVENTS);
  const int fd = must(open("a", O_RDONLY));
  EXPECT_EVENT(w, id, IN_OPEN, "");
  must(unlink("a"));
  EXPECT_EVENT(w, id, IN_ATTRIB, "");
  EXPECT_NOTHING(w);  // it is still open
  must(close(fd));
  EXPECT_EVENT(w, id, IN_CLOSE_NOWRITE, "");
  EXPECT_EVENT(w, id, IN_DELETE_SELF, "");
  EXPECT_EVENT(w, id, IN_IGNORED, "");
  EXPECT_NOTHING(w);
  CHECK_ERRNO(inotify_rm_watch(w.fd, id), EINVAL);
  must(mkdir("d", 0700));
  const int directory = w.watch("d", IN_DELETE_SELF);
  must(rmdir("d"));
  EXPECT_EVENT(w, directory, IN_DELETE_SELF, "");
  EXPECT_EVENT(w, directory, IN_IGNORED, "");
}

TEST(inotify_masks) {
  write_file("a", "x");
  Watcher w;
  const int id = w.watch("a", IN_OPEN);
  CHECK_EQ(w.watch("a", IN_MODIFY), id);  // replaces
  must(close(static_cast<int>(must(open("a", O_RDONLY)))));
  EXPECT_NOTHING(w);
  CHECK_EQ(w.watch("a", IN_OPEN | IN_MASK_ADD), id);
  write_file("a", "y");
  EXPECT_EVENT(w, id, IN_MODIFY, "");  // truncated, then opened
  EXPECT_EVENT(w, id, IN_OPEN, "");
  EXPECT_EVENT(w, id, IN_MODIFY, "");
  CHECK_ERRNO(inotify_add_watch(w.fd, "a", IN_OPEN | IN_MASK_CREATE), EEXIST);
  CHECK_ERRNO(inotify_add_watch(w.fd, "a", IN_OPEN | IN_ONLYDIR), ENOTDIR);
  CHECK_ERRNO(inotify_add_watch(w.fd, "a", 0), EINVAL);
  CHECK_ERRNO(inotify_add_watch(w.fd, "missing", IN_OPEN), ENOENT);
  CHECK_ERRNO(inotify_add_watch(0, "a", IN_OPEN), EINVAL);
  CHECK_ERRNO(inotify_add_watch(99, "a", IN_OPEN), EBADF);
  CHECK_ERRNO(inotify_init1(1), EINVAL);
  CHECK_OK(inotify_rm_watch(w.fd, id));
  EXPECT_EVENT(w, id, IN_IGNORED, "");
  const int once = w.watch("a", IN_OPEN | IN_ONESHOT);
  CHECK_EQ(once, id + 1);
  must(close(static_cast<int>(must(open("a", O_RDONLY)))));
  EXPECT_EVENT(w, once, IN_OPEN, "");
  EXPECT_EVENT(w, once, IN_IGNORED, "");
  EXPECT_NOTHING(w);
}

TEST(inotify_read) {
  Watcher w;
  w.watch(".", IN_CREATE);
  write_file("abc", "");
  int pending = 0;
  CHECK_OK(ioctl(w.fd, FIONREAD, &pending));
  CHECK_EQ(pending, 32);  // the header and a padded name
  char small[16];
  CHECK_ERRNO(read(w.fd, small, sizeof small), EINVAL);
  CHECK_EQ(read(w.fd, w.buffer, sizeof w.buffer), 32);
  CHECK_ERRNO(read(w.fd, small, sizeof small), EAGAIN);
  const int flags = fcntl(w.fd, F_GETFL);
  must(fcntl(w.fd, F_SETFL, flags & ~O_NONBLOCK));
  const pid_t child = spawn([] {
    sleep_ms(20);
    write_file("later", "");
  });
  CHECK_EQ(read(w.fd, w.buffer, sizeof w.buffer), 32);
  CHECK_CHILD_OK(child);
}
