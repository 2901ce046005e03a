# SPDX-License-Identifier: MIT
"""`hati run`: from a fresh machine to the interactive shell in one command."""

import argparse
import os

from . import boot, build, setup


def command(options) -> int:
    setup.ensure()
    if options.kernel == "hati":
        build.build()
    return boot.command(options)


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "run", help="set up if needed, build, and boot to a shell on this terminal",
        description="Installs what is missing, builds, and boots to an interactive shell: "
                    "Debian's busybox on Hati. Takes the options of ./hati boot.\n"
                    "Type poweroff in the shell, or press ^A x, to leave.",
        epilog="Exit status and environment: see ./hati boot --help.",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    boot.add_machine_options(parser, cpus=min(os.cpu_count() or 1, 4))
    parser.set_defaults(command=command)
