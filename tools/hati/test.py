# SPDX-License-Identifier: MIT
"""`hati test`: builds, then runs the suites one after the other and prints a total."""

import argparse
import os

from . import build, qemu, setup
from .common import ROOT, Failure
from .report import Report, Suite
from .suite_guest import FuzzSuite, GuestSuite
from .suite_host import HostSuite
from .suite_python import PythonSuite
from .suite_workload import WorkloadSuite

EPILOG = """\
examples:
    hati test                          everything that a change must pass
    hati test host-asan guest          the suites whose names begin so
    hati test guest-hati-2:signal/*    one suite, only the tests with matching names
    hati test interactive -v           with one line for each test

The last line is `N passed, N failed`; the exit status is 0 only if something ran and nothing failed.
Full logs of every machine are in build/logs/. Guest tests run on Linux first; programs that have been
shown to pass there are not run there again until they change.
"""


def suites(everything: bool) -> list[Suite]:
    tests = ROOT / "tests"
    chosen: list[Suite] = [
        PythonSuite("tools", "unit tests of this command", ROOT / "tools" / "tests"),
        PythonSuite("structure", "rules for the sources and the kernel image", tests / "structure"),
        HostSuite("asan", "unit tests on the host, AddressSanitizer and UndefinedBehaviorSanitizer"),
        HostSuite("tsan", "unit tests on the host, ThreadSanitizer"),
        PythonSuite("native", "kernel, runtime and init, without the Linux server", tests / "native", "hati"),
        PythonSuite("block", "the driver for virtio disks, killed under load too", tests / "block", "hati"),
        GuestSuite("linux", 2, again=everything),
        GuestSuite("hati", 1, "hati.linux=attached"),
        GuestSuite("hati", 2, "hati.linux=attached"),
        GuestSuite("hati", 4, "hati.linux=attached"),
        GuestSuite("hati", 2, "hati.linux=separate"),
        FuzzSuite("hati", 2, "hati.linux=attached"),
    ]
    chosen.append(WorkloadSuite(everything))
    if everything:
        chosen += [GuestSuite("hati", cpus, "hati.linux=separate") for cpus in (1, 4)]
    for kernel in ("linux", "hati"):
        chosen += [
            PythonSuite(f"boot-{kernel}", f"hati boot on {kernel.capitalize()}: options, exit statuses, disk images",
                        tests / "boot", kernel),
            PythonSuite(f"debian-{kernel}", f"Debian on a disk on {kernel.capitalize()}, from power on to shutdown", tests / "debian", kernel),
            PythonSuite(f"disk-{kernel}", f"programs on an ext4 root on {kernel.capitalize()}, power cuts too", tests / "disk", kernel),
            PythonSuite(f"interactive-{kernel}", f"the interactive shell on {kernel.capitalize()}",
                        tests / "interactive", kernel),
        ]
    return chosen


def select(every: list[Suite], filters: list[str]) -> list[tuple[Suite, str]]:
    """Pairs of a suite and a pattern for its tests. A filter is SUITE or SUITE:PATTERN."""
    if not filters:
        return [(suite, "") for suite in every]
    chosen = []
    for text in filters:
        prefix, _, pattern = text.partition(":")
        matching = [suite for suite in every if suite.name.startswith(prefix)]
        if not matching:
            raise Failure(f"no suite begins with {prefix!r}; there are: {' '.join(suite.name for suite in every)}")
        chosen += [(suite, pattern) for suite in matching]
    return chosen


def command(options) -> int:
    chosen = select(suites(options.all), options.filters)
    if options.list:
        print("\n".join(f"{suite.name:28} {suite.about}" for suite, _ in chosen))
        return 0
    qemu.exit_on_signals()
    os.environ["HATI_TEST_ALL"] = "1" if options.all else ""
    setup.ensure()
    if not all(suite.name == "tools" or suite.name.startswith("host-") for suite, _ in chosen):
        build.build()
    report = Report(options.verbose)
    for suite, pattern in chosen:
        report.run(suite, pattern)
    return report.finish()


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "test", help="build and run the tests", epilog=EPILOG,
        description="Builds and runs the tests: on the host under sanitizers, and in the guest on Linux and on Hati.",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filters", nargs="*", metavar="SUITE[:PATTERN]", help="run only these")
    parser.add_argument("--all", action="store_true",
                        help="more placements and CPU counts, and repeat what was shown on Linux before")
    parser.add_argument("--list", action="store_true", help="list the suites")
    parser.add_argument("-v", "--verbose", action="store_true", help="print a line for each test")
    parser.set_defaults(command=command)
