// SPDX-License-Identifier: MIT
// A minimal ELF program built in memory, so that a test can spoil one field of it and execute it.
// Layout: ELF header, two program headers, code at kCodeOffset; linked at kBase in one segment.
#pragma once

#include <elf.h>

#include "test.h"

struct ElfImage {
  static constexpr uint64_t kBase = 0x400000;
  static constexpr size_t kCodeOffset = 0x200;
  static constexpr size_t kMaxSize = 3 * kPage;

  unsigned char bytes[kMaxSize] = {};
  size_t size = kPage;

  Elf64_Ehdr& header() { return *reinterpret_cast<Elf64_Ehdr*>(bytes); }
  Elf64_Phdr& segment(int i) { return *reinterpret_cast<Elf64_Phdr*>(bytes + sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr)); }

    // A program that executes `code` and then exits with %edi as its status.
  explicit ElfImage(const char* code = "\xbf\x2a\x00\x00\x00", size_t code_size = 5) {
    auto& h = header();
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    h.e_ident[EI_VERSION] = EV_CURRENT;
    h.e_type = ET_EXEC;
    h.e_machine = EM_X86_64;
    h.e_version = EV_CURRENT;
    h.e_entry = kBase + kCodeOffset;
    h.e_phoff = sizeof(Elf64_Ehdr);
    h.e_ehsize = sizeof(Elf64_Ehdr);
    h.e_phentsize = sizeof(Elf64_Phdr);
    h.e_phnum = 1;
    segment(0) = {PT_LOAD, PF_R | PF_X, 0, kBase, kBase, kPage, kPage, kPage};
    memcpy(bytes + kCodeOffset, code, code_size);
    memcpy(bytes + kCodeOffset + code_size, "\xb8\x3c\x00\x00\x00\x0f\x05", 7);  // mov $60,%eax; syscall
  }

  void save(const char* path) const {
    unlink(path);
    const int fd = static_cast<int>(must(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755)));
    must(write(fd, bytes, size));
    must(fchmod(fd, 0755));
    close(fd);
  }

    // Executes it; wait status. A failed execve shows as exit status 128 + errno.
  int run() const {
    save("image");
    const char* argv[] = {"image", nullptr};
    return wait_status(spawn([&] {
      execv("./image", const_cast<char**>(argv));
      _exit(128 + errno);
    }));
  }
};
