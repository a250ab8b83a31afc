"""The service over the wire, with an unmodified boto3."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def client(aws):
    return aws("logs")


@pytest.fixture
def group(client):
    name = f"/test/{uuid4().hex}"
    client.create_log_group(logGroupName=name)
    yield name
    client.delete_log_group(logGroupName=name)


def put(client, group, stream, *messages):
    now = time.time_ns() // 1_000_000
    events = [{"timestamp": now + number, "message": message} for number, message in enumerate(messages)]
    return client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def error_of(function, **request):
    with pytest.raises(ClientError) as caught:
        function(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_a_group_from_creation_to_its_events(client, group):
    client.create_log_stream(logGroupName=group, logStreamName="a/b")
    assert "nextSequenceToken" in put(client, group, "a/b", "first", "second €", "{}")
    found = client.get_log_events(logGroupName=group, logStreamName="a/b", startFromHead=True)
    assert [event["message"] for event in found["events"]] == ["first", "second €", "{}"]
    described = client.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert described["storedBytes"] == sum(len(text.encode()) + 26 for text in ("first", "second €", "{}"))
    assert "retentionInDays" not in described
    stream = client.describe_log_streams(logGroupName=group)["logStreams"][0]
    assert (stream["logStreamName"], stream["lastEventTimestamp"]) == ("a/b", found["events"][-1]["timestamp"])


def test_botocores_own_paginators_come_to_an_end(client, group):
    for number in range(5):
        client.create_log_stream(logGroupName=group, logStreamName=f"s{number}")
        put(client, group, f"s{number}", "x", "y")
    pages = client.get_paginator("describe_log_streams").paginate(logGroupName=group, PaginationConfig={"PageSize": 2})
    assert [len(page["logStreams"]) for page in pages] == [2, 2, 1]
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="x", PaginationConfig={"PageSize": 2}
    )
    assert sum(len(page["events"]) for page in pages) == 5
    groups = client.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=group, PaginationConfig={"PageSize": 1}
    )
    assert [group["logGroupName"] for page in groups for group in page["logGroups"]] == [group]


def test_errors_bear_awss_codes_and_sentences(client, group):
    assert error_of(client.describe_log_streams, logGroupName="absent") == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
    assert error_of(client.get_log_events, logGroupName=group, logStreamName="absent") == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )
    assert error_of(client.create_log_group, logGroupName=group) == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    code, message = error_of(client.describe_log_streams, logGroupName=group, limit=51)
    assert code == "InvalidParameterException"
    assert (
        "Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50" in message
    )
    code, message = error_of(client.get_log_events, logGroupName=group, logStreamName="s", limit=10_001)
    assert code == "InvalidParameterException"
    assert "less than or equal to 10000" in message


def test_ten_writers_at_once_lose_nothing(client, group):
    client.create_log_stream(logGroupName=group, logStreamName="shared")

    def write(worker):
        for number in range(5):
            put(client, group, "shared", f"{worker}-{number}")

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write, range(10)))
    found = client.get_log_events(logGroupName=group, logStreamName="shared", startFromHead=True)["events"]
    assert {event["message"] for event in found} == {
        f"{worker}-{number}" for worker in range(10) for number in range(5)
    }
    assert len(found) == 50


def test_a_job_is_followed_as_the_sagemaker_sdk_does(server, client):
    # What jobs/ does while a job runs, and what `fit(logs="All")` of SDK v2 does at the same time.
    group, job = "/aws/sagemaker/TrainingJobs", f"job-{uuid4().hex}"
    logs = server.house.rooms.logs
    seen, token, position = [], None, 0
    for step in range(4):
        lines = [(time.time(), f"line {step}.{number}") for number in range(3)]
        position += 100
        logs.append("000000000000", "us-east-1", group, f"{job}/algo-1", lines, position=position)
        streams = client.describe_log_streams(
            logGroupName=group, logStreamNamePrefix=f"{job}/", orderBy="LogStreamName", limit=1
        )
        assert [stream["logStreamName"] for stream in streams["logStreams"]] == [f"{job}/algo-1"]
        assert "nextToken" not in streams
        while True:
            page = client.get_log_events(
                logGroupName=group,
                logStreamName=f"{job}/algo-1",
                startFromHead=True,
                startTime=0,
                **({"nextToken": token} if token else {}),
            )
            seen += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token:
                break
            token = page["nextForwardToken"]
    assert seen == [f"line {step}.{number}" for step in range(4) for number in range(3)]
    assert logs.position("000000000000", "us-east-1", group, f"{job}/algo-1") == 400
