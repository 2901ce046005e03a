# SPDX-License-Identifier: MIT
"""`hati image`: Debian on a disk image, made by mmdebstrap and mke2fs; what was made once is kept in build/images/."""

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import debian
from .common import BUILD, TOOLS, Failure, Step, say

DESCRIPTION = """\
Makes a disk image with Debian 12 in an ext4 file system: minbase, an init, what --packages names,
and what --script does. Prints where it is; boot it with ./hati boot --root IMAGE. root has no
password. The same words give the same image again, from build/images/, until one of them changes.
"""

EPILOG = """\
--script runs as root on the building machine with the new tree's path as $1, after all packages are
installed; `chroot "$1" COMMAND` works there.

examples:
    ./hati image
    ./hati image --packages python3,git --size 3G
    ./hati image --init busybox --script my-setup.sh --output my.ext4
"""

FOLDER = BUILD / "images"
FILES = TOOLS / "image"
MKE2FS, DEBUGFS = "/sbin/mke2fs", "/sbin/debugfs"
# The packages of each init, and what a person at a shell misses first.
INITS = {
    "sysvinit": ("sysvinit-core", "sysv-rc", "initscripts", "insserv", "startpar", "procps", "less", "vim-tiny"),
    "busybox": ("busybox-static", "procps", "less", "vim-tiny"),
}
DEFAULT_SIZE = "2G"


def make(packages: tuple[str, ...] = (), init: str = "sysvinit", size: str = DEFAULT_SIZE, script: Path | None = None) -> Path:
    """The image of these words: a file to be copied, not to be written to."""
    if script is not None and not script.is_file():
        raise Failure(f"--script {script}: there is no such file")
    wanted = tuple(sorted({*packages, *INITS[init]}))
    kept = FOLDER / f"debian-{_key(wanted, init, size, script)}.ext4"
    if not kept.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix="making-") as work:
            tree = Path(work) / "tree.tar"
            with Step(f"making a Debian tree with {' '.join(wanted)} (some minutes)"):
                _make_tree(tree, wanted, init, script)
            draft = Path(work) / "disk.ext4"
            with Step(f"making an ext4 image of {size}"):
                _make_file_system(draft, tree, size)
            draft.replace(kept)
    return kept


def copy(image: Path, to: Path) -> None:
    """A copy that may be written to; holes stay holes."""
    to.parent.mkdir(parents=True, exist_ok=True)
    draft = to.with_name(f"{to.name}.{os.getpid()}")
    try:
        _run(["cp", "--sparse=always", "--reflink=auto", image, draft])
        draft.replace(to)
    finally:
        draft.unlink(missing_ok=True)


def add_files(image: Path, files: dict[str, tuple[bytes, int]]) -> None:
    """Writes files into an image without mounting it: contents and permissions by absolute path. A folder is made if only its last part is missing."""
    with tempfile.TemporaryDirectory() as work:
        commands = [f"mkdir {folder}" for folder in sorted({str(Path(path).parent) for path in files}) if folder != "/"]
        for number, (path, (data, mode)) in enumerate(files.items()):
            source = Path(work) / str(number)
            source.write_bytes(data)
            commands += [f"rm {path}", f"write {source} {path}", f"sif {path} mode 0{0o100000 | mode:o}"]
        _run([DEBUGFS, "-w", "-f", "-", image], "\n".join(commands) + "\n")


def _key(wanted: tuple[str, ...], init: str, size: str, script: Path | None) -> str:
    digest = hashlib.sha256(repr((debian.RELEASE, debian.LEFT_OUT, wanted, init, size)).encode())
    for path in sorted(FILES.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(FILES)}\0".encode() + path.read_bytes())
    if script is not None:
        digest.update(b"script\0" + script.read_bytes())
    return digest.hexdigest()[:12]


def _make_tree(tree: Path, wanted: tuple[str, ...], init: str, script: Path | None) -> None:
    hooks = [f'{shlex.quote(str(FILES / "customize"))} "$1" {init}']
    if script is not None:
        hooks.append(f'{shlex.quote(str(script.resolve()))} "$1"')
    debian.mmdebstrap(wanted, tree, [f"--customize-hook={hook}" for hook in hooks])


def _make_file_system(image: Path, tree: Path, size: str) -> None:
    """Unpacks the tree and packs it into the file system: mke2fs 1.47.0 reads folders only. fakeroot keeps owners and device nodes apart from the user's own."""
    folder = tree.with_name("tree")
    words = [shlex.quote(str(word)) for word in (folder, tree, MKE2FS, image, size)]
    folder.mkdir()
    command = ("tar -C {0} --numeric-owner --xattrs --xattrs-include='*' -xf {1} && "
               "{2} -q -t ext4 -L hati -d {0} {3} {4}").format(*words)
    try:
        _run(["sh", "-c", command] if os.geteuid() == 0 else ["fakeroot", "sh", "-c", command])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list, typed: str = "") -> None:
    done = subprocess.run([str(word) for word in command], check=False, input=typed, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{command[0]} failed:\n{done.stderr[-2000:]}")


def command(options) -> int:
    image = make(options.packages, options.init, options.size, options.script)
    if options.output:
        copy(image, options.output)
        image = options.output
    say("the image is in")
    print(image)
    return 0


def _packages(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?", name):
            raise argparse.ArgumentTypeError(f"{name!r} is not the name of a package")
    return names


def _size(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*[MG]", text):
        raise argparse.ArgumentTypeError("a number with M or G, as in 2G")
    return text


def add_parser(commands) -> None:
    parser = commands.add_parser("image", help="make a disk image with Debian", description=DESCRIPTION, epilog=EPILOG,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=_packages, default=(), metavar="A,B,C", help="Debian packages to install as well")
    parser.add_argument("--init", choices=sorted(INITS), default="sysvinit", help="the first program (default sysvinit)")
    parser.add_argument("--size", type=_size, default=DEFAULT_SIZE, metavar="S", help=f"of the disk; the file has holes (default {DEFAULT_SIZE})")
    parser.add_argument("--script", type=Path, metavar="FILE", help="an executable that changes the tree at the end")
    parser.add_argument("--output", type=Path, metavar="FILE", help="copy the image there")
    parser.set_defaults(command=command)
