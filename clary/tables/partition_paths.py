"""The folders of partitions, `year=2026/city=S%C3%A3o`, and what they say."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

NULL = "__HIVE_DEFAULT_PARTITION__"

_ESCAPED = frozenset([*map(chr, range(32)), "\x7f", *"\"#%'*/:=?\\{[]^"])


def escape(value: str) -> str:
    """A name or value as Hive writes it into a path: what would mean something there becomes %XX; NULL if empty.

    Source: Hive's `FileUtils.escapePathName`.
    """
    return "".join(f"%{ord(sign):02X}" if sign in _ESCAPED else sign for sign in value) or NULL


def folder_of(names: Iterable[str], values: Iterable[str | None]) -> str:
    """`a=1/b=2`, without a slash at its end; None is Hive's null."""
    pairs = zip(names, values, strict=True)
    return "/".join(f"{escape(name)}={NULL if value is None else escape(value)}" for name, value in pairs)


def parse_folder(folder: str) -> tuple[str, str | None] | None:
    """The name and value that one folder `name=value` stands for; None where it is no such folder."""
    name, sign, value = folder.partition("=")
    if not sign or not name:
        return None
    return unquote(name), None if value == NULL else unquote(value)
