// SPDX-License-Identifier: MIT
// Directories: making, removing, listing, links, the current directory.
#include "test.h"

#include <dirent.h>

#define FAMILY "file"

TEST(mkdir_rules) {
  CHECK_OK(mkdir("d", 0750));
  CHECK_ERRNO(mkdir("d", 0755), EEXIST);
  CHECK_ERRNO(mkdir("missing/d", 0755), ENOENT);
  write_file("f", "");
  CHECK_ERRNO(mkdir("f", 0755), EEXIST);
  CHECK_ERRNO(mkdir("f/d", 0755), ENOTDIR);
  CHECK_ERRNO(mkdir("", 0755), ENOENT);
  CHECK_ERRNO(mkdir("/", 0755), EEXIST);
  CHECK_ERRNO(mkdir(".", 0755), EEXIST);
  CHECK_OK(mkdir("slash/", 0755));
  must(symlink("nowhere", "dangling"));
  CHECK_ERRNO(mkdir("dangling", 0755), EEXIST);
  CHECK_OK(mkdirat(AT_FDCWD, "d2", 01777));
  struct stat st{};
  must(stat("d2", &st));
  CHECK_EQ(st.st_mode, S_IFDIR | 01755);  // the umask takes only permission bits
}

TEST(rmdir_rules) {
  must(mkdir("d", 0755));
  must(mkdir("d/e", 0755));
  CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
  CHECK_OK(rmdir("d/e"));
  CHECK_ERRNO(rmdir("d/."), EINVAL);
  CHECK_ERRNO(rmdir("d/.."), ENOTEMPTY);
  CHECK_OK(rmdir("d/"));
  CHECK_ERRNO(rmdir("d"), ENOENT);
  write_file("f", "");
  CHECK_ERRNO(rmdir("f"), ENOTDIR);
  CHECK_ERRNO(rmdir("/"), EBUSY);
  must(mkdir("t", 0755));
  must(symlink("t", "link"));
  CHECK_ERRNO(rmdir("link"), ENOTDIR);
}

TEST(unlink_rules) {
  write_file("f", "");
  must(mkdir("d", 0755));
  CHECK_OK(unlink("f"));
  CHECK_ERRNO(unlink("f"), ENOENT);
  CHECK_ERRNO(unlink("d"), EISDIR);
  CHECK_ERRNO(unlink(""), ENOENT);
  write_file("g", "");
  CHECK_ERRNO(unlink("g/"), ENOTDIR);
  CHECK_ERRNO(unlink("g/x"), ENOTDIR);
  must(symlink("g", "link"));
  CHECK_OK(unlink("link"));
  CHECK(exists("g"));
  CHECK_ERRNO(unlinkat(AT_FDCWD, "d", 0), EISDIR);
  CHECK_ERRNO(unlinkat(AT_FDCWD, "g", AT_REMOVEDIR), ENOTDIR);
  CHECK_ERRNO(unlinkat(AT_FDCWD, "g", 0x1), EINVAL);
  CHECK_OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
}

TEST(removed_directory_is_dead) {
  must(mkdir("d", 0755));
  const int fd = must(open("d", O_RDONLY | O_DIRECTORY));
  must(chdir("d"));
  CHECK_OK(rmdir("../d"));
  CHECK_ERRNO(openat(fd, "f", O_CREAT | O_RDWR, 0600), ENOENT);
  CHECK_ERRNO(mkdir("x", 0755), ENOENT);
  char path[256];
  CHECK_ERRNO(syscall(SYS_getcwd, path, sizeof path), ENOENT);
  struct stat st{};
  CHECK_OK(fstat(fd, &st));
  CHECK_EQ(st.st_nlink, 0);
  char entries[512];
  CHECK_ERRNO(syscall(SYS_getdents64, fd, entries, sizeof entries), ENOENT);
  CHECK_OK(chdir(".."));
  CHECK(!exists("d"));
}

TEST(hard_links) {
  write_file("a", "text");
  CHECK_OK(link("a", "b"));
  struct stat st{};
  must(stat("b", &st));
  CHECK_EQ(st.st_nlink, 2);
  CHECK_OK(unlink("a"));
  must(stat("b", &st));
  CHECK_EQ(st.st_nlink, 1);
  char text[8];
  CHECK_EQ(read_file("b", text, sizeof text), 4);
  CHECK_ERRNO(link("missing", "x"), ENOENT);
  CHECK_ERRNO(link("b", "b"), EEXIST);
  must(mkdir("d", 0755));
  CHECK_ERRNO(link("d", "e"), EPERM);
  CHECK_ERRNO(link("b", "d"), EEXIST);
  CHECK_ERRNO(link("b", "missing/x"), ENOENT);
  must(symlink("b", "s"));
  CHECK_OK(link("s", "s2"));  // the symlink itself
  must(lstat("s2", &st));
  CHECK(S_ISLNK(st.st_mode));
  CHECK_OK(linkat(AT_FDCWD, "s", AT_FDCWD, "b2", AT_SYMLINK_FOLLOW));
  must(lstat("b2", &st));
  CHECK(S_ISREG(st.st_mode));
  CHECK_ERRNO(linkat(AT_FDCWD, "b", AT_FDCWD, "b3", 0x1), EINVAL);
}

TEST(symlinks) {
  char target[64];
  CHECK_OK(symlink("some/where", "s"));
  memset(target, '#', sizeof target);
  CHECK_EQ(readlink("s", target, sizeof target), 10);
  CHECK(memcmp(target, "some/where#", 11) == 0);  // not terminated
  CHECK_EQ(readlink("s", target, 4), 4);            // cut short without error
  CHECK_ERRNO(readlink("s", target, 0), EINVAL);
  CHECK_ERRNO(symlink("x", "s"), EEXIST);
  CHECK_ERRNO(symlink("", "e"), ENOENT);
  CHECK_ERRNO(symlink("x", "missing/s"), ENOENT);
  CHECK_ERRNO(symlink("x", "trail/"), ENOENT);
  write_file("f", "");
  CHECK_ERRNO(readlink("f", target, sizeof target), EINVAL);
  CHECK_ERRNO(readlink("missing", target, sizeof target), ENOENT);
  CHECK_ERRNO(syscall(SYS_readlink, "s", 8, 10), EFAULT);
  char longest[4097];
  memset(longest, 'x', sizeof longest);
  longest[4095] = '\0';
  CHECK_OK(symlink(longest, "longest"));
  struct stat st{};
  CHECK_OK(lstat("longest", &st));
  CHECK_EQ(st.st_size, 4095);
  longest[4095] = 'x';
  longest[4096] = '\0';
  CHECK_ERRNO(symlink(longest, "toolong"), ENAMETOOLONG);
  const int fd = must(open("s", O_PATH | O_NOFOLLOW));
  CHECK_EQ(readlinkat(fd, "", target, sizeof target), 10);
}

struct Entry64 {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
  char name[];
};

TEST(getdents64_lists_everything_once) {
  must(mkdir("d", 0755));
  must(chdir("d"));
  write_file("file", "");
  must(mkdir("dir", 0755));
  must(symlink("x", "link"));
  must(mkfifo("fifo", 0600));
  const int fd = must(open(".", O_RDONLY | O_DIRECTORY));
  alignas(8) char buffer[2048];
  const long n = must(syscall(SYS_getdents64, fd, buffer, sizeof buffer));
  int seen = 0;
  for (long at = 0; at < n;) {
    const auto* e = reinterpret_cast<const Entry64*>(buffer + at);
    CHECK_EQ(e->size % 8, 0);
    CHECK(e->size >= 19 + strlen(e->name) + 1);
    ++seen;
    struct stat st{};
    if (strcmp(e->name, "..") != 0) {
      CHECK_OK(lstat(e->name, &st));
      CHECK_EQ(e->inode, st.st_ino);
    }
    const int expected = strcmp(e->name, "file") == 0   ? DT_REG
                         : strcmp(e->name, "link") == 0 ? DT_LNK
                         : strcmp(e->name, "fifo") == 0 ? DT_FIFO
                                                        : DT_DIR;
    CHECK_EQ(e->type, expected);
    at += e->size;
  }
  CHECK_EQ(seen, 6);
  CHECK_EQ(syscall(SYS_getdents64, fd, buffer, sizeof buffer), 0);
  CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
  CHECK_EQ(syscall(SYS_getdents64, fd, buffer, sizeof buffer), n);
  CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
  CHECK_ERRNO(syscall(SYS_getdents64, fd, buffer, 10), EINVAL);  // no room for one entry
  CHECK_ERRNO(syscall(SYS_getdents64, fd, 8, 1000), EFAULT);
  const int file = must(open("file", O_RDONLY));
  CHECK_ERRNO(syscall(SYS_getdents64, file, buffer, sizeof buffer), ENOTDIR);
  CHECK_ERRNO(syscall(SYS_getdents64, 99, buffer, sizeof buffer), EBADF);
}

TEST(getdents64_large_directory_in_small_pieces) {
  must(mkdir("d", 0755));
  must(chdir("d"));
  constexpr int kCount = 500;
  static bool seen[kCount];
  char name[32];
  for (int i = 0; i < kCount; ++i) {
    snprintf(name, sizeof name, "file-%04d", i);
    close(must(open(name, O_CREAT | O_WRONLY, 0600)));
  }
  const int fd = must(open(".", O_RDONLY | O_DIRECTORY));
  alignas(8) char buffer[100];
  int total = 0;
  long n;
  while ((n = must(syscall(SYS_getdents64, fd, buffer, sizeof buffer))) > 0) {
    for (long at = 0; at < n;) {
      const auto* e = reinterpret_cast<const Entry64*>(buffer + at);
      if (strncmp(e->name, "file-", 5) == 0) {
        const int number = atoi(e->name + 5);
        CHECK(!seen[number]);
        seen[number] = true;
        ++total;
      }
      at += e->size;
    }
  }
  CHECK_EQ(total, kCount);
}

TEST(getdents64_survives_deletion_while_listing) {
  must(mkdir("d", 0755));
  char name[32];
  for (int i = 0; i < 300; ++i) {
    snprintf(name, sizeof name, "d/%d", i);
    close(must(open(name, O_CREAT | O_WRONLY, 0600)));
  }
    // What rm -r does: each entry is deleted as soon as it has been read.
  DIR* directory = opendir("d");
  REQUIRE(directory != nullptr);
  while (const dirent* e = readdir(directory)) {
    if (e->d_name[0] != '.') CHECK_OK(unlinkat(dirfd(directory), e->d_name, 0));
  }
  closedir(directory);
  CHECK_OK(rmdir("d"));
}

TEST(seekdir_returns_to_a_place) {
  must(mkdir("d", 0755));
  char name[32];
  for (int i = 0; i < 20; ++i) {
    snprintf(name, sizeof name, "d/%d", i);
    close(must(open(name, O_CREAT | O_WRONLY, 0600)));
  }
  DIR* directory = opendir("d");
  REQUIRE(directory != nullptr);
  for (int i = 0; i < 5; ++i) readdir(directory);
  const long place = telldir(directory);
  char next[256];
  snprintf(next, sizeof next, "%s", readdir(directory)->d_name);
  while (readdir(directory) != nullptr) {
  }
  seekdir(directory, place);
  const dirent* again = readdir(directory);
  REQUIRE(again != nullptr);
  CHECK_STR(again->d_name, next);
  closedir(directory);
}

TEST(current_directory) {
  char start[256];
  char path[300];
  const long length = must(syscall(SYS_getcwd, start, sizeof start));
  CHECK_EQ(length, strlen(start) + 1);
  must(mkdir("d", 0755));
  CHECK_OK(chdir("d"));
  CHECK_EQ(syscall(SYS_getcwd, path, sizeof path), length + 2);
  CHECK_OK(chdir("/"));
  CHECK_EQ(syscall(SYS_getcwd, path, sizeof path), 2);
  CHECK_STR(path, "/");
  CHECK_OK(chdir(".."));
  CHECK_EQ(syscall(SYS_getcwd, path, sizeof path), 2);
  CHECK_OK(chdir(start));
  CHECK_ERRNO(syscall(SYS_getcwd, path, 3), ERANGE);
  CHECK_ERRNO(syscall(SYS_getcwd, 8, 100), EFAULT);
  write_file("f", "");
  CHECK_ERRNO(chdir("f"), ENOTDIR);
  CHECK_ERRNO(chdir("missing"), ENOENT);
  CHECK_ERRNO(chdir(""), ENOENT);
  const int d = must(open("d", O_RDONLY));
  const int f = must(open("f", O_RDONLY));
  CHECK_OK(fchdir(d));
  CHECK_ERRNO(fchdir(f), ENOTDIR);
  CHECK_ERRNO(fchdir(99), EBADF);
    // A directory that moves takes its inhabitants along.
  CHECK_OK(rename("../d", "../moved"));
  CHECK(syscall(SYS_getcwd, path, sizeof path) > 0);
  CHECK_STR(strrchr(path, '/'), "/moved");
}
