"""FROM: tables, views, joins, UNNEST, queries in brackets, samples; with what may be pruned of each table."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clary.sql import tree
from clary.sql.casts import cast
from clary.sql.errors import START, SqlError, refusal
from clary.sql.expressions import ExpressionTranslator, contains, walk
from clary.sql.functions import VOLATILE
from clary.sql.operators import compare
from clary.sql.scope import Field, Scope, UsedTable
from clary.sql.typed import Typed, coerce, select
from clary.sql.types import BIGINT, UNKNOWN, Type, common_type, parse_type
from clary.tables.duck_types import quote

if TYPE_CHECKING:
    from clary.sql.contract import Column, Relation
    from clary.sql.queries import QueryTranslator

_QUERIES = (tree.Exists, tree.InQuery, tree.Scalar, tree.Quantified)
_DEEPEST_VIEW = 20


@dataclass(slots=True)
class From:
    """A relation in DuckDB's SQL, its fields, and the tables whose rows a condition on them alone may leave out."""

    sql: str
    fields: list[Field]
    prunable: list[UsedTable] = field(default_factory=list)
    is_join: bool = False


class RelationTranslator:
    """Translates what stands in one FROM. `seen` grows from left to right: what LATERAL and UNNEST may name."""

    def __init__(self, queries: QueryTranslator, parent: Scope | None) -> None:
        self.queries = queries
        self.parent = parent

    def translate(self, node: tree.Relation, seen: list[Field]) -> From:
        """Any relation."""
        if isinstance(node, tree.Table):
            return self._table(node)
        if isinstance(node, tree.Aliased):
            return self._aliased(node, seen)
        if isinstance(node, tree.Join):
            return self._join(node, seen)
        if isinstance(node, tree.Unnest):
            return self._unnest(node, seen)
        if isinstance(node, tree.Derived):
            return self._derived(node, seen)
        assert isinstance(node, tree.Sample)
        return self._sample(node, seen)

    # --- tables and views ---

    def _table(self, node: tree.Table) -> From:
        if len(node.parts) == 1:
            named = self.queries.named(node.parts[0])
            if named is not None:
                return named
        if len(node.parts) > 3:
            raise SqlError("SYNTAX_ERROR", f"Too many dots in table name: {'.'.join(node.parts)}", node.place)
        catalog, database, name = ["", "", ""][len(node.parts) :] + node.parts
        database = database or self.queries.database
        if self.queries.depth:  # in a view, whose tables are in its own catalog
            catalog = catalog or self.queries.catalog_name
        found = self.queries.catalog.relation(catalog, database, name)
        full = (catalog or self.queries.catalog_name.lower(), database, name)
        if found is None:
            raise self._not_found(catalog, full, node)
        if found.view:
            return self._view(found, full, node)
        used = UsedTable(f"t{self.queries.session.number()}_{name}", (catalog, database, name))
        self.queries.session.tables.append(used)
        return From(quote(used.alias), _columns(found, used, full), [used])

    def _not_found(self, catalog: str, full: tuple[str, str, str], node: tree.Table) -> SqlError:
        missing = self.queries.catalog.missing(catalog, full[1])
        if missing == "catalog":
            return SqlError("CATALOG_NOT_FOUND", f"Catalog '{full[0]}' does not exist", node.place)
        if missing == "database":
            return SqlError("SCHEMA_NOT_FOUND", f"Schema '{full[1]}' does not exist", node.place)
        return SqlError("TABLE_NOT_FOUND", f"Table '{'.'.join(full)}' does not exist", node.place)

    def _view(self, found: Relation, full: tuple[str, str, str], node: tree.Table) -> From:
        from clary.sql.parse import parse_query

        if self.queries.depth > _DEEPEST_VIEW:
            raise SqlError("VIEW_IS_RECURSIVE", f"View '{'.'.join(full)}' is recursive", node.place)
        try:
            shape = self.queries.of_view(full).query(parse_query(found.view, START), None)
        except SqlError as problem:
            if problem.code == "VIEW_IS_RECURSIVE":
                raise
            message = f"Failed analyzing stored view '{'.'.join(full)}': {problem}"
            raise SqlError("VIEW_IS_INVALID", message, node.place) from None
        if stale := _staleness(shape.fields, found.columns):
            message = f"View '{'.'.join(full)}' is stale or in invalid state: {stale}"
            raise SqlError("VIEW_IS_STALE", message, node.place)
        fields = []
        for one, column in zip(shape.fields, found.columns, strict=True):
            value = Typed(one.sql, one.type)
            origin: Field | None = one
            declared = parse_type(column.type)
            if declared != one.type and declared.name != one.type.name and one.type != UNKNOWN:
                value, origin = cast(value, declared, node.place, safe=False), None
            fields.append(Field(column.name, value.type, value.sql, full, (one,), origin=origin))
        return From(shape.source(), fields, shape.prunable)

    # --- composed ---

    def _aliased(self, node: tree.Aliased, seen: list[Field]) -> From:
        inner = self.translate(node.relation, seen)
        visible = [one for one in inner.fields if not one.hidden]
        names = node.columns or [one.name for one in visible]
        if len(names) != len(visible):
            message = (
                f"Column alias list has {len(names)} entries but '{node.name}' has {len(visible)} columns available"
            )
            raise SqlError("MISMATCHED_COLUMN_ALIASES", message, node.place)
        fields = [_renamed(one, name, node.name) for one, name in zip(visible, names, strict=True)]
        if not node.columns:
            fields += [_renamed(one, one.name, node.name) for one in inner.fields if one.hidden]
        return From(inner.sql, fields, inner.prunable, inner.is_join)

    def _derived(self, node: tree.Derived, seen: list[Field]) -> From:
        parent = Scope(seen, self.parent) if node.lateral else self.parent
        shape = self.queries.query(node.query, parent)
        fields = [Field(one.name, one.type, one.sql, (), (one,), origin=one) for one in shape.fields]
        return From(f"{'LATERAL ' if node.lateral else ''}{shape.source()}", fields, shape.prunable)

    def _sample(self, node: tree.Sample, seen: list[Field]) -> From:
        inner = self.translate(node.relation, seen)
        if inner.is_join or inner.sql.startswith("LATERAL"):
            raise refusal("TABLESAMPLE of a join", node.place)
        if not isinstance(node.percentage, tree.Literal) or node.percentage.kind not in (
            "integer",
            "decimal",
            "double",
        ):
            raise refusal("TABLESAMPLE with a percentage that is no constant", node.place)
        percentage = float(node.percentage.value)
        if not 0 <= percentage <= 100:
            message = "Sample percentage must be between 0 and 100"
            raise SqlError("NUMERIC_VALUE_OUT_OF_RANGE", message, node.percentage.place)
        return From(
            f"{inner.sql} TABLESAMPLE {node.method.lower()}({percentage} PERCENT)", inner.fields, inner.prunable
        )

    # --- joins ---

    def _join(self, node: tree.Join, seen: list[Field]) -> From:
        if node.natural:
            raise SqlError("NOT_SUPPORTED", "Natural join not supported", node.place)
        left = self.translate(node.left, seen)
        right = self.translate(node.right, [*seen, *left.fields])
        lateral = right.sql.startswith("LATERAL")
        if lateral and node.kind not in ("CROSS", "INNER", "LEFT"):
            raise SqlError(
                "NOT_SUPPORTED", f"{node.kind} JOIN involving UNNEST or LATERAL is not supported", node.place
            )
        keeps = {"LEFT": left.prunable, "RIGHT": right.prunable, "FULL": []}
        prunable = keeps.get(node.kind, left.prunable + right.prunable)
        right_sql = f"({right.sql})" if right.is_join else right.sql
        if node.kind == "CROSS":
            return From(f"{left.sql} CROSS JOIN {right_sql}", left.fields + right.fields, prunable, is_join=True)
        fields = left.fields + right.fields
        if node.using:
            condition, fields = self._using(node, left.fields, right.fields)
        else:
            assert node.condition is not None
            translator = ExpressionTranslator(self.queries, Scope(fields, self.parent))
            translator.allow = "JOIN clause"
            cuts = {"LEFT": right.prunable, "RIGHT": left.prunable, "FULL": []}
            condition = conjunction(translator, node.condition, "JOIN ON clause", cuts.get(node.kind, prunable))
        return From(f"{left.sql} {node.kind} JOIN {right_sql} ON {condition}", fields, prunable, is_join=True)

    def _using(self, node: tree.Join, left: list[Field], right: list[Field]) -> tuple[str, list[Field]]:
        conditions, joined, taken = [], [], []
        for name in node.using:
            pair = [_one_of(side, name, node) for side in (left, right)]
            for one in pair:
                one.mark_used()
            both = common_type(pair[0].type, pair[1].type)
            values = [Typed(one.text(), one.type) for one in pair]
            conditions.append(compare("=", values[0], values[1], node.place).sql)
            assert both is not None
            texts = [coerce(one, both) for one in values]
            sql = {"RIGHT": texts[1], "FULL": f"coalesce({', '.join(texts)})"}.get(node.kind, texts[0])
            joined.append(Field(name, both, sql, (), tuple(pair)))
            taken += pair
        rest = [one for one in left + right if one not in taken]
        return " AND ".join(conditions), joined + rest

    # --- unnest ---

    def _unnest(self, node: tree.Unnest, seen: list[Field]) -> From:
        """A column for each array and two for each map; an array's rows stay rows, as in Athena (not as in Trino)."""
        translator = ExpressionTranslator(self.queries, Scope(seen, self.parent))
        translator.allow = "UNNEST"
        alias = f"u{self.queries.session.number()}"
        lists: list[tuple[str, Type]] = []
        lengths: list[str] = []
        for argument in node.arguments:
            value = translator.translate(argument)
            kind = value.type
            if kind.name == "map":
                for part, child in zip(("keys", "values"), kind.children, strict=True):
                    lists.append((f"map_{part}({value.sql})", child))
                lengths.append(f"len(map_keys({value.sql}))")
            elif kind.name == "array":
                lists.append((value.sql, kind.children[0]))
                lengths.append(f"len({value.sql})")
            else:
                message = f"Cannot unnest type: {kind}"
                raise SqlError("INVALID_FUNCTION_ARGUMENT", message, argument.place)
        if node.ordinality:
            lists.append((f"range(1, coalesce(greatest({', '.join([*lengths, '0'])}), 0) + 1)", BIGINT))
        fields = [Field("", kind, f"{alias}.c{at}") for at, (_, kind) in enumerate(lists)]
        outer = ", ".join(f"i.c{at} AS c{at}" for at in range(len(lists)))
        inner = ", ".join(f"unnest({sql}) AS c{at}" for at, (sql, _) in enumerate(lists))
        return From(f"LATERAL ({select(outer, f'(SELECT {inner}) AS i')}) AS {alias}", fields)


def _columns(found: Relation, used: UsedTable, full: tuple[str, str, str]) -> list[Field]:
    fields: list[Field] = []
    for column in (*found.columns, *found.hidden):
        kind = parse_type(column.type)
        sql = f"{quote(used.alias)}.{quote(column.name)}"
        if kind.name == "char":
            sql = f"rpad({sql}, {kind.sizes[0]}, ' ')"
        hidden = len(fields) >= len(found.columns)
        fields.append(Field(column.name.lower(), kind, sql, full, table=used, hidden=hidden))
    return fields


def _renamed(one: Field, name: str, qualifier: str) -> Field:
    return Field(name, one.type, one.sql, (qualifier,), (one,), origin=one, hidden=one.hidden)


def _one_of(side: list[Field], name: str, node: tree.Join) -> Field:
    found = [one for one in side if one.name == name]
    if not found:
        where = "left" if side and side[0] else "right"
        message = f"Column '{name}' is missing from {where} side of join"
        raise SqlError("COLUMN_NOT_FOUND", message, node.place)
    if len(found) > 1:
        raise SqlError("AMBIGUOUS_NAME", f"Column '{name}' is ambiguous", node.place)
    return found[0]


# --- pruning ----------------------------------------------------------------------------------------------------------


def conjunction(translator: ExpressionTranslator, node: tree.Expression, what: str, prunable: list[UsedTable]) -> str:
    """A condition; those of its conjuncts that concern one table alone become that table's filter, too."""
    texts = []
    for one in _conjuncts(node):
        with translator.collecting() as fields:
            texts.append(translator.condition(one, what))
        for column in fields:
            column.mark_used()
        tables = {id(column.base().table): column.base().table for column in fields}
        table = next(iter(tables.values()), None)
        if (
            len(tables) == 1
            and table in prunable
            and not contains(one, _QUERIES)
            and not _is_volatile(one, translator.session.external)
        ):
            assert table is not None
            table.bare = True
            try:
                table.filters.append(translator.condition(one, what))
            finally:
                table.bare = False
    return " AND ".join(texts)


def _conjuncts(node: tree.Expression) -> list[tree.Expression]:
    found: list[tree.Expression] = []
    left = node
    while isinstance(left, tree.Binary) and left.operator == "AND":
        found = [*_conjuncts(left.right), *found]
        left = left.left
    return [left, *found]


def _is_volatile(node: tree.Expression, external: Container[str]) -> bool:
    return any(isinstance(one, tree.Call) and (one.name in VOLATILE or one.name in external) for one in walk(node))


def _staleness(fields: Sequence[Field], columns: Sequence[Column]) -> str:
    """How the columns of a view's query differ from those that were stored with it, in Trino's words."""
    if len(fields) != len(columns):
        return (
            f"stored view column count ({len(columns)}) does not match column count derived from the view query "
            f"analysis ({len(fields)})"
        )
    for number, (one, column) in enumerate(zip(fields, columns, strict=True)):
        if one.name.lower() != column.name.lower():
            return (
                f"column [{one.name}] of type {one.type} projected from query view at position {number} has a "
                f"different name from column [{column.name}] of type {column.type} stored in view definition"
            )
    return ""
