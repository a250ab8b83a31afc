"""jq over records in a process of its own: whatever a query does, its process alone is harmed."""

from contextlib import closing

import pytest

from clary.delivery import query
from clary.delivery.query import Query, Result


def first(text, *texts):
    with closing(Query(text)) as found:
        return found.first(texts)


def test_each_record_has_its_value_or_its_problem():
    big = '{"n": "%s"}' % ("é" * 3_000_000)
    found = first("{a: .n}", '{"n": 1}', '{"n":\n"é"}', "[1]", "{", big, big, '{"n": {"m": null}}')
    assert found[:2] == [Result({"a": 1}), Result({"a": "é"})]
    assert "Cannot index array" in found[2].problem
    assert found[3].problem
    assert [len(result.value["a"]) for result in found[4:6]] == [3_000_000] * 2
    assert found[6] == Result({"a": {"m": None}})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("if .n == 2 then (def f: f; f) else {a: .n} end", "The query takes longer than 2 s"),
        ("if .n == 2 then [range(1e9)] else {a: .n} end", "The query "),
        ("if .n == 2 then empty else {a: .n} end", "The query makes no value"),
        ("if .n == 2 then halt else {a: .n} end", "The query makes no value"),
        ('if .n == 2 then error("no") else {a: .n} end', "no"),
        ("if .n == 2 then input else {a: .n} end", ""),
        ("if .n == 2 then reduce range(5000) as $i (0; [.]) else {a: .n} end", "maximum recursion depth"),
    ],
)
def test_what_a_query_does_to_a_record_is_that_records_problem(text, problem, monkeypatch):
    monkeypatch.setattr(query, "RECORD_SECONDS", 2.0)
    before, failed, after = first(text, '{"n": 1}', '{"n": 2}', '{"n": 3}')
    assert (before, after) == (Result({"a": 1}), Result({"a": 3}))
    assert failed.problem.startswith(problem)
    assert failed.problem


def test_a_query_that_loops_over_every_record_is_not_waited_for_again_and_again(monkeypatch):
    monkeypatch.setattr(query, "RECORD_SECONDS", 0.2)
    found = first("def f: f; f", *["{}"] * 1000)
    assert found == [Result(problem="The query takes longer than 0.2 s")] * 1000


@pytest.mark.parametrize("text", ["{a: env}", "{a: $ENV}"])
def test_a_query_sees_no_environment(text):
    assert first(text, "{}") == [Result({"a": {}})]


@pytest.mark.parametrize("text", ['import "x" as $x {search: "/etc"}; {a: $x}', '# x\n include "x"; {a: 1}'])
def test_a_query_loads_no_files(text):
    with closing(Query(text)) as found, pytest.raises(ValueError, match="modules can't be loaded"):
        found.check()
