"""CAST and TRY_CAST, by Trino's rules: what can't be cast is an error (or NULL), never something near it."""

from __future__ import annotations

import re
from dataclasses import replace

from clary.sql.errors import Place, SqlError, refusal
from clary.sql.typed import Typed, cast_to, check_zone, from_local, text, to_local
from clary.sql.types import JSON, TIMESTAMP, UNKNOWN, VARCHAR, WHOLE, Type, duckdb_name, field_names
from clary.tables.duck_types import quote

_SHOUTED = {"integer": "INT"}
_STRINGS = ("varchar", "char")
_APPROXIMATE = ("real", "double")
_MOMENT = r"[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]+)?)?)?"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


def cast(value: Typed, wanted: Type, place: Place, *, safe: bool) -> Typed:
    """The value as another type; a failure at run time is NULL if `safe`."""
    have = value.type
    if have == UNKNOWN:
        return Typed(cast_to("NULL", wanted), wanted)
    if have == wanted:
        return value
    if wanted.name == "timestamp with time zone" and have.name in _STRINGS:
        return _to_zoned(value, wanted, place)
    if wanted.name == have.name == "timestamp with time zone":
        wanted = replace(wanted, zone=have.zone)
    sql = _Caster(value, wanted, place).sql()
    if sql is None:
        raise SqlError("TYPE_MISMATCH", f"Cannot cast {have} to {wanted}", place)
    return Typed(f"TRY({sql})" if safe and "clary_" in sql else sql, wanted)


def to_varchar(value: Typed, place: Place) -> str:
    """The text that CAST(... AS varchar) gives."""
    return value.sql if value.type.name == "varchar" else cast(value, VARCHAR, place, safe=False).sql


def _to_zoned(value: Typed, wanted: Type, place: Place) -> Typed:
    """A string with a zone: of a constant the zone is known, else every value must be of UTC."""
    sql = f"clary_utc_timestamp({value.sql})"
    if value.constant is not None:
        match = re.fullmatch(rf"({_MOMENT})\s*(\S+)?", value.constant.strip())
        if match and match.lastindex and match.group(5):
            zone = check_zone(match.group(5), place)
            local = from_local(f"CAST({text(match.group(1))} AS TIMESTAMP)", zone)
            return Typed(_rounded(local, wanted.sizes[0]), replace(wanted, zone=zone))
    return Typed(_rounded(sql, wanted.sizes[0]), wanted)


def _rounded(sql: str, precision: int) -> str:
    """A timestamp with no more digits of a second than it may have, rounded half up."""
    return sql if precision >= 6 else f"clary_round_timestamp({sql}, {10 ** (6 - precision)})"


class _Caster:
    def __init__(self, value: Typed, wanted: Type, place: Place) -> None:
        self.value, self.wanted, self.place = value, wanted, place
        self.x, self.have = value.sql, value.type

    def sql(self) -> str | None:
        """The cast; None where Trino has none."""
        have, wanted = self.have.name, self.wanted.name
        if wanted == "json":
            return self.to_json()
        if have == "json":
            return self.of_json()
        if have in ("array", "map", "row"):
            return self.composed()
        if wanted in _STRINGS:
            return self.to_string()
        kind = "whole" if wanted in WHOLE else "approximate" if wanted in _APPROXIMATE else wanted.replace(" ", "_")
        method = getattr(self, f"to_{kind}", None)
        found: str | None = method() if method else None
        return found

    def checked(self, attempt: str, message: str) -> str:
        """The attempt; NULL from it where there was a value is the failure."""
        code = text("INVALID_CAST_ARGUMENT: ")
        return f"CASE WHEN {self.x} IS NOT NULL THEN coalesce({attempt}, clary_fail({code} || {message})) END"

    def quoted_failure(self) -> str:
        name = _SHOUTED.get(self.wanted.name, self.wanted.name.upper())
        return f"'Cannot cast ''' || {self.x} || ''' to {name}'"

    def attempt(self, sql: str = "") -> str:
        return f"TRY_CAST({sql or self.x} AS {duckdb_name(self.wanted)})"

    # --- numbers ---

    def to_whole(self) -> str | None:
        have, name = self.have.name, self.wanted.name
        if have in _STRINGS:
            matched = f"CASE WHEN regexp_full_match({self.x}, '[+-]?[0-9]+') THEN {self.attempt()} END"
            return self.checked(matched, self.quoted_failure())
        if have in WHOLE:
            if WHOLE.index(have) <= WHOLE.index(name):
                return cast_to(self.x, self.wanted)
            return self.checked(self.attempt(), f"'Out of range for {name}: ' || {self.x}")
        if have in _APPROXIMATE:
            return self.checked(self.attempt(f"round({self.x})"), f"'Cannot cast ' || {self.x} || ' to {name}'")
        if have == "decimal":
            return self.checked(self.attempt(), f"'Cannot cast ''' || {self.x} || ''' to {name.upper()}'")
        return cast_to(self.x, self.wanted) if have == "boolean" else None

    def to_approximate(self) -> str | None:
        if self.have.name in _STRINGS:
            number = f"trim({self.x}, ' ' || chr(9) || chr(10) || chr(13))"
            pattern = f"[+-]?(NaN|Infinity|{_NUMBER[5:]}[dDfF]?)"
            bare = f"regexp_replace({number}, '[dDfF]$', '')"
            matched = f"CASE WHEN regexp_full_match({number}, '{pattern}') THEN {self.attempt(bare)} END"
            return self.checked(matched, self.quoted_failure())
        return cast_to(self.x, self.wanted) if self.have.name in (*WHOLE, "decimal", *_APPROXIMATE, "boolean") else None

    def to_decimal(self) -> str | None:
        precision, scale = self.wanted.sizes
        kind = self.have.name
        written = f"DECIMAL({precision}, {scale})"
        if kind in _STRINGS:
            matched = f"CASE WHEN regexp_full_match({self.x}, '{_NUMBER}') THEN {self.attempt()} END"
            numeric = f"regexp_full_match({self.x}, '{_NUMBER}')"
            why = f"CASE WHEN {numeric} THEN 'Value too large.' ELSE 'Value is not a number.' END"
            return self.checked(matched, f"'Cannot cast VARCHAR ''' || {self.x} || ''' to {written}. ' || {why}")
        shown = f"'Cannot cast {self.have.name.upper()} ''' || {self.x} || ''' to {written}'"
        if kind in _APPROXIMATE:
            return self.checked(self.attempt(f"round({self.x}, {scale})"), shown)
        if kind in (*WHOLE, "decimal"):
            return self.checked(self.attempt(), shown)
        return cast_to(self.x, self.wanted) if kind == "boolean" else None

    def to_boolean(self) -> str | None:
        if self.have.name in _STRINGS:
            low = f"lower({self.x})"
            attempt = (
                f"CASE WHEN {low} IN ('t', 'true', '1') THEN true WHEN {low} IN ('f', 'false', '0') THEN false END"
            )
            return self.checked(attempt, self.quoted_failure())
        return f"({self.x} <> 0)" if self.have.name in (*WHOLE, "decimal", *_APPROXIMATE) else None

    # --- dates and times ---

    def to_date(self) -> str | None:
        if self.have.name in _STRINGS:
            pattern = "[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}"
            matched = f"CASE WHEN regexp_full_match(trim({self.x}), '{pattern}') THEN {self.attempt()} END"
            return self.checked(matched, f"'Value cannot be cast to date: ' || {self.x}")
        if self.have.name == "timestamp with time zone":
            return f"CAST({to_local(self.value, self.place)} AS DATE)"
        return cast_to(self.x, self.wanted) if self.have.name == "timestamp" else None

    def to_timestamp(self) -> str | None:
        precision = self.wanted.sizes[0]
        if self.have.name in _STRINGS:
            matched = f"CASE WHEN regexp_full_match(trim({self.x}), '{_MOMENT}') THEN {self.attempt()} END"
            return _rounded(self.checked(matched, f"'Value cannot be cast to timestamp: ' || {self.x}"), precision)
        if self.have.name == "date":
            return cast_to(self.x, TIMESTAMP)
        if self.have.name == "timestamp":
            return self.x if self.have.sizes[0] <= precision else _rounded(self.x, precision)
        if self.have.name == "timestamp with time zone":
            local = to_local(self.value, self.place)
            return local if self.have.sizes[0] <= precision else _rounded(local, precision)
        return None

    def to_timestamp_with_time_zone(self) -> str | None:
        if self.have.name in ("date", "timestamp", "timestamp with time zone"):
            below = (self.have.sizes or (0,))[0] <= self.wanted.sizes[0]
            return cast_to(self.x, TIMESTAMP) if below else _rounded(self.x, self.wanted.sizes[0])
        return None

    def to_time(self) -> str | None:
        if self.have.name in _STRINGS:
            pattern = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
            matched = f"CASE WHEN regexp_full_match({self.x}, '{pattern}') THEN {self.attempt()} END"
            return self.checked(matched, f"'Value cannot be cast to time: ' || {self.x}")
        if self.have.name == "timestamp":
            return cast_to(self.x, self.wanted)
        if self.have.name == "timestamp with time zone":
            return cast_to(to_local(self.value, self.place), self.wanted)
        return self.x if self.have.name == "time" and self.have.sizes <= self.wanted.sizes else None

    def to_varbinary(self) -> str | None:
        return f"encode({self.x})" if self.have.name == "varchar" else None

    def to_uuid(self) -> str | None:
        pattern = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
        matched = f"CASE WHEN regexp_full_match({self.x}, '{pattern}') THEN {self.attempt()} END"
        shown = f"'Cannot cast value to UUID: ' || {self.x}"
        return self.checked(matched, shown) if self.have.name in _STRINGS else None

    # --- strings ---

    def to_string(self) -> str | None:
        shown = string_of(self.value, self.place)
        if shown is None:
            return None
        if not self.wanted.sizes:
            return shown
        (length,) = self.wanted.sizes
        if self.wanted.name == "char":
            return (
                f"rpad(rtrim({shown}, ' '), {length}, ' ')"
                if self.have.name == "char"
                else f"rpad({shown}, {length}, ' ')"
            )
        if self.have.name == "varchar":
            return shown if self.have.sizes and self.have.sizes[0] <= length else f"substring({shown}, 1, {length})"
        if self.have.name == "char":
            return f"substring({shown}, 1, {length})"
        failure = f"clary_fail('INVALID_CAST_ARGUMENT: Value ' || {shown} || ' cannot be represented as {self.wanted}')"
        return f"CASE WHEN length({shown}) > {length} THEN {failure} ELSE {shown} END"

    # --- composed ---

    def composed(self) -> str | None:
        have, wanted = self.have, self.wanted
        if have.name != wanted.name or len(have.children) != len(wanted.children):
            return None
        if have.name == "row":
            fields = []
            names = zip(field_names(have), field_names(wanted), strict=True)
            for (old, new), one, other in zip(names, have.children, wanted.children, strict=True):
                part = Typed(f"struct_extract({self.x}, {text(old)})", one)
                fields.append(f"{quote(new)} := {cast(part, other, self.place, safe=False).sql}")
            return f"CASE WHEN {self.x} IS NOT NULL THEN struct_pack({', '.join(fields)}) END"
        inner = [
            cast(Typed("clary_e", one), other, self.place, safe=False).sql
            for one, other in zip(have.children, wanted.children, strict=True)
        ]
        if have.name == "array":
            return self.x if inner == ["clary_e"] else f"list_transform({self.x}, lambda clary_e: {inner[0]})"
        keys, values = (
            f"list_transform(map_{part}({self.x}), lambda clary_e: {one})"
            for part, one in zip(("keys", "values"), inner, strict=True)
        )
        return f"map({keys}, {values})"

    # --- json ---

    def to_json(self) -> str | None:
        found = json_of(self.value, self.place)
        return f"CASE WHEN {self.x} IS NOT NULL THEN {found} END" if found else None

    def of_json(self) -> str | None:
        leaf = f"clary_json_cast({self.x}, {text(json_shape(self.wanted, self.place))})"
        if self.wanted.name == "varchar":
            sizes = self.wanted.sizes
            return f"substring({leaf}, 1, {sizes[0]})" if sizes else leaf
        if self.wanted.children:
            return f"CAST(CAST({leaf} AS JSON) AS {duckdb_name(self.wanted)})"
        return cast_to(leaf, self.wanted)


_INTERVAL_TEXT = {"interval day to second": "clary_interval_text", "interval year to month": "clary_months_text"}


def string_of(value: Typed, place: Place) -> str | None:
    """The text of a scalar; None where it has none."""
    kind, x = value.type.name, value.sql
    if kind in ("varchar", "char"):
        return x
    if kind in (*WHOLE, "boolean", "date", "uuid"):
        return f"CAST({x} AS VARCHAR)"
    if kind == "decimal":
        return f"clary_decimal_text({x})" if value.type.sizes[0] == value.type.sizes[1] else f"CAST({x} AS VARCHAR)"
    if kind in ("real", "double"):
        return f"clary_double_text({x})"
    if kind == "timestamp":
        return moment_text(x, value.type.sizes[0])
    if kind == "timestamp with time zone":
        zone = value.type.zone
        return f"({moment_text(to_local(value, place), value.type.sizes[0])} || {text(' ' + zone)})"
    if kind == "time":
        return f"clary_time_text({x}, {value.type.sizes[0]})"
    if kind in _INTERVAL_TEXT:
        return f"{_INTERVAL_TEXT[kind]}({x})"
    return None


def moment_text(sql: str, precision: int) -> str:
    """A timestamp as Trino prints it: with all digits that its type has."""
    if precision == 0:
        return f"strftime({sql}, '%Y-%m-%d %H:%M:%S')"
    if precision == 3:
        return f"strftime({sql}, '%Y-%m-%d %H:%M:%S.%g')"
    return f"left(strftime({sql}, '%Y-%m-%d %H:%M:%S.%f'), {20 + precision})"


def json_of(value: Typed, place: Place) -> str | None:
    """The JSON text of a value that isn't NULL; None where Trino casts no such type to JSON."""
    kind, x = value.type.name, value.sql
    if kind == "json":
        return x
    if kind == "varchar":
        return f"clary_json_string({x})"
    if kind in (*WHOLE, "boolean", "decimal"):
        return string_of(value, place)
    if kind in ("real", "double"):
        return f"clary_json_double({x})"
    if kind in ("date", "timestamp", "timestamp with time zone"):
        return f"""('"' || {string_of(value, place)} || '"')"""
    if kind == "array":
        each = _json_or_null(Typed("clary_e", value.type.children[0]), place)
        return f"('[' || array_to_string(list_transform({x}, lambda clary_e: {each}), ',') || ']')"
    if kind == "map" and value.type.children[0].name in ("varchar", *WHOLE, "boolean"):
        key = string_of(Typed("clary_e", value.type.children[0]), place)
        keys = f"list_transform(map_keys({x}), lambda clary_e: clary_json_string({key}) || ':')"
        each = _json_or_null(Typed("clary_e", value.type.children[1]), place)
        values = f"list_transform(map_values({x}), lambda clary_e: {each})"
        return f"clary_json_object({keys}, {values})"
    if kind == "row":
        parts = []
        for name, shown, child in zip(value.type.names, field_names(value.type), value.type.children, strict=True):
            part = Typed(f"struct_extract({x}, {text(shown)})", child)
            parts.append(f"{text(_json_name(name))} || {_json_or_null(part, place)}")
        return f"""('{{' || {" || ',' || ".join(parts)} || '}}')"""
    return None


def _json_name(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}":'


def _json_or_null(value: Typed, place: Place) -> str:
    found = json_of(value, place)
    if found is None:
        raise SqlError("TYPE_MISMATCH", f"Cannot cast {value.type} to {JSON}", place)
    return f"CASE WHEN {value.sql} IS NULL THEN 'null' ELSE {found} END"


def json_shape(wanted: Type, place: Place) -> str:
    """A type as the function that casts JSON reads it."""
    if wanted.name in ("timestamp with time zone", "time", "varbinary", "char", "uuid"):
        raise refusal(f"Casting json to {wanted}", place)
    return str(wanted)
