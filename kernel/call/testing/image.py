#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""image.py PROGRAM OUTPUT: an initial ram disk (cpio, newc) with PROGRAM as .hati/init."""

import sys
from pathlib import Path


def member(name: str, mode: int, data: bytes) -> bytes:
    fields = (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    out = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(out) % 4)


program, output = map(Path, sys.argv[1:])
output.write_bytes(member(".hati", 0o40755, b"") + member(".hati/init", 0o100755, program.read_bytes()) + member("TRAILER!!!", 0, b""))
