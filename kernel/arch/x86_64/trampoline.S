// SPDX-License-Identifier: MIT
// Where a further processor starts: copied to a page below 1 MiB by smp.cpp, entered in real mode with CS = page / 16, IP = 0. Goes straight to
// long mode on the boot page tables (identity) and then jumps to `entry` with `stack` and `argument`. Processors start one at a time.

        .section .rodata.trampoline, "a"
        .global trampoline_begin, trampoline_end
        .global trampoline_gdt_base, trampoline_far, trampoline_root, trampoline_stack, trampoline_argument, trampoline_entry
        .code16
trampoline_begin:
        cli
        cld
        mov     %cs, %ax
        mov     %ax, %ds
        mov     $0x20, %eax                   // CR4.PAE
        mov     %eax, %cr4
        mov     trampoline_root - trampoline_begin, %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx             // EFER: SCE, LME, NXE
        rdmsr
        or      $0x901, %eax
        wrmsr
        lgdtl   trampoline_gdt_pointer - trampoline_begin
        mov     $0x80010033, %eax             // CR0: PG, WP, NE, ET, MP, PE; caches on
        mov     %eax, %cr0
        ljmpl   *(trampoline_far - trampoline_begin)

        .code64
trampoline_long:
        mov     $0x18, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        xor     %ebp, %ebp
        mov     trampoline_stack(%rip), %rsp
        mov     trampoline_argument(%rip), %rdi
        mov     trampoline_entry(%rip), %rax
        call    *%rax
        ud2

        .balign 8
trampoline_gdt: .quad 0, 0, 0x00af9a000000ffff, 0x00cf92000000ffff
trampoline_gdt_pointer:
        .word   trampoline_gdt_pointer - trampoline_gdt - 1
trampoline_gdt_base:
        .long   trampoline_gdt - trampoline_begin     // + page
trampoline_far: .long   trampoline_long - trampoline_begin    // + page
        .word   0x10
        .balign 8
trampoline_root:     .quad 0
trampoline_stack:    .quad 0
trampoline_argument: .quad 0
trampoline_entry:    .quad 0
trampoline_end:
