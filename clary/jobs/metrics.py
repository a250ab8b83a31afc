"""Metrics from log lines, by the regular expressions that a job declares."""

import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import regex

from clary.durable import write_quickly
from clary.errors import ValidationException
from clary.jobs.host import Host, Scope
from clary.jobs.journal import read_small
from clary.jobs.spec import JobSpec, MetricSpec
from clary.store.metrics import Datum

SCRAPED = 16_384
"""Characters of an event that are searched: a pattern with two `.*` takes the square of it."""
SEARCH_SECONDS = 0.5
"""What a pattern may take for them: one with repetitions inside each other would take for ever."""

Pattern = Any  # regex has no types

log = logging.getLogger(__name__)


class TooSlow(Exception):
    """A pattern takes too long; the argument is its metric."""


def compile_patterns(metrics: Sequence[MetricSpec]) -> list[tuple[str, Pattern]]:
    """The metrics' names and patterns; ValidationException names one that is no regular expression."""
    compiled = []
    for metric in metrics:
        try:
            compiled.append((metric.name, regex.compile(metric.pattern)))
        except regex.error as problem:
            raise ValidationException(
                f"The regex of metric {metric.name!r} can't be used: {problem}: {metric.pattern!r}"
            ) from None
    return compiled


def find_values(patterns: Sequence[tuple[str, Pattern]], line: str) -> list[tuple[str, float]]:
    """The metrics in a line: for each pattern the number in its first group (or in all of its match); TooSlow."""
    found = []
    for name, pattern in patterns:
        try:
            match = pattern.search(line, 0, SCRAPED, timeout=SEARCH_SECONDS, concurrent=True)
        except TimeoutError:
            raise TooSlow(name) from None
        if match is None:
            continue
        try:
            value = float(match.group(1) if pattern.groups else match.group())
        except (TypeError, ValueError):
            continue
        if math.isfinite(value):
            found.append((name, value))
    return found


class Scraper:
    """Puts a job's metrics as they come and remembers the last of each, after a restart too."""

    def __init__(self, host: Host, spec: JobSpec, memory: Path) -> None:
        self._host = host
        self._scope = Scope(spec.account, spec.region)
        self._namespace = spec.metric_namespace
        self._dimensions = spec.metric_dimensions or {"TrainingJobName": spec.name}
        self._patterns = compile_patterns(spec.metrics)
        self._names = [name for name, _ in self._patterns]
        self._memory = memory
        self._last: dict[str, tuple[float, float]] = {}
        if data := read_small(memory):
            self._last = msgspec.json.decode(data, type=dict[str, tuple[float, float]])

    def scan(self, lines: Sequence[str], time: float, source: str) -> None:
        """Put what the lines hold; the same source must bring the same lines first."""
        found = [pair for line in lines for pair in self._find(line)] if self._patterns else []
        if not found:
            return
        data = [Datum(name=name, dimensions=self._dimensions, value=value, timestamp=time) for name, value in found]
        self._host.put_metrics(self._scope, self._namespace, data, source)
        self._last.update({name: (value, time) for name, value in found})
        with suppress(OSError):  # a full disk costs a restarted server the list of last values, not the metrics
            write_quickly(self._memory, msgspec.json.encode(self._last))

    def _find(self, line: str) -> list[tuple[str, float]]:
        """The metrics in a line; a pattern that takes too long is given up, and the job's other metrics go on."""
        try:
            return find_values(self._patterns, line)
        except TooSlow as slow:
            log.warning(
                "the regex of metric %s takes more than %g s on a line and is searched for no more",
                slow,
                SEARCH_SECONDS,
            )
            self._patterns = [pair for pair in self._patterns if pair[0] != str(slow)]
            return self._find(line)

    def final(self) -> list[dict[str, Any]]:
        """FinalMetricDataList: the last value of each metric, in the order of the definitions."""
        return [
            {"MetricName": name, "Value": self._last[name][0], "Timestamp": self._last[name][1]}
            for name in self._names
            if name in self._last
        ]
