"""Expressions with a grammar of their own: CASE, CAST, EXTRACT, TRIM, INTERVAL, and calls with all that may follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from clary.sql import tree
from clary.sql.errors import Place, SqlError, refusal
from clary.sql.reader import TokenReader
from clary.sql.types import Type, array_of, make_type, map_of, row_of

if TYPE_CHECKING:
    from clary.sql.tree import Expression, Query

_MOMENTS = ("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP")
_REFUSED = ("JSON_ARRAY", "JSON_EXISTS", "JSON_OBJECT", "JSON_QUERY", "JSON_TABLE", "JSON_VALUE")
_SESSION = ("CURRENT_CATALOG", "CURRENT_PATH", "CURRENT_ROLE", "CURRENT_SCHEMA", "CURRENT_USER")
_UNITS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
_FIELDS = """YEAR QUARTER MONTH WEEK DAY DAY_OF_MONTH DAY_OF_WEEK DOW DAY_OF_YEAR DOY YEAR_OF_WEEK YOW HOUR MINUTE
    SECOND TIMEZONE_HOUR TIMEZONE_MINUTE""".split()


class SpecialForms(TokenReader):
    """The part of the expression grammar that starts with a certain word."""

    if TYPE_CHECKING:

        def read_expression(self, *, star: bool = False) -> Expression: ...  # noqa: D102
        def read_expressions(self) -> list[Expression]: ...  # noqa: D102
        def read_value(self) -> Expression: ...  # noqa: D102
        def read_query(self) -> Query: ...  # noqa: D102

    def at_query(self) -> bool:
        """Whether a query comes next, maybe in more brackets."""
        return self.after_brackets().upper in ("SELECT", "WITH", "VALUES", "TABLE")

    def read_special(self) -> Expression | None:
        """The form that starts here; None where none does."""
        token = self.token
        if token.kind != "word":
            return None
        place, word = token.place, token.upper
        if word in ("NULL", "TRUE", "FALSE"):
            self.advance()
            return tree.Literal(place, "null" if word == "NULL" else "boolean", word.lower())
        if word in _REFUSED:
            raise refusal(word, place)
        if word in _MOMENTS:
            return self._read_moment()
        if word in _SESSION:
            raise refusal(word, place)
        if word == "CASE":
            return self._read_case()
        if word == "INTERVAL" and self.peek().kind in ("string", "sign") and self.peek().upper in ("", "+", "-"):
            return self._read_interval()
        if word == "ARRAY" and self.peek().upper == "[":
            return self._read_array()
        if word == "DOUBLE" and self.peek().upper == "PRECISION" and self.peek(2).kind == "string":
            kind = self.read_type()
            return tree.TypedLiteral(place, kind, self.advance().text)
        form = self._forms().get(word) if self.peek().upper == "(" else None
        if form is None:
            return None
        self.advance()
        self.expect_sign("(")
        found = form(place)
        self.expect_sign(")")
        return self.read_suffix(found) if isinstance(found, tree.Call) and word == "LISTAGG" else found

    def _forms(self) -> dict[str, Callable[[Place], Expression]]:
        return {
            "CAST": lambda place: self._read_cast(place, safe=False),
            "TRY_CAST": lambda place: self._read_cast(place, safe=True),
            "EXTRACT": self._read_extract,
            "EXISTS": lambda place: tree.Exists(place, self.read_query()),
            "ROW": lambda place: tree.Row(place, self.read_expressions()),
            "TRIM": self._read_trim,
            "SUBSTRING": self._read_substring,
            "POSITION": self._read_position,
            "NORMALIZE": self._read_normalize,
            "GROUPING": lambda place: tree.Call(place, "grouping", self.read_expressions()),
            "LISTAGG": self._read_listagg,
        }

    def _read_moment(self) -> Expression:
        token = self.advance()
        arguments: list[Expression] = []
        if token.upper != "CURRENT_DATE" and self.take_sign("("):
            arguments = [tree.Literal(self.token.place, "integer", self.advance().text)]
            self.expect_sign(")")
        return tree.Call(token.place, token.upper.lower(), arguments)

    def _read_case(self) -> Expression:
        place = self.advance().place
        operand = None if self.token.upper == "WHEN" else self.read_expression()
        branches = []
        while self.take_word("WHEN"):
            condition = self.read_expression()
            self.expect_word("THEN")
            branches.append((condition, self.read_expression()))
        if not branches:
            raise self.mismatch("'WHEN'")
        default = self.read_expression() if self.take_word("ELSE") else None
        self.expect_word("END")
        return tree.Case(place, operand, branches, default)

    def _read_interval(self) -> Expression:
        place = self.advance().place
        sign = self.advance().upper if self.token.kind == "sign" else ""
        value = self.advance()
        if value.kind != "string":
            raise self.mismatch("<string>")
        unit, last = self._read_unit(), ""
        if self.take_word("TO"):
            last = self._read_unit()
        text = value.text[1:] if sign == "-" and value.text.startswith("-") else sign.strip("+") + value.text
        return tree.Interval(place, text, unit, last)

    def _read_unit(self) -> str:
        if self.token.upper not in _UNITS:
            raise self.mismatch("'DAY', 'HOUR', 'MINUTE', 'MONTH', 'SECOND', 'YEAR'")
        return self.advance().upper.lower()

    def _read_array(self) -> Expression:
        place = self.advance().place
        self.expect_sign("[")
        items = [] if self.token.upper == "]" else self.read_expressions()
        self.expect_sign("]")
        return tree.Array(place, items)

    def _read_cast(self, place: Place, *, safe: bool) -> Expression:
        value = self.read_expression()
        self.expect_word("AS")
        return tree.Cast(place, value, self.read_type(), safe)

    def _read_extract(self, place: Place) -> Expression:
        if self.token.upper not in _FIELDS:
            raise SqlError("SYNTAX_ERROR", f"Invalid EXTRACT field: {self.token.text}", self.token.place)
        field = self.advance().upper.lower()
        self.expect_word("FROM")
        return tree.Call(
            place, {"dow": "day_of_week", "doy": "day_of_year"}.get(field, field), [self.read_expression()]
        )

    def _read_trim(self, place: Place) -> Expression:
        kind = "trim"
        if self.token.upper in ("LEADING", "TRAILING", "BOTH") and self.peek().upper not in (",", ")"):
            kind = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "trim"}[self.advance().upper]
            if self.take_word("FROM"):
                return tree.Call(place, kind, [self.read_value()])
        first = self.read_value()
        if self.take_word("FROM"):
            return tree.Call(place, kind, [self.read_value(), first])
        return tree.Call(place, kind, [first, self.read_value()] if self.take_sign(",") else [first])

    def _read_substring(self, place: Place) -> Expression:
        arguments = [self.read_value()]
        if self.take_word("FROM"):
            arguments.append(self.read_value())
            if self.take_word("FOR"):
                arguments.append(self.read_value())
        while self.take_sign(","):
            arguments.append(self.read_value())
        return tree.Call(place, "substring", arguments)

    def _read_position(self, place: Place) -> Expression:
        sought = self.read_value()
        self.expect_word("IN")
        return tree.Call(place, "strpos", [self.read_value(), sought])

    def _read_normalize(self, place: Place) -> Expression:
        value, form = self.read_value(), "NFC"
        if self.take_sign(","):
            form = self.advance().upper
            if form not in ("NFC", "NFD", "NFKC", "NFKD"):
                raise self.mismatch("'NFC', 'NFD', 'NFKC', 'NFKD'")
        return tree.Call(place, "normalize", [value, tree.Literal(place, "string", form)])

    def _read_listagg(self, place: Place) -> Expression:
        distinct = self.take_word("DISTINCT")
        call = tree.Call(place, "listagg", [self.read_expression()], distinct)
        if self.take_sign(","):
            call.arguments.append(self.read_expression())
        if self.take_word("ON"):
            self.expect_word("OVERFLOW")
            if self.take_word("TRUNCATE"):
                raise refusal("LISTAGG with ON OVERFLOW TRUNCATE", place)
            self.expect_word("ERROR")
        return call

    # --- calls ---

    def read_call(self, place: Place, name: str) -> tree.Call:
        """What follows a function's name."""
        self.expect_sign("(")
        call = tree.Call(place, name, [])
        if self.take_sign("*"):
            call.star = True
        elif self.token.upper != ")":
            call.distinct = self.take_word("DISTINCT")
            if not call.distinct and self.token.upper == "ALL":
                self.advance()
            call.arguments = self.read_expressions()
            call.order = self.read_order()
        self.expect_sign(")")
        return self.read_suffix(call)

    def read_suffix(self, call: tree.Call) -> tree.Call:
        """WITHIN GROUP, FILTER, IGNORE NULLS, OVER."""
        if self.token.upper == "WITHIN" and self.peek().upper == "GROUP":
            self.advance()
            self.advance()
            self.expect_sign("(")
            call.order = self.read_order()
            self.expect_sign(")")
        if self.token.upper == "FILTER" and self.peek().upper == "(":
            self.advance()
            self.advance()
            self.expect_word("WHERE")
            call.condition = self.read_expression()
            self.expect_sign(")")
        if self.token.upper in ("IGNORE", "RESPECT") and self.peek().upper == "NULLS":
            call.ignore_nulls = self.advance().upper == "IGNORE"
            self.advance()
        if self.token.upper == "OVER":
            token = self.advance()
            if self.take_sign("("):
                call.window = self.read_window()
            else:
                call.window = tree.Window(token.place, self.read_identifier(), [], [])
        return call

    def read_order(self) -> list[tree.Sort]:
        """ORDER BY with its keys, if it stands here."""
        if self.token.upper != "ORDER":
            return []
        self.advance()
        self.expect_word("BY")
        keys = [self._read_sort()]
        while self.take_sign(","):
            keys.append(self._read_sort())
        return keys

    def _read_sort(self) -> tree.Sort:
        key = self.read_expression()
        descending = self.take_word("DESC")
        if not descending:
            self.take_word("ASC")
        nulls_first = False
        if self.take_word("NULLS"):
            if self.token.upper not in ("FIRST", "LAST"):
                raise self.mismatch("'FIRST', 'LAST'")
            nulls_first = self.advance().upper == "FIRST"
        return tree.Sort(key, descending, nulls_first)

    def read_window(self) -> tree.Window:
        """What stands in the brackets of OVER and of WINDOW, with the closing one."""
        place, name = self.token.place, ""
        if self.is_identifier() and self.token.upper not in ("PARTITION", "RANGE", "ROWS", "GROUPS", "MEASURES"):
            name = self.read_identifier()
        window = tree.Window(place, name, [], [])
        if self.take_word("PARTITION"):
            self.expect_word("BY")
            window.partition = self.read_expressions()
        window.order = self.read_order()
        if self.token.upper in ("ROWS", "RANGE", "GROUPS"):
            window.unit = self.advance().upper
            if self.take_word("BETWEEN"):
                window.start = self._read_bound()
                self.expect_word("AND")
                window.end = self._read_bound()
            else:
                window.start = self._read_bound()
        self.expect_sign(")")
        return window

    def _read_bound(self) -> tree.Bound:
        if self.take_word("CURRENT"):
            self.expect_word("ROW")
            return tree.Bound("CURRENT ROW", None)
        offset = None if self.take_word("UNBOUNDED") else self.read_expression()
        if self.token.upper not in ("PRECEDING", "FOLLOWING"):
            raise self.mismatch("'FOLLOWING', 'PRECEDING'")
        return tree.Bound(self.advance().upper, offset)

    # --- types ---

    def read_type(self) -> Type:
        """A type in a CAST."""
        place = self.token.place
        found = self._read_simple_type(place)
        while self.token.upper == "ARRAY" or self.token.upper == "[":
            if self.advance().upper == "[":
                self.expect_sign("]")
            found = array_of(found)
        return found

    def _read_simple_type(self, place: Place) -> Type:
        name = self.advance().text.lower() if self.token.kind in ("word", "quoted") else ""
        if not name:
            raise self.mismatch("<type>")
        if name == "row":
            return self._read_row_type()
        if name in ("array", "map"):
            return self._read_container_type(name)
        if name == "double" and self.take_word("PRECISION"):
            name = "double"
        if name == "interval":
            name = f"interval {self._read_unit()}"
            self.expect_word("TO")
            name += f" to {self._read_unit()}"
        sizes = self._read_sizes()
        if self.token.upper in ("WITH", "WITHOUT") and self.peek().upper == "TIME":
            name += f" {self.advance().upper.lower()} time zone"
            self.advance()
            self.expect_word("ZONE")
            sizes = sizes or self._read_sizes()
        found = make_type(name, tuple(sizes)) if name != "string" and name != "float" else None
        if found is None:
            raise self._type_problem(name, sizes, place)
        return found

    def _read_sizes(self) -> list[int]:
        sizes = []
        if self.take_sign("("):
            while True:
                if self.token.kind != "integer":
                    raise self.mismatch("<integer>")
                sizes.append(int(self.advance().text))
                if not self.take_sign(","):
                    break
            self.expect_sign(")")
        return sizes

    def _type_problem(self, name: str, sizes: list[int], place: Place) -> SqlError:
        written = f"{name}({','.join(map(str, sizes))})" if sizes else name
        known = ("timestamp", "time", "hyperloglog", "p4hyperloglog", "qdigest", "tdigest", "ipaddress", "geometry")
        if name.split(" ")[0] in known:
            return refusal(f"The type {written}", place)
        return SqlError("TYPE_NOT_FOUND", f"Unknown type: {written}", place)

    def _read_container_type(self, name: str) -> Type:
        closing = ")" if self.take_sign("(") else ">"
        if closing == ">":
            self.expect_sign("<")
        first = self.read_type()
        if name == "array":
            found = array_of(first)
        else:
            self.expect_sign(",")
            found = map_of(first, self.read_type())
        self.expect_sign(closing)
        return found

    def _read_row_type(self) -> Type:
        names, children = [], []
        self.expect_sign("(")
        while True:
            follower = self.peek()
            named = self.is_identifier() and follower.kind in ("word", "quoted")
            if follower.upper in ("PRECISION", "WITH", "WITHOUT", "ARRAY") and self.peek(2).upper in (",", ")", "TIME"):
                named = follower.upper == "ARRAY" and self.token.upper not in ("INTEGER", "BIGINT", "VARCHAR", "DOUBLE")
            if self.token.upper == "INTERVAL" and follower.upper in _UNITS:
                named = False
            names.append(self.read_identifier() if named else "")
            children.append(self.read_type())
            if not self.take_sign(","):
                break
        self.expect_sign(")")
        return row_of(children, names)
