# SPDX-License-Identifier: MIT
"""`hati check`: what to run before a commit. Format, structure, clang-tidy on changed files, host tests."""

import argparse
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import build, setup
from .common import BUILD, ROOT, TOOLS, Failure, output_of, run
from .report import Report, Result, Suite, Verdict
from .suite_host import HostSuite
from .suite_python import PythonSuite

_FORMATTED = {".h", ".cpp", ".c"}
_COMPILED = {".cpp", ".c"}


def _git(*words) -> list[str]:
    return output_of(["git", "-C", ROOT, *words]).splitlines()


def all_sources() -> list[Path]:
    names = _git("ls-files", "-co", "--exclude-standard")
    return [Path(name) for name in sorted(set(names)) if Path(name).suffix in _FORMATTED and (ROOT / name).is_file()]


def changed_sources(base: str | None) -> list[Path]:
    """Since `base`, or what is not committed yet, or else the last commit."""
    names = set(_git("diff", "--name-only", base or "HEAD") + _git("ls-files", "-o", "--exclude-standard"))
    changed = [path for path in all_sources() if str(path) in names]
    if not changed and base is None and len(_git("rev-list", "-n", "2", "HEAD")) == 2:
        return changed_sources("HEAD~1")
    return changed


def with_their_sources(changed: list[Path]) -> list[Path]:
    """Headers are looked at through the source of the same name."""
    found = {path if path.suffix in _COMPILED else path.with_suffix(".cpp") for path in changed}
    return sorted(path for path in found if (ROOT / path).exists())


class FormatSuite(Suite):
    name, about = "format", "clang-format-19"

    def run(self, pattern: str) -> Iterator[Result]:
        for path in all_sources():
            words = ["clang-format-19", "--dry-run", "-Werror", "--ferror-limit=3", str(path)]
            done = subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True)
            if done.returncode == 0:
                yield Result(str(path), Verdict.PASSED)
            else:
                yield Result.failed(str(path), "./hati check --fix formats it")


class TidySuite(Suite):
    name, about = "tidy", "clang-tidy-19 on changed files"

    def __init__(self, files: list[Path]):
        self.files = files

    def run(self, pattern: str) -> Iterator[Result]:
        databases = {path: folder for folder in (BUILD / "asan", BUILD) for path in _compiled_in(folder)}
        known = [path for path in self.files if ROOT / path in databases]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(lambda path: _tidy(path, databases[ROOT / path]), known)


def _compiled_in(folder: Path) -> list[Path]:
    database = folder / "compile_commands.json"
    return [Path(entry["file"]) for entry in json.loads(database.read_text())] if database.exists() else []


def _tidy(path: Path, folder: Path) -> Result:
    done = subprocess.run(["clang-tidy-19", "--quiet", "-p", str(folder), str(path)], check=False, cwd=ROOT,
                          capture_output=True, text=True)
    if done.returncode == 0:
        return Result(str(path), Verdict.PASSED)
    return Result.failed(str(path), done.stdout.strip() or done.stderr.strip())


def _fix() -> int:
    files = all_sources()
    if not files:
        raise Failure("there are no C++ sources")
    run(["clang-format-19", "-i", *files], cwd=ROOT)
    return 0


def _longest() -> int:
    """What a reader meets first: the longest files and functions, a list that is meant to shrink."""
    sys.path.insert(0, str(ROOT / "tests" / "structure"))
    import sources
    files = sorted(((len(sources.text(path).splitlines()), str(path)) for path in sources.code_files()), reverse=True)
    functions = sorted(((length, f"{path}:{line}: {head}"[:110]) for path in sources.code_files() if path.suffix != ".S"
                        for length, line, head in sources.functions(path)), reverse=True)
    for title, entries in ((f"{len(files)} files", files), (f"{len(functions)} functions", functions)):
        lengths = [length for length, _ in entries] or [0]
        print(f"{title}: median {statistics.median(lengths):.0f} lines, 90 % below {lengths[len(lengths) // 10] + 1}; the longest:")
        print("\n".join(f"  {length:5} {name}" for length, name in entries[:15]))
    return 0


def command(options) -> int:
    setup.ensure()
    if options.longest:
        return _longest()
    if options.fix:
        return _fix()
    build.build()
    report = Report(options.verbose)
    files = all_sources() if options.all else changed_sources(options.since)
    for suite in (FormatSuite(),
                  PythonSuite("tools", "unit tests of this command", TOOLS / "tests"),
                  PythonSuite("structure", "rules for the sources and the kernel image", ROOT / "tests" / "structure"),
                  HostSuite("asan", "unit tests on the host, AddressSanitizer and UndefinedBehaviorSanitizer"),
                  TidySuite(with_their_sources(files))):
        report.run(suite, "")
    return report.finish()


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "check", help="what to run before a commit: format, lint, fast tests",
        description="Checks the format, the structure of the sources, clang-tidy on the files that changed, and runs the\n"
                    "unit tests on the host. Changed means: not committed yet, or else in the last commit.",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fix", action="store_true", help="format the sources instead of checking")
    parser.add_argument("--longest", action="store_true", help="list the longest files and functions")
    parser.add_argument("--since", metavar="COMMIT", help="what changed since this commit")
    parser.add_argument("--all", action="store_true", help="clang-tidy on all files (minutes)")
    parser.add_argument("-v", "--verbose", action="store_true", help="print a line for each test")
    parser.set_defaults(command=command)
