// SPDX-License-Identifier: MIT
// _hati_start: where a native process begins, with the stack that abi/startup.h describes. It registers the call entry and goes on
// to the C library's _start. hati_call_entry: where the kernel sends system calls that it does not know.
#include "runtime/bridge/numbers.h"

.text
.globl _hati_start
.hidden _hati_start
.type _hati_start, @function
_hati_start:
  movl $HATI_CALL_SET_CALL_ENTRY, %eax
  leaq hati_call_entry(%rip), %rdi
  syscall
  testq %rax, %rax
  js 1f
  xorl %edx, %edx                 // _start: no function to register with atexit
  xorl %ebp, %ebp
  jmp _start
1:
  ud2
.size _hati_start, . - _hati_start

// rcx: return address, r11: flags, the rest as at the call. Layout of bridge::Frame. The saved rbp and the return address lie
// next to each other, so a walk along frame pointers passes through.
.type hati_call_entry, @function
hati_call_entry:
  leaq -128(%rsp), %rsp
  pushq %rcx
  pushq %rbp
  leaq (%rsp), %rbp
  pushq %r11
  pushq %rax
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %r10
  pushq %r8
  pushq %r9
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, %rdi
  movq %rsp, %rbx
  andq $-16, %rsp
  cld
  call hati_bridge_dispatch
  movq %rbx, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %r9
  popq %r8
  popq %r10
  popq %rdx
  popq %rsi
  popq %rdi
  addq $8, %rsp                   // rax
  popq %r11
  popq %rbp
  popq %rcx
  leaq 128(%rsp), %rsp
  jmp *%rcx
.size hati_call_entry, . - hati_call_entry

// Where a new thread begins: rdi is a Frame on its own stack; it returns 0 from the caller's clone with the stack given to it.
.globl hati_thread_entry
.hidden hati_thread_entry
.type hati_thread_entry, @function
hati_thread_entry:
  movq %rdi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %r9
  popq %r8
  popq %r10
  popq %rdx
  popq %rsi
  popq %rdi
  addq $8, %rsp
  popq %r11
  popq %rbp
  popq %rcx
  xorl %eax, %eax
  jmp *%rcx
.size hati_thread_entry, . - hati_thread_entry

// hati_thread_exit(u32* clear_tid, Handle ring, u32 submit, code): the end of a thread whose stack may be freed as soon as *clear_tid
// is zero: touches no stack after that. The ring's queue holds `submit` operations that wake those who wait for it.
.globl hati_thread_exit
.hidden hati_thread_exit
.type hati_thread_exit, @function
hati_thread_exit:
  movl %ecx, %ebx
  movl %edx, %r12d
  testq %rdi, %rdi
  jz 1f
  movl $0, (%rdi)
1:
  testl %r12d, %r12d
  jz 2f
  movl %esi, %edi
  movl %r12d, %esi
  xorl %edx, %edx
  movq $-1, %r10
  movl $HATI_CALL_RING_ENTER, %eax
  syscall
2:
  movl %ebx, %edi
  movl $HATI_CALL_THREAD_EXIT, %eax
  syscall
  ud2
.size hati_thread_exit, . - hati_thread_exit

.section .note.GNU-stack, "", @progbits
