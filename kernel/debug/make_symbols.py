#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the assembly source of the kernel's symbol table (see symbol_table.h) from a linked image.

usage: make_symbols.py NM IMAGE OUTPUT.S
"""
import struct
import subprocess
import sys

BASE = 0xFFFFFFFF80000000
NAME_MAX = 72
MAGIC = 0x4D595348


def short(name):
    """The function's name without its parameter list, template arguments and the common namespace."""
    name = name.replace("(anonymous namespace)::", "").replace("hati::", "")
    for word in (" [clone", " [.llvm"):
        name = name.split(word)[0]
    depth, out = 0, []
    for i, char in enumerate(name):
        if char == "<" and not name[:i].endswith("operator") and not name[:i].endswith("operator<"):
            depth += 1
        elif char == ">" and depth:
            depth -= 1
            continue
        elif char == "(" and not depth and i and not name[:i].endswith("operator"):
            break
        if not depth:
            out.append(char)
    text = "".join(out).strip().split(" ")[-1] if "operator" not in name else "".join(out).strip()
    return (text or name)[:NAME_MAX]


def functions(nm, image):
    """(address, name) of every function, sorted, one per address; then the end of the text."""
    listing = subprocess.run([nm, "--demangle", "--numeric-sort", image], check=True, capture_output=True, text=True).stdout
    found, end = {}, BASE
    for line in listing.splitlines():
        address, kind, name = line.split(" ", 2)
        value = int(address, 16)
        if name == "text_end":
            end = value
        elif kind in "tTwW" and value >= BASE and not name.startswith((".L", "vector_stub_", "text_")):
            found.setdefault(value, name)
    return sorted(found.items()), end


def main():
    nm, image, output = sys.argv[1:]
    found, end = functions(nm, image)
    names, offsets, entries = bytearray(), {}, []
    names_start = 8 + 8 * (len(found) + 1)
    for address, name in found + [(end, "")]:
        text = short(name) if name else ""
        if text not in offsets:
            offsets[text] = names_start + len(names)
            names += text.encode() + b"\0"
        entries.append((address - BASE, offsets[text]))
    table = struct.pack("<II", MAGIC, len(entries)) + b"".join(struct.pack("<II", *entry) for entry in entries) + bytes(names)
    with open(output, "w", encoding="ascii") as file:
        file.write('        .section .symbols, "a"\n        .global symbol_table, symbol_table_end\n        .balign 8\nsymbol_table:\n')
        for i in range(0, len(table), 16):
            file.write("        .byte " + ",".join(str(byte) for byte in table[i : i + 16]) + "\n")
        file.write("symbol_table_end:\n")


if __name__ == "__main__":
    main()
