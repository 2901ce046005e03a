# SPDX-License-Identifier: MIT
"""Rules that every source file keeps: licence line, rooms, lengths."""

import re
import unittest

import sources
from hati import docs

# Which rooms a room may include; each may include itself. The arrows of docs/architecture.md.
MAY_INCLUDE = {
    "base": set(),
    "abi": {"base"},
    "kernel": {"abi", "base"},
    "runtime": {"abi", "base"},
    "protocols": {"runtime", "abi", "base"},
    "servers": {"protocols", "runtime", "abi", "base"},
    "drivers": {"protocols", "runtime", "abi", "base"},
    "hosted": {"runtime", "abi", "base"},
}
# Headers of the C++ library that need an allocator, an operating system or exceptions.
NOT_IN_THE_KERNEL = re.compile(r"#include <(deque|filesystem|format|forward_list|fstream|functional|future|iostream|list|locale|map|mutex|"
                               r"print|queue|regex|set|shared_mutex|sstream|stack|string|thread|unordered_map|unordered_set|vector)>")
LINE_MAX = 160
FILE_MAX, FUNCTION_MAX, TEST_FUNCTION_MAX = 450, 70, 120
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)#\s]+)[^)]*\)")
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def none_of(test: unittest.TestCase, wrong: list[str], what: str = "") -> None:
    if wrong:
        test.fail("\n".join([what] * bool(what) + wrong))


class RoomTest(unittest.TestCase):
    def test_includes_point_down_only(self):
        wrong = []
        for path in sources.code_files():
            room = path.parts[0]
            if room not in MAY_INCLUDE:
                continue
            allowed = MAY_INCLUDE[room] | {room} | ({"hosted", "protocols", "tests"} if sources.is_test(path) else set())
            for name in _INCLUDE.findall(sources.text(path)):
                target = name.split("/")[0]
                if ".." in name.split("/") or (target in MAY_INCLUDE and target not in allowed):
                    wrong.append(f"{path} includes {name}")
        none_of(self, wrong)

    def test_servers_and_drivers_do_not_include_each_other(self):
        """But for folders that are libraries: those have no main.cpp."""
        wrong = []
        libraries = {path.parts[:2] for path in sources.code_files()} - {path.parts[:2] for path in sources.code_files() if path.name == "main.cpp"}
        for path in sources.code_files():
            if path.parts[0] not in ("servers", "drivers") or sources.is_test(path):
                continue
            for name in _INCLUDE.findall(sources.text(path)):
                parts = name.split("/")
                library = parts[0] == path.parts[0] and tuple(parts[:2]) in libraries
                if parts[0] in ("servers", "drivers") and parts[:2] != list(path.parts[:2]) and not library:
                    wrong.append(f"{path} includes {name}")
        none_of(self, wrong)

    def test_kernel_uses_freestanding_headers(self):
        wrong = [f"{path}: {match[0]}" for path in sources.code_files() if path.parts[0] in ("base", "abi", "kernel")
                 and not sources.is_test(path) for match in NOT_IN_THE_KERNEL.finditer(sources.text(path))]
        none_of(self, wrong)

    def test_every_room_says_what_lives_there(self):
        rooms = {path.parts[0] for path in sources.code_files()} & (set(MAY_INCLUDE) | {"tests"})
        missing = [room for room in sorted(rooms) if not (sources.ROOT / room / "README.md").exists()]
        none_of(self, missing, "rooms without a README.md")


class TextTest(unittest.TestCase):
    def test_licence_line_comes_first(self):
        suffixes = sources.CODE | {".py", ".sh", ".lds"}
        wrong = [str(path) for path in sources.files() if path.suffix in suffixes
                 and "SPDX-License-Identifier: MIT" not in "\n".join(sources.text(path).splitlines()[:2])]
        none_of(self, wrong, "no SPDX line at the top")

    def test_headers_are_included_once(self):
        wrong = [str(path) for path in sources.code_files() if path.suffix == ".h" and "#pragma once" not in sources.text(path)]
        none_of(self, wrong, "headers without #pragma once")

    def test_lines_are_not_too_long(self):
        wrong = [f"{path}:{number}: {len(line)}" for path in sources.code_files()
                 for number, line in enumerate(sources.text(path).splitlines(), 1) if len(line) > LINE_MAX]
        none_of(self, wrong, f"longer than {LINE_MAX} columns")

    def test_no_tabs_and_no_trailing_space(self):
        wrong = [f"{path}:{number}" for path in sources.code_files() if path.suffix != ".S"
                 for number, line in enumerate(sources.text(path).splitlines(), 1) if "\t" in line or line != line.rstrip()]
        none_of(self, wrong, "tab or trailing space")

    def test_files_are_not_too_long(self):
        lengths = {path: len(sources.text(path).splitlines()) for path in sources.code_files()}
        wrong = [f"{path}: {length} lines" for path, length in lengths.items() if length > FILE_MAX]
        none_of(self, wrong, f"longer than {FILE_MAX} lines")

    def test_functions_fit_a_screen(self):
        wrong = [f"{path}:{line}: {length} lines: {head}" for path in sources.code_files() if path.suffix != ".S"
                 for length, line, head in sources.functions(path)
                 if length > (TEST_FUNCTION_MAX if sources.is_test(path) else FUNCTION_MAX)]
        none_of(self, wrong, f"longer than {FUNCTION_MAX} lines")


class DocumentationTest(unittest.TestCase):
    def test_generated_pages_say_what_the_code_says(self):
        none_of(self, docs.outdated(), "run ./hati docs; outdated:")

    def test_links_between_pages_lead_somewhere(self):
        pages = [path for path in sources.files() if path.suffix == ".md"]
        wrong = [f"{page}: {target}" for page in pages for target in _LINK.findall(sources.text(page))
                 if "://" not in target and not (sources.ROOT / page.parent / target).exists()]
        none_of(self, wrong, "links to nothing")


class MeasureTest(unittest.TestCase):
    """The measuring itself, on a source that is known."""

    def test_function_lengths(self):
        found = list(sources.functions(sources.Path("tests/structure/sample.txt")))
        self.assertEqual([(length, line) for length, line, _ in found], [(3, 7), (5, 13), (4, 23)])
