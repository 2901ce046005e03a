# SPDX-License-Identifier: MIT
"""Debian's cloud kernel, for comparison: fetched with apt-get download, unpacked into build/linux/.

Nothing is installed on the host. With --root, Linux needs an initramfs that loads the virtio block
driver (a module in Debian's kernel) and mounts the disk; Hati has its driver in boot.img instead.
"""

import shutil
from pathlib import Path

from .common import BUILD, TOOLS, Failure, Step, output_of, run
from .initramfs import BUSYBOX, Archive

META_PACKAGE = "linux-image-cloud-amd64"
FOLDER = BUILD / "linux"
# In the order in which they are loaded.
_BLOCK_MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev",
                  "virtio_pci", "virtio_blk")


def kernel() -> Path:
    """The path of vmlinuz; fetches the package at the first call."""
    image = FOLDER / "vmlinuz"
    if not image.exists():
        with Step(f"fetching Debian's kernel package ({META_PACKAGE})"):
            _fetch()
    return image


def _fetch() -> None:
    work = FOLDER.with_name("linux.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    # apt fetches as the user _apt where it may write, which is not so here; it says so and goes on.
    run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", _real_package()], cwd=work)
    package = next(work.glob("*.deb"))
    run(["dpkg-deb", "-x", package, work / "files"])
    (work / "version").write_text(package.name + "\n")
    modules = {path.stem: path for path in (work / "files").rglob("*.ko")}
    (work / "modules").mkdir()
    for name in _BLOCK_MODULES:
        shutil.copy(modules[name], work / "modules" / f"{name}.ko")
    shutil.copy(next(work.glob("files/boot/config-*")), work / "config")
    shutil.copy(next(work.glob("files/boot/vmlinuz-*")), work / "vmlinuz")
    shutil.rmtree(work / "files")
    package.unlink()
    shutil.rmtree(FOLDER, ignore_errors=True)
    work.rename(FOLDER)


def _real_package() -> str:
    for line in output_of(["apt-cache", "depends", META_PACKAGE]).splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith("linux-image-"):
            return name
    raise Failure(f"apt does not know {META_PACKAGE}; run: apt-get update")


def disk_initramfs() -> bytes:
    """An initramfs that does for --root what Linux cannot do alone."""
    kernel()
    archive = Archive()
    for name in ("dev", "proc", "sys", "newroot"):
        archive.directory(name)
    archive.device("dev/console", "c", 5, 1)
    archive.file("bin/busybox", BUSYBOX.read_bytes(), 0o755)
    archive.file("init", (TOOLS / "linux-root" / "init").read_bytes(), 0o755)
    for number, name in enumerate(_BLOCK_MODULES):
        data = (FOLDER / "modules" / f"{name}.ko").read_bytes()
        archive.file(f"modules/{number}-{name}.ko", data)
    return archive.to_bytes()
