// SPDX-License-Identifier: MIT
// memcpy, memmove, memset, memcmp for code that the compiler generates. Words by the string instructions, which are fast on processors and
// count one per word in an emulator; never bytes in bulk (an emulator executes those one by one).

        .section .text.memory_functions, "ax"
        .global memcpy, memmove, memset, memcmp

        .balign 16
memmove:
        mov     %rdi, %rax
        sub     %rsi, %rax                    // destination - source, below size if it must go backwards
        cmp     %rdx, %rax
        jb      move_backwards
memcpy:
        mov     %rdi, %rax
        mov     %rdx, %rcx
        cmp     $32, %rdx
        jae     2f
1:      sub     $8, %rcx
        jb      3f
        mov     (%rsi), %r8
        mov     %r8, (%rdi)
        add     $8, %rsi
        add     $8, %rdi
        jmp     1b
2:      shr     $3, %rcx
        rep movsq
        mov     %edx, %ecx
3:      and     $7, %ecx
        jz      5f
4:      movzbl  (%rsi), %r8d
        mov     %r8b, (%rdi)
        inc     %rsi
        inc     %rdi
        dec     %ecx
        jnz     4b
5:      ret

move_backwards:
        mov     %rdi, %rax
        test    %rdx, %rdx
        jz      5b
        mov     %rdx, %rcx
1:      cmp     $8, %rcx
        jb      2f
        mov     -8(%rsi,%rcx), %r8
        mov     %r8, -8(%rdi,%rcx)
        sub     $8, %rcx
        jmp     1b
2:      test    %rcx, %rcx
        jz      5b
        movzbl  -1(%rsi,%rcx), %r8d
        mov     %r8b, -1(%rdi,%rcx)
        dec     %rcx
        jmp     2b

        .balign 16
memset:
        mov     %rdi, %r9
        movzbl  %sil, %eax
        movabs  $0x0101010101010101, %r8
        imul    %r8, %rax
        mov     %rdx, %rcx
        shr     $3, %rcx
        rep stosq
        and     $7, %edx
        jz      2f
1:      mov     %al, (%rdi)
        inc     %rdi
        dec     %edx
        jnz     1b
2:      mov     %r9, %rax
        ret

        .balign 16
memcmp:
        xor     %ecx, %ecx
1:      cmp     %rdx, %rcx
        je      2f
        movzbl  (%rdi,%rcx), %eax
        movzbl  (%rsi,%rcx), %r8d
        inc     %rcx
        sub     %r8d, %eax
        jz      1b
        ret
2:      xor     %eax, %eax
        ret
