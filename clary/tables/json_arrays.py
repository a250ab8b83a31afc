"""The Arrow types that JSON is first parsed as, and from there to the types of columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from clary.tables.hive_types import HiveType, to_arrow
from clary.tables.json_times import whole_epoch

if TYPE_CHECKING:
    import pyarrow as pa

Path = tuple[str, ...]

_SECONDS_BELOW = next(number for number in (10**11,) if whole_epoch(number - 1) != number - 1)


def is_read_quickly(kind: HiveType, *, own_formats: bool) -> bool:
    """Whether Arrow's parser reads it at all, and as we do: maps it doesn't, nor times in other formats."""
    if kind.name == "map" or (kind.name == "timestamp" and own_formats):
        return False
    return all(is_read_quickly(child, own_formats=own_formats) for child in kind.children)


def quick_type(kind: HiveType, path: Path, spelling: Mapping[Path, str], numeric: Collection[Path]) -> pa.DataType:
    """What values of a type are parsed as, as they were sent: dates are text, times text or numbers."""
    import pyarrow as pa

    if kind.name == "timestamp":
        return pa.int64() if path in numeric else pa.timestamp("ns")
    if kind.name == "date":
        return pa.string()
    if kind.name == "array":
        return pa.list_(quick_type(kind.children[0], path, spelling, numeric))
    if kind.name == "struct":
        fields = []
        for name, child in zip(kind.names, kind.children, strict=True):
            below = (*path, name)
            fields.append((spelling.get(below, name), quick_type(child, below, spelling, numeric)))
        return pa.struct(fields)
    return to_arrow(kind)


def slow_type(kind: HiveType) -> pa.DataType:
    """What values are parsed as that were made to fit: times are milliseconds, dates days, maps lists."""
    import pyarrow as pa

    if kind.name == "timestamp":
        return pa.int64()
    if kind.name == "array":
        return pa.list_(slow_type(kind.children[0]))
    if kind.name == "map":
        key, value = map(slow_type, kind.children)
        return pa.list_(pa.struct([("key", key), ("value", value)]))
    if kind.name == "struct":
        return pa.struct([(name, slow_type(child)) for name, child in zip(kind.names, kind.children, strict=True)])
    return to_arrow(kind)


def conform(array: pa.Array, kind: HiveType, *, slow: bool) -> pa.Array:
    """An array of what was parsed as one of the column's type; ArrowInvalid where a value is none of that type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = to_arrow(kind)
    if kind.name in ("char", "varchar"):
        return pc.utf8_slice_codeunits(array, 0, kind.arguments[0])
    if array.type == wanted and not _has_sized_text(kind):
        return array
    if kind.name == "timestamp":
        return _milliseconds(array, slow=slow)
    if kind.name == "struct":
        parts = zip(array.flatten(), kind.children, strict=True)
        children = [conform(part, below, slow=slow) for part, below in parts]
        fields = [pa.field(name, child.type) for name, child in zip(kind.names, children, strict=True)]
        return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null())
    if kind.name == "array":
        values = conform(array.values, kind.children[0], slow=slow)
        return pa.ListArray.from_arrays(array.offsets, values, type=wanted, mask=_mask(array))
    if kind.name == "map":
        keys, values = array.values.flatten()
        return pa.MapArray.from_arrays(
            array.offsets,
            conform(keys, kind.children[0], slow=slow),
            conform(values, kind.children[1], slow=slow),
            type=wanted,
            mask=_mask(array),
        )
    return array.cast(wanted)


def _milliseconds(array: pa.Array, *, slow: bool) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.timestamp("ms")
    if array.type == pa.int64():
        if not slow:
            is_seconds = pc.less(pc.abs(array), _SECONDS_BELOW)
            array = pc.if_else(is_seconds, pc.multiply(array, 1000), array)
        return array.cast(wanted)
    try:
        return array.cast(wanted)
    except pa.ArrowInvalid:
        return pc.floor_temporal(array, unit="millisecond").cast(wanted)


def _has_sized_text(kind: HiveType) -> bool:
    return kind.name in ("char", "varchar") or any(map(_has_sized_text, kind.children))


def _mask(array: pa.Array) -> pa.Array | None:
    return array.is_null() if array.null_count else None
