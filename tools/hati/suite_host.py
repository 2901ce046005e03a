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
        failing_cases = 0
        for report in sorted(reports.glob("*.json")):
            for result in _read(json.loads(report.read_text())):
                failing_cases += result.verdict is Verdict.FAILED
                yield result
        if done.returncode != 0 and failing_cases == 0:
            yield Result.failed(_failed_programs(done.stdout), f"see {folder}/ctest.log\n{_tail(done.stdout)}")


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


def _failed_programs(output: str) -> str:
    names = re.findall(r"^\s*\d+ - (\S+) \(", output, re.MULTILINE)
    return " ".join(names) or "(ctest)"


def _tail(output: str) -> str:
    return "\n".join(output.splitlines()[-60:])
