# SPDX-License-Identifier: MIT
"""The counting that decides whether a test run passed."""

import contextlib
import io
import unittest

from hati import suite_guest
from hati.report import Report, Result, Suite, Verdict


class Fixed(Suite):
    name, about = "fixed", "results that were made up"

    def __init__(self, results):
        self.results = results

    def run(self, pattern):
        for result in self.results:
            if isinstance(result, Exception):
                raise result
            yield result


def shown(*results) -> tuple[int, list[str]]:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        report = Report(verbose=False)
        report.run(Fixed(results), "")
        status = report.finish()
    return status, output.getvalue().splitlines()


def outcome(*results) -> tuple[int, str]:
    status, lines = shown(*results)
    return status, lines[-1]


class ReportTest(unittest.TestCase):
    def test_all_passed(self):
        self.assertEqual(outcome(Result("a", Verdict.PASSED)), (0, "1 passed, 0 failed"))

    def test_one_failure_fails_the_run(self):
        self.assertEqual(outcome(Result("a", Verdict.PASSED), Result.failed("b", "why")), (1, "1 passed, 1 failed"))

    def test_nothing_ran_is_a_failure(self):
        self.assertEqual(outcome(), (1, "0 passed, 0 failed"))
        self.assertEqual(outcome(Result("a", Verdict.SKIPPED)), (1, "0 passed, 0 failed"))

    def test_what_is_left_out_is_said(self):
        self.assertIn("    skip a: no network", shown(Result("a", Verdict.SKIPPED, "no network"))[1])

    def test_a_suite_that_breaks_is_a_failure(self):
        self.assertEqual(outcome(Result("a", Verdict.PASSED), OSError("gone")), (1, "1 passed, 1 failed"))


class GuestLineTest(unittest.TestCase):
    def parsed(self, line: str):
        match = suite_guest._LINE.match(line)
        return match and (match[1], match[2], match[3])

    def test_lines_of_the_runner(self):
        self.assertEqual(self.parsed("ok a/b"), ("ok", "a/b", None))
        self.assertEqual(self.parsed("ok a/b  # 4100 ms"), ("ok", "a/b", "# 4100 ms"))
        self.assertEqual(self.parsed("not ok a/b: x.cpp:3: got 1: 2"), ("not ok", "a/b", "x.cpp:3: got 1: 2"))
        self.assertEqual(self.parsed("skip a/b: no disk"), ("skip", "a/b", "no disk"))

    def test_other_lines_are_no_results(self):
        for line in ("okay then", "[    1.0] ok a", "tests: 1 passed, 0 failed, 0 skipped", "# note"):
            self.assertIsNone(self.parsed(line), line)
