"""Names of objects: prefixes with expressions, `!{timestamp:yyyy/MM/dd}`, and what follows them."""

import re
import string
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from clary.delivery.java_time import check_pattern, format_time
from clary.errors import ClientError

_EXPRESSION = re.compile(r"!\{([^}:]*)(?::([^}]*))?\}?")
_DEFAULT = "!{timestamp:yyyy/MM/dd/HH}/"
_ERROR_TYPE = "!{firehose:error-output-type}"
_SIGNS = string.ascii_letters + string.digits
_KEYS = ("partitionKeyFromQuery", "partitionKeyFromLambda")


class Expression(NamedTuple):
    """One `!{namespace:value}`."""

    namespace: str
    value: str


def expressions_of(prefix: str) -> list[Expression]:
    """What a prefix asks for; ClientError names what it may not ask for."""
    found = []
    for match in _EXPRESSION.finditer(prefix):
        namespace, value = match[1], match[2]
        if not match[0].endswith("}") or not value:
            raise ClientError(f"{match[0]!r} in the prefix {prefix!r} is not of the form !{{namespace:value}}")
        if namespace == "timestamp":
            check_pattern(value)
        elif namespace == "firehose":
            if value not in ("random-string", "error-output-type"):
                raise ClientError(f"!{{firehose:{value}}} is neither random-string nor error-output-type")
        elif namespace not in _KEYS:
            raise ClientError(f"The namespace {namespace!r} in the prefix {prefix!r} is unknown")
        found.append(Expression(namespace, value))
    return found


def keys_of(prefix: str, namespace: str) -> list[str]:
    """The partition keys of one namespace that a prefix asks for."""
    return [found.value for found in expressions_of(prefix) if found.namespace == namespace]


def complete(prefix: str) -> str:
    """The prefix of data: without expressions, the hour follows it."""
    return prefix if expressions_of(prefix) else prefix + _DEFAULT


def complete_error(prefix: str, error_prefix: str) -> str:
    """The prefix of what failed: without expressions, the type of the error and the hour follow it."""
    chosen = error_prefix or prefix
    return chosen if expressions_of(chosen) else f"{chosen}{_ERROR_TYPE}/{_DEFAULT}"


def evaluate(
    prefix: str,
    moment: datetime,
    random_digits: Callable[[int], str],
    *,
    error_type: str = "",
    keys: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """The prefix with its expressions replaced; `keys` has the partition keys by namespace."""

    def value_of(match: re.Match[str]) -> str:
        namespace, value = match[1], match[2]
        if namespace == "timestamp":
            return format_time(value, moment)
        if namespace == "firehose":
            return error_type if value == "error-output-type" else _random_string(random_digits)
        return (keys or {})[namespace][value]

    return _EXPRESSION.sub(value_of, prefix)


def suffix(name: str, version: int, moment: datetime, identity: str, extension: str) -> str:
    """What follows the prefix: `<stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid><extension>`."""
    return f"{name}-{version}-{moment:%Y-%m-%d-%H-%M-%S}-{identity}{extension}"


def _random_string(random_digits: Callable[[int], str]) -> str:
    number, signs = int(random_digits(18), 16), []
    for _ in range(11):
        number, sign = divmod(number, len(_SIGNS))
        signs.append(_SIGNS[sign])
    return "".join(signs)
