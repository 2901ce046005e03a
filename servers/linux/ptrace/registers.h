// SPDX-License-Identifier: MIT
// The registers of a stopped thread as debuggers and core files see them: struct user, the register sets (NT_PRSTATUS and so on). The thread must be in a
// ptrace stop that its tracer holds, or be waiting for its core to be dumped.
#pragma once

#include <span>
#include <vector>

#include "abi/linux/ptrace.h"
#include "servers/linux/core/thread.h"

namespace hati::linux {

UserRegisters get_registers(const Thread& thread);
// kIO: a value that the processor could not run with.
SysResult<> set_registers(Thread& thread, const UserRegisters& registers);

// PTRACE_PEEKUSER and POKEUSER: a word of struct user. kIO: no such word.
SysResult<u64> get_user_word(const Thread& thread, u64 offset);
SysResult<> set_user_word(Thread& thread, u64 offset, u64 value);

// NT_FPREGSET: 512 bytes; NT_X86_XSTATE: as large as the processor's state.
SysResult<std::vector<u8>> get_fp_registers(Thread& thread);
SysResult<std::vector<u8>> get_extended_state(Thread& thread);
// Replaces the first bytes of the state. kINVAL: not a state that the processor has.
SysResult<> set_fp_registers(Thread& thread, std::span<const u8> bytes);
SysResult<> set_extended_state(Thread& thread, std::span<const u8> bytes);

}  // namespace hati::linux
