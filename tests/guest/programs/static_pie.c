// SPDX-License-Identifier: MIT
// A static position-independent program: exits with 42 when its relocations, its auxiliary vector and
// its thread-local storage are in order, else with the number of the check that failed.
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

static int value = 7;
static int* volatile relocated = &value;
static __thread int local = 5;
extern const char __ehdr_start;

int main(int argc, char** argv) {
  if (argc != 2 || strcmp(argv[1], "one") != 0) return 1;
  if (*relocated != 7 || relocated != &value) return 2;
  if (local != 5) return 3;
  const uintptr_t base = (uintptr_t)&__ehdr_start;
  if (base % 4096 != 0 || base == 0) return 4;
  const Elf64_Ehdr* header = (const Elf64_Ehdr*)base;
  if (header->e_type != ET_DYN) return 5;
  if (getauxval(AT_PHDR) != base + header->e_phoff) return 6;
  if (getauxval(AT_ENTRY) != base + header->e_entry) return 7;
  if (getauxval(AT_BASE) != 0) return 8;
  if (getauxval(AT_PHNUM) != header->e_phnum) return 9;
  return 42;
}
