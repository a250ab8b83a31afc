"""Statistics of a metric: the five simple ones, percentiles, and trimmed and winsorized ones.

The definitions are those of the user guide's page "CloudWatch statistics definitions". Where it leaves a choice, a
percentile is interpolated between neighbours, and a share of a sample that a boundary cuts counts in proportion.
"""

import re
from collections.abc import Callable, Sequence

from clary.store.metrics import Sample, Summary

Statistic = Callable[[Summary], float | None]

SIMPLE: dict[str, Callable[[Summary], float]] = {
    "SampleCount": lambda summary: summary.count,
    "Average": lambda summary: summary.sum / summary.count if summary.count else 0.0,
    "Sum": lambda summary: summary.sum,
    "Minimum": lambda summary: summary.minimum,
    "Maximum": lambda summary: summary.maximum,
}

_NUMBER = r"\d+(?:\.\d{1,10})?"
_PERCENTILE = re.compile(rf"p({_NUMBER})", re.IGNORECASE)
_SHORT = re.compile(rf"(tm|wm|tc|ts)({_NUMBER})", re.IGNORECASE)
_RANGE = re.compile(rf"(tm|wm|tc|ts|pr)\((?:({_NUMBER})(%?))?:(?:({_NUMBER})(%?))?\)", re.IGNORECASE)


def find_statistic(name: str) -> Statistic | None:
    """The statistic of a name, e.g. `Average`, `p99.9`, `tm90`, `WM(10%:90%)`, `PR(:300)`; None for what is none."""
    if name in SIMPLE:
        return SIMPLE[name]
    extended = _find_extended(name)
    return None if extended is None else lambda summary: _of_samples(summary, extended)


def percentile(samples: Sequence[Sample], percent: float) -> float:
    """The value below which so many percent lie, samples in order of value."""
    rank = (sum(count for _, count in samples) - 1) * percent / 100
    below = samples[0][0]
    seen = 0.0
    for value, count in samples:
        if seen + count - 1 >= rank:
            # Between the last of the smaller values and the first of these lies the interpolated stretch.
            return value if rank >= seen else below + (value - below) * (rank - seen + 1)
        seen += count
        below = value
    return samples[-1][0]


def _find_extended(name: str) -> Callable[[Sequence[Sample]], float | None] | None:
    if found := _PERCENTILE.fullmatch(name):
        percent = float(found[1])
        return None if percent > 100 else lambda samples: percentile(samples, percent)
    if name.upper() == "IQM":
        name = "TM(25%:75%)"
    if found := _SHORT.fullmatch(name):
        name = f"{found[1]}(0%:{found[2]}%)"
    found = _RANGE.fullmatch(name)
    if found is None or not (found[2] or found[4]):
        return None
    kind, low, low_unit, high, high_unit = found.groups()
    if low and high and low_unit != high_unit:
        return None
    in_percent = bool(low_unit or high_unit)
    if kind.lower() == "pr":
        return None if in_percent else lambda samples: _rank(samples, low, high)
    if in_percent and max(float(low or 0), float(high or 100)) > 100:
        return None
    compute = {"tm": _trimmed_mean, "tc": _trimmed_count, "ts": _trimmed_sum, "wm": _winsorized_mean}[kind.lower()]
    return lambda samples: compute(samples, low, high, in_percent)


def _of_samples(summary: Summary, extended: Callable[[Sequence[Sample]], float | None]) -> float | None:
    # As AWS says: not of a summary whose values are unknown, nor where a value is negative.
    if not summary.samples or summary.minimum < 0:
        return None
    return extended(sorted(sample for sample in summary.samples if sample[1] > 0))


def _kept(samples: Sequence[Sample], low: str | None, high: str | None, in_percent: bool) -> list[Sample]:
    """The samples between the boundaries: low exclusive, high inclusive."""
    if not in_percent:
        least, most = float(low) if low else float("-inf"), float(high) if high else float("inf")
        return [sample for sample in samples if least < sample[0] <= most]
    total = sum(count for _, count in samples)
    start, end = total * float(low or 0) / 100, total * float(high or 100) / 100
    kept = []
    seen = 0.0
    for value, count in samples:
        share = min(seen + count, end) - max(seen, start)
        if share > 0:
            kept.append((value, share))
        seen += count
    return kept


def _trimmed_count(samples: Sequence[Sample], low: str | None, high: str | None, in_percent: bool) -> float:
    return sum(count for _, count in _kept(samples, low, high, in_percent))


def _trimmed_sum(samples: Sequence[Sample], low: str | None, high: str | None, in_percent: bool) -> float:
    return sum(value * count for value, count in _kept(samples, low, high, in_percent))


def _trimmed_mean(samples: Sequence[Sample], low: str | None, high: str | None, in_percent: bool) -> float | None:
    kept = _kept(samples, low, high, in_percent)
    return sum(value * count for value, count in kept) / sum(count for _, count in kept) if kept else None


def _winsorized_mean(samples: Sequence[Sample], low: str | None, high: str | None, in_percent: bool) -> float | None:
    if in_percent:
        least, most = percentile(samples, float(low or 0)), percentile(samples, float(high or 100))
    else:
        least, most = float(low) if low else float("-inf"), float(high) if high else float("inf")
    total = sum(count for _, count in samples)
    return sum(min(max(value, least), most) * count for value, count in samples) / total


def _rank(samples: Sequence[Sample], low: str | None, high: str | None) -> float:
    inside = _trimmed_count(samples, low, high, in_percent=False)
    return 100 * inside / sum(count for _, count in samples)
