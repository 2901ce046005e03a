# SPDX-License-Identifier: MIT
"""Writes initramfs archives: the cpio format "newc" (Linux, driver-api/early-userspace/buffer-format).

Everything in an archive belongs to root, whoever packs it, and inode numbers and order do not
depend on the host: the same tree gives the same bytes.
"""

import os
import stat
import subprocess
from pathlib import Path

from .common import TOOLS, Failure, output_of

BLOCK = 512  # archives are joined end to end; each is padded to this
BUSYBOX = Path("/bin/busybox")
GUEST_TREE = TOOLS / "initramfs"


class Archive:
    """A cpio archive that grows in memory. Paths are relative to the guest's root."""

    def __init__(self):
        self._parts: list[bytes] = []
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def directory(self, name: str, mode: int = 0o755) -> None:
        """Adds a directory, and the ones above it that are not there yet."""
        name = name.strip("/")
        if name and name not in self._names:
            self._parents(name)
            self._entry(name, stat.S_IFDIR | mode)

    def file(self, name: str, data: bytes, mode: int = 0o644, mtime: int = 0) -> None:
        self._parents(name)
        self._entry(name, stat.S_IFREG | mode, data, mtime=mtime)

    def symlink(self, name: str, target: str) -> None:
        self._parents(name)
        self._entry(name, stat.S_IFLNK | 0o777, os.fsencode(target))

    def device(self, name: str, kind: str, major: int, minor: int, mode: int = 0o600) -> None:
        """kind is `c` or `b`, as for mknod."""
        self._parents(name)
        bits = stat.S_IFCHR if kind == "c" else stat.S_IFBLK
        self._entry(name, bits | mode, device=(major, minor))

    def tree(self, top: Path) -> None:
        """Adds everything below a host directory: files, symlinks, directories, devices, FIFOs."""
        if not top.is_dir():
            raise Failure(f"{top} is not a directory")
        for folder, folders, files in os.walk(top):
            folders.sort()
            for entry in sorted(files) + folders:
                self._from_host(Path(folder, entry), str(Path(folder, entry).relative_to(top)))

    def to_bytes(self) -> bytes:
        whole = b"".join(self._parts) + _record("TRAILER!!!", 0, b"", 0, 0, (0, 0))
        return whole + bytes(-len(whole) % BLOCK)

    def _parents(self, name: str) -> None:
        self.directory(os.path.dirname(name.strip("/")))

    def _from_host(self, path: Path, name: str) -> None:
        info = path.lstat()
        kind, mode = stat.S_IFMT(info.st_mode), stat.S_IMODE(info.st_mode)
        if kind == stat.S_IFDIR:
            self.directory(name, mode)
        elif kind == stat.S_IFREG:
            self.file(name, path.read_bytes(), mode, int(info.st_mtime))
        elif kind == stat.S_IFLNK:
            self.symlink(name, os.readlink(path))
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            numbers = os.major(info.st_rdev), os.minor(info.st_rdev)
            self.device(name, "c" if kind == stat.S_IFCHR else "b", *numbers, mode)
        elif kind == stat.S_IFIFO:
            self._parents(name)
            self._entry(name, info.st_mode)
        # Sockets are left out: they mean nothing without the process that listens.

    def _entry(self, name, mode, data=b"", mtime=0, device=(0, 0)) -> None:
        name = name.strip("/")
        self._names.add(name)
        self._parts.append(_record(name, mode, data, len(self._parts) + 1, mtime, device))


def _record(name, mode, data, inode, mtime, device) -> bytes:
    if len(data) >= 1 << 32:
        raise Failure(f"{name} is too large for an initramfs (4 GiB is the limit of the format)")
    raw = os.fsencode(name) + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, mtime & 0xFFFFFFFF, len(data), 0, 0, *device, len(raw), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
    return header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4)


def busybox_links() -> list[str]:
    """The paths that `busybox --install` would make, such as `usr/bin/awk`."""
    if not BUSYBOX.exists():
        raise Failure(f"{BUSYBOX} is missing; run ./hati setup")
    answer = subprocess.run([str(BUSYBOX), "--list-full"], check=False, capture_output=True, text=True)
    return answer.stdout.split() if answer.returncode == 0 else [
        f"bin/{name}" for name in output_of([BUSYBOX, "--list"]).split()]


def default_archive() -> Archive:
    """Debian's busybox with a link for each applet, and the files of tools/initramfs/."""
    archive = Archive()
    for name, mode in {"dev": 0o755, "proc": 0o555, "sys": 0o555, "run": 0o755, "root": 0o700,
                       "tmp": 0o1777, "var/log": 0o755, "mnt": 0o755}.items():
        archive.directory(name, mode)
    archive.device("dev/console", "c", 5, 1)
    archive.device("dev/null", "c", 1, 3, 0o666)
    archive.tree(GUEST_TREE)
    archive.file("bin/busybox", BUSYBOX.read_bytes(), 0o755)
    for link in busybox_links():
        if link != "bin/busybox" and link not in archive:
            archive.symlink(link, "/bin/busybox")
    return archive


def from_argument(path: Path) -> bytes:
    """--initramfs: packs a directory; takes a file as a ready archive (cpio, perhaps compressed)."""
    if path.is_dir():
        archive = Archive()
        archive.tree(path)
        return archive.to_bytes()
    if not path.is_file():
        raise Failure(f"--initramfs {path}: there is no such directory or file")
    data = path.read_bytes()
    return data + bytes(-len(data) % BLOCK)
