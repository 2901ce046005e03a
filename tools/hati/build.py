# SPDX-License-Identifier: MIT
"""`hati build`: CMake presets and Ninja, with Ninja's own progress."""

import sys
from pathlib import Path

from .common import BUILD, ROOT, Step, run

# Preset names of CMakePresets.json and where each builds.
FOLDERS = {"default": BUILD, "asan": BUILD / "asan", "tsan": BUILD / "tsan"}


def build(preset: str = "default", targets: tuple[str, ...] = ()) -> Path:
    """Configures when that was not done yet (Ninja repeats it when needed) and builds."""
    folder = FOLDERS[preset]
    with Step(f"building ({preset})"):
        if not (folder / "build.ninja").exists():
            run(["cmake", "--preset", preset, "-B", folder], cwd=ROOT, stdout=sys.stderr)
        run(["cmake", "--build", folder, *(["--target", *targets] if targets else [])],
            cwd=ROOT, stdout=sys.stderr)
    return folder


def command(options) -> int:
    build(options.preset, tuple(options.targets))
    return 0


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "build", help="build the kernel, the servers and the boot image",
        description="Builds with CMake and Ninja: build/hati is the kernel, build/boot.img the "
                    "servers. ./hati setup must have been run once.")
    parser.add_argument("--preset", choices=tuple(FOLDERS), default="default",
                        help="asan and tsan build the host tests with sanitizers")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="build only these")
    parser.set_defaults(command=command)
