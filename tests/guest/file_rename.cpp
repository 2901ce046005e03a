// SPDX-License-Identifier: MIT
// rename in all its cases.
#include "test.h"

#include <stdio.h>

#define FAMILY "file"

static long rename2(const char* from, const char* to, unsigned flags) {
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static ino_t inode(const char* path) {
  struct stat st{};
  must(lstat(path, &st));
  return st.st_ino;
}

TEST(rename_moves_a_file) {
  write_file("a", "text");
  const ino_t number = inode("a");
  CHECK_OK(rename("a", "b"));
  CHECK(!exists("a"));
  CHECK_EQ(inode("b"), number);
  must(mkdir("d", 0755));
  CHECK_OK(rename("b", "d/c"));
  CHECK_EQ(inode("d/c"), number);
}

TEST(rename_replaces_a_file) {
  write_file("a", "new");
  write_file("b", "old");
  const int fd = must(open("b", O_RDONLY));
  CHECK_OK(rename("a", "b"));
  char text[8] = {};
  CHECK_EQ(read_file("b", text, sizeof text), 3);
  CHECK_STR(text, "new");
  CHECK_EQ(read(fd, text, 3), 3);
  CHECK_STR(text, "old");  // the replaced file lives on for those who have it open
  struct stat st{};
  must(fstat(fd, &st));
  CHECK_EQ(st.st_nlink, 0);
}

TEST(rename_same_file_does_nothing) {
  write_file("a", "x");
  must(link("a", "b"));
  CHECK_OK(rename("a", "b"));
  CHECK(exists("a") && exists("b"));
  CHECK_OK(rename("a", "a"));
  CHECK(exists("a"));
}

TEST(rename_missing) {
  write_file("a", "");
  CHECK_ERRNO(rename("missing", "b"), ENOENT);
  CHECK_ERRNO(rename("a", "missing/b"), ENOENT);
  CHECK_ERRNO(rename("", "b"), ENOENT);
  CHECK_ERRNO(rename("a", ""), ENOENT);
  CHECK_ERRNO(rename("a/x", "b"), ENOTDIR);
}

TEST(rename_directories) {
  must(mkdir("d", 0755));
  must(mkdir("e", 0755));
  write_file("e/x", "");
  CHECK_ERRNO(rename("d", "e"), ENOTEMPTY);
  CHECK_OK(rename("e", "d"));  // onto an empty directory
  CHECK(exists("d/x"));
  CHECK(!exists("e"));
}

TEST(rename_file_against_directory) {
  write_file("f", "");
  must(mkdir("d", 0755));
  CHECK_ERRNO(rename("f", "d"), EISDIR);
  CHECK_ERRNO(rename("d", "f"), ENOTDIR);
  CHECK_ERRNO(rename("f", "new/"), ENOTDIR);
  CHECK_OK(rename("d", "new/"));  // for a directory the slash is fine
}

TEST(rename_into_itself) {
  must(mkdir("d", 0755));
  must(mkdir("d/e", 0755));
  CHECK_ERRNO(rename("d", "d/x"), EINVAL);
  CHECK_ERRNO(rename("d", "d/e/x"), EINVAL);
  CHECK_ERRNO(rename("d", "d/e"), EINVAL);
  CHECK_ERRNO(rename("d/e", "d"), ENOTEMPTY);
  CHECK_ERRNO(rename("d/.", "x"), EBUSY);
  CHECK_ERRNO(rename("d/..", "x"), EBUSY);
  CHECK_ERRNO(rename("d", "."), EBUSY);
}

TEST(rename_moves_symlinks_themselves) {
  write_file("f", "");
  must(symlink("f", "s"));
  CHECK_OK(rename("s", "t"));
  struct stat st{};
  CHECK_OK(lstat("t", &st));
  CHECK(S_ISLNK(st.st_mode));
  write_file("g", "");
  CHECK_OK(rename("g", "t"));  // replaces the link, not its target
  CHECK_OK(lstat("t", &st));
  CHECK(S_ISREG(st.st_mode));
  CHECK(exists("f"));
}

TEST(rename_updates_parent_links) {
  must(mkdir("a", 0755));
  must(mkdir("b", 0755));
  must(mkdir("a/d", 0755));
  CHECK_OK(rename("a/d", "b/d"));
  struct stat st{};
  must(stat("a", &st));
  CHECK_EQ(st.st_nlink, 2);
  must(stat("b", &st));
  CHECK_EQ(st.st_nlink, 3);
  must(stat("b/d/..", &st));
  CHECK_EQ(st.st_ino, inode("b"));
}

TEST(rename_noreplace) {
  write_file("a", "");
  write_file("b", "");
  CHECK_ERRNO(rename2("a", "b", RENAME_NOREPLACE), EEXIST);
  CHECK_OK(rename2("a", "c", RENAME_NOREPLACE));
  CHECK(!exists("a") && exists("c"));
}

TEST(rename_exchange) {
  write_file("a", "");
  must(mkdir("d", 0755));
  const ino_t file = inode("a");
  const ino_t directory = inode("d");
  CHECK_OK(rename2("a", "d", RENAME_EXCHANGE));
  CHECK_EQ(inode("a"), directory);
  CHECK_EQ(inode("d"), file);
  CHECK_ERRNO(rename2("a", "missing", RENAME_EXCHANGE), ENOENT);
  CHECK_ERRNO(rename2("a", "d", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
  CHECK_ERRNO(rename2("a", "d", 0x100), EINVAL);
}

TEST(rename_across_filesystems) {
  write_file("a", "");
  CHECK_ERRNO(rename("a", "/proc/a"), EXDEV);
  CHECK_ERRNO(rename("a", "/dev/pts/a"), EXDEV);
  CHECK(exists("a"));
}

TEST(renameat_with_descriptors) {
  must(mkdir("d", 0755));
  must(mkdir("e", 0755));
  write_file("d/f", "");
  const int d = must(open("d", O_RDONLY));
  const int e = must(open("e", O_RDONLY));
  CHECK_OK(renameat(d, "f", e, "g"));
  CHECK(exists("e/g"));
  CHECK_ERRNO(renameat(99, "f", e, "g"), EBADF);
  CHECK_ERRNO(renameat(e, "g", 99, "g"), EBADF);
}

TEST(rename_under_load_never_shows_a_missing_file) {
  write_file("target", "x");
  const pid_t pid = spawn([] {
    for (int i = 0; i < 300; ++i) {
      char name[16];
      snprintf(name, sizeof name, "t%d", i);
      write_file(name, "y");
      must(rename(name, "target"));
    }
  });
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    const int fd = open("target", O_RDONLY);
    REQUIRE(fd != -1);
    close(fd);
  }
  CHECK_EXITED(status, 0);
}
