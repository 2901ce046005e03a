// SPDX-License-Identifier: MIT
// Loading an executable into a new address space: everything of execve(2) that can fail without the caller having lost its program.
#pragma once

#include "servers/linux/exec/elf_image.h"
#include "servers/linux/exec/stack_image.h"
#include "servers/linux/file/file.h"
#include "servers/linux/memory/mm.h"
#include "servers/linux/process/process.h"

namespace hati::linux {

// What to run, after scripts have been resolved.
struct Program {
  Ref<File> file;          // the ELF file; its writers are kept out until the Mm that owns it goes
  Ref<File> interpreter;   // of the ELF file, or null
  ElfImage image, interpreter_image;
  std::string file_name;   // AT_EXECFN
  StringList arguments, environment;
};

// A program in memory, ready to start.
struct LoadedProgram {
  Ref<Mm> mm;
  u64 entry = 0, stack_pointer = 0;
};

// Reads as much as there is of `bytes` at `offset`.
Task<SysResult<usize>> read_file(File& file, u64 offset, std::span<u8> to);
Task<SysResult<ElfImage>> read_elf(File& file);
SysResult<LoadedProgram> load_program(const Process& process, const Credentials& credentials, bool secure, const Program& program);

// The vDSO's place in a new address space: 0 if there is none.
SysResult<u64> map_vdso(Mm& mm);

}  // namespace hati::linux
