// SPDX-License-Identifier: MIT
// Every way into the kernel and out of it. Registers of a thread go straight into its ThreadPage (cpu.page); each entry starts at the top of
// the processor's one stack. Interrupts stay off until the exit. GS: swapgs when coming from CPL 1 or 3; the entries that can hit anywhere
// (NMI, #MC, #DF, and #DB at CPL 0) run on stacks of their own and set GS from the word at the bottom of that stack.

#include "kernel/arch/x86_64/offsets.h"

// clac where the processor has SMAP, else three bytes of nothing: see patch_instructions() in features.cpp.
.macro CLEAR_ACCESS
771:    .byte   0x0f, 0x1f, 0x00
        .pushsection .patches, "a"
        .quad   771b
        .popsection
.endm

.macro SAVE_GENERAL page                      // all but \page itself, rsp, rip, rflags
        mov     %rax, PAGE_RAX(\page)
        mov     %rbx, PAGE_RBX(\page)
        mov     %rcx, PAGE_RCX(\page)
        mov     %rdx, PAGE_RDX(\page)
        mov     %rsi, PAGE_RSI(\page)
        mov     %rbp, PAGE_RBP(\page)
        mov     %r8, PAGE_R8(\page)
        mov     %r9, PAGE_R9(\page)
        mov     %r10, PAGE_R10(\page)
        mov     %r11, PAGE_R11(\page)
        mov     %r12, PAGE_R12(\page)
        mov     %r13, PAGE_R13(\page)
        mov     %r14, PAGE_R14(\page)
        mov     %r15, PAGE_R15(\page)
.endm

.macro PUSH_GENERAL
        push    %rax
        push    %rbx
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %rbp
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
.endm

.macro POP_GENERAL
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rbp
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rbx
        pop     %rax
.endm

        .section .text.entry, "ax"

// --- The syscall instruction, from CPL 3 or 1 ----------------------------------------------------------------------------------

        .global syscall_entry
        .balign 64
syscall_entry:
        swapgs
        mov     %rsp, %gs:CPU_SCRATCH
        mov     %gs:CPU_PAGE, %rsp            // as a pointer, not as a stack
        SAVE_GENERAL %rsp
        mov     %rdi, PAGE_RDI(%rsp)
        mov     %rcx, PAGE_RIP(%rsp)
        mov     %r11, PAGE_RFLAGS(%rsp)
        mov     %gs:CPU_SCRATCH, %rax
        mov     %rax, PAGE_RSP(%rsp)
        mov     %gs:CPU_STACK, %rsp
        mov     %gs:CPU_SELF, %rdi
        xor     %ebp, %ebp
        call    kernel_on_call

// --- The way out: %rax = the thread to run, already current, or 0 ----------------------------------------------------------------

kernel_exit:
        test    %rax, %rax
        jz      kernel_idle
        mov     %gs:CPU_PAGE, %rdi
        mov     PAGE_RIP(%rdi), %rcx          // each word that is checked is read once: a supervisor may write concurrently
        mov     PAGE_RFLAGS(%rdi), %r11
        cmp     %rcx, PAGE_RCX(%rdi)
        jne     exit_by_iret
        cmpl    $SELECTOR_USER_CODE, %gs:CPU_EXIT_CS
        jne     exit_by_iret
        mov     %r11, %rax
        and     $RFLAGS_SYSRET, %r11
        or      $RFLAGS_ALWAYS, %r11
        cmp     %r11, %rax                    // TF, RF or forbidden bits
        jne     exit_by_iret
        cmp     %r11, PAGE_R11(%rdi)
        jne     exit_by_iret
        mov     %rcx, %rax                    // sysret to a non-canonical address would fault with the user's stack
        shr     $47, %rax
        jnz     exit_by_iret

        mov     PAGE_RAX(%rdi), %rax
        mov     PAGE_RBX(%rdi), %rbx
        mov     PAGE_RDX(%rdi), %rdx
        mov     PAGE_RSI(%rdi), %rsi
        mov     PAGE_RBP(%rdi), %rbp
        mov     PAGE_R8(%rdi), %r8
        mov     PAGE_R9(%rdi), %r9
        mov     PAGE_R10(%rdi), %r10
        mov     PAGE_R12(%rdi), %r12
        mov     PAGE_R13(%rdi), %r13
        mov     PAGE_R14(%rdi), %r14
        mov     PAGE_R15(%rdi), %r15
        mov     PAGE_RSP(%rdi), %rsp
        mov     PAGE_RDI(%rdi), %rdi
        swapgs
        sysretq

exit_by_iret:
        mov     %gs:CPU_STACK, %rsp
        push    %gs:CPU_EXIT_SS
        push    PAGE_RSP(%rdi)
        mov     PAGE_RFLAGS(%rdi), %rax
        and     $RFLAGS_USER, %rax
        or      $RFLAGS_ALWAYS, %rax
        push    %rax
        push    %gs:CPU_EXIT_CS
        push    PAGE_RIP(%rdi)
        mov     PAGE_RAX(%rdi), %rax
        mov     PAGE_RBX(%rdi), %rbx
        mov     PAGE_RCX(%rdi), %rcx
        mov     PAGE_RDX(%rdi), %rdx
        mov     PAGE_RSI(%rdi), %rsi
        mov     PAGE_RBP(%rdi), %rbp
        mov     PAGE_R8(%rdi), %r8
        mov     PAGE_R9(%rdi), %r9
        mov     PAGE_R10(%rdi), %r10
        mov     PAGE_R11(%rdi), %r11
        mov     PAGE_R12(%rdi), %r12
        mov     PAGE_R13(%rdi), %r13
        mov     PAGE_R14(%rdi), %r14
        mov     PAGE_R15(%rdi), %r15
        mov     PAGE_RDI(%rdi), %rdi
        swapgs
exit_iretq:
        iretq                                 // faults here mean that the thread's registers are impossible: exit_failed

// Abandons the current stack: [[noreturn]] void enter_scheduler_stack(Cpu*, bool run)
        .global kernel_resume
kernel_resume:                                // %rdi = 0: idle, else cpu.page is loaded
        mov     %rdi, %rax
        jmp     kernel_exit

kernel_idle:
        mov     %gs:CPU_STACK, %rsp
        xor     %ebp, %ebp
1:      mov     %gs:CPU_SELF, %rdi
        call    arch_idle
        test    %rax, %rax
        jnz     kernel_exit
        sti                                   // takes effect after the next instruction: no wake-up is lost
        hlt
        cli                                   // only an NMI comes back here
        jmp     1b

// --- Exceptions and interrupts --------------------------------------------------------------------------------------------------
// On the stack: vector, error code, rip, cs, rflags, rsp, ss.

exception_common:
        cld
        CLEAR_ACCESS
        testb   $3, 24(%rsp)
        jz      exception_in_kernel
        swapgs
exception_save:
        push    %rdi
        mov     %gs:CPU_PAGE, %rdi
        SAVE_GENERAL %rdi
        pop     %rax
        mov     %rax, PAGE_RDI(%rdi)
        pop     %rsi                          // vector
        pop     %rdx                          // error code
        pop     PAGE_RIP(%rdi)
        pop     %rax
        pop     PAGE_RFLAGS(%rdi)
        pop     PAGE_RSP(%rdi)
        mov     %gs:CPU_STACK, %rsp
        mov     %gs:CPU_SELF, %rdi
        xor     %ebp, %ebp
        call    arch_on_exception
        jmp     kernel_exit

interrupt_common:
        cld
        CLEAR_ACCESS
        testb   $3, 24(%rsp)
        jz      1f                            // from kernel_idle, whose stack holds nothing
        swapgs
        push    %rdi
        mov     %gs:CPU_PAGE, %rdi
        SAVE_GENERAL %rdi
        pop     %rax
        mov     %rax, PAGE_RDI(%rdi)
        pop     %rsi                          // vector
        pop     %rax
        pop     PAGE_RIP(%rdi)
        pop     %rax
        pop     PAGE_RFLAGS(%rdi)
        pop     PAGE_RSP(%rdi)
        jmp     2f
1:      pop     %rsi
2:      mov     %gs:CPU_STACK, %rsp
        mov     %gs:CPU_SELF, %rdi
        xor     %ebp, %ebp
        call    arch_on_interrupt
        jmp     kernel_exit

exception_in_kernel:
        cmpq    $exit_iretq, 16(%rsp)
        je      exit_failed
        PUSH_GENERAL
        mov     %rsp, %rdi
        call    arch_on_kernel_exception
        POP_GENERAL
        add     $16, %rsp
        iretq

exit_failed:                                  // GS is the user's already; the page still has all registers
        swapgs
        mov     %gs:CPU_STACK, %rsp
        mov     %gs:CPU_SELF, %rdi
        xor     %ebp, %ebp
        call    arch_on_exit_failure
        jmp     kernel_exit

// Entries on their own stacks, from anywhere.
.macro OWN_STACK_ENTRY handler
        PUSH_GENERAL
        rdgsbase %rbx
        mov     %rsp, %rax
        and     $-INTERRUPT_STACK_SIZE, %rax
        mov     (%rax), %rax
        wrgsbase %rax
        mov     %rsp, %rdi
        call    \handler
        wrgsbase %rbx
        POP_GENERAL
        add     $16, %rsp
        iretq
.endm

vector_nmi:
        push    $0
        push    $2
        cld
        CLEAR_ACCESS
        OWN_STACK_ENTRY arch_on_nmi

vector_double_fault:
        push    $8
        cld
        CLEAR_ACCESS
        OWN_STACK_ENTRY arch_on_fatal_exception

vector_machine_check:
        push    $0
        push    $18
        cld
        CLEAR_ACCESS
        OWN_STACK_ENTRY arch_on_fatal_exception

vector_debug:
        push    $0
        push    $1
        cld
        CLEAR_ACCESS
        testb   $3, 24(%rsp)
        jz      1f
        swapgs
        jmp     exception_save
1:      OWN_STACK_ENTRY arch_on_kernel_debug

// --- One stub for each vector; their addresses are in vector_table ----------------------------------------------------------------

        .altmacro
.macro STUB number, has_error, target
        .balign 16
vector_stub_\number:
        .if     \has_error == 0
        push    $0
        .endif
        push    $\number
        jmp     \target
.endm

.macro STUB_ADDRESS number
        .quad   vector_stub_\number
.endm

        .set    n, 0
        .rept   32
        .if     n == 8 || n == 10 || n == 11 || n == 12 || n == 13 || n == 14 || n == 17 || n == 21 || n == 29 || n == 30
        STUB    %n, 1, exception_common
        .else
        STUB    %n, 0, exception_common
        .endif
        .set    n, n + 1
        .endr
        .rept   224
        STUB    %n, 0, interrupt_common
        .set    n, n + 1
        .endr

        .section .rodata.vectors, "a"
        .balign 8
        .global vector_table
vector_table:
        .set    n, 0
        .rept   256
        .if     n == 1
        .quad   vector_debug
        .elseif n == 2
        .quad   vector_nmi
        .elseif n == 8
        .quad   vector_double_fault
        .elseif n == 18
        .quad   vector_machine_check
        .else
        STUB_ADDRESS %n
        .endif
        .set    n, n + 1
        .endr
