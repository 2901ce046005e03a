# SPDX-License-Identifier: MIT
"""The driver of the console is killed again and again while programs write and read there."""

import os
import re
import unittest

from hati.common import ROOT
from hati.console import PROMPT, Console

KERNEL = os.environ["HATI_TEST_KERNEL"]
EVERY_MS, KILLS = 150, 60
FORGET_KILLS = "dmesg -c > /dev/null"
COUNT_KILLS = "kills() { dmesg | grep -c 'uart was killed'; }"
# hati.kill is a word for init: see servers/init/manifest.h.
BOOT = [f"{ROOT}/hati", "boot", "--kernel", KERNEL, "--cpus", "2", "--timeout", "600", "--append", f"quiet hati.kill=uart:{EVERY_MS}:{KILLS}"]


def extra_bytes(expected: str, got: str) -> int:
    """How many bytes came twice; raises if anything else is different."""
    doubled, at = 0, 0
    for position, byte in enumerate(got):
        if at < len(expected) and byte == expected[at]:
            at += 1
        elif at > 0 and byte == expected[at - 1]:
            doubled += 1
        else:
            raise AssertionError(f"after {position} bytes: {got[position - 40:position + 40]!r}, expected {expected[at - 40:at + 40]!r}")
    if at != len(expected):
        raise AssertionError(f"{len(expected) - at} bytes are missing at the end")
    return doubled


@unittest.skipIf(KERNEL == "linux", "Linux has no driver to kill")
class DriverTest(unittest.TestCase):
    """protocols/console.h: but for the byte on its way between buffers and device, nothing is lost or comes twice."""

    def setUp(self):
        self.console = Console(BOOT)
        self.addCleanup(self.console.close)
        self.console.wait_for(PROMPT, 120)
        self.console.type(f"{COUNT_KILLS}; echo read\"\"y\r")
        self.console.wait_for(rf"ready\r+\n{PROMPT}")

    def test_output_is_whole(self):
        self.console.type(f"{FORGET_KILLS}; seq 100000 106000; kills\r")
        self.console.wait_for(r"; kills\r+\n")
        # A short pattern: it is searched for again with every piece of output.
        end = self.console.wait_for(rf"\r+\n(\d+)\r+\n{PROMPT}", 300)
        text = end.string[:end.start()]
        self.assertGreaterEqual(int(end[1]), 3)
        expected = "\n".join(str(i) for i in range(100000, 106001))
        doubled = extra_bytes(expected, text.replace("\r", ""))
        self.assertLessEqual(doubled, KILLS)
        self.check_alive()

    def test_input_is_whole(self):
        lines = 60
        self.console.type(f"{FORGET_KILLS}; stty -echo; cat > /tmp/typed\r")
        for i in range(lines):
            self.console.type(f"line {i:04} of what is typed while the driver dies\r")
        self.console.type("\x04stty echo; wc -l < /tmp/typed; sort -u /tmp/typed | wc -c; kills; echo en\"\"d\r")
        text = self.console.wait_for(r"(?s)(\d+)\r+\n(\d+)\r+\n(\d+)\r+\nend", 120)
        self.assertGreaterEqual(int(text[3]), 1)
        # A byte that was being taken from the device may be lost.
        self.assertGreaterEqual(int(text[1]), lines - KILLS // 4)
        self.assertGreaterEqual(int(text[2]), lines * len("line 0000 of what is typed while the driver dies\n") - KILLS)
        self.check_alive()

    def check_alive(self):
        for number in range(5):
            self.console.type(f"\recho alive $((1000 + {number}))\r")
            self.console.wait_for(rf"alive {1000 + number}", 60)
        self.assertIsNone(re.search("gone for good", self.console.transcript))
