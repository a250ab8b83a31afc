"""Which files are of one table: what an AWS Glue crawler makes of a tree of folders.

Source: AWS Glue Developer Guide, "How does a crawler determine when to create partitions?", "How to create a single
schema for each include path" and "How to specify the table location". Where the guide doesn't say how: files, or
folders, whose schemas are alike to 70 % are of one kind; where 70 % of the files of a folder are of one kind they are
its table, where 70 % of its folders are they are partitions of its table; every other file or folder is a table of its
own. A folder that all of a table lies in, and whose name is neither `key=value` nor a number, is no partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from clary.tables.infer_schema import UNRECOGNISED, Schema
from clary.tables.infer_types import Column, merge, similarity
from clary.tables.partition_paths import NULL, parse_folder

ALIKE = 0.7
_MOST_COMPARED = 16

Item = TypeVar("Item")


class File(NamedTuple):
    """A file by its key, and what was found out about it."""

    key: str
    size: int
    schema: Schema
    records: int = 0


class Grouping(NamedTuple):
    """How to group. `combine` minds formats only, not schemas; tables lie no higher than `level` (1 is the bucket)."""

    combine: bool = False
    level: int = 0


@dataclass(slots=True)
class Leaf:
    """Files of one partition, or of a table without any; `folder` ends in a slash unless it is one file's key."""

    folder: str
    files: list[File]
    levels: list[tuple[str, str]] = field(default_factory=list)  # (key or "", value), outermost first

    @property
    def values(self) -> list[str]:
        """The partition's values."""
        return [value for _, value in self.levels]


@dataclass(slots=True)
class Table:
    """One table: its leaves are its partitions where it has `keys`."""

    folder: str
    schema: Schema
    leaves: list[Leaf]
    keys: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[File]:
        """All its files."""
        return [file for leaf in self.leaves for file in leaf.files]

    @property
    def depth(self) -> int:
        """How many levels of partitions it has."""
        return len(self.leaves[0].levels)


@dataclass(slots=True)
class _Folder:
    path: str
    files: list[File] = field(default_factory=list)
    children: list[_Folder] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    @property
    def level(self) -> int:
        """1 for the bucket."""
        return 1 + self.path.count("/")


def group(files: Iterable[File], root: str, grouping: Grouping = Grouping()) -> list[Table]:  # noqa: B008
    """The tables that the files below `root` (a prefix that ends in a slash, or "") make, by folder.

    What no classifier knows is of none.
    """
    folders = _build_tree((file for file in files if file.schema.classification != UNRECOGNISED), root)
    for folder in sorted(folders.values(), key=lambda folder: -folder.level):  # the deepest first
        forced = 0 < grouping.level <= folder.level
        folder.tables = _tables_of(folder, grouping, 0.0 if grouping.combine or forced else ALIKE)
    tables = sorted(folders[root].tables, key=lambda table: table.folder)
    for table in tables:
        if not grouping.combine and not grouping.level:
            _descend(table)
        table.keys = _name_keys(table)
    return tables


def _build_tree(files: Iterable[File], root: str) -> dict[str, _Folder]:
    folders = {root: _Folder(root)}
    for file in files:
        path = file.key[: file.key.rfind("/") + 1]
        _folder_at(path if path.startswith(root) else root, folders).files.append(file)
    return folders


def _folder_at(path: str, folders: dict[str, _Folder]) -> _Folder:
    """The folder, made with those above it where it is new."""
    made: list[_Folder] = []
    while path not in folders:
        made.append(_Folder(path))
        path = path[: path.rfind("/", 0, -1) + 1]
    folder = folders[path]
    for child in reversed(made):
        folders[child.path] = child
        folder.children.append(child)
        folder = child
    return folder


def _tables_of(folder: _Folder, grouping: Grouping, alike: float) -> list[Table]:
    below = [table for child in folder.children for table in child.tables]
    if folder.level < grouping.level:
        return [*_tables_of_files(folder, alike), *below]
    merged, others = _merge_children(folder, alike)
    if merged is None or not folder.files:
        return [*_tables_of_files(folder, alike), *([merged] if merged else []), *others]
    clusters = _cluster(folder.files, _schema_of_file, alike)
    plain = not any(key for leaf in merged.leaves for key, _ in leaf.levels)
    if len(clusters) == 1 and not others and plain and _fits(clusters[0][0].schema, [merged.schema], alike):
        # Files beside folders with more of them: one table, in which the folders mean nothing.
        return [_make_table(folder.path, [Leaf(folder.path, [*folder.files, *merged.files])])]
    return [merged, *others, *(_table_of_file(file) for file in folder.files)]


def _tables_of_files(folder: _Folder, alike: float) -> list[Table]:
    if not folder.files:
        return []
    clusters = sorted(_cluster(folder.files, _schema_of_file, alike), key=len, reverse=True)
    if len(clusters[0]) < ALIKE * len(folder.files):
        return [_table_of_file(file) for file in folder.files]
    rest = [file for cluster in clusters[1:] for file in cluster]
    return [_make_table(folder.path, [Leaf(folder.path, clusters[0])]), *map(_table_of_file, rest)]


def _merge_children(folder: _Folder, alike: float) -> tuple[Table | None, list[Table]]:
    """The table whose partitions most of the folders below are, if they are of one kind, and the other tables."""
    whole = {child.path: child.tables[0] for child in folder.children if _is_whole(child)}
    others = [table for child in folder.children for table in child.tables if child.path not in whole]
    clusters = _cluster(list(whole.values()), lambda table: table.schema, alike, lambda table: table.depth)
    clusters.sort(key=len, reverse=True)
    if not clusters or len(clusters[0]) < ALIKE * len(folder.children):
        return None, [*others, *whole.values()]
    leaves = [leaf for table in clusters[0] for leaf in _with_level(table, folder.path)]
    return _make_table(folder.path, leaves), [*others, *(table for rest in clusters[1:] for table in rest)]


def _is_whole(folder: _Folder) -> bool:
    """Whether all there is below the folder is one table that lies there."""
    return len(folder.tables) == 1 and folder.tables[0].folder == folder.path


def _with_level(table: Table, parent: str) -> Iterable[Leaf]:
    name = table.folder[len(parent) : -1]
    key, value = parse_folder(name) or ("", name)
    for leaf in table.leaves:
        yield Leaf(leaf.folder, leaf.files, [(key.lower(), NULL if value is None else value), *leaf.levels])


def _descend(table: Table) -> None:
    """Move the table down through folders that only lead to it, as their names are no values of a partition."""
    while table.depth:
        key, value = table.leaves[0].levels[0]
        if key or value.isdecimal() or any(leaf.levels[0] != (key, value) for leaf in table.leaves):
            return
        table.folder += f"{value}/"
        for leaf in table.leaves:
            del leaf.levels[0]


def _name_keys(table: Table) -> list[str]:
    """A level is called by the names in `name=value` where all its folders have the same, else by its number."""
    keys: list[str] = []
    for number in range(table.depth):
        names = {leaf.levels[number][0] for leaf in table.leaves}
        name = names.pop() if len(names) == 1 else ""
        keys.append(name if name and name not in keys else f"partition_{number}")
    return keys


def _table_of_file(file: File) -> Table:
    return _make_table(file.key, [Leaf(file.key, [file])])


def _make_table(folder: str, leaves: list[Leaf]) -> Table:
    return Table(folder, merge_schemas([file.schema for leaf in leaves for file in leaf.files]), leaves)


def merge_schemas(schemas: Sequence[Schema]) -> Schema:
    """The schema of a table of files with these; what only one file can have comes from the one with most columns."""
    widest = max(schemas, key=lambda schema: len(schema.columns))
    found = Schema(
        widest.classification,
        merge(_different(schemas)),
        widest.compression,
        dict(widest.parameters),
        dict(widest.serde),
        widest.library,
    )
    if "paths" in found.serde:
        paths = {path for schema in schemas for path in schema.serde.get("paths", "").split(",")}
        found.serde["paths"] = ",".join(sorted(paths))
    return found


def _different(schemas: Sequence[Schema]) -> Iterable[list[Column]]:
    """The columns of each, those that come again left out."""
    seen: set[tuple[Column, ...]] = set()
    for schema in schemas:
        columns = tuple(schema.columns)
        if columns not in seen:
            seen.add(columns)
            yield schema.columns


def _schema_of_file(file: File) -> Schema:
    return file.schema


def _cluster(
    items: Sequence[Item],
    schema_of: Callable[[Item], Schema],
    alike: float,
    shape_of: Callable[[Item], int] = lambda _: 0,
) -> list[list[Item]]:
    """The items in groups: one joins the first group of its shape with a schema that its own is like."""
    groups: list[_Group[Item]] = []
    joined: dict[object, _Group[Item]] = {}
    for item in items:
        schema, shape = schema_of(item), shape_of(item)
        same = (shape, schema.kind(), tuple(schema.columns))
        if same not in joined:  # a table's files mostly are all the same
            joined[same] = _find_group(groups, schema, shape, alike)
        joined[same].items.append(item)
    return [found.items for found in groups]


@dataclass(slots=True)
class _Group(Generic[Item]):
    shape: int
    schemas: list[Schema]
    items: list[Item] = field(default_factory=list)


def _find_group(groups: list[_Group[Item]], schema: Schema, shape: int, alike: float) -> _Group[Item]:
    for found in groups:
        if found.shape == shape and _fits(schema, found.schemas, alike):
            if len(found.schemas) < _MOST_COMPARED:
                found.schemas.append(schema)
            return found
    groups.append(_Group(shape, [schema]))
    return groups[-1]


def _fits(schema: Schema, others: Sequence[Schema], alike: float) -> bool:
    return any(
        schema.kind() == other.kind() and (not alike or similarity(schema.columns, other.columns) >= alike)
        for other in others
    )
