"""Conditions in filter patterns: comparisons joined by && and ||, with parentheses."""

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import regex

from clary.services.logs.errors import InvalidParameterException

Condition = Callable[[Any], bool]
Selector = Callable[[Any], Any]

SEARCH_SECONDS = 0.5

_TOKEN = re.compile(
    r"""\s*(\(|\)|&&|\|\||<=|>=|!=|=!|=|<|>|"(?:[^"\\]|\\.)*"|%[^%]+%|\$(?:[.][\w-]+|\[\d+\]|\["[^"]*"\])*|[^\s()&|<>=!"%,]+)"""
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse_condition(text: str, selector: Callable[[str], Selector]) -> Condition:
    """The condition that a text stands for; `selector` makes out of a name what looks a value up."""
    parser = _Parser(text, selector)
    condition = parser.either()
    if parser.peek():
        raise _invalid(text)
    return condition


def parse_fields(text: str) -> tuple[list[str], Condition]:
    """The names of a space-delimited pattern's fields ("..." for any number of them) and its condition.

    The text is what stands between the brackets, e.g. `ip, ..., status = 4* && status != 404, bytes`.
    """
    names: list[str] = []
    conditions: list[Condition] = []
    for number, field in enumerate(_split(text)):
        name = re.match(r"\s*(\.\.\.|…|[\w.$-]*)\s*", field)
        assert name
        if name.end() < len(field):
            conditions.append(parse_condition(field, lambda wanted: lambda values: values[wanted]))
        # A field without a name still counts as one.
        names.append({"…": "..."}.get(name[1], name[1]) or f"${number + 1}")
    if names.count("...") > 1 or len(set(names)) != len(names):
        raise _invalid(f"[{text}]")
    return names, lambda values: all(condition(values) for condition in conditions)


class _Parser:
    """Recursive descent: || binds loosest, then &&, then parentheses."""

    def __init__(self, text: str, selector: Callable[[str], Selector]) -> None:
        self._text = text
        self._selector = selector
        self._tokens = list(_tokens(text))
        self._next = 0

    def peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def take(self) -> str:
        token = self.peek()
        if not token:
            raise _invalid(self._text)
        self._next += 1
        return token

    def either(self) -> Condition:
        choices = [self.both()]
        while self.peek() == "||":
            self.take()
            choices.append(self.both())
        return lambda values: any(choice(values) for choice in choices)

    def both(self) -> Condition:
        parts = [self.single()]
        while self.peek() == "&&":
            self.take()
            parts.append(self.single())
        return lambda values: all(part(values) for part in parts)

    def single(self) -> Condition:
        if self.peek() == "(":
            self.take()
            inner = self.either()
            if self.take() != ")":
                raise _invalid(self._text)
            return inner
        select = self._selector(self.take())
        verb = self.take()
        if verb.upper() in ("IS", "NOT"):
            return self._state(select, verb.upper(), self.take().upper())
        if verb not in ("=", "!=", "=!", *_ORDER):
            raise _invalid(self._text)
        return _comparison(select, "!=" if verb == "=!" else verb, self.take())

    def _state(self, select: Selector, verb: str, state: str) -> Condition:
        if (verb, state) == ("NOT", "EXISTS"):
            return lambda values: not _exists(select, values)
        constants = {"NULL": None, "TRUE": True, "FALSE": False}
        if verb != "IS" or state not in constants:
            raise _invalid(self._text)
        return lambda values: _exists(select, values) and select(values) is constants[state]


def _comparison(select: Selector, verb: str, wanted: str) -> Condition:
    compare = _comparer(verb, wanted)

    def holds(values: Any) -> bool:
        try:
            value = select(values)
        except LookupError:
            return False
        # As AWS does: neither = nor != holds for what is no single value.
        return not isinstance(value, dict | list | None) and compare(value)

    return holds


def _comparer(verb: str, wanted: str) -> Condition:
    number = float(wanted) if _NUMBER.fullmatch(wanted) else None
    if verb in _ORDER:
        if number is None:
            raise InvalidParameterException(f"Invalid filter pattern: {verb} compares numbers, and {wanted} is none")
        order, bound = _ORDER[verb], number

        def ordered(value: Any) -> bool:
            there = _to_number(value)
            return there is not None and order(there, bound)

        return ordered
    matches = _text_test(wanted)

    def equal(value: Any) -> bool:
        there = _to_number(value) if number is not None else None
        return there == number if there is not None else matches(_to_text(value))

    return equal if verb == "=" else lambda value: not equal(value)


def expression_test(text: str) -> Callable[[str], bool]:
    """Whether a regular expression is found; one that takes too long is refused, for anyone's may take for ever."""
    try:
        compiled = regex.compile(text)
    except regex.error:
        raise InvalidParameterException(f"Invalid regular expression in filter pattern: %{text}%") from None

    def test(message: str) -> bool:
        try:
            return compiled.search(message, timeout=SEARCH_SECONDS, concurrent=True) is not None
        except TimeoutError:
            raise InvalidParameterException(
                f"The regular expression %{text}% takes more than {SEARCH_SECONDS:g} s on a log event; write it with "
                "fewer repetitions inside each other."
            ) from None

    return test


def _text_test(wanted: str) -> Callable[[str], bool]:
    if wanted.startswith("%"):
        return expression_test(wanted[1:-1])
    if wanted.startswith('"'):
        wanted = re.sub(r"\\(.)", r"\1", wanted[1:-1])
    # An asterisk stands for any text at the beginning and at the end, and for itself in between.
    anchored = re.escape(wanted.strip("*") if wanted.strip("*") else "")
    before = ".*" if wanted.startswith("*") else ""
    after = ".*" if wanted.endswith("*") else ""
    compiled = re.compile(before + anchored + after, re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None


def _exists(select: Selector, values: Any) -> bool:
    try:
        select(values)
    except LookupError:
        return False
    return True


def _to_number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return None if isinstance(value, bool) else float(value)


def _to_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tokens(text: str) -> Iterator[str]:
    end = 0
    while end < len(text.rstrip()):
        found = _TOKEN.match(text, end)
        if not found:
            raise _invalid(text)
        yield found[1]
        end = found.end()


def _split(text: str) -> Iterator[str]:
    """The parts between commas that stand in no quotes."""
    part = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")*')
    start = 0
    while True:
        found = part.match(text, start)
        assert found
        yield found[0].strip()
        if found.end() == len(text):
            return
        start = found.end() + 1


def _invalid(text: str) -> InvalidParameterException:
    return InvalidParameterException(f"Invalid filter pattern: {text.strip()}")
