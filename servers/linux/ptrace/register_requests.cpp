// SPDX-License-Identifier: MIT
// Requests of ptrace(2) for registers.
#include <algorithm>

#include "servers/linux/core/trace.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/ptrace/registers.h"
#include "servers/linux/ptrace/requests.h"

namespace hati::linux {
namespace {

std::span<const u8> bytes_of(const UserRegisters& registers) { return {reinterpret_cast<const u8*>(&registers), sizeof registers}; }

SysResult<std::vector<u8>> get_set(Thread& tracee, u64 type) {
  switch (type) {
    case kNotePrStatus: {
      const UserRegisters registers = get_registers(tracee);
      const auto bytes = bytes_of(registers);
      return std::vector<u8>(bytes.begin(), bytes.end());
    }
    case kNoteFpRegSet: return get_fp_registers(tracee);
    case kNoteXState:
      if (tracee.page().extended_size <= kFpRegistersSize) return fail(Errno::kNODEV);
      return get_extended_state(tracee);
    default: return fail(Errno::kINVAL);
  }
}

SysResult<> put_set(Thread& tracee, u64 type, std::span<const u8> bytes) {
  switch (type) {
    case kNotePrStatus: {
      UserRegisters registers = get_registers(tracee);
      std::ranges::copy(bytes, reinterpret_cast<u8*>(&registers));
      return set_registers(tracee, registers);
    }
    case kNoteFpRegSet: return set_fp_registers(tracee, bytes);
    case kNoteXState: return set_extended_state(tracee, bytes);
    default: return fail(Errno::kINVAL);
  }
}

// PTRACE_GETREGSET and SETREGSET: `data` is an iovec, whose length becomes what was used of it.
SysResult<i64> transfer_set(Thread& thread, Thread& tracee, bool write, u64 type, u64 data) {
  KernelIovec range = TRY(thread.memory().get(UserPtr<const KernelIovec>{data}));
  std::vector<u8> set = TRY(get_set(tracee, type));
  constexpr u64 kUnit = sizeof(u64);
  if (range.length % kUnit != 0) return fail(Errno::kINVAL);
  range.length = std::min<u64>(range.length, set.size());
  if (write) {
    set.resize(range.length);
    TRY(thread.memory().read(range.base, set.data(), set.size()));
    TRY(put_set(tracee, type, set));
  } else {
    TRY(thread.memory().write(range.base, set.data(), range.length));
  }
  TRY(thread.memory().put(UserPtr<u64>{data + sizeof(u64)}, range.length));
  return 0;
}

SysResult<i64> fp_registers(Thread& thread, Thread& tracee, bool write, u64 data) {
  std::vector<u8> registers = TRY(get_fp_registers(tracee));
  if (!write) {
    TRY(thread.memory().write(data, registers.data(), registers.size()));
    return 0;
  }
  TRY(thread.memory().read(data, registers.data(), registers.size()));
  TRY(set_fp_registers(tracee, registers));
  return 0;
}

// PTRACE_ARCH_PRCTL: arch_prctl(2) on the tracee's registers; results go to the tracer.
SysResult<i64> arch_prctl(Thread& thread, Thread& tracee, u64 option, u64 value) {
  enum : u64 { kSetGs = 0x1001, kSetFs = 0x1002, kGetFs = 0x1003, kGetGs = 0x1004 };
  ThreadPage& page = tracee.page();
  switch (option) {
    case kSetFs:
    case kSetGs:
      if (value >= kServerEnd) return fail(Errno::kPERM);
      (option == kSetFs ? page.fs_base : page.gs_base) = value;
      return 0;
    case kGetFs: TRY(thread.memory().put(UserPtr<u64>{value}, page.fs_base)); return 0;
    case kGetGs: TRY(thread.memory().put(UserPtr<u64>{value}, page.gs_base)); return 0;
    default: return fail(Errno::kINVAL);
  }
}

}  // namespace

SysResult<i64> register_request(Thread& thread, Thread& tracee, u64 request, u64 address, u64 data) {
  switch (request) {
    case kPtracePeekUser: {
      const u64 word = TRY(get_user_word(tracee, address));
      TRY(thread.memory().put(UserPtr<u64>{data}, word));
      return 0;
    }
    case kPtracePokeUser: TRY(set_user_word(tracee, address, data)); return 0;
    case kPtraceGetRegs: TRY(thread.memory().put(UserPtr<UserRegisters>{data}, get_registers(tracee))); return 0;
    case kPtraceSetRegs: {
      const UserRegisters registers = TRY(thread.memory().get(UserPtr<const UserRegisters>{data}));
      TRY(set_registers(tracee, registers));
      return 0;
    }
    case kPtraceGetFpRegs: return fp_registers(thread, tracee, false, data);
    case kPtraceSetFpRegs: return fp_registers(thread, tracee, true, data);
    case kPtraceGetRegSet: return transfer_set(thread, tracee, false, address, data);
    case kPtraceSetRegSet: return transfer_set(thread, tracee, true, address, data);
    default: return arch_prctl(thread, tracee, data, address);
  }
}

}  // namespace hati::linux
