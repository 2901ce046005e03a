# SPDX-License-Identifier: MIT
"""A program on a pseudo-terminal, driven as a person would: wait for text, type, wait again.

Used by the test of the interactive shell and by the benchmark of boot time. All waiting is for
output or for a deadline; nothing sleeps.
"""

import os
import pty
import re
import select
import subprocess
import time

from . import terminal

PROMPT = r"root@hati:[^\n]*# "
# Control sequences with which a line editor draws; the text between them is what one reads.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]")
_BEGUN_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*|[()])?\Z")


class Lost(AssertionError):
    """The awaited text did not come; carries the end of what did."""


class Console:
    """One child process with a pseudo-terminal as its controlling terminal."""

    def __init__(self, command: list):
        self.master, slave = pty.openpty()
        self.started = time.monotonic()
        self.process = subprocess.Popen([str(word) for word in command], stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, preexec_fn=terminal.die_with_parent)
        os.close(slave)
        self._raw = ""        # the beginning of a control sequence, perhaps
        self.unread = ""      # came after the last match
        self.transcript = ""  # everything, for error messages

    def type(self, text: str) -> None:
        """Presses keys; control characters as "\\x03"."""
        data = text.encode()
        while data:
            data = data[os.write(self.master, data):]

    def wait_for(self, pattern: str, seconds: float = 20) -> re.Match:
        """Waits until the regular expression matches in what was not consumed yet; consumes it."""
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern, self.unread, re.MULTILINE)):
            if not self._read(deadline):
                raise Lost(f"waited {seconds:.0f} s for {pattern!r}; the last output was:\n{self.transcript[-1500:]}")
        self.unread = self.unread[match.end():]
        return match

    def command(self, line: str, seconds: float = 20) -> str:
        """Types a command at the prompt; returns what it printed up to the next prompt."""
        self.type(line + "\r")
        self.wait_for(re.escape(line) + r"\r*\n")  # the echo
        return self.until_prompt(seconds)

    def until_prompt(self, seconds: float = 20) -> str:
        match = self.wait_for(rf"(?s)(.*?)(^|\n){PROMPT}", seconds)
        return match[1].replace("\r", "")

    def wait_end(self, seconds: float = 20) -> int:
        """Reads until the program has ended; its exit status."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        try:
            return self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Lost(f"did not end within {seconds:.0f} s; the last output was:\n{self.transcript[-1500:]}") from None

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self, deadline: float) -> bool:
        """Takes in what came; False when the deadline passed or the other side is closed."""
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        text = _ESCAPES.sub("", self._raw + data.decode(errors="replace"))
        begun = _BEGUN_ESCAPE.search(text)
        self._raw = begun[0] if begun else ""
        text = text.removesuffix(self._raw)
        self.unread += text
        self.transcript += text
        return bool(data)
