# SPDX-License-Identifier: MIT
"""The kernel's ELF file: no floating point, nothing both writable and executable, an entry that QEMU finds."""

import functools
import re
import unittest

from hati.common import BUILD, output_of

IMAGE = BUILD / "hati"
# Any use of the registers that belong to programs ...
VECTOR_REGISTER = re.compile(r"%(?:[xyz]mm\d+|mm\d|st(?:\(\d\))?|k[0-7])\b")
# ... or an instruction that touches that state without naming one.
STATE_INSTRUCTION = re.compile(r"^(?:f(?!s|g)[a-z0-9]+|emms|vzero(?:upper|all)|v?(?:ld|st)mxcsr|xsave\w*|xrstor\w*|fx(?:save|rstor)\w*)$")
# Saving and restoring that state is these functions' task, with these instructions.
KEEPERS = re.compile(r"fpu|extended")
KEEPERS_MAY = re.compile(r"^(?:xsave\w*|xrstor\w*|fx(?:save|rstor)\w*|fninit|fnstcw|fldcw|ldmxcsr|vldmxcsr)$")


def run(*words) -> str:
    return output_of(list(words))


@functools.cache
def instructions() -> list[tuple[str, str, str]]:
    """(function, mnemonic, operands) of the whole kernel."""
    listing = run("llvm-objdump-19", "-d", "--no-show-raw-insn", "--no-leading-addr", "--demangle", IMAGE)
    found, function = [], ""
    for line in listing.splitlines():
        if match := re.match(r"^(?:[0-9a-f]+ )?<(.*)>:$", line):
            function = match[1]
        elif line.startswith(("\t", " ")) and line.strip():
            mnemonic, _, operands = line.strip().partition("\t")
            words = mnemonic.split()
            # A prefix such as lock or rep stands before the mnemonic that counts.
            found.append((function, words[-1] if words[0] in ("lock", "rep", "repne") else words[0], operands or mnemonic))
    return found


def forbidden(function: str, mnemonic: str, operands: str) -> bool:
    if VECTOR_REGISTER.search(operands):
        return True
    if not STATE_INSTRUCTION.match(mnemonic):
        return False
    return not (KEEPERS.search(function) and KEEPERS_MAY.match(mnemonic))


class KernelImageTest(unittest.TestCase):
    def test_no_floating_point_and_no_vector_instruction(self):
        self.assertGreater(len(instructions()), 1000, "the disassembly is empty")
        wrong = [f"{function}: {mnemonic} {operands}" for function, mnemonic, operands in instructions()
                 if forbidden(function, mnemonic, operands)]
        if wrong:
            self.fail("\n".join(wrong[:50]))

    def test_no_segment_is_writable_and_executable(self):
        headers = run("llvm-readelf-19", "-lW", IMAGE)
        flags = re.findall(r"^\s+LOAD\s+(?:0x[0-9a-f]+\s+){5}([R W E]{3})", headers, re.MULTILINE)
        self.assertGreaterEqual(len(flags), 2, headers)
        self.assertFalse([flag for flag in flags if "W" in flag and "E" in flag], headers)
        self.assertTrue(any("E" in flag for flag in flags))
        self.assertTrue(any(flag.strip() == "R" for flag in flags), "constants are not read-only")

    def test_has_the_pvh_entry_note(self):
        # XEN_ELFNOTE_PHYS32_ENTRY is note type 18, owner "Xen" (Xen's include/public/elfnote.h).
        notes = run("llvm-readelf-19", "-nW", IMAGE)
        self.assertRegex(notes, r"Xen\s+0x[0-9a-f]+\s+.*(?:0x0*12\b|PHYS32_ENTRY|type.*18)")

    def test_links_to_nothing(self):
        self.assertEqual(run("llvm-nm-19", "--undefined-only", IMAGE).strip(), "")


class DetectionTest(unittest.TestCase):
    """What the first test looks for, on lines that are known."""

    def test_forbidden_and_allowed(self):
        for case in (("f", "movaps", "%xmm0, (%rax)"), ("f", "vzeroupper", ""), ("f", "fldl", "(%rax)"), ("f", "fxsave", "(%rdi)"),
                     ("hati::arch::fpu_save", "movups", "%xmm1, (%rdi)"), ("hati::arch::fpu_save", "fadd", "")):
            self.assertTrue(forbidden(*case), case)
        for case in (("f", "movq", "%rax, %rbx"), ("f", "movq", "%fs:0x10, %rax"), ("hati::arch::fpu_save", "xsaveopt64", "(%rdi)"),
                     ("f", "callq", "<fsync>"), ("f", "stac", "")):
            self.assertFalse(forbidden(*case), case)
