import pytest

from clary.algorithms.hyperparameters import (
    Boolean,
    Categorical,
    CommaList,
    Continuous,
    Hyperparameters,
    Integer,
    JsonList,
    Text,
)
from clary.errors import ClientError

TABLE = Hyperparameters(
    Integer("k", "Clusters.", required=True, minimum=2, maximum=10),
    Continuous("rate", "Step.", 0.5, above=0, maximum=1, aliases=("learning_rate",), tunable=(0.1, 1)),
    Categorical("method", "How.", "fast", choices=("fast", "exact")),
    Boolean("shuffle", "Whether.", True),
    Integer("trials", "How often.", "auto", minimum=1, words=("auto",)),
    JsonList("metrics", "Printed.", ["msd"], choices=("msd", "ssd")),
    CommaList("names", "Several.", choices=("a", "b")),
    Text("note", "Anything."),
    rule=lambda values: iter(["k and rate don't fit"] if values["k"] == 9 and values["rate"] == 1 else []),
)


def parse(**given):
    return TABLE.parse({"k": "3", **given})


def test_texts_become_values_and_defaults_fill_the_rest():
    assert parse(rate="1e-1", shuffle="False", metrics='["ssd"]', names="a, b") == {
        "k": 3,
        "rate": 0.1,
        "method": "fast",
        "shuffle": False,
        "trials": "auto",
        "metrics": ["ssd"],
        "names": ["a", "b"],
        "note": None,
    }


def test_python_values_are_taken_too():
    assert TABLE.parse({"k": 3, "rate": 1, "shuffle": False, "metrics": ["ssd"], "trials": 4})["trials"] == 4


def test_an_alias_is_the_same_row():
    assert parse(learning_rate="0.25")["rate"] == 0.25


@pytest.mark.parametrize("text", ["3", "3.0", "3e0"])
def test_whole_numbers_may_be_written_as_floats(text):
    assert TABLE.parse({"k": text})["k"] == 3


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("k", "1", "Hyperparameter k: 1 is not in [2, 10]"),
        ("k", "2.5", "Hyperparameter k: 2.5 is not an integer"),
        ("k", "three", "Hyperparameter k: 'three' is not a number"),
        ("k", "1_0", "Hyperparameter k: '1_0' is not a number"),
        ("k", "٣", "Hyperparameter k: '٣' is not a number"),
        ("trials", "3000000000", "Hyperparameter trials: 3000000000 is not an integer of 32 bits"),
        ("rate", "0", "Hyperparameter rate: 0.0 is not in (0, 1]"),
        ("rate", "nan", "Hyperparameter rate: nan is not a finite number"),
        ("learning_rate", "2", "Hyperparameter learning_rate: 2.0 is not in (0, 1]"),
        ("method", "slow", "Hyperparameter method: 'slow' is not in [fast, exact]"),
        ("shuffle", "maybe", "Hyperparameter shuffle: 'maybe' is not in [true, false]"),
        ("trials", "0", "Hyperparameter trials: 0 is not in [1, inf) or 'auto'"),
        ("metrics", "msd", "Hyperparameter metrics: 'msd' is not a JSON list"),
        ("metrics", '["auc"]', "Hyperparameter metrics: 'auc' is not in [msd, ssd]"),
        ("names", "a,c", "Hyperparameter names: 'c' is not in [a, b]"),
        ("metods", "fast", "Extraneous hyperparameter found: metods (did you mean method?)"),
    ],
)
def test_each_mistake_has_its_sentence(name, text, sentence):
    with pytest.raises(ClientError) as raised:
        parse(**{name: text})
    assert str(raised.value) == sentence


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ClientError) as raised:
        TABLE.parse({"rate": "7", "nothing": "1"})
    assert str(raised.value) == (
        "Missing required hyperparameter: k; Hyperparameter rate: 7.0 is not in (0, 1]; "
        "Extraneous hyperparameter found: nothing"
    )


def test_the_rule_sees_parsed_values():
    with pytest.raises(ClientError, match="k and rate don't fit"):
        TABLE.parse({"k": "9", "rate": "1"})


def test_the_table_speaks_sagemakers_language():
    rows = {row["Name"]: row for row in TABLE.table()}
    assert rows["k"] == {
        "Name": "k",
        "Description": "Clusters.",
        "Type": "Integer",
        "Range": {"IntegerParameterRangeSpecification": {"MinValue": "2", "MaxValue": "10"}},
        "IsTunable": False,
        "IsRequired": True,
        "Aliases": [],
        "Allowed": "[2, 10]",
        "Recommended": [],
    }
    assert rows["rate"]["IsTunable"]
    assert rows["rate"]["DefaultValue"] == "0.5"
    assert rows["shuffle"]["DefaultValue"] == "true"
    assert rows["method"]["Range"] == {"CategoricalParameterRangeSpecification": {"Values": ["fast", "exact"]}}
