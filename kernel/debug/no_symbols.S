// SPDX-License-Identifier: MIT
// An empty symbol table for the first link; make_symbols.py then makes the real one from that image.
        .section .symbols, "a"
        .global symbol_table, symbol_table_end
        .balign 8
symbol_table:
        .quad   0
symbol_table_end:
