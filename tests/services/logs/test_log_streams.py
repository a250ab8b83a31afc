import pytest

from clary.services.logs.errors import (
    InvalidParameterException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)

NOW = 1_700_000_000_000
ARN = "arn:aws:logs:eu-west-1:000000000000:log-group:g"


@pytest.fixture(autouse=True)
def group(logs):
    logs("CreateLogGroup", logGroupName="g")


def names(reply):
    return [stream["logStreamName"] for stream in reply["logStreams"]]


def make(logs, name, *times):
    logs("CreateLogStream", logGroupName="g", logStreamName=name)
    events = [{"timestamp": NOW + time, "message": "x"} for time in times]
    if events:
        logs("PutLogEvents", logGroupName="g", logStreamName=name, logEvents=events)


def test_a_stream_is_described_as_aws_does(logs):
    make(logs, "job/algo-1", 5, 9)
    (stream,) = logs("DescribeLogStreams", logGroupIdentifier=ARN)["logStreams"]
    token = stream.pop("uploadSequenceToken")
    assert len(token) == 56
    assert token.isdigit()
    assert stream == {
        "logStreamName": "job/algo-1",
        "creationTime": NOW,
        "firstEventTimestamp": NOW + 5,
        "lastEventTimestamp": NOW + 9,
        "lastIngestionTime": NOW,
        "arn": f"{ARN}:log-stream:job/algo-1",
        "storedBytes": 0,
    }


def test_a_name_is_taken_once_in_a_group_that_exists(logs):
    make(logs, "s")
    with pytest.raises(ResourceAlreadyExistsException, match="The specified log stream already exists"):
        make(logs, "s")
    with pytest.raises(ResourceNotFoundException, match="log group does not exist"):
        logs("CreateLogStream", logGroupName="absent", logStreamName="s")
    logs("DeleteLogStream", logGroupName="g", logStreamName="s")
    with pytest.raises(ResourceNotFoundException, match="log stream does not exist"):
        logs("DeleteLogStream", logGroupName="g", logStreamName="s")
    assert logs("DescribeLogStreams", logGroupName="g") == {"logStreams": []}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", ["LogStreamName", "LastEventTime"])
def test_streams_are_paged_in_both_orders(logs, order, descending):
    for number in range(7):
        make(logs, f"s{number}", *([number * 3 % 4] if number else []))
    request = {"logGroupName": "g", "orderBy": order, "descending": descending}
    whole = logs("DescribeLogStreams", **request)
    assert "nextToken" not in whole
    seen = []
    while True:
        page = logs("DescribeLogStreams", **request, limit=2)
        seen += names(page)
        if "nextToken" not in page:
            break
        request["nextToken"] = page["nextToken"]
    assert seen == names(whole)
    by_name = [f"s{number}" for number in range(7)]
    by_time = ["s0", "s4", "s3", "s2", "s6", "s1", "s5"]
    expected = by_name if order == "LogStreamName" else by_time
    assert seen == (expected[::-1] if descending else expected)


def test_an_exact_page_has_no_token(logs):
    # The SageMaker SDK asks for as many streams as the job has hosts, and loops for as long as it gets a token.
    for host in ("algo-1", "algo-2"):
        make(logs, f"job/{host}")
        make(logs, f"job2/{host}")
    page = logs("DescribeLogStreams", logGroupName="g", logStreamNamePrefix="job/", orderBy="LogStreamName", limit=2)
    assert names(page) == ["job/algo-1", "job/algo-2"]
    assert "nextToken" not in page


def test_what_cannot_be_is_refused(logs):
    with pytest.raises(InvalidParameterException, match="Cannot order by LastEventTime with a logStreamNamePrefix"):
        logs("DescribeLogStreams", logGroupName="g", orderBy="LastEventTime", logStreamNamePrefix="x")
    with pytest.raises(InvalidParameterException, match="logGroupIdentifier"):
        logs("DescribeLogStreams")
    with pytest.raises(InvalidParameterException, match="logGroupIdentifier"):
        logs("DescribeLogStreams", logGroupName="g", logGroupIdentifier="g")
    with pytest.raises(ResourceNotFoundException):
        logs("DescribeLogStreams", logGroupIdentifier=ARN.replace("eu-west-1", "eu-west-2"))
    with pytest.raises(InvalidParameterException, match="nextToken"):
        logs("DescribeLogStreams", logGroupName="g", nextToken="abc")
