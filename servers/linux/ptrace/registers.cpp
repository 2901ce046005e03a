// SPDX-License-Identifier: MIT
// General and debug registers (ptrace/registers.h). A system call that was interrupted and may be restarted is shown as Linux shows it: its number in
// orig_rax and the internal error in rax. Debuggers rely on that: one that writes orig_rax = -1 prevents the restart, one that writes the registers back
// permits it again.
#include "servers/linux/ptrace/registers.h"

#include <cstring>

namespace hati::linux {
namespace {

constexpr u16 kUserCodeSelector = 0x33, kUserDataSelector = 0x2b;
constexpr u64 kRflagsFixed = 0x202;  // reserved bit 1, IF
constexpr u64 kRflagsSettable = 0x00254dd5 | 1 << 16;  // what a debugger may change: kRflagsUser
constexpr u32 kDebugRegisters = 8;

bool restarts(i64 value) {
  const i64 error = -value;
  return error >= static_cast<i64>(Errno::kRESTARTSYS) && error <= static_cast<i64>(Errno::kRESTARTBLOCK);
}

bool is_selector(u64 value) { return value == 0 || (value & 3) == 3; }

// DR7: which of the four are on, and what they watch for.
struct Watch {
  bool on;
  u32 type, length_code;  // R/W and LEN fields
};
Watch watch_of(u64 control, u32 index) {
  return {(control >> (index * 2) & 3) != 0, static_cast<u32>(control >> (16 + index * 4) & 3),
          static_cast<u32>(control >> (18 + index * 4) & 3)};
}

bool is_sound(const Watch& watch, u64 address) {
  constexpr u32 kExecute = 0, kInputOutput = 2;
  constexpr u64 kMasks[] = {0, 1, 7, 3};  // by length code: 1, 2, 8, 4 bytes
  if (!watch.on) return true;
  if (watch.type == kInputOutput) return false;
  if (watch.type == kExecute) return watch.length_code == 0;
  return (address & kMasks[watch.length_code]) == 0;
}

SysResult<> set_debug_register(Thread& thread, u32 index, u64 value) {
  ThreadPage& page = thread.page();
  if (index < 4) {
    if (value >= kProgramEnd) return fail(Errno::kINVAL);
    if (!is_sound(watch_of(page.debug_control, index), value)) return fail(Errno::kINVAL);
    page.debug_address[index] = value;
    return {};
  }
  if (index == 6) {
    thread.trace.debug_status = value;
    return {};
  }
  if (index != 7) return fail(Errno::kIO);
  for (u32 i = 0; i < 4; ++i)
    if (!is_sound(watch_of(value, i), page.debug_address[i])) return fail(Errno::kINVAL);
  page.debug_control = value & 0xffff'ffff;
  return {};
}

u64 get_debug_register(const Thread& thread, u32 index) {
  const ThreadPage& page = thread.native().page();
  if (index < 4) return page.debug_address[index];
  return index == 6 ? thread.trace.debug_status : index == 7 ? page.debug_control : 0;
}

}  // namespace

UserRegisters get_registers(const Thread& thread) {
  const ThreadPage& p = thread.native().page();
  UserRegisters r{};
  r.r15 = p.r15;
  r.r14 = p.r14;
  r.r13 = p.r13;
  r.r12 = p.r12;
  r.rbp = p.rbp;
  r.rbx = p.rbx;
  r.r11 = p.r11;
  r.r10 = p.r10;
  r.r9 = p.r9;
  r.r8 = p.r8;
  r.rax = p.rax;
  r.rcx = p.rcx;
  r.rdx = p.rdx;
  r.rsi = p.rsi;
  r.rdi = p.rdi;
  r.original_rax = static_cast<u64>(thread.trace.original_rax);
  if (thread.restart_error != Errno{}) {
    r.rax = static_cast<u64>(-static_cast<i64>(thread.restart_error));
    r.original_rax = thread.call_number;
  }
  r.rip = p.rip;
  r.rflags = p.rflags | kRflagsFixed;
  r.rsp = p.rsp;
  r.cs = kUserCodeSelector;
  r.ss = kUserDataSelector;
  r.fs_base = p.fs_base;
  r.gs_base = p.gs_base;
  return r;
}

SysResult<> set_registers(Thread& thread, const UserRegisters& r) {
  if (!is_selector(r.cs) || !is_selector(r.ss) || !is_selector(r.ds) || !is_selector(r.es) || !is_selector(r.fs) || !is_selector(r.gs))
    return fail(Errno::kIO);
  if (r.cs == 0 || r.ss == 0 || r.fs_base >= kServerEnd || r.gs_base >= kServerEnd) return fail(Errno::kIO);
  ThreadPage& p = thread.page();
  p.r15 = r.r15;
  p.r14 = r.r14;
  p.r13 = r.r13;
  p.r12 = r.r12;
  p.rbp = r.rbp;
  p.rbx = r.rbx;
  p.r11 = r.r11;
  p.r10 = r.r10;
  p.r9 = r.r9;
  p.r8 = r.r8;
  p.rax = r.rax;
  p.rcx = r.rcx;
  p.rdx = r.rdx;
  p.rsi = r.rsi;
  p.rdi = r.rdi;
  p.rip = r.rip;
  p.rsp = r.rsp;
  p.rflags = (p.rflags & ~kRflagsSettable) | (r.rflags & kRflagsSettable);
  p.fs_base = r.fs_base;
  p.gs_base = r.gs_base;
  thread.trace.original_rax = static_cast<i64>(r.original_rax);
  const bool restart = static_cast<i64>(r.original_rax) >= 0 && restarts(static_cast<i64>(r.rax));
  thread.restart_error = restart ? static_cast<Errno>(-static_cast<i64>(r.rax)) : Errno{};
  if (restart) {
    thread.call_number = r.original_rax;
    p.rax = static_cast<u64>(-static_cast<i64>(Errno::kINTR));
    thread.set_work(kWorkSignal);  // where it is decided
  }
  return {};
}

SysResult<u64> get_user_word(const Thread& thread, u64 offset) {
  if (offset % sizeof(u64) != 0 || offset >= kUserAreaSize) return fail(Errno::kIO);
  if (offset < sizeof(UserRegisters)) {
    const UserRegisters registers = get_registers(thread);
    u64 value;
    std::memcpy(&value, reinterpret_cast<const u8*>(&registers) + offset, sizeof value);
    return value;
  }
  if (offset < kUserDebugRegisters || offset >= kUserDebugRegisters + kDebugRegisters * sizeof(u64)) return u64{0};
  return get_debug_register(thread, static_cast<u32>((offset - kUserDebugRegisters) / sizeof(u64)));
}

SysResult<> set_user_word(Thread& thread, u64 offset, u64 value) {
  if (offset % sizeof(u64) != 0 || offset >= kUserAreaSize) return fail(Errno::kIO);
  if (offset < sizeof(UserRegisters)) {
    UserRegisters registers = get_registers(thread);
    std::memcpy(reinterpret_cast<u8*>(&registers) + offset, &value, sizeof value);
    return set_registers(thread, registers);
  }
  if (offset < kUserDebugRegisters || offset >= kUserDebugRegisters + kDebugRegisters * sizeof(u64)) return fail(Errno::kIO);
  return set_debug_register(thread, static_cast<u32>((offset - kUserDebugRegisters) / sizeof(u64)), value);
}

}  // namespace hati::linux
