"""The allow-list of functions: tables of `name(types) result = DuckDB template`, and which line fits a call.

Types are Trino's names without their numbers; a capital letter stands for any type, the same at each of its places;
`varchar...` is any number of them. {0} {1} are the arguments, {all} is all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from clary.sql.typed import Typed, can_be, coerce
from clary.sql.types import UNKNOWN, Type, common_type, parse_type


@dataclass(frozen=True, slots=True)
class Pattern:
    """A type with places for others."""

    name: str
    children: tuple[Pattern, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.children))})" if self.children else self.name


@dataclass(frozen=True, slots=True)
class Signature:
    """One line of a table."""

    name: str
    arguments: tuple[Pattern, ...]
    variadic: bool
    result: str
    template: str

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))}{'...' if self.variadic else ''})"

    def patterns(self, count: int) -> tuple[Pattern, ...] | None:
        """A pattern for each of so many arguments; None where they are too many or too few."""
        if self.variadic and count >= len(self.arguments) - 1:
            return (*self.arguments[:-1], *[self.arguments[-1]] * (count - len(self.arguments) + 1))
        return self.arguments if count == len(self.arguments) else None


_LINE = re.compile(r"(\w+)\((.*?)\) (\S.*?) = (.+)")


def read_table(table: str) -> dict[str, list[Signature]]:
    """The signatures of a table by name."""
    found: dict[str, list[Signature]] = {}
    for line in filter(None, map(str.strip, table.splitlines())):
        match = _LINE.fullmatch(_joined(line))
        assert match, line
        name, arguments, result, template = match.groups()
        variadic = arguments.endswith("...")
        patterns = tuple(_pattern(one) for one in _split(arguments.removesuffix("...")))
        found.setdefault(name, []).append(Signature(name, patterns, variadic, result, template))
    return found


def _joined(line: str) -> str:
    """The line with the brackets of its argument types unambiguous: the list ends before ` result = `."""
    head, _, template = line.partition(" = ")
    name, _, rest = head.partition("(")
    depth, end = 1, 0
    while depth:
        depth += {"(": 1, ")": -1}.get(rest[end], 0)
        end += 1
    end -= 1
    arguments = rest[:end].replace("(", "<").replace(")", ">")
    return f"{name}({arguments}) {rest[end + 1 :].strip()} = {template}"


def _split(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for sign in text:
        depth += {"<": 1, ">": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += sign
    return [one.strip() for one in (*parts, current) if one.strip()]


def _pattern(text: str) -> Pattern:
    name, _, rest = text.partition("<")
    return Pattern(name, tuple(map(_pattern, _split(rest[:-1]))) if rest else ())


Bindings = dict[str, Type]


def _fits(pattern: Pattern, have: Type, bound: Bindings, *, exact: bool) -> bool:
    if len(pattern.name) == 1:
        before = bound.get(pattern.name)
        both = common_type(before, have) if before else have
        if both is None or (exact and before and before != UNKNOWN and have not in (before, UNKNOWN)):
            return False
        bound[pattern.name] = both
        return True
    if have == UNKNOWN:
        return True
    if pattern.name == have.name and len(pattern.children) == len(have.children):
        pairs = zip(pattern.children, have.children, strict=True)
        return all(_fits(one, other, bound, exact=exact) for one, other in pairs)
    if exact or pattern.children:
        return False
    return can_be(Typed("", have), _plain(pattern.name))


@cache
def _plain(name: str) -> Type:
    if name == "zoned":
        return parse_type("timestamp with time zone")
    return parse_type("decimal(38,0)" if name == "decimal" else name)


def _type_of(pattern: Pattern, have: Type, bound: Bindings) -> Type:
    """The type that an argument is turned into."""
    if len(pattern.name) == 1:
        return bound.get(pattern.name, UNKNOWN)
    if pattern.children:
        children = have.children or (UNKNOWN,) * len(pattern.children)
        pairs = zip(pattern.children, children, strict=True)
        found = tuple(_type_of(one, other, bound) for one, other in pairs)
        return Type(pattern.name, children=found, names=have.names)
    return have if have.name == pattern.name else _plain(pattern.name)


def choose(signatures: list[Signature], arguments: list[Typed]) -> tuple[Signature, list[str], Bindings] | None:
    """The first line that fits as the arguments are, else the first that fits with coercion; with their texts."""
    for exact in (True, False):
        for signature in signatures:
            patterns = signature.patterns(len(arguments))
            bound: Bindings = {}
            if patterns is None:
                continue
            pairs = list(zip(patterns, arguments, strict=True))
            if all(_fits(one, other.type, bound, exact=exact) for one, other in pairs):
                texts = [coerce(other, _type_of(one, other.type, bound)) for one, other in pairs]
                return signature, texts, bound
    return None


def result_type(signature: Signature, arguments: list[Typed], bound: Bindings) -> Type:
    """The type of a call's result: a name, a letter, or `0` for the type of the first argument."""
    return _result(_pattern(signature.result.replace("(", "<").replace(")", ">")), arguments, bound, signature.result)


def _result(pattern: Pattern, arguments: list[Typed], bound: Bindings, written: str) -> Type:
    if pattern.name.isdecimal():
        return arguments[int(pattern.name)].type
    if len(pattern.name) == 1:
        return bound.get(pattern.name, UNKNOWN)
    if pattern.name in ("array", "map", "row"):
        children = tuple(_result(one, arguments, bound, one.name) for one in pattern.children)
        return Type(pattern.name, children=children, names=("",) * len(children) if pattern.name == "row" else ())
    return parse_type(written)
