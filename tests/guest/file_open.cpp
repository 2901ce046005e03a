// SPDX-License-Identifier: MIT
// open: creation, flags, modes and errors.
#include "test.h"

#include <sys/ioctl.h>

#define FAMILY "file"

TEST(open_creates_with_mode_and_owner) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0640));
  struct stat st{};
  CHECK_OK(fstat(fd, &st));
  CHECK_EQ(st.st_mode, S_IFREG | 0640);
  CHECK_EQ(st.st_size, 0);
  CHECK_EQ(st.st_nlink, 1);
  CHECK_EQ(st.st_uid, 0);
  CHECK_EQ(st.st_gid, 0);
  CHECK_EQ(st.st_blksize, 4096);
}

TEST(open_uses_the_lowest_descriptor) {
  CHECK_EQ(open("/dev/null", O_RDONLY), 3);
  CHECK_EQ(open("/dev/null", O_RDONLY), 4);
  CHECK_EQ(open("/dev/null", O_RDONLY), 5);
  CHECK_OK(close(4));
  CHECK_EQ(open("/dev/null", O_RDONLY), 4);
  CHECK_OK(close(0));
  CHECK_EQ(open("/dev/null", O_RDONLY), 0);
}

TEST(open_missing_is_enoent) {
  CHECK_ERRNO(open("missing", O_RDONLY), ENOENT);
  CHECK_ERRNO(open("missing/x", O_RDONLY), ENOENT);
  CHECK_ERRNO(open("missing/x", O_RDWR | O_CREAT, 0600), ENOENT);
  CHECK_ERRNO(open("", O_RDONLY), ENOENT);
  CHECK_ERRNO(open("", O_RDWR | O_CREAT, 0600), ENOENT);
}

TEST(open_excl) {
  CHECK_OK(open("f", O_CREAT | O_EXCL | O_WRONLY, 0600));
  CHECK_ERRNO(open("f", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
  must(symlink("nowhere", "dangling"));
  CHECK_ERRNO(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
  CHECK(!exists("nowhere"));
  must(mkdir("d", 0700));
  CHECK_ERRNO(open("d", O_CREAT | O_EXCL | O_RDONLY, 0600), EEXIST);
}

TEST(open_creates_through_a_dangling_symlink) {
  must(symlink("target", "link"));
  CHECK_OK(open("link", O_CREAT | O_WRONLY, 0600));
  CHECK(exists("target"));
}

TEST(open_truncates) {
  write_file("f", "0123456789");
  struct stat st{};
  close(must(open("f", O_WRONLY)));
  must(stat("f", &st));
  CHECK_EQ(st.st_size, 10);
  close(must(open("f", O_WRONLY | O_TRUNC)));
  must(stat("f", &st));
  CHECK_EQ(st.st_size, 0);
}

TEST(open_directories) {
  must(mkdir("d", 0755));
  CHECK_ERRNO(open("d", O_WRONLY), EISDIR);
  CHECK_ERRNO(open("d", O_RDWR), EISDIR);
  CHECK_ERRNO(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
  CHECK_ERRNO(open("d", O_RDONLY | O_TRUNC), EISDIR);
  const int fd = CHECK_OK(open("d", O_RDONLY));
  char c;
  CHECK_ERRNO(read(fd, &c, 1), EISDIR);
  CHECK_ERRNO(write(fd, "x", 1), EBADF);
  CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
  CHECK_OK(open("d/", O_RDONLY));
  write_file("f", "");
  CHECK_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
  CHECK_ERRNO(open("f/", O_RDONLY), ENOTDIR);
  CHECK_ERRNO(open("f/x", O_RDONLY), ENOTDIR);
  CHECK_ERRNO(open("new/", O_RDWR | O_CREAT, 0600), EISDIR);
}

TEST(open_nofollow) {
  write_file("f", "");
  must(symlink("f", "link"));
  must(mkdir("d", 0755));
  must(symlink("d", "dlink"));
  write_file("d/x", "");
  CHECK_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
  CHECK_OK(open("f", O_RDONLY | O_NOFOLLOW));
  CHECK_OK(open("dlink/x", O_RDONLY | O_NOFOLLOW));  // only the last component counts
  CHECK_ERRNO(open("dlink", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
}

TEST(open_access_modes_are_enforced) {
  write_file("f", "abc");
  char c;
  const int r = must(open("f", O_RDONLY));
  CHECK_ERRNO(write(r, "x", 1), EBADF);
  CHECK_ERRNO(ftruncate(r, 0), EINVAL);
  const int w = must(open("f", O_WRONLY));
  CHECK_ERRNO(read(w, &c, 1), EBADF);
  CHECK_EQ(write(w, "x", 1), 1);
  const int rw = must(open("f", O_RDWR));
  CHECK_EQ(read(rw, &c, 1), 1);
  CHECK_EQ(c, 'x');
}

TEST(open_read_only_file_created_writable) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0400));  // the mode is for later openers
  CHECK_EQ(write(fd, "x", 1), 1);
}

TEST(open_path_descriptor) {
  write_file("f", "abc");
  const int fd = must(open("f", O_PATH));
  char c;
  CHECK_ERRNO(read(fd, &c, 1), EBADF);
  CHECK_ERRNO(write(fd, "x", 1), EBADF);
  CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
  CHECK_ERRNO(fchmod(fd, 0600), EBADF);
  CHECK_ERRNO(ioctl(fd, FIONREAD, &c), EBADF);
  struct stat st{};
  CHECK_OK(fstat(fd, &st));
  CHECK_EQ(st.st_size, 3);
  CHECK_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
  must(symlink("f", "link"));
  const int link = CHECK_OK(open("link", O_PATH | O_NOFOLLOW));
  CHECK_OK(fstat(link, &st));
  CHECK(S_ISLNK(st.st_mode));
  must(mkdir("d", 0755));
  write_file("d/x", "");
  const int directory = CHECK_OK(open("d", O_PATH | O_DIRECTORY));
  CHECK_OK(openat(directory, "x", O_RDONLY));
  CHECK_OK(fchdir(directory));
}

TEST(open_tmpfile) {
  must(mkdir("d", 0755));
  const int fd = CHECK_OK(open("d", O_TMPFILE | O_RDWR, 0600));
  CHECK_EQ(write(fd, "hidden", 6), 6);
  struct stat st{};
  CHECK_OK(fstat(fd, &st));
  CHECK_EQ(st.st_nlink, 0);
  CHECK_OK(rmdir("d"));  // it is in no directory
  must(mkdir("d", 0755));
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
  char text[16];
  CHECK_EQ(read_file("named", text, sizeof text), 6);
  CHECK_STR(text, "hidden");
  CHECK_ERRNO(open("d", O_TMPFILE | O_RDONLY, 0600), EINVAL);
  const int closed = CHECK_OK(open("d", O_TMPFILE | O_RDWR | O_EXCL, 0600));
  snprintf(path, sizeof path, "/proc/self/fd/%d", closed);
  CHECK_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT);
}

TEST(open_bad_pointers_and_names) {
  CHECK_ERRNO(syscall(SYS_open, nullptr, O_RDONLY), EFAULT);
  CHECK_ERRNO(syscall(SYS_openat, AT_FDCWD, 8, O_RDONLY), EFAULT);
  char name[4200];
  memset(name, 'a', sizeof name);
  name[256] = '\0';
  CHECK_ERRNO(open(name, O_RDONLY | O_CREAT, 0600), ENAMETOOLONG);
  name[255] = '\0';
  CHECK_OK(open(name, O_RDWR | O_CREAT, 0600));  // 255 bytes are allowed
  memset(name, '/', sizeof name);
  name[4096] = '\0';
  CHECK_ERRNO(open(name, O_RDONLY), ENAMETOOLONG);
  name[4095] = '\0';
  CHECK_OK(open(name, O_RDONLY));  // 4095 slashes are the root directory
}

TEST(openat_relative_to_a_directory) {
  must(mkdir("d", 0755));
  write_file("d/f", "inside");
  write_file("f", "outside");
  const int directory = must(open("d", O_RDONLY | O_DIRECTORY));
  const int fd = CHECK_OK(openat(directory, "f", O_RDONLY));
  char text[16] = {};
  CHECK_EQ(read(fd, text, sizeof text), 6);
  CHECK_STR(text, "inside");
  CHECK_OK(openat(directory, "/dev/null", O_RDONLY));  // absolute: the descriptor is not looked at
  CHECK_OK(openat(-1, "/dev/null", O_RDONLY));
  CHECK_ERRNO(openat(-1, "f", O_RDONLY), EBADF);
  CHECK_ERRNO(openat(fd, "f", O_RDONLY), ENOTDIR);
  CHECK_ERRNO(openat(directory, "", O_RDONLY), ENOENT);
  CHECK_OK(openat(directory, "../f", O_RDONLY));
}

TEST(creat_is_open_for_writing) {
  const int fd = CHECK_OK(creat("f", 0600));
  CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
}

TEST(unlinked_file_lives_until_closed) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(unlink("f"));
  CHECK(!exists("f"));
  CHECK_EQ(write(fd, "data", 4), 4);
  char text[8] = {};
  CHECK_EQ(pread(fd, text, 8, 0), 4);
  CHECK_STR(text, "data");
  struct stat st{};
  CHECK_OK(fstat(fd, &st));
  CHECK_EQ(st.st_nlink, 0);
}
