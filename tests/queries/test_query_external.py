"""Functions by Lambda, and catalogs that are other databases."""

import base64
import json
import sqlite3

import pyarrow as pa
import pytest
from lake_house import Lake

from clary.queries.remote import make_external
from clary.queries.spec import QuerySpec
from clary.sql.contract import ExternalFunction

SPEC = QuerySpec(id="q", scope=("0" * 12, "us-east-1"), query="")


def answering(compute, requests):
    """A Lambda function as users write it with the federation SDK for Python."""

    def answer(payload):
        event = json.loads(payload)
        requests.append(event)
        assert event["@type"] == "UserDefinedFunctionRequest"
        inputs = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(event["inputRecords"]["schema"])))
        output = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(event["outputSchema"]["schema"])))
        batch = pa.ipc.read_record_batch(base64.b64decode(event["inputRecords"]["records"]), inputs)
        values = [compute(*row.values()) for row in batch.to_pylist()]
        records = pa.record_batch([pa.array(values, output.field(0).type)], schema=output).serialize()
        return json.dumps(
            {
                "@type": "UserDefinedFunctionResponse",
                "records": {
                    "aId": "x",
                    "schema": event["outputSchema"]["schema"],
                    "records": base64.b64encode(records).decode(),
                },
                "methodName": event["methodName"],
            }
        )

    return answer


@pytest.fixture
def call(tmp_path):
    """`call(arguments, result, answer, sql)`: the rows of SQL that calls `f`."""
    import duckdb

    def call(arguments, result, answer, sql):
        lake = Lake(tmp_path)
        lake.functions["mine"] = answer
        with duckdb.connect() as connection:
            make_external(connection, lake, SPEC, ExternalFunction("f", arguments, result, "mine"))
            return connection.execute(sql).fetchall()

    return call


def test_a_function_by_lambda_gets_arrow_and_gives_arrow(call):
    requests = []
    answer = answering(lambda text, number: None if text is None else text * number, requests)
    rows = call(["varchar", "integer"], "varchar", answer, "select f(t, n) from (values ('ab', 2), (NULL, 1)) v(t, n)")
    assert rows == [("abab",), (None,)]
    assert (requests[0]["methodName"], requests[0]["functionType"]) == ("f", "SCALAR")


def test_timestamps_and_arrays_go_there_and_back(call):
    answer = answering(lambda when, items: [*items, str(when)], [])
    sql = "select f(timestamp '2020-01-01 10:00:00', ['a'])"
    assert call(["timestamp(3)", "array(varchar)"], "array(varchar)", answer, sql) == [(["a", "2020-01-01"],)]


def test_many_rows_are_asked_in_batches_that_lambda_takes(call):
    requests = []
    answer = answering(len, requests)
    sql = "select sum(f(repeat('x', 10000) || i)) from range(2000) r(i)"
    assert call(["varchar"], "bigint", answer, sql) == [(2000 * 10_000 + 10 + 90 * 2 + 900 * 3 + 1000 * 4,)]
    assert max(len(json.dumps(request)) for request in requests) < 6_000_000


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("[]", "no UserDefinedFunctionResponse"),
        ("nonsense", "no UserDefinedFunctionResponse"),
        ('{"records": {"schema": "!", "records": ""}}', "no UserDefinedFunctionResponse"),
    ],
)
def test_an_answer_that_is_none_is_told(call, answer, reason):
    import duckdb

    with pytest.raises(
        duckdb.Error, match="GENERIC_USER_ERROR: f by the Lambda function mine: its answer is " + reason
    ):
        call(["varchar"], "varchar", lambda payload: answer, "select f('a')")


def test_too_few_rows_are_told(call):
    import duckdb

    answer = answering(lambda text: text, [])
    with pytest.raises(duckdb.Error, match="it answered 1 rows to 2"):
        call(
            ["varchar"],
            "varchar",
            lambda payload: answer(_first(payload)),
            "select f(t) from (values ('a'), ('b')) v(t)",
        )


def _first(payload):
    event = json.loads(payload)
    schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(event["inputRecords"]["schema"])))
    batch = pa.ipc.read_record_batch(base64.b64decode(event["inputRecords"]["records"]), schema)
    event["inputRecords"]["records"] = base64.b64encode(batch.slice(0, 1).serialize()).decode()
    return json.dumps(event)


def make_sqlite(path):
    with sqlite3.connect(path) as database:
        database.execute("create table People (id integer, Name text, weight real)")
        database.executemany("insert into People values (?, ?, ?)", [(1, "a", 1.5), (2, None, 2.5)])
    database.close()


def test_the_reason_of_a_failed_function_is_told_and_nothing_of_where_it_was_called(lake):
    declared = "USING EXTERNAL FUNCTION f(a varchar) RETURNS varchar LAMBDA 'mine' "
    lake.functions["mine"] = lambda payload: "nonsense"
    problem = lake.problem(declared + "SELECT f('x')")
    assert problem.startswith("GENERIC_USER_ERROR: f by the Lambda function mine: its answer is no")
    assert "At:" not in problem
    lake.functions["mine"] = answering(lambda text: text.upper(), [])
    assert lake.rows(declared + "SELECT f(a) FROM (VALUES 'x', 'y') t(a) ORDER BY 1") == [("X",), ("Y",)]
    unknown = "USING EXTERNAL FUNCTION f(a nothing) RETURNS int LAMBDA 'mine' SELECT f('x')"
    assert lake.problem(unknown) == "TYPE_NOT_FOUND: 'nothing' is not a type that Clary knows"


def test_a_sqlite_catalog_is_joined_with_the_lake(lake):
    make_sqlite(lake.folder / "people.db")
    (lake.folder / "staged").mkdir()
    lake.catalogs["other"] = {"kind": "sqlite", "url": "people.db", "staged": "../people.db"}
    lake.add_table("t", "id int, x string", "text", **{"field.delim": ","})
    lake.put("t/1", b"1,one\n2,two\n")
    rows = lake.rows("select p.name, p.weight, t.x from other.main.people p join t on p.id = t.id order by t.x")
    assert rows == [("a", "1.5", "one"), (None, "2.5", "two")]
    assert lake.problem("select * from other.main.nobody").startswith("TABLE_NOT_FOUND")
    assert not lake.run("create table other.main.x as select 1").ok


def test_a_federated_catalog_without_its_package_is_refused_by_name(lake, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    lake.catalogs["other"] = {"kind": "mysql", "url": "mysql://h/d", "socket": "x"}
    problem = lake.problem("select * from other.d.t")
    assert problem.startswith("NOT_SUPPORTED: federated catalogs need the package duckdb-extension-mysql-scanner")
