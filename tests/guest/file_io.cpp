// SPDX-License-Identifier: MIT
// read, write and their relatives on tmpfs files: offsets, vectors, append, sparse files, seeking.
#include "test.h"

#include <limits.h>
#include <sys/uio.h>

#define FAMILY "file"

TEST(read_and_write_move_the_offset) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_EQ(write(fd, "hello world", 11), 11);
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
  CHECK_EQ(lseek(fd, 6, SEEK_SET), 6);
  char text[16] = {};
  CHECK_EQ(read(fd, text, 3), 3);
  CHECK_STR(text, "wor");
  CHECK_EQ(read(fd, text, 16), 2);
  CHECK_EQ(read(fd, text, 16), 0);
  CHECK_EQ(write(fd, "", 0), 0);
  CHECK_EQ(read(fd, text, 0), 0);
}

TEST(read_write_errors) {
  char c = 0;
  CHECK_ERRNO(read(99, &c, 1), EBADF);
  CHECK_ERRNO(read(-1, &c, 1), EBADF);
  CHECK_ERRNO(write(99, &c, 1), EBADF);
  write_file("f", "abc");
  const int fd = must(open("f", O_RDWR));
  CHECK_ERRNO(syscall(SYS_read, fd, 8, 1), EFAULT);
  CHECK_ERRNO(syscall(SYS_write, fd, 8, 1), EFAULT);
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
  CHECK_EQ(lseek(fd, 0, SEEK_END), 3);
  CHECK_EQ(syscall(SYS_read, fd, 8, 1), 0);  // at the end nothing is copied
}

TEST(read_stops_at_a_bad_page) {
  char* memory = map_pages(2);
  munmap(memory + kPage, kPage);
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  char data[200];
  memset(data, 'x', sizeof data);
  CHECK_EQ(write(fd, data, 200), 200);
  lseek(fd, 0, SEEK_SET);
  CHECK_EQ(read(fd, memory + kPage - 100, 200), 100);  // what fits is read
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 100);
  CHECK_EQ(memory[kPage - 1], 'x');
  CHECK_EQ(write(fd, memory + kPage - 50, 100), 50);
}

TEST(pread_pwrite_leave_the_offset) {
  write_file("f", "0123456789");
  const int fd = must(open("f", O_RDWR));
  char text[16] = {};
  CHECK_EQ(pread(fd, text, 3, 4), 3);
  CHECK_STR(text, "456");
  CHECK_EQ(pwrite(fd, "XY", 2, 8), 2);
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
  CHECK_EQ(pread(fd, text, 16, 8), 2);
  CHECK_EQ(pread(fd, text, 16, 100), 0);
  CHECK_ERRNO(pread(fd, text, 1, -1), EINVAL);
  CHECK_ERRNO(pwrite(fd, text, 1, -1), EINVAL);
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(pread(fds[0], text, 1, 0), ESPIPE);
  CHECK_ERRNO(pwrite(fds[1], text, 1, 0), ESPIPE);
}

TEST(readv_writev_gather_and_scatter) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  char one[] = "one";
  char two[] = "-two";
  const iovec out[] = {{one, 3}, {nullptr, 0}, {two, 4}};
  CHECK_EQ(writev(fd, out, 3), 7);
  char a[3] = {};
  char b[10] = {};
  const iovec in[] = {{a, 2}, {b, 9}};
  lseek(fd, 0, SEEK_SET);
  CHECK_EQ(readv(fd, in, 2), 7);
  CHECK_STR(a, "on");
  CHECK_STR(b, "e-two");
  CHECK_EQ(preadv(fd, in, 1, 4), 2);
  CHECK_STR(a, "tw");
  CHECK_EQ(pwritev(fd, out, 1, 10), 3);
  CHECK_EQ(lseek(fd, 0, SEEK_END), 13);
}

TEST(readv_writev_errors) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  char c = 'x';
  iovec many[1025];
  for (auto& v : many) v = {&c, 1};
  CHECK_EQ(writev(fd, many, 1024), 1024);
  CHECK_ERRNO(writev(fd, many, 1025), EINVAL);
  CHECK_ERRNO(writev(fd, many, -1), EINVAL);
  CHECK_EQ(writev(fd, many, 0), 0);
  const iovec negative[] = {{&c, 1}, {&c, static_cast<size_t>(-1)}};
  CHECK_ERRNO(writev(fd, negative, 2), EINVAL);
  CHECK_ERRNO(syscall(SYS_writev, fd, 8, 1), EFAULT);
  const iovec bad[] = {{&c, 1}, {reinterpret_cast<void*>(8), 4}};
  CHECK_EQ(writev(fd, bad, 2), 1);
  CHECK_ERRNO(writev(fd, bad + 1, 1), EFAULT);
}

TEST(preadv2_pwritev2) {
  write_file("f", "0123456789");
  const int fd = must(open("f", O_RDWR));
  char text[16] = {};
  iovec v{text, 4};
  CHECK_EQ(preadv2(fd, &v, 1, 2, 0), 4);
  CHECK_STR(text, "2345");
  CHECK_EQ(preadv2(fd, &v, 1, -1, 0), 4);  // -1: the file's own offset
  CHECK_STR(text, "0123");
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
  CHECK_EQ(pwritev2(fd, &v, 1, 0, RWF_APPEND), 4);
  CHECK_EQ(lseek(fd, 0, SEEK_END), 14);
  CHECK_ERRNO(preadv2(fd, &v, 1, 0, 0x4000), EOPNOTSUPP);
}

TEST(append_always_writes_at_the_end) {
  write_file("f", "start");
  const int fd = must(open("f", O_RDWR | O_APPEND));
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
  CHECK_EQ(write(fd, "-a", 2), 2);
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
  lseek(fd, 1, SEEK_SET);
  CHECK_EQ(write(fd, "-b", 2), 2);
  CHECK_EQ(pwrite(fd, "-c", 2, 0), 2);  // Linux appends here too
  char text[32];
  CHECK_EQ(read_file("f", text, sizeof text), 11);
  CHECK_STR(text, "start-a-b-c");
  CHECK_OK(fcntl(fd, F_SETFL, 0));
  CHECK_EQ(pwrite(fd, "S", 1, 0), 1);
  read_file("f", text, sizeof text);
  CHECK_STR(text, "Start-a-b-c");
}

TEST(append_is_atomic_between_processes) {
  close(must(open("f", O_CREAT | O_RDWR, 0600)));
  pid_t pids[4];
  for (int p = 0; p < 4; ++p) {
    pids[p] = spawn([p] {
      const int fd = must(open("f", O_WRONLY | O_APPEND));
      char line[10];
      memset(line, 'a' + p, 10);
      for (int i = 0; i < 200; ++i) CHECK_EQ(write(fd, line, 10), 10);
    });
  }
  for (const pid_t pid : pids) CHECK_CHILD_OK(pid);
  static char text[8001];
  CHECK_EQ(read_file("f", text, sizeof text), 8000);
  for (int i = 0; i < 8000; i += 10) {
    for (int k = 1; k < 10; ++k) REQUIRE(text[i] == text[i + k]);
  }
}

TEST(lseek_rules) {
  write_file("f", "0123456789");
  const int fd = must(open("f", O_RDWR));
  CHECK_EQ(lseek(fd, -3, SEEK_END), 7);
  CHECK_EQ(lseek(fd, 2, SEEK_CUR), 9);
  CHECK_EQ(lseek(fd, 1000, SEEK_SET), 1000);  // beyond the end is allowed
  char c;
  CHECK_EQ(read(fd, &c, 1), 0);
  CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
  CHECK_ERRNO(lseek(fd, -1001, SEEK_CUR), EINVAL);
  CHECK_ERRNO(lseek(fd, -11, SEEK_END), EINVAL);
  CHECK_ERRNO(lseek(fd, 0, 5), EINVAL);
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1000);
  CHECK_ERRNO(lseek(99, 0, SEEK_SET), EBADF);
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(lseek(fds[0], 0, SEEK_CUR), ESPIPE);
  CHECK_ERRNO(lseek(fd, LLONG_MAX, SEEK_CUR), EINVAL);
}

TEST(seek_data_and_hole) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  must(ftruncate(fd, 16 * kPage));
  must(pwrite(fd, "x", 1, 4 * kPage));
  CHECK_EQ(lseek(fd, 0, SEEK_DATA), 4 * kPage);
  CHECK_EQ(lseek(fd, 4 * kPage + 7, SEEK_DATA), 4 * kPage + 7);
  CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
  CHECK_EQ(lseek(fd, 4 * kPage, SEEK_HOLE), 5 * kPage);
  CHECK_ERRNO(lseek(fd, 5 * kPage, SEEK_DATA), ENXIO);
  CHECK_ERRNO(lseek(fd, 16 * kPage, SEEK_DATA), ENXIO);
  CHECK_ERRNO(lseek(fd, 17 * kPage, SEEK_HOLE), ENXIO);
  CHECK_EQ(lseek(fd, 16 * kPage - 1, SEEK_HOLE), 16 * kPage - 1);
}

TEST(sparse_file_reads_zeros) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_EQ(pwrite(fd, "end", 3, 1 << 20), 3);
  struct stat st{};
  CHECK_OK(fstat(fd, &st));
  CHECK_EQ(st.st_size, (1 << 20) + 3);
  CHECK(st.st_blocks <= 16);  // only what was written takes room
  char data[64];
  memset(data, 1, sizeof data);
  CHECK_EQ(pread(fd, data, 64, 5000), 64);
  for (const char c : data) CHECK_EQ(c, 0);
    // A hole of many gigabytes costs nothing.
  CHECK_EQ(pwrite(fd, "far", 3, 1LL << 40), 3);
  CHECK_EQ(pread(fd, data, 64, 1LL << 40), 3);
}

TEST(truncate_and_extend) {
  write_file("f", "0123456789");
  CHECK_OK(truncate("f", 4));
  CHECK_OK(truncate("f", 8));
  char text[16];
  CHECK_EQ(read_file("f", text, sizeof text), 8);
  CHECK(memcmp(text, "0123\0\0\0\0", 8) == 0);  // what was cut off is not seen again
  const int fd = must(open("f", O_RDWR));
  CHECK_OK(ftruncate(fd, 0));
  CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
  CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
  CHECK_ERRNO(truncate("f", -1), EINVAL);
  CHECK_ERRNO(truncate("missing", 0), ENOENT);
  CHECK_ERRNO(truncate(".", 0), EISDIR);
  CHECK_ERRNO(ftruncate(99, 0), EBADF);
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(ftruncate(fds[1], 0), EINVAL);
}

TEST(truncate_keeps_the_offset) {
  write_file("f", "0123456789");
  const int fd = must(open("f", O_RDWR));
  must(lseek(fd, 0, SEEK_END));
  must(ftruncate(fd, 2));
  CHECK_EQ(write(fd, "x", 1), 1);
  char text[16];
  CHECK_EQ(read_file("f", text, sizeof text), 11);
  CHECK(memcmp(text, "01\0\0\0\0\0\0\0\0x", 11) == 0);
}

TEST(large_file_contents_survive) {
  constexpr size_t kSize = 3 << 20;
  auto* data = static_cast<unsigned char*>(malloc(kSize));
  for (size_t i = 0; i < kSize; ++i) data[i] = static_cast<unsigned char>(i * 2654435761u >> 24);
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  for (size_t done = 0; done < kSize;) done += must(write(fd, data + done, kSize - done > 70001 ? 70001 : kSize - done));
  auto* back = static_cast<unsigned char*>(malloc(kSize));
  lseek(fd, 0, SEEK_SET);
  for (size_t done = 0; done < kSize;) {
    const long n = must(read(fd, back + done, 54321 < kSize - done ? 54321 : kSize - done));
    REQUIRE(n > 0);
    done += n;
  }
  CHECK(memcmp(data, back, kSize) == 0);
}

TEST(fsync_family) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(fsync(fd));
  CHECK_OK(fdatasync(fd));
  CHECK_OK(syncfs(fd));
  CHECK_ERRNO(fsync(99), EBADF);
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(fsync(fds[0]), EINVAL);
  sync();
  CHECK_OK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0 ? 0 : -1);
  CHECK_EQ(posix_fadvise(fds[0], 0, 0, POSIX_FADV_SEQUENTIAL), ESPIPE);
  CHECK_EQ(posix_fadvise(fd, 0, 0, 99), EINVAL);
}
