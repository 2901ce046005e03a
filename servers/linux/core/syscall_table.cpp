// SPDX-License-Identifier: MIT
// The one table of system calls. A number without a line is unknown: ENOSYS, logged once.
#include "servers/linux/core/calls_file.h"
#include "servers/linux/core/syscall.h"
#include "servers/linux/exec/exec.h"
#include "servers/linux/futex/futex.h"
#include "servers/linux/ipc/calls.h"
#include "servers/linux/memory/calls.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/ptrace/calls.h"
#include "servers/linux/signal/calls.h"
#include "servers/linux/time/calls.h"

namespace hati::linux {
namespace {

consteval std::array<SyscallEntry, kSyscallLimit> make_table() {
  std::array<SyscallEntry, kSyscallLimit> table{};
#define HATI_SYSCALL(number, name, handler) table[number] = syscall_entry<&handler>(#name);
#define HATI_SYSCALL_FAST(number, name, fast, slow) table[number] = syscall_entry_both<&fast, &slow>(#name);
#include "servers/linux/core/calls_file.def"
#include "servers/linux/core/calls_ipc.def"
#include "servers/linux/core/calls_process.def"
#undef HATI_SYSCALL
#undef HATI_SYSCALL_FAST
  return table;
}

}  // namespace

constinit const std::array<SyscallEntry, kSyscallLimit> kSyscalls = make_table();

}  // namespace hati::linux
