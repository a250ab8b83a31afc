"""The partitions of a table: ADD, DROP, RENAME PARTITION, SHOW PARTITIONS, MSCK REPAIR TABLE."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from clary.errors import ClientError, ServiceError
from clary.services.athena import session as words
from clary.services.athena.result_location import split_location
from clary.services.athena.session import Session, partition_input_of, require_table
from clary.services.glue import inside as glue
from clary.services.s3 import inside as objects
from clary.sql.statements.tree import (
    AddColumns,
    AddPartitions,
    DropPartitions,
    RenamePartition,
    RepairTable,
    ReplaceColumns,
    SetLocation,
    ShowPartitions,
    Spec,
)
from clary.tables.hive_types import parse_hive_type
from clary.tables.partition_paths import NULL, folder_of, parse_folder
from clary.tables.partition_values import is_of_type

if TYPE_CHECKING:
    from clary.wire import Rooms

_AT_ONCE = 1000


def add_partitions(rooms: Rooms, session: Session, statement: AddPartitions) -> list[str]:
    """New partitions, at the folders named by their values where no location is given."""
    table = require_table(rooms, session, statement.name)
    inputs = []
    for spec, location in statement.partitions:
        values = _values(table, spec)
        if location:
            split_location(location, "LOCATION")
        inputs.append(partition_input(table, values, location))
    known = _existing(rooms, session, table, inputs) if not statement.if_not_exists else []
    if known:
        raise words.not_done("AlreadyExistsException(message:Partition already exists.)")
    glue.create_partitions(rooms, session.scope, table["DatabaseName"], table["Name"], inputs)
    return []


def partition_input(table: dict[str, Any], values: list[str], location: str = "") -> dict[str, Any]:
    """A partition of a table: its files are like the table's."""
    keys = key_names(table)
    descriptor = dict(table.get("StorageDescriptor") or {})
    folder = folder_of(keys, [None if value == NULL else value for value in values])
    descriptor["Location"] = location or f"{descriptor.get('Location', '').rstrip('/')}/{folder}"
    return {"Values": values, "StorageDescriptor": descriptor, "Parameters": {}}


def drop_partitions(rooms: Rooms, session: Session, statement: DropPartitions) -> list[str]:
    """Forget partitions; a spec that names some of the keys means all partitions that have these values."""
    table = require_table(rooms, session, statement.name)
    for spec in statement.partitions:
        _check_keys(table, spec)
        doomed = [partition["Values"] for partition in _matching(rooms, session, table, spec)]
        if not doomed and not statement.if_exists:
            said = " and ".join(f"{key} = '{value}'" for key, value in spec.items())
            raise words.not_meant(f"[Error 10006]: Partition not found ({said})")
        for start in range(0, len(doomed), _AT_ONCE):
            chunk = doomed[start : start + _AT_ONCE]
            glue.delete_partitions(rooms, session.scope, table["DatabaseName"], table["Name"], chunk)
    return []


def rename_partition(rooms: Rooms, session: Session, statement: RenamePartition) -> list[str]:
    """Other values for a partition, whose files stay where they are."""
    table = require_table(rooms, session, statement.name)
    partition = _require(rooms, session, table, statement.old)
    input_ = {**partition_input_of(partition), "Values": _values(table, statement.new)}
    try:
        glue.update_partition(rooms, session.scope, table["DatabaseName"], table["Name"], partition["Values"], input_)
    except ServiceError as error:
        if error.code != "AlreadyExistsException":
            raise
        raise words.not_done("AlreadyExistsException(message:Partition already exists.)") from None
    return []


def change_partition(
    rooms: Rooms, session: Session, statement: SetLocation | AddColumns | ReplaceColumns, spec: Spec
) -> list[str]:
    """Another location or other columns for one partition."""
    from clary.services.athena.define_tables import glue_columns

    table = require_table(rooms, session, statement.name)
    partition = _require(rooms, session, table, spec)
    input_ = partition_input_of(partition)
    descriptor = input_["StorageDescriptor"] = dict(input_.get("StorageDescriptor") or {})
    if isinstance(statement, SetLocation):
        split_location(statement.location, "LOCATION")
        descriptor["Location"] = statement.location
    elif isinstance(statement, ReplaceColumns):
        descriptor["Columns"] = glue_columns(statement.columns)
    else:
        descriptor["Columns"] = [*(descriptor.get("Columns") or []), *glue_columns(statement.columns)]
    glue.update_partition(rooms, session.scope, table["DatabaseName"], table["Name"], partition["Values"], input_)
    return []


def show_partitions(rooms: Rooms, session: Session, statement: ShowPartitions) -> list[str]:
    """a=1/b=2 for each partition."""
    table = require_table(rooms, session, statement.name)
    keys = key_names(table)
    if not keys:
        raise words.not_done(f"Table {table['Name']} is not a partitioned table")
    _check_keys(table, statement.partition or {})
    found = _matching(rooms, session, table, statement.partition or {})
    return sorted(path_of(keys, partition["Values"]) for partition in found)


def repair_table(rooms: Rooms, session: Session, statement: RepairTable) -> list[str]:
    """Add the partitions whose folders there are and which the catalog doesn't have; none is removed."""
    words.check_catalog(rooms, session.scope, statement.name)
    database, name = session.qualify(statement.name)
    table = words.find_table(rooms, session.scope, database, name)
    if table is None:
        return [f"Tables not in metastore:\t{name}"]
    keys = key_names(table)
    bucket, prefix = split_location((table.get("StorageDescriptor") or {}).get("Location", ""), "LOCATION")
    if not objects.bucket_exists(rooms, bucket) or objects.first_key(rooms, bucket, prefix) is None:
        return [f"Tables missing on filesystem:\t{name}"]
    if not keys:
        return []
    known = {
        path_of(keys, partition["Values"]): partition
        for partition in glue.get_partitions(rooms, session.scope, database, name)
    }
    folders = list(_folders(rooms, bucket, prefix, len(keys)))
    fresh = [folder for folder in folders if _normal(keys, folder) not in known]
    lines = []
    if fresh:
        lines.append("Partitions not in metastore:" + "".join(f"\t{name}:{folder}" for folder in fresh))
    there = {_normal(keys, folder) for folder in folders}
    home = f"s3://{bucket}/{prefix}"
    gone = [path for path, row in known.items() if path not in there and _location(row).startswith(home)]
    if gone:
        lines.append("Partitions missing from filesystem:" + "".join(f"\t{name}:{path}" for path in sorted(gone)))
    added = [(folder, values) for folder in fresh if (values := _folder_values(keys, folder)) is not None]
    inputs = [partition_input(table, values, f"{home}{folder}") for folder, values in added]
    for start in range(0, len(inputs), _AT_ONCE):
        glue.create_partitions(rooms, session.scope, database, name, inputs[start : start + _AT_ONCE])
    return [*lines, *(f"Repair: Added partition to metastore {name}:{folder}" for folder, _ in added)]


def key_names(table: dict[str, Any]) -> list[str]:
    """The names of a table's partition keys."""
    return [key["Name"] for key in table.get("PartitionKeys") or []]


def path_of(keys: Iterable[str], values: Iterable[str]) -> str:
    """a=1/b=2."""
    return folder_of(keys, [None if value == NULL else value for value in values])


def _folders(rooms: Rooms, bucket: str, prefix: str, depth: int) -> Iterator[str]:
    """The folders with files at a depth below a prefix; what begins with _ or . is hidden from Hive."""
    last = ""
    for found in objects.list_objects(rooms, bucket, prefix):
        parts = found.key.removeprefix(prefix).split("/")
        folder = "/".join(parts[:depth])
        if len(parts) > depth and folder != last and not any(part[:1] in ("_", ".", "") for part in parts[:depth]):
            last = folder
            yield folder


def _folder_values(keys: list[str], folder: str) -> list[str] | None:
    """The values that a folder a=1/b=2 stands for; None where it isn't one of these keys."""
    values = []
    for key, part in zip(keys, folder.split("/"), strict=True):
        found = parse_folder(part)
        if found is None or found[0] != key:
            return None
        values.append(NULL if found[1] is None else found[1])
    return values


def _normal(keys: list[str], folder: str) -> str:
    values = _folder_values(keys, folder)
    return folder if values is None else path_of(keys, values)


def _location(partition: dict[str, Any]) -> str:
    return str((partition.get("StorageDescriptor") or {}).get("Location", ""))


def _values(table: dict[str, Any], spec: Spec) -> list[str]:
    """The values of a partition in the order of the keys; the spec must name them all."""
    _check_keys(table, spec)
    keys = key_names(table)
    if len(spec) < len(keys):
        shown = ", ".join(f"{key}={value}" for key, value in spec.items())
        raise words.not_meant(f"partition spec {{{shown}}} doesn't contain all ({len(keys)}) partition columns")
    for key in table["PartitionKeys"]:
        _check_type(key, spec[key["Name"]])
    return [spec[key] or NULL for key in keys]


def _check_type(key: dict[str, Any], value: str) -> None:
    """Refuse a value that queries could not read as one of its key's."""
    try:
        kind = parse_hive_type(key.get("Type", "string"))
    except ClientError:  # a query says what is wrong with it
        return
    if value not in ("", NULL) and not is_of_type(value, kind):
        raise words.not_meant(
            f"[Error 10248]: Cannot add partition column {key['Name']} of type string as it cannot be converted to "
            f"type {kind}"
        )


def _check_keys(table: dict[str, Any], spec: Spec) -> None:
    keys = key_names(table)
    if spec and not keys:
        shown = ", ".join(f"{key}={value}" for key, value in spec.items())
        raise words.not_meant(f"table is not partitioned but partition spec exists: {{{shown}}}")
    for name in spec:
        if name not in keys:
            raise words.not_meant(f"[Error 10098]: Non-Partition column appears in the partition specification: {name}")


def _matching(rooms: Rooms, session: Session, table: dict[str, Any], spec: Spec) -> Iterator[dict[str, Any]]:
    wanted = {number: spec[key] or NULL for number, key in enumerate(key_names(table)) if key in spec}
    for partition in glue.get_partitions(rooms, session.scope, table["DatabaseName"], table["Name"]):
        if all(partition["Values"][number] == value for number, value in wanted.items()):
            yield partition


def _require(rooms: Rooms, session: Session, table: dict[str, Any], spec: Spec) -> dict[str, Any]:
    try:
        values = _values(table, spec)
        return glue.get_partition(rooms, session.scope, table["DatabaseName"], table["Name"], values)
    except ServiceError as error:
        if error.code != "EntityNotFoundException":
            raise
        said = " and ".join(f"{key} = '{value}'" for key, value in spec.items())
        raise words.not_meant(f"[Error 10006]: Partition not found ({said})") from None


def _existing(
    rooms: Rooms, session: Session, table: dict[str, Any], inputs: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    found = []
    for input_ in inputs:
        try:
            found.append(
                glue.get_partition(rooms, session.scope, table["DatabaseName"], table["Name"], input_["Values"])
            )
        except ServiceError as error:
            if error.code != "EntityNotFoundException":
                raise
    return found
