"""Trino's types: their text, what turns into what without a cast, and their names in Hive and DuckDB.

How values lie in DuckDB: timestamps with zone as the UTC instant (TIMESTAMP), char padded with blanks (VARCHAR), json
as its canonical text (VARCHAR), rows as structs whose unnamed fields are field0, field1, ...
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from clary.errors import ClientError
from clary.tables.duck_types import quote
from clary.tables.hive_types import HiveType


@dataclass(frozen=True, slots=True)
class Type:
    """One type. `sizes` are its numbers; `names` the fields of a row ("" = unnamed).

    `zone` belongs to timestamps with zone: the zone that all values of the expression have.
    """

    name: str
    sizes: tuple[int, ...] = ()
    children: tuple[Type, ...] = ()
    names: tuple[str, ...] = ()
    zone: str = "UTC"

    def __str__(self) -> str:
        if self.name == "row":
            fields = (f"{name} {child}" if name else str(child) for name, child in self.fields)
            return f"row({', '.join(fields)})"
        if self.children:
            return f"{self.name}({', '.join(map(str, self.children))})"
        if self.name.endswith("with time zone"):
            return self.name.replace(" ", f"({self.sizes[0]}) ", 1)
        return f"{self.name}({','.join(map(str, self.sizes))})" if self.sizes else self.name

    @property
    def fields(self) -> list[tuple[str, Type]]:
        """The fields of a row: name and type."""
        return list(zip(self.names, self.children, strict=True))


def array_of(child: Type) -> Type:
    """array(child)."""
    return Type("array", children=(child,))


def map_of(key: Type, value: Type) -> Type:
    """map(key, value)."""
    return Type("map", children=(key, value))


def row_of(children: list[Type], names: list[str] | None = None) -> Type:
    """row(...); without names its fields are unnamed."""
    return Type("row", children=tuple(children), names=tuple(names or [""] * len(children)))


def decimal_of(precision: int, scale: int) -> Type:
    """decimal(precision, scale)."""
    return Type("decimal", (precision, scale))


UNKNOWN = Type("unknown")
BOOLEAN = Type("boolean")
TINYINT, SMALLINT, INTEGER, BIGINT = Type("tinyint"), Type("smallint"), Type("integer"), Type("bigint")
REAL, DOUBLE = Type("real"), Type("double")
VARCHAR, VARBINARY, JSON, DATE, UUID = Type("varchar"), Type("varbinary"), Type("json"), Type("date"), Type("uuid")
TIMESTAMP = Type("timestamp", (3,))
ZONED = Type("timestamp with time zone", (3,))
TIME = Type("time", (3,))
DAY_TO_SECOND, YEAR_TO_MONTH = Type("interval day to second"), Type("interval year to month")

WHOLE = ("tinyint", "smallint", "integer", "bigint")
WHOLE_DIGITS = dict(zip(WHOLE, (3, 5, 10, 19), strict=True))
NUMBERS = (*WHOLE, "decimal", "real", "double")
_SYNONYMS = {"int": "integer", "double precision": "double", "dec": "decimal", "numeric": "decimal", "float": "real"}
_SYNONYMS |= {"string": "varchar"}
_PLAIN = frozenset((*WHOLE, "boolean", "real", "double", "varbinary", "json", "date", "uuid", "unknown"))
_TIMES = ("time", "timestamp")
FINEST = 6  # DuckDB's timestamps have microseconds; Trino has up to picoseconds.
MOST_DIGITS = 38


def make_type(name: str, sizes: tuple[int, ...]) -> Type | None:
    """The type of a name (lower case, blanks single) and its numbers; None where Clary has none such."""
    name = _SYNONYMS.get(name, name)
    if name in _PLAIN and not sizes:
        return Type(name)
    if name in ("interval day to second", "interval year to month") and not sizes:
        return Type(name)
    if name == "decimal" and len(sizes) <= 2:
        precision, scale = (*sizes, *(MOST_DIGITS, 0)[len(sizes) :])
        return Type(name, (precision, scale)) if 1 <= precision <= MOST_DIGITS and scale <= precision else None
    if name == "varchar" and len(sizes) <= 1:
        return Type(name, sizes)
    if name == "char" and len(sizes) <= 1:
        return Type(name, sizes or (1,))
    base = name.removesuffix(" with time zone").removesuffix(" without time zone")
    if base in _TIMES and len(sizes) <= 1 and (sizes or (3,))[0] <= FINEST and name != "time with time zone":
        return Type(name.removesuffix(" without time zone"), sizes or (3,))
    return None


# --- coercion --------------------------------------------------------------------------------------------------------


def common_type(one: Type, other: Type) -> Type | None:
    """The type that both become without a cast, in a comparison, CASE or UNION; None where Trino wants a cast."""
    if one == other:
        return one
    for first, second in ((one, other), (other, one)):
        if first == UNKNOWN:
            return second
        if second.name in _WIDER.get(first.name, ()):
            return _widened(first, second)
    if one.name != other.name:
        return None
    return _common_of_one_name(one, other)


_WIDER = {
    "tinyint": ("smallint", "integer", "bigint", "decimal", "real", "double"),
    "smallint": ("integer", "bigint", "decimal", "real", "double"),
    "integer": ("bigint", "decimal", "real", "double"),
    "bigint": ("decimal", "real", "double"),
    "decimal": ("real", "double"),
    "real": ("double",),
    "date": ("timestamp", "timestamp with time zone"),
    "timestamp": ("timestamp with time zone",),
    "varchar": ("char",),
}


def _widened(narrow: Type, wide: Type) -> Type | None:
    if wide.name == "decimal":
        return common_type(decimal_of(WHOLE_DIGITS[narrow.name], 0), wide)
    if wide.name == "char":
        return Type("char", (max(narrow.sizes[0], wide.sizes[0]),)) if narrow.sizes else VARCHAR
    if narrow.name == "timestamp":
        return replace(wide, sizes=(max(narrow.sizes[0], wide.sizes[0]),))
    return wide


def _common_of_one_name(one: Type, other: Type) -> Type | None:
    if one.name == "decimal":
        whole = max(one.sizes[0] - one.sizes[1], other.sizes[0] - other.sizes[1])
        scale = max(one.sizes[1], other.sizes[1])
        return decimal_of(min(MOST_DIGITS, whole + scale), scale)
    if one.name == "varchar":
        return Type("varchar", (max(one.sizes[0], other.sizes[0]),)) if one.sizes and other.sizes else VARCHAR
    if one.sizes and not one.children:
        zone = one.zone if one.zone == other.zone else ""
        return replace(one, sizes=(max(one.sizes[0], other.sizes[0]),), zone=zone)
    if len(one.children) != len(other.children) or not one.children:
        return None
    children = [common_type(left, right) for left, right in zip(one.children, other.children, strict=True)]
    if None in children:
        return None
    names = tuple(left if left == right else "" for left, right in zip(one.names, other.names, strict=True))
    return Type(one.name, children=tuple(child for child in children if child), names=names)


def turns_into(one: Type, other: Type) -> bool:
    """Whether a value of `one` is taken where `other` is wanted, without a cast."""
    if other.name == "varchar" and not other.sizes and one.name in ("varchar", "char"):
        return True
    if one.name == "decimal" == other.name:
        return one.sizes[1] <= other.sizes[1] and one.sizes[0] - one.sizes[1] <= other.sizes[0] - other.sizes[1]
    if other.name == "decimal" and one.name in WHOLE:
        return WHOLE_DIGITS[one.name] <= other.sizes[0] - other.sizes[1]
    if one.children and one.name == other.name and len(one.children) == len(other.children):
        return all(turns_into(left, right) for left, right in zip(one.children, other.children, strict=True))
    if one.name == other.name == "timestamp":
        return one.sizes <= other.sizes
    found = common_type(one, other)
    return found is not None and replace(found, zone="") == replace(other, zone="")


# --- DuckDB ----------------------------------------------------------------------------------------------------------

_DUCKDB = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "json": "VARCHAR",
    "varbinary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMP",
    "time": "TIME",
    "uuid": "UUID",
    "interval day to second": "INTERVAL",
    "interval year to month": "INTERVAL",
    "unknown": "INTEGER",
}


def field_names(row: Type) -> list[str]:
    """The names that a row's fields have in DuckDB."""
    return [name or f"field{number}" for number, name in enumerate(row.names)]


def duckdb_name(one: Type) -> str:
    """The type that holds its values in DuckDB."""
    if one.name == "decimal":
        return f"DECIMAL({one.sizes[0]},{one.sizes[1]})"
    if one.name == "array":
        return duckdb_name(one.children[0]) + "[]"
    if one.name == "map":
        return f"MAP({duckdb_name(one.children[0])}, {duckdb_name(one.children[1])})"
    if one.name == "row":
        fields = zip(field_names(one), one.children, strict=True)
        return f"STRUCT({', '.join(f'{quote(name)} {duckdb_name(child)}' for name, child in fields)})"
    return _DUCKDB[one.name]


# --- texts of types --------------------------------------------------------------------------------------------------

_WORD = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([A-Za-z_][\w$]*)|(\d+)|(\[\s*\d*\s*\]|[(),]))')


class _Reader:
    """Reads types as Trino or DuckDB writes them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[tuple[str, bool]] = []
        at = 0
        while match := _WORD.match(text, at):
            quoted, word, number, sign = match.groups()
            self.words.append((quoted.replace('""', '"') if quoted else word or number or sign, bool(quoted)))
            at = match.end()
        if text[at:].strip():
            raise self.problem()
        self.at = 0

    def problem(self) -> ClientError:
        return ClientError(f"{self.text!r} is not a type that Clary knows")

    def peek(self) -> str:
        return self.words[self.at][0].lower() if self.at < len(self.words) else ""

    def take(self, wanted: str = "") -> str:
        word = self.words[self.at][0] if self.at < len(self.words) else ""
        if not word or (wanted and word.lower() != wanted):
            raise self.problem()
        self.at += 1
        return word

    def read(self) -> Type:
        name = self.take().lower()
        if name in ("array", "map"):
            self.take("(")
            children = [self.read()]
            while self.peek() == ",":
                self.take()
                children.append(self.read())
            self.take(")")
            found = Type(name, children=tuple(children))
        elif name in ("row", "struct"):
            found = self.read_row()
        else:
            found = self.read_plain(name)
        while self.peek().startswith("["):
            self.take()
            found = array_of(found)
        return found

    def read_plain(self, name: str) -> Type:
        sizes = []
        if name == "double" and self.peek() == "precision":
            self.take()
        if name == "interval":
            while self.peek() not in ("", ",", ")"):
                name += " " + self.take().lower()
        if self.peek() == "(":
            while self.take() != ")":
                if self.peek().isdecimal():
                    sizes.append(int(self.take()))
        if self.peek() in ("with", "without"):
            name += f" {self.take()} {self.take('time')} {self.take('zone')}".lower()
        found = make_type(name, tuple(sizes))
        if found is None:
            raise self.problem()
        return found

    def read_row(self) -> Type:
        names, children = [], []
        self.take("(")
        while True:
            start = self.at
            try:
                named = self.take().lower()
                children.append(self.read())
            except ClientError:
                self.at, named = start, ""
                children.append(self.read())
            names.append(named)
            if self.take() == ")":
                return row_of(children, names)


def parse_type(text: str) -> Type:
    """The type that Trino writes so; ClientError where Clary has none such."""
    reader = _Reader(text)
    found = reader.read()
    if reader.peek():
        raise reader.problem()
    return found


_OF_DUCKDB = {"blob": "varbinary", "float": "real", "hugeint": "decimal(38,0)", "int": "integer", "interval": "varchar"}
_OF_DUCKDB |= {"utinyint": "smallint", "usmallint": "integer", "uinteger": "bigint", "ubigint": "decimal(20,0)"}
_OF_DUCKDB |= {"timestamp_s": "timestamp(0)", "timestamp_ms": "timestamp(3)", "timestamp_ns": "timestamp(6)"}
_OF_DUCKDB |= {"timestamp": "timestamp(6)", "text": "varchar", "uhugeint": "decimal(38,0)", "bit": "varchar"}


def duckdb_to_trino(text: str) -> str:
    """Trino's spelling of a DuckDB type; ClientError where there is none."""
    lowered = re.sub(
        r'"(?:[^"]|"")+"|\b[a-z_]+\b',
        lambda match: match.group() if match.group()[0] == '"' else _OF_DUCKDB.get(match.group(), match.group()),
        re.sub(r'"(?:[^"]|"")+"|[A-Z_]+', lambda match: match.group().lower(), text),
    )
    return str(parse_type(lowered.replace("timestamp(6) with", "timestamp with")))


def trino_to_duckdb(text: str) -> str:
    """The DuckDB type that holds values of a Trino type."""
    return duckdb_name(parse_type(text))


# --- Hive ------------------------------------------------------------------------------------------------------------

_OF_HIVE = {"int": "integer", "float": "real", "string": "varchar", "binary": "varbinary"}
_TO_HIVE = {value: key for key, value in _OF_HIVE.items()}


def of_hive(hive: HiveType) -> Type:
    """The type that Athena gives a column of a Glue table."""
    if hive.name == "struct":
        return row_of([of_hive(child) for child in hive.children], [name.lower() for name in hive.names])
    if hive.children:
        return Type(hive.name, children=tuple(map(of_hive, hive.children)))
    if hive.name == "timestamp":
        return TIMESTAMP
    return Type(_OF_HIVE.get(hive.name, hive.name), hive.arguments)


def hive_to_trino(hive: HiveType) -> str:
    """Trino's spelling of a column's type in the catalog."""
    return str(of_hive(hive))


def trino_to_hive(text: str) -> HiveType:
    """The catalog's type for a column that a CTAS makes; ClientError where Hive has none, as Athena refuses it."""
    return _hive(parse_type(text))


def _hive(one: Type) -> HiveType:
    if one.name == "row":
        if "" in one.names:
            raise ClientError(f"NOT_SUPPORTED: Unsupported Hive type: {one}")
        return HiveType("struct", children=tuple(map(_hive, one.children)), names=one.names)
    if one.children:
        return HiveType(one.name, children=tuple(map(_hive, one.children)))
    if one.name == "timestamp":
        return HiveType("timestamp")
    if one.name == "varchar":
        return HiveType("varchar", one.sizes) if one.sizes else HiveType("string")
    if one.name in (*WHOLE, "boolean", "real", "double", "decimal", "char", "date", "varbinary"):
        return HiveType(_TO_HIVE.get(one.name, one.name), one.sizes)
    raise ClientError(f"NOT_SUPPORTED: Unsupported Hive type: {one}")
