"""SearchTables."""

import pytest


@pytest.fixture
def tables(glue, make_database):
    """Three tables in two databases, the names of which the search is narrowed by."""
    first, second = make_database(), make_database()
    for database, name, kind, columns in (
        (first, "customer-link", "EXTERNAL_TABLE", ["id", "email"]),
        (first, "xxlinkyy", "EXTERNAL_TABLE", ["id"]),
        (second, "orders", "VIRTUAL_VIEW", ["total"]),
    ):
        glue.create_table(
            DatabaseName=database,
            TableInput={
                "Name": name,
                "Description": f"All of {name}",
                "TableType": kind,
                "Parameters": {"classification": "csv" if database == first else "parquet"},
                "StorageDescriptor": {"Columns": [{"Name": column, "Type": "string"} for column in columns]},
            },
        )

    def search(**request):
        page = glue.search_tables(**request, MaxResults=1)
        found = page["TableList"]
        while "NextToken" in page:
            page = glue.search_tables(**request, MaxResults=1, NextToken=page["NextToken"])
            found += page["TableList"]
        return [table["Name"] for table in found if table["DatabaseName"] in (first, second)]

    search.first = first
    return search


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"Name": "link"}, ["customer-link"]),
        ({"name": "XXLINKYY"}, ["xxlinkyy"]),
        ({"TableType": "EXTERNAL_TABLE", "Name": "customer-link"}, ["customer-link"]),
        ({"classification": "parquet"}, ["orders"]),
        ({"Name": "nothing"}, []),
    ],
)
def test_filters(tables, filters, names):
    assert tables(Filters=[{"Key": key, "Value": value} for key, value in filters.items()]) == names


def test_times(tables, glue):
    def named(comparator, value):
        return tables(Filters=[{"Key": "CreateTime", "Value": value, "Comparator": comparator}])

    assert len(named("GREATER_THAN", "2020-01-01T00:00:00Z")) == 3
    assert named("LESS_THAN", "1577836800") == []


def test_text_and_order(tables):
    assert tables(SearchText="email") == ["customer-link"]
    assert tables(SearchText="ALL of customer") == ["customer-link"]
    assert tables(SearchText='"all of orders"') == ["orders"]
    assert tables(SearchText='"all of"') == []
    assert tables(SortCriteria=[{"FieldName": "Name", "Sort": "DESC"}]) == ["xxlinkyy", "orders", "customer-link"]
    found = tables(Filters=[{"Key": "DatabaseName", "Value": tables.first}], SortCriteria=[{"FieldName": "CreateTime"}])
    assert found == ["customer-link", "xxlinkyy"]


def test_what_cannot_be_searched_for_is_named(refused):
    for request, named in (
        ({"Filters": [{"Key": "Name"}]}, "Value"),
        ({"Filters": [{"Key": "Name", "Value": "x", "Comparator": "LESS_THAN"}]}, "LESS_THAN"),
        ({"Filters": [{"Key": "CreateTime", "Value": "soon"}]}, "soon"),
        ({"SortCriteria": [{"FieldName": "Colour", "Sort": "ASC"}]}, "Colour"),
    ):
        code, message = refused("search_tables", **request)
        assert code == "InvalidInputException"
        assert named in message
