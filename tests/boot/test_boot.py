# SPDX-License-Identifier: MIT
"""`hati boot` from outside: exit statuses, the kernel command line, disk images. HATI_TEST_KERNEL says on which kernel."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from hati.common import ROOT
from hati.initramfs import BUSYBOX, Archive
from hati.qemu import Outcome

KERNEL = os.environ["HATI_TEST_KERNEL"]


def boot(*words, seconds: int = 60) -> tuple[int, str]:
    """Exit status and console output."""
    command = [str(ROOT / "hati"), "boot", "--kernel", KERNEL, "--timeout", str(seconds), *map(str, words)]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds + 60)
    return done.returncode, done.stdout.decode(errors="replace").replace("\r\n", "\n") + done.stderr.decode()


class ExitStatusTest(unittest.TestCase):
    def check(self, expected: Outcome, *words, **options) -> str:
        status, output = boot(*words, **options)
        self.assertEqual(status, expected, output[-3000:])
        return output

    def test_power_off_is_0(self):
        self.check(Outcome.POWERED_OFF, "--append", "quiet -- true")

    def test_reboot_is_4(self):
        self.check(Outcome.REBOOT, "--append", "quiet -- reboot -f")

    def test_panic_is_3(self):
        output = self.check(Outcome.PANIC, "--append", "quiet rdinit=/bin/false")
        self.assertRegex(output, r"(?m)^(\[[ .0-9]+\] )?Kernel panic")

    def test_a_guest_that_prints_kernel_panic_and_powers_off_is_0(self):
        self.check(Outcome.POWERED_OFF, "--append", "quiet -- echo Kernel panic - not syncing")

    def test_time_limit_is_124(self):
        self.check(Outcome.TIMEOUT, "--append", "quiet -- sleep 1000", seconds=8)

    def test_qemu_failure_is_5(self):
        self.check(Outcome.QEMU_FAILED, "--cpu", "no-such-cpu")

    def test_missing_files_are_1_and_named(self):
        for option in ("--root", "--initramfs"):
            status, output = boot(option, "/no/such/thing")
            self.assertEqual(status, 1)
            self.assertIn("/no/such/thing", output)


class CommandLineTest(unittest.TestCase):
    def test_words_reach_the_kernel_and_init(self):
        _, output = boot("--append", "quiet some.flag -- cat /proc/cmdline")
        self.assertIn("console=ttyS0 panic=-1 quiet some.flag -- cat /proc/cmdline\n", output)

    def test_cpus_and_memory(self):
        _, output = boot("--cpus", "3", "--memory", "256M", "--append", "quiet -- nproc; grep MemTotal /proc/meminfo")
        self.assertRegex(output, r"(?m)^3$")
        total = int(output.split("MemTotal:")[1].split()[0])
        self.assertTrue(180 * 1024 < total <= 256 * 1024, total)

    def test_maxcpus_limits_the_processors_in_use(self):
        _, output = boot("--cpus", "2", "--append", "quiet maxcpus=1 -- nproc")
        self.assertRegex(output, r"(?m)^1$")

    def test_icount_gives_the_same_time_twice(self):
        # The clock at a given point of the boot differs by what depends on the host: nothing, under icount.
        times = [boot("--icount", "--append", "quiet -- cat /proc/uptime", seconds=180)[1] for _ in range(2)]
        seconds = [float(text.split()[0]) for text in times]
        self.assertLess(abs(seconds[0] - seconds[1]), 0.1 * seconds[0] + 0.02)

    def test_print_shows_a_command_that_boots(self):
        words = [ROOT / "hati", "boot", "--kernel", KERNEL, "--print", "--append", "quiet -- echo printed command works"]
        command = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        done = subprocess.run(["sh", "-c", command], check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"printed command works\r\n", done.stdout)


class ImageTest(unittest.TestCase):
    """Guests that the test makes itself, as a user of --initramfs and --root would."""

    SCRIPT = b"#!/bin/sh\necho hello from $0 $*\n[ -e /marker ] && echo marker found\n/bin/busybox poweroff -f\n"

    def test_initramfs_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            self.fill(Path(folder), "my-init")
            status, output = boot("--initramfs", folder, "--append", "quiet rdinit=/my-init extra")
        self.assertEqual(status, Outcome.POWERED_OFF, output)
        self.assertIn("hello from /my-init extra\nmarker found\n", output)

    def test_initramfs_archive(self):
        archive = Archive()
        archive.file("bin/busybox", BUSYBOX.read_bytes(), 0o755)
        archive.symlink("bin/sh", "busybox")
        archive.device("dev/console", "c", 5, 1)
        archive.file("init", self.SCRIPT, 0o755)
        with tempfile.NamedTemporaryFile(suffix=".cpio") as file:
            file.write(archive.to_bytes())
            file.flush()
            status, output = boot("--initramfs", file.name, "--append", "quiet")
        self.assertEqual(status, Outcome.POWERED_OFF, output)
        self.assertIn("hello from /init\n", output)

    def test_root_image(self):
        with tempfile.TemporaryDirectory() as folder:
            tree, image = Path(folder, "tree"), Path(folder, "disk.ext4")
            self.fill(tree, "sbin/init")
            subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-d", tree, image, "32M"], check=True)
            status, output = boot("--root", image, "--append", "quiet")
        self.assertEqual(status, Outcome.POWERED_OFF, output)
        self.assertIn("hello from /sbin/init\nmarker found\n", output)

    def fill(self, top: Path, init: str) -> None:
        (top / "bin").mkdir(parents=True)
        (top / "sbin").mkdir()
        (top / "dev").mkdir()
        (top / "bin/busybox").write_bytes(BUSYBOX.read_bytes())
        (top / "bin/busybox").chmod(0o755)
        (top / "bin/sh").symlink_to("busybox")
        (top / "marker").touch()
        (top / init).write_bytes(self.SCRIPT)
        (top / init).chmod(0o755)
