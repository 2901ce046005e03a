# SPDX-License-Identifier: MIT
"""Boots build/boot-native.img: the tests that run as native programs, without the Linux server."""

import re
import subprocess
import unittest

from hati import bench, qemu
from hati.common import BUILD

CRASH = re.compile(r"init: +by .*crash_on_purpose\(\)")


def boot(name: str, cpus: int, append: str, icount: bool = False, seconds: float = 120, image: str = "boot-native.img") -> str:
    """What the machine said until it switched itself off."""
    machine = qemu.Machine(kernel=BUILD / "hati", initrd=BUILD / image, append=f"console=ttyS0 panic=-1 {append}",
                           cpus=cpus, memory="64M", icount=icount)
    log = qemu.log_path(f"native-{name}")
    with qemu.Running(machine, log, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
        outcome = running.wait(seconds)
    text = log.read_text(errors="replace")
    if outcome is not qemu.Outcome.POWERED_OFF:
        raise AssertionError(f"{outcome.describe()}\n{text[-3000:]}")
    return text


class NativeTest(unittest.TestCase):
    def check(self, cpus: int, placement: str):
        text = boot(f"{cpus}-{placement}", cpus, f"hati.echo={placement} hati.fuzz={placement}")
        for name, reason in re.findall(r"tests: not ok (\S+?): (.*)", text):
            with self.subTest(name):
                self.fail(reason)
        totals = re.search(r"tests: (\d+) passed, (\d+) failed", text)
        self.assertIsNotNone(totals, text[-3000:])
        self.assertGreater(int(totals[1]), 15)
        self.assertRegex(text, CRASH, "the report of the crashed server names no function")

    def test_1_cpu_separate(self):
        self.check(1, "separate")

    def test_2_cpus_separate(self):
        self.check(2, "separate")

    def test_2_cpus_attached(self):
        self.check(2, "attached")

    def test_4_cpus_attached(self):
        self.check(4, "attached")


class KernelTest(unittest.TestCase):
    """build/boot-selftest.img: the kernel alone, from a first process without a runtime."""

    MESSAGE_MAX = 700

    def check(self, cpus: int, icount: bool = False) -> dict[str, int]:
        text = boot(f"selftest-{cpus}{'-icount' if icount else ''}", cpus, "", icount=icount, image="boot-selftest.img")
        self.assertRegex(text, r"selftest: \d+ checks, 0 failures", text[-3000:])
        return {name: int(value) for name, value in re.findall(r"cost: (.+?) (\d+) ns", text)}

    def test_2_cpus(self):
        self.check(2)

    def test_4_cpus(self):
        self.check(4)

    def test_instructions(self):
        figures = self.check(1, icount=True)
        self.assertLessEqual(figures["null call"], 120)
        self.assertLessEqual(figures["message one way"], self.MESSAGE_MAX)


class InstructionCountTest(unittest.TestCase):
    """With -icount one nanosecond is one instruction."""

    MESSAGE_MAX = 1400  # through the runtime, with buffers
    INLINE_MESSAGE_MAX = 1100  # through the runtime, in the entries

    def test_null_call_and_message(self):
        text = boot("icount", 1, "", icount=True, seconds=300)
        figures = {name: int(value) for name, value in re.findall(r"tests: bench (\S+) (\d+) ns", text)}
        self.assertLessEqual(figures["null-call"], 120)
        self.assertLessEqual(figures["raw-call-one-way"], self.MESSAGE_MAX)
        self.assertLessEqual(figures["inline-call-one-way"], self.INLINE_MESSAGE_MAX)

    def test_linux_null_call(self):
        results = bench.Results()
        bench.measure(results, "icount", "attached", ["getppid"], 120)
        self.assertLessEqual(results.values["icount"]["attached"]["getppid"][0], 1000)
