# SPDX-License-Identifier: MIT
"""How outputs of workloads are cut out of a console and compared."""

import unittest

from hati import suite_workload
from hati.report import Verdict
from hati.suite_workload import judge, normalise, sections


class Sections(unittest.TestCase):
    def test_output_and_status_by_line(self):
        console = "boot\r\n@@@ 3\r\nhello\r\n\r\n@@= 0\r\n@@@ 5\r\nno end"
        self.assertEqual(sections(console), {3: ("hello\n", "0")})

    def test_packages(self):
        self.assertEqual(suite_workload.packages_of("# about\n# packages: gcc make\nx"), ("gcc", "make"))
        self.assertEqual(suite_workload.packages_of("x"), ())


class Judge(unittest.TestCase):
    def verdict(self, line, linux, hati):
        return judge("name", line, linux, hati).verdict

    def test_everything_counts(self):
        self.assertIs(self.verdict("x", ("a", "0"), ("a", "0")), Verdict.PASSED)
        self.assertIs(self.verdict("x", ("a", "0"), ("b", "0")), Verdict.FAILED)
        self.assertIs(self.verdict("x", ("a", "0"), ("a", "1")), Verdict.FAILED)
        self.assertIs(self.verdict("x", ("a", "0"), None), Verdict.FAILED)

    def test_numbers_do_not_count(self):
        self.assertIs(self.verdict("x #~", ("a  12", "0"), ("a 7.5", "0")), Verdict.PASSED)
        self.assertIs(self.verdict("x #~", ("a 12", "0"), ("b 12", "0")), Verdict.FAILED)

    def test_only_the_status_counts(self):
        self.assertIs(self.verdict("x #=", ("a", "0"), ("b", "0")), Verdict.PASSED)

    def test_processes_of_bash(self):
        self.assertEqual(normalise("bash: line 1:    42 Killed\n[1] 43\n", False), normalise("bash: line 1:   199 Killed\n[1] 7\n", False))
