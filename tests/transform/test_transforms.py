"""Transforms through boto3 on a real server: objects in, whole outputs out, in order."""

import gzip
import io
import json
import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from clary.formats.recordio import write_records
from tests.main_job import KMEANS, XGBOOST, wait_until
from tests.transform.transform_desk import IDS, JSON_LINES, PLAIN, ROWS, as_lines


def test_each_object_has_its_output_below_its_own_path(desk, expected):
    desk.put("several/x/a.csv", PLAIN)
    desk.put("several/b.csv", PLAIN[: PLAIN.index(b"\n") + 1])
    desk.put("several/folder/", b"")
    job, outputs = desk.transform("tr-several", "several/")
    assert job["TransformJobStatus"] == "Completed"
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert set(outputs) == {"x/a.csv.out", "b.csv.out"}
    assert as_lines(outputs["x/a.csv.out"]) == expected
    assert as_lines(outputs["b.csv.out"]) == expected[:1]


@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
def test_filters_and_a_join(desk, expected, strategy):
    name = f"tr-join-{strategy}"
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    _, outputs = desk.transform(name, "ids/a.csv", BatchStrategy=strategy, processing=processing)
    assert as_lines(outputs["a.csv.out"]) == [f"{number},{score}" for number, score in zip(IDS, expected, strict=True)]
    assert f"BatchStrategy={'SINGLE' if strategy == 'SingleRecord' else 'MULTI'}_RECORD" in desk.data_log(name)[0]


def test_several_instances_gzip_and_a_manifest(desk, expected):
    for number in range(5):
        desk.put(f"zipped/{number}.csv.gz", gzip.compress(PLAIN))
    manifest = [{"prefix": f"s3://{desk.bucket}/zipped/"}, *(f"{number}.csv.gz" for number in range(5))]
    desk.put("five.manifest", json.dumps(manifest).encode())
    given = {"ContentType": "text/csv", "SplitType": "Line", "CompressionType": "Gzip"}
    job, outputs = desk.transform("tr-zipped", "five.manifest", kind="ManifestFile", given=given, count=2)
    assert job["TransformJobStatus"] == "Completed"
    assert [as_lines(outputs[f"{number}.csv.gz.out"]) for number in range(5)] == [expected] * 5
    assert len(desk.log_of("tr-zipped")) == 4  # each instance has a stream, and a data log


def test_recordio_and_json_with_kmeans(desk, tmp_path):
    from clary.algorithms.kmeans import KMeans

    KMeans(k=2, feature_dim=3).fit(ROWS.astype(np.float32)).save(tmp_path)
    desk.register("kmeans", KMEANS, [tmp_path / "model_algo-1"])
    stream = io.BytesIO()
    write_records(stream, ROWS.astype(np.float32))
    desk.put("records/a.pbr", stream.getvalue())
    given = {"ContentType": "application/x-recordio-protobuf", "SplitType": "RecordIO"}
    output = {"Accept": JSON_LINES, "AssembleWith": "Line"}
    _, binary = desk.transform("tr-recordio", "records/", model="kmeans", given=given, output=output)
    rows = "".join(json.dumps({"id": at, "row": {"features": row}}) + "\n" for at, row in enumerate(ROWS.tolist()))
    desk.put("json/a.jsonl", rows.encode())
    _, joined = desk.transform(
        "tr-json",
        "json/",
        model="kmeans",
        given={"ContentType": JSON_LINES, "SplitType": "Line"},
        output=output,
        processing={
            "InputFilter": "$.row",
            "JoinSource": "Input",
            "OutputFilter": "$['id','SageMakerOutput']",
        },
    )
    answers = [json.loads(line) for line in as_lines(joined["a.jsonl.out"])]
    assert [answer["id"] for answer in answers] == IDS.tolist()
    assert [answer["SageMakerOutput"] for answer in answers] == [
        json.loads(line) for line in as_lines(binary["a.pbr.out"])
    ]


def test_many_small_payloads_keep_their_order(desk, expected):
    desk.put("long/a.csv", PLAIN * 200)
    job, outputs = desk.transform("tr-order", "long/", MaxPayloadInMB=1, MaxConcurrentTransforms=4)
    assert job["TransformJobStatus"] == "Completed"
    assert as_lines(outputs["a.csv.out"]) == expected * 200


def test_instances_that_finish_together_do_not_disturb_each_other(desk):
    for number in range(60):
        desk.put(f"crowd/{number}.csv", PLAIN[: PLAIN.index(b"\n") + 1])
    job, outputs = desk.transform("tr-crowd", "crowd/", count=4)
    assert (job["TransformJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert len(outputs) == 60 and len(set(outputs.values())) == 1


def test_a_bad_object_fails_the_job_and_no_other_object(desk, expected):
    desk.put("mixed/a.csv", PLAIN)
    desk.put("mixed/b.csv", PLAIN + b"1,x,3\n")
    desk.put("mixed/c.csv", PLAIN)
    job, outputs = desk.transform("tr-mixed", "mixed/")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: See job logs for more information (")
    assert "mixed/b.csv, batch 1" in job["FailureReason"] and "'x' is not a number" in job["FailureReason"]
    assert {key: as_lines(output) for key, output in outputs.items()} == {"a.csv.out": expected, "c.csv.out": expected}
    log = "\n".join(desk.data_log("tr-mixed"))
    assert "mixed/b.csv: ClientError: 415" in log and "mixed/a.csv" not in log


@pytest.mark.parametrize(
    ("name", "content", "options", "reason"),
    [
        ("tr-no-gzip", b"1,2,3\n", {"given": {"CompressionType": "Gzip"}}, "Unable to decompress"),
        ("tr-too-much", b"1" * (2 << 20), {"MaxPayloadInMB": 1}, "Too much data for max payload size"),
        ("tr-no-column", b"1,2,3\n", {"processing": {"InputFilter": "$[7]"}}, "none of the index 7"),
        ("tr-model-width", b"1,2\n", {}, "Feature size of inference data 2"),
        ("tr-no-recordio", b"1,2,3\n" * 9, {"given": {"SplitType": "RecordIO"}}, "magic number"),
    ],
)
def test_what_fails_says_why(desk, name, content, options, reason):
    desk.put(f"{name}/a.csv", content)
    given = {"ContentType": "text/csv", "SplitType": "Line", **options.pop("given", {})}
    job, outputs = desk.transform(name, f"{name}/", given=given, **options)
    assert (job["TransformJobStatus"], outputs) == ("Failed", {})
    assert reason in job["FailureReason"] and f"{name}/a.csv" in job["FailureReason"]
    assert any(reason in line for line in desk.data_log(name))


def test_a_model_that_can_not_be_loaded(desk, tmp_path):
    (tmp_path / "xgboost-model").write_bytes(b"nothing")
    desk.register("broken", XGBOOST, [tmp_path / "xgboost-model"])
    job, outputs = desk.transform("tr-broken", "plain/", model="broken")
    assert (job["TransformJobStatus"], outputs) == ("Failed", {})
    assert job["FailureReason"].startswith("AlgorithmError: See job logs for more information (The primary container")
    assert any("Unable to load model" in line for lines in desk.log_of("tr-broken").values() for line in lines)


def test_a_transform_that_is_stopped_leaves_no_half_output(desk):
    desk.put("endless/a.csv", PLAIN * 100)
    desk.begin("tr-stopped", "endless/", BatchStrategy="SingleRecord")
    wait_until(lambda: "TransformStartTime" in desk.description("tr-stopped"), "it never started")
    desk.sagemaker.stop_transform_job(TransformJobName="tr-stopped")
    job = desk.finish("tr-stopped")
    assert (job["TransformJobStatus"], desk.outputs("tr-stopped")) == ("Stopped", {})
    assert "TransformEndTime" in job


def test_one_that_may_still_wait_its_turn_can_be_stopped(desk):
    desk.put("endless/a.csv", PLAIN * 100)
    for name in ("tr-first", "tr-second"):
        desk.begin(name, "endless/", BatchStrategy="SingleRecord")
    for name in ("tr-second", "tr-first"):
        desk.sagemaker.stop_transform_job(TransformJobName=name)
        assert desk.finish(name)["TransformJobStatus"] == "Stopped"


def prints_to(process, path):
    """Whether a process, a folder of /proc, prints into a file."""
    try:
        return (process / "fd" / "1").readlink() == path
    except OSError:  # another user's, or gone
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_container_that_dies_fails_what_it_had(desk, server):
    for number in range(3):
        desk.put(f"dying/{number}.csv", PLAIN * 100)
    desk.begin("tr-dying", "dying/", BatchStrategy="SingleRecord")

    def found():
        logs = list(server.settings.data_dir.glob("transforms/tr-dying-*/logs/0"))
        return [int(process.name) for process in Path("/proc").glob("[0-9]*") if logs and prints_to(process, logs[0])]

    for pid in wait_until(found, "it never printed"):
        os.kill(pid, signal.SIGKILL)
    job = desk.finish("tr-dying")
    assert (job["TransformJobStatus"], desk.outputs("tr-dying")) == ("Failed", {})
    assert job["FailureReason"].startswith("AlgorithmError: See job logs for more information")
    assert "The primary container" in job["FailureReason"]


def test_ten_clients_at_once(desk, server, expected):
    names = [f"tr-ten-{number}" for number in range(10)]
    threads = [threading.Thread(target=desk.begin, args=(name, "plain/")) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [desk.finish(name)["TransformJobStatus"] for name in names] == ["Completed"] * 10
    assert [as_lines(desk.outputs(name)["a.csv.out"]) for name in names] == [expected] * 10
    folder = server.settings.data_dir / "transforms"
    wait_until(lambda: not list(folder.iterdir()), "a folder was left")
