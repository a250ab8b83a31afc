"""ManifestFile and AugmentedManifestFile: lists of objects that are themselves an object."""

import json
from typing import Any

from clary.errors import ClientError

WANTED = 'a manifest is a JSON array: first {"prefix": "s3://bucket/..."}, then one or more strings'


def split_uri(uri: str) -> tuple[str, str]:
    """The bucket and the key (or prefix) of an s3:// URI."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ClientError(f'Data download failed:"{uri}" is not an S3 URI: s3://bucket/key is')
    return bucket, key


def read_manifest(data: bytes, uri: str) -> tuple[str, list[str]]:
    """The prefix and the suffixes that a manifest names."""
    try:
        content = json.loads(data)
    except ValueError as problem:
        raise _bad(uri, f"it is not JSON ({problem})") from None
    if not isinstance(content, list) or not content:
        raise _bad(uri, "it is not an array with elements" if not isinstance(content, list) else "it is empty")
    head, *suffixes = content
    if not isinstance(head, dict) or set(head) != {"prefix"} or not isinstance(head["prefix"], str):
        raise _bad(uri, f'its first element is {_shown(head)}, not {{"prefix": "s3://..."}}')
    if not head["prefix"].startswith("s3://"):
        raise _bad(uri, f"its prefix is {_shown(head['prefix'])}, not an S3 URI")
    if not suffixes:
        raise _bad(uri, "nothing follows its prefix")
    for place, suffix in enumerate(suffixes, 1):
        if not isinstance(suffix, str) or not suffix:
            raise _bad(uri, f"element {place} is {_shown(suffix)}, not a string")
    return head["prefix"], suffixes


def read_augmented(data: bytes, uri: str, attributes: list[str]) -> list[list[str | bytes]]:
    """A row for each JSON line, a cell for each attribute: an S3 URI (`*-ref`), or the value's bytes."""
    rows = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as problem:
            raise _bad_line(uri, number, f"it is not JSON ({problem})") from None
        if not isinstance(row, dict):
            raise _bad_line(uri, number, f"it is {_shown(row)}, not an object")
        rows.append([_cell(row, name, uri, number) for name in attributes])
    if not rows:
        raise ClientError(f"Data download failed:The augmented manifest {uri} has no lines")
    return rows


def _cell(row: dict[str, Any], attribute: str, uri: str, number: int) -> str | bytes:
    if attribute not in row:
        raise _bad_line(uri, number, f"it has no attribute {attribute!r}")
    value = row[attribute]
    if attribute.endswith("-ref"):
        if not isinstance(value, str) or not value.startswith("s3://"):
            raise _bad_line(uri, number, f"{attribute!r} is {_shown(value)}, not an S3 URI")
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _bad(uri: str, problem: str) -> ClientError:
    return ClientError(f"Data download failed:Unable to parse manifest {uri}: {problem}; {WANTED}")


def _bad_line(uri: str, number: int, problem: str) -> ClientError:
    return ClientError(f"Data download failed:Unable to parse augmented manifest {uri}, line {number}: {problem}")
