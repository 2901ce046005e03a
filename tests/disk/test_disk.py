# SPDX-License-Identifier: MIT
"""Programs on an ext4 root file system: what they see, and what is on the image afterwards. HATI_TEST_KERNEL says on which kernel."""

import hashlib
import os
import random
import re
import signal
import struct
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from hati.common import BUILD, ROOT
from hati.initramfs import BUSYBOX, busybox_links

KERNEL = os.environ["HATI_TEST_KERNEL"]
NO_ID = 0xFFFFFFFF  # in entries of POSIX lists
CUTS = int(os.environ.get("HATI_POWER_CUTS") or (50 if os.environ.get("HATI_TEST_ALL") else 5))

NAMES = """
mkdir -p /d/e; cd /d
echo one > first; cat first; echo two >> first; wc -c < first
ln first hard; stat -c '%h %s %F' hard; ln -s first soft; cat soft; readlink soft
mv first second; ls | cat; echo three > other; mv other second; cat second; cat hard | wc -l
mkdir e/f; rmdir e 2>&1; rmdir e/f; rmdir e && echo removed
for i in $(seq 300); do : > file$i; done; ls | wc -l; rm file1*; ls | wc -l
chmod 640 second; chown 12:34 second; touch -d '2001-02-03 04:05:06' second; stat -c '%a %u %g %Y' second
dd if=/dev/zero of=holes bs=1 count=1 seek=1000000 2> /dev/null; stat -c '%s' holes; md5sum < holes
truncate -s 10 holes; truncate -s 20 holes; od -An -tx1 holes
mkfifo pipe; mknod null c 1 3; ls -l pipe null | cut -c1-10; echo x > null && echo device
exec 3> open; rm open; echo still there >&3; cat /proc/self/fd/3; exec 3>&-
cd /; rm -r /d && echo gone
"""
NAMES_EXPECTED = """\
one
8
2 8 regular file
one
two
first
e
hard
second
soft
three
2
rmdir: 'e': Directory not empty
removed
303
192
640 12 34 981173106
1000001
7583d758db9af5739a444af5401ec27d  -
 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
 00 00 00 00
crw-r--r--
prw-r--r--
device
still there
gone
"""

CONTENTS = """
seq 1 200000 > /numbers; md5sum < /numbers; sync
cp /numbers /copy; cmp /numbers /copy && echo same
cat /numbers /numbers > /both; tail -c 100000 /both | md5sum
gzip -c /numbers > /packed.gz; gunzip -c /packed.gz | md5sum
tar -C / -cf /all.tar numbers copy etc; tar -tf /all.tar | wc -l
mkdir /own; cp /bin/busybox /own/echo; /own/echo executed
dd if=/numbers of=/copy bs=1000 seek=500 count=3 conv=notrunc 2> /dev/null; md5sum < /copy
"""

FULL = """
dd if=/dev/zero of=/big bs=64k 2>&1 | grep -o 'No space left on device'
echo more > /more 2>&1; rm /big; echo fits > /small && sync && cat /small
"""

# Guest test programs that want to see a disk, and attributes that the image had before.
ATTRIBUTES = """
/run-all --here file/xattr file/acl
/run-all --helper xattr get /etc/before user.one && /run-all --helper xattr set /etc/before user.two second
/run-all --helper access /etc/before; chmod 620 /etc/before; /run-all --helper access /etc/before; ls -l /etc/before | cut -c1-10
mkdir /etc/lists && /run-all --helper xattr set /etc/lists user.three third
"""

# Core files on the disk, and mappings of its files.
CORES = "/run-all --here core"
MAPPINGS = "/run-all --here memory/shared_mapping memory/file_mapping"

# Confirms each file after fsync(2); a name that was confirmed must be there, whole, after any cut.
WRITER = """
i=0
while :; do
  i=$((i + 1))
  seq $i $((i + i * 37 % 3000)) > /f$i.part; mv /f$i.part /f$i; sync /f$i; echo confirmed $i
  [ $((i % 7)) = 0 ] && rm /f$((i - 3)) && echo removed $((i - 3))
done
"""
READER = """
for f in /f*; do case $f in *.part) ;; *) md5sum $f;; esac; done
"""


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def numbers(first: int, last: int) -> str:
    return "".join(f"{i}\n" for i in range(first, last + 1))


class DiskTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.image = self.folder / "disk.ext4"

    def make(self, size: str, *options: str, programs: dict[str, Path] = {}, **scripts: str) -> None:
        """An image with busybox, its links, other programs, and scripts that power off at their end."""
        tree = self.folder / "tree"
        for name in ("bin", "dev", "proc", "etc", "tmp", "sys"):
            (tree / name).mkdir(parents=True)
        (tree / "bin" / "busybox").write_bytes(BUSYBOX.read_bytes())
        (tree / "bin" / "busybox").chmod(0o755)
        for link in busybox_links():
            path = tree / "bin" / Path(link).name
            if not path.exists():
                path.symlink_to("busybox")
        for name, program in programs.items():
            (tree / name).write_bytes(program.read_bytes())
            (tree / name).chmod(0o755)
        for name, script in scripts.items():
            (tree / name).write_text(f"export PATH=/bin\nmount -t proc proc /proc\necho begin\n{script}\necho end\nmount -o remount,ro /\npoweroff -f\n")
        subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", *options, "-d", tree, self.image, size], check=True)

    def command(self, script: str, *words: str, seconds: int) -> list[str]:
        append = " ".join(["quiet", *words, "init=/bin/sh", "--", f"/{script}"])
        return [str(ROOT / "hati"), "boot", "--kernel", KERNEL, "--cpus", "2", "--root", str(self.image), "--timeout", str(seconds), "--append", append]

    def run_script(self, script: str, *words: str, seconds: int = 120) -> str:
        """What it printed."""
        done = subprocess.run(self.command(script, *words, seconds=seconds), check=False, stdin=subprocess.DEVNULL, capture_output=True)
        output = (done.stdout + done.stderr).decode(errors="replace").replace("\r\n", "\n")
        self.assertEqual(done.returncode, 0, output[-3000:])
        between = re.search(r"(?ms)^begin\n(.*?)^end$", output)
        self.assertIsNotNone(between, output[-3000:])
        return "".join(line for line in between[1].splitlines(True) if not re.match(r"\[ *\d+\.\d+\]", line))

    def check_image(self) -> None:
        done = subprocess.run(["/sbin/e2fsck", "-fn", self.image], check=False, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_names_and_attributes(self):
        self.make("64M", test=NAMES)
        self.assertEqual(self.run_script("test"), NAMES_EXPECTED)
        self.check_image()

    def check_contents(self, *words: str, seconds: int = 120) -> None:
        text = numbers(1, 200000)
        output = self.run_script("test", *words, seconds=seconds).splitlines()
        changed = text[:500000] + text[:3000] + text[503000:]
        self.assertEqual(output, [f"{md5(text)}  -", "same", f"{md5((text + text)[-100000:])}  -", f"{md5(text)}  -", output[4], "executed",
                                  f"{md5(changed)}  -"])
        dumped = subprocess.run(["/sbin/debugfs", "-R", "cat /numbers", self.image], check=True, capture_output=True).stdout
        self.assertEqual(dumped, text.encode())
        self.check_image()

    def test_contents(self):
        self.make("64M", test=CONTENTS)
        self.check_contents()

    def test_contents_on_ext2(self):
        self.make("64M", "-O", "^has_journal,^extent,^64bit,^metadata_csum", test=CONTENTS)
        self.check_contents()

    @unittest.skipIf(KERNEL == "linux", "Linux has no driver to kill")
    def test_the_driver_dies(self):
        self.make("64M", test=CONTENTS)
        self.check_contents("hati.kill=virtio-block:400:20", seconds=240)

    def debugfs(self, *commands: str, write: bool = False) -> str:
        words = [word for command in commands for word in ("-R", command)]
        return subprocess.run(["/sbin/debugfs", *(["-w"] if write else []), *words, self.image], check=True, capture_output=True, text=True).stdout

    def test_attributes(self):
        for options in (["-b", "4096"], ["-b", "4096", "-I", "128"]):
            with self.subTest(options=" ".join(options)):
                subprocess.run(["rm", "-rf", self.folder / "tree", self.image], check=True)
                self.make("64M", *options, test=ATTRIBUTES, programs={"run-all": BUILD / "tests" / "guest" / "run-all"})
                self.debugfs("write /dev/null /etc/before", write=True)
                self.debugfs("ea_set /etc/before user.one first", write=True)
                list_file = self.folder / "list"  # user::rw- user:1000:r-- group::--- mask::rw- other::---
                list_file.write_bytes(struct.pack("<I" + "HHI" * 5, 2, 1, 6, NO_ID, 2, 4, 1000, 4, 0, NO_ID, 16, 6, NO_ID, 32, 0, NO_ID))
                self.debugfs(f"ea_set -f {list_file} /etc/before system.posix_acl_access", write=True)
                self.debugfs("set_inode_field /etc/before mode 0100660", write=True)
                output = self.run_script("test")
                self.assertRegex(output, r"(?m)^tests: [1-9]\d+ passed, 0 failed, 0 skipped\nfirst\nr-\n--\n-rw--w----$", output)
                self.assertIn("second", self.debugfs("ea_get /etc/before user.two"))
                self.assertIn("third", self.debugfs("ea_get /etc/lists user.three"))
                self.check_image()

    def run_guest_tests(self, script: str) -> None:
        self.make("128M", test=script, programs={"run-all": BUILD / "tests" / "guest" / "run-all"})
        output = self.run_script("test")
        self.assertRegex(output, r"(?m)^tests: [1-9]\d* passed, 0 failed, 0 skipped$", output)
        self.check_image()

    def test_core_dumps(self):
        self.run_guest_tests(CORES)

    def test_mappings(self):
        self.run_guest_tests(MAPPINGS)

    def test_full_disk(self):
        self.make("16M", test=FULL)
        output = self.run_script("test").splitlines()
        self.assertEqual(output[0], "No space left on device")
        self.assertEqual(output[-1], "fits")
        self.check_image()

    def test_power_cuts(self):
        """The machine ends at any moment; then the journal is replayed and everything that was confirmed is there."""
        for cut in range(CUTS):
            with self.subTest(cut=cut):
                self.image.unlink(missing_ok=True)
                subprocess.run(["rm", "-rf", self.folder / "tree"], check=True)
                self.make("64M", "-b", random.choice(["1024", "4096"]), writer=WRITER, reader=READER)
                confirmed = self.write_until_cut(random.uniform(0.3, 4))
                found = dict(reversed(line.split("  ")) for line in self.run_script("reader").splitlines())
                for number in confirmed:
                    self.assertEqual(found.get(f"/f{number}"), md5(numbers(number, number + number * 37 % 3000)), f"/f{number}")
                self.check_image()

    def write_until_cut(self, seconds: float) -> set[int]:
        """The files that were confirmed and not removed when the machine was killed so long after its first word."""
        process = subprocess.Popen(self.command("writer", seconds=120), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        lines = []
        killer = None
        with process:
            for line in process.stdout:
                lines.append(line.decode(errors="replace").strip())
                if killer is None and lines[-1].startswith("confirmed"):
                    # Not a wait for anything: the moment is what the test is about.
                    killer = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
                    killer.start()
            if killer is not None:
                killer.cancel()
        self.assertEqual(process.returncode, -signal.SIGKILL, "\n".join(lines[-30:]))
        confirmed = {int(line.split()[1]) for line in lines if re.fullmatch(r"confirmed \d+", line)}
        # What is being removed may be gone already.
        return confirmed - {number - 3 for number in range(0, max(confirmed) + 8, 7)}
