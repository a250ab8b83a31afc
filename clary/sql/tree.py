"""What a query says: the nodes that the parser makes, each with its place in the user's text."""

from __future__ import annotations

from dataclasses import dataclass, field

from clary.sql.errors import Place
from clary.sql.types import Type


@dataclass(slots=True)
class Node:
    """Anything that was read, and where."""

    place: Place


class Expression(Node):
    """What has a value."""

    __slots__ = ()


@dataclass(slots=True)
class Literal(Expression):
    """A constant. `kind`: null, boolean, string, integer, decimal, double, binary."""

    kind: str
    value: str


@dataclass(slots=True)
class TypedLiteral(Expression):
    """A type and a string: DATE '2020-01-01'."""

    type: Type
    value: str


@dataclass(slots=True)
class Interval(Expression):
    """INTERVAL '3' DAY. The value has its sign; units are singular, lower case; `to` is empty or the last unit."""

    value: str
    unit: str
    to: str


@dataclass(slots=True)
class Name(Expression):
    """A column's name, or one of its parts: a, t.a, t.a.field; lower case."""

    parts: list[str]


@dataclass(slots=True)
class Field(Expression):
    """A field of a row that is no plain name: (expression).field."""

    base: Expression
    name: str


@dataclass(slots=True)
class Parameter(Expression):
    """A question mark; they count from 0."""

    number: int


@dataclass(slots=True)
class Unary(Expression):
    """-x, NOT x."""

    operator: str
    operand: Expression


@dataclass(slots=True)
class Binary(Expression):
    """Arithmetic, comparisons, AND, OR. The place is the operator's for arithmetic and comparisons, as in Trino."""

    operator: str
    left: Expression
    right: Expression


@dataclass(slots=True)
class Between(Expression):
    """x BETWEEN low AND high."""

    value: Expression
    low: Expression
    high: Expression


@dataclass(slots=True)
class InList(Expression):
    """x IN (1, 2)."""

    value: Expression
    options: list[Expression]


@dataclass(slots=True)
class InQuery(Expression):
    """x IN (SELECT ...)."""

    value: Expression
    query: Query


@dataclass(slots=True)
class Like(Expression):
    """x LIKE pattern ESCAPE e."""

    value: Expression
    pattern: Expression
    escape: Expression | None


@dataclass(slots=True)
class IsNull(Expression):
    """x IS NULL."""

    value: Expression


@dataclass(slots=True)
class Exists(Expression):
    """EXISTS (SELECT ...)."""

    query: Query


@dataclass(slots=True)
class Quantified(Expression):
    """x > ALL (SELECT ...); `quantifier` is ANY or ALL."""

    operator: str
    quantifier: str
    value: Expression
    query: Query


@dataclass(slots=True)
class Scalar(Expression):
    """A query in brackets, as a value."""

    query: Query


@dataclass(slots=True)
class Case(Expression):
    """CASE [operand] WHEN ... THEN ... ELSE ... END."""

    operand: Expression | None
    branches: list[tuple[Expression, Expression]]
    default: Expression | None


@dataclass(slots=True)
class Cast(Expression):
    """CAST and TRY_CAST."""

    value: Expression
    type: Type
    safe: bool


@dataclass(slots=True)
class Sort:
    """One key of an ORDER BY. Trino puts NULL last in both directions unless told."""

    key: Expression
    descending: bool
    nulls_first: bool


@dataclass(slots=True)
class Bound:
    """One end of a window's frame: kind is PRECEDING, FOLLOWING, CURRENT ROW; no offset means UNBOUNDED."""

    kind: str
    offset: Expression | None


@dataclass(slots=True)
class Window:
    """OVER (...): `name` is the window of the WINDOW clause it starts from."""

    place: Place
    name: str
    partition: list[Expression]
    order: list[Sort]
    unit: str = ""
    start: Bound | None = None
    end: Bound | None = None


@dataclass(slots=True)
class Call(Expression):
    """A function with its arguments, for aggregates and windows with all that may follow."""

    name: str
    arguments: list[Expression]
    distinct: bool = False
    order: list[Sort] = field(default_factory=list)
    condition: Expression | None = None
    window: Window | None = None
    ignore_nulls: bool = False
    star: bool = False
    operator: bool = False


@dataclass(slots=True)
class Lambda(Expression):
    """x -> x + 1."""

    names: list[str]
    body: Expression


@dataclass(slots=True)
class Row(Expression):
    """ROW(1, 2) and (1, 2)."""

    items: list[Expression]


@dataclass(slots=True)
class Array(Expression):
    """ARRAY[1, 2]."""

    items: list[Expression]


@dataclass(slots=True)
class Subscript(Expression):
    """x[1]."""

    base: Expression
    index: Expression


@dataclass(slots=True)
class AtZone(Expression):
    """x AT TIME ZONE 'UTC'."""

    value: Expression
    zone: Expression


# --- queries ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Relation(Node):
    """What stands in FROM."""


@dataclass(slots=True)
class Table(Relation):
    """A name of one to three parts, lower case."""

    parts: list[str]


@dataclass(slots=True)
class Aliased(Relation):
    """relation AS name (columns)."""

    relation: Relation
    name: str
    columns: list[str]


@dataclass(slots=True)
class Join(Relation):
    """`kind`: INNER, LEFT, RIGHT, FULL, CROSS."""

    kind: str
    left: Relation
    right: Relation
    condition: Expression | None = None
    using: list[str] = field(default_factory=list)
    natural: bool = False


@dataclass(slots=True)
class Unnest(Relation):
    """UNNEST(a, b) WITH ORDINALITY."""

    arguments: list[Expression]
    ordinality: bool


@dataclass(slots=True)
class Derived(Relation):
    """A query in brackets; LATERAL ones see what stands before them."""

    query: Query
    lateral: bool


@dataclass(slots=True)
class Sample(Relation):
    """relation TABLESAMPLE BERNOULLI (10)."""

    relation: Relation
    method: str
    percentage: Expression


@dataclass(slots=True)
class Item:
    """One item of SELECT: an expression with its alias, or `*` (with what stands before it)."""

    place: Place
    expression: Expression | None
    alias: str = ""
    of: Expression | None = None


class Body(Node):
    """SELECT, VALUES, TABLE, a set operation or a query in brackets."""

    __slots__ = ()


@dataclass(slots=True)
class Grouping:
    """One element of GROUP BY: plain expressions (kind ""), ROLLUP, CUBE or GROUPING SETS."""

    kind: str
    sets: list[list[Expression]]


@dataclass(slots=True)
class Select(Body):
    """SELECT with its clauses."""

    items: list[Item]
    distinct: bool
    relation: Relation | None = None
    where: Expression | None = None
    groups: list[Grouping] = field(default_factory=list)
    having: Expression | None = None
    windows: dict[str, Window] = field(default_factory=dict)
    grouped: bool = False


@dataclass(slots=True)
class SetOperation(Body):
    """UNION, INTERSECT, EXCEPT."""

    operator: str
    distinct: bool
    left: Body
    right: Body


@dataclass(slots=True)
class Values(Body):
    """VALUES (1, 2), (3, 4)."""

    rows: list[Expression]


@dataclass(slots=True)
class TableBody(Body):
    """TABLE name."""

    table: Table


@dataclass(slots=True)
class Nested(Body):
    """A query in brackets."""

    query: Query


@dataclass(slots=True)
class With:
    """One named query of WITH."""

    place: Place
    name: str
    columns: list[str]
    query: Query


@dataclass(slots=True)
class Query(Node):
    """A whole query. `limit` of None means ALL."""

    body: Body
    withs: list[With] = field(default_factory=list)
    recursive: bool = False
    order: list[Sort] = field(default_factory=list)
    offset: Expression | None = None
    limit: Expression | None = None
    ties: bool = False
