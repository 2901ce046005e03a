# SPDX-License-Identifier: MIT
"""The arithmetic of the benchmark's tables."""

import unittest

from hati import bench_report

VALUES = {"wall": {
    "linux": {"getppid": [100, 300, 200], "stat": [1000], "control-loop": [50],
              "control-loop-x1": [10], "control-loop-x2": [10], "parallel-fork-x1": [100], "parallel-fork-x2": [125]},
    "attached": {"getppid": [400], "stat": [500], "control-loop": [50], "only-here": [1]},
}}


class ReportTest(unittest.TestCase):
    def setUp(self):
        self.figures = bench_report.medians(VALUES["wall"])

    def test_median_of_rounds(self):
        self.assertEqual(self.figures["linux"]["getppid"], 200)

    def test_mean_of_ratios_is_geometric_and_leaves_controls_out(self):
        self.assertEqual(sorted(bench_report.ratios(self.figures, "attached", False)), [0.5, 2.0])
        self.assertAlmostEqual(bench_report.geometric_mean([0.5, 2.0]), 1.0)
        self.assertEqual(bench_report.ratios(self.figures, "attached", True), [1.0])

    def test_scaling_is_given_beside_the_loop(self):
        self.assertIn("1.60 times as much on 2 CPUs, 0.80 of the integer loop's 2.00", bench_report.scaling(self.figures))

    def test_rows_that_one_system_lacks_are_shown_as_missing(self):
        text = bench_report.report(VALUES)
        self.assertRegex(text, r"only-here +- +1.00 +-")
        self.assertRegex(text, r"getppid +200.00 +400.00 +2.00")
