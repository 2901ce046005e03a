# SPDX-License-Identifier: MIT
"""Suites of Python unittest cases: the tool itself, the structure of the sources, the booted system."""

import fnmatch
import os
import queue
import sys
import threading
import unittest
from collections.abc import Iterator
from pathlib import Path

from .common import Failure
from .report import Result, Suite, Verdict


class PythonSuite(Suite):
    """All test_*.py below a folder. Tests that boot something read HATI_TEST_KERNEL."""

    def __init__(self, name: str, about: str, folder: Path, kernel: str = ""):
        self.name, self.about, self.folder, self.kernel = name, about, folder, kernel

    def run(self, pattern: str) -> Iterator[Result]:
        os.environ["HATI_TEST_KERNEL"] = self.kernel
        for path in self.folder.glob("*.py"):
            sys.modules.pop(path.stem, None)  # it may have been loaded for the other kernel
        found = unittest.TestLoader().discover(str(self.folder), top_level_dir=str(self.folder))
        chosen = unittest.TestSuite(test for test in _cases(found) if _matches(test, pattern))
        results: queue.Queue = queue.Queue()
        collector = _Collector(results)
        thread = threading.Thread(target=lambda: (chosen.run(collector), results.put(None)), daemon=True)
        thread.start()
        while result := results.get():
            yield result
        thread.join()


def _cases(suite) -> Iterator[unittest.TestCase]:
    for entry in suite:
        if isinstance(entry, unittest.TestSuite):
            yield from _cases(entry)
        else:
            yield entry


def _name(test) -> str:
    """Class.test_method, or what unittest says of a class or module that could not be set up."""
    return ".".join(test.id().split(".")[-2:])


def _matches(test, pattern: str) -> bool:
    return not pattern or fnmatch.fnmatch(_name(test), pattern) or pattern in _name(test)


class _Collector(unittest.TestResult):
    """Turns unittest's calls into Results."""

    def __init__(self, results: queue.Queue):
        super().__init__()
        self._results = results

    def addSuccess(self, test):
        self._results.put(Result(_name(test), Verdict.PASSED))

    def addSkip(self, test, reason):
        self._results.put(Result(_name(test), Verdict.SKIPPED, reason))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._results.put(Result.failed(_name(test), str(err[1])))

    def addError(self, test, err):
        super().addError(test, err)
        reason = str(err[1]) if isinstance(err[1], Failure) else self._exc_info_to_string(err, test)
        self._results.put(Result.failed(_name(test), reason))

    def addSubTest(self, test, subtest, err):
        if err:
            self._results.put(Result.failed(f"{_name(test)} {subtest._subDescription()}", str(err[1])))
