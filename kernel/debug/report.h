// SPDX-License-Identifier: MIT
// What a kernel exception looks like on the console.
#pragma once

#include "base/types.h"

namespace hati {

// As entry.S pushes it (exception_in_kernel and the entries with their own stacks).
struct KernelFrame {
  u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  u64 vector, error;
  u64 rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(KernelFrame) == 176);

// An exception in kernel code that nothing expects: prints everything and ends in panic's last steps.
[[noreturn]] void panic_exception(const KernelFrame& frame);

const char* exception_name(u64 vector);

}  // namespace hati
