"""Queries: SELECT and all around it, from the tree to DuckDB's SQL."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from clary.sql import tree
from clary.sql.contract import Catalog
from clary.sql.errors import SqlError, refusal
from clary.sql.expressions import Session
from clary.sql.relations import From
from clary.sql.scope import Field, Scope, UsedTable
from clary.sql.selects import SelectTranslator
from clary.sql.typed import Typed, coerce, select
from clary.sql.types import UNKNOWN, Type, common_type
from clary.tables.duck_types import quote


@dataclass(slots=True)
class Shape:
    """A query's DuckDB text and its columns, to be named through `alias`; which tables may be pruned from outside."""

    sql: str
    fields: list[Field]
    alias: str
    prunable: list[UsedTable] = field(default_factory=list)

    def source(self) -> str:
        """What stands for it in FROM."""
        return f"({self.sql}) AS {self.alias}"

    def mark_used(self) -> None:
        """All columns are needed."""
        for one in self.fields:
            one.mark_used()


@dataclass(slots=True)
class NamedQuery:
    """One query of WITH, and how often its name stands in the statement."""

    node: tree.With
    references: int
    alias: str
    around: int
    shape: Shape | None = None


class QueryTranslator:
    """Translates the queries of a statement, or of a view in it."""

    def __init__(self, session: Session, catalog: Catalog, catalog_name: str, database: str, depth: int = 0) -> None:
        self.session = session
        self.catalog = catalog
        self.catalog_name = catalog_name
        self.database = database
        self.depth = depth
        self.withs: list[dict[str, NamedQuery]] = []

    def of_view(self, full: tuple[str, str, str]) -> QueryTranslator:
        """The translator for a view's query: it sees none of the names around."""
        return QueryTranslator(self.session, self.catalog, *full[:2], self.depth + 1)

    def nested(self, node: tree.Query, scope: Scope) -> Shape:
        """A query within an expression."""
        return self.query(node, scope)

    # --- WITH ---

    def named(self, name: str) -> From | None:
        """The query of that name in WITH; one that is named once stands where it is named."""
        for level in range(len(self.withs) - 1, -1, -1):
            found = self.withs[level].get(name)
            if found is None:
                continue
            if found.shape is None:
                shape = self._named_once(found, level)
                columns = [Field(one.name, one.type, one.sql, (name,), (one,), origin=one) for one in shape.fields]
                return From(shape.source(), columns, shape.prunable)
            alias = f"q{self.session.number()}"
            columns = [
                Field(one.name, one.type, f"{alias}.{one.sql.partition('.')[2]}", (name,), (one,))
                for one in found.shape.fields
            ]
            return From(f"{found.alias} AS {alias}", columns)
        return None

    def _named_once(self, found: NamedQuery, level: int) -> Shape:
        """Translate it with the names it may see: those before it."""
        names, self.withs = self.withs, [*self.withs[:level], self._before(level, found)]
        try:
            return self._renamed(self.query(found.node.query, None), found.node)
        finally:
            self.withs = names

    def _before(self, level: int, found: NamedQuery) -> dict[str, NamedQuery]:
        names = list(self.withs[level].items())
        return dict(names[: found.around])

    @staticmethod
    def _renamed(shape: Shape, node: tree.With) -> Shape:
        if node.columns:
            if len(node.columns) != len(shape.fields):
                counts = f"{len(node.columns)} entries but subquery has {len(shape.fields)} columns"
                message = f"WITH column alias list has {counts}"
                raise SqlError("MISMATCHED_COLUMN_ALIASES", message, node.place)
            for one, name in zip(shape.fields, node.columns, strict=True):
                one.name = name
        return shape

    def _add_withs(self, node: tree.Query) -> str:
        """Open the names of WITH; the text of those that are named more than once (or never, for their errors)."""
        if node.recursive:
            raise refusal("WITH RECURSIVE", node.withs[0].place)
        level: dict[str, NamedQuery] = {}
        self.withs.append(level)
        texts = []
        for one in node.withs:
            if one.name in level:
                raise SqlError(
                    "DUPLICATE_NAMED_QUERY", f"WITH query name '{one.name}' specified more than once", one.place
                )
            found = NamedQuery(one, _references(node, one.name), f"w{self.session.number()}", len(level))
            if found.references != 1:
                shape = self._renamed(self.query(one.query, None), one)
                texts.append(f"{found.alias} AS ({shape.sql})")
                found.shape = shape
            level[one.name] = found
        return f"WITH {', '.join(texts)} " if texts else ""

    # --- queries ---

    def query(self, node: tree.Query, parent: Scope | None) -> Shape:
        """A whole query."""
        withs = self._add_withs(node)
        try:
            if isinstance(node.body, tree.Select):
                shape = SelectTranslator(self, node.body, parent, node.order).translate()
            else:
                shape = self._body(node.body, parent)
                if node.order:
                    shape = self._ordered(shape, node.order, parent)
            shape.sql = withs + shape.sql + self._count(node)
            if node.limit is not None or node.offset is not None:
                for one in shape.fields:
                    one.origin = None
                shape.prunable = []
            return shape
        finally:
            self.withs.pop()

    def _count(self, node: tree.Query) -> str:
        if node.ties:
            raise refusal("FETCH FIRST ... WITH TIES", node.place)
        found = ""
        for word, count in (("LIMIT", node.limit), ("OFFSET", node.offset)):
            if count is not None:
                found += f" {word} {self._whole(count, word)}"
        return found

    def _whole(self, node: tree.Expression, what: str) -> int:
        while isinstance(node, tree.Parameter):
            node = self.session.parameters[node.number]
        if not isinstance(node, tree.Literal) or node.kind != "integer":
            raise SqlError("TYPE_MISMATCH", f"Non constant parameter value for {what}", node.place)
        return int(node.value)

    def _body(self, node: tree.Body, parent: Scope | None) -> Shape:
        if isinstance(node, tree.Select):
            return SelectTranslator(self, node, parent, []).translate()
        if isinstance(node, tree.Nested):
            return self.query(node.query, parent)
        if isinstance(node, tree.Values):
            return self._values(node, parent)
        if isinstance(node, tree.TableBody):
            select = tree.Select(node.place, [tree.Item(node.place, None)], distinct=False, relation=node.table)
            return SelectTranslator(self, select, parent, []).translate()
        assert isinstance(node, tree.SetOperation)
        return self._set_operation(node, parent)

    def _ordered(self, shape: Shape, order: list[tree.Sort], parent: Scope | None) -> Shape:
        """ORDER BY after a set operation, VALUES or brackets: it sees the columns alone."""
        table = tree.Table(order[0].key.place, ["?"])
        columns = [Field(one.name, one.type, one.sql, (), (one,)) for one in shape.fields]
        relation = From(shape.source(), columns)
        select = tree.Select(order[0].key.place, [tree.Item(order[0].key.place, None)], distinct=False, relation=table)
        return SelectTranslator(self, select, parent, order, relation).translate()

    def _values(self, node: tree.Values, parent: Scope | None) -> Shape:
        from clary.sql.expressions import ExpressionTranslator

        translator = ExpressionTranslator(self, Scope([], parent))
        rows = [
            [translator.translate(one) for one in (row.items if isinstance(row, tree.Row) else [row])]
            for row in node.rows
        ]
        if len({len(row) for row in rows}) != 1:
            sizes = list(dict.fromkeys(len(row) for row in rows))
            message = f"Values rows have mismatched sizes: {sizes[0]} vs {sizes[1]}"
            raise SqlError("TYPE_MISMATCH", message, node.place)
        kinds = []
        for column in zip(*rows, strict=True):
            found = column[0].type
            for one in column[1:]:
                both = common_type(found, one.type)
                if both is None:
                    message = f"Values rows have mismatched types: {found} vs {one.type}"
                    raise SqlError("TYPE_MISMATCH", message, node.place)
                found = both
            kinds.append(found)
        texts = ", ".join(
            "("
            + ", ".join("NULL" if kind == UNKNOWN else coerce(one, kind) for one, kind in zip(row, kinds, strict=True))
            + ")"
            for row in rows
        )
        alias = f"q{self.session.number()}"
        names = [f"_col{at}" for at in range(len(kinds))]
        columns = [Field("", kind, f"{alias}.{quote(name)}") for name, kind in zip(names, kinds, strict=True)]
        return Shape(select("*", f"(VALUES {texts}) AS v({', '.join(map(quote, names))})"), columns, alias)

    def _set_operation(self, node: tree.SetOperation, parent: Scope | None) -> Shape:
        """A chain of one operator, which may be long, stands side by side."""
        nodes: list[tree.Body] = []
        left: tree.Body = node
        while isinstance(left, tree.SetOperation) and (left.operator, left.distinct) == (node.operator, node.distinct):
            nodes.append(left.right)
            left = left.left
        sides = [self._body(one, parent) for one in (left, *reversed(nodes))]
        kinds = self._common_columns(sides, node)
        if node.distinct or node.operator != "UNION":
            for side in sides:
                side.mark_used()
        texts = []
        for side in sides:
            items = [
                f"{'NULL' if kind == UNKNOWN else coerce(Typed(one.sql, one.type), kind)} AS c{at}"
                for at, (one, kind) in enumerate(zip(side.fields, kinds, strict=True))
            ]
            texts.append(f"({select(', '.join(items), side.source())})")
        alias = f"q{self.session.number()}"
        columns = [
            Field(sides[0].fields[at].name, kind, f"{alias}.c{at}", (), tuple(side.fields[at] for side in sides))
            for at, kind in enumerate(kinds)
        ]
        return Shape(f" {node.operator}{'' if node.distinct else ' ALL'} ".join(texts), columns, alias)

    @staticmethod
    def _common_columns(sides: list[Shape], node: tree.SetOperation) -> list[Type]:
        kinds = [one.type for one in sides[0].fields]
        for side in sides[1:]:
            if len(side.fields) != len(kinds):
                message = f"{node.operator} query has different number of fields: {len(kinds)}, {len(side.fields)}"
                raise SqlError("TYPE_MISMATCH", message, node.place)
            for at, one in enumerate(side.fields):
                both = common_type(kinds[at], one.type)
                if both is None:
                    types = f"{kinds[at]}, {one.type}"
                    message = f"column {at + 1} in {node.operator} query has incompatible types: {types}"
                    raise SqlError("TYPE_MISMATCH", message, node.place)
                kinds[at] = both
        return kinds


def _references(node: Any, name: str) -> int:
    """How often a table of this name stands anywhere in the query."""
    if isinstance(node, tree.Table):
        return int(node.parts == [name])
    if isinstance(node, list | tuple):
        return sum(_references(one, name) for one in node)
    if isinstance(node, dict):
        return sum(_references(one, name) for one in node.values())
    if is_dataclass(node):
        return sum(_references(getattr(node, one.name), name) for one in fields(node))
    return 0
