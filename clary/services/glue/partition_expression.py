"""The expressions that GetPartitions picks partitions with: SQL's comparisons of typed partition keys."""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeGuard

from clary.services.glue.errors import InvalidInputException
from clary.services.glue.partition_key import PartitionKey

_TOKEN = re.compile(
    r"""\s*(?: '((?:[^']|'')*)'                                  # a text
        | ([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w])    # a number
        | (<=|>=|<>|!=|==|[=<>(),])
        | "((?:[^"]|"")+)" | `((?:[^`]|``)+)` | ([^\W\d][\w$]*)  # a name, or a word of the language
        )""",
    re.VERBOSE,
)
_DEEPEST = 40
_RESERVED = frozenset("AND OR NOT IN LIKE BETWEEN IS NULL".split())
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}

Truth = bool | None
"""None is SQL's unknown, which a null makes of every comparison."""
Test = Callable[[Sequence[str]], Truth]


class _Literal(NamedTuple):
    text: str


class _Token(NamedTuple):
    kind: str  # "literal", "sign", "name" (quoted) or "word"
    text: str


def compile_expression(text: str, keys: Sequence[dict[str, Any]]) -> Callable[[Sequence[str]], bool]:
    """What tells whether the expression holds for a partition's values; InvalidInputException if it is none."""
    test = _Parser(text, [PartitionKey(index, key) for index, key in enumerate(keys)]).read_all()
    return lambda values: test(values) is True


class _Parser:
    """Reads by descent; what stands in brackets may be a condition or an operand, so both are one kind of term."""

    def __init__(self, text: str, keys: Sequence[PartitionKey]) -> None:
        self.text = text
        self.keys = {key.name: key for key in keys}
        self.at = self.depth = 0
        self.tokens: list[_Token] = []
        end = 0
        while match := _TOKEN.match(text, end):
            end = match.end()
            quoted, number, sign, name, ticked, word = match.groups()
            if quoted is not None or number:
                self.tokens.append(_Token("literal", number or quoted.replace("''", "'")))
            elif sign:
                self.tokens.append(_Token("sign", sign))
            elif word:
                self.tokens.append(_Token("word", word))
            else:
                self.tokens.append(_Token("name", name.replace('""', '"') if name else ticked.replace("``", "`")))
        if text[end:].strip():
            raise self.unsupported()

    def unsupported(self) -> InvalidInputException:
        return InvalidInputException(f"Unsupported expression '{self.text}'")

    def read_all(self) -> Test:
        found = self.read_or()
        if self.at < len(self.tokens):
            raise self.unsupported()
        return self.as_test(found)

    def read_or(self) -> Any:
        found = self.read_and()
        while self.accept("OR"):
            found = _either(self.as_test(found), self.as_test(self.read_and()))
        return found

    def read_and(self) -> Any:
        found = self.read_not()
        while self.accept("AND"):
            found = _both(self.as_test(found), self.as_test(self.read_not()))
        return found

    def read_not(self) -> Any:
        if not self.accept("NOT"):
            return self.read_comparison()
        self.enter()
        found = _not(self.as_test(self.read_not()))
        self.depth -= 1
        return found

    def read_comparison(self) -> Any:
        left = self.read_term()
        sign = next((sign for sign in ("=", "==", "<>", "!=", "<=", ">=", "<", ">") if self.accept(sign)), "")
        if sign:
            return self.compare(left, sign, self.read_term())
        if self.accept("IS"):
            negated = self.accept("NOT")
            self.expect("NULL")
            return _not_if(negated, self.as_key(left).is_null())
        negated = self.accept("NOT")
        if self.accept("BETWEEN"):
            low = self.as_literal(self.read_term())
            self.expect("AND")
            high = self.as_literal(self.read_term())
            key = self.as_key(left)
            return _not_if(negated, _both(key.compare(">=", low), key.compare("<=", high)))
        if self.accept("IN"):
            return _not_if(negated, self.as_key(left).among(self.read_list()))
        if self.accept("LIKE"):
            return _not_if(negated, self.as_key(left).like(self.as_literal(self.read_term())))
        if negated:
            raise self.unsupported()
        return left

    def compare(self, left: Any, sign: str, right: Any) -> Test:
        if isinstance(left, _Literal):
            left, sign, right = right, _TURNED.get(sign, sign), left
        return self.as_key(left).compare(sign, self.as_literal(right))

    def read_list(self) -> list[str]:
        self.expect("(")
        found = [self.as_literal(self.read_term())]
        while self.accept(","):
            found.append(self.as_literal(self.read_term()))
        self.expect(")")
        return found

    def read_term(self) -> Any:
        if self.accept("("):
            self.enter()
            found = self.read_or()
            self.expect(")")
            self.depth -= 1
            return found
        token = self.tokens[self.at] if self.at < len(self.tokens) else _Token("", "")
        if token.kind in ("", "sign") or (token.kind == "word" and token.text.upper() in _RESERVED):
            raise self.unsupported()
        self.at += 1
        if token.kind == "literal":
            return _Literal(token.text)
        key = self.keys.get(token.text.lower())
        if key is None:
            raise InvalidInputException("Invalid partition expression!")
        return key

    def enter(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.unsupported()

    def accept(self, word: str) -> bool:
        token = self.tokens[self.at] if self.at < len(self.tokens) else _Token("", "")
        if token.kind not in ("word", "sign") or token.text.upper() != word:
            return False
        self.at += 1
        return True

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise self.unsupported()

    def as_test(self, term: Any) -> Test:
        if not _is_test(term):
            raise self.unsupported()
        return term

    def as_key(self, term: Any) -> PartitionKey:
        if not isinstance(term, PartitionKey):
            raise self.unsupported()
        return term

    def as_literal(self, term: Any) -> str:
        if not isinstance(term, _Literal):
            raise self.unsupported()
        return term.text


def _is_test(term: Any) -> TypeGuard[Test]:
    return not isinstance(term, _Literal | PartitionKey)


def _both(left: Test, right: Test) -> Test:
    def test(values: Sequence[str]) -> Truth:
        first = left(values)
        if first is False:
            return False
        second = right(values)
        return second if first is True or second is False else None

    return test


def _either(left: Test, right: Test) -> Test:
    return _not(_both(_not(left), _not(right)))


def _not(test: Test) -> Test:
    def negated(values: Sequence[str]) -> Truth:
        found = test(values)
        return None if found is None else not found

    return negated


def _not_if(negated: bool, test: Test) -> Test:
    return _not(test) if negated else test
