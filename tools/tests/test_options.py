# SPDX-License-Identifier: MIT
"""What the options of `hati boot` make of the QEMU command, and how suites are selected."""

import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from hati import boot, cli, image, qemu, test
from hati.common import Failure


def parse(*words: str):
    return cli.make_parser().parse_args(["boot", *words])


def machine(**fields) -> qemu.Machine:
    return qemu.Machine(kernel=Path("/kernel"), append="console=ttyS0", **fields)


@mock.patch.dict(os.environ, {"HATI_ACCEL": "tcg"})
class CommandTest(unittest.TestCase):
    def test_every_option_reaches_the_command(self):
        words = machine(initrd=Path("/initrd"), cpus=4, memory="48M", extra=["-s"]).command()
        for pair in (["-smp", "4"], ["-m", "48M"], ["-kernel", "/kernel"], ["-initrd", "/initrd"],
                     ["-append", "console=ttyS0"], ["-cpu", "max,-erms,-fsrm"]):
            self.assertIn(pair, [words[i:i + 2] for i in range(len(words))])
        self.assertIn("-s", words)

    def test_icount_is_one_instruction_a_nanosecond_on_tcg(self):
        with mock.patch.dict(os.environ, {"HATI_ACCEL": "kvm"}):
            words = machine(icount=True).command()
        self.assertIn("shift=0,align=off,sleep=off", words)
        self.assertEqual(words[words.index("-accel") + 1], "tcg")

    def test_disk_format_is_told_by_the_file_and_commas_are_quoted(self):
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder, "a,b")
            for magic, name in ((b"QFI\xfb", "qcow2"), (b"\0\0\0\0", "raw")):
                image.write_bytes(magic)
                drive = [word for word in machine(root=image).command() if word.startswith("file=")][0]
                self.assertIn("a,,b", drive)
                self.assertIn(f"format={name}", drive)

    def test_an_unknown_accelerator_is_refused(self):
        with mock.patch.dict(os.environ, {"HATI_ACCEL": "magic"}), self.assertRaisesRegex(Failure, "magic"):
            machine().command()


class OptionTest(unittest.TestCase):
    def test_root_words_are_added_unless_given(self):
        self.assertEqual(boot._root_words(""), ["root=/dev/vda", "rw"])
        self.assertEqual(boot._root_words("ro"), ["root=/dev/vda"])
        self.assertEqual(boot._root_words("root=/dev/vda1"), ["rw"])
        self.assertEqual(boot._root_words("-- root=x"), ["root=/dev/vda", "rw"])

    def test_memory_takes_plain_numbers_as_mebibytes(self):
        self.assertEqual(parse("--memory", "48").memory, "48M")
        self.assertEqual(parse("--memory", "2G").memory, "2G")

    def test_nonsense_is_refused_with_status_2(self):
        for words in (["--memory", "0"], ["--memory", "lots"], ["--cpus", "0"], ["--cpus", "65"], ["--cpus", "two"],
                      ["--timeout", "-1"], ["--timeout", "nan"], ["--kernel", "minix"], ["--unknown"]):
            with self.subTest(words=words), contextlib.redirect_stderr(io.StringIO()):
                with self.assertRaises(SystemExit) as ended:
                    parse(*words)
                self.assertEqual(ended.exception.code, 2)

    def test_images_refuse_what_is_no_package_and_no_size(self):
        made = cli.make_parser().parse_args(["image", "--packages", "git,g++,libc6:i386", "--size", "3G"])
        self.assertEqual(made.packages, ("git", "g++", "libc6:i386"))
        for words in (["--packages", "a b"], ["--packages", "--setup-hook=x"], ["--packages", "Upper"], ["--size", "3"], ["--size", "0G"], ["--init", "systemd"]):
            with self.subTest(words=words), contextlib.redirect_stderr(io.StringIO()):
                with self.assertRaises(SystemExit) as ended:
                    cli.make_parser().parse_args(["image", *words])
                self.assertEqual(ended.exception.code, 2)
        with self.assertRaisesRegex(Failure, "no such file"):
            image.make(script=Path("/nowhere/script"))

    def test_the_same_words_are_the_same_image(self):
        with tempfile.NamedTemporaryFile() as script:
            keys = [image._key(("a",), "sysvinit", "2G", None), image._key(("a",), "sysvinit", "2G", None), image._key(("b",), "sysvinit", "2G", None),
                    image._key(("a",), "busybox", "2G", None), image._key(("a",), "sysvinit", "2G", Path(script.name))]
        self.assertEqual(keys[0], keys[1])
        self.assertEqual(len(set(keys)), 4)

    def test_every_command_has_help(self):
        for name in ("setup", "build", "run", "boot", "image", "test", "bench", "debug", "check", "docs", "help"):
            with self.subTest(command=name), contextlib.redirect_stdout(io.StringIO()) as output:
                with self.assertRaises(SystemExit) as ended:
                    cli.make_parser().parse_args([name, "--help"])
                self.assertEqual(ended.exception.code, 0)
                self.assertIn("usage:", output.getvalue())


class OutcomeTest(unittest.TestCase):
    def test_panic_lines_are_told_from_other_text(self):
        for line in (b"Kernel panic - not syncing", b"[    1.234567] Kernel panic: assertion", b"x\n[ 12.3] Kernel panic"):
            self.assertTrue(qemu.PANIC_LINE.search(line), line)
        for line in (b"echo Kernel panic", b"no panic", b"[x] Kernel panic"):
            self.assertFalse(qemu.PANIC_LINE.search(line), line)

    def test_exit_statuses_are_distinct_and_described(self):
        self.assertEqual(len({int(outcome) for outcome in qemu.Outcome}), len(qemu.Outcome))
        self.assertTrue(all(outcome.describe() for outcome in qemu.Outcome))


class SelectionTest(unittest.TestCase):
    def test_filters_choose_suites_by_prefix_and_pass_the_pattern_on(self):
        every = test.suites(False)
        chosen = test.select(every, ["guest-hati:signal/*", "tools"])
        self.assertEqual({pattern for suite, pattern in chosen if suite.name.startswith("guest-hati")}, {"signal/*"})
        self.assertIn(("tools", ""), [(suite.name, pattern) for suite, pattern in chosen])
        self.assertEqual(len(test.select(every, [])), len(every))

    def test_an_unknown_suite_is_an_error(self):
        with self.assertRaisesRegex(Failure, "nonsense"):
            test.select(test.suites(False), ["nonsense"])
