#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packs a boot image: .hati/init, .hati/manifest.toml and the servers and drivers, without debug information but with symbols.

boot_image.py OBJCOPY OUTPUT MANIFEST NAME=PROGRAM...      NAME is the path below .hati/
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from hati.initramfs import Archive  # noqa: E402


def stripped(objcopy: str, program: Path) -> bytes:
    """The program as the boot image has it. Symbols stay: init names functions in crash reports."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "program")
        subprocess.run([objcopy, "--strip-debug", "--remove-section=.comment", str(program), str(out)], check=True)
        return out.read_bytes()


def main(objcopy: str, output: str, manifest: str, *programs: str) -> None:
    archive = Archive()
    archive.file(".hati/manifest.toml", Path(manifest).read_bytes())
    for pair in programs:
        name, _, path = pair.partition("=")
        archive.file(f".hati/{name}", stripped(objcopy, Path(path)), 0o755)
    Path(output).write_bytes(archive.to_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
