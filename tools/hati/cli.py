# SPDX-License-Identifier: MIT
"""Reads the command line and calls the sub-command's module."""

import argparse
import sys

from . import bench, boot, build, check, debug, docs, image, run, setup, test
from .common import Failure

MODULES = (setup, build, run, boot, image, test, bench, debug, check, docs)

DESCRIPTION = "Hati: a microkernel operating system that runs unmodified Linux programs."
EPILOG = """\
To begin:  ./hati run    builds everything and boots to a shell
           ./hati test   runs every test
Each command explains itself: ./hati COMMAND --help
"""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hati", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for module in MODULES:
        module.add_parser(commands)
    helper = commands.add_parser("help", help="show this, or the help of a command")
    helper.add_argument("topic", nargs="?", metavar="COMMAND")
    helper.set_defaults(command=lambda options: _help(parser, options.topic))
    return parser


def _help(parser: argparse.ArgumentParser, topic: str | None) -> int:
    parser.parse_args([topic, "--help"] if topic else ["--help"])
    return 0


def main(arguments: list[str]) -> int:
    parser = make_parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help()
        return 2
    try:
        return int(options.command(options))
    except Failure as failure:
        print(f"hati: error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hati: interrupted", file=sys.stderr)
        return 130
