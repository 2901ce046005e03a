# SPDX-License-Identifier: MIT
"""Guest tests: static Linux programs, run inside the machine on Linux first and then on Hati.

The guest's runner is started as rdinit=/tests/run-all. It prints one line for each test, `ok NAME`,
`not ok NAME: reason` or `skip NAME: reason`, then `tests: N passed, N failed, N skipped`, and powers off.
"""

import hashlib
import json
import re
import selectors
import subprocess
import time
from collections.abc import Iterator

from . import boot, initramfs, linux_kernel, qemu
from .common import BUILD, ROOT, Failure, say
from .report import Result, Suite, Verdict

PROGRAMS = BUILD / "tests" / "guest"
SHOWN = BUILD / "linux" / "shown.json"  # which test programs were shown to pass on Linux
NOT_YET = ROOT / "tests" / "guest" / "not-yet.txt"  # tests that Hati does not pass, with the reason
_LINE = re.compile(r"^(ok|not ok|skip) (\S+?)(?::? +(.*))?$")
_TOTALS = re.compile(r"^tests: (\d+) passed, (\d+) failed, (\d+) skipped")
_TAIL_LINES = 40


class GuestSuite(Suite):
    """The test programs on one kernel with a number of CPUs."""

    def __init__(self, kernel: str, cpus: int, append: str = "", again: bool = False, seconds: float = 600):
        placement = append.rpartition("=")[2]
        self.name = "-".join(word for word in ("guest", kernel, str(cpus), placement) if word)
        self.about = f"static Linux programs on {kernel.capitalize()}, {cpus} CPU{'s' if cpus > 1 else ''} {append}".rstrip()
        self.kernel, self.cpus, self.append, self.again, self.seconds = kernel, cpus, append, again, seconds
        self.arguments = ""  # for the runner, when no pattern is given

    def run(self, pattern: str) -> Iterator[Result]:
        tree = _test_tree()
        key = hashlib.sha256(tree + str(linux_kernel.kernel().stat().st_size).encode()).hexdigest()
        remember = self.kernel == "linux" and not pattern
        if remember and not self.again and SHOWN.exists() and json.loads(SHOWN.read_text()).get("key") == key:
            say("these very programs have passed on Linux before; not repeated (hati test --all does)")
            return
        failed = False
        for result in self._boot(tree, pattern):
            failed |= result.verdict is Verdict.FAILED
            yield result
        if remember and not failed:
            SHOWN.write_text(json.dumps({"key": key}))

    def _boot(self, tree: bytes, pattern: str) -> Iterator[Result]:
        arguments = pattern or self.arguments
        words = ["console=ttyS0 panic=-1 quiet rdinit=/tests/run-all", self.append, f"-- {arguments}" if arguments else ""]
        machine = boot.machine_for(self.kernel, tree, "tests", " ".join(filter(None, words)), cpus=self.cpus)
        log = qemu.log_path(self.name)
        deadline = time.monotonic() + self.seconds
        with qemu.Running(machine, log, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as running:
            totals = None
            last = "(none)"
            for line in _lines(running, deadline):
                if match := _LINE.match(line):
                    last = match[2]
                    yield self._judge(Result(last, Verdict(match[1]), match[3] or ""))
                totals = _TOTALS.match(line) or totals
            outcome = running.wait(20 if time.monotonic() < deadline else 0)
            if totals and outcome is qemu.Outcome.POWERED_OFF:
                return
            what = outcome.describe() + ("" if totals else ", without the final line")
            yield Result.failed("(machine)", f"{what}; the last test reported was {last}\n{_tail(running)}\nsee {log}")


    def _judge(self, result: Result) -> Result:
        """A known failure on Hati counts as skipped, and says so."""
        reason = not_yet().get(result.name) if self.kernel == "hati" else None
        if result.verdict is not Verdict.FAILED or reason is None:
            return result
        return Result(result.name, Verdict.SKIPPED, f"not yet: {reason}")


def not_yet() -> dict[str, str]:
    """Tests that Hati is known not to pass, by name, with the reason."""
    lines = (line.split("#", 1) for line in NOT_YET.read_text().splitlines() if line and not line.startswith("#"))
    return {name.strip(): reason.strip() for name, reason in lines}


class FuzzSuite(GuestSuite):
    """Random system calls from unprivileged processes, a million of them: the system must stay responsive."""

    def __init__(self, kernel: str, cpus: int, append: str):
        super().__init__(kernel, cpus, append, seconds=900)
        self.name = self.name.replace("guest-", "fuzz-")
        self.about = f"a million random system calls on {kernel.capitalize()}, {cpus} CPUs {append}"
        self.arguments = "--fuzz-workers=4 --fuzz-calls=250000 --limit-scale=20 hostile/fuzz_"


def _test_tree() -> bytes:
    if not (PROGRAMS / "run-all").exists():
        raise Failure(f"{PROGRAMS}/run-all is not built")
    archive = initramfs.default_archive()
    archive.directory("tests")
    for path in sorted(PROGRAMS.iterdir()):
        if path.is_file():
            archive.file(f"tests/{path.name}", path.read_bytes(), 0o755)
    return archive.to_bytes()


def _lines(running: qemu.Running, deadline: float) -> Iterator[str]:
    """The console's lines as they come, until the end or the deadline."""
    selector = selectors.DefaultSelector()
    selector.register(running.process.stdout, selectors.EVENT_READ)
    rest = b""
    while True:
        if not selector.select(max(0, deadline - time.monotonic())):
            return
        block = running.process.stdout.read1(65536)
        if not block:
            return
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").strip("\r")


def _tail(running: qemu.Running) -> str:
    return "\n".join(running.output().decode(errors="replace").splitlines()[-_TAIL_LINES:])
