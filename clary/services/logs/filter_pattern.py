"""Filter patterns: terms, or conditions on the fields of a JSON or a space-delimited event.

The syntax is that of the user guide's page "Filter pattern syntax".
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from clary.services.logs.errors import InvalidParameterException
from clary.services.logs.filter_condition import expression_test, parse_condition, parse_fields

Match = Callable[[str], bool]

_TERM = re.compile(r'\s*([-?]?)\s*(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|([^\s"%]+))')
_FIELD = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')


def compile_pattern(pattern: str) -> Match:
    """The test that a filter pattern stands for; an empty one holds for every message."""
    text = pattern.strip()
    if not text:
        return lambda _: True
    for opening, closing, compiled in (("{", "}", _json_match), ("[", "]", _fields_match)):
        if text.startswith(opening):
            if not text.endswith(closing):
                raise InvalidParameterException(
                    f"If a filter pattern starts with '{opening}' it must end with '{closing}'"
                )
            return compiled(text[1:-1])
    return _terms_match(text)


def _terms_match(text: str) -> Match:
    terms: dict[str, list[Match]] = {"": [], "?": [], "-": []}
    end = 0
    while end < len(text.rstrip()):
        found = _TERM.match(text, end)
        if not found:
            raise InvalidParameterException(f"Invalid filter pattern: {text[end:].strip()}")
        sign, quoted, expression, word = found.groups()
        if word and not re.fullmatch(r"\w+", word):
            raise InvalidParameterException(f"Invalid character(s) in term '{word}'")
        terms[sign].append(expression_test(expression) if expression else _contains(_unescaped(quoted or word or "")))
        end = found.end()
    wanted, either, unwanted = terms[""], terms["?"], terms["-"]
    if wanted or unwanted:
        # As AWS does: terms with a question mark are ignored beside others.
        return lambda message: all(term(message) for term in wanted) and not any(term(message) for term in unwanted)
    return lambda message: any(term(message) for term in either)


def _contains(term: str) -> Match:
    return lambda message: term in message


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _json_match(text: str) -> Match:
    condition = parse_condition(text, _json_selector)

    def matches(message: str) -> bool:
        try:
            document = msgspec.json.decode(message)
        except (ValueError, RecursionError):
            return False
        return isinstance(document, dict | list) and condition(document)

    return matches


def _json_selector(text: str) -> Callable[[Any], Any]:
    """The node of a document that `$.a.b[0]["c d"]` selects; raises LookupError where there is none."""
    if not re.fullmatch(r'\$(?:\.[\w-]+|\[\d+\]|\["[^"]*"\])+', text):
        raise InvalidParameterException(f"Invalid property selector in filter pattern: {text}")
    steps = [
        int(index) if index else name or quoted
        for name, index, quoted in re.findall(r'\.([\w-]+)|\[(\d+)\]|\["([^"]*)"\]', text)
    ]

    def select(document: Any) -> Any:
        for step in steps:
            if not isinstance(document, list if isinstance(step, int) else dict):
                raise LookupError(step)
            document = document[step]
        return document

    return select


def _fields_match(text: str) -> Match:
    names, condition = parse_fields(text)
    gap = names.index("...") if "..." in names else -1

    def matches(message: str) -> bool:
        values = [bracketed or quoted or word for bracketed, quoted, word in _FIELD.findall(message)]
        if gap < 0:
            if len(values) != len(names):
                return False
            return condition(dict(zip(names, values, strict=True)))
        tail = len(names) - gap - 1
        if len(values) < gap + tail:
            return False
        kept = values[:gap] + values[len(values) - tail :]
        return condition(dict(zip(names[:gap] + names[gap + 1 :], kept, strict=True)))

    return matches
