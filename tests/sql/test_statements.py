"""Reading statements: what they say, and where they are wrong."""

import pytest

from clary.errors import ClientError
from clary.sql.statements import count_parameters, parse
from clary.sql.statements.tree import (
    AddColumns,
    AddPartitions,
    ChangeColumn,
    Column,
    CreateDatabase,
    CreateExternalTable,
    CreateTableAs,
    CreateView,
    Deallocate,
    Delimited,
    Describe,
    DropDatabase,
    DropPartitions,
    DropTable,
    DropView,
    Execute,
    Explain,
    Function,
    Insert,
    Name,
    Prepare,
    Query,
    RenamePartition,
    RepairTable,
    ReplaceColumns,
    Serde,
    SetDatabaseProperties,
    SetLocation,
    SetTableProperties,
    ShowColumns,
    ShowCreateTable,
    ShowCreateView,
    ShowDatabases,
    ShowPartitions,
    ShowTableProperties,
    ShowTables,
    ShowViews,
    Unload,
)

T, DT = Name("t"), Name("t", "d")


@pytest.mark.parametrize(
    ("text", "at", "query"),
    [
        ("SELECT 1", 0, "SELECT 1"),
        ("  -- c\nSELECT ';' /* ; */ ;; -- end", 7, "SELECT ';'"),
        ("/* a\nb */(SELECT 1)", 9, "(SELECT 1)"),
        ("with x as (select 1) select * from x", 0, "with x as (select 1) select * from x"),
        ("VALUES (1, 'it''s')", 0, "VALUES (1, 'it''s')"),
        ('TABLE "my ""table"""', 0, 'TABLE "my ""table"""'),
    ],
)
def test_queries(text, at, query):
    assert parse(text) == Query(query, at)


def test_functions_are_declared_before_a_query():
    text = (
        "USING EXTERNAL FUNCTION f(x integer, y row(a int, b array(varchar))) RETURNS decimal(10, 2) LAMBDA 'l',\n"
        "EXTERNAL FUNCTION G() RETURNS timestamp with time zone LAMBDA 'arn:m' SELECT f(1), g()"
    )
    found = parse(text)
    assert isinstance(found, Query)
    assert (found.text, text[found.at :]) == ("SELECT f(1), g()", "SELECT f(1), g()")
    assert found.functions == (
        Function("f", ("integer", "row(a int, b array(varchar))"), "decimal(10, 2)", "l"),
        Function("g", (), "timestamp with time zone", "arn:m"),
    )


def test_what_is_made_of_queries_knows_where_they_stand():
    text = """CREATE TABLE d."T" -- made
        WITH (format = 'PARQUET', partitioned_by = ARRAY['a', 'b'], bucket_count = 3, sorted = true)
        AS SELECT 'x) AS' AS a FROM t WITH NO DATA"""
    made = parse(text)
    assert isinstance(made, CreateTableAs)
    assert made.name == DT
    assert made.properties == {
        "format": "PARQUET",
        "partitioned_by": ("a", "b"),
        "bucket_count": 3,
        "sorted": True,
    }
    assert made.query.text == "SELECT 'x) AS' AS a FROM t"
    assert text[made.query.at :].startswith("SELECT 'x")
    assert made.with_data is False
    assert parse("CREATE TABLE IF NOT EXISTS t AS (SELECT 1 AS n) WITH DATA") == CreateTableAs(
        T, {}, Query("(SELECT 1 AS n)", 32), with_data=True, if_not_exists=True
    )
    assert parse("CREATE TABLE t AS SELECT n FROM u WHERE with_ = 1").with_data
    assert parse("INSERT INTO d.t VALUES (1), (2);") == Insert(DT, (), Query("VALUES (1), (2)", 16))
    assert parse("insert into t (a, B) select 1, 2") == Insert(T, ("a", "b"), Query("select 1, 2", 21))
    assert parse("INSERT INTO t (SELECT 1)") == Insert(T, (), Query("(SELECT 1)", 14))
    assert parse("UNLOAD (SELECT (1)) TO 's3://b/p/' WITH (format='JSON')") == Unload(
        Query("SELECT (1)", 8), "s3://b/p/", {"format": "JSON"}
    )
    assert parse('CREATE OR REPLACE VIEW c.d."v" AS SELECT 1 AS n') == CreateView(
        Name("v", "d", "c"), True, Query("SELECT 1 AS n", 34)
    )
    assert parse("CREATE VIEW v AS TABLE t").replace is False
    assert parse("DROP VIEW IF EXISTS d.v") == DropView(Name("v", "d"), True)
    assert parse("EXPLAIN (FORMAT JSON, TYPE IO) SELECT 1") == Explain(
        Query("SELECT 1", 31), {"FORMAT": "JSON", "TYPE": "IO"}
    )
    assert parse("EXPLAIN ANALYZE VERBOSE (SELECT 1)") == Explain(Query("(SELECT 1)", 24), {}, True)
    assert parse("PREPARE p FROM SELECT ? + 1") == Prepare("p", Query("SELECT ? + 1", 15))
    assert parse("EXECUTE p USING 1, 'a,b', concat('x', 'y'), ARRAY[1, 2]") == Execute(
        "p", ("1", "'a,b'", "concat('x', 'y')", "ARRAY[1, 2]")
    )
    assert parse("EXECUTE p") == Execute("p", ())
    assert parse("DEALLOCATE PREPARE p") == Deallocate("p")


def test_external_tables():
    made = parse(
        r"""CREATE EXTERNAL TABLE IF NOT EXISTS `d`.`T` (
              `id` int COMMENT 'it\'s', -- a comment; with a semicolon
              price decimal(10, 2), tags array<struct<k:string, v:map<string,int>>>, d double precision)
            COMMENT "all of it"
            PARTITIONED BY (year int, `Month` string COMMENT 'm')
            CLUSTERED BY (id) SORTED BY (id ASC, price DESC) INTO 4 BUCKETS
            ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t' ESCAPED BY '\\' COLLECTION ITEMS TERMINATED BY '\002'
              MAP KEYS TERMINATED BY '\u0003' LINES TERMINATED BY '\n' NULL DEFINED AS ''
            STORED AS textfile
            LOCATION 's3://bucket/path/'
            TBLPROPERTIES ("skip.header.line.count"="1", 'has_encrypted_data'='false');"""
    )
    assert isinstance(made, CreateExternalTable)
    assert made.name == DT
    assert made.if_not_exists
    assert [(column.name, column.type, column.comment) for column in made.columns] == [
        ("id", "int", "it's"),
        ("price", "decimal(10, 2)", ""),
        ("tags", "array<struct<k:string, v:map<string,int>>>", ""),
        ("d", "double precision", ""),
    ]
    assert [(column.name, column.type, column.comment) for column in made.partitions] == [
        ("year", "int", ""),
        ("month", "string", "m"),
    ]
    assert made.comment == "all of it"
    assert (made.bucketed_by, made.sorted_by, made.bucket_count) == (("id",), (("id", True), ("price", False)), 4)
    assert made.row_format == Delimited(
        {
            "field.delim": "\t",
            "serialization.format": "\t",
            "escape.delim": "\\",
            "colelction.delim": "\x02",
            "mapkey.delim": "\x03",
            "line.delim": "\n",
            "serialization.null.format": "",
        }
    )
    assert (made.stored_as, made.location) == ("TEXTFILE", "s3://bucket/path/")
    assert made.properties == {"skip.header.line.count": "1", "has_encrypted_data": "false"}
    made = parse(
        """create external table t (a int)
        ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' WITH SERDEPROPERTIES ('quoteChar'='\\"', "x"='')
        STORED AS INPUTFORMAT 'in' OUTPUTFORMAT 'out' LOCATION 's3://b/'"""
    )
    assert made.row_format == Serde("org.apache.hadoop.hive.serde2.OpenCSVSerde", {"quoteChar": '"', "x": ""})
    assert (made.input_format, made.output_format, made.stored_as) == ("in", "out", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "CREATE DATABASE IF NOT EXISTS `D` COMMENT 'c' LOCATION 's3://b/' WITH DBPROPERTIES ('a'='b')",
            CreateDatabase("d", True, "c", "s3://b/", {"a": "b"}),
        ),
        ("create schema d", CreateDatabase("d", False, "", "", {})),
        ("DROP DATABASE IF EXISTS d CASCADE", DropDatabase("d", True, True)),
        ("DROP SCHEMA d RESTRICT", DropDatabase("d", False, False)),
        ("ALTER DATABASE d SET DBPROPERTIES ('a'='b')", SetDatabaseProperties("d", {"a": "b"})),
        ("DROP TABLE IF EXISTS `d`.`t`", DropTable(DT, True)),
        ("DROP /* really */ TABLE t", DropTable(T, False)),
        (
            "ALTER TABLE t ADD IF NOT EXISTS PARTITION (a='1', b=2) LOCATION 's3://b/1/' PARTITION (a='x', b=-3)",
            AddPartitions(T, (({"a": "1", "b": "2"}, "s3://b/1/"), ({"a": "x", "b": "-3"}, "")), True),
        ),
        (
            "ALTER TABLE d.t DROP IF EXISTS PARTITION (a='1'), PARTITION (a='2')",
            DropPartitions(DT, ({"a": "1"}, {"a": "2"}), True),
        ),
        (
            "ALTER TABLE t PARTITION (a='1') RENAME TO PARTITION (a='2')",
            RenamePartition(T, {"a": "1"}, {"a": "2"}),
        ),
        ("ALTER TABLE t ADD COLUMNS (a int)", AddColumns(T, (Column("a", "int", "", 27),))),
        (
            "ALTER TABLE t PARTITION (p='1') ADD COLUMNS (a int)",
            AddColumns(T, (Column("a", "int", "", 45),), {"p": "1"}),
        ),
        (
            "ALTER TABLE t REPLACE COLUMNS (a int, `b` array<int> COMMENT 'c')",
            ReplaceColumns(T, (Column("a", "int", "", 31), Column("b", "array<int>", "c", 38))),
        ),
        ("ALTER TABLE t CHANGE COLUMN a b bigint AFTER c", ChangeColumn(T, "a", Column("b", "bigint", "", 30), "c")),
        ("ALTER TABLE t CHANGE a a bigint FIRST", ChangeColumn(T, "a", Column("a", "bigint", "", 23), "")),
        ("ALTER TABLE t SET TBLPROPERTIES ('a'='b')", SetTableProperties(T, {"a": "b"})),
        ("ALTER TABLE t SET LOCATION 's3://b/'", SetLocation(T, None, "s3://b/")),
        ("ALTER TABLE t PARTITION (a=1) SET LOCATION 's3://b/'", SetLocation(T, {"a": "1"}, "s3://b/")),
        ("MSCK REPAIR TABLE `d`.t", RepairTable(DT)),
        ("SHOW DATABASES LIKE 'a*'", ShowDatabases("a*")),
        ("SHOW SCHEMAS", ShowDatabases("")),
        ("SHOW TABLES", ShowTables("", "")),
        ("SHOW TABLES IN d 'x.*'", ShowTables("d", "x.*")),
        ("SHOW TABLES IN d LIKE 'x*'", ShowTables("d", "x*")),
        ("SHOW VIEWS IN d LIKE 'v*'", ShowViews("d", "v*")),
        ("SHOW COLUMNS IN d.t", ShowColumns(DT)),
        ("SHOW COLUMNS FROM t IN d", ShowColumns(DT)),
        ("SHOW PARTITIONS `t`", ShowPartitions(T)),
        ("SHOW TBLPROPERTIES t('a')", ShowTableProperties(T, "a")),
        ("SHOW CREATE TABLE d.t", ShowCreateTable(DT)),
        ('SHOW CREATE VIEW "d"."t"', ShowCreateView(DT)),
        ("DESC t", Describe(T, "", None, "")),
        ("DESCRIBE FORMATTED d.t PARTITION (a='1')", Describe(DT, "FORMATTED", {"a": "1"}, "")),
        ("DESCRIBE EXTENDED t a", Describe(T, "EXTENDED", None, "a")),
    ],
)
def test_definitions(text, said):
    assert parse(text) == said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELEC 1", "line 1:1: mismatched input 'SELEC'. Expecting: "),
        ("\n  -- what\n  SELEC 1", "line 3:3: mismatched input 'SELEC'"),
        ("-- only", "line 1:8: mismatched input '<EOF>'"),
        ("SELECT 1;\nSELECT 2", "Only one sql statement is allowed. Got: SELECT 1;"),
        ("SELECT (1", "line 1:10: mismatched input '<EOF>'. Expecting: ')'"),
        ("SELECT\n 1) FROM (x", "line 2:3: mismatched input ')'"),
        ("SELECT [1)", "line 1:10: mismatched input ')'"),
        ("SELECT 'x", "line 1:8: the ' that begins here has no end"),
        ("SELECT 1 /* x", "line 1:10: the comment that begins here has no end"),
        ("SELECT `x`", "line 1:8: backquoted identifiers are not supported; use double quotes"),
        ("CREATE TABLE t AS", "line 1:18: mismatched input '<EOF>'"),
        ("CREATE OR REPLACE TABLE t AS SELECT 1", "line 1:19: mismatched input 'TABLE'. Expecting: 'VIEW'"),
        ("CREATE TABLE t WITH (a = 1, a = 2) AS SELECT 1", "line 1:21: Duplicate property: a"),
        ("CREATE EXTERNAL TABLE t (a int)\nLOKATION 's3://b/'", "line 2:1: mismatched input 'LOKATION'. Expecting: "),
        ("CREATE EXTERNAL TABLE t (a array<int)", "line 1:37: mismatched input ')'. Expecting: '>'"),
        ("CREATE EXTERNAL TABLE t (a int b)", "line 1:32: mismatched input 'b'. Expecting: ')'"),
        ("CREATE EXTERNAL TABLE t (a int) COMMENT 'a' COMMENT 'b'", "line 1:45: COMMENT is given twice"),
        ('DROP TABLE "t"', "line 1:12: mismatched input '\"t\"'. Expecting: <identifier>"),
        ("DROP TABLE a.b.c.d", "line 1:12: Invalid table name a.b.c.d"),
        ("DROP TABLE 1t", "line 1:12: mismatched input '1t'. Expecting: <identifier>"),
        ("DESCRIBE t x y", "line 1:14: mismatched input 'y'. Expecting: <EOF>"),
        ("ALTER TABLE t DROP COLUMN a", "line 1:20: mismatched input 'COLUMN'. Expecting: 'PARTITION'"),
        ("ALTER TABLE t RENAME TO u", "Table cannot be renamed"),
        ("ALTER TABLE t ADD PARTITION (a='1', A='2')", "line 1:29: a partition column is given twice"),
        ("UNLOAD (SELECT 1 TO 's3://b/'", "line 1:30: mismatched input '<EOF>'. Expecting: ')'"),
        ("INSERT t VALUES (1)", "line 1:8: mismatched input 't'. Expecting: 'INTO'"),
        ("MERGE INTO t USING u ON true", "NOT_SUPPORTED: MERGE is a statement for Iceberg tables"),
        ("vacuum t", "NOT_SUPPORTED: VACUUM"),
        ("create table if not exists `d`.`t` (`a` int) location 's3://b/'", "NOT_SUPPORTED: CREATE TABLE with columns"),
        ('CREATE TABLE "t" ("a" int)', "NOT_SUPPORTED: CREATE TABLE with columns"),
        ("CREATE TABLE t (a int) TBLPROPERTIES ('table_type'='ICEBERG')", "NOT_SUPPORTED: CREATE TABLE with columns"),
        (
            "USING EXTERNAL FUNCTION f(x int) LAMBDA 'l' SELECT 1",
            "line 1:34: mismatched input 'LAMBDA'. Expecting: 'RET",
        ),
        ("USING EXTERNAL FUNCTION f(x) RETURNS int LAMBDA 'l' SELECT 1", "line 1:28: mismatched input ')'"),
        ("EXECUTE p USING 1,", "line 1:19: mismatched input '<EOF>'. Expecting: <expression>"),
        ("GRANT all ON t TO u", "Queries of this type are not supported: GRANT"),
        ("", "line 1:1: mismatched input '<EOF>'"),
        ("\0", "line 1:1: mismatched input '\0'"),
        ("SELECT 1 FROM t; x'", "line 1:19: the ' that begins here has no end"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, message):
    with pytest.raises(ClientError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)


def test_parameters_are_question_marks_outside_of_strings_and_comments():
    assert count_parameters("SELECT ?, '?', \"?\" -- ?\n FROM t WHERE a = ? /* ? */") == 2


def test_long_texts_take_no_long_time():
    for text in ("(" * 100_000, "/*" * 100_000, "'" * 99_999, "SELECT " + "-" * 200_000, '"' * 100_001):
        with pytest.raises(ClientError):
            parse(text + " x \\")
