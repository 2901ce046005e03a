// SPDX-License-Identifier: MIT
// PVH entry (Xen's boot protocol for HVM guests, as QEMU's -kernel uses it for ELF images with this note): 32-bit protected mode, no
// paging, %ebx = physical address of hvm_start_info. Builds page tables for the first 4 GiB (identity, direct map, image) in memory of the
// image, enters long mode and calls boot_main(start info) at its high address. These tables are replaced by paging.cpp.

        .section .note.Xen, "a", @note
        .balign 4
        .long   2f - 1f, 4f - 3f, 18          // XEN_ELFNOTE_PHYS32_ENTRY
1:      .asciz  "Xen"
2:      .balign 4
3:      .quad   pvh_entry
4:      .balign 4

        .section .boot.bss, "aw", @nobits
        .balign 4096
        .global boot_pml4
boot_pml4:      .skip 4096
boot_pdpt:      .skip 4096
boot_pdpt_high: .skip 4096
boot_pd:        .skip 4 * 4096
boot_stack_low: .skip 512
boot_stack_low_top:
boot_tables_end:

        .section .boot.data, "aw"
        .balign 8
        .global boot_tsc
boot_tsc:       .quad 0
boot_gdt:       .quad 0, 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_gdt_pointer:
        .word   boot_gdt_pointer - boot_gdt - 1
        .long   boot_gdt
no_long_mode:   .asciz "Kernel panic: this processor has no 64-bit mode with execute protection\r\n"

        .section .boot.text, "ax"
        .code32
        .global pvh_entry
pvh_entry:
        cli
        cld
        mov     %ebx, %ebp
        rdtsc
        mov     %eax, boot_tsc
        mov     %edx, boot_tsc + 4

        mov     $boot_pml4, %edi              // the tables, all zero
        mov     $boot_tables_end, %ecx
        sub     %edi, %ecx
        shr     $2, %ecx
        xor     %eax, %eax
        rep stosl
        mov     $boot_stack_low_top, %esp

        mov     $0x80000000, %eax
        cpuid
        cmp     $0x80000001, %eax
        jb      unsupported
        mov     $0x80000001, %eax
        cpuid
        and     $0x20100000, %edx             // long mode, NX
        cmp     $0x20100000, %edx
        jne     unsupported

        mov     $boot_pdpt + 3, %eax          // present, writable
        mov     %eax, boot_pml4               // identity
        mov     %eax, boot_pml4 + 256 * 8     // direct map
        movl    $boot_pdpt_high + 3, boot_pml4 + 511 * 8
        movl    $boot_pd + 3, boot_pdpt_high + 510 * 8
        mov     $boot_pd + 3, %eax
        mov     $boot_pdpt, %edi
        mov     $4, %ecx
1:      mov     %eax, (%edi)
        add     $4096, %eax
        add     $8, %edi
        loop    1b
        mov     $0x83, %eax                   // present, writable, 2 MiB
        mov     $boot_pd, %edi
        mov     $2048, %ecx
1:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    1b

        mov     $0x20, %eax                   // CR4.PAE
        mov     %eax, %cr4
        mov     $boot_pml4, %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx             // EFER: SCE, LME, NXE
        rdmsr
        or      $0x901, %eax
        wrmsr
        mov     $0x80010033, %eax             // CR0: PG, WP, NE, ET, MP, PE
        mov     %eax, %cr0
        lgdt    boot_gdt_pointer
        ljmp    $0x10, $long_mode

unsupported:
        mov     $no_long_mode, %esi
        mov     $0x3f8, %edx
1:      lodsb
        test    %al, %al
        jz      2f
        outb    %al, %dx
        jmp     1b
2:      mov     $1, %al
        outb    %al, $0xf4
3:      hlt
        jmp     3b

        .code64
long_mode:
        movabs  $boot_high, %rax
        jmp     *%rax

        .section .bss.boot_stack, "aw", @nobits
        .balign 4096
boot_stack: .skip 8192
boot_stack_top:

        .section .text.entry, "ax"
boot_high:
        mov     $0x18, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        mov     $bss_begin, %rdi              // loaders should clear it; it costs little to be sure
        mov     $bss_end, %rcx
        sub     %rdi, %rcx
        shr     $3, %rcx
        rep stosq
        mov     $boot_stack_top, %rsp
        mov     %ebp, %edi
        xor     %ebp, %ebp
        call    boot_main
        ud2
