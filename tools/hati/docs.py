# SPDX-License-Identifier: MIT
"""`hati docs`: writes the pages of docs/ that are generated from the code, so that they cannot lie.

docs/kernel-interface.md comes from the headers in abi/, docs/linux-coverage.md from the table of Linux system calls.
tests/structure fails when a page is not what the code says.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from .common import ROOT, Failure, say

ABI = ROOT / "abi"
LINUX_SERVER = ROOT / "servers" / "linux"
LINUX_NUMBERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")  # Debian's linux-libc-dev
_ENTRY = re.compile(r"^\s*HATI_SYSCALL\w*\(\s*(\d+)\s*,\s*(\w+)", re.MULTILINE)


def enum_values(text: str, name: str) -> Iterator[tuple[str, str]]:
    """(value, comment) of an enum; a comment may go on in the lines below. Groups are parted by ("", "")."""
    body = re.search(rf"enum (?:class )?{name}\b[^{{]*\{{\n(.*?)\n\}};", text, re.DOTALL)
    if not body:
        raise Failure(f"abi/ has no enum {name} any more; mend tools/hati/docs.py")
    value, comment = "", ""
    for line in body[1].splitlines():
        if more := re.match(r"^\s*//\s?(.*)$", line):
            comment += " " + more[1]
            continue
        if value:
            yield value, comment.strip()
        start = re.match(r"^\s*(k\w+)[^,/]*,?\s*(?://\s?(.*))?$", line)
        value, comment = (start[1], start[2] or "") if start else ("", "")
        if not line.strip():
            yield "", ""
    if value:
        yield value, comment.strip()


def head_comment(text: str) -> str:
    """The comment that begins a header, without the licence line."""
    lines = []
    for line in text.splitlines()[1:]:
        if not line.startswith("//"):
            break
        lines.append(line[2:].strip())
    return " ".join(lines)


def structures(text: str) -> str:
    """The structures of a header as they stand, for a reader who needs the layout."""
    return "\n\n".join(re.findall(r"^struct \w+ \{\n.*?\n\};", text, re.DOTALL | re.MULTILINE))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _calls(text: str) -> Iterator[str]:
    """Rows of the table of calls: name, arguments, result and meaning."""
    for value, comment in enum_values(text, "Call"):
        if value in ("kEnd", ""):
            continue
        parts = re.match(r"^(\([^)]*\))\s*(?:->\s*)?(.*)$", comment, re.DOTALL)
        arguments, rest = (parts[1], parts[2]) if parts else ("", comment)
        yield f"| `{value}` | {_cell(arguments)} | {_cell(rest)} |"


def _enum_table(text: str, name: str, head: str) -> list[str]:
    rows = [f"| `{value}` | {_cell(comment)} |" for value, comment in enum_values(text, name) if value and value != "kCount"]
    return [f"| {head} | |", "| --- | --- |", *rows, ""]


def kernel_interface() -> str:
    call, ring, objects = ((ABI / name).read_text() for name in ("call.h", "ring.h", "object.h"))
    error, thread = (ROOT / "base" / "error.h").read_text(), (ABI / "thread.h").read_text()
    lines = ["# The kernel's interface", "", "Generated from the headers in `abi/` by `./hati docs`; do not edit.", "",
             "## Objects", "", head_comment(objects), "", *_enum_table(objects, "ObjectType", "type"),
             "## Rights", "", "Per handle; they can only shrink. A call that needs a right which the handle lacks gives `kNoRight`.", "",
             *_enum_table(objects, "Rights", "right"),
             "## Calls", "", head_comment(call), "",
             "Every call that takes a handle can give `kBadHandle`, `kWrongType` and `kNoRight`; every call that takes a pointer `kBadAddress`;"
             " every call `kInvalidArgument`; one that creates or grows something `kNoMemory`.", "",
             "| call | arguments | result, meaning, other errors |", "| --- | --- | --- |", *_calls(call), "",
             "## Ring operations", "", head_comment(ring), "", *_enum_table(ring, "Operation", "operation"),
             *_enum_table(ring, "SubmissionFlags", "flag of a submission"),
             "## Errors", "", head_comment(error), "", *_enum_table(error, "Error", "error"),
             "## Supervised threads", "", head_comment(thread), "", *_enum_table(thread, "Trap", "trap"),
             "## Structures", "", "```cpp", structures(call), "", structures(ring), "", structures(thread), "```"]
    return "\n".join(lines) + "\n"


def linux_names() -> dict[int, str]:
    """Linux's own numbers, from the headers that Debian installs for its kernel."""
    found = re.findall(r"^#define __NR_(\w+) (\d+)$", LINUX_NUMBERS.read_text(), re.MULTILINE)
    return {int(number): name for name, number in found}


def implemented() -> dict[int, tuple[str, str]]:
    """number: (name, file of the table)."""
    return {int(number): (name, str(path.relative_to(ROOT)))
            for path in sorted([*LINUX_SERVER.rglob("*.def"), *LINUX_SERVER.rglob("*.cpp")])
            for number, name in _ENTRY.findall(path.read_text())}


def linux_coverage() -> str:
    names, have = linux_names(), implemented()
    missing = [name for number, name in sorted(names.items()) if number not in have]
    lines = ["# Coverage of Linux system calls", "",
             "Generated from the table of calls in `servers/linux/` and Linux's `asm/unistd_64.h` (Debian 12) by `./hati docs`; do not edit.", "",
             f"{len(have)} of Linux's {len(names)} system calls have a handler. The others answer `ENOSYS` and are logged once.",
             "What a handler leaves out stands in [limitations.md](limitations.md).", "",
             "| number | call | entered in |", "| --- | --- | --- |",
             *(f"| {number} | `{name}` | `{path}` |" for number, (name, path) in sorted(have.items())), "",
             "## Without a handler", "", ", ".join(f"`{name}`" for name in missing) + ".", ""]
    return "\n".join(lines)


PAGES = {"kernel-interface.md": kernel_interface, "linux-coverage.md": linux_coverage}


def outdated() -> list[str]:
    """The generated pages that are not what the code says."""
    def current(name: str) -> str:
        path = ROOT / "docs" / name
        return path.read_text() if path.exists() else ""
    return [name for name, make in PAGES.items() if current(name) != make()]


def command(_options) -> int:
    for name in outdated():
        (ROOT / "docs" / name).write_text(PAGES[name]())
        say(f"wrote docs/{name}")
    return 0


def add_parser(commands) -> None:
    parser = commands.add_parser("docs", help="write the generated pages of docs/",
                                 description="Writes docs/kernel-interface.md and docs/linux-coverage.md from the code.")
    parser.set_defaults(command=command)
