// SPDX-License-Identifier: MIT
// Mappings of files: private and shared, coherence with read and write, offsets, permissions.
#include "test.h"

#include <sys/statfs.h>

#define FAMILY "memory"

static char* map(int fd, size_t size, int protection, int flags, off_t offset = 0) {
  return static_cast<char*>(mmap(nullptr, size, protection, flags, fd, offset));
}

static int filled_file(const char* name, size_t pages) {
  const int fd = must(open(name, O_CREAT | O_RDWR | O_TRUNC, 0600));
  char page[kPage];
  for (size_t i = 0; i < pages; ++i) {
    memset(page, static_cast<int>('a' + i), kPage);
    must(write(fd, page, kPage));
  }
  return fd;
}

TEST(file_mapping_reads_the_file) {
  const int fd = filled_file("f", 3);
  for (const int flags : (const int[]){MAP_PRIVATE, MAP_SHARED}) {
    char* memory = map(fd, 3 * kPage, PROT_READ, flags);
    REQUIRE(memory != MAP_FAILED);
    CHECK(memory[0] == 'a' && memory[kPage] == 'b' && memory[3 * kPage - 1] == 'c');
    CHECK_OK(munmap(memory, 3 * kPage));
  }
}

TEST(file_mapping_offset) {
  const int fd = filled_file("f", 3);
  char* memory = map(fd, kPage, PROT_READ, MAP_PRIVATE, 2 * kPage);
  REQUIRE(memory != MAP_FAILED);
  CHECK_EQ(memory[0], 'c');
  CHECK_ERRNO(map(fd, kPage, PROT_READ, MAP_PRIVATE, 100), EINVAL);
  CHECK_ERRNO(map(fd, kPage, PROT_READ, MAP_PRIVATE, -static_cast<off_t>(kPage)), EOVERFLOW);
}

TEST(shared_mapping_is_coherent_with_read_and_write) {
  const int fd = filled_file("f", 2);
  char* memory = map(fd, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
  REQUIRE(memory != MAP_FAILED);
  memory[5] = 'X';
  char c = 0;
  CHECK_EQ(pread(fd, &c, 1, 5), 1);
  CHECK_EQ(c, 'X');
  CHECK_EQ(pwrite(fd, "Y", 1, kPage + 7), 1);
  CHECK_EQ(memory[kPage + 7], 'Y');
  char* second = map(fd, kPage, PROT_READ, MAP_SHARED);
  CHECK_EQ(second[5], 'X');
  memory[6] = 'Z';
  CHECK_EQ(second[6], 'Z');
  munmap(memory, 2 * kPage);
  CHECK_EQ(pread(fd, &c, 1, 6), 1);
  CHECK_EQ(c, 'Z');
}

TEST(private_mapping_copies_on_write) {
  const int fd = filled_file("f", 2);
  char* memory = map(fd, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  REQUIRE(memory != MAP_FAILED);
  memory[5] = 'X';
  char c = 0;
  CHECK_EQ(pread(fd, &c, 1, 5), 1);
  CHECK_EQ(c, 'a');
  CHECK_EQ(memory[6], 'a');  // the rest of the page was copied
  must(pwrite(fd, "N", 1, 7));
  CHECK_EQ(memory[7], 'a');  // this page is ours now
}

TEST(private_mapping_of_a_read_only_file_is_writable) {
  close(filled_file("f", 1));
  const int fd = must(open("f", O_RDONLY));
  char* memory = map(fd, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  REQUIRE(memory != MAP_FAILED);
  memory[0] = 'x';
  CHECK_ERRNO(map(fd, kPage, PROT_READ | PROT_WRITE, MAP_SHARED), EACCES);
  char* shared = map(fd, kPage, PROT_READ, MAP_SHARED);
  REQUIRE(shared != MAP_FAILED);
  CHECK_ERRNO(mprotect(shared, kPage, PROT_READ | PROT_WRITE), EACCES);
}

TEST(file_mapping_errors) {
  close(filled_file("f", 1));
  const int writer = must(open("f", O_WRONLY));
  CHECK_ERRNO(map(writer, kPage, PROT_READ, MAP_PRIVATE), EACCES);
  CHECK_ERRNO(map(writer, kPage, PROT_WRITE, MAP_SHARED), EACCES);
  CHECK_ERRNO(map(99, kPage, PROT_READ, MAP_PRIVATE), EBADF);
  CHECK_ERRNO(map(must(open("f", O_PATH)), kPage, PROT_READ, MAP_PRIVATE), EBADF);
  CHECK_ERRNO(map(must(open(".", O_RDONLY)), kPage, PROT_READ, MAP_PRIVATE), ENODEV);
  int fds[2];
  must(pipe(fds));
  CHECK_ERRNO(map(fds[0], kPage, PROT_READ, MAP_PRIVATE), ENODEV);
  const int fd = must(open("f", O_RDWR));
  CHECK_ERRNO(map(fd, 0, PROT_READ, MAP_PRIVATE), EINVAL);
  CHECK_ERRNO(map(fd, kPage, PROT_READ, 0), EINVAL);
}

TEST(file_mapping_tail_of_the_last_page_is_zero) {
  write_file("f", "short");
  const int fd = must(open("f", O_RDWR));
  char* memory = map(fd, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
  REQUIRE(memory != MAP_FAILED);
  for (size_t i = 5; i < kPage; ++i) REQUIRE(memory[i] == 0);
  memory[100] = 'x';  // beyond the end: never part of the file
  char text[200];
  CHECK_EQ(read_file("f", text, sizeof text), 5);
  struct stat st{};
  must(fstat(fd, &st));
  CHECK_EQ(st.st_size, 5);
}

TEST(file_mapping_survives_close_and_unlink) {
  const int fd = filled_file("f", 1);
  char* memory = map(fd, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
  close(fd);
  must(unlink("f"));
  CHECK_EQ(memory[10], 'a');
  memory[10] = 'b';
  CHECK_EQ(memory[10], 'b');
}

TEST(file_mapping_sees_growth) {
  const int fd = filled_file("f", 1);
  char* memory = map(fd, 2 * kPage, PROT_READ, MAP_SHARED);
  must(pwrite(fd, "more", 4, kPage));
  CHECK_EQ(memory[kPage], 'm');
}

TEST(shared_mapping_between_processes) {
  const int fd = filled_file("f", 1);
  char* memory = map(fd, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
  IN_CHILD([&] { memory[0] = 'C'; });
  CHECK_EQ(memory[0], 'C');
  IN_CHILD([] {
    const int mine = must(open("f", O_RDWR));
    char* view = map(mine, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    CHECK_EQ(view[0], 'C');
    view[1] = 'D';
  });
  CHECK_EQ(memory[1], 'D');
}

TEST(msync_rules) {
  const int fd = filled_file("f", 2);
  char* memory = map(fd, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
  CHECK_OK(msync(memory, 2 * kPage, MS_SYNC));
  CHECK_OK(msync(memory, 100, MS_ASYNC));
  CHECK_OK(msync(memory, kPage, MS_SYNC | MS_INVALIDATE));
  CHECK_ERRNO(msync(memory, kPage, MS_SYNC | MS_ASYNC), EINVAL);
  CHECK_ERRNO(msync(memory, kPage, 0x100), EINVAL);
  CHECK_ERRNO(msync(memory + 1, kPage, MS_SYNC), EINVAL);
  must(munmap(memory + kPage, kPage));
  CHECK_ERRNO(msync(memory, 2 * kPage, MS_SYNC), ENOMEM);
}

TEST(system_calls_reach_mapped_files) {
    // A buffer inside a mapping that has never been touched must be brought in by the kernel.
  const int fd = filled_file("f", 4);
  char* memory = map(fd, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
  int fds[2];
  must(pipe(fds));
  CHECK_EQ(write(fds[1], memory + kPage - 2, 4), 4);
  char text[8] = {};
  CHECK_EQ(read(fds[0], text, 8), 4);
  CHECK_STR(text, "aabb");
  must(write(fds[1], "WXYZ", 4));
  CHECK_EQ(read(fds[0], memory + 3 * kPage - 2, 4), 4);
  CHECK_EQ(pread(fd, text, 4, 3 * kPage - 2), 4);
  CHECK_STR(text, "WXYZ");
  char* fresh = map_pages(2);
  CHECK_EQ(pread(fd, fresh + kPage - 1, 2, 0), 2);
  CHECK_EQ(fresh[kPage], 'a');
}

static bool later(const timespec& a, const timespec& b) { return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec; }

TEST(shared_mapping_changes_the_times_of_a_file) {
  struct statfs where;
  must(statfs(".", &where));
  if (where.f_type != 0xef53) test::skip("not on ext4");
  const int fd = filled_file("f", 4);
  must(fsync(fd));
  struct stat before, after;
  const auto look = [&] { must(fstat(fd, &after)); };
  const auto wait_and_look = [&] {
    must(fstat(fd, &before));
    sleep_ms(before.st_mtim.tv_nsec == 0 ? 1100 : 20);
  };
  const auto changed = [&] { return later(after.st_mtim, before.st_mtim) && later(after.st_ctim, before.st_ctim); };
  wait_and_look();
  char* memory = map(fd, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
  REQUIRE(memory != MAP_FAILED);
  CHECK_EQ(memory[0] + memory[kPage], 'a' + 'b');
  look();
  CHECK(!later(after.st_mtim, before.st_mtim));
  memory[0] = 'X';
  look();
  CHECK(changed());

  // Clean again: the next write is another one.
  must(msync(memory, 4 * kPage, MS_SYNC));
  wait_and_look();
  memory[1] = 'Y';
  look();
  CHECK(changed());

  // A page that write(2) made dirty, read first.
  must(pwrite(fd, "Z", 1, 2 * kPage));
  wait_and_look();
  CHECK_EQ(memory[2 * kPage], 'Z');
  look();
  CHECK(!changed());
  memory[2 * kPage] = 'z';
  look();
  CHECK(changed());

  // Times that are set stay, and a private mapping changes nothing.
  const timespec times[2] = {{1000, 0}, {2000, 0}};
  must(futimens(fd, times));
  char* own = map(fd, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  own[0] = '1';
  look();
  CHECK_EQ(after.st_mtim.tv_sec, 2000);

  // Found out when nobody has it mapped or open any more.
  memory[3 * kPage] = 'U';
  munmap(memory, 4 * kPage);
  munmap(own, kPage);
  close(fd);
  must(stat("f", &after));
  CHECK(after.st_mtim.tv_sec > 2000);
}
