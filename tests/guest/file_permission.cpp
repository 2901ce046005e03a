// SPDX-License-Identifier: MIT
// Permission bits, ownership, sticky and set-id bits, seen as an unprivileged user.
#include "test.h"

#include <grp.h>

#define FAMILY "file"

#define AS_USER(...)   \
  IN_CHILD([&] {       \
    drop_privileges(); \
    __VA_ARGS__        \
  })

TEST(permission_classes) {
  write_file("other", "", 0004);
  write_file("owner", "", 0400);
  write_file("group", "", 0040);
  write_file("none", "", 0000);
  must(chown("owner", 1000, 0));
  must(chown("group", 0, 1000));
  AS_USER({
    CHECK_OK(open("other", O_RDONLY));
    CHECK_ERRNO(open("other", O_WRONLY), EACCES);
    CHECK_OK(open("owner", O_RDONLY));
    CHECK_OK(open("group", O_RDONLY));
    CHECK_ERRNO(open("none", O_RDONLY), EACCES);
    CHECK_ERRNO(open("other", O_RDONLY | O_TRUNC), EACCES);
  });
  CHECK_OK(open("none", O_RDWR));  // root reads and writes everything
}

TEST(permission_first_matching_class_decides) {
  write_file("f", "", 0077);
  must(chown("f", 1000, 1000));
  AS_USER({
    CHECK_ERRNO(open("f", O_RDONLY), EACCES);  // the owner may not, though all others may
    CHECK_OK(chmod("f", 0400));
    CHECK_OK(open("f", O_RDONLY));
  });
  write_file("g", "", 0707);
  must(chown("g", 0, 1000));
  AS_USER({ CHECK_ERRNO(open("g", O_RDONLY), EACCES); });
}

TEST(permission_supplementary_group) {
  write_file("f", "", 0040);
  must(chown("f", 0, 555));
  IN_CHILD([] {
    const gid_t groups[] = {7, 555};
    must(setgroups(2, groups));
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    CHECK_OK(open("f", O_RDONLY));
  });
}

TEST(permission_directory_search_and_write) {
  must(mkdir("d", 0700));
  write_file("d/f", "", 0666);
  AS_USER({
    CHECK_ERRNO(open("d/f", O_RDONLY), EACCES);
    CHECK_ERRNO(open("d/missing", O_RDONLY), EACCES);
    struct stat st;
    CHECK_ERRNO(stat("d/f", &st), EACCES);
    CHECK_OK(stat("d", &st));
    CHECK_ERRNO(chdir("d"), EACCES);
    CHECK_ERRNO(open("d", O_RDONLY), EACCES);
  });
  must(chmod("d", 0711));  // search only
  AS_USER({
    CHECK_OK(open("d/f", O_RDONLY));
    CHECK_ERRNO(open("d", O_RDONLY), EACCES);
    CHECK_OK(chdir("d"));
    CHECK_ERRNO(open("new", O_CREAT | O_WRONLY, 0600), EACCES);
    CHECK_ERRNO(unlink("f"), EACCES);
    CHECK_ERRNO(mkdir("x", 0700), EACCES);
    CHECK_ERRNO(symlink("x", "y"), EACCES);
    CHECK_ERRNO(rename("f", "g"), EACCES);
  });
  must(chmod("d", 0744));  // reading without search: names, but nothing behind them
  AS_USER({
    CHECK_OK(open("d", O_RDONLY));
    CHECK_ERRNO(open("d/f", O_RDONLY), EACCES);
  });
}

TEST(permission_deleting_needs_only_the_directory) {
  must(mkdir("d", 0777));
  must(chmod("d", 0777));
  write_file("d/f", "", 0600);
  AS_USER({
    CHECK_OK(unlink("d/f"));
    close(CHECK_OK(open("d/mine", O_CREAT | O_WRONLY, 0600)));
    struct stat st;
    CHECK_OK(stat("d/mine", &st));
    CHECK_EQ(st.st_uid, 1000);
    CHECK_EQ(st.st_gid, 1000);
  });
}

TEST(sticky_directory) {
  must(mkdir("d", 0755));
  must(chmod("d", 01777));
  write_file("d/roots", "", 0666);
  AS_USER({
    CHECK_ERRNO(unlink("d/roots"), EPERM);
    CHECK_ERRNO(rename("d/roots", "d/x"), EPERM);
    write_file("d/mine", "");
    CHECK_OK(rename("d/mine", "d/mine2"));
    CHECK_ERRNO(rename("d/mine2", "d/roots"), EPERM);
    CHECK_OK(unlink("d/mine2"));
  });
  must(chown("d", 1000, 1000));
  AS_USER({ CHECK_OK(unlink("d/roots")); });  // the directory's owner may
}

TEST(set_group_id_directory_gives_its_group) {
  must(mkdir("d", 0777));
  must(chown("d", 0, 777));
  must(chmod("d", 02777));
  write_file("d/f", "");
  struct stat st{};
  must(stat("d/f", &st));
  CHECK_EQ(st.st_gid, 777);
  must(mkdir("d/e", 0755));
  must(stat("d/e", &st));
  CHECK_EQ(st.st_gid, 777);
  CHECK_EQ(st.st_mode & S_ISGID, S_ISGID);
}

TEST(chmod_rules) {
  write_file("f", "", 0644);
  struct stat st{};
  CHECK_OK(chmod("f", 07777));
  must(stat("f", &st));
  CHECK_EQ(st.st_mode, S_IFREG | 07777);
  CHECK_OK(chmod("f", 0170000 | 0600));  // bits of the kind are ignored
  must(stat("f", &st));
  CHECK_EQ(st.st_mode, S_IFREG | 0600);
  const int fd = must(open("f", O_RDONLY));
  CHECK_OK(fchmod(fd, 0611));
  CHECK_OK(fchmodat(AT_FDCWD, "f", 0622, 0));
  must(stat("f", &st));
  CHECK_EQ(st.st_mode & 07777, 0622);
  CHECK_ERRNO(chmod("missing", 0600), ENOENT);
  CHECK_ERRNO(fchmod(99, 0600), EBADF);
  AS_USER({
    CHECK_ERRNO(chmod("f", 0777), EPERM);
    CHECK_ERRNO(fchmod(fd, 0777), EPERM);
  });
}

TEST(chmod_by_user_outside_group_drops_setgid) {
  write_file("f", "");
  must(chown("f", 1000, 5));
  AS_USER({
    CHECK_OK(chmod("f", 02755));
    struct stat st;
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_mode & 07777, 0755);
  });
}

TEST(chown_rules) {
  write_file("f", "");
  struct stat st{};
  CHECK_OK(chown("f", 10, 20));
  CHECK_OK(chown("f", static_cast<uid_t>(-1), 30));
  must(stat("f", &st));
  CHECK_EQ(st.st_uid, 10);
  CHECK_EQ(st.st_gid, 30);
  must(symlink("f", "s"));
  CHECK_OK(lchown("s", 40, 40));
  must(lstat("s", &st));
  CHECK_EQ(st.st_uid, 40);
  must(stat("f", &st));
  CHECK_EQ(st.st_uid, 10);
  CHECK_OK(fchownat(AT_FDCWD, "s", 50, 50, 0));
  must(stat("f", &st));
  CHECK_EQ(st.st_uid, 50);
  const int fd = must(open("f", O_RDONLY));
  CHECK_OK(fchownat(fd, "", 51, 51, AT_EMPTY_PATH));
  CHECK_OK(fchown(fd, 1000, 1000));
  CHECK_ERRNO(chown("missing", 0, 0), ENOENT);
  CHECK_ERRNO(fchownat(AT_FDCWD, "f", 0, 0, 0x1), EINVAL);
  AS_USER({
    CHECK_ERRNO(chown("f", 0, static_cast<gid_t>(-1)), EPERM);  // may not be given away
    CHECK_ERRNO(chown("f", static_cast<uid_t>(-1), 0), EPERM);
    CHECK_OK(chown("f", 1000, 1000));
    CHECK_OK(chown("f", static_cast<uid_t>(-1), static_cast<gid_t>(-1)));
  });
}

TEST(chown_and_write_clear_set_id_bits) {
  write_file("f", "", 0755);
  must(chmod("f", 06755));
  CHECK_OK(chown("f", 1000, 1000));
  struct stat st{};
  must(stat("f", &st));
  CHECK_EQ(st.st_mode & 07777, 0755);
  must(chmod("f", 06777));
  AS_USER({
    const int fd = must(open("f", O_WRONLY));
    CHECK_EQ(write(fd, "x", 1), 1);
  });
  must(stat("f", &st));
  CHECK_EQ(st.st_mode & 07777, 0777);
}

TEST(utimensat_permissions) {
  write_file("f", "", 0666);
  write_file("g", "", 0644);
  AS_USER({
    const timespec times[2] = {{1, 0}, {1, 0}};
    CHECK_OK(utimensat(AT_FDCWD, "f", nullptr, 0));  // now: writing is enough
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", times, 0), EPERM);
    CHECK_ERRNO(utimensat(AT_FDCWD, "g", nullptr, 0), EACCES);
  });
}

TEST(exec_permissions) {
  write_file("f", "#!/bin/true\n", 0644);
  must(chmod("f", 0744));
  AS_USER({
    const char* argv[] = {"f", nullptr};
    CHECK_ERRNO(execv("./f", const_cast<char**>(argv)), EACCES);
  });
}
