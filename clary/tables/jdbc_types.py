"""The Hive types of columns of PostgreSQL, MySQL and MariaDB, as a crawler of Glue names them."""

from clary.tables.hive_types import HiveType

_MOST_DIGITS = 38
_UNBOUNDED = HiveType("decimal", (38, 18))  # PostgreSQL's numeric without precision, as Spark reads it

_POSTGRESQL = {
    "bool": "boolean",
    "bytea": "binary",
    "date": "date",
    "float4": "float",
    "float8": "double",
    "int2": "smallint",
    "int4": "int",
    "int8": "bigint",
    "money": "double",
    "oid": "bigint",
    "timestamp": "timestamp",
    "timestamptz": "timestamp",
}
_MYSQL = {
    "tinyint": "tinyint",
    "smallint": "smallint",
    "mediumint": "int",
    "int": "int",
    "bigint": "bigint",
    "float": "float",
    "double": "double",
    "date": "date",
    "datetime": "timestamp",
    "timestamp": "timestamp",
    "year": "int",
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "binary"),
    **dict.fromkeys(("geometry", "point", "linestring", "polygon", "multipoint"), "binary"),
    **dict.fromkeys(("multilinestring", "multipolygon", "geometrycollection", "geomcollection"), "binary"),
}
_WIDER = {"tinyint": "smallint", "smallint": "int", "mediumint": "int", "int": "bigint"}


def postgresql_type(name: str, precision: int | None = None, scale: int | None = None) -> HiveType:
    """The type of a column whose type PostgreSQL calls so (udt_name: "int4", "_text" for text[], "numeric").

    What Hive has no type for (json, uuid, time, interval, enumerations, ...) is read as text, so is a numeric of more
    than 38 digits.
    """
    if name.startswith("_"):
        return HiveType("array", children=(postgresql_type(name[1:], precision, scale),))
    if name == "numeric":
        return _UNBOUNDED if precision is None else _decimal(precision, scale or 0)
    return HiveType(_POSTGRESQL.get(name, "string"))


def mysql_type(column_type: str, precision: int | None = None, scale: int | None = None) -> HiveType:
    """The type of a column that MySQL or MariaDB declares so (COLUMN_TYPE: "int(10) unsigned", "tinyint(1)").

    tinyint(1) and bit(1) are boolean, as their driver for Java reads them; unsigned numbers take a type that holds
    them, what Hive has no type for is read as text.
    """
    words = column_type.lower().split("(")[0].split()
    name, text = words[0], column_type.lower()
    if text.startswith(("tinyint(1)", "bit(1)")) and "unsigned" not in text:
        return HiveType("boolean")
    if name == "bit":
        return HiveType("binary")
    if name == "decimal":
        return _decimal(precision or 10, scale or 0)
    if "unsigned" in text and name == "bigint":
        return HiveType("decimal", (20, 0))
    if "unsigned" in text and name in _WIDER:
        return HiveType(_WIDER[name])
    return HiveType(_MYSQL.get(name, "string"))


def _decimal(precision: int, scale: int) -> HiveType:
    if not 0 <= scale <= precision <= _MOST_DIGITS:
        return HiveType("string")
    return HiveType("decimal", (precision, scale))
