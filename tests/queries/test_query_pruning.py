"""Which partitions a query reads, from the catalog or projected."""

import pytest


def make(lake, keys="year int, city string"):
    lake.add_table("t", "a int", "text", keys=keys)
    for number, (year, city) in enumerate([(2019, "rome"), (2020, "rome"), (2020, "oslo"), (2021, "é/x")]):
        lake.put(f"t/{number}/data", f"{number}\n".encode())
        lake.add_partition("t", str(year), city, location=f"s3://lake/t/{number}")


@pytest.mark.parametrize(
    ("where", "read"),
    [
        ("year = 2020", [1, 2]),
        ("year > 2019 and city = 'rome'", [1]),
        ("year = 2020 and a = 2", [1, 2]),
        ("year = 2020 or a = 0", [0, 1, 2, 3]),
        ("city like 'r%' and year between 2020 and 2030", [1]),
        ("city in ('é/x', 'nowhere')", [3]),
        ("year = 1999", []),
        ("length(city) = 4 and year + 1 = 2020", [0]),
    ],
)
def test_only_files_of_partitions_that_can_match_are_staged(lake, where, read):
    make(lake)
    lake.text(f"select a, year, city from t where {where}")
    assert lake.staged == [f"t/{number}/data" for number in read]


def test_partition_values_have_the_types_of_their_keys(lake):
    make(lake)
    lake.add_partition("t", "2022", "__HIVE_DEFAULT_PARTITION__", location="s3://lake/t/9")
    lake.put("t/9/data", b"9\n")
    rows = lake.rows("select a, year + 1, city from t where year >= 2021 order by a")
    assert rows == [("3", "2022", "é/x"), ("9", "2023", None)]


def test_partitions_are_told_as_rows(lake):
    make(lake)
    assert lake.rows('select * from "t$partitions" where year < 2021 order by 1, 2') == [
        ("2019", "rome"),
        ("2020", "oslo"),
        ("2020", "rome"),
    ]
    assert lake.rows('select max(year) + 1, count(*) from db."t$partitions"') == [("2022", "4")]
    assert lake.staged == []
    lake.add_table("plain", "a int", "text")
    assert "TABLE_NOT_FOUND" in lake.problem('select * from "plain$partitions"')
    lake.parts.clear()
    assert lake.rows('select city from "t$partitions"') == []


def test_a_partition_value_that_isnt_of_its_keys_type_is_told(lake):
    make(lake)
    lake.add_partition("t", "word", "rome")
    problem = lake.problem("select a from t")
    assert problem == "HIVE_INVALID_PARTITION_VALUE: Invalid partition value 'word' for INTEGER partition key: year"


def test_partitions_may_have_columns_of_narrower_types_only(lake):
    make(lake)
    lake.add_partition("t", "2023", "x", text="a smallint")
    assert lake.rows("select count(*) from t") == [("4",)]
    lake.add_partition("t", "2024", "x", text="a string")
    assert lake.problem("select a from t").startswith("HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch")


def projected(lake, keys, **parameters):
    parameters = {f"projection.{name.replace('__', '.')}": value for name, value in parameters.items()}
    lake.add_table("t", "a int", "text", keys=keys, parameters={"projection.enabled": "true", **parameters})


def test_projected_partitions_need_no_catalog(lake):
    projected(lake, "n int, kind string", n__type="integer", n__range="1,12", n__digits="2", n__interval="2",
              kind__type="enum", kind__values="x, y")  # fmt: skip
    lake.put("t/n=03/kind=y/f", b"1\n")
    lake.put("t/n=04/kind=y/f", b"2\n")
    assert lake.rows("select a, n, kind from t") == [("1", "3", "y")]
    assert lake.rows('select * from "t$partitions" where n = 3 order by kind') == [("3", "x"), ("3", "y")]
    lake.text("select a from t where n = 3")
    assert sorted(lake.listed) == ["t/n=03/kind=x/", "t/n=03/kind=y/"]


@pytest.mark.parametrize(
    ("where", "read"),
    [
        ("n = 5", [5]),
        ("n = 4", []),
        ("7 = n", [7]),
        ("n = bigint '5'", [5]),
        ("n IN (3, 4, 2 + 3, 99999999999)", [3, 5]),
        ("n BETWEEN 4 AND 8", [5, 7]),
        ("n > 3 AND n < 7", [5]),
        ("n >= 3 AND 5 >= n", [3, 5]),
        ("n < -1", []),
        ("n <= 3 AND n > -3", [1, 3]),
        ("n >= 999999999 - 2", [999999997, 999999999]),
        ("n > 5 AND n = 5", []),
    ],
)
@pytest.mark.parametrize("kind", ["bigint", "int"])
def test_numbers_of_a_large_range_are_found_by_what_the_query_says_of_them(lake, where, read, kind):
    projected(lake, f"n {kind}", n__type="integer", n__range="1,999999999", n__interval="2")
    lake.text(f"select a from t where {where}")
    assert lake.listed == [f"t/n={number}/" for number in read]


def test_numbers_as_text_are_found_too(lake):
    projected(lake, "n string", n__type="integer", n__range="0,999999999", n__digits="9")
    lake.text("select a from t where n in ('000000005', '1000000000') and n <> ''")
    assert lake.listed == ["t/n=000000005/"]
    lake.text("select a from t where n = '5'")
    assert lake.listed == []
    assert "a filter on 'n' would help" in lake.problem("select a from t where n >= '000000005'")
    assert "a filter on 'n' would help" in lake.problem("select a from t where cast(n as varchar(1)) = '5'")


def test_projected_dates_reach_to_now_of_the_query(lake):
    projected(lake, "day string", day__type="date", day__range="NOW-3DAYS,NOW", day__format="yyyy/MM/dd")
    lake.tables["db", "t"]["Parameters"]["storage.location.template"] = "s3://lake/t/${day}"
    lake.put("t/2023/11/13/f", b"1\n")
    assert lake.rows("select a, day from t", submitted=1_700_000_000.0) == [("1", "2023/11/13")]
    assert lake.listed == [f"t/2023/11/{day}/" for day in (11, 12, 13, 14)]
    lake.text("select a from t where day >= '2023/11/14'", submitted=1_700_000_000.0)
    assert lake.listed == ["t/2023/11/14/"]


@pytest.mark.parametrize(
    ("form", "span", "more", "values"),
    [
        ("yyyy-MM-dd-HH", "2020-12-31-23,2021-01-01-00", {}, ["2020-12-31-23", "2021-01-01-00"]),
        ("yyyy-MM", "2020-11,2021-02", {"day__interval": "2"}, ["2020-11", "2021-01"]),
        ("yyyyMMdd", "20200227,20200301", {}, ["20200227", "20200228", "20200229", "20200301"]),
        ("yyyy", "2019,2021", {"day__interval__unit": "YEARS"}, ["2019", "2020", "2021"]),
    ],
)  # fmt: skip
def test_projected_dates_step_by_the_finest_unit_of_their_format(lake, form, span, more, values):
    projected(lake, "day string", day__type="date", day__range=span, day__format=form, **more)
    lake.text("select a from t")
    assert lake.listed == [f"t/day={value}/" for value in values]


def test_injected_values_come_from_the_query(lake):
    projected(lake, "device string", device__type="injected")
    lake.put("t/device=b/f", b"1\n")
    assert lake.rows("select a, device from t where device in ('a', 'b')") == [("1", "b")]
    assert lake.rows("select a from t where device = 'b' and a = 1") == [("1",)]
    assert lake.problem("select a from t").startswith(
        "CONSTRAINT_VIOLATION: For the injected projected partition column device, the WHERE clause must contain"
    )


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"n__type": "enum"}, "projection.n.values is missing"),
        ({"n__type": "integer", "n__range": "1"}, "projection.n.range must have two values, not '1'"),
        ({"n__type": "integer", "n__range": "1,x"}, "projection.n.range must be a number, not 'x'"),
        ({"n__type": "integer", "n__range": "1,99999999999"}, "more than 1000000 values; a filter on 'n' would help"),
        (
            {
                "n__type": "date",
                "n__range": "0001-01-01,9999-12-31",
                "n__format": "yyyy-MM-dd",
                "n__interval": "1",
                "n__interval__unit": "SECONDS",
            },
            "projection.n.range has more than 1000000 values",
        ),
        ({"n__type": "list"}, "the type of 'n' is 'list', not enum, integer, date or injected"),
        ({"n__type": "date", "n__range": "x,NOW", "n__format": "yyyy"}, "'x' is no date of the format 'yyyy'"),
    ],
)
def test_parameters_that_make_no_sense_are_told(lake, parameters, reason):
    projected(lake, "n int", **parameters)
    problem = lake.problem("select a from t")
    assert problem.startswith("INVALID_TABLE_PROPERTY: Table db.t is configured for partition projection, but ")
    assert reason in problem
