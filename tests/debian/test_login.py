# SPDX-License-Identifier: MIT
"""Debian boots from an image with each init to a login, is used, and shuts down. HATI_TEST_KERNEL says on which kernel."""

import hashlib
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from hati import debian, image
from hati.common import BUILD, ROOT
from hati.console import Console

KERNEL = os.environ["HATI_TEST_KERNEL"]
NUMBERS = hashlib.md5("".join(f"{i}\n" for i in range(1, 100001)).encode()).hexdigest() + "  -"
PROMPT = r"root@hati:[^\n]*# \Z"


class LoginTest(unittest.TestCase):
    def boot(self, init: str) -> None:
        try:
            made = image.make(init=init)
        except debian.Unavailable as error:
            self.skipTest(f"no Debian packages here: {error}")
        folder = tempfile.TemporaryDirectory(dir=BUILD / "images", prefix="run-")
        self.addCleanup(folder.cleanup)
        self.disk = Path(folder.name) / "disk.ext4"
        image.copy(made, self.disk)
        self.start()

    def start(self) -> None:
        self.console = Console([ROOT / "hati", "boot", "--kernel", KERNEL, "--root", self.disk, "--cpus", "2", "--timeout", "300", "--append", "quiet"])
        self.addCleanup(self.console.close)
        self.console.wait_for(r"hati login: \Z", 200)
        self.console.type("root\r")
        self.console.wait_for(PROMPT, 60)
        self.console.type("stty columns 500\r")  # or lines that are typed come back in pieces
        self.console.wait_for(PROMPT, 60)

    def run_line(self, line: str) -> str:
        """What a command printed."""
        self.console.type(line + "\r")
        self.console.wait_for(re.escape(line) + r"\s*\n", 30)
        found = self.console.wait_for(rf"(?s)\A(.*?){PROMPT}", 60)
        return found[1].replace("\r", "").strip()

    def shut_down(self) -> None:
        self.console.type("poweroff\r")
        self.assertEqual(self.console.wait_end(120), 0, self.console.transcript[-2000:])
        check = subprocess.run(["/sbin/e2fsck", "-fn", self.disk], check=False, capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stdout)
        # Not only whole, but unmounted: nothing is left for the journal to repeat.
        features = subprocess.run(["/sbin/dumpe2fs", "-h", self.disk], check=False, capture_output=True, text=True).stdout
        self.assertNotIn("needs_recovery", features)

    def test_sysvinit(self):
        self.boot("sysvinit")
        self.assertEqual(self.run_line("runlevel"), "N 2")
        self.assertEqual(self.run_line("id -u; tty; cat /proc/1/comm; stat -fc %T /"), "0\n/dev/ttyS0\ninit\next2/ext3")
        self.assertRegex(self.run_line("who"), r"^root +ttyS0 ")
        self.assertRegex(self.run_line("mount | grep ' / '"), r"^/dev/vda on / type ext4 \(rw,relatime.*\)$")
        self.assertRegex(self.run_line("sleep 100 & jobs"), r"(?s)\[1\]\+ +Running +sleep 100 &$")
        self.console.type("(echo up; exec cat)\r")
        self.console.wait_for(r"^\r*up\s*\n")
        self.console.type("\x1a")  # ^Z
        self.console.wait_for(r"\[2\]\+ +Stopped +\( echo up; exec cat \)")
        self.console.wait_for(PROMPT)
        self.assertRegex(self.run_line("kill %1 %2; wait; jobs; echo none"), r"(?s)none$")
        self.assertEqual(self.run_line("useradd -m -s /bin/bash ada && su ada -c 'id -un; cd; pwd; touch mine; stat -c %U mine'"), "ada\n/home/ada\nada")
        self.assertEqual(self.run_line("echo kept > /root/kept; seq 100000 > /root/numbers; md5sum < /root/numbers"), NUMBERS)
        self.shut_down()
        self.start()
        self.assertEqual(self.run_line("cat /root/kept; md5sum < /root/numbers; id -un ada"), f"kept\n{NUMBERS}\nada")
        self.shut_down()

    @unittest.skipUnless(os.environ.get("HATI_TEST_ALL"), "an image of its own; with --all")
    def test_busybox_init(self):
        self.boot("busybox")
        self.assertEqual(self.run_line("readlink -f /proc/1/exe; hostname"), "/usr/bin/busybox\nhati")
        self.shut_down()
