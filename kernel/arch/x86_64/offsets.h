// SPDX-License-Identifier: MIT
// Numbers shared by assembly and C++; descriptors.cpp asserts that they agree with the structures.
#pragma once

#define CPU_SELF 0
#define CPU_PAGE 8
#define CPU_STACK 16
#define CPU_SCRATCH 24
#define CPU_EXIT_CS 32
#define CPU_EXIT_SS 40

#define PAGE_RAX 0
#define PAGE_RBX 8
#define PAGE_RCX 16
#define PAGE_RDX 24
#define PAGE_RSI 32
#define PAGE_RDI 40
#define PAGE_RBP 48
#define PAGE_RSP 56
#define PAGE_R8 64
#define PAGE_R9 72
#define PAGE_R10 80
#define PAGE_R11 88
#define PAGE_R12 96
#define PAGE_R13 104
#define PAGE_R14 112
#define PAGE_R15 120
#define PAGE_RIP 128
#define PAGE_RFLAGS 136

// Selectors. The user's are the numbers that Linux programs see; syscall and sysret fix the order 0x10, 0x18 and 0x28, 0x30.
#define SELECTOR_SERVER_CODE 0x09    /* CPL 1 */
#define SELECTOR_KERNEL_CODE 0x10
#define SELECTOR_KERNEL_DATA 0x18
#define SELECTOR_SERVER_DATA 0x21    /* CPL 1 */
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33
#define SELECTOR_TASK 0x38

#define RFLAGS_USER 0x254dd5         /* kRflagsUser */
#define RFLAGS_SYSRET 0x244cd5       /* of these, what sysret restores properly: not RF, TF */
#define RFLAGS_ALWAYS 0x202          /* IF and the constant 1 */

#define INTERRUPT_STACK_SIZE 4096    /* the stacks of NMI, #DF, #MC, #DB: aligned to this; the first word is the Cpu* */
