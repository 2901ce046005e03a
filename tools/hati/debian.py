# SPDX-License-Identifier: MIT
"""Debian trees for the guest, as initramfs archives: made by mmdebstrap from Debian's packages, kept in build/debian/."""

import hashlib
import io
import subprocess
import tarfile

from . import initramfs
from .boot import write_file
from .common import BUILD, Failure, Step

RELEASE = "bookworm"
FOLDER = BUILD / "debian"
# Not read by programs, and a third of the size.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


class Unavailable(Failure):
    """The packages cannot be fetched here and now."""


def archive(packages: tuple[str, ...] = ()) -> bytes:
    """A cpio archive of minbase and these packages; everything belongs to root."""
    wanted = ",".join(sorted(packages))
    key = hashlib.sha256(repr((RELEASE, wanted, LEFT_OUT)).encode()).hexdigest()[:12]
    kept = FOLDER / f"tree-{key}.cpio"
    if not kept.exists():
        with Step(f"making a Debian tree with {wanted or 'minbase'}"):
            write_file(kept, _from_tar(_mmdebstrap(wanted)))
    return kept.read_bytes()


def _mmdebstrap(wanted: str) -> bytes:
    command = ["mmdebstrap", "--variant=minbase", "--format=tar", "--quiet"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    command += ["--include=" + wanted] if wanted else []
    try:
        done = subprocess.run([*command, RELEASE, "-"], check=False, capture_output=True)
    except FileNotFoundError as error:
        raise Failure("mmdebstrap is not installed; run ./hati setup") from error
    if done.returncode != 0:
        raise Unavailable("mmdebstrap failed:\n" + done.stderr.decode(errors="replace")[-2000:])
    return done.stdout


def _from_tar(data: bytes) -> bytes:
    result = initramfs.Archive()
    hard: list[tuple[str, str]] = []
    with tarfile.open(fileobj=io.BytesIO(data)) as source:
        for member in source:
            name = member.name.removeprefix("./").strip("/")
            if not name or name == ".":
                continue
            if member.isdir():
                result.directory(name, member.mode)
            elif member.isreg():
                result.file(name, source.extractfile(member).read(), member.mode, int(member.mtime))
            elif member.issym():
                result.symlink(name, member.linkname)
            elif member.islnk():
                hard.append((name, member.linkname))
        for name, target in hard:  # as copies: an initramfs is not written to for long
            first = source.getmember(target)
            result.file(name, source.extractfile(first).read(), first.mode, int(first.mtime))
    return result.to_bytes()
