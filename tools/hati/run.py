# SPDX-License-Identifier: MIT
"""`hati run`: from a fresh machine to a Debian login in one command."""

import argparse
import os
from pathlib import Path

from . import boot, build, image, setup
from .common import BUILD, say

DESCRIPTION = """\
Installs what is missing, builds, makes a disk image with Debian 12 from Debian's own packages, and
boots it to a login on this terminal: root, without a password. What is written to the disk stays
for the next time. Takes the options of ./hati boot; with --root or --initramfs that is booted.
To leave: poweroff, or ^A x.
"""


def command(options) -> int:
    setup.ensure()
    if options.kernel == "hati":
        build.build()
    if not (options.root or options.initramfs or options.shell):
        options.root = _disk(options.fresh)
        options.append = f"quiet {options.append}".strip()
        say("log in as root; there is no password. To leave: poweroff, or ^A x")
    return boot.command(options)


def _disk(fresh: bool) -> Path:
    """The disk of `hati run`: a copy of the image that stays until the image changes."""
    made = image.make()
    disk = BUILD / "images" / f"run-{made.name}"
    if fresh or not disk.exists():
        image.copy(made, disk)
    return disk


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "run", help="set up if needed, build, and boot Debian to a login on this terminal", description=DESCRIPTION,
        epilog="Exit status and environment: see ./hati boot --help.",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true", help="forget what was written to the disk")
    parser.add_argument("--shell", action="store_true", help="no disk, no Debian packages: busybox's shell in memory, as ./hati boot")
    boot.add_machine_options(parser, cpus=min(os.cpu_count() or 1, 4))
    parser.set_defaults(command=command)
