# SPDX-License-Identifier: MIT
"""The source files of the repository, and a rough measure of their functions, for the structure tests."""

import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hati.common import ROOT

CODE = {".h", ".cpp", ".S", ".c"}
_STRING_OR_COMMENT = re.compile(r'R"\w*\((?:.|\n)*?\)\w*"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*(?:.|\n)*?\*/')
_DIGIT_SEPARATOR = re.compile(r"(?<=[0-9A-Fa-f])'(?=[0-9A-Fa-f])")
_NOT_A_FUNCTION = re.compile(r"^\s*(?:\}\s*)?(?:namespace|class|struct|union|enum|if|else|for|while|switch|do|catch|return|concept)\b|"
                             r"extern\s+\"?\s*\"?\s*\{|=\s*\{\s*$|^\s*#")


@functools.cache
def files() -> list[Path]:
    """What git tracks or would track, relative to the root."""
    words = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    return [Path(name) for name in sorted(set(names)) if (ROOT / name).is_file()]


def code_files() -> list[Path]:
    return [path for path in files() if path.suffix in CODE]


def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def is_test(path: Path) -> bool:
    return bool({"tests", "testing"} & set(path.parts)) or path.stem.endswith("_test")


def functions(path: Path) -> Iterator[tuple[int, int, str]]:
    """(length in lines, first line, its text) of what looks like a function: `...) ... {` to the matching brace."""
    def blank(match: re.Match) -> str:
        return "\n" * match[0].count("\n")
    lines = _STRING_OR_COMMENT.sub(blank, _DIGIT_SEPARATOR.sub("", text(path))).splitlines()
    depth, start, level = 0, None, 0
    for number, line in enumerate(lines, 1):
        before = depth
        depth += line.count("{") - line.count("}")
        if start is None:
            opens = depth > before and ")" in _statement(lines, number)
            if opens and not _NOT_A_FUNCTION.search(_statement(lines, number)):
                start, level = number, before
        elif depth <= level:
            yield number - start + 1, start, lines[start - 1].strip()
            start = None


def _statement(lines: list[str], number: int) -> str:
    """The line that opens a block, with the ones before that belong to the same declaration."""
    first = number - 1
    while first > 0 and number - first < 8 and not re.search(r"[;{}]\s*$|^\s*$|^\s*(public|private|protected)\s*:|^\s*#", lines[first - 1]):
        first -= 1
    statement = " ".join(lines[first:number]).strip()
    for _ in range(4):  # template <...>, innermost first
        statement = re.sub(r"<[^<>]*>", "", statement)
    return re.sub(r"^(?:template\s*)+", "", statement)
