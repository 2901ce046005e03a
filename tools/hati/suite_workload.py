# SPDX-License-Identifier: MIT
"""Workloads: command lines of Debian's programs, run on Linux and on Hati from copies of one disk image; what they print must be the same.

tests/workloads/README.md says how the scripts are written. What Linux printed is kept until script, image or kernel changes.
"""

import contextlib
import difflib
import fnmatch
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import boot, debian, image, initramfs, linux_kernel, qemu
from .common import BUILD, ROOT, say
from .report import Result, Suite, Verdict

FOLDER = ROOT / "tests" / "workloads"
KEPT = BUILD / "images"
_MARK = re.compile(r"^@@@ (\d+|end)$")
_KILLS = re.compile(r"^@@! (\d+)\r?$", re.MULTILINE)
_STATUS = re.compile(r"^@@= (\d+)$")
_DIFF_LINES = 12
DRIVER, KILL_MS = "virtio-block", 1000

Outputs = dict[int, tuple[str, str]]  # by line number: text, exit status


class WorkloadSuite(Suite):
    """The scripts of the short set, or all."""

    def __init__(self, everything: bool):
        self.name = "workloads"
        self.about = "Debian's programs: the same output on Linux and on Hati" + (", all scripts" if everything else "")
        self.everything = everything

    def run(self, pattern: str) -> Iterator[Result]:
        for script in sorted(FOLDER.glob("*.sh")):
            text = script.read_text()
            if self.everything or "# set: short" in text or (pattern and script.stem in pattern):
                yield from self._script(script, text, pattern)

    def _script(self, script: Path, text: str, pattern: str) -> Iterator[Result]:
        lines = {number: line for number, line in enumerate(text.splitlines(), 1) if line and not line.startswith("#")}
        chosen = {number: line for number, line in lines.items() if not pattern or fnmatch.fnmatch(f"{script.stem}/{number}", pattern)}
        if not chosen:
            return
        try:
            disk = image.make(packages_of(text))
        except debian.Unavailable as error:
            yield Result(script.stem, Verdict.SKIPPED, f"no Debian packages here: {error}")
            return
        expected = _on_linux(script, disk, lines)
        yield from self._on_hati(script, disk, chosen, expected)
        if "# disk driver: killed" in text:
            yield from self._on_hati(script, disk, chosen, expected, killed=True)

    def _on_hati(self, script: Path, disk: Path, chosen: dict[int, str], expected: Outputs, killed: bool = False) -> Iterator[Result]:
        name = f"{script.stem}-killed" if killed else script.stem
        with _copy(disk, script) as copied:
            console = _run("hati", script, copied, f"hati.kill={DRIVER}:{KILL_MS}:1000000" if killed else "")
            yield check_disk(f"{name}/e2fsck", copied)
        if killed:
            yield check_kills(f"{name}/kills", console)
        found = sections(console)
        for number, line in chosen.items():
            yield judge(f"{name}/{number}", line, expected.get(number), found.get(number))


def check_kills(name: str, console: str) -> Result:
    """The driver really died again and again."""
    kills = sum(int(count) for count in _KILLS.findall(console))
    return Result(name, Verdict.PASSED) if kills >= 3 else Result.failed(name, f"{DRIVER} was killed {kills} times only")


def check_disk(name: str, disk: Path) -> Result:
    """The file system as e2fsck sees it after the machine has ended."""
    done = subprocess.run(["/sbin/e2fsck", "-fn", disk], check=False, capture_output=True, text=True)
    return Result(name, Verdict.PASSED) if done.returncode == 0 else Result.failed(name, done.stdout[-2000:])


def packages_of(text: str) -> tuple[str, ...]:
    found = re.search(r"^# packages: (.*)$", text, re.MULTILINE)
    return tuple(found[1].split()) if found else ()


def judge(name: str, line: str, expected: tuple[str, str] | None, found: tuple[str, str] | None) -> Result:
    """Compares what one line did on Linux and on Hati, as its ending demands."""
    if expected is None:
        return Result.failed(name, f"Linux did not get to: {line}")
    if found is None:
        return Result.failed(name, f"Hati did not get to: {line}")
    problems = []
    if expected[1] != found[1]:
        problems.append(f"status {found[1]}, on Linux {expected[1]}")
    if not line.endswith("#="):
        ours, theirs = (normalise(text, line.endswith("#~")).splitlines() for text in (found[0], expected[0]))
        if ours != theirs:
            problems += list(difflib.unified_diff(theirs, ours, "Linux", "Hati", lineterm="", n=1))[:_DIFF_LINES]
    if not problems:
        return Result(name, Verdict.PASSED)
    return Result.failed(name, "\n".join([line, *problems]))


def normalise(text: str, numbers: bool) -> str:
    """Without what differs from run to run: numbers of processes that bash mentions, and where asked for all numbers and widths."""
    text = re.sub(r"(?m)^(bash: line \d+:|\[\d+\][+-]?) +\d+\b", r"\1 PID", text)
    if numbers:
        text = re.sub(r"\d+(\.\d+)?", "N", text)
        text = re.sub(r"[ \t]+", " ", text)
    return text.strip("\n")


def sections(console: str) -> Outputs:
    """What each line printed, from a machine's console."""
    result: Outputs = {}
    number, text = 0, []
    for line in console.replace("\r", "").split("\n"):
        if mark := _MARK.match(line):
            number, text = int(mark[1]) if mark[1] != "end" else 0, []
        elif (status := _STATUS.match(line)) and number:
            result[number] = ("\n".join(text), status[1])
            number = 0
        else:
            text.append(line)
    return result


@contextlib.contextmanager
def _copy(disk: Path, script: Path) -> Iterator[Path]:
    """A disk with the script on it, for one run."""
    with tempfile.TemporaryDirectory(dir=KEPT, prefix="run-") as folder:
        copied = Path(folder) / "disk.ext4"
        image.copy(disk, copied)
        image.add_files(copied, _files(script))
        yield copied


def _files(script: Path) -> dict[str, tuple[bytes, int]]:
    return {"/workload/init": ((FOLDER / "init").read_bytes(), 0o755),
            f"/workload/{script.name}": (script.read_bytes(), 0o644),
            "/workload/busybox": (initramfs.BUSYBOX.read_bytes(), 0o755)}


def _on_linux(script: Path, disk: Path, wanted: dict[int, str]) -> Outputs:
    about = repr((disk.name, linux_kernel.kernel().stat().st_size, sorted(_files(script).items())))
    key = hashlib.sha256(about.encode()).hexdigest()
    kept = KEPT / f"linux-{script.stem}.json"
    if kept.exists() and (known := json.loads(kept.read_text())).get("key") == key:
        return {int(number): (text, status) for number, (text, status) in known["lines"].items()}
    say(f"{script.name} on Linux, to compare with")
    with _copy(disk, script) as copied:
        lines = sections(_run("linux", script, copied))
    if lines.keys() >= wanted.keys():
        kept.write_text(json.dumps({"key": key, "lines": lines}))
    return lines


def _run(kernel: str, script: Path, disk: Path, more: str = "") -> str:
    """What the machine's console showed."""
    words = f"console=ttyS0 panic=-1 quiet loglevel=3 root=/dev/vda rw init=/workload/init W={script.name} {more}"
    tree = linux_kernel.disk_initramfs() if kernel == "linux" else b""
    machine = boot.machine_for(kernel, tree, "workload", words, root=disk, cpus=2, memory="1G")
    with qemu.Running(machine, qemu.log_path(f"workload-{script.stem}-{kernel}"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
        running.wait(1800)
        return running.output().decode(errors="replace")
