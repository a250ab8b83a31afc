"""Which files make which table."""

from clary.tables.hive_types import parse_hive_type
from clary.tables.infer_schema import Schema
from clary.tables.infer_tables import File, Grouping, group
from clary.tables.infer_types import Column

A, B, C = "id:int name:string", "belt:int heat:double day:date", "id:int name:string more:double"


def file(key, columns=A, **options):
    options = {"classification": "json", **options}
    pairs = (pair.split(":") for pair in columns.split())
    return File(key, 10, Schema(columns=[Column(name, parse_hive_type(kind)) for name, kind in pairs], **options))


def tables(*files, root="", **options):
    """`{folder: (keys, partitions)}`; a table without partitions says how many files it has."""
    return {
        table.folder: (table.keys, [leaf.values for leaf in table.leaves])
        if table.keys
        else sum(len(leaf.files) for leaf in table.leaves)
        for table in group(files, root, Grouping(**options))
    }


def test_the_files_of_a_folder_are_one_table():
    assert tables(file("x/1"), file("x/2"), root="x/") == {"x/": 2}
    assert tables(file("1")) == {"": 1}
    assert tables(file("x/one.json"), root="x/one.json") == {"x/one.json": 1}


def test_hive_partitions():
    files = [
        file(f"sales/year=2019/month={month}/day={day}/{n}") for month in ("Jan", "Feb") for day in (1, 2) for n in "ab"
    ]
    assert tables(*files, root="sales/") == {
        "sales/": (["year", "month", "day"], [["2019", m, d] for m in ("Jan", "Feb") for d in ("1", "2")])
    }
    assert tables(file("s/a=%2F/x"), file("s/a=__HIVE_DEFAULT_PARTITION__/x"), root="s/") == {
        "s/": (["a"], [["/"], ["__HIVE_DEFAULT_PARTITION__"]])
    }


def test_plain_partitions_are_numbered():
    keys = ["table1/partition1/f", "table1/partition2/f", "table2/partition4/f"]
    assert tables(*(file(f"folder1/{key}") for key in keys), root="folder1/") == {
        "folder1/": (["partition_0", "partition_1"], [key.split("/")[:2] for key in keys])
    }
    assert tables(file("t/2026/12/01/f"), root="t/") == {
        "t/": (["partition_0", "partition_1", "partition_2"], [["2026", "12", "01"]])
    }
    assert tables(file("lake/raw/f")) == {"lake/raw/": 1}
    assert tables(file("t/a=1/f"), file("t/b=1/f"), root="t/")["t/"][0] == ["partition_0"]


def test_folders_of_other_schemas_or_formats_are_tables_of_their_own():
    assert tables(file("lake/belts/1", B), file("lake/people/1"), root="lake/") == {"lake/belts/": 1, "lake/people/": 1}
    assert tables(file("l/a/1"), file("l/b/1", classification="csv"), root="l/") == {"l/a/": 1, "l/b/": 1}
    assert tables(file("l/a/1"), file("l/b/1", compression="gzip"), root="l/") == {"l/a/": 1, "l/b/": 1}
    assert tables(file("l/a/k=1/1"), file("l/b/1"), root="l/") == {"l/a/": (["k"], [["1"]]), "l/b/": 1}


def test_most_folders_decide():
    files = [file(f"t/day={day}/f", C if day % 2 else A) for day in range(8)]
    assert tables(*files, file("t/odd/f", B), root="t/") == {
        "t/": (["day"], [[str(day)] for day in range(8)]),
        "t/odd/": 1,
    }


def test_a_folder_of_many_kinds_has_a_table_for_each_file():
    assert tables(file("x/1"), file("x/2", B), file("x/3", "q:int"), root="x/") == {"x/1": 1, "x/2": 1, "x/3": 1}
    assert tables(*(file(f"x/{n}") for n in range(3)), file("x/odd", B), root="x/") == {"x/": 3, "x/odd": 1}


def test_files_beside_folders():
    assert tables(file("x/1"), file("x/sub/2"), root="x/") == {"x/": 2}
    assert tables(file("x/1"), file("x/k=1/2"), root="x/") == {"x/": (["k"], [["1"]]), "x/1": 1}
    assert tables(file("x/manifest", "q:int"), file("x/k=1/2"), file("x/k=2/2"), root="x/") == {
        "x/": (["k"], [["1"], ["2"]]),
        "x/manifest": 1,
    }


def test_what_nothing_knows_is_of_no_table():
    readme = file("x/README", "", classification="UNKNOWN")
    assert tables(file("x/k=1/2"), readme, root="x/") == {"x/": (["k"], [["1"]])}
    assert tables(readme, root="x/") == {}


def test_combine_compatible_schemas():
    files = [file("t/year=2017/a", "a:int b:int"), file("t/year=2018/a", "c:int d:int")]
    assert tables(*files, root="t/") == {"t/year=2017/": 1, "t/year=2018/": 1}
    assert tables(*files, root="t/", combine=True) == {"t/": (["year"], [["2017"], ["2018"]])}
    (table,) = group(files, "t/", Grouping(combine=True))
    assert [column.name for column in table.schema.columns] == ["a", "b", "c", "d"]


def test_a_level_for_tables():
    files = [file(f"{area}/{kind}/{n}") for area in "ab" for kind in "xy" for n in (1, 2)]
    assert tables(*files)[""][0] == ["partition_0", "partition_1"]
    assert tables(*files, level=2) == {
        "a/": (["partition_0"], [["x"], ["y"]]),
        "b/": (["partition_0"], [["x"], ["y"]]),
    }
    assert set(tables(*files, level=3)) == {"a/x/", "a/y/", "b/x/", "b/y/"}


def test_merged_schemas():
    (table,) = group([file("t/1", "a:int b:bigint"), file("t/2", "b:double a:int c:string")], "t/")
    assert [f"{name}:{kind}" for name, kind in table.schema.columns] == ["a:int", "b:double", "c:string"]


def test_folders_as_deep_as_a_key_may_be():
    assert tables(file("1/" * 500 + "f"))[""][1] == [["1"] * 500]
