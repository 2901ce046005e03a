# SPDX-License-Identifier: MIT
"""`hati bench`: the same benchmark binary on Linux and on Hati in the same machine, in one run.

Three measurements: instructions (--icount, once: they repeat exactly), wall time (several rounds, the
systems taking turns because hosts are noisy) and the time and memory that booting to a prompt takes.
"""

import argparse
import json
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import bench_report, boot, build, initramfs, qemu, setup
from .common import BUILD, Failure, say
from .console import PROMPT, Console

PROGRAM = BUILD / "tests" / "bench" / "hati-bench"
RESULT = BUILD / "bench.json"
SYSTEMS = {"linux": ("linux", ""), "attached": ("hati", "hati.linux=attached"), "separate": ("hati", "hati.linux=separate")}
_LINE = re.compile(r"^BENCH (\S+) ([0-9.]+) (\S+)", re.MULTILINE)


@dataclass
class Results:
    """By measurement (`icount`, `wall`, `boot`), system and row: every value that was measured, in order."""

    values: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)

    def add(self, kind: str, system: str, row: str, value: float) -> None:
        self.values.setdefault(kind, {}).setdefault(system, {}).setdefault(row, []).append(value)


def _bench_machine(system: str, names: list[str], cpus: int, icount: bool) -> qemu.Machine:
    if not PROGRAM.exists():
        raise Failure(f"{PROGRAM} is not built; run ./hati build")
    kernel, word = SYSTEMS[system]
    archive = initramfs.default_archive()
    archive.file("bench", PROGRAM.read_bytes(), 0o755)
    words = ["console=ttyS0 panic=-1 quiet rdinit=/bench", word, "-- " + " ".join(names) if names else ""]
    return boot.machine_for(kernel, archive.to_bytes(), "bench", " ".join(filter(None, words)), cpus=cpus, icount=icount)


def measure(results: Results, kind: str, system: str, names: list[str], limit: float) -> None:
    """One boot of the benchmark program."""
    cpus, icount = (1, True) if kind == "icount" else (2, False)
    log = qemu.log_path(f"bench-{kind}-{system}")
    machine = _bench_machine(system, names, cpus, icount)
    with qemu.Running(machine, log, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
        outcome = running.wait(limit)
        output = running.output().decode(errors="replace")
    for name, value, _unit in _LINE.findall(output):
        results.add(kind, system, name, float(value))
    if outcome is not qemu.Outcome.POWERED_OFF or "BENCH-END" not in output:
        say(f"{kind} on {system} did not finish: {outcome.describe()}; see {log}")


def _measure_boot(results: Results, system: str, memory_mib: int) -> None:
    """From the start of QEMU to the prompt, then the memory in use there."""
    kernel, word = SYSTEMS[system]
    append = f"console=ttyS0 panic=-1 quiet {word}".rstrip()
    machine = boot.machine_for(kernel, initramfs.default_archive().to_bytes(), "default", append, memory=f"{memory_mib}M")
    with tempfile.TemporaryDirectory() as folder:
        command = machine.command(Path(folder, "log"), escape=False)
        with Console(command) as console:
            console.wait_for(PROMPT, 120)
            results.add("boot", system, "boot to prompt (s)", time.monotonic() - console.started)
            info = dict(re.findall(r"(?m)^(\w+): +(\d+) kB", console.command("cat /proc/meminfo")))
            free = int(info["MemFree"]) / 1024
            results.add("boot", system, "all that is not free (MiB)", memory_mib - free)
            results.add("boot", system, "MemTotal - MemFree (MiB)", int(info["MemTotal"]) / 1024 - free)
            console.type("poweroff -f\r")
            console.wait_end(30)


def _runs_with(system: str, memory_mib: int) -> bool:
    """Whether the system reaches its prompt with so much memory."""
    kernel, word = SYSTEMS[system]
    machine = boot.machine_for(kernel, initramfs.default_archive().to_bytes(), "default", f"console=ttyS0 panic=-1 quiet {word}".rstrip())
    with Console(replace(machine, memory=f"{memory_mib}M").command(escape=False)) as console:
        try:
            console.wait_for(PROMPT, 60)
            return True
        except AssertionError:
            return False


def _smallest_memory(results: Results, system: str) -> None:
    """By bisection, to 4 MiB."""
    low, high = 16, 128  # does not run, runs
    if not _runs_with(system, high):
        say(f"{system} does not reach its prompt with {high} MiB")
        return
    while high - low > 4:
        middle = (low + high) // 8 * 4
        low, high = (low, middle) if _runs_with(system, middle) else (middle, high)
    results.add("boot", system, "smallest -m that boots (MiB)", high)


def command(options) -> int:
    systems = [system for system in SYSTEMS if system in options.systems.split(",")]
    unknown = set(options.systems.split(",")) - set(SYSTEMS)
    if unknown or not systems:
        raise Failure(f"--systems knows {','.join(SYSTEMS)}, not {','.join(unknown)}")
    qemu.exit_on_signals()
    setup.ensure()
    build.build()
    results = Results()
    kinds = options.only or ["icount", "wall", "boot"]
    if "icount" in kinds:
        for system in systems:
            say(f"instructions on {system} ...")
            measure(results, "icount", system, options.names, options.timeout)
    for number in range(options.rounds):
        for system in systems:
            if "wall" in kinds:
                say(f"wall time on {system}, round {number + 1} of {options.rounds} ...")
                measure(results, "wall", system, options.names, options.timeout)
            if "boot" in kinds:
                say(f"boot of {system}, round {number + 1} of {options.rounds} ...")
                _measure_boot(results, system, 512)
    if "boot" in kinds:
        for system in systems:
            say(f"smallest memory for {system} ...")
            _smallest_memory(results, system)
    RESULT.write_text(json.dumps(results.values, indent=1))
    print(bench_report.report(results.values))
    say(f"all values are in {RESULT}")
    return 0 if all(system in found for found in results.values.values() for system in systems) else 1


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "bench", help="measure against Linux", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs the benchmark program on Linux and on Hati (both placements of the Linux server) in the same\n"
                    "machine: instructions under --icount on 1 CPU, wall time on 2 CPUs, boot time, memory. Prints ratios to\n"
                    "Linux with their geometric mean; control rows make no system call and must come out near 1.\n"
                    "Writes build/bench.json.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only rows whose name contains one of these")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds of wall time and boot (default 3)")
    parser.add_argument("--only", action="append", choices=("icount", "wall", "boot"), help="may be repeated")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help=f"default {','.join(SYSTEMS)}")
    parser.add_argument("--timeout", type=float, default=600, metavar="S", help="for each boot (default 600)")
    parser.set_defaults(command=command)
