"""Definitions: the graph that they make, and what is refused of them."""

import contextlib
import copy
import functools
import json
import operator

import pytest

from clary.pipelines import DefinitionError, PropertyFile, parse


def step(name, kind="Training", **members):
    return {"Name": name, "Type": kind, "Arguments": {}, **members}


def get(path):
    return {"Get": path}


def condition(name, yes=(), no=(), left=1):
    rows = [{"Type": "Equals", "LeftValue": left, "RightValue": 1}]
    return step(name, "Condition", Arguments={"Conditions": rows, "IfSteps": list(yes), "ElseSteps": list(no)})


def definition(*steps, **members):
    return parse(json.dumps({"Version": "2020-12-01", "Steps": list(steps), **members}))


def names(steps):
    return [step.name for step in steps]


def test_a_step_waits_for_all_that_it_refers_to():
    found = definition(
        step("a"),
        step("b", Arguments={"X": [{"Std:Join": {"On": "/", "Values": [get("Steps.a.Y"), get("Parameters.p")]}}]}),
        step("c", DependsOn=["a"]),
        step("d", Arguments={"X": get("Steps.b.Y[0]['z']")}, DependsOn=["c"]),
        Parameters=[{"Name": "p", "Type": "String"}],
    )
    assert names(found.ready({}, [])) == ["a"]
    assert names(found.ready({"a": None}, ["a"])) == ["b", "c"]
    assert names(found.ready({"a": None, "b": None}, ["a", "b", "c"])) == []
    assert names(found.ready({"a": None, "b": None, "c": None}, ["a", "b", "c"])) == ["d"]


def test_a_condition_chooses_one_branch_and_conditions_nest():
    found = definition(
        condition("outer", [step("yes"), condition("inner", no=[step("deep")])], [step("no")]),
        step("after", DependsOn=["outer"]),
        step("after-no", DependsOn=["no"]),
    )
    assert names(found.ready({}, [])) == ["outer"]
    assert names(found.ready({"outer": True}, ["outer"])) == ["yes", "inner", "after"]
    assert names(found.ready({"outer": False}, ["outer"])) == ["no", "after"]
    assert names(found.ready({"outer": True, "inner": False}, ["outer", "inner", "yes", "after"])) == ["deep"]


def test_what_a_step_says_beside_its_arguments():
    found = definition(
        step(
            "a",
            "Processing",
            DisplayName="shown",
            Description="told",
            CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"},
            PropertyFiles=[{"PropertyFileName": "metrics", "OutputName": "out", "FilePath": "m.json"}],
            RetryPolicies=[{"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "ExpireAfterMin": 2}],
        ),
        step("b", CacheConfig={"Enabled": False, "ExpireAfter": "nonsense"}, RetryPolicies=None),
        Metadata={},
        MlflowConfig=None,
        Parameters=None,
    )
    first, second = found.steps.values()
    assert (first.display_name, first.description, first.cached_for) == ("shown", "told", 3600)
    assert first.property_files == {"metrics": PropertyFile("out", "m.json")}
    assert (first.policies[0].attempts, first.policies[0].expires) == (None, 120)
    assert (second.cached_for, second.policies) == (0, ())


JSON_GET = {"Std:JsonGet": {"PropertyFile": get("Steps.a.PropertyFiles.none"), "Path": "x"}}


@pytest.mark.parametrize(
    ("steps", "members", "words"),
    [
        ([], {}, "at least one step"),
        ([step("a")], {"Version": "2021"}, "must be '2020-12-01'"),
        ([step("a")], {"MlflowConfig": {"X": 1}}, "'MlflowConfig' that is not supported"),
        ([step("a"), step("a")], {}, "Duplicate step name 'a'"),
        ([condition("c", [step("a")], [step("a")])], {}, "Duplicate step name 'a'"),
        ([step("a b")], {}, "Step name 'a b'"),
        ([step("a", Timeout=3)], {}, "Step 'a' has a field 'Timeout'"),
        ([step("f", "Fail", CacheConfig={})], {}, "'CacheConfig'"),
        ([step("a", DependsOn=["b"])], {}, "depends on step 'b', which does not exist"),
        ([step("a", Arguments={"X": get("Steps.b.Y")})], {}, "depends on step 'b', which does not exist"),
        ([step("a", Arguments={"X": get("Parameters.p")})], {}, "unknown parameter 'p'"),
        ([step("a", Arguments={"X": get("Execution.Colour")})], {}, "Unknown property reference 'Execution.Colour'"),
        ([step("a", Arguments={"X": get("a")})], {}, "Get takes text"),
        ([step("a", Arguments={"X": get("Steps.b.[")})], {}, "can't be read"),
        ([step("a", Arguments={"X": {"Std:Upper": "x"}})], {}, "Std:Upper is no function"),
        ([step("a", Arguments={"X": {"Std:Join": {"On": ","}}})], {}, "Std:Join takes"),
        ([step("a", Arguments={"X": {"Std:JsonGet": {"Path": "x"}}})], {}, "Std:JsonGet takes"),
        ([step("a"), step("b", Arguments={"X": JSON_GET})], {}, "step 'a' has no property file 'none'"),
        ([step("f", "Fail"), step("a", DependsOn=["f"])], {}, "nothing can come after a Fail step"),
        (
            [step("a", DependsOn=["c"]), step("b", DependsOn=["a"]), step("c", DependsOn=["b"])],
            {},
            "a, b, c form a cycl",
        ),
        ([condition("c", [step("a")], left=get("Steps.a.X"))], {}, "c, a form a cyclic dependency"),
        ([step("c", "Condition", Arguments={"Conditions": []})], {}, "at least one condition"),
        ([step("c", "Condition", Arguments={"Conditions": [{"Type": "Like"}]})], {}, "Condition of Type 'Like'"),
        ([step("c", "Condition", Arguments={"Conditions": [{"Type": "In", "Values": []}]})], {}, "In has QueryValue"),
        ([step("a", CacheConfig={"Enabled": True})], {}, "needs ExpireAfter"),
        ([step("a", CacheConfig={"Enabled": True, "ExpireAfter": "soon"})], {}, "'soon' is no ISO 8601 duration"),
        ([step("a", RetryPolicies=[{"ExceptionType": ["Any"]}])], {}, "ExceptionType must be a list of"),
        ([step("a", PropertyFiles=[{"OutputName": "x"}])], {}, "each needs PropertyFileName"),
        ([step("a")], {"Parameters": [{"Name": "p", "Type": "Date"}]}, "Type of String, Integer"),
        ([step("a")], {"Parameters": [{"Name": "p", "Type": "Integer", "DefaultValue": True}]}, "no value of the Type"),
        ([step("a")], {"Parameters": [{"Name": "p", "Type": "String"}] * 2}, "Duplicate parameter name 'p'"),
        (
            [step("a")],
            {"Parameters": [{"Name": "p", "Type": "String", "DefaultValue": "c", "EnumValues": ["a", "b"]}]},
            "not among its EnumValues",
        ),
        ([step("a", Arguments={"X": {"Std:JsonGet": {"Path": "x", "PropertyFile": "f"}}})], {}, "Std:JsonGet takes"),
        ([step("a", DisplayName=3)], {}, "DisplayName and Description must be text"),
        ([step("a")], {"Parameters": [{"Name": "p", "Type": "String", "EnumValues": 3}]}, "EnumValues must be a list"),
        ([step("a")], {"PipelineExperimentConfig": ["x"]}, "PipelineExperimentConfig must be a JSON object"),
        ([step("a")], {"PipelineExperimentConfig": {"TrialName": get("Steps.a.X")}}, "can't refer to Steps.a"),
    ],
)
def test_what_is_refused(steps, members, words):
    with pytest.raises(DefinitionError) as error:
        definition(*steps, **members)
    assert words in str(error.value)


@pytest.mark.parametrize("text", [" ", "[]", "{", '{"Version": "2020-12-01", "Steps": {}}', "[" * 100_000])
def test_what_is_no_definition(text):
    with pytest.raises(DefinitionError):
        parse(text)


def test_parameters_are_read_by_their_types():
    rows = [
        {"Name": "s", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
        {"Name": "i", "Type": "Integer", "DefaultValue": 1},
        {"Name": "f", "Type": "Float", "DefaultValue": 1},
        {"Name": "b", "Type": "Boolean", "DefaultValue": False},
    ]
    found = definition(step("a"), Parameters=rows).parameters
    assert [found[name].read(text) for name, text in (("s", "b"), ("i", "7"), ("f", "1e-3"), ("b", "True"))] == [
        "b",
        7,
        0.001,
        True,
    ]
    for name, text in (("s", "c"), ("i", "1.5"), ("f", "x"), ("b", "yes")):
        with pytest.raises(ValueError, match=text):
            found[name].read(text)


JUNK = (None, True, -1, 1.5, "", "x", [], ["x"], {}, {"x": 1}, {"Get": 1}, {"Std:Join": []}, {"Std:JsonGet": "x"})


def places(node, path=()):
    """The paths of all values in a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def test_junk_in_any_place_is_read_or_refused():
    rich = step(
        "a",
        "Processing",
        CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"},
        PropertyFiles=[{"PropertyFileName": "f", "OutputName": "out", "FilePath": "m.json"}],
        RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1}],
    )
    read = {"Std:JsonGet": {"PropertyFile": get("Steps.a.PropertyFiles.f"), "Path": "x"}}
    rows = [{"Name": "p", "Type": "String", "DefaultValue": "a", "EnumValues": ["a"]}]
    joined = step("b", Arguments={"X": {"Std:Join": {"On": "", "Values": [get("Parameters.p")]}}}, DependsOn=["a"])
    document = {
        "Version": "2020-12-01",
        "Parameters": rows,
        "PipelineExperimentConfig": {"TrialName": get("Execution.PipelineName")},
        "Steps": [rich, condition("c", [joined], [step("f", "Fail", Arguments={"ErrorMessage": ""})], left=read)],
    }
    parse(json.dumps(document))
    for path in places(document):
        for junk in JUNK:
            changed = copy.deepcopy(document)
            above = functools.reduce(operator.getitem, path[:-1], changed)
            above[path[-1]] = junk
            with contextlib.suppress(DefinitionError):
                parse(json.dumps(changed))
