import math

import pytest

from clary.clock import MovedClock
from clary.errors import ServiceError
from clary.services.cloudwatch.errors import (
    InvalidParameterCombination,
    InvalidParameterValue,
    MissingParameter,
)

NOW = 1_700_000_040
SPAN = {"StartTime": NOW - 3600.0, "EndTime": NOW + 3600.0}
JOB = [{"Name": "TrainingJobName", "Value": "job"}]


def put(cloudwatch, *data, namespace="n"):
    filled = [{"MetricName": "m", "Timestamp": float(NOW), **datum} for datum in data]
    cloudwatch("PutMetricData", Namespace=namespace, MetricData=filled)


def statistics(cloudwatch, *names, **more):
    request = {"Namespace": "n", "MetricName": "m", "Period": 60, **SPAN, "Statistics": list(names), **more}
    return cloudwatch("GetMetricStatistics", **{key: value for key, value in request.items() if value})["Datapoints"]


def test_what_the_sdks_training_job_analytics_asks_for(cloudwatch):
    for minute, value in ((0, 4.0), (0, 2.0), (2, 1.0)):
        put(cloudwatch, {"Value": value, "Timestamp": NOW + 60.0 * minute + 7, "Dimensions": JOB})
    reply = cloudwatch(
        "GetMetricStatistics",
        Namespace="n",
        MetricName="m",
        Dimensions=JOB,
        StartTime=NOW - 40.5,
        EndTime=NOW + 180.5,
        Period=60,
        Statistics=["Average"],
    )
    assert reply == {
        "Label": "m",
        "Datapoints": [
            {"Timestamp": NOW, "Average": 3.0, "Unit": "None"},
            {"Timestamp": NOW + 120, "Average": 1.0, "Unit": "None"},
        ],
    }


def test_all_forms_of_data_count_together(cloudwatch):
    put(
        cloudwatch,
        {"Value": 5.0, "Unit": "Seconds"},
        {"Values": [1.0, 2.0], "Counts": [2.0, 3.0], "Unit": "Seconds"},
        {"Values": [7.0], "Unit": "Seconds"},
        {"StatisticValues": {"SampleCount": 3, "Sum": 30, "Minimum": 9, "Maximum": 11}, "Unit": "Seconds"},
    )
    everything = ("SampleCount", "Sum", "Minimum", "Maximum", "Average")
    assert statistics(cloudwatch, *everything) == [
        {
            "Timestamp": NOW,
            "Unit": "Seconds",
            "SampleCount": 10,
            "Sum": 50,
            "Minimum": 1,
            "Maximum": 11,
            "Average": 5,
        }
    ]
    assert statistics(cloudwatch, "Sum", Unit="Count") == []
    # One of them is known as a summary only, so there are no percentiles.
    assert statistics(cloudwatch, ExtendedStatistics=["p50"]) == []


def test_dimensions_name_a_metric_of_their_own(cloudwatch):
    put(cloudwatch, {"Value": 1.0}, {"Value": 2.0, "Dimensions": JOB})
    assert statistics(cloudwatch, "Sum")[0]["Sum"] == 1
    assert statistics(cloudwatch, "Sum", Dimensions=JOB)[0]["Sum"] == 2
    assert statistics(cloudwatch, "Sum", Dimensions=[*JOB, {"Name": "Host", "Value": "algo-1"}]) == []


def test_high_resolution_is_kept_and_regular_is_not(cloudwatch):
    for resolution in (1, 60):
        name = f"r{resolution}"
        for second in range(3):
            datum = {"MetricName": name, "Value": 1.0, "Timestamp": NOW + second, "StorageResolution": resolution}
            put(cloudwatch, datum)
        points = statistics(cloudwatch, "Sum", MetricName=name, Period=1, StartTime=NOW, EndTime=NOW + 60.0)
        assert [point["Timestamp"] - NOW for point in points] == ([0, 1, 2] if resolution == 1 else [0])


def test_without_a_time_it_is_now(cloudwatch, clock: MovedClock):
    cloudwatch("PutMetricData", Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert statistics(cloudwatch, "Sum")[0]["Timestamp"] == NOW


@pytest.mark.parametrize(("days", "rounded"), [(1, NOW), (20, NOW - 240), (70, NOW - 840)])
def test_the_start_is_rounded_the_coarser_the_longer_ago(cloudwatch, clock: MovedClock, days, rounded):
    put(cloudwatch, {"Value": 1.0, "Timestamp": NOW + 10.0})
    clock.move(days * 86_400)
    (point,) = statistics(cloudwatch, "Sum", StartTime=NOW + 5.0, EndTime=NOW + 3600.0, Period=3600)
    assert point["Timestamp"] == rounded


def test_extended_statistics(cloudwatch):
    put(cloudwatch, {"Values": [float(value) for value in range(1, 101)]}, {"Value": 1000.0})
    names = ["p0", "p50", "p99", "p100", "tm99", "TC(:50)", "PR(:100)", "IQM"]
    (point,) = statistics(cloudwatch, ExtendedStatistics=names)
    found = point["ExtendedStatistics"]
    assert (found["p0"], found["p50"], found["p99"], found["p100"]) == (1, 51, 100, 1000)
    assert found["TC(:50)"] == 50
    assert found["PR(:100)"] == pytest.approx(100 * 100 / 101)
    assert found["tm99"] < 60
    assert found["IQM"] == pytest.approx(51)
    put(cloudwatch, {"Value": -1.0})
    assert statistics(cloudwatch, ExtendedStatistics=["p50"]) == []  # AWS has none of negative values


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"Statistics": [], "ExtendedStatistics": []}, InvalidParameterCombination, "Must specify either Statistics"),
        ({"ExtendedStatistics": ["p50"]}, InvalidParameterCombination, "Must specify either Statistics"),
        ({"Statistics": [], "ExtendedStatistics": ["p101"]}, InvalidParameterValue, "p101"),
        ({"Statistics": [], "ExtendedStatistics": ["Sum"]}, InvalidParameterValue, "Sum"),
        ({"Period": 61}, InvalidParameterValue, "Period"),
        ({"EndTime": SPAN["StartTime"] + 0.5}, InvalidParameterValue, "StartTime must be less than"),
        ({"StartTime": NOW - 1e6}, InvalidParameterCombination, r"up to 16,727 datapoints.*limit of 1,440"),
        ({"Dimensions": [*JOB, *JOB]}, InvalidParameterValue, "twice"),
    ],
)
def test_what_cannot_be_asked_is_refused(cloudwatch, change, error, sentence):
    request = {"Namespace": "n", "MetricName": "m", "Period": 60, **SPAN, "Statistics": ["Sum"], **change}
    with pytest.raises(error, match=sentence):
        cloudwatch("GetMetricStatistics", **request)


@pytest.mark.parametrize(
    ("datum", "error", "sentence"),
    [
        ({}, MissingParameter, "At least one of"),
        ({"Value": math.nan}, InvalidParameterValue, r"NaN for parameter MetricData\.member\.1\.Value is invalid"),
        ({"Value": 2.0**361}, InvalidParameterValue, r"MetricData\.member\.1\.Value is invalid"),
        ({"Value": 1.0, "Values": [1.0]}, InvalidParameterValue, "mutually exclusive and you have specified both"),
        (
            {"Value": 1.0, "StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}},
            InvalidParameterCombination,
            r"MetricData\.member\.1\.Value and MetricData\.member\.1\.StatisticValues are mutually exclusive",
        ),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, InvalidParameterValue, "must be of the same size"),
        ({"Value": 1.0, "Counts": [1.0]}, InvalidParameterCombination, "Counts"),
        ({"Values": []}, MissingParameter, "Values"),
        ({"Values": [1.0] * 151}, InvalidParameterValue, "greater than 150"),
        ({"Values": [1.0], "Counts": [-1.0]}, InvalidParameterValue, r"Counts\.member\.1"),
        ({"Value": 1.0, "StorageResolution": 5}, InvalidParameterValue, "StorageResolution"),
        ({"Value": 1.0, "Timestamp": NOW - 15 * 86_400.0}, InvalidParameterValue, "past two weeks"),
        ({"Value": 1.0, "Timestamp": NOW + 3 * 3600.0}, InvalidParameterValue, "two hours in the future"),
        ({"Value": 1.0, "Dimensions": [{"Name": ":a", "Value": "b"}]}, InvalidParameterValue, "no valid dimension"),
        (
            {"StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 2, "Maximum": 1}},
            InvalidParameterValue,
            "Maximum",
        ),
    ],
)
def test_bad_data_are_refused_whole(cloudwatch, datum, error, sentence):
    with pytest.raises(error, match=sentence):
        cloudwatch("PutMetricData", Namespace="n", MetricData=[{"MetricName": "m", **datum}])
    with pytest.raises(error):
        put(cloudwatch, {"Value": 1.0}, {"Timestamp": float(NOW), **datum})
    assert cloudwatch("ListMetrics")["Metrics"] == []


def test_requests_without_data_or_with_entities_are_refused(cloudwatch):
    with pytest.raises(MissingParameter):
        cloudwatch("PutMetricData", Namespace="n")
    with pytest.raises(InvalidParameterValue, match="EntityMetricData"):
        cloudwatch("PutMetricData", Namespace="n", EntityMetricData=[{"MetricData": []}])
    with pytest.raises(InvalidParameterValue, match="greater than 1000"):
        cloudwatch("PutMetricData", Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}] * 1001)


def test_metrics_are_listed_with_filters(cloudwatch, clock: MovedClock):
    put(cloudwatch, {"Value": 1.0}, {"Value": 1.0, "Dimensions": JOB})
    put(cloudwatch, {"Value": 1.0, "MetricName": "o"}, namespace="other")
    metric = {"Namespace": "n", "MetricName": "m", "Dimensions": JOB}
    assert len(cloudwatch("ListMetrics")["Metrics"]) == 3
    assert cloudwatch("ListMetrics", Dimensions=[{"Name": "TrainingJobName"}])["Metrics"] == [metric]
    assert cloudwatch("ListMetrics", Dimensions=[{"Name": "TrainingJobName", "Value": "x"}])["Metrics"] == []
    assert len(cloudwatch("ListMetrics", Namespace="n")["Metrics"]) == 2
    assert [metric["MetricName"] for metric in cloudwatch("ListMetrics", MetricName="o")["Metrics"]] == ["o"]
    clock.move(4 * 3600)
    assert cloudwatch("ListMetrics", RecentlyActive="PT3H")["Metrics"] == []
    assert len(cloudwatch("ListMetrics")["Metrics"]) == 3
    clock.move(14 * 86_400)
    assert cloudwatch("ListMetrics")["Metrics"] == []
    with pytest.raises(ServiceError, match="IncludeLinkedAccounts"):
        cloudwatch("ListMetrics", IncludeLinkedAccounts=True)


def test_metrics_are_listed_in_pages_of_500(cloudwatch):
    for half in range(2):
        put(cloudwatch, *({"MetricName": f"m{half}{number:03}", "Value": 1.0} for number in range(300)))
    first = cloudwatch("ListMetrics", Namespace="n")
    second = cloudwatch("ListMetrics", Namespace="n", NextToken=first["NextToken"])
    assert (len(first["Metrics"]), len(second["Metrics"]), second["NextToken"]) == (500, 100, None)
    assert len({metric["MetricName"] for metric in first["Metrics"] + second["Metrics"]}) == 600
    for request in ({"NextToken": "abc"}, {"NextToken": first["NextToken"]}):
        with pytest.raises(InvalidParameterValue, match="Request parameter NextToken is invalid"):
            cloudwatch("ListMetrics", **request)
