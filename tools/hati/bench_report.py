# SPDX-License-Identifier: MIT
"""Tables of what `hati bench` measured: medians, ratios to Linux, geometric means, scaling."""

import math
import statistics

TITLES = {
    "icount": "Instructions (1 CPU, --icount: 1 ns = 1 instruction), per operation",
    "wall": "Wall time (2 CPUs), ns per operation, median of the rounds",
    "disk": "An ext4 root on a virtio disk (2 CPUs), wall time, ns per operation, median of the rounds",
    "debian": "Debian on a disk (2 CPUs), seconds, median of the rounds",
    "boot": "Boot and memory (1 CPU, 512 MiB), median of the rounds",
}
REFERENCE = "linux"


def is_control(row: str) -> bool:
    return row.startswith("control-")


def medians(measured: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    return {system: {row: statistics.median(values) for row, values in rows.items()} for system, rows in measured.items()}


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values)) if values else math.nan


def ratios(figures: dict[str, dict[str, float]], system: str, controls: bool) -> list[float]:
    """System to Linux, for the rows that both have."""
    mine, theirs = figures.get(system, {}), figures.get(REFERENCE, {})
    return [mine[row] / theirs[row] for row in theirs if row in mine and theirs[row] > 0 and mine[row] > 0 and is_control(row) == controls]


def table(figures: dict[str, dict[str, float]]) -> str:
    """One line a row: each system's figure, and for all but Linux the ratio to it."""
    systems = list(figures)
    rows = list(dict.fromkeys(row for system in systems for row in figures[system]))
    head = f"{'':30}" + "".join(f"{system:>14}{'' if system == REFERENCE else '   ratio':8}" for system in systems)
    lines = [head.rstrip()]
    for row in sorted(rows, key=is_control):
        line = f"{row:30}"
        for system in systems:
            line += _cell(figures, system, row)
        lines.append(line.rstrip())
    return "\n".join(lines)


def _cell(figures: dict[str, dict[str, float]], system: str, row: str) -> str:
    value, reference = figures[system].get(row), figures.get(REFERENCE, {}).get(row)
    text = f"{'-':>14}" if value is None else f"{value:>14,.{0 if value >= 1000 else 2}f}"
    if system == REFERENCE:
        return text + " " * 8
    return text + (f"{value / reference:8.2f}" if value is not None and reference else f"{'-':>8}")


def means(figures: dict[str, dict[str, float]]) -> str:
    lines = []
    for system in figures:
        if system != REFERENCE and REFERENCE in figures:
            plain, control = ratios(figures, system, False), ratios(figures, system, True)
            lines.append(f"geometric mean of {len(plain)} ratios, {system} to Linux: {geometric_mean(plain):.2f}"
                         f"   (control rows: {geometric_mean(control):.2f})")
    return "\n".join(lines)


def scaling(figures: dict[str, dict[str, float]]) -> str:
    """How much more two processes on two CPUs get done than one, beside the integer loop in the same run."""
    lines = []
    for system, rows in figures.items():
        speedups = {row.removesuffix("-x1"): 2 * value / rows[row.removesuffix("1") + "2"] for row, value in rows.items()
                    if row.endswith("-x1") and row.removesuffix("1") + "2" in rows}
        control = speedups.pop("control-loop", None)
        for name, speedup in speedups.items():
            relative = f", {speedup / control:.2f} of the integer loop's {control:.2f}" if control else ""
            lines.append(f"{system:10} {name:20} {speedup:.2f} times as much on 2 CPUs{relative}")
    return "\n".join(lines)


def report(values: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    parts = []
    for kind, measured in values.items():
        figures = medians(measured)
        parts += [TITLES[kind], "", table(figures), ""]
        if kind not in ("boot", "debian"):
            parts += [means(figures), ""]
        if kind == "wall":
            parts += [scaling(figures), ""]
    return "\n".join(parts)
