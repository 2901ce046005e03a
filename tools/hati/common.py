# SPDX-License-Identifier: MIT
"""What every sub-command uses: the folders, one error type, and how progress is printed."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# HATI_BUILD lets several people build in one working tree without meeting.
BUILD = Path(os.environ.get("HATI_BUILD", ROOT / "build")).resolve()
TOOLS = ROOT / "tools"


class Failure(Exception):
    """Something that the user has to know; its text says what to do next."""


def say(text: str) -> None:
    """Prints one line of progress on stderr, so that stdout stays the guest's."""
    print(f"hati: {text}", file=sys.stderr, flush=True)


def run(command: list, **options) -> None:
    """Runs a program and turns its failure into a Failure that names the command line."""
    words = [str(word) for word in command]
    try:
        status = subprocess.run(words, check=False, **options).returncode
    except FileNotFoundError as error:
        raise Failure(f"{words[0]} is not installed; run ./hati setup") from error
    if status != 0:
        raise Failure(f"this command ended with status {status}:\n    {' '.join(words)}")


def output_of(command: list) -> str:
    """The standard output of a program; a Failure with its messages if it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Failure(f"{words[0]} is not installed; run ./hati setup") from error
    if done.returncode != 0:
        raise Failure(f"{' '.join(words)} failed:\n{done.stderr.strip()}")
    return done.stdout


class Step:
    """`with Step("building"):` prints what starts and how long it took."""

    def __init__(self, name: str):
        self.name = name

    def __enter__(self):
        say(f"{self.name} ...")
        self.start = time.monotonic()
        return self

    def __exit__(self, kind, error, trace):
        seconds = time.monotonic() - self.start
        say(f"{self.name}: {'failed' if kind else 'done'} ({seconds:.1f} s)")
