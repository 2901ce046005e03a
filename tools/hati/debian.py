# SPDX-License-Identifier: MIT
"""Debian trees, made by mmdebstrap from Debian's packages."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from .common import Failure

RELEASE = "bookworm"
# Not read by programs, and a third of the size.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


class Unavailable(Failure):
    """The packages cannot be fetched here and now."""


def mmdebstrap(packages: Iterable[str], to: Path, options: Iterable[str] = ()) -> None:
    """Writes a tar archive with minbase and these packages."""
    words = ["--variant=minbase", "--format=tar", "--quiet", *options]
    words += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    if wanted := ",".join(sorted(packages)):
        words.append(f"--include={wanted}")
    try:
        done = subprocess.run(["mmdebstrap", *words, RELEASE, str(to)], check=False, capture_output=True)
    except FileNotFoundError as error:
        raise Failure("mmdebstrap is not installed; run ./hati setup") from error
    if done.returncode != 0:
        raise Unavailable("mmdebstrap failed:\n" + done.stderr.decode(errors="replace")[-2000:])
