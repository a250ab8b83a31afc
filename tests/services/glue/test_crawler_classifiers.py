"""Custom classifiers as records: kinds, versions, refusals."""

import pytest

CSV = {"Delimiter": "|", "QuoteSymbol": "'", "ContainsHeader": "PRESENT", "AllowSingleColumn": False, "Serde": "None"}


@pytest.fixture
def make(glue):
    made = []

    def create(**kinds):
        glue.create_classifier(**kinds)
        made.extend(kind["Name"] for kind in kinds.values())

    yield create
    for name in made:
        glue.delete_classifier(Name=name)


def test_a_classifier_lives_and_goes(glue, make, refused):
    missing = "EntityNotFoundException", "Classifier with name pipes does not exist"
    assert refused("get_classifier", Name="pipes") == missing
    make(CsvClassifier={"Name": "pipes", **CSV})
    found = glue.get_classifier(Name="pipes")["Classifier"]["CsvClassifier"]
    assert {name: found[name] for name in CSV} == CSV
    assert (found["Version"], found["CreationTime"]) == (1, found["LastUpdated"])
    assert (
        refused("create_classifier", JsonClassifier={"Name": "pipes", "JsonPath": "$"})[0] == "AlreadyExistsException"
    )
    glue.update_classifier(CsvClassifier={"Name": "pipes", "Delimiter": ";"})
    found = glue.get_classifier(Name="pipes")["Classifier"]["CsvClassifier"]
    assert (found["Version"], found["Delimiter"], found["QuoteSymbol"]) == (2, ";", "'")
    assert "no JsonClassifier" in refused("update_classifier", JsonClassifier={"Name": "pipes", "JsonPath": "$"})[1]
    assert refused("update_classifier", CsvClassifier={"Name": "none"})[0] == "EntityNotFoundException"
    assert refused("delete_classifier", Name="none")[0] == "EntityNotFoundException"


def test_classifiers_are_listed_by_pages(glue, make):
    make(JsonClassifier={"Name": "a-json", "JsonPath": "$.rows[*]"})
    make(GrokClassifier={"Name": "b-grok", "Classification": "x", "GrokPattern": "%{WORD:w}"})
    pages = glue.get_paginator("get_classifiers").paginate(PaginationConfig={"PageSize": 1})
    names = [kind["Name"] for page in pages for row in page["Classifiers"] for kind in row.values()]
    assert [name for name in names if name in ("a-json", "b-grok")] == ["a-json", "b-grok"]


@pytest.mark.parametrize(
    ("kinds", "named"),
    [
        ({}, "Exactly one of"),
        ({"XMLClassifier": {"Name": "x", "Classification": "xml", "RowTag": "row"}}, "XMLClassifier is not supported"),
        ({"CsvClassifier": {"Name": "x", "Delimiter": ";", "QuoteSymbol": ";"}}, "must differ"),
        ({"CsvClassifier": {"Name": "x", "Header": ["a", "A"]}}, "names a column twice"),
        ({"CsvClassifier": {"Name": "x", "CustomDatatypes": ["MONEY"]}}, "'MONEY' is none of BINARY"),
        ({"CsvClassifier": {"Name": "x", "Header": ["a"], "CustomDatatypes": ["INT", "INT"]}}, "2 types for the 1"),
        ({"JsonClassifier": {"Name": "x", "JsonPath": "rows"}}, "begins with $"),
        ({"JsonClassifier": {"Name": "x", "JsonPath": "$..id"}}, "'..id' is no step"),
        ({"GrokClassifier": {"Name": "x", "Classification": "x", "GrokPattern": "%{NOPE}"}}, "no grok pattern 'NOPE'"),
        ({"GrokClassifier": {"Name": "x", "Classification": "x", "GrokPattern": "(("}}, "no regular expression"),
    ],
)
def test_what_is_refused_by_name(refused, kinds, named):
    code, message = refused("create_classifier", **kinds)
    assert code == "InvalidInputException"
    assert named in message
