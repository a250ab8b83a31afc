import pytest

from clary.clock import MovedClock
from clary.services.logs import log_event
from clary.services.logs.errors import InvalidParameterException, ResourceNotFoundException

NOW = 1_700_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
HERE = {"logGroupName": "g", "logStreamName": "s"}


@pytest.fixture(autouse=True)
def stream(logs):
    logs("CreateLogGroup", logGroupName="g")
    logs("CreateLogStream", **HERE)


def put(logs, *events, stream="s", **more):
    listed = [{"timestamp": NOW + time, "message": message} for time, message in events]
    return logs("PutLogEvents", logGroupName="g", logStreamName=stream, logEvents=listed, **more)


def messages(reply):
    return [event["message"] for event in reply["events"]]


def test_events_come_back(logs):
    reply = put(logs, (1, "one"), (1, "two"), (5, "drei €"))
    assert len(reply["nextSequenceToken"]) == 56
    assert set(reply) == {"nextSequenceToken"}
    found = logs("GetLogEvents", **HERE)
    assert found["events"][0] == {"timestamp": NOW + 1, "message": "one", "ingestionTime": NOW}
    assert messages(found) == ["one", "two", "drei €"]


def test_reading_forward_from_the_head_as_the_sagemaker_sdk_does(logs):
    put(logs, *((number, str(number)) for number in range(5)))
    seen, request = [], {**HERE, "startFromHead": True, "limit": 2}
    for _ in range(3):
        page = logs("GetLogEvents", **request)
        seen += messages(page)
        request["nextToken"] = page["nextForwardToken"]
    assert seen == ["0", "1", "2", "3", "4"]
    for _ in range(2):
        page = logs("GetLogEvents", **request)
        assert page["events"] == []
        assert page["nextForwardToken"] == request["nextToken"]  # how a client sees the end
    put(logs, (9, "late"))
    assert messages(logs("GetLogEvents", **request)) == ["late"]


def test_reading_backward_from_the_tail(logs):
    put(logs, *((number, str(number)) for number in range(5)))
    first = logs("GetLogEvents", **HERE, limit=2)
    assert messages(first) == ["3", "4"]
    second = logs("GetLogEvents", **HERE, limit=2, nextToken=first["nextBackwardToken"])
    assert messages(second) == ["1", "2"]
    assert messages(logs("GetLogEvents", **HERE, limit=2, nextToken=second["nextForwardToken"])) == ["3", "4"]
    third = logs("GetLogEvents", **HERE, limit=2, nextToken=second["nextBackwardToken"])
    assert messages(third) == ["0"]
    end = logs("GetLogEvents", **HERE, nextToken=third["nextBackwardToken"])
    assert (end["events"], end["nextBackwardToken"]) == ([], third["nextBackwardToken"])


def test_an_empty_stream_can_be_followed(logs):
    first = logs("GetLogEvents", **HERE, startFromHead=True)
    again = logs("GetLogEvents", **HERE, startFromHead=True, nextToken=first["nextForwardToken"])
    assert first["events"] == again["events"] == []
    assert first["nextForwardToken"] == again["nextForwardToken"]
    put(logs, (0, "at last"))
    assert messages(logs("GetLogEvents", **HERE, nextToken=first["nextForwardToken"])) == ["at last"]


def test_times_of_get_include_the_start_and_exclude_the_end(logs):
    put(logs, *((number, str(number)) for number in range(5)))
    assert messages(logs("GetLogEvents", **HERE, startTime=NOW + 1, endTime=NOW + 3)) == ["1", "2"]
    assert messages(logs("FilterLogEvents", logGroupName="g", startTime=NOW + 1, endTime=NOW + 3)) == ["1", "2", "3"]


def test_a_reply_holds_a_mebibyte(logs):
    for number in range(3):
        put(logs, *((number, f"{number}{part}" + "x" * 299_000) for part in "abc"))
    page = logs("GetLogEvents", **HERE, startFromHead=True)
    assert [message[:2] for message in messages(page)] == ["0a", "0b", "0c"]
    page = logs("GetLogEvents", **HERE, nextToken=page["nextForwardToken"])
    assert [message[:2] for message in messages(page)] == ["1a", "1b", "1c"]
    tail = logs("GetLogEvents", **HERE)
    assert [message[:2] for message in messages(tail)] == ["2a", "2b", "2c"]
    found = logs("FilterLogEvents", logGroupName="g")
    assert [message[:2] for message in messages(found)] == ["0a", "0b", "0c"]
    found = logs("FilterLogEvents", logGroupName="g", nextToken=found["nextToken"])
    assert [message[:2] for message in messages(found)] == ["1a", "1b", "1c"]


def test_too_old_and_too_new_events_are_left_out_and_reported(logs):
    reply = put(logs, (-15 * DAY, "a"), (-14 * DAY - 1, "b"), (0, "c"), (HOUR, "d"), (2 * HOUR + 1, "e"))
    assert reply["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}
    assert messages(logs("GetLogEvents", **HERE)) == ["c", "d"]
    logs("PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    reply = put(logs, (-2 * DAY, "f"), (2, "g"))
    assert reply["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    assert put(logs, (3 * HOUR, "h"))["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    assert messages(logs("GetLogEvents", **HERE)) == ["c", "g", "d"]


def test_an_entity_is_turned_away_and_the_events_are_kept(logs):
    reply = put(logs, (0, "a"), entity={"keyAttributes": {"Type": "Service", "Name": "x"}})
    assert reply["rejectedEntityInfo"] == {"errorType": "UnsupportedLogGroupType"}
    assert messages(logs("GetLogEvents", **HERE)) == ["a"]


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([(2, "a"), (1, "b")], "must be in chronological order"),
        ([(-DAY - 1, "a"), (0, "b")], "cannot span more than 24 hours"),
        ([(0, "x" * 1_048_551)], "Log event too large: 1048577 bytes exceeds limit of 1048576"),
        ([(0, "x" * 600_000), (0, "x" * 600_000)], "Upload too large: 1200052 bytes"),
    ],
)
def test_a_bad_batch_is_refused_whole(logs, events, sentence):
    with pytest.raises(InvalidParameterException, match=sentence):
        put(logs, *events)
    assert messages(logs("GetLogEvents", **HERE)) == []


def test_the_largest_event_is_taken_and_given_back(logs):
    put(logs, (0, "x" * 1_048_550))
    assert len(messages(logs("GetLogEvents", **HERE))[0]) == 1_048_550


def test_what_is_absent_is_named(logs):
    for operation in ("GetLogEvents", "PutLogEvents"):
        request = {"logEvents": [{"timestamp": NOW, "message": "x"}]} if operation == "PutLogEvents" else {}
        with pytest.raises(ResourceNotFoundException, match=r"The specified log group does not exist\."):
            logs(operation, logGroupName="absent", logStreamName="s", **request)
        with pytest.raises(ResourceNotFoundException, match=r"The specified log stream does not exist\."):
            logs(operation, logGroupName="g", logStreamName="absent", **request)
    with pytest.raises(ResourceNotFoundException, match="group"):
        logs("FilterLogEvents", logGroupName="absent")
    with pytest.raises(ResourceNotFoundException, match="stream"):
        logs("FilterLogEvents", logGroupName="g", logStreamNames=["s", "absent"])


def test_tokens_hold_for_their_own_stream(logs):
    logs("CreateLogStream", logGroupName="g", logStreamName="other")
    token = logs("GetLogEvents", **HERE)["nextForwardToken"]
    for wrong in (token.replace("f/", "n/"), "f/", "f/abc", "x"):
        with pytest.raises(InvalidParameterException, match="The specified nextToken is invalid"):
            logs("GetLogEvents", **HERE, nextToken=wrong)
    with pytest.raises(InvalidParameterException, match="The specified nextToken is invalid"):
        logs("GetLogEvents", logGroupName="g", logStreamName="other", nextToken=token)


def fill(logs):
    for stream in ("job/1", "job/2", "other"):
        logs("CreateLogStream", logGroupName="g", logStreamName=stream)
    for number in range(4):
        put(logs, (number, f"loss {number}"), stream="job/1")
        put(logs, (number, f"error {number}"), (number + 10, "end"), stream="job/2")
    put(logs, (2, "other"), stream="other")


def test_filter_searches_streams_by_name_prefix_and_pattern(logs):
    fill(logs)
    found = logs("FilterLogEvents", logGroupName="g", filterPattern="?loss ?error", startTime=NOW + 2)
    assert messages(found) == ["loss 2", "error 2", "loss 3", "error 3"]
    assert found["searchedLogStreams"] == []
    assert "nextToken" not in found
    event = found["events"][1]
    assert (event["logStreamName"], event["timestamp"], event["ingestionTime"]) == ("job/2", NOW + 2, NOW)
    assert len({event["eventId"] for event in found["events"]}) == 4
    assert all(len(event["eventId"]) == 56 for event in found["events"])
    assert messages(logs("FilterLogEvents", logGroupName="g", logStreamNamePrefix="o")) == ["other"]
    some = logs("FilterLogEvents", logGroupName="g", logStreamNames=["job/1", "other"], endTime=NOW + 2)
    assert messages(some) == ["loss 0", "loss 1", "loss 2", "other"]
    with pytest.raises(InvalidParameterException, match="logStreamNamePrefix"):
        logs("FilterLogEvents", logGroupName="g", logStreamNames=["s"], logStreamNamePrefix="x")


@pytest.mark.parametrize("from_head", [True, False])
def test_filter_is_paged(logs, from_head):
    fill(logs)
    request = {"logGroupName": "g", "filterPattern": "-end", "startFromHead": from_head}
    whole = messages(logs("FilterLogEvents", **request))
    assert len(whole) == 9
    assert whole[0] == ("loss 0" if from_head else "error 3")
    seen = []
    request["limit"] = 3
    for _ in range(3):
        page = logs("FilterLogEvents", **request)
        assert len(page["events"]) == 3
        seen += messages(page)
        request["nextToken"] = page.get("nextToken")
    assert seen == whole
    assert request["nextToken"] is None


def test_a_long_search_stops_half_way_and_goes_on(logs, monkeypatch):
    monkeypatch.setattr(log_event, "_MOST_SCANNED", 4)
    put(logs, *((number, "needle" if number in (5, 9) else "hay") for number in range(10)))
    request = {"logGroupName": "g", "filterPattern": "needle"}
    found, pages = [], 0
    while True:
        page = logs("FilterLogEvents", **request)
        found += [event["timestamp"] - NOW for event in page["events"]]
        pages += 1
        if "nextToken" not in page:
            break
        request["nextToken"] = page["nextToken"]
    assert (found, pages) == ([5, 9], 3)


def test_a_pattern_that_is_none_is_refused(logs):
    with pytest.raises(InvalidParameterException, match="must end with"):
        logs("FilterLogEvents", logGroupName="g", filterPattern="{ $.a = 1")


def test_ingestion_is_the_clock_of_the_server(logs, clock: MovedClock):
    clock.move(60)
    put(logs, (0, "a"))
    assert logs("GetLogEvents", **HERE)["events"][0]["ingestionTime"] == NOW + 60_000
