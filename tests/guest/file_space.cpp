// SPDX-License-Identifier: MIT
// sendfile, copy_file_range, fallocate, memfd_create and its seals.
#include "test.h"

#include <sys/sendfile.h>

#define FAMILY "file"

TEST(sendfile_file_to_file_and_pipe) {
  write_file("in", "0123456789");
  const int in = must(open("in", O_RDONLY));
  const int out = must(open("out", O_CREAT | O_RDWR, 0600));
  CHECK_EQ(sendfile(out, in, nullptr, 4), 4);
  CHECK_EQ(lseek(in, 0, SEEK_CUR), 4);
  off_t offset = 6;
  CHECK_EQ(sendfile(out, in, &offset, 100), 4);
  CHECK_EQ(offset, 10);
  CHECK_EQ(lseek(in, 0, SEEK_CUR), 4);
  char text[16];
  CHECK_EQ(read_file("out", text, sizeof text), 8);
  CHECK_STR(text, "01236789");
  int fds[2];
  must(pipe(fds));
  CHECK_EQ(sendfile(fds[1], in, nullptr, 100), 6);
  CHECK_EQ(read(fds[0], text, sizeof text), 6);
  CHECK_EQ(sendfile(fds[1], in, nullptr, 100), 0);
}

TEST(sendfile_errors) {
  write_file("in", "0123456789");
  const int in = must(open("in", O_RDONLY));
  const int out = must(open("out", O_CREAT | O_RDWR, 0600));
  CHECK_ERRNO(sendfile(in, in, nullptr, 1), EBADF);
  CHECK_ERRNO(sendfile(out, 99, nullptr, 1), EBADF);
  off_t offset = -1;
  CHECK_ERRNO(sendfile(out, in, &offset, 1), EINVAL);
  CHECK_ERRNO(syscall(SYS_sendfile, out, in, 8, 1), EFAULT);
  int fds[2];
  must(pipe(fds));
  offset = 0;
  CHECK_ERRNO(sendfile(out, fds[0], &offset, 1), ESPIPE);
  const int append = must(open("out", O_WRONLY | O_APPEND));
  CHECK_ERRNO(sendfile(append, in, nullptr, 1), EINVAL);
}

TEST(copy_file_range_copies) {
  write_file("in", "0123456789");
  const int in = must(open("in", O_RDONLY));
  const int out = must(open("out", O_CREAT | O_RDWR, 0600));
  CHECK_EQ(copy_file_range(in, nullptr, out, nullptr, 3, 0), 3);
  loff_t from = 5;
  loff_t to = 3;
  CHECK_EQ(copy_file_range(in, &from, out, &to, 100, 0), 5);
  CHECK_EQ(from, 10);
  CHECK_EQ(to, 8);
  char text[16];
  CHECK_EQ(read_file("out", text, sizeof text), 8);
  CHECK_STR(text, "01256789");
  CHECK_EQ(copy_file_range(in, &from, out, &to, 100, 0), 0);
  CHECK_ERRNO(copy_file_range(in, nullptr, out, nullptr, 1, 1), EINVAL);
  CHECK_ERRNO(copy_file_range(out, nullptr, in, nullptr, 1, 0), EBADF);
  from = 0;
  to = 2;
  CHECK_ERRNO(copy_file_range(out, &from, out, &to, 5, 0), EINVAL);  // overlapping
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(copy_file_range(in, nullptr, fds[1], nullptr, 1, 0), EINVAL);
}

TEST(fallocate_allocates_and_punches) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  struct stat st{};
  CHECK_OK(fallocate(fd, 0, 0, 4 * kPage));
  must(fstat(fd, &st));
  CHECK_EQ(st.st_size, 4 * kPage);
  CHECK_EQ(st.st_blocks, 4 * 8);
  CHECK_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 4 * kPage, kPage));
  must(fstat(fd, &st));
  CHECK_EQ(st.st_size, 4 * kPage);
  char data[2 * kPage];
  memset(data, 'x', sizeof data);
  must(pwrite(fd, data, sizeof data, kPage));
  CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kPage + 100, kPage));
  must(pread(fd, data, sizeof data, kPage));
  CHECK_EQ(data[99], 'x');
  CHECK_EQ(data[100], 0);
  CHECK_EQ(data[kPage + 99], 0);
  CHECK_EQ(data[kPage + 100], 'x');
  CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8 * kPage));
  must(fstat(fd, &st));
  CHECK_EQ(st.st_size, 4 * kPage);
  CHECK(st.st_blocks <= 8);
}

TEST(fallocate_errors) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
  CHECK_ERRNO(fallocate(fd, 0, -1, 1), EINVAL);
  CHECK_ERRNO(fallocate(fd, 0x4000, 0, 1), EOPNOTSUPP);
  CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);  // needs KEEP_SIZE
  const int reader = must(open("f", O_RDONLY));
  CHECK_ERRNO(fallocate(reader, 0, 0, 1), EBADF);
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(fallocate(fds[1], 0, 0, 1), ESPIPE);
  CHECK_ERRNO(fallocate(99, 0, 0, 1), EBADF);
}

TEST(memfd_is_a_file) {
  const int fd = CHECK_OK(memfd_create("name", MFD_CLOEXEC));
  CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(write(fd, "hello", 5), 5);
  char text[8] = {};
  CHECK_EQ(pread(fd, text, 8, 0), 5);
  CHECK_STR(text, "hello");
  struct stat st{};
  CHECK_OK(fstat(fd, &st));
  CHECK_EQ(st.st_mode, S_IFREG | 0777);
  CHECK_EQ(st.st_nlink, 0);
  char path[32];
  char target[64] = {};
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  CHECK(readlink(path, target, sizeof target - 1) > 0);
  CHECK_STR(target, "/memfd:name (deleted)");
  CHECK_ERRNO(memfd_create("x", 0x100), EINVAL);
  char name[300];
  memset(name, 'x', sizeof name);
  name[250] = '\0';
  CHECK_ERRNO(memfd_create(name, 0), EINVAL);
  CHECK_ERRNO(syscall(SYS_memfd_create, 8, 0), EFAULT);
}

TEST(memfd_seals) {
  const int fd = CHECK_OK(memfd_create("s", MFD_ALLOW_SEALING));
  must(ftruncate(fd, kPage));
  CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
  CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
  CHECK_ERRNO(ftruncate(fd, 10), EPERM);
  CHECK_OK(ftruncate(fd, 2 * kPage));
  CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  CHECK_ERRNO(ftruncate(fd, 3 * kPage), EPERM);
  CHECK_ERRNO(pwrite(fd, "x", 1, 2 * kPage), EPERM);
  CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
  void* shared = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REQUIRE(shared != MAP_FAILED);
  CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  munmap(shared, kPage);
  CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  CHECK_ERRNO(pwrite(fd, "x", 1, 0), EPERM);
  CHECK_ERRNO((mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), EPERM);
  CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
  CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  const int plain = must(memfd_create("p", 0));
  CHECK_EQ(fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
  CHECK_ERRNO(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(fcntl(fds[0], F_GET_SEALS), EINVAL);
}
