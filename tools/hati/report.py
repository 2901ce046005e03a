# SPDX-License-Identifier: MIT
"""What test suites have in common: results, counting, and how they are shown."""

import enum
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass


class Verdict(enum.Enum):
    PASSED = "ok"
    FAILED = "not ok"
    SKIPPED = "skip"


@dataclass
class Result:
    """One test's outcome. A failure's reason may have several lines."""

    name: str
    verdict: Verdict
    reason: str = ""

    @staticmethod
    def failed(name: str, reason: str) -> "Result":
        return Result(name, Verdict.FAILED, reason)


class Suite:
    """A named group of tests. run() yields results as they come, so that progress can be shown."""

    name = ""
    about = ""

    def run(self, pattern: str) -> Iterator[Result]:
        """pattern is empty for all, else a shell glob on the test's name."""
        raise NotImplementedError


class Report:
    """Counts results and prints them: failures and what was left out at once, the rest as a number."""

    def __init__(self, verbose: bool):
        self.verbose = verbose
        self.live = sys.stdout.isatty() and not verbose
        self.counts = dict.fromkeys(Verdict, 0)
        self.failures: list[str] = []

    def run(self, suite: Suite, pattern: str) -> None:
        print(f"{suite.name}: {suite.about}", flush=True)
        before, start = dict(self.counts), time.monotonic()
        try:
            for result in suite.run(pattern):
                self._add(suite, result)
        except Exception as error:  # a suite that cannot run is a failure, and the next ones still run
            self._add(suite, Result.failed("(suite)", f"{type(error).__name__}: {error}"))
        ran = {verdict: self.counts[verdict] - before[verdict] for verdict in Verdict}
        self._clear()
        print(f"    {_numbers(ran)} ({time.monotonic() - start:.0f} s)", flush=True)

    def finish(self) -> int:
        """Prints the failures again and, last, the totals. The exit status: 0 if all went well."""
        if self.failures:
            print("\nfailed:")
            print("\n".join(f"    {line}" for line in self.failures))
        passed, failed = self.counts[Verdict.PASSED], self.counts[Verdict.FAILED]
        print(f"{passed} passed, {failed} failed", flush=True)
        return 0 if passed > 0 and failed == 0 else 1

    def _add(self, suite: Suite, result: Result) -> None:
        self.counts[result.verdict] += 1
        if result.verdict is Verdict.FAILED:
            self.failures.append(f"{suite.name}: {result.name}")
        if result.verdict is not Verdict.PASSED or self.verbose:
            self._clear()
            reason = result.reason.strip().replace("\n", "\n        ")
            print(f"    {result.verdict.value} {result.name}{': ' + reason if reason else ''}", flush=True)
        elif self.live:
            self._clear()
            print(f"    {sum(self.counts.values())} {result.name}"[:78], end="", flush=True)

    def _clear(self) -> None:
        if self.live:
            print("\r\x1b[K", end="")


def _numbers(counts: dict[Verdict, int]) -> str:
    text = f"{counts[Verdict.PASSED]} passed, {counts[Verdict.FAILED]} failed"
    return text + (f", {counts[Verdict.SKIPPED]} skipped" if counts[Verdict.SKIPPED] else "")
