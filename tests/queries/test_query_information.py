"""information_schema: the catalog as tables."""

import pytest
from lake_house import columns


@pytest.fixture
def house(lake):
    lake.add_table("belts", "id int, temp decimal(5,1), tags array<string>", "json", keys="day date")
    lake.tables["db", "belts"]["StorageDescriptor"]["Columns"][1]["Comment"] = "in Celsius"
    lake.tables["db", "warm"] = {
        "Name": "warm",
        "DatabaseName": "db",
        "TableType": "VIRTUAL_VIEW",
        "ViewOriginalText": "SELECT id FROM belts",
        "StorageDescriptor": {"Columns": columns("id int")},
    }
    return lake


def test_databases_tables_and_views(house):
    assert house.rows("SELECT * FROM information_schema.schemata ORDER BY schema_name") == [
        ("awsdatacatalog", "db"),
        ("awsdatacatalog", "empty"),
        ("awsdatacatalog", "information_schema"),
    ]
    assert house.rows("SELECT * FROM information_schema.tables WHERE table_schema = 'db' ORDER BY 3") == [
        ("awsdatacatalog", "db", "belts", "BASE TABLE"),
        ("awsdatacatalog", "db", "warm", "VIEW"),
    ]
    assert house.rows("SELECT table_name, view_definition FROM information_schema.views") == [
        ("warm", "SELECT id FROM belts")
    ]


def test_columns_have_the_types_of_the_query_language(house):
    found = house.rows(
        "SELECT column_name, ordinal_position, column_default, is_nullable, data_type, comment, extra_info "
        "FROM awsdatacatalog.information_schema.columns WHERE table_name = 'belts' ORDER BY ordinal_position"
    )
    assert found == [
        ("id", "1", None, "YES", "integer", None, None),
        ("temp", "2", None, "YES", "decimal(5,1)", "in Celsius", None),
        ("tags", "3", None, "YES", "array(varchar)", None, None),
        ("day", "4", None, "YES", "date", None, "partition key"),
    ]


def test_hidden_columns_are_not_part_of_a_star(house):
    house.text("SELECT * FROM information_schema.columns")
    assert len(house.outcome.columns) == 8
    assert ("ordinal_position", "bigint") in house.outcome.columns


def test_it_takes_part_in_joins_and_is_empty_where_nothing_is(house):
    joined = """
        SELECT t.table_name, count(*) FROM information_schema.tables t
        JOIN information_schema.columns c ON t.table_schema = c.table_schema AND t.table_name = c.table_name
        WHERE t.table_schema = 'db' GROUP BY 1 ORDER BY 1"""
    assert house.rows(joined) == [("belts", "4"), ("warm", "1")]
    for condition in ("table_schema = 'empty'", "table_schema = 'none'", "table_schema IN ('db') AND table_name = 'x'"):
        assert house.rows(f"SELECT * FROM information_schema.tables WHERE {condition}") == []


def test_it_tells_of_itself(house):
    found = house.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'information_schema'")
    assert sorted(found) == [("columns",), ("schemata",), ("tables",), ("views",)]


def test_only_the_databases_that_a_query_names_are_read(house, monkeypatch):
    asked = []
    monkeypatch.setattr(house, "tables_of", lambda database: asked.append(database) or [])
    house.rows("SELECT table_name FROM information_schema.tables WHERE table_schema IN ('db', 'none')")
    assert asked == ["db"]
    house.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'db' AND table_name = 'belts'")
    assert asked == ["db"]


def test_a_column_whose_type_is_not_understood_is_left_out_here_and_named_by_a_query(house):
    house.tables["db", "belts"]["StorageDescriptor"]["Columns"][0]["Type"] = "uniontype<int,string>"
    found = house.rows("SELECT column_name FROM information_schema.columns WHERE table_name = 'belts' ORDER BY 1")
    assert found == [("day",), ("tags",), ("temp",)]
    problem = house.problem("SELECT temp FROM belts")
    assert problem.startswith(
        "HIVE_INVALID_METADATA: Glue table 'db.belts' column 'id' has invalid data type: 'uniontype"
    )


def test_what_is_not_there_is_named(house):
    assert house.problem("SELECT * FROM information_schema.roles") == (
        "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.information_schema.roles' does not exist"
    )
    assert house.problem("SELECT * FROM none.information_schema.tables") == (
        "CATALOG_NOT_FOUND: line 1:15: Catalog 'none' does not exist"
    )
    assert house.problem('SELECT "$path" FROM information_schema.tables').startswith("COLUMN_NOT_FOUND: line 1:8")
