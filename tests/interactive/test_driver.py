# SPDX-License-Identifier: MIT
"""The driver of the console is killed again and again while programs write and read there."""

import os
import re
import unittest

from hati.common import ROOT
from hati.console import PROMPT, Console, Lost

KERNEL = os.environ["HATI_TEST_KERNEL"]
EVERY_MS, KILLS = 150, 1000  # more than any test lasts
# What is typed may lose a byte to each kill, so it is defined once and then called by short names; see say().
GUEST = """
kills() { dmesg | grep -c 'uart was killed'; }
show() { dmesg -c > /dev/null; echo be""gin; seq 100000 106000; kills; }
take() { dmesg -c > /dev/null; stty -echo; echo be""gin; cat > /tmp/typed; stty echo; wc -l < /tmp/typed; sort -u /tmp/typed | wc -c; kills; echo en""d; }
"""
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
        for number, line in enumerate(GUEST.strip().splitlines()):
            self.say(f"{line}; echo read\"\"y{number}", rf"ready{number}\r+\n")

    def say(self, line: str, answer: str) -> re.Match:
        """Types a line until it is answered: a kill may have cost a byte of it."""
        for _ in range(20):
            self.console.type(f"\r{line}\r")
            try:
                return self.console.wait_for(answer, 10)
            except Lost:
                pass
        raise Lost(f"{line!r} was not answered with {answer!r}:\n{self.console.transcript[-1500:]}")

    def until_killed(self, action) -> None:
        """Repeats it until there were kills enough meanwhile: how many fall into one go depends on the machine."""
        total = 0
        for _ in range(200):
            total += action()
            if total >= 5:
                break
        self.assertGreaterEqual(total, 5)
        for number in range(1000, 1005):
            self.say(f"echo alive $(({number}))", rf"^alive {number}\r+\n")
        self.assertIsNone(re.search("gone for good", self.console.transcript))

    def test_output_is_whole(self):
        self.until_killed(self.show_numbers)

    def test_input_is_whole(self):
        self.until_killed(lambda: self.type_lines(60))

    def show_numbers(self) -> int:
        """Has many lines shown and compares what arrived; how often the driver was killed meanwhile."""
        self.say("show", r"begin\r+\n")
        # A short pattern: it is searched for again with every piece of output.
        end = self.console.wait_for(rf"\r+\n(\d+)\r+\n{PROMPT}", 300)
        text = end.string[:end.start()]
        expected = "\n".join(str(i) for i in range(100000, 106001))
        # The count was taken when the last lines had yet to leave the terminal's buffer: more kills may have met them.
        kills = int(self.say("kills", r"^(\d+)\r+\n")[1])
        self.assertLessEqual(extra_bytes(expected, text.replace("\r", "")), kills)
        return int(end[1])

    def type_lines(self, lines: int) -> int:
        """Types lines into a file and compares what arrived; how often the driver was killed meanwhile."""
        line = "line 0000 of what is typed while the driver dies\n"
        self.say("take", r"begin\r+\n")
        for i in range(lines):
            self.console.type(f"line {i:04} of what is typed while the driver dies\r")
        text = self.end_input()
        kills = int(text[3])
        # A byte that was being taken from the device may be lost; a line's end may be it.
        self.assertGreaterEqual(int(text[1]), lines - kills - 1)
        self.assertGreaterEqual(int(text[2]), lines * len(line) - kills - 1)
        return kills

    def end_input(self) -> re.Match:
        for _ in range(20):
            self.console.type("\r\x04")
            try:
                return self.console.wait_for(r"(?s)(\d+)\r+\n(\d+)\r+\n(\d+)\r+\nend\r+\n", 15)
            except Lost:
                pass
        raise Lost(f"the end of the input did not arrive:\n{self.console.transcript[-1500:]}")
