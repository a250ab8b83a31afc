"""Statements that define databases, tables and partitions, in Athena's own words."""

import base64
import json

import pytest

BELTS = r"""CREATE EXTERNAL TABLE IF NOT EXISTS belts (
  id int COMMENT 'the belt\'s number',
  temperatures array<struct<at:timestamp,value:decimal(5, 2)>>)
COMMENT 'belts'
PARTITIONED BY (year int, site string COMMENT 'where')
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t' ESCAPED BY '\\' NULL DEFINED AS ''
LOCATION 's3://BUCKET/belts/'
TBLPROPERTIES ('skip.header.line.count'='1')"""

BLANK = " " * 20
TASK = "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask."
SEMANTIC = "FAILED: SemanticException"


@pytest.fixture
def belts(lake):
    lake.run(BELTS.replace("BUCKET", lake.bucket))
    return lake


def test_databases(lake):
    name = f"{lake.database}_more"
    execution = lake.end(
        f"CREATE DATABASE IF NOT EXISTS {name} COMMENT 'c' LOCATION 's3://bucket/d/' WITH DBPROPERTIES ('a'='b')"
    )
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DDL", "CREATE_DATABASE")
    lake.run(f"ALTER SCHEMA {name} SET DBPROPERTIES ('x'='y')")
    found = lake.glue.get_database(Name=name)["Database"]
    assert (found["Description"], found["LocationUri"]) == ("c", "s3://bucket/d/")
    assert found["Parameters"] == {"a": "b", "x": "y"}
    assert name in lake.lines("SHOW DATABASES")
    assert lake.lines(f"SHOW SCHEMAS LIKE '{lake.database}_m*'") == [name]
    assert lake.fail(f"CREATE DATABASE {name}") == f"{TASK} Database {name} already exists"
    lake.run(f"CREATE EXTERNAL TABLE {name}.t (a int) LOCATION 's3://{lake.bucket}/t/'")
    assert "is not empty. One or more tables exist." in lake.fail(f"DROP DATABASE {name}")
    lake.run(f"DROP DATABASE {name} CASCADE")
    assert lake.fail(f"DROP DATABASE {name}") == f"{SEMANTIC} [Error 10072]: Database does not exist: {name}"
    lake.run(f"DROP DATABASE IF EXISTS {name}")


def test_an_external_table_is_what_glue_keeps(belts):
    table = belts.table("belts")
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["Parameters"].items() >= {"EXTERNAL": "TRUE", "skip.header.line.count": "1"}.items()
    assert table["StorageDescriptor"]["Columns"] == [
        {"Name": "id", "Type": "int", "Comment": "the belt's number"},
        {"Name": "temperatures", "Type": "array<struct<at:timestamp,value:decimal(5,2)>>"},
    ]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "site"]
    assert table["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {
            "field.delim": "\t",
            "serialization.format": "\t",
            "escape.delim": "\\",
            "serialization.null.format": "",
        },
    }
    again = BELTS.replace("BUCKET", belts.bucket)
    belts.run(again)
    assert "AlreadyExistsException(message:Table belts already exists)" in belts.fail(
        again.replace("IF NOT EXISTS", "")
    )


@pytest.mark.parametrize(
    ("said", "serde", "input_format"),
    [
        ("STORED AS PARQUET", "ParquetHiveSerDe", "MapredParquetInputFormat"),
        ("STORED AS orc", "OrcSerde", "OrcInputFormat"),
        ("STORED AS AVRO", "AvroSerDe", "AvroContainerInputFormat"),
        ("ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'", "OpenCSVSerde", "TextInputFormat"),
        ("STORED AS INPUTFORMAT 'x.In' OUTPUTFORMAT 'x.Out'", "LazySimpleSerDe", "In"),
    ],
)
def test_formats(lake, said, serde, input_format):
    lake.run(f"CREATE EXTERNAL TABLE t (a int) {said} LOCATION 's3://{lake.bucket}/t/'")
    descriptor = lake.table("t")["StorageDescriptor"]
    assert descriptor["SerdeInfo"]["SerializationLibrary"].rpartition(".")[2] == serde
    assert descriptor["InputFormat"].rpartition(".")[2] == input_format


def test_what_a_table_is_shown_as(belts):
    assert belts.lines("SHOW TABLES") == ["belts"]
    assert belts.lines(f"SHOW TABLES IN {belts.database} 'b*|x'") == ["belts"]
    assert belts.lines("SHOW TABLES 'c.*'") == []
    assert belts.lines("SHOW COLUMNS IN belts") == [f"{name:20}" for name in ("id", "temperatures", "year", "site")]
    assert belts.lines("SHOW TBLPROPERTIES belts")[:2] == ["EXTERNAL\tTRUE", "skip.header.line.count\t1"]
    assert belts.lines("SHOW TBLPROPERTIES belts('skip.header.line.count')") == ["1"]
    keys = [f"{'year':20}\t{'int':20}\t{BLANK}", f"{'site':20}\t{'string':20}\t{'where':20}"]
    assert belts.lines("DESCRIBE belts") == [
        f"{'id':20}\t{'int':20}\tthe belt's number   ",
        f"{'temperatures':20}\tarray<struct<at:timestamp,value:decimal(5,2)>>\t{BLANK}",
        *keys,
        "\t \t ",
        "# Partition Information\t \t ",
        "# col_name            \tdata_type           \tcomment             ",
        "\t \t ",
        *keys,
    ]
    assert belts.lines("DESC belts site") == [f"{'site':20}\t{'string':20}\t{'from deserializer':20}"]
    formatted = belts.lines(f"DESCRIBE FORMATTED {belts.database}.belts")
    assert formatted[0] == "# col_name            \tdata_type           \tcomment             "
    location = f"s3://{belts.bucket}/belts/"
    assert f"{'Location:':20}\t{location:20}\t " in formatted
    extended = belts.lines("DESCRIBE EXTENDED belts")
    assert extended[-1].startswith("Detailed Table Information\tTable(tableName:belts, dbName:")


def test_what_show_create_table_says_makes_the_same_table(belts):
    statement = "\n".join(belts.lines("SHOW CREATE TABLE belts"))
    assert statement.startswith("CREATE EXTERNAL TABLE `belts`(\n  `id` int COMMENT 'the belt\\'s number', \n")
    assert "PARTITIONED BY ( \n  `year` int, \n  `site` string COMMENT 'where')\nROW FORMAT DELIMITED \n" in statement
    before = belts.table("belts")
    belts.run("DROP TABLE belts")
    belts.run(statement)
    after = belts.table("belts")
    assert after["StorageDescriptor"] == before["StorageDescriptor"]
    assert after["PartitionKeys"] == before["PartitionKeys"]


def test_tables_change(belts):
    def columns():
        return [(row["Name"], row["Type"]) for row in belts.table("belts")["StorageDescriptor"]["Columns"]]

    assert belts.end("ALTER TABLE belts ADD COLUMNS (speed double)")["SubstatementType"] == "ALTER_TABLE_ADD_COLUMN"
    assert columns()[2] == ("speed", "double")
    belts.run("ALTER TABLE belts CHANGE COLUMN speed velocity float FIRST")
    assert columns()[0] == ("velocity", "float")
    belts.run("ALTER TABLE belts CHANGE velocity velocity double AFTER id")
    assert [name for name, _ in columns()] == ["id", "velocity", "temperatures"]
    belts.run("ALTER TABLE belts REPLACE COLUMNS (a string, b bigint)")
    assert columns() == [("a", "string"), ("b", "bigint")]
    belts.run("ALTER TABLE belts SET TBLPROPERTIES ('classification'='csv')")
    belts.run(f"ALTER TABLE belts SET LOCATION 's3://{belts.bucket}/elsewhere/'")
    table = belts.table("belts")
    assert table["StorageDescriptor"]["Location"] == f"s3://{belts.bucket}/elsewhere/"
    assert table["Parameters"].items() >= {"classification": "csv", "skip.header.line.count": "1"}.items()
    assert "Duplicate column name: a" in belts.fail("ALTER TABLE belts ADD COLUMNS (a int)")
    assert "Duplicate column name: site" in belts.fail("ALTER TABLE belts ADD COLUMNS (site int)")
    assert "Invalid column reference zz" in belts.fail("ALTER TABLE belts CHANGE zz y int")
    missing = belts.fail("ALTER TABLE nope ADD COLUMNS (a int)")
    assert missing == f"{SEMANTIC} [Error 10001]: Table not found {belts.database}.nope"


def test_partitions(belts):
    belts.run(
        "ALTER TABLE belts ADD IF NOT EXISTS PARTITION (year=2026, site='a/b') "
        f"PARTITION (site='x', year=2025) LOCATION 's3://{belts.bucket}/other/'"
    )
    assert belts.lines("SHOW PARTITIONS belts") == ["year=2025/site=x", "year=2026/site=a%2Fb"]
    assert belts.lines("SHOW PARTITIONS belts PARTITION (year=2025)") == ["year=2025/site=x"]
    location = belts.partition("belts", "2026", "a/b")["StorageDescriptor"]["Location"]
    assert location == f"s3://{belts.bucket}/belts/year=2026/site=a%2Fb"
    belts.run("ALTER TABLE belts PARTITION (year=2025, site='x') RENAME TO PARTITION (year=2024, site='x')")
    belts.run(f"ALTER TABLE belts PARTITION (year=2024, site='x') SET LOCATION 's3://{belts.bucket}/moved/'")
    belts.run("ALTER TABLE belts PARTITION (year=2024, site='x') REPLACE COLUMNS (z int)")
    descriptor = belts.partition("belts", "2024", "x")["StorageDescriptor"]
    assert descriptor["Location"] == f"s3://{belts.bucket}/moved/"
    assert descriptor["Columns"] == [{"Name": "z", "Type": "int"}]
    assert "Partition already exists" in belts.fail("ALTER TABLE belts ADD PARTITION (year=2024, site='x')")
    assert "doesn't contain all (2) partition columns" in belts.fail("ALTER TABLE belts ADD PARTITION (year=1)")
    assert "Non-Partition column appears in the partition specification: id" in belts.fail(
        "ALTER TABLE belts ADD PARTITION (year=1, id=2)"
    )
    refused = belts.fail("ALTER TABLE belts ADD PARTITION (year='x', site='x')")
    reason = "Cannot add partition column year of type string as it cannot be converted to type int"
    assert refused == f"{SEMANTIC} [Error 10248]: {reason}"
    renamed = "ALTER TABLE belts PARTITION (year=2024, site='x') RENAME TO PARTITION (year='1.5', site='x')"
    assert belts.fail(renamed) == refused
    assert "Partition not found (year = '1')" in belts.fail("ALTER TABLE belts DROP PARTITION (year=1)")
    belts.run("ALTER TABLE belts DROP IF EXISTS PARTITION (year=1), PARTITION (year=2024)")
    assert belts.lines("SHOW PARTITIONS belts") == ["year=2026/site=a%2Fb"]
    belts.run(f"CREATE EXTERNAL TABLE plain (a int) LOCATION 's3://{belts.bucket}/plain/'")
    assert "Table plain is not a partitioned table" in belts.fail("SHOW PARTITIONS plain")
    unwanted = belts.fail("ALTER TABLE plain DROP PARTITION (a=1)")
    assert "table is not partitioned but partition spec exists: {a=1}" in unwanted


def test_msck_repair_table_finds_folders(belts):
    assert belts.lines("MSCK REPAIR TABLE belts") == ["Tables missing on filesystem:\tbelts"]
    for key in (
        "year=2025/site=a/1.csv",
        "year=2025/site=a/2.csv",
        "year=2026/site=S%C3%A3o/1.csv",
        "year=2026/site=__HIVE_DEFAULT_PARTITION__/1.csv",
        "Year=2027/site=a/1.csv",  # Athena minds the case
        "year=2025/_temporary/1.csv",
        "year=2025/note.txt",
    ):
        belts.put(f"belts/{key}", b"1")
    belts.run("ALTER TABLE belts ADD PARTITION (year=2025, site='a') PARTITION (year=1, site='gone')")
    assert belts.lines("MSCK REPAIR TABLE belts") == [
        "Partitions not in metastore:\tbelts:Year=2027/site=a\tbelts:year=2026/site=S%C3%A3o"
        "\tbelts:year=2026/site=__HIVE_DEFAULT_PARTITION__",
        "Partitions missing from filesystem:\tbelts:year=1/site=gone",
        "Repair: Added partition to metastore belts:year=2026/site=S%C3%A3o",
        "Repair: Added partition to metastore belts:year=2026/site=__HIVE_DEFAULT_PARTITION__",
    ]
    belts.run("ALTER TABLE belts DROP PARTITION (year=1)")
    assert belts.lines("MSCK REPAIR TABLE belts") == ["Partitions not in metastore:\tbelts:Year=2027/site=a"]
    assert belts.lines("MSCK REPAIR TABLE nope") == ["Tables not in metastore:\tnope"]
    location = belts.partition("belts", "2026", "São")["StorageDescriptor"]["Location"]
    assert location == f"s3://{belts.bucket}/belts/year=2026/site=S%C3%A3o"


def test_views_that_others_made_are_shown(lake):
    view = {
        "originalSql": "SELECT 1 n,\n 'a' s",
        "catalog": "awsdatacatalog",
        "schema": lake.database,
        "columns": [{"name": "n", "type": "integer"}, {"name": "s", "type": "varchar(1)"}],
    }
    text = base64.b64encode(json.dumps(view).encode()).decode()
    lake.glue.create_table(
        DatabaseName=lake.database,
        TableInput={
            "Name": "v",
            "TableType": "VIRTUAL_VIEW",
            "ViewOriginalText": f"/* Presto View: {text} */",
            "Parameters": {"presto_view": "true"},
            "StorageDescriptor": {"Columns": [{"Name": "n", "Type": "int"}, {"Name": "s", "Type": "varchar(1)"}]},
        },
    )
    assert lake.lines("SHOW VIEWS") == ["v"]
    assert lake.lines(f"SHOW VIEWS IN {lake.database} LIKE 'w*'") == []
    assert lake.end("DESCRIBE v")["SubstatementType"] == "DESC_VIEW"
    assert lake.lines("DESCRIBE v") == lake.lines("SHOW COLUMNS IN v") == ["n\tinteger", "s\tvarchar(1)"]
    shown = [f"CREATE VIEW awsdatacatalog.{lake.database}.v AS", "SELECT 1 n,", " 'a' s"]
    assert lake.lines("SHOW CREATE VIEW v") == shown
    assert "Cannot drop a view with DROP TABLE" in lake.fail("DROP TABLE v")
    lake.run("DROP VIEW v")
    missing = f"TABLE_NOT_FOUND: line 1:1: View 'awsdatacatalog.{lake.database}.v' does not exist"
    assert lake.fail("DROP VIEW v") == missing
    lake.run("DROP VIEW IF EXISTS v")


def test_the_files_of_a_definition(belts):
    execution = belts.end("SHOW COLUMNS IN belts")
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{belts.bucket}/results/{execution['QueryExecutionId']}.txt"
    assert belts.read(location) == b"\n".join(name.ljust(20) for name in (b"id", b"temperatures", b"year", b"site"))
    described = belts.end("DESCRIBE belts")
    metadata = belts.read(described["ResultConfiguration"]["OutputLocation"] + ".metadata")
    assert (len(metadata), metadata[:2]) == (152, b"\x0a\x24")  # as measured at AWS
    failed = belts.end("DROP TABLE nope")
    reason = failed["Status"]["StateChangeReason"]
    assert belts.read(failed["ResultConfiguration"]["OutputLocation"]).decode() == reason
    assert failed["Status"]["AthenaError"] == {
        "ErrorCategory": 2,
        "ErrorType": 1301,
        "Retryable": False,
        "ErrorMessage": reason,
    }
    answer = belts.athena.get_query_results(QueryExecutionId=failed["QueryExecutionId"])
    assert answer["ResultSet"]["Rows"] == []
    results = belts.athena.get_query_results(QueryExecutionId=described["QueryExecutionId"])
    info = results["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [column["Name"] for column in info] == ["col_name", "data_type", "comment"]
    assert {(column["Type"], column["Precision"], column["CaseSensitive"]) for column in info} == {("string", 0, False)}
    assert "UpdateCount" not in results


def test_lines_come_in_pages(belts):
    id_ = belts.run("DESCRIBE belts")
    first = belts.athena.get_query_results(QueryExecutionId=id_, MaxResults=6)
    second = belts.athena.get_query_results(QueryExecutionId=id_, MaxResults=6, NextToken=first["NextToken"])
    assert (len(first["ResultSet"]["Rows"]), len(second["ResultSet"]["Rows"])) == (6, 4)
    assert "NextToken" not in second


def test_definitions_that_are_wrong(lake):
    create = "CREATE EXTERNAL TABLE t\n (a int,\n  b {}) LOCATION 's3://bucket/t/'"
    assert lake.refuse(create.format("wint")).startswith("line 3:3: column b: 'wint' is not a column type")
    assert lake.refuse(create.format("int)")).startswith("line 3:9: mismatched input ')'. Expecting: ")
    missing = "No location was specified for table. An S3 location must be specified"
    assert lake.refuse("CREATE EXTERNAL TABLE t (a int)") == missing
    stored = "CREATE EXTERNAL TABLE t (a int) STORED AS RCFILE LOCATION 's3://bucket/t/'"
    assert "STORED AS RCFILE is not supported" in lake.refuse(stored)
    twice = "CREATE EXTERNAL TABLE t (a int, A int) LOCATION 's3://bucket/t/'"
    assert "Duplicate column name: a" in lake.fail(twice)
    keyed = "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (a int) LOCATION 's3://bucket/t/'"
    assert "Column repeated in partitioning columns" in lake.fail(keyed)
    nowhere = f"{SEMANTIC} [Error 10072]: Database does not exist: nowhere"
    assert lake.fail("SHOW TABLES IN nowhere") == nowhere
    assert lake.fail("CREATE EXTERNAL TABLE nowhere.t (a int) LOCATION 's3://bucket/t/'") == nowhere
    assert lake.refuse("DESCRIBE nope").startswith("Entity Not Found (Service: AmazonDataCatalog;")
    assert lake.refuse("SHOW COLUMNS IN nope").startswith("Entity Not Found (Service: AmazonDataCatalog;")
    assert "NOT_SUPPORTED: Unsupported DDL in catalog other" in lake.fail("DROP TABLE other.d.t")
