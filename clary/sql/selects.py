"""One SELECT: its FROM, WHERE, groups, items, windows and order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.sql import tree
from clary.sql.calls import direction
from clary.sql.errors import SqlError, refusal
from clary.sql.expressions import ExpressionTranslator, contains, walk
from clary.sql.functions import AGGREGATES
from clary.sql.once import varies_in
from clary.sql.relations import From, RelationTranslator, conjunction
from clary.sql.scope import Field, Scope
from clary.sql.typed import Typed, text
from clary.sql.types import field_names
from clary.tables.duck_types import quote

if TYPE_CHECKING:
    from clary.sql.queries import QueryTranslator, Shape


class SelectTranslator:
    """Translates one SELECT with the ORDER BY that belongs to it."""

    def __init__(
        self,
        queries: QueryTranslator,
        node: tree.Select,
        parent: Scope | None,
        order: list[tree.Sort],
        relation: From | None = None,
    ) -> None:
        self.queries, self.node, self.order = queries, node, order
        if relation is None and node.relation is not None:
            relation = RelationTranslator(queries, parent).translate(node.relation, [])
        self.relation = relation
        self.expressions = ExpressionTranslator(queries, Scope(relation.fields if relation else [], parent))
        self.expressions.windows = node.windows
        self.values: list[Typed] = []
        self.names: list[str] = []
        self.used: list[tuple[Field, ...]] = []
        self.plain: list[Field | None] = []

    def translate(self) -> Shape:
        """The whole SELECT."""
        from clary.sql.queries import Shape

        node, expressions = self.node, self.expressions
        where = ""
        if node.where:
            expressions.allow = "WHERE clause"
            prunable = self.relation.prunable if self.relation else []
            where = f" WHERE {conjunction(expressions, node.where, 'WHERE clause', prunable)}"
        grouping = self._groups()
        expressions.allow = "HAVING clause"
        having = f" HAVING {expressions.condition(node.having, 'HAVING clause')}" if node.having else ""
        expressions.allow = "nothing"
        for item in node.items:
            self._add_item(item)
        order = self._order()
        internal = self._internal_names()
        items = ", ".join(f"{one.sql} AS {quote(name)}" for one, name in zip(self.values, internal, strict=True))
        source = f" FROM {self._source()}" if self.relation else ""
        distinct = "DISTINCT " if node.distinct else ""
        alias = f"q{self.queries.session.number()}"
        columns = [
            Field(name, one.type, f"{alias}.{quote(inner)}", (), used, origin=self._origin(plain))
            for name, one, inner, used, plain in zip(
                self.names, self.values, internal, self.used, self.plain, strict=True
            )
        ]
        if node.distinct:
            for column in columns:
                column.mark_used()
        prunable = self.relation.prunable if self.relation and self._hands_on() else []
        return Shape(f"SELECT {distinct}{items}{source}{where}{grouping}{having}{order}", columns, alias, prunable)

    def _source(self) -> str:
        assert self.relation is not None
        sql = self.relation.sql
        return sql.removeprefix("LATERAL ") if sql.startswith("LATERAL ") else sql

    def _hands_on(self) -> bool:
        """Whether a condition on this query's columns may be tested on its table's rows already."""
        return self.expressions.groups is None and not any(
            contains(one.expression, (tree.Window,)) for one in self.node.items if one.expression
        )

    def _origin(self, plain: Field | None) -> Field | None:
        return plain if self._hands_on() else None

    # --- groups ---

    def _groups(self) -> str:
        """GROUP BY, and what that makes of the expressions after it."""
        node, expressions = self.node, self.expressions
        parts = [one.expression for one in node.items if one.expression] + [one.key for one in self.order]
        parts += [node.having] if node.having else []
        if not node.grouped:
            if node.having or any(_aggregates(one) for one in parts):
                expressions.groups = frozenset()
            return ""
        expressions.allow = "GROUP BY clause"
        known: dict[str, tree.Expression] = {}
        elements = []
        for group in node.groups:
            sets = [[self._group_text(one, known) for one in each] for each in group.sets]
            texts = [", ".join(each) for each in sets]
            if group.kind == "":
                elements.append(texts[0] or "GROUPING SETS (())")
            else:
                inner = [f"({one})" for one in texts]
                elements.append(f"{group.kind} ({', '.join(inner)})")
        expressions.groups = frozenset(known)
        expressions.composed_groups = any(not isinstance(one, tree.Name) for one in known.values())
        return f" GROUP BY {', '.join(elements)}"

    def _group_text(self, node: tree.Expression, known: dict[str, tree.Expression]) -> str:
        if isinstance(node, tree.Literal) and node.kind == "integer":
            node = self._item_at(int(node.value), "GROUP BY", node)
        found = self.expressions.translate(node)
        known[found.sql] = node
        return found.sql

    def _item_at(self, position: int, clause: str, node: tree.Expression) -> tree.Expression:
        items: list[Any] = []
        for item in self.node.items:
            if item.expression is not None:
                items.append(item.expression)
            else:
                items += [tree.Name(item.place, [*one.qualifier[-1:], one.name]) for one in self._starred(item)]
        if not 1 <= position <= len(items):
            message = f"{clause} position {position} is not in select list"
            raise SqlError("INVALID_COLUMN_REFERENCE", message, node.place)
        found: tree.Expression = items[position - 1]
        return found

    # --- items ---

    def _starred(self, item: tree.Item) -> list[Field]:
        if self.relation is None:
            message = "SELECT * not allowed in queries without FROM clause"
            raise SqlError("COLUMN_NOT_FOUND", message, item.place)
        if item.of is None:
            return self.expressions.scope.of_relation([])
        return self.expressions.scope.of_relation(item.of.parts) if isinstance(item.of, tree.Name) else []

    def _add_item(self, item: tree.Item) -> None:
        if item.expression is not None:
            self._add(item.expression, item.alias or _name_of(item.expression))
            return
        found = self._starred(item)
        for one in found:
            self._add_field(one, item)
        if found:
            return
        if item.of is None:
            raise SqlError("COLUMN_NOT_FOUND", "SELECT * has no columns to select", item.place)
        with self.expressions.collecting() as used:
            row = self.expressions.translate(item.of)
        if row.type.name != "row":
            raise SqlError("TYPE_MISMATCH", f"Expression is not of type ROW: {row.type}", item.place)
        if len(row.type.names) > 1 and self._varies(row):
            raise refusal(".* of a row that varies, like one of random(),", item.place)
        for name, shown, kind in zip(row.type.names, field_names(row.type), row.type.children, strict=True):
            self._push(Typed(f"struct_extract({row.sql}, {text(shown)})", kind), name, tuple(used), None)

    def _add_field(self, one: Field, item: tree.Item) -> None:
        groups = self.expressions.groups
        if groups is not None and one.text() not in groups:
            name = ".".join([*one.qualifier[-1:], one.name])
            message = f"'{name}' must be an aggregate expression or appear in GROUP BY clause"
            raise SqlError("EXPRESSION_NOT_AGGREGATE", message, item.place)
        self._push(Typed(one.text(), one.type), one.name, (one,), one)

    def _add(self, node: tree.Expression, name: str) -> None:
        with self.expressions.collecting() as used:
            value = self.expressions.translate(node)
        plain = used[0] if isinstance(node, tree.Name) and len(used) == 1 and used[0].sql == value.sql else None
        self._push(value, name, tuple(used), plain)

    def _push(self, value: Typed, name: str, used: tuple[Field, ...], plain: Field | None) -> None:
        self.values.append(value)
        self.names.append(name)
        self.used.append(used)
        self.plain.append(plain)

    def _internal_names(self) -> list[str]:
        """The names of the columns in DuckDB: as they are, but each of them once."""
        found: list[str] = []
        for at, name in enumerate(self.names):
            unique = name or f"_col{at}"
            while unique in found:
                unique += f"_{at}"
            found.append(unique)
        return found

    # --- order ---

    def _order(self) -> str:
        if not self.order:
            return ""
        return " ORDER BY " + ", ".join(f"{self._sort_key(one.key)}{direction(one)}" for one in self.order)

    def _sort_key(self, node: tree.Expression) -> str:
        """A key: the number of a column, or an expression over the query's columns and its tables'."""
        if isinstance(node, tree.Literal) and node.kind == "integer":
            position = int(node.value)
            if not 1 <= position <= len(self.values):
                message = f"ORDER BY position {position} is not in select list"
                raise SqlError("INVALID_COLUMN_REFERENCE", message, node.place)
            return self._used_at(position - 1)
        if isinstance(node, tree.Name) and len(node.parts) == 1:
            found = [at for at, name in enumerate(self.names) if name == node.parts[0]]
            if len({self.values[at].sql for at in found}) > 1:
                raise SqlError("AMBIGUOUS_NAME", f"Column '{node.parts[0]}' is ambiguous", node.place)
            if found:
                return self._used_at(found[0])
        self.expressions.aliases = {name: one for name, one in zip(self.names, self.values, strict=True) if name}
        try:
            value = self.expressions.translate(node)
        finally:
            self.expressions.aliases = {}
        named = {one.parts[0] for one in walk(node) if isinstance(one, tree.Name) and len(one.parts) == 1}
        if any(name in named and self._varies(one) for name, one in zip(self.names, self.values, strict=True)):
            raise refusal("ORDER BY over a column that varies, like random(),", node.place)
        for at, one in enumerate(self.values):
            if one.sql == value.sql:
                return self._used_at(at)
        if self.node.distinct:
            message = "For SELECT DISTINCT, ORDER BY expressions must appear in select list"
            raise SqlError("EXPRESSION_NOT_IN_DISTINCT", message, node.place)
        return value.sql

    def _varies(self, value: Typed) -> bool:
        return varies_in(value.sql, self.queries.session.external_names())

    def _used_at(self, at: int) -> str:
        for one in self.used[at]:
            one.mark_used()
        return str(at + 1)


def _name_of(node: tree.Expression) -> str:
    if isinstance(node, tree.Name):
        return node.parts[-1]
    return node.name if isinstance(node, tree.Field) else ""


def _aggregates(node: Any) -> bool:
    """Whether an aggregate stands in an expression, other than over a window."""
    return any(isinstance(one, tree.Call) and one.name in AGGREGATES and one.window is None for one in walk(node))
