# SPDX-License-Identifier: MIT
"""`hati bench`: the same benchmark binary on Linux and on Hati in the same machine, in one run.

Measurements: instructions (--icount, once: they repeat exactly); wall time (several rounds, the systems
taking turns because hosts are noisy), in memory and on a disk; the time and memory that booting to a
prompt takes; Debian's boot to a login, and its compiler.
"""

import argparse
import json
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import bench_report, boot, build, image, initramfs, linux_kernel, qemu, setup
from .common import BUILD, ROOT, Failure, run, say
from .console import PROMPT, Console
from .suite_workload import packages_of

PROGRAM = BUILD / "tests" / "bench" / "hati-bench"
RESULT = BUILD / "bench.json"
DEVELOPMENT = ROOT / "tests" / "workloads" / "development.sh"  # for its list of packages
COMPILED = """\
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main() {
  std::map<std::string, std::vector<int>> lists;
  for (int i = 0; i < 100; ++i) lists[std::to_string(i % 7)].push_back(i);
  for (auto& [name, list] : lists) std::sort(list.rbegin(), list.rend());
  std::cout << (std::regex_match("compiled", std::regex("[a-z]+")) ? "compiled" : "wrong") << std::endl;
}
"""
SYSTEMS = {"linux": ("linux", ""), "attached": ("hati", "hati.linux=attached"), "separate": ("hati", "hati.linux=separate")}
KINDS = ("icount", "wall", "disk", "debian", "boot")
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


def _disk_image(folder: Path) -> Path:
    tree = folder / "tree"
    for name in ("dev", "proc", "tmp"):
        (tree / name).mkdir(parents=True)
    (tree / "bench").write_bytes(PROGRAM.read_bytes())
    (tree / "bench").chmod(0o755)
    disk = folder / "disk.ext4"
    run([image.MKE2FS, "-q", "-t", "ext4", "-d", tree, disk, "256M"])
    return disk


def measure_disk(results: Results, system: str, names: list[str], limit: float) -> None:
    """The disk's rows, from an image of their own."""
    kernel, word = SYSTEMS[system]
    log = qemu.log_path(f"bench-disk-{system}")
    with tempfile.TemporaryDirectory() as folder:
        words = ["console=ttyS0 panic=-1 quiet root=/dev/vda rw init=/bench", word, "-- " + " ".join(names) if names else ""]
        machine = boot.machine_for(kernel, linux_kernel.disk_initramfs() if kernel == "linux" else b"", "bench-disk", " ".join(filter(None, words)),
                                   root=_disk_image(Path(folder)), cpus=2)
        with qemu.Running(machine, log, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
            outcome = running.wait(limit)
            output = running.output().decode(errors="replace")
    for name, value, _unit in _LINE.findall(output):
        results.add("disk", system, name, float(value))
    if outcome is not qemu.Outcome.POWERED_OFF or "BENCH-END" not in output:
        say(f"disk on {system} did not finish: {outcome.describe()}; see {log}")


def measure_debian(results: Results, system: str) -> None:
    """From the start of QEMU to Debian's login, and a compilation there: once with what it needs on the disk, once with it in memory."""
    kernel, word = SYSTEMS[system]
    made = image.make(packages_of(DEVELOPMENT.read_text()))
    with tempfile.TemporaryDirectory(dir=image.FOLDER, prefix="run-") as folder:
        disk = Path(folder) / "disk.ext4"
        image.copy(made, disk)
        image.add_files(disk, {"/root/compiled.cpp": (COMPILED.encode(), 0o644)})
        machine = boot.machine_for(kernel, linux_kernel.disk_initramfs() if kernel == "linux" else b"", "bench-disk",
                                   f"console=ttyS0 panic=-1 quiet root=/dev/vda rw {word}", root=disk, cpus=2, memory="1G")
        with Console(machine.command(escape=False)) as console:
            console.wait_for(r"login: \Z", 300)
            results.add("debian", system, "boot to login", time.monotonic() - console.started)
            console.type("root\r")
            console.wait_for(r"# \Z", 60)
            for name in ("g++, from the disk", "g++, from memory"):
                console.type("TIMEFORMAT=took:%R; time g++ -O2 -o compiled compiled.cpp && ./compiled\r")
                console.wait_for(r"^\r*compiled\r*\n", 300)
                # TIMEFORMAT is of the guest's clock; the machine's clock is the host's.
                results.add("debian", system, name, float(console.wait_for(r"took:([0-9.]+)\r*\n", 300)[1]))
            console.type("poweroff\r")
            console.wait_end(120)


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
    kinds = options.only or KINDS
    if "icount" in kinds:
        for system in systems:
            say(f"instructions on {system} ...")
            measure(results, "icount", system, options.names, options.timeout)
    for number in range(options.rounds):
        for system in systems:
            if "wall" in kinds:
                say(f"wall time on {system}, round {number + 1} of {options.rounds} ...")
                measure(results, "wall", system, options.names, options.timeout)
            if "disk" in kinds:
                say(f"the disk on {system}, round {number + 1} of {options.rounds} ...")
                measure_disk(results, system, options.names, options.timeout)
            if "debian" in kinds:
                say(f"Debian on {system}, round {number + 1} of {options.rounds} ...")
                measure_debian(results, system)
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
                    "machine: instructions under --icount on 1 CPU, wall time on 2 CPUs, in memory and on a disk, Debian's\n"
                    "boot to a login and its compiler, boot time, memory. Prints ratios to\n"
                    "Linux with their geometric mean; control rows make no system call and must come out near 1.\n"
                    "Writes build/bench.json.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only rows whose name contains one of these")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds of wall time and boot (default 3)")
    parser.add_argument("--only", action="append", choices=KINDS, help="may be repeated")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help=f"default {','.join(SYSTEMS)}")
    parser.add_argument("--timeout", type=float, default=600, metavar="S", help="for each boot (default 600)")
    parser.set_defaults(command=command)
