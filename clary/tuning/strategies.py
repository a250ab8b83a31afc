"""What to try next: a function of the seed, the trial's number and what is known, so that a restart changes nothing."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clary.tuning.ranges import Categorical, Space


@dataclass(frozen=True)
class Known:
    """A trial: its values, and its cost (the lower the better); None while it runs."""

    values: dict[str, Any]
    cost: float | None = None


def suggest(strategy: str, space: Space, *, seed: int, number: int, known: Sequence[Known] = ()) -> dict[str, Any]:
    """The values for the trial of this number, from 0.

    strategy: Random, Grid, Bayesian, or Hyperband, which draws as Random does and differs in when it stops
    known: the other trials of this space, failed ones left out; only Bayesian asks
    """
    if strategy == "Grid":
        return _combination(space, number)
    if strategy == "Bayesian":
        from clary.tuning.bayesian import improve

        return improve(space, seed, number, known)
    return draw(space, seed, number)


def draw(space: Space, seed: int, number: int, attempt: int = 0) -> dict[str, Any]:
    """Values at random places."""
    generator = random.Random(f"{seed} {number} {attempt}")
    return space.at([generator.random() for _ in space])


def _combination(space: Space, number: int) -> dict[str, Any]:
    """The n-th of all combinations; the last range changes fastest."""
    values: dict[str, Any] = {}
    for row in reversed(space.ranges):
        assert isinstance(row, Categorical)
        number, place = divmod(number, len(row.values))
        values[row.name] = row.values[place]
    return {row.name: values[row.name] for row in space}
