"""Whose delivery stream it is."""

from typing import NamedTuple


class Scope(NamedTuple):
    """An account and a region."""

    account: str
    region: str
