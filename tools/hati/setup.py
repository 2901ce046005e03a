# SPDX-License-Identifier: MIT
"""`hati setup`: installs the Debian packages of tools/packages.txt that are missing."""

import os
import shutil
import subprocess
import sys

from .common import TOOLS, Failure, run, say


def wanted_packages() -> list[str]:
    lines = (TOOLS / "packages.txt").read_text().splitlines()
    names = (line.partition("#")[0].strip() for line in lines)
    return [name for name in names if name]


def missing_packages() -> list[str]:
    """Costs one dpkg-query (some 20 ms), so that every `hati run` can afford it."""
    if not shutil.which("dpkg-query"):
        raise Failure("this is not Debian: install what tools/packages.txt lists by hand,\n"
                      "then use ./hati build and ./hati boot, which do not look for packages")
    wanted = wanted_packages()
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *wanted]
    answer = subprocess.run(query, check=False, capture_output=True, text=True).stdout
    installed = {line.split()[0] for line in answer.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


def _may_install(missing: list[str], yes: bool) -> bool:
    say(f"{len(missing)} Debian packages are missing: {' '.join(missing)}")
    if yes or os.geteuid() == 0 or os.environ.get("CI") == "true":
        return True
    if not sys.stdin.isatty():
        raise Failure("not installing packages without being asked to; run: ./hati setup --yes")
    answer = input("hati: install them now with sudo apt-get? [Y/n] ")
    return answer.strip().lower() in ("", "y", "yes")


def _as_root(command: list[str]) -> list[str]:
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo"):
        return ["sudo", *command]
    raise Failure(f"as root, run:\n    {' '.join(command)}")


def ensure(yes: bool = False) -> None:
    """Installs what is missing. Silent and quick when nothing is."""
    missing = missing_packages()
    if not missing:
        return
    if not _may_install(missing, yes):
        raise Failure("nothing was installed; Hati cannot be built without these packages")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(_as_root(["apt-get", "update"]), env=environment, stdout=sys.stderr)
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    run(_as_root(install), env=environment, stdout=sys.stderr)
    left = missing_packages()
    if left:
        raise Failure(f"apt-get did not install: {' '.join(left)}")


def command(options) -> int:
    ensure(options.yes)
    say(f"all {len(wanted_packages())} Debian packages are installed")
    return 0


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "setup", help="install the Debian packages that Hati needs",
        description="Installs the Debian packages that tools/packages.txt lists, if any is missing. "
                    "Asks first, unless run as root or with CI=true.")
    parser.add_argument("--yes", action="store_true", help="do not ask before installing")
    parser.set_defaults(command=command)
