# SPDX-License-Identifier: MIT
"""Unit tests on the host: GoogleTest programs that ctest runs, built with a sanitizer."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

from . import build
from .report import Result, Suite, Verdict


class HostSuite(Suite):
    """One preset. Each program is a ctest test; its cases are counted from GoogleTest's JSON report."""

    def __init__(self, preset: str, about: str):
        self.name, self.about, self.preset = f"host-{preset}", about, preset

    def run(self, pattern: str) -> Iterator[Result]:
        folder = build.build(self.preset)
        reports = folder / "reports"
        shutil.rmtree(reports, ignore_errors=True)
        environment = {**os.environ, "GTEST_OUTPUT": f"json:{reports}/", "GTEST_FILTER": pattern or "*"}
        words = ["ctest", "--test-dir", folder, "-j", str(os.cpu_count()), "--output-on-failure", "--no-tests=error"]
        done = subprocess.run([str(word) for word in words], check=False, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        (folder / "ctest.log").write_text(done.stdout)
        explained = set()  # programs whose failing cases are known by name
        for report in sorted(reports.glob("*.json")):
            for result in _read(json.loads(report.read_text())):
                if result.verdict is Verdict.FAILED:
                    explained.add(report.stem)
                yield result
        failed = re.findall(r"^\s*\d+ - (\S+) \(", done.stdout.partition("The following tests FAILED")[2], re.MULTILINE)
        for name in failed:
            if name not in explained:  # it crashed, hung, or a sanitizer spoke at its end
                yield Result.failed(name, f"{_output(done.stdout, name)}\nsee {folder}/ctest.log")
        if done.returncode != 0 and not failed:
            yield Result.failed("(ctest)", _tail(done.stdout))


def _read(report: dict) -> Iterator[Result]:
    for suite in report.get("testsuites", []):
        for case in suite.get("testsuite", []):
            name = f"{suite['name']}.{case['name']}"
            if case.get("failures"):
                yield Result.failed(name, "\n".join(failure["failure"] for failure in case["failures"]))
            elif case.get("result") == "SKIPPED":
                yield Result(name, Verdict.SKIPPED)
            elif case.get("status") == "RUN":
                yield Result(name, Verdict.PASSED)


def _output(log: str, name: str) -> str:
    """What a program printed, from the log in which ctest shows the failing ones."""
    part = re.search(rf"Test +#\d+: {re.escape(name)} \.+.*\n((?:.*\n)*?)(?=\s*Start +\d+:|\s*\d+/\d+ Test|\s*\d+% tests)", log)
    text = part[1] if part else log
    report = re.search(r"^.*(?:ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error:)(?:.*\n){0,30}", text, re.MULTILINE)
    return report[0] if report else _tail(text)


def _tail(output: str) -> str:
    return "\n".join(output.splitlines()[-60:])
