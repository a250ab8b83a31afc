"""Queries: run for real, their results as Athena answers and writes them."""

import uuid

import pytest

from clary.jobs.host import Scope
from clary.services.athena import executions, history

VALUES = "SELECT * FROM (VALUES (1, 'a'), (2, NULL), (3, ''), (4, 'q\"\nz')) AS t(n, s) ORDER BY n"
UPDATE_COLUMN = [("rows", "bigint")]


def columns_of(answer):
    return [(column["Name"], column["Type"]) for column in answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]


def test_a_result_is_a_file_and_pages(lake):
    execution = lake.end(VALUES)
    id_ = execution["QueryExecutionId"]
    assert execution["Status"]["State"] == "SUCCEEDED"
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "SELECT")
    assert execution["WorkGroup"] == "primary"
    assert execution["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    assert execution["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": False}
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{lake.bucket}/results/{id_}.csv"
    assert lake.read(location) == b'"n","s"\n"1","a"\n"2",\n"3",""\n"4","q""\nz"\n'
    assert lake.read(f"{location}.metadata").startswith(b"\x0a\x24" + id_.encode())
    answer = lake.athena.get_query_results(QueryExecutionId=id_)
    rows = [[field.get("VarCharValue") for field in row["Data"]] for row in answer["ResultSet"]["Rows"]]
    assert rows == [["n", "s"], ["1", "a"], ["2", None], ["3", ""], ["4", 'q"\nz']]
    assert answer["UpdateCount"] == 0
    info = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert info[0] == {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": "n",
        "Label": "n",
        "Type": "integer",
        "Precision": 10,
        "Scale": 0,
        "Nullable": "UNKNOWN",
        "CaseSensitive": False,
    }
    assert (info[1]["Type"], info[1]["CaseSensitive"]) == ("varchar", True)


def test_a_full_page_is_followed_by_another(lake, refused):
    id_ = lake.run(VALUES)
    pages, token = [], {}
    while True:
        answer = lake.athena.get_query_results(QueryExecutionId=id_, MaxResults=5, **token)
        pages.append(len(answer["ResultSet"]["Rows"]))
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert pages == [5, 0]
    ahead = lake.athena.get_query_results(QueryExecutionId=id_, MaxResults=4)["NextToken"]
    last = lake.athena.get_query_results(QueryExecutionId=id_, NextToken=ahead)["ResultSet"]["Rows"]
    assert last == [{"Data": [{"VarCharValue": "4"}, {"VarCharValue": 'q"\nz'}]}]
    wrong = refused("get_query_results", QueryExecutionId=id_, NextToken="x")
    assert wrong == ("InvalidRequestException", "Malformed nextPageToken x")
    lake.s3.delete_object(Bucket=lake.bucket, Key=f"results/{id_}.csv")
    assert refused("get_query_results", QueryExecutionId=id_)[1] == "Could not find results"


def test_executions_are_found(lake, athena, refused):
    good, bad = lake.run("SELECT 1"), lake.start("SELECT * FROM nope")
    lake.end("SELECT 2")
    assert {good, bad} <= set(athena.list_query_executions()["QueryExecutionIds"])
    answer = athena.batch_get_query_execution(QueryExecutionIds=[good, "x"])
    assert [row["QueryExecutionId"] for row in answer["QueryExecutions"]] == [good]
    [missing] = answer["UnprocessedQueryExecutionIds"]
    assert (missing["QueryExecutionId"], missing["ErrorCode"]) == ("x", "QUERY_EXECUTION_NOT_FOUND")
    figures = athena.get_query_runtime_statistics(QueryExecutionId=good)["QueryRuntimeStatistics"]
    assert figures["Rows"]["OutputRows"] == 1
    assert figures["Timeline"]["TotalExecutionTimeInMillis"] >= 0
    assert refused("stop_query_execution", QueryExecutionId="x")[1] == "QueryExecution x was not found"
    athena.stop_query_execution(QueryExecutionId=good)
    assert lake.execution(good)["Status"]["State"] == "SUCCEEDED"


def test_a_query_that_fails_says_why(lake, athena, refused):
    execution = lake.end("SELECT *\nFROM\n  nope")
    status = execution["Status"]
    assert status["State"] == "FAILED"
    assert status["StateChangeReason"].startswith("TABLE_NOT_FOUND: line ")
    assert f"Table 'awsdatacatalog.{lake.database}.nope' does not exist" in status["StateChangeReason"]
    assert status["AthenaError"] == {
        "ErrorCategory": 2,
        "ErrorType": 1301,
        "Retryable": False,
        "ErrorMessage": status["StateChangeReason"],
    }
    id_ = execution["QueryExecutionId"]
    assert refused("get_query_results", QueryExecutionId=id_) == (
        "InvalidRequestException",
        "Query did not finish successfully. Final query state: FAILED",
    )
    assert lake.keys(f"results/{id_}") == []


def test_every_execution_that_has_ended_has_its_figures(lake):
    for statement in ("SELECT * FROM nope", "DROP TABLE nope", "SHOW TABLES", "SELECT 1", "DROP VIEW IF EXISTS nope"):
        figures = lake.end(statement)["Statistics"]
        assert figures["DataScannedInBytes"] == 0, statement
        assert {"EngineExecutionTimeInMillis", "QueryQueueTimeInMillis"} <= set(figures), statement


def test_statements_that_are_no_query(lake):
    assert lake.refuse("SELEC 1").startswith("line 1:1: mismatched input 'SELEC'. Expecting: ")
    table = f"CREATE TABLE t WITH (external_location = 's3://{lake.bucket}/t/') AS\n"
    for statement, place, token in (
        ("SELECT 1 +", "1:11", "<EOF>"),
        ("SELECT a FROM\n  t WHERE", "2:10", "<EOF>"),
        (f"{table}SELECT a FROM WHERE", "2:15", "WHERE"),
        ("INSERT INTO t\nSELECT a b c FROM t", "2:12", "c"),
        ("CREATE VIEW v AS SELECT a FROM t GROUP 1", "1:40", "1"),
        ("UNLOAD (SELECT a FROM t LIMIT x y) TO 's3://b/k/' WITH (format = 'JSON')", "1:31", "x"),
        ("PREPARE p FROM\nSELECT FROM t", "2:8", "FROM"),
        ("PREPARE p FROM SELEC 1", "1:16", "SELEC"),
        ("USING EXTERNAL FUNCTION f(n integer) RETURNS integer LAMBDA 'f' SELECT f(1 FROM t", "1:82", "<EOF>"),
    ):
        assert lake.refuse(statement).startswith(f"line {place}: mismatched input '{token}'"), statement
    assert lake.fail("SELECT 1 + '" + "x" * 20_000 + "' +").startswith("SYNTAX_ERROR: line 1:")
    assert lake.refuse("SELECT 1; SELECT 2") == "Only one sql statement is allowed. Got: SELECT 1; SELECT 2"
    assert "EXPLAIN is not supported by Clary" in lake.refuse("EXPLAIN SELECT 1")
    assert "MERGE is a statement for Iceberg tables" in lake.refuse("MERGE INTO t USING u ON true")
    longest = "SELECT '" + "x" * (262144 - 9) + "'"
    assert lake.rows(longest)[1] == ["x" * (262144 - 9)]
    with pytest.raises(lake.athena.exceptions.ClientError, match="less than or equal to 262144"):
        lake.start(longest + " ")


def test_the_same_token_gives_the_same_execution(lake, refused):
    token = uuid.uuid4().hex
    first = lake.start("SELECT 1", ClientRequestToken=token)
    assert lake.start("SELECT 1", ClientRequestToken=token) == first
    said = {"QueryString": "SELECT 2", "ClientRequestToken": token}
    code, message = refused(
        "start_query_execution", **said, ResultConfiguration={"OutputLocation": f"s3://{lake.bucket}"}
    )
    assert (code, message) == ("InvalidRequestException", "Idempotent parameters do not match")
    assert lake.start("SELECT 1", ClientRequestToken=token.upper()) != first


def test_parameters(lake, athena):
    rows = lake.rows("SELECT ? AS a, ? AS b, ? AS c", ExecutionParameters=["1 + 1", "it's", "'quoted'"])
    assert rows[1] == ["2", "it's", "quoted"]
    assert lake.fail("SELECT ?, ?", ExecutionParameters=["1"]) == (
        "INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected 2 but found 1"
    )
    assert lake.rows("SELECT '?' AS a", ExecutionParameters=["1"])[1] == ["?"]
    athena.create_prepared_statement(StatementName="add_two", WorkGroup="primary", QueryStatement="SELECT ? + 2 AS n")
    assert lake.rows("EXECUTE add_two USING 40") == [["n"], ["42"]]
    assert lake.rows('EXECUTE "add_two"', ExecutionParameters=["5"]) == [["n"], ["7"]]
    assert "expected 1 but found 0" in lake.fail("EXECUTE add_two")


def test_a_result_is_reused_while_it_is_young(lake):
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}
    statement = f"SELECT '{uuid.uuid4()}' AS id"
    lake.run(statement)

    def reused(**options):
        execution = lake.end(statement, **options)
        assert execution["Status"]["State"] == "SUCCEEDED"
        return execution["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]

    assert not reused()
    assert reused(ResultReuseConfiguration=reuse)
    assert not reused(ResultReuseConfiguration=reuse, QueryExecutionContext={"Database": "default"})
    never = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 0}}
    assert not reused(ResultReuseConfiguration=never)
    assert lake.rows(statement, ResultReuseConfiguration=reuse)[0] == ["id"]


def test_a_query_is_stopped(lake, athena, refused):
    lake.put("numbers/1.csv", b"".join(b"%d\n" % number for number in range(50_000)))
    lake.run(f"CREATE EXTERNAL TABLE numbers (n int) LOCATION 's3://{lake.bucket}/numbers/'")
    id_ = lake.start("SELECT sum(a.n * b.n + c.n) AS s FROM numbers a, numbers b, numbers c")
    assert lake.execution(id_)["Status"]["State"] in ("QUEUED", "RUNNING")
    assert refused("get_query_results", QueryExecutionId=id_)[1].startswith(
        "Query has not yet finished. Current state: "
    )
    athena.stop_query_execution(QueryExecutionId=id_)
    status = lake.execution(id_)["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Query cancelled by user")
    assert lake.execution(id_)["Statistics"]["DataScannedInBytes"] == 0
    assert refused("get_query_results", QueryExecutionId=id_)[1] == "Could not find results"


def test_views(lake):
    lake.run("CREATE TABLE base AS SELECT 1 AS n, 'x' AS s")
    execution = lake.end("CREATE VIEW v AS SELECT n, s FROM base")
    assert (execution["Status"]["State"], execution["SubstatementType"]) == ("SUCCEEDED", "CREATE_VIEW")
    assert lake.lines("DESCRIBE v")[0] == "n\tinteger"
    table = lake.table("v")
    assert table["TableType"] == "VIRTUAL_VIEW"
    assert table["Parameters"] == {"presto_view": "true", "comment": "Presto View"}
    assert table["ViewOriginalText"].startswith("/* Presto View: ")
    assert table["StorageDescriptor"]["Columns"][0] == {"Name": "n", "Type": "int"}
    assert lake.rows("SELECT s FROM v") == [["s"], ["x"]]
    assert lake.rows("SELECT count(*) AS n FROM (SELECT n, s FROM base)") == [["n"], ["1"]]
    assert "View already exists" in lake.fail("CREATE VIEW v AS SELECT 1 AS n")
    lake.run("CREATE OR REPLACE VIEW v AS SELECT n + 1 AS m FROM base")
    assert lake.rows("SELECT * FROM v") == [["m"], ["2"]]
    assert "Table already exists" in lake.fail("CREATE OR REPLACE VIEW base AS SELECT 1 AS n")
    lake.run("CREATE VIEW over_v AS SELECT m FROM v")
    assert "recursive view" in lake.fail("CREATE OR REPLACE VIEW v AS SELECT m FROM over_v")
    assert "TABLE_NOT_FOUND" in lake.fail("CREATE VIEW w AS SELECT * FROM nope")
    lake.run("DROP VIEW over_v")
    lake.run("DROP VIEW v")
    assert lake.lines("SHOW VIEWS") == []


def test_a_table_is_made_of_a_query(lake):
    execution = lake.end(
        "CREATE TABLE made WITH (format = 'ORC', partitioned_by = ARRAY['p'], write_compression = 'SNAPPY') AS "
        "SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (3, 'b')) AS t(n, p)"
    )
    id_ = execution["QueryExecutionId"]
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DDL", "CREATE_TABLE_AS_SELECT")
    home = f"s3://{lake.bucket}/results/tables/{id_}"
    assert execution["ResultConfiguration"]["OutputLocation"] == home
    manifest = execution["Statistics"]["DataManifestLocation"]
    assert manifest == f"{home}-manifest.csv"
    written = sorted(f"s3://{lake.bucket}/{key}" for key in lake.keys(f"results/tables/{id_}/"))
    assert sorted(lake.read(manifest).decode().split()) == written
    assert [place.removeprefix(home).split("/")[1] for place in written] == ["p=a", "p=b"]
    table = lake.table("made")
    assert table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"].endswith("OrcSerde")
    assert table["StorageDescriptor"]["Location"] == home
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["n"]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["p"]
    assert table["Parameters"]["orc.compress"] == "SNAPPY"
    assert lake.lines("SHOW PARTITIONS made") == ["p=a", "p=b"]
    answer = lake.athena.get_query_results(QueryExecutionId=id_)
    assert (answer["UpdateCount"], answer["ResultSet"]["Rows"]) == (3, [])
    assert columns_of(answer) == UPDATE_COLUMN
    assert lake.read(f"{home}.metadata").count(b"CREATE TABLE") == 1
    assert lake.rows("SELECT n, p FROM made ORDER BY n")[1:] == [["1", "a"], ["2", "b"], ["3", "b"]]


def test_tables_that_cannot_be_made(lake, athena):
    lake.run(f"CREATE TABLE t WITH (external_location = 's3://{lake.bucket}/there/') AS SELECT 1 AS n")
    full = lake.fail(f"CREATE TABLE u WITH (external_location = 's3://{lake.bucket}/there/') AS SELECT 1 AS n")
    assert full.startswith(f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{lake.database}.u' already exists: ")
    assert "TABLE_ALREADY_EXISTS" in lake.fail("CREATE TABLE t AS SELECT 1 AS n")
    lake.run("CREATE TABLE IF NOT EXISTS t AS SELECT 2 AS n")
    assert lake.rows("SELECT n FROM t") == [["n"], ["1"]]
    assert "'colour' does not exist" in lake.fail("CREATE TABLE u WITH (colour = 'red') AS SELECT 1 AS n")
    assert "table_type" in lake.fail("CREATE TABLE u WITH (table_type = 'ICEBERG') AS SELECT 1 AS n")
    assert "format ION is not supported" in lake.fail("CREATE TABLE u WITH (format = 'ION') AS SELECT 1 AS n")
    assert "compression BZIP2 is not one of format ORC" in lake.fail(
        "CREATE TABLE u WITH (format = 'ORC', write_compression = 'BZIP2') AS SELECT 1 AS n"
    )
    unnamed = "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position 2"
    assert lake.fail("CREATE TABLE u AS SELECT 1 AS n, 2") == lake.fail("CREATE VIEW u AS SELECT 1 AS n, 2") == unnamed
    assert "SCHEMA_NOT_FOUND" in lake.fail("CREATE TABLE nowhere.u AS SELECT 1 AS n")
    buckets = "CREATE TABLE u WITH (bucketed_by = ARRAY['n'], bucket_count = 0) AS SELECT 1 AS n"
    assert "'bucket_count' is at least 1, not 0" in lake.fail(buckets)
    group = f"forced-{uuid.uuid4()}"
    athena.create_work_group(
        Name=group, Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{lake.bucket}"}}
    )
    assert "enforces a centralized output location" in lake.fail(
        f"CREATE TABLE u WITH (external_location = 's3://{lake.bucket}/u/') AS SELECT 1 AS n", WorkGroup=group
    )
    lake.run("CREATE TABLE empty AS SELECT 1 AS n WITH NO DATA")
    assert lake.rows("SELECT n FROM empty") == [["n"]]


def test_rows_are_inserted(lake):
    lake.run(
        f"CREATE EXTERNAL TABLE t (n int, s string) PARTITIONED BY (p string) STORED AS PARQUET "
        f"LOCATION 's3://{lake.bucket}/t/'"
    )
    lake.run(f"ALTER TABLE t ADD PARTITION (p='away') LOCATION 's3://{lake.bucket}/away/'")
    execution = lake.end(
        "INSERT INTO t SELECT * FROM (VALUES (1, 'a', 'x'), (2, 'b', 'away'), (3, NULL, 'a/b')) v(a, b, c)"
    )
    id_ = execution["QueryExecutionId"]
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    assert execution["ResultConfiguration"]["OutputLocation"] == f"s3://{lake.bucket}/results/{id_}"
    assert len(lake.read(execution["Statistics"]["DataManifestLocation"]).split()) == 3
    answer = lake.athena.get_query_results(QueryExecutionId=id_)
    assert (answer["UpdateCount"], columns_of(answer)) == (3, UPDATE_COLUMN)
    assert len(lake.keys("away/")) == 1
    assert {key.rpartition("/")[0] for key in lake.keys("t/")} == {"t/p=x", "t/p=a%2Fb"}
    assert lake.lines("SHOW PARTITIONS t") == ["p=a%2Fb", "p=away", "p=x"]
    lake.run("INSERT INTO t VALUES (4, 'd', 'x')")
    rows = lake.rows("SELECT n, s, p FROM t ORDER BY n")[1:]
    assert rows == [["1", "a", "x"], ["2", "b", "away"], ["3", None, "a/b"], ["4", "d", "x"]]
    lake.run("INSERT INTO t (p, n) VALUES ('x', 5)")
    assert lake.rows("SELECT n, s, p FROM t WHERE n = 5")[1:] == [["5", None, "x"]]
    assert "Table: [varchar, integer], Query: [integer, integer]" in lake.fail("INSERT INTO t (p, n) VALUES (1, 5)")
    nothing = lake.end("INSERT INTO t SELECT n, s, p FROM t WHERE n > 9")
    assert "DataManifestLocation" not in nothing["Statistics"]
    assert "TABLE_NOT_FOUND" in lake.fail("INSERT INTO nope VALUES (1)")
    assert "does not exist in target table: z" in lake.fail("INSERT INTO t (z) VALUES (1)")
    lake.run(
        "CREATE EXTERNAL TABLE csv (a string) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' "
        f"LOCATION 's3://{lake.bucket}/csv/'"
    )
    assert "NOT_SUPPORTED: INSERT INTO a table of SerDe" in lake.fail("INSERT INTO csv VALUES ('a')")


def test_rows_are_unloaded(lake):
    statement = (
        f"UNLOAD (SELECT 1 AS n, 'b' AS p) TO 's3://{lake.bucket}/out/' WITH (format = 'JSON', compression = 'NONE')"
    )
    execution = lake.end(statement)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "UNLOAD")
    [key] = lake.keys("out/")
    assert lake.read(f"s3://{lake.bucket}/{key}") == b'{"n":1,"p":"b"}\n'
    assert lake.read(execution["Statistics"]["DataManifestLocation"]).decode() == f"s3://{lake.bucket}/{key}\n"
    assert lake.fail(statement).startswith("HIVE_PATH_ALREADY_EXISTS")
    lake.run(
        f"UNLOAD (SELECT 1 AS n, 'b' AS p) TO 's3://{lake.bucket}/parts/' "
        "WITH (format = 'PARQUET', partitioned_by = ARRAY['p'])"
    )
    assert [key.rpartition("/")[0] for key in lake.keys("parts/")] == ["parts/p=b"]
    assert "needs the property format" in lake.fail(f"UNLOAD (SELECT 1 AS n) TO 's3://{lake.bucket}/other/'")


def test_a_query_may_scan_only_so_much(lake, athena):
    group = f"little-{uuid.uuid4()}"
    athena.create_work_group(Name=group, Configuration={"BytesScannedCutoffPerQuery": 10_000_000})
    for number in range(20):
        lake.put(f"big/{number}.csv", b"x\n" * 1_000_000)
    lake.run(f"CREATE EXTERNAL TABLE big (a string) LOCATION 's3://{lake.bucket}/big/'")
    execution = lake.end("SELECT count(a) AS n FROM big", WorkGroup=group)
    status = execution["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Bytes scanned limit was exceeded")
    assert execution["Statistics"]["DataScannedInBytes"] > 10_000_000
    assert not any(execution["QueryExecutionId"] in key for key in lake.keys("results/"))
    assert lake.end("CREATE TABLE copy AS SELECT a FROM big", WorkGroup=group)["Status"]["State"] == "CANCELLED"
    assert lake.lines("SHOW TABLES") == ["big"]
    assert lake.rows("SELECT a FROM big LIMIT 1", WorkGroup=group) == [["a"], ["x"]]
    assert lake.rows("SELECT count(a) AS n FROM big") == [["n"], ["20000000"]]


def test_a_table_whose_files_are_gone_has_no_rows(lake):
    lake.run("CREATE TABLE t AS SELECT 1 AS n")
    for key in lake.keys("results/tables/"):
        lake.s3.delete_object(Bucket=lake.bucket, Key=key)
    assert lake.rows("SELECT n FROM t") == [["n"]]


def test_functions_by_lambda(lake, aws):
    statement = "USING EXTERNAL FUNCTION twice(n integer) RETURNS integer LAMBDA 'nobody' SELECT twice(21) AS n"
    assert lake.refuse(statement.replace("RETURNS integer", "")).startswith("line 1:43: mismatched input 'LAMBDA'")
    assert "nobody" in lake.fail(statement)  # tests/queries has one that answers


def test_old_executions_are_forgotten(server, lake):
    rooms = server.house.rooms
    old, young = lake.run("SHOW TABLES"), lake.run("SHOW TABLES", ClientRequestToken=uuid.uuid4().hex)
    key = executions.key_of(Scope("000000000000", "us-east-1"), old)
    rooms.records.change(key, lambda record: record.body["Status"].update(CompletionDateTime=1.0))
    history.forget_old(rooms)
    assert rooms.records.get(key) is None
    assert lake.execution(young)["Status"]["State"] == "SUCCEEDED"
