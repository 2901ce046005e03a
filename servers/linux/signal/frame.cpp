// SPDX-License-Identifier: MIT
// The frame of a signal handler on x86-64 (arch/x86/include/asm/sigframe.h, struct rt_sigframe) and its undoing by rt_sigreturn(2). The frame lies in
// program memory: whatever comes back from there is checked.
#include <algorithm>
#include <cstring>

#include "servers/linux/process/process.h"
#include "servers/linux/signal/calls.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

constexpr u64 kRedZone = 128;
constexpr u64 kLegacyStateSize = 512;
constexpr u64 kXsaveHeaderSize = 64;
constexpr u32 kMxcsrOffset = 24;
constexpr u32 kMxcsrMask = 0xffff;
constexpr u16 kUserCodeSelector = 0x33, kUserDataSelector = 0x2b;
constexpr u64 kRflagsTrap = 1 << 8, kRflagsDirection = 1 << 10, kRflagsResume = 1 << 16;
constexpr u64 kRflagsRestored = 0x00050dd5;  // AC OF DF TF SF ZF AF PF CF RF: what sigreturn takes from the frame

bool on_signal_stack(const SignalStack& stack, u64 sp) {
  if ((stack.flags & kStackAutoDisarm) != 0) return false;
  return sp > stack.pointer && sp - stack.pointer <= stack.size;
}

// Bytes of the extended state in the frame, with the trailing magic number.
u64 state_bytes(const ThreadPage& page) { return page.extended_size > kLegacyStateSize ? page.extended_size + 4 : kLegacyStateSize; }

bool write_extended(Thread& thread, u64 address) {
  if (thread.page().extended_valid == 0 && !thread.native().sync_state()) return false;
  const ThreadPage& page = thread.page();
  const u64 size = std::min<u64>(page.extended_size, sizeof page.extended);
  u8 buffer[sizeof page.extended + 4];
  std::memcpy(buffer, page.extended, size);
  if (size > kLegacyStateSize) {
    ExtendedStateNote note{.magic1 = kExtendedMagic1, .extended_size = static_cast<u32>(size + 4), .features = extended_features(),
                           .state_size = static_cast<u32>(size), .reserved = {}};
    std::memcpy(buffer + kExtendedNoteOffset, &note, sizeof note);
    std::memcpy(buffer + size, &kExtendedMagic2, 4);
    // Programs that look at the header find x87 and SSE marked as present, as Linux leaves them.
    u64 present = 0;
    std::memcpy(&present, buffer + kLegacyStateSize, 8);
    present |= 3;
    std::memcpy(buffer + kLegacyStateSize, &present, 8);
  }
  return thread.memory().write(address, buffer, state_bytes(page)).has_value();
}

SignalContext save_registers(const Thread& thread, const ThreadPage& page, SignalSet mask) {
  SignalContext c{};
  c.r8 = page.r8; c.r9 = page.r9; c.r10 = page.r10; c.r11 = page.r11;
  c.r12 = page.r12; c.r13 = page.r13; c.r14 = page.r14; c.r15 = page.r15;
  c.rdi = page.rdi; c.rsi = page.rsi; c.rbp = page.rbp; c.rbx = page.rbx;
  c.rdx = page.rdx; c.rax = page.rax; c.rcx = page.rcx; c.rsp = page.rsp;
  c.rip = page.rip; c.rflags = page.rflags;
  c.cs = kUserCodeSelector;
  c.ss = kUserDataSelector;
  c.error = thread.fault.error;
  c.trap_number = thread.fault.vector;
  c.fault_address = thread.fault.address;
  c.old_mask = mask;
  return c;
}

void load_registers(ThreadPage& page, const SignalContext& c) {
  page.r8 = c.r8; page.r9 = c.r9; page.r10 = c.r10; page.r11 = c.r11;
  page.r12 = c.r12; page.r13 = c.r13; page.r14 = c.r14; page.r15 = c.r15;
  page.rdi = c.rdi; page.rsi = c.rsi; page.rbp = c.rbp; page.rbx = c.rbx;
  page.rdx = c.rdx; page.rax = c.rax; page.rcx = c.rcx; page.rsp = c.rsp;
  page.rip = c.rip;
  page.rflags = (page.rflags & ~kRflagsRestored) | (c.rflags & kRflagsRestored);
}

// Size of the state that the frame at `address` says it has; 512 where its notes do not hold together.
u64 stated_size(Thread& thread, u64 address, const u8* legacy) {
  ExtendedStateNote note;
  std::memcpy(&note, legacy + kExtendedNoteOffset, sizeof note);
  const u64 size = thread.page().extended_size;
  if (note.magic1 != kExtendedMagic1 || note.state_size < kLegacyStateSize + kXsaveHeaderSize || note.state_size > size ||
      note.extended_size < note.state_size + 4) {
    return kLegacyStateSize;
  }
  const auto magic2 = thread.memory().get(UserPtr<u32>{address + note.state_size});
  return magic2 && *magic2 == kExtendedMagic2 ? note.state_size : kLegacyStateSize;
}

bool read_extended(Thread& thread, u64 address) {
  if (thread.page().extended_valid == 0 && !thread.native().sync_state()) return false;
  ThreadPage& page = thread.page();
  if (address == 0) {
    reset_extended_state(page);
    return true;
  }
  u8 buffer[sizeof page.extended] = {};
  if (!thread.memory().read(address, buffer, kLegacyStateSize)) return false;
  const u64 size = stated_size(thread, address, buffer);
  if (size > kLegacyStateSize) {
    if (!thread.memory().read(address + kLegacyStateSize, buffer + kLegacyStateSize, size - kLegacyStateSize)) return false;
    u64 header[8];
    std::memcpy(header, buffer + kLegacyStateSize, sizeof header);
    if (header[1] != 0 || (header[0] & ~extended_features()) != 0) return false;
    if (std::any_of(header + 2, header + 8, [](u64 word) { return word != 0; })) return false;
  } else if (page.extended_size > kLegacyStateSize) {
    const u64 legacy_only = 3;
    std::memcpy(buffer + kLegacyStateSize, &legacy_only, 8);
  }
  u32 mxcsr;
  std::memcpy(&mxcsr, buffer + kMxcsrOffset, 4);
  mxcsr &= kMxcsrMask;
  std::memcpy(buffer + kMxcsrOffset, &mxcsr, 4);
  std::memcpy(page.extended, buffer, page.extended_size);
  page.extended_valid = 1;
  return true;
}

// The kernel's own selectors are used whatever the frame says; where the processor would refuse to return with those of the frame, so do we.
bool selectors_are_sound(const UserContext& context) {
  constexpr u16 kUserRing = 3;
  if ((context.context.cs | kUserRing) != kUserCodeSelector) return false;
  const bool strict = (context.flags & kUcStrictRestoreSs) != 0;
  return !strict || (context.context.ss | kUserRing) == kUserDataSelector;
}

}  // namespace

u64 extended_features() {
  static const u64 features = [] {
    u32 a = 1, b, c = 0, d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if ((c >> 27 & 1) == 0) return u64{3};  // no XSAVE
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return u64{high} << 32 | low;
  }();
  return features;
}

// x87 and SSE as after FNINIT and with the default MXCSR.
void reset_extended_state(ThreadPage& page) {
  std::memset(page.extended, 0, page.extended_size);
  const u16 control = 0x37f;
  const u32 mxcsr = 0x1f80;
  std::memcpy(page.extended, &control, 2);
  std::memcpy(page.extended + kMxcsrOffset, &mxcsr, 4);
  page.extended_valid = 1;
}

u64 signal_frame_bytes() {
  u32 a = 0xd, b = 0, c = 0, d;
  if (extended_features() > 3) asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return std::max<u64>(b + 4, kLegacyStateSize) + sizeof(SignalFrame) + 64 + 16;
}

bool push_signal_frame(Thread& thread, const SignalInfo& info, const SignalAction& action, SignalSet mask) {
  ThreadPage& page = thread.page();
  SignalStack& stack = thread.signals.stack;
  if ((action.flags & kSaRestorer) == 0) return false;  // x86-64 has no other way back

  u64 sp = page.rsp - kRedZone;
  const bool was_on_stack = on_signal_stack(stack, page.rsp);
  const bool use_alternate = (action.flags & kSaOnStack) != 0 && stack.size != 0 && (stack.flags & kStackDisable) == 0 && !was_on_stack;
  if (use_alternate) sp = stack.pointer + stack.size;
  const bool inside = use_alternate || was_on_stack;

  const u64 state = (sp - state_bytes(page)) & ~u64{63};
  const u64 frame_address = ((state - sizeof(SignalFrame)) & ~u64{15}) - 8;
  if (inside && (frame_address < stack.pointer || frame_address - stack.pointer > stack.size)) return false;
  if (frame_address >= kProgramEnd) return false;

  SignalFrame frame{};
  frame.return_address = action.restorer;
  frame.context.flags = kUcSigContextSs | kUcStrictRestoreSs | (page.extended_size > kLegacyStateSize ? kUcFpXstate : 0);
  frame.context.stack = stack;
  frame.context.context = save_registers(thread, page, mask);
  frame.context.context.fpstate = state;
  frame.context.mask = mask;
  frame.info = info;
  if (!write_extended(thread, state)) return false;
  if (!thread.memory().write(frame_address, &frame, sizeof frame)) return false;

  if ((stack.flags & kStackAutoDisarm) != 0) stack = SignalStack{};
  page.rsp = frame_address;
  page.rip = action.handler;
  page.rdi = static_cast<u64>(info.signal);
  page.rsi = frame_address + __builtin_offsetof(SignalFrame, info);
  page.rdx = frame_address + __builtin_offsetof(SignalFrame, context);
  page.rax = 0;
  page.rflags &= ~(kRflagsDirection | kRflagsResume | kRflagsTrap);
  return true;
}

SysResult<i64> sys_rt_sigreturn(Thread& thread) {
  ThreadPage& page = thread.page();
  const auto context = thread.memory().get(UserPtr<UserContext>{page.rsp - 8 + __builtin_offsetof(SignalFrame, context)});
  if (!context || !selectors_are_sound(*context) || !read_extended(thread, context->context.fpstate)) {
    force_signal(thread, kernel_signal(kSigSegv));
    return 0;
  }
  set_signal_mask(thread, context->mask);
  load_registers(page, context->context);
  (void)set_signal_stack(thread, context->stack, page.rsp);
  thread.restart_error = Errno{};
  return static_cast<i64>(page.rax);
}

}  // namespace hati::linux
