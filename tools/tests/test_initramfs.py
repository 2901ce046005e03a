# SPDX-License-Identifier: MIT
"""The cpio writer, judged by Debian's own cpio."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from hati.common import Failure
from hati.initramfs import BLOCK, Archive, busybox_links, default_archive, from_argument


def listing(data: bytes) -> list[str]:
    done = subprocess.run(["cpio", "-tv", "--numeric-uid-gid", "--quiet"], input=data, capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def names(data: bytes) -> list[str]:
    return subprocess.run(["cpio", "-t", "--quiet"], input=data, capture_output=True, check=True).stdout.decode().split()


class ArchiveTest(unittest.TestCase):
    def test_entries_have_the_type_mode_and_owner_that_were_asked_for(self):
        archive = Archive()
        archive.directory("tmp", 0o1777)
        archive.file("bin/tool", b"text", 0o755)
        archive.symlink("bin/link", "tool")
        archive.device("dev/console", "c", 5, 1)
        lines = listing(archive.to_bytes())
        kinds = {line.split()[-1]: line.split()[:4] for line in lines if "->" not in line}
        self.assertEqual(kinds["tmp"][0], "drwxrwxrwt")
        self.assertEqual(kinds["bin/tool"], ["-rwxr-xr-x", "1", "0", "0"])
        self.assertEqual(kinds["dev/console"][0], "crw-------")
        self.assertTrue(any("bin/link -> tool" in line and line.startswith("lrwxrwxrwx") for line in lines))
        self.assertTrue(any("5,   1" in line for line in lines))

    def test_parents_come_before_their_children_and_once(self):
        archive = Archive()
        archive.file("a/b/c", b"")
        archive.file("a/b/d", b"")
        self.assertEqual(names(archive.to_bytes()), ["a", "a/b", "a/b/c", "a/b/d"])

    def test_contents_survive_for_all_lengths_near_the_alignment(self):
        for length in range(9):
            archive = Archive()
            archive.file("name" + "x" * length, bytes(range(length)))
            archive.file("last", b"end")
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run(["cpio", "-i", "--quiet"], input=archive.to_bytes(), cwd=folder, check=True)
                self.assertEqual(Path(folder, "name" + "x" * length).read_bytes(), bytes(range(length)))
                self.assertEqual(Path(folder, "last").read_bytes(), b"end")

    def test_archives_end_on_a_block(self):
        for length in (0, 1, 511, 512):
            archive = Archive()
            archive.file("f", bytes(length))
            self.assertEqual(len(archive.to_bytes()) % BLOCK, 0)

    def test_same_tree_gives_same_bytes(self):
        self.assertEqual(default_archive().to_bytes(), default_archive().to_bytes())


class TreeTest(unittest.TestCase):
    def test_packs_files_links_pipes_and_empty_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            (top / "empty").mkdir(mode=0o700)
            (top / "file").write_bytes(b"data")
            (top / "file").chmod(0o640)
            (top / "link").symlink_to("/nowhere")
            (top / "linked-folder").symlink_to("empty")
            os.mkfifo(top / "pipe")
            found = {line.split()[8]: line.split()[0] for line in listing(from_argument(top))}
        self.assertEqual(found, {"empty": "drwx------", "file": "-rw-r-----", "link": "lrwxrwxrwx",
                                 "linked-folder": "lrwxrwxrwx", "pipe": found["pipe"]})
        self.assertEqual(found["pipe"][0], "p")

    def test_a_ready_archive_is_taken_as_it_is(self):
        archive = Archive()
        archive.file("f", b"x")
        with tempfile.NamedTemporaryFile() as file:
            file.write(archive.to_bytes())
            file.flush()
            self.assertEqual(from_argument(Path(file.name)), archive.to_bytes())

    def test_a_missing_path_is_named_in_the_message(self):
        with self.assertRaisesRegex(Failure, "/no/such"):
            from_argument(Path("/no/such"))

    def test_default_tree_has_init_busybox_and_its_applets(self):
        packed = set(names(default_archive().to_bytes()))
        self.assertLessEqual({"init", "bin/busybox", "bin/sh", "etc/passwd", "dev/console"}, packed)
        self.assertLessEqual(set(busybox_links()), packed)
