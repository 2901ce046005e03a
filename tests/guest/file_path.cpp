// SPDX-License-Identifier: MIT
// Path resolution: dots, slashes, symlink chains and loops, long names, chroot.
#include "test.h"

#define FAMILY "file"

TEST(path_dots_and_slashes) {
  must(mkdir("d", 0755));
  must(mkdir("d/e", 0755));
  write_file("d/f", "");
  CHECK_OK(access("d/./f", F_OK));
  CHECK_OK(access("d//f", F_OK));
  CHECK_OK(access("./d/e/../f", F_OK));
  CHECK_OK(access("d/e/../../d/f", F_OK));
  CHECK_OK(access("d/e/./.././e/", F_OK));
  CHECK_ERRNO(access("d/missing/../f", F_OK), ENOENT);
  CHECK_ERRNO(access("d/f/../f", F_OK), ENOTDIR);
  CHECK_ERRNO(access("d/f/.", F_OK), ENOTDIR);
}

TEST(path_parent_of_root_is_root) {
  struct stat a{};
  struct stat b{};
  must(stat("/", &a));
  CHECK_OK(stat("/..", &b));
  CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
  CHECK_OK(stat("/../../..//../", &b));
  CHECK_EQ(a.st_ino, b.st_ino);
  CHECK_OK(access("/../../dev/null", F_OK));
}

TEST(path_trailing_slash_follows_symlinks) {
  must(mkdir("d", 0755));
  write_file("f", "");
  must(symlink("d", "dlink"));
  must(symlink("f", "flink"));
  struct stat st{};
  CHECK_OK(lstat("dlink/", &st));
  CHECK(S_ISDIR(st.st_mode));
  CHECK_OK(lstat("dlink", &st));
  CHECK(S_ISLNK(st.st_mode));
  CHECK_ERRNO(lstat("flink/", &st), ENOTDIR);
}

TEST(path_symlink_chain_limit) {
  char from[16];
  char to[16] = "end";
  write_file("end", "");
  for (int i = 1; i <= 41; ++i) {
    snprintf(from, sizeof from, "s%d", i);
    must(symlink(to, from));
    memcpy(to, from, sizeof to);
  }
  CHECK_OK(open("s40", O_RDONLY));  // 40 links may be followed
  CHECK_ERRNO(open("s41", O_RDONLY), ELOOP);
}

TEST(path_symlink_loops) {
  must(symlink("a", "b"));
  must(symlink("b", "a"));
  must(symlink("self/x", "self"));
  CHECK_ERRNO(open("a", O_RDONLY), ELOOP);
  CHECK_ERRNO(open("a", O_CREAT | O_RDWR, 0600), ELOOP);
  CHECK_ERRNO(open("a/x", O_RDONLY), ELOOP);
  CHECK_ERRNO(open("self", O_RDONLY), ELOOP);
  CHECK_ERRNO(chdir("a"), ELOOP);
}

TEST(path_symlink_targets) {
  must(mkdir("d", 0755));
  write_file("d/f", "");
  must(symlink("f", "d/near"));  // relative to the directory that holds it
  must(symlink("../d/f", "d/far"));
  must(symlink("/dev/null", "absolute"));
  must(symlink("d/", "slash"));
  CHECK_OK(access("d/near", F_OK));
  CHECK_OK(access("d/far", F_OK));
  CHECK_OK(access("absolute", F_OK));
  CHECK_OK(access("slash/f", F_OK));
  must(symlink("d/f", "file"));
  CHECK_ERRNO(access("file/x", F_OK), ENOTDIR);
}

TEST(path_through_symlink_then_parent) {
  must(mkdir("a", 0755));
  must(mkdir("a/b", 0755));
  must(symlink("a/b", "link"));
  write_file("a/f", "");
  CHECK_OK(access("link/../f", F_OK));  // the physical parent, a
  CHECK_ERRNO(access("link/../a", F_OK), ENOENT);
}

TEST(path_name_limits) {
  char name[512];
  memset(name, 'n', sizeof name);
  name[255] = '\0';
  CHECK_OK(mkdir(name, 0755));
  name[255] = 'n';
  name[256] = '\0';
  CHECK_ERRNO(mkdir(name, 0755), ENAMETOOLONG);
  CHECK_ERRNO(access(name, F_OK), ENAMETOOLONG);
  char path[5000];
  for (size_t i = 0; i + 1 < sizeof path; i += 2) memcpy(path + i, "./", 2);
  path[4094] = '\0';
  CHECK_OK(access(path, F_OK));
  path[4094] = '.';
  path[4096] = '\0';
  CHECK_ERRNO(access(path, F_OK), ENAMETOOLONG);
}

TEST(path_deep_tree) {
  char start[256];
  REQUIRE(getcwd(start, sizeof start) != nullptr);
  for (int i = 0; i < 200; ++i) {
    must(mkdir("deep", 0755));
    must(chdir("deep"));
  }
  char path[2048];
  CHECK(syscall(SYS_getcwd, path, sizeof path) > 1000);
  CHECK_OK(access(path, F_OK));
  write_file("f", "");
  snprintf(path + strlen(path), 4, "/f");
  CHECK_OK(access(path, F_OK));
}

TEST(path_ends_at_a_bad_page) {
  char* memory = map_pages(2);
  munmap(memory + kPage, kPage);
  memcpy(memory + kPage - 10, "/dev/null", 10);
  CHECK_OK(access(memory + kPage - 10, F_OK));  // terminated on the last byte
  memset(memory + kPage - 10, '/', 10);
  CHECK_ERRNO(access(memory + kPage - 10, F_OK), EFAULT);
}

TEST(chroot_confines) {
  must(mkdir("root", 0755));
  must(mkdir("root/inside", 0755));
  write_file("outside", "");
  IN_CHILD([] {
    CHECK_OK(chroot("root"));
    CHECK_OK(chdir("/"));
    CHECK_OK(access("/inside", F_OK));
    CHECK_ERRNO(access("/../outside", F_OK), ENOENT);
    char path[64];
    CHECK_EQ(syscall(SYS_getcwd, path, sizeof path), 2);
    must(symlink("/inside", "/link"));
    CHECK_OK(access("/link", F_OK));  // absolute links start at the new root
    CHECK_ERRNO(access("/dev/null", F_OK), ENOENT);
  });
  CHECK_OK(access("outside", F_OK));
  CHECK_ERRNO(chroot("missing"), ENOENT);
  CHECK_ERRNO(chroot("outside"), ENOTDIR);
}

TEST(chroot_directory_outside_is_unreachable_in_getcwd) {
  must(mkdir("root", 0755));
  IN_CHILD([] {
    CHECK_OK(chroot("root"));  // the current directory stays outside
    char path[256] = {};
    CHECK(syscall(SYS_getcwd, path, sizeof path) > 0);
    CHECK(strncmp(path, "(unreachable)", 13) == 0);
  });
}
