"""The life of crawlers: states, stops, schedules, refusals, and a server that ends under them."""

import json
import threading
import time

import pytest

from clary.access import Access
from clary.clock import Clock, MovedClock
from clary.jobs.host import Scope
from clary.services.glue import crawler_life, crawler_work
from clary.services.glue.crawler_life import start_due
from clary.services.glue.crawler_record import crawl_key, key_of
from tests.services.glue.lake import Lake

SCOPE = ("000000000000", "us-east-1")


@pytest.fixture
def gate(monkeypatch):
    """Crawls wait at each file until it is set; `reached` is set when one waits."""
    opened, reached, reader_of = threading.Event(), threading.Event(), crawler_work.reader_of

    def gated(*arguments):
        reached.set()
        assert opened.wait(30)
        return reader_of(*arguments)

    monkeypatch.setattr(crawler_work, "reader_of", gated)
    opened.reached = reached
    yield opened
    opened.set()


def test_a_crawler_lives_and_goes(lake, refused):
    missing = ("EntityNotFoundException", f"Crawler entry with name {lake.name} does not exist")
    for operation in ("get_crawler", "start_crawler", "stop_crawler", "delete_crawler", "update_crawler"):
        assert refused(operation, Name=lake.name) == missing
    assert refused("list_crawls", CrawlerName=lake.name) == missing
    lake.create(Description="first", Tags={"team": "belts"})
    crawler = lake.glue.get_crawler(Name=lake.name)["Crawler"]
    assert (crawler["State"], crawler["Version"], crawler["Description"]) == ("READY", 1, "first")
    assert crawler["RecrawlPolicy"] == {"RecrawlBehavior": "CRAWL_EVERYTHING"}
    assert crawler["LineageConfiguration"] == {"CrawlerLineageSettings": "DISABLE"}
    assert crawler["Targets"]["S3Targets"] == [{"Path": f"s3://{lake.bucket}/"}]
    assert crawler["Targets"]["JdbcTargets"] == []
    assert "LastCrawl" not in crawler
    assert refused("create_crawler", Name=lake.name, Role="r", DatabaseName="x", Targets=crawler["Targets"])[0] == (
        "AlreadyExistsException"
    )
    lake.glue.update_crawler(Name=lake.name, Description="second")
    crawler = lake.glue.get_crawler(Name=lake.name)["Crawler"]
    assert (crawler["Version"], crawler["Description"]) == (2, "second")
    assert lake.name in lake.glue.list_crawlers(Tags={"team": "belts"})["CrawlerNames"]
    assert lake.name not in lake.glue.list_crawlers(Tags={"team": "other"})["CrawlerNames"]
    arn = f"arn:aws:glue:us-east-1:000000000000:crawler/{lake.name}"
    assert lake.glue.get_tags(ResourceArn=arn)["Tags"] == {"team": "belts"}
    batch = lake.glue.batch_get_crawlers(CrawlerNames=[lake.name, "nothing"])
    assert [crawler["Name"] for crawler in batch["Crawlers"]] == [lake.name]
    assert batch["CrawlersNotFound"] == ["nothing"]
    pages = lake.glue.get_paginator("get_crawlers").paginate(PaginationConfig={"PageSize": 1})
    assert lake.name in [crawler["Name"] for page in pages for crawler in page["Crawlers"]]
    lake.glue.delete_crawler(Name=lake.name)
    assert refused("get_crawler", Name=lake.name) == missing


def test_a_crawler_whose_tags_are_refused_is_not_made(lake, refused):
    target = {"S3Targets": [{"Path": f"s3://{lake.bucket}/"}]}
    request = {"Name": lake.name, "Role": "crawler", "DatabaseName": lake.database, "Targets": target}
    told = refused("create_crawler", **request, Tags={"aws:mine": "x"})
    assert told == ("InvalidInputException", "Tag keys must not begin with aws:, which is reserved.")
    assert refused("get_crawler", Name=lake.name)[0] == "EntityNotFoundException"


def test_one_crawl_at_a_time(lake, refused, gate, server):
    lake.put_all({"t/a.json": '{"a":1}'})
    lake.create("t/")
    lake.glue.start_crawler(Name=lake.name)
    assert gate.reached.wait(30)
    running = ("CrawlerRunningException", f"Crawler with name {lake.name} has already started")
    assert refused("start_crawler", Name=lake.name) == running
    assert refused("update_crawler", Name=lake.name, Description="x") == running
    assert refused("delete_crawler", Name=lake.name) == running
    assert lake.glue.get_crawler(Name=lake.name)["Crawler"]["State"] == "RUNNING"
    assert server.house.health()["running"]["crawlers"] == 1
    (crawl,) = lake.glue.list_crawls(CrawlerName=lake.name)["Crawls"]
    assert (crawl["State"], "EndTime" in crawl) == ("RUNNING", False)
    gate.set()
    assert lake.wait()["Status"] == "SUCCEEDED"


def test_a_crawl_that_is_stopped(lake, refused, gate):
    lake.put_all({"t/a.json": '{"a":1}'})
    lake.create("t/")
    assert refused("stop_crawler", Name=lake.name)[0] == "CrawlerNotRunningException"
    lake.glue.start_crawler(Name=lake.name)
    assert gate.reached.wait(30)
    lake.glue.stop_crawler(Name=lake.name)
    assert lake.glue.get_crawler(Name=lake.name)["Crawler"]["State"] == "STOPPING"
    assert refused("stop_crawler", Name=lake.name)[0] == "CrawlerStoppingException"
    gate.set()
    assert lake.wait()["Status"] == "CANCELLED"
    assert lake.glue.list_crawls(CrawlerName=lake.name)["Crawls"][0]["State"] == "STOPPED"
    assert lake.tables() == {}


def test_crawls_are_remembered_for_a_year(lake, server):
    rooms = server.house.rooms
    lake.create("t/")
    lake.crawl()
    crawler = key_of(Scope(*SCOPE), lake.name)
    old = {days: crawl_key(crawler, time.time() - days * 86400, f"{days} days ago") for days in (364, 366)}
    for days, key in old.items():
        rooms.records.put(key, {"CrawlId": f"{days} days ago", "State": "COMPLETED", "StartTime": 0.0})
    shown = [crawl["CrawlId"] for crawl in lake.glue.list_crawls(CrawlerName=lake.name)["Crawls"]]
    assert shown[1:] == ["364 days ago"]
    lake.crawl()
    assert [rooms.records.get(key) is None for key in old.values()] == [False, True]


def test_two_crawlers_of_one_table(lake, server, aws):
    lake.put_all({f"t/k={n}/a.json": '{"a":1}' for n in range(5)})
    other = Lake(server, aws, f"{lake.name}-other", lake.database)
    lake.create("t/")
    other.create(Targets={"S3Targets": [{"Path": f"s3://{lake.bucket}/t/"}]})
    for crawler in (lake, other):
        lake.glue.start_crawler(Name=crawler.name)
    assert {lake.wait()["Status"], other.wait()["Status"]} == {"SUCCEEDED"}
    assert lake.tables() == {"t": ["a:int"]}
    assert len(lake.partitions("t")) == 5
    lake.glue.delete_crawler(Name=other.name)


def test_crawls_are_filtered_and_paged(lake, refused):
    lake.create()
    for _ in range(3):
        lake.crawl()
    first = lake.glue.list_crawls(CrawlerName=lake.name, MaxResults=2)
    rest = lake.glue.list_crawls(CrawlerName=lake.name, MaxResults=2, NextToken=first["NextToken"])
    crawls = first["Crawls"] + rest["Crawls"]
    assert len(crawls) == 3
    assert crawls == sorted(crawls, key=lambda crawl: crawl["StartTime"], reverse=True)

    def count(name, operator, value):
        row = {"FieldName": name, "FilterOperator": operator, "FieldValue": value}
        return len(lake.glue.list_crawls(CrawlerName=lake.name, Filters=[row])["Crawls"])

    assert count("CRAWL_ID", "EQ", crawls[1]["CrawlId"]) == 1
    assert count("STATE", "NE", "FAILED") == 3
    assert count("START_TIME", "GT", str(int(time.time() * 1000) + 60_000)) == 0
    wrong = {"FieldName": "START_TIME", "FilterOperator": "GT", "FieldValue": "yesterday"}
    assert refused("list_crawls", CrawlerName=lake.name, Filters=[wrong])[0] == "InvalidInputException"
    (metrics,) = lake.glue.get_crawler_metrics(CrawlerNameList=[lake.name])["CrawlerMetricsList"]
    assert metrics["LastRuntimeSeconds"] > 0
    assert metrics["MedianRuntimeSeconds"] > 0


def configured(**members):
    return {"Configuration": json.dumps({"Version": 1.0, **members})}


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"Targets": {}}, "names no target"),
        ({"Targets": {"DynamoDBTargets": [{"Path": "x"}]}}, "DynamoDBTargets is not supported"),
        ({"Targets": {"IcebergTargets": [{"Paths": ["s3://b/"]}]}}, "IcebergTargets is not supported"),
        ({"Targets": {"S3Targets": [{"Path": "s3:///x"}]}}, "'s3:///x' is not s3://bucket/prefix"),
        ({"Targets": {"S3Targets": [{"Path": "s3://b", "EventQueueArn": "arn"}]}}, "EventQueueArn"),
        ({"Targets": {"S3Targets": [{"Path": "s3://b", "SampleSize": 250}]}}, "SampleSize 250"),
        ({"Targets": {"S3Targets": [{"Path": "s3://b", "Exclusions": ["a[b"]}]}}, "a bracket isn't closed"),
        ({"Targets": {"S3Targets": [{"Path": "s3://b", "Exclusions": ["{a,{b}}"]}]}}, "can't hold another"),
        ({"Classifiers": ["no-such"]}, "Classifier with name no-such does not exist"),
        ({"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}}, "CRAWL_EVENT_MODE"),
        (
            {
                "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"},
                "SchemaChangePolicy": {"DeleteBehavior": "DELETE_FROM_DATABASE"},
            },
            "can have only LOG DeleteBehavior value",
        ),
        ({"LineageConfiguration": {"CrawlerLineageSettings": "ENABLE"}}, "LineageConfiguration"),
        ({"LakeFormationConfiguration": {"UseLakeFormationCredentials": True}}, "UseLakeFormationCredentials"),
        ({"CrawlerSecurityConfiguration": "secure"}, "CrawlerSecurityConfiguration"),
        ({"TablePrefix": "x" * 65}, "64 characters"),
        ({"Configuration": "{"}, "no JSON"),
        ({"Configuration": '{"Version":2}'}, "Version 1.0"),
        (configured(Grouping={"TableGroupingPolicy": "Other"}), "'Other' is not CombineCompatibleSchemas"),
        (configured(Grouping={"TableLevelConfiguration": 0}), "TableLevelConfiguration 0"),
        (configured(CrawlerOutput={"Tables": {"Strange": 1}}), "Configuration.CrawlerOutput.Tables: Strange"),
        ({"Schedule": "rate(5 minutes)"}, "is not cron(...)"),
        ({"Schedule": "cron(* * * * ? *)"}, "more often than every 5 minutes"),
        ({"Schedule": "cron(61 * * * ? *)"}, "cron(61"),
        ({"DatabaseName": ""}, "DatabaseName must be given"),
    ],
)
def test_what_is_refused_by_name(refused, members, named):
    request = {"Name": "refused", "Role": "r", "DatabaseName": "d", "Targets": {"S3Targets": [{"Path": "s3://b"}]}}
    code, message = refused("create_crawler", **{**request, **members})
    assert code == "InvalidInputException"
    assert named in message


def test_catalog_targets_stand_alone_and_delete_nothing(refused):
    catalog = {"CatalogTargets": [{"DatabaseName": "d", "Tables": ["t"]}]}
    mixed = {**catalog, "S3Targets": [{"Path": "s3://b"}]}
    assert refused("create_crawler", Name="x", Role="r", Targets=mixed)[1].startswith(
        "The crawler cannot have catalog targets mixed with other target types."
    )
    assert "only LOG DeleteBehavior" in refused("create_crawler", Name="x", Role="r", Targets=catalog)[1]


def test_schedules(lake, refused):
    lake.create()
    assert refused("start_crawler_schedule", CrawlerName=lake.name)[0] == "NoScheduleException"
    assert refused("stop_crawler_schedule", CrawlerName=lake.name)[0] == "SchedulerNotRunningException"
    lake.glue.update_crawler_schedule(CrawlerName=lake.name, Schedule="cron(15 12 * * ? *)")

    def schedule():
        return lake.glue.get_crawler(Name=lake.name)["Crawler"].get("Schedule")

    assert schedule() == {"ScheduleExpression": "cron(15 12 * * ? *)", "State": "SCHEDULED"}
    assert refused("start_crawler_schedule", CrawlerName=lake.name)[0] == "SchedulerRunningException"
    lake.glue.stop_crawler_schedule(CrawlerName=lake.name)
    assert schedule()["State"] == "NOT_SCHEDULED"
    lake.glue.start_crawler_schedule(CrawlerName=lake.name)
    assert schedule()["State"] == "SCHEDULED"
    lake.glue.update_crawler_schedule(CrawlerName=lake.name, Schedule="")
    assert schedule() is None


@pytest.fixture
def moved(tmp_path, monkeypatch):
    """A server of the test's own whose clock stands still."""
    from clary import server
    from clary.app import House
    from clary.config import Settings
    from tests.conftest import running

    clock = MovedClock(1_796_083_200.0)  # 2026-12-01, midnight
    monkeypatch.setattr(server, "House", lambda settings: House(settings, clock))
    with running(Settings(port=0, data_dir=tmp_path / "data")) as found:
        found.house.rooms.access = Access(found.settings, found.house.rooms.records, Clock())
        found.clock = clock
        yield found


def test_a_crawler_starts_when_it_is_due_and_what_a_killed_server_left_has_failed(moved):
    rooms = moved.house.rooms
    moved.client("glue").create_database(DatabaseInput={"Name": "lake"})
    lake = Lake(moved, moved.client, "due", "lake")
    lake.put_all({"t/a.json": '{"a":1}'})
    lake.create("t/", Schedule="cron(0 6 * * ? *)")
    start_due(rooms)
    assert lake.glue.list_crawls(CrawlerName="due")["Crawls"] == []
    moved.clock.move(6 * 3600)
    start_due(rooms)
    assert lake.wait()["Status"] == "SUCCEEDED"
    start_due(rooms)  # once is enough
    assert len(lake.glue.list_crawls(CrawlerName="due")["Crawls"]) == 1

    def kill(record):
        record.status, record.body["Run"] = "RUNNING", {"Id": "cut-off", "Started": moved.clock.now()}

    rooms.records.change(key_of(SCOPE, "due"), kill)
    crawler_life.recover(rooms)
    last = lake.wait()
    assert last["Status"] == "FAILED"
    assert last["ErrorMessage"].startswith("The server ended during the crawl.")
    assert lake.crawl()["Status"] == "SUCCEEDED"
