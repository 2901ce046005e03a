# SPDX-License-Identifier: MIT
"""Boots build/boot-block.img with a scratch disk and a read-only one: the driver for virtio disks, and its client library."""

import re
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

from hati import qemu
from hati.common import BUILD

SECTOR = 512
SCRATCH_BYTES = 64 << 20
READ_ONLY_BYTES = 1 << 20
REGION_SECTOR, REGION_SECTORS = 65536, 16 * 64  # tests/block/load_cases.cpp
LAST_VERSION = 5
MASK = (1 << 64) - 1


def sector(number: int, version: int) -> bytes:
    """As fill_sector() in tests/block/cases.h."""
    state = (number * 0x9e3779b97f4a7c15 + version) & MASK
    words = []
    for _ in range(SECTOR // 8):
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
        words.append(state)
    return struct.pack(f"<{len(words)}Q", *words)


def gpt(sectors: int, partitions: list[tuple[int, int]]) -> dict[int, bytes]:
    """The sectors of a partition table: first sector and length of each partition."""
    entries = b"".join(struct.pack("<16s16sQQQ72s", b"\x01" * 16, bytes([i + 1]) * 16, first, first + length - 1, 0, b"")
                       for i, (first, length) in enumerate(partitions)).ljust(128 * 128, b"\0")

    def header(crc: int) -> bytes:
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, 1, sectors - 1, 34, sectors - 34, b"\x02" * 16, 2, 128, 128,
                           zlib.crc32(entries))
    mbr = bytearray(SECTOR)
    mbr[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xee, b"\xff" * 3, 1, sectors - 1)
    mbr[510:] = b"\x55\xaa"
    return {0: bytes(mbr), 1: header(zlib.crc32(header(0))).ljust(SECTOR, b"\0"), 2: entries}


def write_read_only(path: Path) -> None:
    with open(path, "wb") as image:
        image.truncate(READ_ONLY_BYTES)
        for number, data in gpt(READ_ONLY_BYTES // SECTOR, [(64, 100), (200, 1000)]).items():
            image.seek(number * SECTOR)
            image.write(data)
        image.seek(200 * SECTOR)
        image.write(b"".join(sector(number, 77) for number in range(200, 208)))


class BlockTest(unittest.TestCase):
    def check(self, cpus: int, seconds: float = 240, extra: tuple = ()):
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            scratch, read_only = Path(folder, "scratch"), Path(folder, "read-only")
            with open(scratch, "wb") as image:
                image.truncate(SCRATCH_BYTES)
            write_read_only(read_only)
            machine = qemu.Machine(kernel=BUILD / "hati", initrd=BUILD / "boot-block.img", append="console=ttyS0 panic=-1", cpus=cpus, memory="128M",
                                   root=scratch, extra=[*qemu.disk("second", read_only, cpus, read_only=True), *extra])
            log = qemu.log_path(f"block-{cpus}")
            with qemu.Running(machine, log, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
                outcome = running.wait(seconds)
            text = log.read_text(errors="replace")
            self.assertIs(outcome, qemu.Outcome.POWERED_OFF, text[-3000:])
            for name, reason in re.findall(r"tests: not ok (\S+?): (.*)", text):
                with self.subTest(name):
                    self.fail(reason)
            totals = re.search(r"tests: (\d+) passed, (\d+) failed", text)
            self.assertIsNotNone(totals, text[-3000:])
            self.assertGreaterEqual(int(totals[1]), 10)
            self.check_scratch(scratch, min(4 * cpus, 16))

    def check_scratch(self, scratch: Path, tasks: int):
        with open(scratch, "rb") as image:
            image.seek(REGION_SECTOR * SECTOR)
            for number in range(REGION_SECTOR, REGION_SECTOR + tasks * REGION_SECTORS):
                if image.read(SECTOR) != sector(number, LAST_VERSION):
                    self.fail(f"sector {number} of the scratch disk is not what was written last")

    def test_1_cpu(self):
        self.check(1)

    def test_2_cpus(self):
        self.check(2)

    def test_4_cpus(self):
        self.check(4)
