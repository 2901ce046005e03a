# SPDX-License-Identifier: MIT
"""The user's terminal while a guest owns it, and the life of child processes."""

import contextlib
import ctypes
import signal
import sys
import termios

_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """For preexec_fn: the child is killed when this tool is, however that happens."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def preserved():
    """Puts the terminal's modes back at the end. QEMU sets raw mode, and may be killed in it."""
    if not sys.stdin.isatty():
        yield
        return
    saved = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
