// SPDX-License-Identifier: MIT
// The vDSO's image (vdso/image), as bytes of this server.
  .section .rodata, "a"
  .globl hati_vdso_start, hati_vdso_end
  .balign 16
hati_vdso_start:
  .incbin "vdso.so"
hati_vdso_end:
  .section .note.GNU-stack, "", @progbits
