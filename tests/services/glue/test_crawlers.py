"""Crawlers: what they make of objects in S3."""

import gzip
import io
import json
from dataclasses import replace

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyarrow import parquet as pq

CSV = "id,name,weight\n1,Ada,2.5\n2,Bob,3\n"


def parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_a_csv_file_becomes_a_table(lake):
    lake.put_all({"people/2026.csv": CSV, "people/_SUCCESS": "", "people/.hidden": "x,y\n1,2\n"})
    lake.create("people/")
    crawl = lake.crawl()
    assert crawl["Status"] == "SUCCEEDED"
    table = lake.table("people")
    parameters = table["Parameters"]
    assert parameters.pop("CRAWL_RUN_ID") == crawl["MessagePrefix"]
    assert parameters == {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": lake.name,
        "areColumnsQuoted": "false",
        "averageRecordSize": "16",
        "classification": "csv",
        "columnsOrdered": "true",
        "compressionType": "none",
        "delimiter": ",",
        "objectCount": "1",
        "recordCount": "2",
        "sizeKey": str(len(CSV)),
        "skip.header.line.count": "1",
        "typeOfData": "file",
    }
    storage = table["StorageDescriptor"]
    assert storage["Location"] == f"s3://{lake.bucket}/people/"
    assert storage["InputFormat"] == "org.apache.hadoop.mapred.TextInputFormat"
    assert storage["OutputFormat"] == "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
    assert storage["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"field.delim": ","},
    }
    assert storage["Columns"] == [
        {"Name": "id", "Type": "bigint"},
        {"Name": "name", "Type": "string"},
        {"Name": "weight", "Type": "double"},
    ]
    assert (table["TableType"], table["Owner"], table["PartitionKeys"]) == ("EXTERNAL_TABLE", "owner", [])
    assert lake.log() == [
        f"BENCHMARK : Running Start Crawl for Crawler {lake.name}",
        f"BENCHMARK : Classification complete, writing results to database {lake.database}",
        'INFO : Crawler configured with SchemaChangePolicy {"UpdateBehavior":"UPDATE_IN_DATABASE",'
        '"DeleteBehavior":"DELETE_FROM_DATABASE"}.',
        f"INFO : Created table people in database {lake.database}",
        "BENCHMARK : Finished writing to Catalog",
        "INFO : Run Summary For TABLE:",
        "INFO : ADD: 1",
        "BENCHMARK : Crawler has finished running and is in state READY",
    ]


def test_partitions_of_every_format(lake):
    for day in (1, 2):
        lake.put_all(
            {
                f"csv/day={day}/a.csv.gz": gzip.compress(CSV.encode()),
                f"json/2026/0{day}/a.json": '{"Id":1,"tags":["x"]}\n{"Id":5000000000}\n',
                f"parquet/day={day}/a": parquet(n=[1, 2], day=["x", "y"]),
            }
        )
    lake.create(TablePrefix="Raw-")
    assert lake.crawl()["Status"] == "SUCCEEDED"
    assert lake.tables() == {
        "raw_csv": ["id:bigint", "name:string", "weight:double"],
        "raw_json": ["id:bigint", "tags:array<string>"],
        "raw_parquet": ["n:bigint"],  # the partition key of that name is the column
    }
    assert lake.partitions("raw_csv") == lake.partitions("raw_parquet") == [["1"], ["2"]]
    assert lake.partitions("raw_json") == [["2026", "01"], ["2026", "02"]]
    keys = lake.table("raw_json")["PartitionKeys"]
    assert keys == [{"Name": "partition_0", "Type": "string"}, {"Name": "partition_1", "Type": "string"}]
    csv = lake.table("raw_csv")
    assert (csv["Parameters"]["compressionType"], csv["StorageDescriptor"]["Compressed"]) == ("gzip", True)
    assert csv["Parameters"]["partition_filtering.enabled"] == "true"
    described = lake.glue.get_partition(DatabaseName=lake.database, TableName="raw_parquet", PartitionValues=["2"])
    storage = described["Partition"]["StorageDescriptor"]
    assert storage["Location"] == f"s3://{lake.bucket}/parquet/day=2/"
    assert storage["Columns"] == [{"Name": "n", "Type": "bigint"}]
    assert storage["SerdeInfo"]["SerializationLibrary"].endswith("ParquetHiveSerDe")
    assert described["Partition"]["Parameters"]["recordCount"] == "2"


def test_a_second_crawl_changes_only_what_changed(lake):
    lake.put_all({"t/k=1/a.json": '{"a":1,"c":1}', "t/k=2/a.json": '{"a":2,"c":1}', "gone/a.csv": CSV})
    lake.create()
    lake.crawl()
    assert lake.crawl()["Status"] == "SUCCEEDED"
    assert lake.table("t")["VersionId"] == "0"
    assert lake.log().count("INFO : Run Summary For TABLE:") == 1
    lake.put_all({"t/k=3/a.json": '{"a":2.5,"c":1,"b":"x"}\n'})
    lake.delete("t/k=1/a.json", "gone/a.csv")
    lake.crawl()
    assert lake.tables() == {"t": ["a:double", "c:int", "b:string"]}
    assert lake.partitions("t") == [["2"], ["3"]]
    assert lake.table("t")["VersionId"] == "1"
    (metrics,) = lake.glue.get_crawler_metrics(CrawlerNameList=[lake.name])["CrawlerMetricsList"]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"], metrics["TablesDeleted"]) == (0, 1, 1)
    crawls = lake.glue.list_crawls(CrawlerName=lake.name)["Crawls"]
    assert [crawl["State"] for crawl in crawls] == ["COMPLETED"] * 3
    assert json.loads(crawls[0]["Summary"]) == {
        "TABLE": {
            "UPDATE": {"Count": 1, "Details": {"names": ["t"]}},
            "DELETE": {"Count": 1, "Details": {"names": ["gone"]}},
        },
        "PARTITION": {"ADD": {"Count": 1}, "DELETE": {"Count": 1}},
    }


def test_policies_that_only_log(lake):
    lake.put_all({"t/a.csv": CSV, "u/a.csv": "q,r,s,t\n1,2,3,x\n"})
    lake.create(SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "DEPRECATE_IN_DATABASE"})
    lake.crawl()
    lake.put_all({"t/b.csv": CSV.replace("2,Bob", "2.5,Bob")})
    lake.delete("u/a.csv")
    lake.crawl()
    assert lake.tables() == {
        "t": ["id:bigint", "name:string", "weight:double"],
        "u": ["q:bigint", "r:bigint", "s:bigint", "t:string"],
    }
    assert int(lake.table("u")["Parameters"]["DEPRECATED_BY_CRAWLER"]) > 0
    assert "DEPRECATED_BY_CRAWLER" not in lake.table("t")["Parameters"]
    text = "\n".join(lake.log())
    assert "Table u is marked deprecated because a matching schema was not found at the table's location." in text
    assert "Table t in database" in text


def test_new_columns_only(lake):
    lake.put_all({"t/a.json": '{"a":1,"s":{"x":1}}'})
    lake.create("t/", Configuration={"CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}})
    lake.crawl()
    lake.put_all({"t/a.json": '{"a":"word","s":{"x":2.5,"y":1},"b":true}'})
    lake.crawl()
    assert lake.tables()["t"] == ["a:int", "s:struct<x:int,y:int>", "b:boolean"]
    lake.put_all({"t/a.json": gzip.compress(b'{"a":1,"s":{"x":1}}')})
    lake.crawl()
    assert "DEPRECATED_BY_CRAWLER" in lake.table("t")["Parameters"]
    assert (
        "WARN : Cannot merge new columns into the table t as defined in the Data Catalog because the parameter "
        "'compressionType' has changed. The existing value is 'none', and the crawled value is 'gzip'. Either remove "
        "the table or resolve the inconsistent parameter value."
    ) in lake.log()


def test_partitions_that_inherit(lake):
    lake.put_all({"t/k=1/a.json": '{"a":1,"b":1}', "t/k=2/a.json": '{"a":1,"b":1,"c":"x"}'})
    lake.create("t/", Configuration={"CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}}})
    lake.crawl()
    found = lake.glue.get_partitions(DatabaseName=lake.database, TableName="t")["Partitions"]
    assert {len(partition["StorageDescriptor"]["Columns"]) for partition in found} == {3}
    assert [partition["StorageDescriptor"]["Location"][-4:] for partition in found] == ["k=1/", "k=2/"]


def test_grouping_options(lake):
    lake.put_all({"t/year=2017/a.json": '{"A":1,"B":2}', "t/year=2018/a.json": '{"C":3,"D":4}'})
    lake.create("t/")
    lake.crawl()
    assert set(lake.tables()) == {"year_2017", "year_2018"}
    lake.glue.update_crawler(
        Name=lake.name,
        Configuration='{"Version":1.0,"Grouping":{"TableGroupingPolicy":"CombineCompatibleSchemas"}}',
    )
    lake.crawl()
    assert lake.tables() == {"t": ["a:int", "b:int", "c:int", "d:int"]}
    assert lake.partitions("t") == [["2017"], ["2018"]]


def test_a_level_for_tables_and_an_index_over_their_partitions(lake):
    lake.put_all({f"{area}/k={n}/a.json": '{"a":1}' for area in ("x", "y") for n in (1, 2)})
    lake.create(Configuration={"Grouping": {"TableLevelConfiguration": 2}, "CreatePartitionIndex": True})
    lake.crawl()
    assert lake.tables() == {"x": ["a:int"], "y": ["a:int"]}
    (index,) = lake.glue.get_partition_indexes(DatabaseName=lake.database, TableName="x")[
        "PartitionIndexDescriptorList"
    ]
    assert index["IndexName"] == "crawler_partition_index"
    assert [key["Name"] for key in index["Keys"]] == ["k"]
    assert lake.crawl()["Status"] == "SUCCEEDED"


def test_too_many_tables_fail_the_crawl(lake):
    lake.put_all({"t/a.json": '{"A":1}', "u/a.csv": CSV})
    lake.create(Configuration={"CrawlerOutput": {"Tables": {"TableThreshold": 1}}})
    crawl = lake.crawl()
    assert crawl["Status"] == "FAILED"
    assert crawl["ErrorMessage"] == (
        "The number of tables detected by crawler: 2 is greater than the table threshold value provided: 1. Failing "
        "crawler without writing to Data Catalog."
    )
    assert lake.tables() == {}
    assert lake.glue.list_crawls(CrawlerName=lake.name)["Crawls"][0]["State"] == "FAILED"


def test_what_is_left_out(lake):
    lake.put_all({"l/departments/finance.json": '{"a":1}', "l/departments/market-us.json": '{"b":1}', "l/e/x.csv": CSV})
    lake.create("l/", target={"Exclusions": ["departments/market*", "**.csv"]})
    lake.crawl()
    assert lake.tables() == {"departments": ["a:int"]}
    table = lake.table("departments")
    assert json.loads(table["Parameters"]["exclusions"]) == [
        f"s3://{lake.bucket}/l/departments/market*",
        f"s3://{lake.bucket}/l/**.csv",
    ]
    assert table["Parameters"]["objectCount"] == "1"


def test_a_sample_of_each_folder(lake):
    lake.put_all({f"t/{n}.json": '{"a":1}\n' * 10 for n in range(9)} | {"t/9.json": "no json, but one line"})
    lake.create("t/", target={"SampleSize": 2})
    lake.crawl()
    parameters = lake.table("t")["Parameters"]
    assert (parameters["objectCount"], parameters["recordCount"]) == ("10", "92")


def test_only_new_folders(lake):
    only = {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}
    log = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    lake.put_all({"t/k=1/a.json": '{"a":1}'})
    lake.create("t/", RecrawlPolicy=only, SchemaChangePolicy={})
    assert lake.glue.get_crawler(Name=lake.name)["Crawler"]["SchemaChangePolicy"] == log
    lake.crawl()
    lake.put_all({"t/k=1/b.json": '{"a":"x","z":1}', "t/k=2/a.json": '{"a":1}', "t/k=3/a.csv": CSV})
    lake.crawl()
    assert lake.tables() == {"t": ["a:int"]}
    assert lake.partitions("t") == [["1"], ["2"]]
    assert any("k=3/ doesn't fit table t" in line for line in lake.log())


def test_names_that_are_taken(lake):
    lake.put_all({"one/x/a.json": '{"a":1}', "two/x/a.csv": CSV})
    lake.create(Targets={"S3Targets": [{"Path": f"s3://{lake.bucket}/{path}/x/"} for path in ("one", "two")]})
    lake.crawl()
    first, second = sorted(lake.tables(), key=len)
    assert first == "x"
    assert second.startswith("x_")
    assert len(second) == 34


def test_tables_of_the_catalog(lake):
    lake.put_all({"data/k=1/a.json": '{"a":1}', "data/k=2/a.json": '{"b":1}'})
    storage = {"Columns": [{"Name": "a", "Type": "string"}], "Location": f"s3://{lake.bucket}/data"}
    table = {"Name": "mine", "StorageDescriptor": storage, "PartitionKeys": [{"Name": "k", "Type": "int"}]}
    lake.glue.create_table(DatabaseName=lake.database, TableInput=table)
    policy = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}
    targets = {"CatalogTargets": [{"DatabaseName": lake.database, "Tables": ["mine"]}]}
    lake.create(Targets=targets, SchemaChangePolicy=policy)
    assert lake.crawl()["Status"] == "SUCCEEDED"
    assert lake.tables() == {"mine": ["a:int", "b:int"]}
    assert lake.table("mine")["PartitionKeys"] == [{"Name": "k", "Type": "int"}]
    assert lake.partitions("mine") == [["1"], ["2"]]


def test_a_table_of_the_catalog_keeps_its_keys(lake):
    lake.put_all({"data/k=1/a.json": '{"a":1}'})
    for name, keys in (("flat", []), ("deep", [{"Name": "x", "Type": "int"}, {"Name": "y", "Type": "int"}])):
        storage = {"Columns": [], "Location": f"s3://{lake.bucket}/data/"}
        table = {"Name": name, "StorageDescriptor": storage, "PartitionKeys": keys}
        lake.glue.create_table(DatabaseName=lake.database, TableInput=table)
    policy = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}
    targets = {"CatalogTargets": [{"DatabaseName": lake.database, "Tables": ["flat", "deep"]}]}
    lake.create(Targets=targets, SchemaChangePolicy=policy)
    lake.crawl()
    assert lake.tables() == {"flat": ["a:int"], "deep": []}
    assert (lake.table("flat")["PartitionKeys"], len(lake.table("deep")["PartitionKeys"])) == ([], 2)
    assert "WARN : Table deep has 2 partition keys, its folders 1 levels; it is left" in lake.log()


def test_custom_classifiers(lake):
    name = f"{lake.name}-grok"
    grok = {"Name": name, "Classification": "belts", "GrokPattern": "%{WORD:belt} ran at %{NUMBER:speed:double}"}
    lake.glue.create_classifier(GrokClassifier=grok)
    lake.put_all({"log/a.txt": "belt7 ran at 2.5\nbelt8 ran at 3\n"})
    lake.create("log/", Classifiers=[name])
    lake.crawl()
    table = lake.table("log")
    assert lake.tables() == {"log": ["belt:string", "speed:double"]}
    assert table["Parameters"]["classification"] == "belts"
    assert table["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "com.amazonaws.glue.serde.GrokSerDe",
        "Parameters": {"input.format": grok["GrokPattern"]},
    }


def test_files_that_lie_or_are_cut_make_no_table_and_no_trouble(lake):
    lake.put_all(
        {
            "bad/a.parquet": b"PAR1" + b"\xff" * 60 + b"PAR1",
            "bad/b.gz": b"\x1f\x8b\x08" + b"x" * 50,
            "bad/c.json": '{"a":',
            "bad/d.bin": bytes(range(256)) * 20,
            "good/a.json": '{"a":1}',
        }
    )
    lake.create()
    assert lake.crawl()["Status"] == "SUCCEEDED"
    assert lake.tables() == {"good": ["a:int"]}
    assert sum("WARN" in line for line in lake.log()) == 4


def test_a_missing_bucket_or_database_fails_the_crawl(lake):
    lake.create(Targets={"S3Targets": [{"Path": "s3://no-such-bucket-of-mine/x"}]})
    assert lake.crawl()["ErrorMessage"] == "The specified bucket does not exist: no-such-bucket-of-mine"
    lake.glue.update_crawler(Name=lake.name, DatabaseName="nowhere")
    assert lake.crawl()["ErrorMessage"] == "Database nowhere not found."


def test_strict_roles_asks_for_a_role_that_exists(lake, server, monkeypatch):
    rooms = server.house.rooms
    monkeypatch.setattr(rooms, "settings", replace(rooms.settings, strict_roles=True))
    with pytest.raises(ClientError, match="unable to assume role arn:aws:iam::000000000000:role/service-role/nobody"):
        lake.create(Role="service-role/nobody")
    lake.create(Role="ClaryExecutionRole")
