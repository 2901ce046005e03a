# SPDX-License-Identifier: MIT
"""Chooses QEMU's accelerator: HATI_ACCEL=tcg|kvm|auto.

`auto` (the default) takes KVM only where a tiny guest really runs on it: on some machines
/dev/kvm exists and hangs. The answer is kept in build/, so the probe happens once.
"""

import functools
import os
import subprocess

from .common import BUILD, Failure, say

_PROBE_SECONDS = 2
# A boot sector that counts ecx down from 50 million (where KVM is itself emulated this takes far too
# long), then writes 0x21 to port 0xf4, which ends QEMU with status 2 * 0x21 + 1.
_PROBE_CODE = bytes.fromhex("66b980f0fa02"  # mov ecx, 50000000
                            "6649"          # again: dec ecx
                            "75fc"          # jnz again
                            "baf400b021ee"  # mov dx, 0xf4; mov al, 0x21; out dx, al
                            "f4")           # hlt
_PROBE_STATUS = 0x43


def chosen(icount: bool) -> str:
    """The word for -accel. --icount exists on TCG only."""
    if icount:
        return "tcg"
    wish = os.environ.get("HATI_ACCEL", "auto")
    if wish not in ("tcg", "kvm", "auto"):
        raise Failure(f"HATI_ACCEL={wish}: must be tcg, kvm or auto")
    if wish == "auto":
        wish = _best()
    return "kvm" if wish == "kvm" else "tcg,thread=multi"


@functools.cache
def _best() -> str:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    answer = BUILD / "kvm-probe"
    boot_id = open("/proc/sys/kernel/random/boot_id", encoding="ascii").read().strip()
    if answer.exists():
        host, _, result = answer.read_text().partition(" ")
        if host == boot_id:
            return result
    result = "kvm" if _kvm_runs() else "tcg"
    say("KVM works here and is used" if result == "kvm" else
        "/dev/kvm does not work here; QEMU interprets instead (TCG)")
    answer.parent.mkdir(parents=True, exist_ok=True)
    answer.write_text(f"{boot_id} {result}")
    return result


def _kvm_runs() -> bool:
    BUILD.mkdir(parents=True, exist_ok=True)
    sector = BUILD / "kvm-probe.img"
    sector.write_bytes(_PROBE_CODE.ljust(510, b"\0") + b"\x55\xaa")
    words = ["qemu-system-x86_64", "-machine", "pc", "-accel", "kvm", "-cpu", "max", "-nodefaults",
             "-display", "none", "-no-reboot", "-drive", f"if=floppy,format=raw,file={sector}",
             "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    try:
        done = subprocess.run(words, check=False, timeout=_PROBE_SECONDS, capture_output=True)
    except (subprocess.TimeoutExpired, FileNotFoundError):
        return False
    return done.returncode == _PROBE_STATUS
