import pytest

from clary.services.cloudwatch.errors import InvalidNextToken, ValidationError
from clary.services.cloudwatch.metric_math import evaluate

NOW = 1_700_000_040
SPAN = {"StartTime": NOW - 3600.0, "EndTime": NOW + 3600.0}


def stat(name, metric="m", stat="Sum", *, period=60, **more):
    wanted = {"Metric": {"Namespace": "n", "MetricName": metric}, "Period": period, "Stat": stat}
    return {"Id": name, "MetricStat": wanted, **more}


def get(cloudwatch, *queries, **more):
    return cloudwatch("GetMetricData", MetricDataQueries=list(queries), **{**SPAN, **more})


def put(cloudwatch, metric, *values, unit="None"):
    data = [
        {"MetricName": metric, "Value": value, "Timestamp": NOW + 60.0 * minute, "Unit": unit}
        for minute, value in enumerate(values)
        if value is not None
    ]
    cloudwatch("PutMetricData", Namespace="n", MetricData=data)


def test_series_come_newest_first(cloudwatch):
    put(cloudwatch, "m", 1.0, 2.0, 4.0)
    assert get(cloudwatch, stat("a", stat="Average"), stat("b", "absent")) == {
        "MetricDataResults": [
            {
                "Id": "a",
                "Label": "m Average",
                "Timestamps": [NOW + 120.0, NOW + 60.0, NOW],
                "Values": [4.0, 2.0, 1.0],
                "StatusCode": "Complete",
            },
            {"Id": "b", "Label": "absent Sum", "Timestamps": [], "Values": [], "StatusCode": "Complete"},
        ],
        "NextToken": None,
        "Messages": [],
    }
    ascending = get(cloudwatch, stat("a", Label="mine"), ScanBy="TimestampAscending")["MetricDataResults"][0]
    assert (ascending["Values"], ascending["Label"]) == ([1.0, 2.0, 4.0], "mine")


def test_units_count_together_unless_one_is_named(cloudwatch):
    put(cloudwatch, "m", 1.0, unit="Seconds")
    put(cloudwatch, "m", 2.0)
    with_unit = stat("b")
    with_unit["MetricStat"]["Unit"] = "Seconds"
    results = get(cloudwatch, stat("a"), with_unit, stat("c", stat="p100"))["MetricDataResults"]
    assert [result["Values"] for result in results] == [[3.0], [1.0], [2.0]]


def test_pages_join_to_the_whole(cloudwatch):
    put(cloudwatch, "m", *map(float, range(5)))
    put(cloudwatch, "o", *map(float, range(3)))
    queries = [stat("a"), stat("empty", "absent"), stat("b", "o"), stat("c", stat="Maximum")]
    for order in ("TimestampAscending", "TimestampDescending"):
        for size in (1, 2, 3, 5, 8, 13):
            seen, token, pages = {}, None, 0
            while True:
                more = {"NextToken": token} if token else {}
                page = get(cloudwatch, *queries, MaxDatapoints=size, ScanBy=order, **more)
                pages += 1
                for result in page["MetricDataResults"]:
                    seen.setdefault(result["Id"], []).extend(result["Values"])
                assert sum(len(result["Values"]) for result in page["MetricDataResults"]) <= size
                token = page["NextToken"]
                partial = [r["Id"] for r in page["MetricDataResults"] if r["StatusCode"] == "PartialData"]
                assert len(partial) <= 1
                if not token:
                    break
            whole = get(cloudwatch, *queries, ScanBy=order)["MetricDataResults"]
            assert seen == {result["Id"]: result["Values"] for result in whole}
            assert pages == -(-13 // size)


def test_a_token_of_other_queries_is_refused(cloudwatch):
    put(cloudwatch, "m", 1.0, 2.0)
    token = get(cloudwatch, stat("a"), MaxDatapoints=1)["NextToken"]
    with pytest.raises(InvalidNextToken):
        get(cloudwatch, stat("b"), MaxDatapoints=1, NextToken=token)
    with pytest.raises(InvalidNextToken):
        get(cloudwatch, stat("a"), NextToken="x")


def test_expressions_use_each_other_in_any_order(cloudwatch):
    put(cloudwatch, "m", 2.0, 4.0, 6.0)
    put(cloudwatch, "o", 1.0, None, 3.0)
    results = get(
        cloudwatch,
        {"Id": "rate", "Expression": "100 * twice / m", "Label": "percent"},
        {"Id": "twice", "Expression": "m + m", "ReturnData": False},
        {"Id": "total", "Expression": "SUM([m, o])"},
        {"Id": "all", "Expression": "SUM(METRICS())"},
        stat("m", ReturnData=False),
        stat("o", "o", ReturnData=False),
        ScanBy="TimestampAscending",
    )["MetricDataResults"]
    assert [(result["Id"], result["Label"], result["Values"]) for result in results] == [
        ("rate", "percent", [200.0, 200.0, 200.0]),
        ("total", "total", [3.0, 4.0, 9.0]),
        ("all", "all", [3.0, 4.0, 9.0]),
    ]


@pytest.mark.parametrize(
    ("queries", "sentence"),
    [
        ([{"Id": "a"}], r"MetricDataQueries\.member\.1\.MetricStat is required"),
        ([{**stat("a"), "Expression": "1"}], "mutually exclusive"),
        ([stat("a"), stat("a")], "not unique"),
        ([stat("A")], "not matching the expected pattern"),
        ([stat("a", stat="Median")], "Median"),
        ([stat("a", period=45)], "Period"),
        ([stat("a", Label="${MAX}")], "dynamic labels"),
        ([stat("a", AccountId="123456789012")], "AccountId"),
        ([{"Id": "a", "Expression": "SELECT AVG(m) FROM n"}], "Metrics Insights"),
        ([{"Id": "a", "Expression": "SEARCH('x', 'Sum')"}], "function SEARCH .* not supported"),
        ([{"Id": "a", "Expression": "b"}], "no query with the id 'b'"),
        ([{"Id": "a", "Expression": "b"}, {"Id": "b", "Expression": "a + 1"}], "depends on itself"),
        ([{"Id": "a", "Expression": "1 + 1"}], "must return one time series"),
        ([stat("a")] * 501, "greater than 500"),
    ],
)
def test_what_cannot_be_asked_is_refused(cloudwatch, queries, sentence):
    with pytest.raises(ValidationError, match=sentence):
        get(cloudwatch, *queries)


def test_times_must_be_in_order(cloudwatch):
    with pytest.raises(ValidationError, match=r"The parameter EndTime must be greater than StartTime\."):
        get(cloudwatch, stat("a"), EndTime=NOW - 3601.0)
    with pytest.raises(ValidationError, match=r"The parameter StartTime must not equal parameter EndTime\."):
        get(cloudwatch, stat("a"), EndTime=NOW - 3599.5)
    with pytest.raises(ValidationError, match="MaxDatapoints"):
        get(cloudwatch, stat("a"), MaxDatapoints=0)


SERIES = {"m1": {0: 1.0, 60: 4.0, 180: 9.0}, "m2": {0: 2.0, 120: 5.0}, "none": {}}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1", SERIES["m1"]),
        ("m1 + m2", {0: 3.0}),
        ("m1 + 2 * 3", {0: 7.0, 60: 10.0, 180: 15.0}),
        ("(m1 + 2) * 3", {0: 9.0, 60: 18.0, 180: 33.0}),
        ("10 - m1 - 1", {0: 8.0, 60: 5.0, 180: 0.0}),
        ("8 / 2 / m2", {0: 2.0, 120: 0.8}),
        ("-m2 ^ 2", {0: -4.0, 120: -25.0}),
        ("m2 ^ -1", {0: 0.5, 120: 0.2}),
        ("2 ^ 3 ^ 2 + m2", {0: 514.0, 120: 517.0}),
        ("1 / (m1 - 1)", {60: 1 / 3, 180: 0.125}),
        ("1.5e1*m2", {0: 30.0, 120: 75.0}),
        ("AVG([m1, m2])", {0: 1.5, 60: 4.0, 120: 5.0, 180: 9.0}),
        ("MAX([m1,m2])", {0: 2.0, 60: 4.0, 120: 5.0, 180: 9.0}),
        ("m1 / SUM(m1) * 14", SERIES["m1"]),
        ("MIN(METRICS('m'))", {0: 1.0, 60: 4.0, 120: 5.0, 180: 9.0}),
        ("DIFF(m1)", {60: 3.0, 180: 5.0}),
        ("RATE(m1)", {60: 0.05, 180: 5 / 120}),
        ("RUNNING_SUM(m1)", {0: 1.0, 60: 5.0, 180: 14.0}),
        ("ABS(m2 - 3) * PERIOD(m1)", {0: 60.0, 120: 120.0}),
        ("CEIL(m2 / 2) - FLOOR(m2 / 2)", {0: 0.0, 120: 1.0}),
        ("LOG10(m1 - 1)", {60: pytest.approx(0.47712125), 180: pytest.approx(0.90308999)}),
        ("none + 1", {}),
    ],
)
def test_metric_math(expression, expected):
    found = evaluate(expression, SERIES.__getitem__, list(SERIES), 60)
    assert (
        found == pytest.approx(expected)
        if expected and all(isinstance(v, float) for v in expected.values())
        else (found == expected)
    )


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "m1 +",
        "m1 m2",
        "(m1",
        "[m1",
        "m1 & m2",
        "SUM(",
        "SUM(m1, m2)",
        "[m1] + 1",
        "'a' + m1",
        "IF(m1 > 1, m1)",
        "M1",
    ],
)
def test_what_is_no_expression(expression):
    with pytest.raises(ValidationError, match=r"[Ee]xpression"):
        evaluate(expression, SERIES.__getitem__, list(SERIES), 60)
