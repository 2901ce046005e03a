// SPDX-License-Identifier: MIT
// execve of ELF images: a good one, what a program finds at its entry point, malformed ones.
// Linux finds some faults only after the old image is gone; it then kills the process. Either a refusal
// or that death is accepted for those, but never that the program runs.
#include "elf_image.h"

#define FAMILY "process"

#define CHECK_REFUSED(image, error) CHECK_EXITED((image).run(), 128 + (error))

static bool refused_or_killed(int status) {
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGBUS;
  const int error = WEXITSTATUS(status) - 128;
  return WIFEXITED(status) && (error == ENOEXEC || error == EINVAL || error == ENOMEM || error == EPERM || error == ELIBBAD);
}

TEST(image_minimal_program_runs) { CHECK_EXITED(ElfImage().run(), 42); }

TEST(image_stack_is_aligned_at_entry) {
  ElfImage image("\x89\xe7\x83\xe7\x0f", 5);  // mov %esp,%edi; and $15,%edi
  CHECK_EXITED(image.run(), 0);
}

TEST(image_registers_are_clear_at_entry) {
  ElfImage image("\x48\x09\xea\x31\xff\x48\x85\xd2\x40\x0f\x95\xc7", 12);  // or %rbp,%rdx; edi = rdx != 0
  CHECK_EXITED(image.run(), 0);
}

TEST(image_argc_is_at_the_stack_pointer) {
  ElfImage image("\x8b\x3c\x24", 3);  // mov (%rsp),%edi
  CHECK_EXITED(image.run(), 1);
}

TEST(image_bss_is_zero) {
    // movzbl ADDRESS,%edi: one byte after the file's part of the page, which the file fills with 0xff.
  ElfImage image("\x0f\xb6\x3c\x25\x00\x18\x40\x00", 8);
  image.size = 2 * kPage;
  memset(image.bytes + kPage, 0xff, kPage);
  image.segment(1) = {PT_LOAD, PF_R | PF_W, kPage, ElfImage::kBase + kPage, 0, 0x800, 3 * kPage, kPage};
  image.header().e_phnum = 2;
  CHECK_EXITED(image.run(), 0);
  image.bytes[ElfImage::kCodeOffset + 5] = 0x17;  // the last byte of the file's part
  CHECK_EXITED(image.run(), 255);
  image.bytes[ElfImage::kCodeOffset + 5] = 0x2f;  // in a page of its own
  CHECK_EXITED(image.run(), 0);
}

TEST(image_unaligned_segment_offset_is_kept) {
  ElfImage image("\x0f\xb6\x3c\x25\x80\x54\x40\x00", 8);  // movzbl 0x405480,%edi
  image.size = 2 * kPage;
  image.bytes[kPage + 0x480] = 33;
  image.segment(1) = {PT_LOAD, PF_R, kPage + 0x480, 0x405480, 0, 16, 16, kPage};
  image.header().e_phnum = 2;
  CHECK_EXITED(image.run(), 33);
}

TEST(image_segment_permissions_hold) {
  ElfImage writer("\xc6\x04\x25\x00\x00\x40\x00\x01", 8);  // movb $1,0x400000: read-only
  CHECK_SIGNALED(writer.run(), SIGSEGV);
  ElfImage runner;
  runner.segment(0).p_flags = PF_R | PF_W;
  CHECK_SIGNALED(runner.run(), SIGSEGV);  // not executable
}

TEST(image_bad_header_is_enoexec) {
  ElfImage image;
  image.header().e_ident[0] = 0x7e;
  CHECK_REFUSED(image, ENOEXEC);
  image = ElfImage();
  image.header().e_machine = EM_AARCH64;
  CHECK_REFUSED(image, ENOEXEC);
  image = ElfImage();
  image.header().e_type = ET_REL;
  CHECK_REFUSED(image, ENOEXEC);
  image.header().e_type = ET_CORE;
  CHECK_REFUSED(image, ENOEXEC);
  image.header().e_type = 0xffff;
  CHECK_REFUSED(image, ENOEXEC);
  image = ElfImage();
  image.header().e_phentsize = 32;
  CHECK_REFUSED(image, ENOEXEC);
}

TEST(image_bad_program_header_table_is_enoexec) {
  ElfImage image;
  image.header().e_phnum = 0;
  CHECK_REFUSED(image, ENOEXEC);
  image.header().e_phnum = 0xffff;
  CHECK_REFUSED(image, ENOEXEC);
  image.header().e_phnum = 1;
  image.header().e_phoff = image.size;  // just after the end
  CHECK_REFUSED(image, ENOEXEC);
  image.header().e_phoff = 1ULL << 62;
  CHECK_REFUSED(image, ENOEXEC);
  image.header().e_phoff = ~0ULL - 8;
  CHECK_EQ(refused_or_killed(image.run()), true);
}

TEST(image_truncated_file_is_enoexec) {
  constexpr size_t kSizes[] = {1, 3, 4, 16, 52, 63, 64, 100, 119};
  for (const size_t size : kSizes) {
    ElfImage image;
    image.size = size;
    CHECK_REFUSED(image, ENOEXEC);
  }
}

TEST(image_interpreter_errors) {
  const auto with = [](const char* path, size_t size) {
    ElfImage image;
    image.segment(1) = {PT_INTERP, PF_R, 0x800, ElfImage::kBase + 0x800, 0, size, size, 1};
    memcpy(image.bytes + 0x800, path, strlen(path));
    image.header().e_phnum = 2;
    return image.run();
  };
  CHECK_EXITED(with("/missing/ld.so", 15), 128 + ENOENT);
  CHECK_EXITED(with("/dev/null", 9), 128 + ENOEXEC);     // not terminated
  CHECK_EXITED(with("", 1), 128 + ENOEXEC);
  CHECK_EXITED(with("/dev/null", 5000), 128 + ENOEXEC);  // longer than PATH_MAX
  CHECK_EXITED(with("/dev/null", 10), 128 + EACCES);     // no execute permission
  write_file("itp", "this is no ELF file, but long enough to be read as a header of one: xxxxxxxxxxxxxx", 0755);
  CHECK(refused_or_killed(with("./itp", 6)));
}

// Spoils one field with each of some values; the program must never run to its end.
template <class Spoil>
static void check_all_refused(const uint64_t* values, size_t count, Spoil spoil, int line) {
  for (size_t i = 0; i < count; ++i) {
    ElfImage image;
    spoil(image, values[i]);
    const int status = image.run();
    if (!refused_or_killed(status)) {
      fail(__FILE__, line, "value %#lx: status %#x", static_cast<unsigned long>(values[i]), status);
    }
  }
}

TEST(image_bad_segment_addresses) {
  const uint64_t values[] = {0xffff800000000000, 0x7ffffffff000, 0x800000000000, ~0ULL, 0xfffffffffffff000, 1ULL << 60};
  check_all_refused(values, 6, [](ElfImage& i, uint64_t v) { i.segment(0).p_vaddr = v; }, __LINE__);
}

TEST(image_bad_segment_sizes) {
  const uint64_t memory[] = {0, 100, 1ULL << 47, 1ULL << 63, ~0ULL, 0x7fffffffffff};
  check_all_refused(memory, 6, [](ElfImage& i, uint64_t v) { i.segment(0).p_memsz = v; }, __LINE__);
  const uint64_t file[] = {kPage + 1, 1ULL << 47, 1ULL << 63, ~0ULL};
  check_all_refused(file, 4, [](ElfImage& i, uint64_t v) { i.segment(0).p_filesz = v; }, __LINE__);
  const uint64_t both[] = {1ULL << 47, 1ULL << 62, ~0ULL, ~0ULL - kPage + 1};
  check_all_refused(both, 4, [](ElfImage& i, uint64_t v) { i.segment(0).p_filesz = i.segment(0).p_memsz = v; }, __LINE__);
}

TEST(image_bad_segment_offsets) {
  const uint64_t values[] = {1, 0x10000, 1ULL << 62, 1ULL << 63, ~0ULL - 0xfff};
  check_all_refused(values, 5, [](ElfImage& i, uint64_t v) { i.segment(0).p_offset = v; }, __LINE__);
}

TEST(image_bad_entry_points) {
  const uint64_t values[] = {0, 0x1000, 0x800000000000, 0xffff800000000000, 0xffffffffff600000, ~0ULL};
  check_all_refused(values, 6, [](ElfImage& i, uint64_t v) { i.header().e_entry = v; }, __LINE__);
}

TEST(image_without_segments) {
  ElfImage image;
  image.segment(0).p_type = PT_NOTE;
  CHECK(refused_or_killed(image.run()));
}

TEST(image_code_beyond_end_of_file_is_sigbus) {
  ElfImage image;
  image.segment(0).p_filesz = image.segment(0).p_memsz = 3 * kPage;  // the file has one page
  image.header().e_entry = ElfImage::kBase + 2 * kPage;
  CHECK_SIGNALED(image.run(), SIGBUS);
}

TEST(image_random_damage_never_harms) {
  unsigned state = 12345;
  const auto next = [&] { return (state = state * 1103515245 + 12345) >> 16; };
  for (int round = 0; round < 60; ++round) {
    ElfImage image;
    for (int i = 0; i < 1 + round % 4; ++i) image.bytes[next() % 120] = static_cast<unsigned char>(next());
    image.save("image");
    const char* argv[] = {"image", nullptr};
    const pid_t pid = spawn([&] {
      alarm(2);
      execv("./image", const_cast<char**>(argv));
      _exit(99);
    });
    wait_status(pid);  // any end is fine; the parent must see one
  }
  CHECK_EXITED(ElfImage().run(), 42);
}

TEST(image_static_pie_runs) {
  if (!exists(program("static_pie"))) skip("no %s", program("static_pie"));
  const char* argv[] = {"static_pie", "one", nullptr};
  CHECK_EXITED(wait_status(spawn([&] { must(execv(program("static_pie"), const_cast<char**>(argv))); })), 42);
}
