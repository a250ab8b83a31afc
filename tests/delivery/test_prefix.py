"""Names of objects: expressions, time patterns, defaults."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from clary.delivery.java_time import format_time
from clary.delivery.prefix import complete, complete_error, evaluate, expressions_of, suffix
from clary.errors import ClientError

MOMENT = datetime(2026, 3, 7, 15, 4, 5, 67_890, UTC)  # a Saturday
TOKYO = MOMENT.astimezone(ZoneInfo("Asia/Tokyo"))


def digits(count):
    return "1" * count


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy/MM/dd/HH", "2026/03/07/15"),
        ("yy-M-d", "26-3-7"),
        ("MMM MMMM", "Mar March"),
        ("E EEEE e", "Sat Saturday 7"),
        ("D DDD", "66 066"),
        ("h hh a", "3 03 PM"),
        ("H:mm:ss.SSS", "15:04:05.067"),
        ("SSSSSS SSSSSSSSS", "067890 067890000"),
        ("Q QQQ", "1 Q1"),
        ("YYYY-'W'ww", "2026-W10"),
        ("'year='yyyy''", "year=2026'"),
        ("XXX Z z VV", "Z +0000 UTC UTC"),
    ],
)
def test_time_patterns(pattern, text):
    assert format_time(pattern, MOMENT) == text


def test_zones():
    assert format_time("yyyy-MM-dd HH XXX VV", TOKYO) == "2026-03-08 00 +09:00 Asia/Tokyo"
    assert format_time("YYYY ww e", datetime(2025, 12, 28, tzinfo=UTC)) == "2026 01 1"


@pytest.mark.parametrize(
    ("prefix", "error_prefix", "data", "errors"),
    [
        ("", "", "2026/03/07/15/", "processing-failed/2026/03/07/15/"),
        ("in/", "", "in/2026/03/07/15/", "in/processing-failed/2026/03/07/15/"),
        ("in/", "bad/", "in/2026/03/07/15/", "bad/processing-failed/2026/03/07/15/"),
        ("y=!{timestamp:yyyy}/", "e/!{firehose:error-output-type}/", "y=2026/", "e/processing-failed/"),
        ("", "e/!{firehose:error-output-type}/!{timestamp:dd}/", "2026/03/07/15/", "e/processing-failed/07/"),
    ],
)
def test_prefixes(prefix, error_prefix, data, errors):
    assert evaluate(complete(prefix), MOMENT, digits) == data
    whole = complete_error(prefix, error_prefix)
    assert evaluate(whole, MOMENT, digits, error_type="processing-failed") == errors


def test_keys_and_random_strings():
    keys = {"partitionKeyFromQuery": {"belt": "7"}, "partitionKeyFromLambda": {"day": "Sat"}}
    prefix = "b=!{partitionKeyFromQuery:belt}/!{partitionKeyFromLambda:day}/!{firehose:random-string}/"
    assert evaluate(prefix, MOMENT, digits, keys=keys).startswith("b=7/Sat/")
    assert len(evaluate("!{firehose:random-string}", MOMENT, digits)) == 11


def test_what_follows():
    assert suffix("hose", 3, MOMENT, "id", ".gz") == "hose-3-2026-03-07-15-04-05-id.gz"


@pytest.mark.parametrize("prefix", ["!{timestamp}", "!{timestamp:yyyy", "!{x:y}", "!{firehose:x}", "!{timestamp:b}"])
def test_wrong_expressions(prefix):
    with pytest.raises(ClientError):
        expressions_of(prefix)
