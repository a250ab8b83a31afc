"""Expressions: from the tree to DuckDB's SQL, typed on the way as Trino types them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from clary.sql import operators, tree
from clary.sql.casts import cast
from clary.sql.contract import ExternalFunction
from clary.sql.errors import Place, SqlError, refusal
from clary.sql.once import Operands, check_length
from clary.sql.scope import Field, Scope, UsedTable, not_found
from clary.sql.typed import NULL, Typed, can_be, check_zone, coerce, interval, literal, select, text, typed_literal
from clary.sql.types import BOOLEAN, JSON, UNKNOWN, WHOLE, Type, array_of, common_type, field_names, row_of
from clary.tables.duck_types import quote

if TYPE_CHECKING:
    from clary.sql.queries import QueryTranslator


@dataclass(slots=True)
class Session:
    """What holds for a whole statement."""

    now: datetime
    parameters: list[tree.Expression]
    external: dict[str, ExternalFunction]
    used_external: dict[str, ExternalFunction]
    tables: list[UsedTable]
    counter: int = 0

    def external_names(self) -> list[str]:
        """The names of the user's functions."""
        return [one.name for one in self.external.values()]

    def number(self) -> int:
        """A number not given before."""
        self.counter += 1
        return self.counter


class ExpressionTranslator:
    """Translates the expressions of one SELECT.

    `groups` are the DuckDB texts of the grouping expressions, None where the query doesn't group.
    """

    def __init__(self, queries: QueryTranslator, scope: Scope) -> None:
        self.queries = queries
        self.session = queries.session
        self.scope = scope
        self.groups: frozenset[str] | None = None
        self.composed_groups = False
        self.in_aggregate = False
        self.windows: dict[str, tree.Window] = {}
        self.lambdas: list[dict[str, Typed]] = []
        self.aliases: dict[str, Typed] = {}
        self.collected: list[Field] | None = None
        self.allow = "nothing"
        self.operands: list[Operands] = []
        self.marks = count()

    # --- entry points ---

    def translate(self, node: tree.Expression) -> Typed:
        """Any expression; as an operand of another one maybe a mark for its text."""
        found = self.translate_whole(node)
        return self.operands[-1].hold(found, f"operand_{next(self.marks)}_") if self.operands else found

    def translate_whole(self, node: tree.Expression) -> Typed:
        """Any expression with its text, by itself."""
        if self.composed_groups and not self.in_aggregate and not isinstance(node, tree.Name | tree.Literal):
            whole = self._as_group(node)
            if whole:
                return whole
        method = getattr(self, f"_{type(node).__name__.lower()}")
        self.operands.append(Operands(self.session.external_names()))
        try:
            found: Typed = method(node)
        finally:
            operands = self.operands.pop()
        if operands.held:
            found = found._replace(sql=operands.bound(found.sql, _over_rows(node), node.place))
        check_length(found.sql, node.place)
        return found

    def _as_group(self, node: tree.Expression) -> Typed | None:
        """The expression as a whole, if the query groups by it."""
        if contains(node, (tree.Exists, tree.InQuery, tree.Scalar, tree.Quantified)):
            return None
        groups, self.groups, self.composed_groups = self.groups, None, False
        try:
            found = self.translate_whole(node)
        except SqlError:
            return None
        finally:
            self.groups, self.composed_groups = groups, True
        return found if groups and found.sql in groups else None

    def condition(self, node: tree.Expression, what: str) -> str:
        """A boolean, as WHERE, ON, HAVING and the like need it."""
        found = self.translate(node)
        if found.type == UNKNOWN:
            return "CAST(NULL AS BOOLEAN)"
        if found.type != BOOLEAN:
            message = f"{what} must evaluate to a boolean: actual type {found.type}"
            raise SqlError("TYPE_MISMATCH", message, node.place)
        return found.sql

    @contextmanager
    def collecting(self) -> Iterator[list[Field]]:
        """Gather the fields that are named meanwhile instead of marking them as used."""
        before, self.collected = self.collected, []
        try:
            yield self.collected
        finally:
            self.collected = before

    # --- names and constants ---

    def _name(self, node: tree.Name) -> Typed:
        for frame in reversed(self.lambdas):
            if node.parts[0] in frame:
                return self._fields_of(frame[node.parts[0]], node.parts[1:], node)
        if len(node.parts) == 1 and node.parts[0] in self.aliases and not self.in_aggregate:
            return self.aliases[node.parts[0]]
        field, rest, own = self.scope.resolve(node.parts, node.place)
        if self.collected is None:
            field.mark_used()
        else:
            self.collected.append(field)
        found = self._fields_of(Typed(field.text(), field.type), rest, node)
        if own and self.groups is not None and not self.in_aggregate and not self.groups & {found.sql, field.text()}:
            message = f"'{'.'.join(node.parts)}' must be an aggregate expression or appear in GROUP BY clause"
            raise SqlError("EXPRESSION_NOT_AGGREGATE", message, node.place)
        return found

    def _fields_of(self, value: Typed, names: list[str], node: tree.Name) -> Typed:
        for name in names:
            found = self._one_field(value, name)
            if found is None:
                raise not_found(node.parts, node.place)
            value = found
        return value

    def _one_field(self, value: Typed, name: str) -> Typed | None:
        if value.type.name != "row":
            return None
        found = [at for at, one in enumerate(value.type.names) if one.lower() == name]
        if len(found) != 1:
            return None
        return self._nth_field(value, found[0])

    @staticmethod
    def _nth_field(value: Typed, at: int) -> Typed:
        name = field_names(value.type)[at]
        return Typed(f"struct_extract({value.sql}, {text(name)})", value.type.children[at])

    def _field(self, node: tree.Field) -> Typed:
        value = self.translate(node.base)
        if value.type.name != "row":
            raise SqlError("TYPE_MISMATCH", f"Expression is not of type ROW: {value.type}", node.place)
        found = self._one_field(value, node.name)
        if found is None:
            raise not_found([node.name], node.place)
        return found

    def _literal(self, node: tree.Literal) -> Typed:
        return literal(node)

    def _typedliteral(self, node: tree.TypedLiteral) -> Typed:
        if node.type == JSON:
            return Typed(f"clary_json_parse({text(node.value)})", JSON)
        found = typed_literal(node)
        if found is None:
            value = Typed(text(node.value), Type("varchar", (len(node.value),)), node.value)
            found = cast(value, node.type, node.place, safe=False)
        return found

    def _interval(self, node: tree.Interval) -> Typed:
        return interval(node)

    def _parameter(self, node: tree.Parameter) -> Typed:
        return self.translate(self.session.parameters[node.number])

    # --- operators ---

    def _unary(self, node: tree.Unary) -> Typed:
        if node.operator == "NOT":
            return Typed(f"(NOT {self.condition(node.operand, 'Value of logical NOT expression')})", BOOLEAN)
        value = self.translate(node.operand)
        return operators.negate(value, node.place) if node.operator == "-" else value

    def _binary(self, node: tree.Binary) -> Typed:
        if node.operator in ("AND", "OR"):
            terms = [self.condition(one, "Logical expression term") for one in _terms(node)]
            return Typed(f"({f' {node.operator} '.join(terms)})", BOOLEAN)
        left_value, right_value = self.translate(node.left), self.translate(node.right)
        if node.operator in "+-*/%":
            return operators.arithmetic(node.operator, left_value, right_value, node.place)
        return operators.compare(node.operator, left_value, right_value, node.place)

    def _between(self, node: tree.Between) -> Typed:
        value = self.translate(node.value)
        low = operators.compare(">=", value, self.translate(node.low), node.place)
        high = operators.compare("<=", value, self.translate(node.high), node.place)
        return Typed(f"({low.sql} AND {high.sql})", BOOLEAN)

    def _inlist(self, node: tree.InList) -> Typed:
        value = self.translate(node.value)
        options = [self.translate(one) for one in node.options]
        both = self.common(
            [value, *options], node.place, "IN value and list items must be the same type or coercible to a common type"
        )
        mixed = {one.type.name for one in (value, *options)} >= {"char", "varchar"}
        if mixed or both.name in ("array", "row", "map", "real", "double"):
            parts = [operators.compare("=", value, one, node.place).sql for one in options]
            return Typed(f"({' OR '.join(parts)})", BOOLEAN)
        # Bare digits take the type of what stands before IN; a cast for each makes long lists slow.
        texts = [
            node_.value if isinstance(node_, tree.Literal) and both.name in WHOLE else coerce(one, both)
            for node_, one in zip(node.options, options, strict=True)
        ]
        return Typed(f"({coerce(value, both)} IN ({', '.join(texts)}))", BOOLEAN)

    def _isnull(self, node: tree.IsNull) -> Typed:
        return Typed(f"({self.translate(node.value).sql} IS NULL)", BOOLEAN)

    def _like(self, node: tree.Like) -> Typed:
        value, pattern = self.translate(node.value), self.translate(node.pattern)
        for one, side in ((value, "Left side"), (pattern, "Pattern for")):
            if one.type.name not in ("varchar", "char", "unknown"):
                message = f"{side} of LIKE expression must evaluate to a varchar (actual: {one.type})"
                raise SqlError("TYPE_MISMATCH", message.replace("for of", "for"), node.place)
        if node.escape is None:
            return Typed(f"({value.sql} LIKE {pattern.sql})", BOOLEAN)
        escape = self.translate(node.escape)
        if escape.constant is None:
            raise refusal("LIKE with an ESCAPE that is no constant", node.place)
        if len(escape.constant) != 1:
            raise SqlError("INVALID_FUNCTION_ARGUMENT", "Escape string must be a single character", node.place)
        return Typed(f"({value.sql} LIKE {pattern.sql} ESCAPE {escape.sql})", BOOLEAN)

    def _case(self, node: tree.Case) -> Typed:
        operand = self.translate(node.operand) if node.operand else None
        conditions = []
        for condition, _ in node.branches:
            if operand is None:
                conditions.append(self.condition(condition, "CASE WHEN clause"))
            else:
                conditions.append(operators.compare("=", operand, self.translate(condition), condition.place).sql)
        results = [self.translate(result) for _, result in node.branches]
        results.append(self.translate(node.default) if node.default else NULL)
        both = self.common(results, node.place, "All CASE results must be the same type or coercible to a common type")
        values = [coerce(one, both) if both != UNKNOWN else "NULL" for one in results]
        branches = " ".join(f"WHEN {one} THEN {other}" for one, other in zip(conditions, values, strict=False))
        return Typed(f"CASE {branches} ELSE {values[-1]} END", both)

    def common(self, values: list[Typed], place: Place, sentence: str) -> Type:
        """The type that all values take."""
        found = values[0].type
        for one in values[1:]:
            both = common_type(found, one.type)
            if both is None:
                message = f"{sentence}. Cannot find common type between {found} and {one.type}"
                raise SqlError("TYPE_MISMATCH", message, place)
            found = both
        return found

    def _cast(self, node: tree.Cast) -> Typed:
        return cast(self.translate(node.value), node.type, node.place, safe=node.safe)

    def _atzone(self, node: tree.AtZone) -> Typed:
        value, zone = self.translate(node.value), self.translate(node.zone)
        if value.type.name not in ("timestamp", "timestamp with time zone"):
            message = f"Type of value must be a time or timestamp with or without time zone (actual {value.type})"
            raise SqlError("TYPE_MISMATCH", message, node.place)
        if zone.constant is None:
            raise refusal("AT TIME ZONE with a zone that is no constant", node.place)
        wanted = Type("timestamp with time zone", value.type.sizes, zone=check_zone(zone.constant, node.place))
        return Typed(value.sql, wanted)

    # --- composed values ---

    def _row(self, node: tree.Row) -> Typed:
        items = [self.translate(one) for one in node.items]
        wanted = row_of([one.type for one in items])
        packed = ", ".join(
            f"{quote(name)} := {coerce(one, one.type)}" for name, one in zip(field_names(wanted), items, strict=True)
        )
        return Typed(f"struct_pack({packed})", wanted)

    def _array(self, node: tree.Array) -> Typed:
        if not node.items:
            return Typed("CAST([] AS INTEGER[])", array_of(UNKNOWN))
        items = [self.translate(one) for one in node.items]
        both = self.common(items, node.place, "All ARRAY elements must be the same type")
        return Typed(
            f"[{', '.join(coerce(one, both) if both != UNKNOWN else 'NULL' for one in items)}]", array_of(both)
        )

    def _subscript(self, node: tree.Subscript) -> Typed:
        base = self.translate(node.base)
        if base.type.name == "row":
            return self._row_subscript(base, node)
        index = self.translate(node.index)
        if base.type.name == "array":
            if not can_be(index, Type("bigint")):
                raise operators.mismatch("[]", base.type, index.type, node.place)
            return Typed(f"clary_array_subscript({base.sql}, {coerce(index, Type('bigint'))})", base.type.children[0])
        if base.type.name == "map" and can_be(index, base.type.children[0]):
            key, value = base.type.children
            key_sql = coerce(index, key)
            shown = (
                cast(Typed(key_sql, key), Type("varchar"), node.place, safe=False).sql
                if key.name != "varchar"
                else key_sql
            )
            return Typed(f"clary_map_subscript({base.sql}, {key_sql}, {shown})", value)
        raise operators.mismatch("[]", base.type, index.type, node.place)

    def _row_subscript(self, base: Typed, node: tree.Subscript) -> Typed:
        if not isinstance(node.index, tree.Literal) or node.index.kind != "integer":
            message = "Subscript expression on ROW requires a constant index"
            raise SqlError("EXPRESSION_NOT_CONSTANT", message, node.index.place)
        at = int(node.index.value)
        if not 1 <= at <= len(base.type.children):
            message = (
                f"ROW index out of bounds: {at}" if at > 0 else f"Invalid subscript index: {at}. ROW indices start at 1"
            )
            raise SqlError("INVALID_FUNCTION_ARGUMENT", message, node.index.place)
        return self._nth_field(base, at - 1)

    # --- queries within ---

    def _exists(self, node: tree.Exists) -> Typed:
        return Typed(f"EXISTS ({self.queries.nested(node.query, self.scope).sql})", BOOLEAN)

    def _scalar(self, node: tree.Scalar) -> Typed:
        shape = self.queries.nested(node.query, self.scope)
        shape.mark_used()
        if len(shape.fields) == 1:
            return Typed(f"({shape.sql})", shape.fields[0].type)
        wanted = row_of([one.type for one in shape.fields], [one.name for one in shape.fields])
        packed = ", ".join(
            f"{quote(name)} := {one.sql}" for name, one in zip(field_names(wanted), shape.fields, strict=True)
        )
        return Typed(f"({select(f'struct_pack({packed})', shape.source())})", wanted)

    def _inquery(self, node: tree.InQuery) -> Typed:
        left, right = self._beside_query(node.value, node.query, "IN", node.place)
        return Typed(f"({left} IN ({right}))", BOOLEAN)

    def _quantified(self, node: tree.Quantified) -> Typed:
        left, right = self._beside_query(node.value, node.query, node.operator, node.place)
        return Typed(f"({left} {node.operator} {node.quantifier} ({right}))", BOOLEAN)

    def _beside_query(self, value: tree.Expression, query: tree.Query, operator: str, place: Place) -> tuple[str, str]:
        """A value and the one column of a query, as one type."""
        shape = self.queries.nested(query, self.scope)
        shape.mark_used()
        left = self.translate(value)
        if len(shape.fields) > 1 or left.type.name == "row":
            raise refusal("Comparing rows with the rows of a query", place)
        right = shape.fields[0]
        both = common_type(left.type, right.type)
        if both is None:
            raise operators.mismatch(operator, left.type, right.type, place)
        column = coerce(Typed(right.sql, right.type), both)
        return coerce(left, both), select(column, shape.source())

    # --- calls ---

    def _call(self, node: tree.Call) -> Typed:
        from clary.sql.calls import translate_call

        return translate_call(self, node)

    def _lambda(self, node: tree.Lambda) -> Typed:
        raise SqlError("SYNTAX_ERROR", "Lambda expression should always be used inside a function", node.place)

    def lambda_of(self, node: tree.Expression, arguments: list[Typed]) -> Typed:
        """The body of a lambda whose arguments stand for these values."""
        if not isinstance(node, tree.Lambda) or len(node.names) != len(arguments):
            message = f"Expected a lambda that takes {len(arguments)} argument(s)"
            raise SqlError("TYPE_MISMATCH", message, node.place)
        if contains(node.body, (tree.Exists, tree.InQuery, tree.Scalar, tree.Quantified)):
            raise SqlError("NOT_SUPPORTED", "Lambda expression cannot contain subqueries", node.place)
        self.lambdas.append(dict(zip(node.names, arguments, strict=True)))
        try:
            return self.translate_whole(node.body)
        finally:
            self.lambdas.pop()

    def lambda_name(self, number: int = 0) -> str:
        """The DuckDB name for an argument of the next lambda: no other lambda around it has it."""
        return f"l{len(self.lambdas)}_{number}"


def _over_rows(node: tree.Expression) -> str:
    """The name of an aggregate or a window function; empty for all else."""
    from clary.sql.functions import AGGREGATES, WINDOWS

    return node.name if isinstance(node, tree.Call) and (node.name in AGGREGATES or node.name in WINDOWS) else ""


def _terms(node: tree.Binary) -> list[tree.Expression]:
    """The operands of a chain of AND or OR."""
    found: list[tree.Expression] = []
    left: tree.Expression = node
    while isinstance(left, tree.Binary) and left.operator == node.operator:
        found.append(left.right)
        left = left.left
    return [left, *reversed(found)]


def children(node: Any) -> Iterator[Any]:
    """The nodes right below one; queries within expressions are not entered."""
    if isinstance(node, tree.Query):
        return
    for one in fields(node):
        value = getattr(node, one.name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, tuple) and not isinstance(item, Place):
                yield from item
            elif is_dataclass(item) and not isinstance(item, Type):
                yield item


def walk(node: Any) -> Iterator[Any]:
    """An expression and all nodes in it; queries within it are given, but not entered."""
    pending = [node]
    while pending:
        one = pending.pop()
        yield one
        pending += children(one)


def contains(node: Any, kinds: tuple[type, ...]) -> bool:
    """Whether one of these nodes stands anywhere in an expression."""
    return any(isinstance(one, kinds) for one in walk(node))


def zoned(value: Type, zone: str) -> Type:
    """The same type of timestamps, of another zone."""
    return replace(value, zone=zone)
