# SPDX-License-Identifier: MIT
"""`hati boot`: boots what a Linux kernel would boot, on Hati or on Linux, on this terminal."""

import argparse
import os
import re
import shlex
import sys
import zlib
from pathlib import Path

from . import initramfs, linux_kernel, qemu, terminal
from .common import BUILD, Failure, say

DESCRIPTION = """\
Boots a disk image or an initramfs in QEMU, on Hati's kernel or, for comparison, on Debian's
Linux kernel in the same machine. The guest's serial console is stdin and stdout. On a terminal
all keys reach the guest, ^C and ^Z too; to leave QEMU press ^A x (^A ^A sends a ^A, ^A h helps).
"""

EPILOG = """\
Without --root and --initramfs the default initramfs is used: Debian's busybox and a shell. It runs
the words behind `--` in --append instead of the shell:  hati boot --append '-- ls -l /proc'

The kernel command line is: console=ttyS0 panic=-1 [root=/dev/vda rw] and what --append says. Names
and meanings are Linux's: console= root= rw ro init= rdinit= quiet panic= maxcpus=. For Hati alone:
hati.linux=attached|separate|auto. Unknown words are passed to init, as Linux does.

exit status:
    0  the guest powered off           4  the guest rebooted, or hit a triple fault
    3  the guest panicked              5  QEMU failed
    6  QEMU was told to quit         124  the time limit (--timeout) was reached
    1  could not start: see the message; 2  wrong options

environment:
    HATI_ACCEL=tcg|kvm|auto   how QEMU executes; auto takes KVM where it works
    HATI_BUILD=DIR            another build folder instead of ./build
"""


def build_machine(options) -> qemu.Machine:
    """Turns the options into a machine; writes the initrd file that it needs."""
    if options.root and not options.root.is_file():
        raise Failure(f"--root {options.root}: there is no such file")
    tree, name = _tree(options)
    words = ["console=ttyS0", "panic=-1"]
    if options.root:
        words += _root_words(options.append)
    append = " ".join([*words, options.append] if options.append else words)
    return qemu.Machine(
        kernel=_kernel(options.kernel), append=append, root=options.root, cpus=options.cpus,
        initrd=_write_initrd(options.kernel, tree, name), memory=options.memory, cpu=options.cpu,
        icount=options.icount, extra=options.qemu)


def machine_for(kernel: str, tree: bytes, name: str, append: str, **fields) -> qemu.Machine:
    """A machine for tests and benchmarks: `tree` is the initramfs, `name` tells its file from others."""
    initrd = _write_initrd(kernel, tree, name)
    return qemu.Machine(kernel=_kernel(kernel), initrd=initrd, append=append, **fields)


def _kernel(name: str) -> Path:
    if name == "linux":
        return linux_kernel.kernel()
    image = BUILD / "hati"
    if not image.exists():
        raise Failure(f"{image} is not built yet; run ./hati build (or ./hati run, which does)")
    return image


def _root_words(append: str) -> list[str]:
    given = append.partition("--")[0].split()
    words = [] if any(word.startswith("root=") for word in given) else ["root=/dev/vda"]
    return words if {"ro", "rw"} & set(given) else [*words, "rw"]


def _tree(options) -> tuple[bytes, str]:
    """The archive that becomes the guest's first root, and a name for it that others do not use."""
    if options.initramfs:
        path = options.initramfs.resolve()
        return initramfs.from_argument(path), f"{zlib.crc32(os.fsencode(path)):08x}"
    if not options.root:
        return initramfs.default_archive().to_bytes(), "default"
    return (linux_kernel.disk_initramfs(), "disk") if options.kernel == "linux" else (b"", "disk")


def _write_initrd(kernel: str, tree: bytes, name: str) -> Path:
    """For Hati: its servers (boot.img) and then the tree; Linux's loader joins archives likewise."""
    servers = b""
    if kernel == "hati":
        image = BUILD / "boot.img"
        if not image.exists():
            raise Failure(f"{image} is not built yet; run ./hati build")
        servers = image.read_bytes()
        servers += bytes(-len(servers) % initramfs.BLOCK)
    return write_file(BUILD / "initrd" / f"{kernel}-{name}.img", servers + tree)


def write_file(path: Path, data: bytes) -> Path:
    """Replaces a file in one step, so that a machine that is starting never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(path)
    return path


def interactive(machine: qemu.Machine, timeout: float | None) -> qemu.Outcome:
    """Runs a machine on this terminal until it ends."""
    qemu.exit_on_signals()
    on_terminal = sys.stdin.isatty()
    log = qemu.log_path(f"boot-{os.getpid()}")
    with terminal.preserved(), qemu.Running(machine, log, escape=on_terminal) as running:
        outcome = running.wait(timeout)
    log.replace(qemu.log_path("boot"))
    if outcome is not qemu.Outcome.POWERED_OFF or on_terminal:
        say(outcome.describe())
    return outcome


def command(options) -> int:
    machine = build_machine(options)
    if options.print:
        print(shlex.join(machine.command()))
        return 0
    return interactive(machine, options.timeout)


def _memory(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*[MG]?", text):
        raise argparse.ArgumentTypeError("a number of MiB, or a number with M or G, as in 512M")
    return text if text[-1] in "MG" else text + "M"


def _cpus(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError("a number from 1 to 64")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("a number of seconds above 0")
    return value


def add_machine_options(parser, cpus: int = 1) -> None:
    """The options that every sub-command which boots one machine shares."""
    add = parser.add_argument
    add("--root", type=Path, metavar="IMAGE", help="a disk image, raw or qcow2; becomes /dev/vda")
    add("--initramfs", type=Path, metavar="DIR", help="a folder to pack, or a ready cpio archive")
    add("--append", default="", metavar="WORDS", help="more words for the kernel command line")
    add("--cpus", type=_cpus, default=cpus, metavar="N", help=f"1 to 64 (default {cpus})")
    add("--memory", type=_memory, default="512M", metavar="M", help="in MiB, or as 2G (default 512M)")
    add("--cpu", default=qemu.DEFAULT_CPU, metavar="MODEL",
        help=f"QEMU's CPU model (default {qemu.DEFAULT_CPU})")
    add("--icount", action="store_true",
        help="deterministic time: one instruction is one nanosecond (implies TCG)")
    add("--kernel", choices=("hati", "linux"), default="hati",
        help="linux: Debian's cloud kernel, fetched at first use, in the same machine")
    add("--timeout", type=_seconds, metavar="S", help="stop the machine after S seconds")
    add("--print", action="store_true", help="print the QEMU command instead of running it")
    add("--qemu", action="append", default=[], metavar="WORD",
        help="one more word for QEMU's command line; may be repeated (--qemu=-d --qemu=int)")


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "boot", help="boot a disk image or an initramfs in QEMU", description=DESCRIPTION,
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_machine_options(parser)
    parser.set_defaults(command=command)
