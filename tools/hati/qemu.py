# SPDX-License-Identifier: MIT
"""The virtual machine: its exact QEMU command, and one running instance with its outcome.

The machine is the same for Hati and for Linux:
  q35            PCI Express with ECAM, ACPI, HPET and PM timer, a 16550 UART at I/O port 0x3f8
  -nodefaults    no device that is not named here
  isa-debug-exit a write to port 0xf4 ends QEMU: how Hati's kernel reports a panic
"""

import enum
import json
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import accel, terminal
from .common import BUILD, Failure

QEMU = "qemu-system-x86_64"
# TCG counts and executes `rep movsb` byte by byte; with ERMS or FSRM announced, Linux would use it
# for all copies and look slower than it is. Both systems get the CPU without them.
DEFAULT_CPU = "max,-erms,-fsrm"
PANIC_LINE = re.compile(rb"^(\[[ .0-9]+\] *)?Kernel panic", re.MULTILINE)


class Outcome(enum.IntEnum):
    """How a machine ended: the exit status of `hati boot`. 1 and 2 are errors before it started."""

    POWERED_OFF = 0
    PANIC = 3
    REBOOT = 4
    QEMU_FAILED = 5
    INTERRUPTED = 6
    TIMEOUT = 124

    def describe(self) -> str:
        return {Outcome.POWERED_OFF: "the guest powered off", Outcome.PANIC: "the guest panicked",
                Outcome.REBOOT: "the guest rebooted (or hit a triple fault)",
                Outcome.QEMU_FAILED: "QEMU failed", Outcome.INTERRUPTED: "QEMU was told to quit",
                Outcome.TIMEOUT: "the time limit was reached"}[self]


@dataclass
class Machine:
    """What is booted, on what. Empty fields are left out of the command."""

    kernel: Path
    append: str
    initrd: Path | None = None
    root: Path | None = None
    cpus: int = 1
    memory: str = "512M"
    cpu: str = DEFAULT_CPU
    icount: bool = False
    extra: list[str] = field(default_factory=list)

    def command(self, log: Path | None = None, escape: bool = True) -> list[str]:
        """The QEMU command. With `escape`, ^A x on the console leaves QEMU (and ^A ^A sends ^A)."""
        console = "stdio,id=console,signal=off"
        console += ",mux=on" if escape else ""
        console += f",logfile={_quoted(log)}" if log else ""
        words = [QEMU, "-machine", "q35", "-accel", accel.chosen(self.icount), "-cpu", self.cpu,
                 "-smp", str(self.cpus), "-m", self.memory,
                 "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                 "-chardev", console, "-serial", "chardev:console"]
        if escape:
            words += ["-mon", "chardev=console,mode=readline"]
        words += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        if self.icount:
            # One instruction is one nanosecond; time jumps over what the guest would idle away.
            words += ["-icount", "shift=0,align=off,sleep=off"]
        if self.root:
            words += disk("root", self.root, self.cpus)
        words += self.extra
        words += ["-kernel", str(self.kernel)]
        if self.initrd:
            words += ["-initrd", str(self.initrd)]
        return [*words, "-append", self.append]


def disk(name: str, image: Path, cpus: int, read_only: bool = False) -> list[str]:
    """A virtio disk: a queue with an interrupt of its own for each CPU, and one interrupt for changes of its configuration."""
    queues = min(cpus, 16)
    drive = f"file={_quoted(image)},format={_image_format(image)},if=none,id={name},discard=unmap"
    return ["-drive", drive + (",readonly=on" if read_only else ""),
            "-device", f"virtio-blk-pci,drive={name},disable-legacy=on,num-queues={queues},vectors={queues + 1}"]


def _quoted(path: Path) -> str:
    return str(path).replace(",", ",,")


def _image_format(path: Path) -> str:
    with open(path, "rb") as image:
        return "qcow2" if image.read(4) == b"QFI\xfb" else "raw"


class Running:
    """A started QEMU. stdin and stdout are subprocess arguments: inherited, pipes or a pty's end.

    The control channel is a socket pair, QMP; it is read when QEMU has ended, to learn whether the
    guest powered off or reset itself. Use as a context manager: leaving it ends QEMU.
    """

    def __init__(self, machine: Machine, log: Path, escape: bool = False, **streams):
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        self.log = log
        self.started = time.monotonic()
        self._control, theirs = socket.socketpair()
        number = theirs.fileno()
        words = machine.command(log, escape) + [
            "-chardev", f"socket,id=control,fd={number}", "-mon", "chardev=control,mode=control"]
        try:
            self.process = subprocess.Popen(words, pass_fds=[number], **streams,
                                            preexec_fn=terminal.die_with_parent)
        except FileNotFoundError as error:
            raise Failure(f"{QEMU} is not installed; run ./hati setup") from error
        theirs.close()
        self._control.sendall(b'{"execute": "qmp_capabilities"}\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self._control.close()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait(self, timeout: float | None = None) -> Outcome:
        """Waits for the end. At the time limit the machine is stopped."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            return Outcome.TIMEOUT
        return self._outcome()

    def panicked(self) -> bool:
        return bool(PANIC_LINE.search(self.output()))

    def output(self) -> bytes:
        """All that the console printed so far."""
        return self.log.read_bytes().replace(b"\r\n", b"\n") if self.log.exists() else b""

    def _outcome(self) -> Outcome:
        status = self.process.returncode
        if status > 1 and status % 2 == 1:  # isa-debug-exit ends QEMU with 2 * value + 1
            return Outcome.PANIC
        if status != 0:
            return Outcome.QEMU_FAILED
        reason = self._shutdown_reason()
        if reason == "guest-shutdown":
            return Outcome.POWERED_OFF
        if reason == "guest-reset":
            return Outcome.PANIC if self.panicked() else Outcome.REBOOT
        return Outcome.INTERRUPTED

    def _shutdown_reason(self) -> str:
        answer = bytearray()
        while block := self._control.recv(65536):
            answer += block
        for line in answer.splitlines():
            event = json.loads(line)
            if event.get("event") == "SHUTDOWN":
                return event["data"].get("reason", "")
        return ""


def log_path(name: str) -> Path:
    return BUILD / "logs" / f"{name}.log"


def exit_on_signals() -> None:
    """Lets `finally` and `with` run when the tool is told to end, so that QEMU ends too."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
