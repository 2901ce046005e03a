// SPDX-License-Identifier: MIT
// The structures of abi/linux/ptrace.h against the system's own headers.
#include "abi/linux/ptrace.h"

#include <gtest/gtest.h>
#include <linux/kcmp.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

namespace hati::linux {

#define SAME(our_field, their_field) static_assert(offsetof(UserRegisters, our_field) == offsetof(user_regs_struct, their_field))
SAME(r15, r15);
SAME(rbp, rbp);
SAME(r8, r8);
SAME(rax, rax);
SAME(rdi, rdi);
SAME(original_rax, orig_rax);
SAME(rip, rip);
SAME(rflags, eflags);
SAME(rsp, rsp);
SAME(fs_base, fs_base);
SAME(gs_base, gs_base);
SAME(gs, gs);
static_assert(sizeof(UserRegisters) == sizeof(user_regs_struct));
static_assert(kUserAreaSize == sizeof(struct user) && kUserDebugRegisters == offsetof(struct user, u_debugreg));
static_assert(kFpRegistersSize == sizeof(user_fpregs_struct));
static_assert(sizeof(KernelIovec) == sizeof(iovec));

using TheirInfo = __ptrace_syscall_info;
static_assert(sizeof(PtraceSyscallInfo) == sizeof(TheirInfo));
static_assert(offsetof(PtraceSyscallInfo, architecture) == offsetof(TheirInfo, arch));
static_assert(offsetof(PtraceSyscallInfo, rip) == offsetof(TheirInfo, instruction_pointer));
static_assert(offsetof(PtraceSyscallInfo, entry) == offsetof(TheirInfo, entry));
static_assert(sizeof(PtracePeekSigInfo) == sizeof(__ptrace_peeksiginfo_args));

TEST(AbiDebug, ConstantsAreLinuxs) {
  EXPECT_EQ(u64{kPtraceSeize}, static_cast<u64>(PTRACE_SEIZE));
  EXPECT_EQ(u64{kPtraceListen}, static_cast<u64>(PTRACE_LISTEN));
  EXPECT_EQ(u64{kPtracePeekSigInfo}, static_cast<u64>(PTRACE_PEEKSIGINFO));
  EXPECT_EQ(u64{kPtraceGetSyscallInfo}, static_cast<u64>(PTRACE_GET_SYSCALL_INFO));
  EXPECT_EQ(u64{kPtraceSysEmuSingleStep}, static_cast<u64>(PTRACE_SYSEMU_SINGLESTEP));
  EXPECT_EQ(u32{kPtraceOptionExitKill}, static_cast<u32>(PTRACE_O_EXITKILL));
  EXPECT_EQ(u32{kPtraceOptionsAll}, static_cast<u32>(PTRACE_O_MASK));
  EXPECT_EQ(i32{kPtraceEventVforkDone}, static_cast<i32>(PTRACE_EVENT_VFORK_DONE));
  EXPECT_EQ(i32{kKcmpTypes}, static_cast<i32>(KCMP_TYPES));
}

}  // namespace hati::linux
