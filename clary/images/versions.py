"""Which of the versions that a package index has comes closest to the one asked for."""

import re
from collections.abc import Sequence

_FINAL = re.compile(r"\d+(\.\d+)*(\.post\d+)?")


def parse(version: str) -> tuple[int, ...]:
    """A version to compare with others: 1.2.1 -> (1, 2, 1); a local part (+cpu) plays no role."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def nearest(wanted: str, available: Sequence[str]) -> str:
    """The version itself, else the nearest newer, else the nearest older one; empty where none is available."""
    final = [version for version in available if _FINAL.fullmatch(version)]
    if wanted in final:
        return wanted
    newer = [version for version in final if parse(version) > parse(wanted)]
    older = [version for version in final if parse(version) <= parse(wanted)]
    return min(newer, key=parse) if newer else max(older, key=parse, default="")
